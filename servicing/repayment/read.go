package repayment

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/servicing"
)

// Position is the place in a history after a payment.
type Position struct {
	At time.Time `json:"at"`
	ID uuid.UUID `json:"id"`
}

// History returns up to limit payments of a loan that the actor may see, newest
// first, after the position; nil starts at the newest.
func (s *Service) History(
	ctx context.Context, actor access.Actor, loanID uuid.UUID, after *Position, limit int,
) ([]Payment, error) {
	var payments []Payment
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		if _, _, err := s.visible(ctx, tx, actor, loanID); err != nil {
			return err
		}
		var err error
		payments, err = listPayments(ctx, tx, loanID, after, limit)
		return err
	})
	return payments, err
}

// Outstanding says what a loan that the actor may see owes.
func (s *Service) Outstanding(ctx context.Context, actor access.Actor, loanID uuid.UUID) (Outstanding, error) {
	var loan servicing.Loan
	var business civil.Date
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		loan, business, err = s.visible(ctx, tx, actor, loanID)
		return err
	})
	if err != nil {
		return Outstanding{}, err
	}
	owed := Outstanding{
		LoanID: loan.ID, Status: loan.Status, BusinessDate: business, All: loan.Outstanding(),
		DueNow: loan.DueNow(business), DaysPastDue: loan.DaysPastDue(business),
		PastDueSince: loan.PastDueSince(business), Overpaid: loan.Overpaid,
	}
	if next, ok := loan.NextDue(business); ok {
		owed.NextDue = &next
	}
	if loan.Status == servicing.Active {
		quote, err := loan.PayoffQuote(business)
		if err != nil {
			return Outstanding{}, err
		}
		owed.Payoff = &quote
	}
	return owed, nil
}

// PayoffQuote returns what closes a loan that the actor may see on a day, at
// most QuoteDaysMax after the business date; the zero day means that date.
func (s *Service) PayoffQuote(
	ctx context.Context, actor access.Actor, loanID uuid.UUID, on civil.Date,
) (servicing.PayoffQuote, error) {
	var loan servicing.Loan
	var business civil.Date
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		loan, business, err = s.visible(ctx, tx, actor, loanID)
		return err
	})
	if err != nil {
		return servicing.PayoffQuote{}, err
	}
	if on, err = quoteDay(on, business); err != nil {
		return servicing.PayoffQuote{}, err
	}
	return loan.PayoffQuote(on)
}

// visible returns a loan that the actor may see, with its business date.
func (s *Service) visible(
	ctx context.Context, tx database.Tx, actor access.Actor, loanID uuid.UUID,
) (servicing.Loan, civil.Date, error) {
	loan, business, err := s.find(ctx, tx, loanID)
	if err != nil {
		return servicing.Loan{}, civil.Date{}, err
	}
	if !actor.MaySee(loan.CustomerID, readers...) {
		return servicing.Loan{}, civil.Date{}, fmt.Errorf("%w: %s", ErrLoanNotFound, loanID)
	}
	return loan, business, nil
}
