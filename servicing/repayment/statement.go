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
	"github.com/tenor-lending/tenor/servicing/loandb"
	"github.com/tenor-lending/tenor/servicing/statement"
)

// StatementQuery chooses what a statement is about.
type StatementQuery struct {
	// From and Through are the first and the last value date: by default the first
	// day of the loan and the business date.
	From, Through civil.Date
	// KnownAt leaves out what was recorded later; zero leaves out nothing.
	KnownAt time.Time
}

// Statement returns the statement of account of a loan that the actor may see.
// One of what was known at an instant says what it said then, about the same
// days. The errors are ErrLoanNotFound, statement.ErrTooLong and
// servicing.InvalidError.
func (s *Service) Statement(
	ctx context.Context, actor access.Actor, loanID uuid.UUID, q StatementQuery,
) (statement.Statement, error) {
	if q.KnownAt.After(s.env.Now()) {
		return statement.Statement{}, &servicing.InvalidError{Field: "known_at", Reason: "must not be in the future"}
	}
	var loan servicing.Loan
	var business civil.Date
	var facts []servicing.Fact
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		if loan, business, err = s.visible(ctx, tx, actor, loanID); err != nil {
			return err
		}
		version := loan.Version
		if !q.KnownAt.IsZero() {
			if version, err = loandb.KnownAt(ctx, tx, loanID, version, q.KnownAt); err != nil {
				return err
			}
		}
		facts, err = loandb.History(ctx, tx, loanID, version)
		return err
	})
	if err != nil {
		return statement.Statement{}, err
	}
	switch {
	case len(facts) == 0:
		return statement.Statement{}, &servicing.InvalidError{
			Field: "known_at", Reason: "must not be before the loan was recorded",
		}
	case int64(len(facts)) < loan.Version:
		if loan, err = servicing.Replay(facts); err != nil {
			return statement.Statement{}, err
		}
	}
	switch {
	case q.Through.IsZero():
		q.Through = business
	case q.Through.After(business):
		return statement.Statement{}, &servicing.InvalidError{
			Field: "through", Reason: fmt.Sprintf("must not be after the business date %s", business),
		}
	}
	st, err := statement.New(&loan, facts, q.From, q.Through)
	st.KnownAt = q.KnownAt
	return st, err
}
