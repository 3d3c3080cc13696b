package application

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/stream"
)

// told is what an event of an application or its loan says, and who did it.
type told struct {
	application uuid.UUID
	fact
	// loan and principal are set by events of loans.
	loan      uuid.UUID
	principal money.Amount
}

// teller says what events of one type tell, on the timeline of an application
// whose stage they may move.
type teller struct {
	event event.Event
	tell  func(event.Envelope) (told, error)
}

func on[E event.Event](tell func(E) told) teller {
	var zero E
	return teller{event: zero, tell: func(env event.Envelope) (told, error) {
		e, err := event.Decode[E](env)
		if err != nil {
			return told{}, err
		}
		return tell(e), nil
	}}
}

// told makes the subscriptions of tellers: what comes together is told together.
func (s *Service) told(tellers ...teller) []stream.Subscription {
	types, tell := make([]event.Event, len(tellers)), make(map[string]func(event.Envelope) (told, error), len(tellers))
	for i, t := range tellers {
		types[i], tell[t.event.Type()] = t.event, t.tell
	}
	return stream.Together(func(ctx context.Context, tx database.Tx, envs []event.Envelope) error {
		list := make([]told, 0, len(envs))
		for _, env := range envs {
			t, err := tell[env.Type](env)
			if err != nil {
				return err
			}
			if t.application == uuid.Nil {
				continue // a loan that did not begin with an application
			}
			t.at, t.event = env.Time, env.Type
			list = append(list, t)
		}
		return s.followAll(ctx, tx, list)
	}, types...)
}

// say tells of an event about an application.
func say(on event.OnApplication, role access.Role, format string, args ...any) told {
	return told{application: on.ApplicationID, fact: fact{role: role, sentence: fmt.Sprintf(format, args...)}}
}

// sayLoan tells of an event about the loan that an application became; those
// come from the platform itself.
func sayLoan(on event.OnLoan, format string, args ...any) told {
	return told{
		application: on.ApplicationID, loan: on.LoanID,
		fact: fact{role: access.System, sentence: fmt.Sprintf(format, args...)},
	}
}

func (s *Service) subscriptions() []stream.Subscription {
	subs := []stream.Subscription{
		stream.On(func(ctx context.Context, tx database.Tx, env event.Envelope, e event.CustomerKYCSubmitted) error {
			return s.identitySubmitted(ctx, tx, e.CustomerID, env.Time)
		}),
		stream.On(func(ctx context.Context, tx database.Tx, env event.Envelope, e event.DocumentUploaded) error {
			return s.documentChanged(ctx, tx, documentRow{e.DocumentID, e.ApplicationID, e.Kind, false}, env.Type, env.Time)
		}),
		stream.On(func(ctx context.Context, tx database.Tx, env event.Envelope, e event.DocumentDeleted) error {
			return s.documentChanged(ctx, tx, documentRow{e.DocumentID, e.ApplicationID, e.Kind, true}, env.Type, env.Time)
		}),
	}
	return append(subs, s.told(slices.Concat(reviews(), offers(), loans())...)...)
}

// documentChanged keeps the list of documents; the last one that was missing
// hands the application in.
func (s *Service) documentChanged(
	ctx context.Context, tx database.Tx, d documentRow, eventType string, at time.Time,
) error {
	return s.follow(ctx, tx, d.ApplicationID, func(c *change) error {
		if err := putDocument(ctx, tx, d); err != nil {
			return err
		}
		verb := "added"
		if d.Deleted {
			verb = "took back"
		}
		c.note(fact{
			at: at, event: eventType, role: access.Customer,
			sentence: fmt.Sprintf("The borrower %s a document (%s).", verb, strings.ToLower(d.Kind)),
		})
		return s.submitWhenComplete(ctx, tx, c, at)
	})
}

func reviews() []teller {
	return []teller{
		on(func(e event.KYCAssigned) told {
			return say(e.OnApplication, access.Manager, "A manager gave the identity review to an officer.")
		}),
		on(func(e event.KYCVerified) told {
			return say(e.OnApplication, access.Officer, "An officer checked the evidence of identity.")
		}),
		on(func(e event.KYCApproved) told {
			return say(e.OnApplication, access.Manager, "A manager approved the identity review.")
		}),
		on(func(e event.KYCRejected) told {
			return say(e.OnApplication, access.Manager, "The identity review was not passed; the application is closed.")
		}),
		on(func(e event.RiskAssessed) told {
			return say(e.OnApplication, access.System, "The risk was assessed: band %s.", e.Band)
		}),
		on(func(e event.RiskApproved) told {
			return say(e.OnApplication, riskRole(e.DecidedBy), "The risk is accepted for up to %s.", e.MaxAmount)
		}),
		on(func(e event.RiskRejected) told {
			return say(e.OnApplication, riskRole(e.DecidedBy), "The risk is not accepted; the application is closed.")
		}),
	}
}

// riskRole tells a decision that the policy took by itself from a manager's.
func riskRole(decidedBy uuid.UUID) access.Role {
	if decidedBy == access.Platform("risk").ID {
		return access.System
	}
	return access.RiskMgr
}

func offers() []teller {
	return []teller{
		on(func(e event.OfferMade) told {
			return say(e.OnApplication, access.Officer, "An officer offered %s with instalments of %s at an APR of %s %%.",
				e.Principal, e.Instalment, e.APRPercent)
		}),
		on(func(e event.OfferAccepted) told {
			return say(e.OnApplication, access.Customer, "The borrower accepted the offer.")
		}),
		on(func(e event.OfferDeclined) told {
			return say(e.OnApplication, access.Customer, "The borrower declined the offer; the application is closed.")
		}),
		on(func(e event.OfferExpired) told {
			return say(e.OnApplication, access.System, "The offer expired without an answer; the application is closed.")
		}),
		on(func(e event.ApprovalRecorded) told {
			return say(e.OnApplication, approvalRole(e.Level), "The offer was approved at level %s.", strings.ToLower(e.Level))
		}),
		on(func(e event.ApprovalGranted) told {
			return say(e.OnApplication, access.CreditHead, "The offer is approved at every level.")
		}),
		on(func(e event.ApprovalRejected) told {
			return say(e.OnApplication, approvalRole(e.Level), "The offer was rejected at level %s; the application is closed.",
				strings.ToLower(e.Level))
		}),
		on(func(e event.AgreementGenerated) told {
			return say(e.OnApplication, access.System, "The agreement is ready to be signed.")
		}),
		on(func(e event.AgreementUploaded) told {
			return say(e.OnApplication, access.Customer, "A copy of the agreement signed by hand waits for review.")
		}),
		on(func(e event.AgreementSigned) told {
			role := access.Customer
			if e.Method == "UPLOAD" { // signed by hand: in force once an officer has reviewed the copy
				role = access.Officer
			}
			return say(e.OnApplication, role, "The agreement is signed.")
		}),
	}
}

// approvalRole is who decides at a level of approval.
func approvalRole(level string) access.Role {
	switch strings.ToUpper(level) {
	case "MANAGEMENT":
		return access.Manager
	case "FINAL":
		return access.CreditHead
	}
	return access.Internal
}

func loans() []teller {
	return []teller{
		on(func(e event.LoanActivated) told {
			t := sayLoan(e.OnLoan, "The loan account over %s was opened.", e.Principal)
			t.principal = e.Principal
			return t
		}),
		on(func(e event.DisbursementCompleted) told {
			return sayLoan(e.OnLoan, "%s was paid out to the borrower.", e.Amount)
		}),
		on(func(e event.DisbursementFailed) told {
			return sayLoan(e.OnLoan, "%s could not be paid out; the application is closed.", e.Amount)
		}),
		on(func(e event.PaymentOverdue) told {
			return sayLoan(e.OnLoan, "Instalment %d, due on %s, is overdue with %s.", e.Instalment, e.DueDate,
				e.AmountOverdue)
		}),
		on(func(e event.LateFeeCharged) told {
			return sayLoan(e.OnLoan, "A late fee of %s was charged on instalment %d, due on %s.", e.Amount, e.Instalment,
				e.DueDate)
		}),
		on(func(e event.LateFeeReversed) told {
			return sayLoan(e.OnLoan, "The late fee of %s on instalment %d, due on %s, was taken back.", e.Amount,
				e.Instalment, e.DueDate)
		}),
		on(func(e event.LoanCharged) told {
			return sayLoan(e.OnLoan, "A %s of %s was charged, due on %s.", strings.ToLower(e.Component), e.Amount, e.DueDate)
		}),
		on(func(e event.LoanWaived) told {
			return sayLoan(e.OnLoan, "%s of %s was waived.", e.Amount, strings.ToLower(e.Component))
		}),
		on(func(e event.LoanRefunded) told { return sayLoan(e.OnLoan, "%s was refunded.", e.Amount) }),
		on(func(e event.LoanChargedBack) told {
			return sayLoan(e.OnLoan, "%s was charged back and is owed again.", e.Amount)
		}),
		on(func(e event.LoanRescheduled) told {
			return sayLoan(e.OnLoan, "A new plan was agreed, with the last instalment on %s.", e.LastDueDate)
		}),
		on(func(e event.LoanChargedOff) told { return sayLoan(e.OnLoan, "The loan was charged off.") }),
		on(func(e event.LoanWrittenOff) told { return sayLoan(e.OnLoan, "The loan was written off.") }),
		on(func(e event.LoanReopened) told {
			return sayLoan(e.OnLoan, "The loan is open again: %s is owed.", e.Outstanding)
		}),
		on(func(e event.LoanFullyRepaid) told {
			return sayLoan(e.OnLoan, "The loan is fully repaid.")
		}),
		on(func(e event.LoanCompleted) told {
			return sayLoan(e.OnLoan, "The loan account is closed.")
		}),
	}
}
