package repayment

import (
	"context"
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
	"github.com/tenor-lending/tenor/servicing/statement"
)

// Statement returns the statement of account of a loan that the actor may see,
// from a value date through another: by default from the first day of the loan
// through the business date. The errors are ErrLoanNotFound,
// statement.ErrTooLong and servicing.InvalidError.
func (s *Service) Statement(
	ctx context.Context, actor access.Actor, loanID uuid.UUID, from, through civil.Date,
) (statement.Statement, error) {
	var loan servicing.Loan
	var business civil.Date
	var facts []servicing.Fact
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		if loan, business, err = s.visible(ctx, tx, actor, loanID); err != nil {
			return err
		}
		facts, err = loandb.History(ctx, tx, loanID, loan.Version)
		return err
	})
	if err != nil {
		return statement.Statement{}, err
	}
	switch {
	case through.IsZero():
		through = business
	case through.After(business):
		return statement.Statement{}, &servicing.InvalidError{
			Field: "through", Reason: fmt.Sprintf("must not be after the business date %s", business),
		}
	}
	return statement.New(&loan, facts, from, through)
}
