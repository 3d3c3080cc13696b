package repayment

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// LoanState is what a command on a loan returns.
type LoanState struct {
	LoanID uuid.UUID `json:"loan_id"`
	// CommandID names what was done, for its reversal.
	CommandID   uuid.UUID        `json:"command_id"`
	Status      servicing.Status `json:"status"`
	ClosedOn    civil.Date       `json:"closed_on"`
	Outstanding servicing.Parts  `json:"outstanding"`
	Overpaid    money.Amount     `json:"overpaid"`
	// Quote is the payoff that was promised, if that was asked.
	Quote *servicing.Quote `json:"quote,omitempty"`
}

func stateOf(l *servicing.Loan, id uuid.UUID) LoanState {
	return LoanState{
		LoanID: l.ID, CommandID: id, Status: l.Status, ClosedOn: l.ClosedOn, Outstanding: l.Outstanding(),
		Overpaid: l.Overpaid,
	}
}

// Order makes the command with an id for a loan on its business date.
type Order func(id uuid.UUID, loan *servicing.Loan, today civil.Date) (servicing.Command, error)

// Do carries out a command on a loan: its new state, the journal entries, the
// events, the audit row and the outcome commit together. name is that of the
// operation. The errors are ErrLoanNotFound, also for a loan that the actor may
// not see, and those of servicing.Loan.Do.
func (s *Service) Do(
	ctx context.Context, actor access.Actor, key command.Key, name string, loanID uuid.UUID, detail any, order Order,
) (command.Result[LoanState], error) {
	c := command.Command{Name: "repayment." + name, Actor: actor, Subject: loanID, Key: key, Detail: detail}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (LoanState, error) {
		at, err := lockLoan(ctx, tx, loanID)
		if err != nil {
			return LoanState{}, err
		}
		if !actor.MaySee(at.loan.CustomerID, readers...) {
			return LoanState{}, fmt.Errorf("%w: %s", ErrLoanNotFound, loanID)
		}
		id := s.env.NewID()
		ordered, err := order(id, &at.loan, at.business)
		if err != nil {
			return LoanState{}, err
		}
		change, err := loandb.Do(ctx, tx, &at.loan, ordered, at.business)
		if err != nil {
			return LoanState{}, err
		}
		state := stateOf(&change.Loan, id)
		for i := range change.Loan.Quotes {
			if quote := change.Loan.Quotes[i]; quote.ID == id {
				state.Quote = &quote
			}
		}
		return state, s.store(ctx, tx, now, actor, &change)
	})
}

// store saves a change and announces it, with what only the service knows first.
func (s *Service) store(
	ctx context.Context, tx database.Tx, now time.Time, actor access.Actor, change *servicing.Change,
	first ...event.Event,
) error {
	if err := loandb.Save(ctx, tx, now, loandb.By(actor.ID, actor.Name), *change); err != nil {
		return err
	}
	return s.env.Outbox.Append(ctx, tx, now, append(first, loandb.Events(change)...)...)
}

// lockLoan reads a loan that is going to be changed, or returns ErrLoanNotFound.
func lockLoan(ctx context.Context, tx database.Tx, id uuid.UUID) (*standing, error) {
	loans, err := loandb.LoadForUpdate(ctx, tx, []uuid.UUID{id})
	if err != nil {
		return nil, err
	}
	if len(loans) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrLoanNotFound, id)
	}
	business, err := loandb.BusinessDate(ctx, tx, loans[0].BookID)
	return &standing{loan: loans[0], business: business}, err
}

// Reverse undoes a posted payment, as if it had never been: one that bounced, or
// that was posted by mistake. The errors are ErrNotFound, ErrDecided for a
// payment that is not posted, and those of servicing.Loan.Reverse.
func (s *Service) Reverse(
	ctx context.Context, actor access.Actor, key command.Key, id uuid.UUID, reason string,
) (command.Result[Payment], error) {
	c := command.Command{Name: "repayment.reverse", Actor: actor, Subject: id, Key: key}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (Payment, error) {
		stored, err := findPayment(ctx, tx, id)
		if err != nil {
			return Payment{}, err
		}
		p := stored.Payment
		if p.Status != Posted {
			return Payment{}, fmt.Errorf("%w: it is %s", ErrDecided, p.Status)
		}
		at, err := lockLoan(ctx, tx, p.LoanID)
		if err != nil {
			return Payment{}, err
		}
		reversal := servicing.Reversal{ID: s.env.NewID(), Target: p.ID, Reason: reason}
		change, err := loandb.Do(ctx, tx, &at.loan, reversal, at.business)
		if err != nil {
			return Payment{}, err
		}
		p.Status, p.DecidedBy, p.DecidedAt, p.Reason, p.LoanStatus = Reversed, &actor.ID, &now, reason, change.Loan.Status
		reversePayment(tx, &p)
		return p, s.store(ctx, tx, now, actor, &change, event.PaymentReversed{
			OnLoan: loandb.OnLoan(&change.Loan), PaymentID: p.ID, Amount: p.Amount, Reason: reason,
		})
	})
}
