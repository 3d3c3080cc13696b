package repayment

import (
	"context"
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
)

// PrepaymentQuote returns what an amount paid on a day would do to a loan that
// the actor may see, in each of the two ways; the zero day means the business
// date. text is a decimal number in the currency of the loan. The errors are
// ErrLoanNotFound and those of servicing.Loan.QuotePrepayment.
func (s *Service) PrepaymentQuote(
	ctx context.Context, actor access.Actor, loanID uuid.UUID, text string, on civil.Date,
) (PrepaymentQuote, error) {
	var loan servicing.Loan
	var business civil.Date
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		loan, business, err = s.visible(ctx, tx, actor, loanID)
		return err
	})
	if err != nil {
		return PrepaymentQuote{}, err
	}
	if on, err = quoteDay(on, business); err != nil {
		return PrepaymentQuote{}, err
	}
	amount, err := money.Parse(text, loan.Currency())
	if err != nil {
		return PrepaymentQuote{}, &servicing.InvalidError{Field: "amount", Reason: err.Error()}
	}
	ways, err := loan.QuotePrepayment(amount, on)
	return PrepaymentQuote{LoanID: loanID, On: on, Amount: amount, Ways: ways}, err
}

// PrepaymentQuote is what a prepayment would do.
type PrepaymentQuote struct {
	LoanID uuid.UUID
	On     civil.Date
	Amount money.Amount
	Ways   []servicing.Prepayment
}

// quoteDay returns the day of a quote, by default the business date; it is an
// InvalidError if that is too far ahead.
func quoteDay(on, business civil.Date) (civil.Date, error) {
	if on.IsZero() {
		return business, nil
	}
	if last := business.AddDays(QuoteDaysMax); on.After(last) {
		return on, &servicing.InvalidError{Field: "date", Reason: fmt.Sprintf("must not be after %s", last)}
	}
	return on, nil
}
