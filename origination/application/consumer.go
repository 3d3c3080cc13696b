package application

import (
	"context"
	"fmt"
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
	role        access.Role
	sentence    string
	// loan and principal are set by events of loans.
	loan      uuid.UUID
	principal money.Amount
}

// on subscribes to an event that is told on the timeline and may move the stage.
func on[E event.Event](s *Service, tell func(E) told) stream.Subscription {
	return stream.On(func(ctx context.Context, tx database.Tx, env event.Envelope, e E) error {
		t := tell(e)
		if t.application == uuid.Nil {
			return nil // a loan that did not begin with an application
		}
		return s.follow(ctx, tx, t.application, func(c *change) error {
			c.joinLoan(t.loan, t.principal)
			c.note(fact{at: env.Time, event: env.Type, role: t.role, sentence: t.sentence})
			return nil
		})
	})
}

// say tells of an event about an application.
func say(on event.OnApplication, role access.Role, format string, args ...any) told {
	return told{application: on.ApplicationID, role: role, sentence: fmt.Sprintf(format, args...)}
}

// sayLoan tells of an event about the loan that an application became; those
// come from the platform itself.
func sayLoan(on event.OnLoan, format string, args ...any) told {
	return told{
		application: on.ApplicationID, loan: on.LoanID, role: access.System, sentence: fmt.Sprintf(format, args...),
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
	subs = append(subs, s.reviews()...)
	subs = append(subs, s.offers()...)
	return append(subs, s.loans()...)
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

func (s *Service) reviews() []stream.Subscription {
	return []stream.Subscription{
		on(s, func(e event.KYCAssigned) told {
			return say(e.OnApplication, access.Manager, "A manager gave the identity review to an officer.")
		}),
		on(s, func(e event.KYCVerified) told {
			return say(e.OnApplication, access.Officer, "An officer checked the evidence of identity.")
		}),
		on(s, func(e event.KYCApproved) told {
			return say(e.OnApplication, access.Manager, "A manager approved the identity review.")
		}),
		on(s, func(e event.KYCRejected) told {
			return say(e.OnApplication, access.Manager, "The identity review was not passed; the application is closed.")
		}),
		on(s, func(e event.RiskAssessed) told {
			return say(e.OnApplication, access.System, "The risk was assessed: band %s.", e.Band)
		}),
		on(s, func(e event.RiskApproved) told {
			return say(e.OnApplication, riskRole(e.DecidedBy), "The risk is accepted for up to %s.", e.MaxAmount)
		}),
		on(s, func(e event.RiskRejected) told {
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

func (s *Service) offers() []stream.Subscription {
	return []stream.Subscription{
		on(s, func(e event.OfferMade) told {
			return say(e.OnApplication, access.Officer, "An officer offered %s with instalments of %s at an APR of %s %%.",
				e.Principal, e.Instalment, e.APRPercent)
		}),
		on(s, func(e event.OfferAccepted) told {
			return say(e.OnApplication, access.Customer, "The borrower accepted the offer.")
		}),
		on(s, func(e event.OfferDeclined) told {
			return say(e.OnApplication, access.Customer, "The borrower declined the offer; the application is closed.")
		}),
		on(s, func(e event.OfferExpired) told {
			return say(e.OnApplication, access.System, "The offer expired without an answer; the application is closed.")
		}),
		on(s, func(e event.ApprovalRecorded) told {
			return say(e.OnApplication, approvalRole(e.Level), "The offer was approved at level %s.", strings.ToLower(e.Level))
		}),
		on(s, func(e event.ApprovalGranted) told {
			return say(e.OnApplication, access.CreditHead, "The offer is approved at every level.")
		}),
		on(s, func(e event.ApprovalRejected) told {
			return say(e.OnApplication, approvalRole(e.Level), "The offer was rejected at level %s; the application is closed.",
				strings.ToLower(e.Level))
		}),
		on(s, func(e event.AgreementGenerated) told {
			return say(e.OnApplication, access.System, "The agreement is ready to be signed.")
		}),
		on(s, func(e event.AgreementUploaded) told {
			return say(e.OnApplication, access.Customer, "A copy of the agreement signed by hand waits for review.")
		}),
		on(s, func(e event.AgreementSigned) told {
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

func (s *Service) loans() []stream.Subscription {
	return []stream.Subscription{
		on(s, func(e event.LoanActivated) told {
			t := sayLoan(e.OnLoan, "The loan account over %s was opened.", e.Principal)
			t.principal = e.Principal
			return t
		}),
		on(s, func(e event.DisbursementCompleted) told {
			return sayLoan(e.OnLoan, "%s was paid out to the borrower.", e.Amount)
		}),
		on(s, func(e event.DisbursementFailed) told {
			return sayLoan(e.OnLoan, "%s could not be paid out; the application is closed.", e.Amount)
		}),
		on(s, func(e event.PaymentOverdue) told {
			return sayLoan(e.OnLoan, "Instalment %d, due on %s, is overdue with %s.", e.Instalment, e.DueDate,
				e.AmountOverdue)
		}),
		on(s, func(e event.LoanFullyRepaid) told {
			return sayLoan(e.OnLoan, "The loan is fully repaid.")
		}),
		on(s, func(e event.LoanCompleted) told {
			return sayLoan(e.OnLoan, "The loan account is closed.")
		}),
	}
}
