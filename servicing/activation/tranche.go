package activation

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// OrderTranche orders the payout of the next tranche of a loan: it is lent from
// the business date, and paid out as the first one was. A tranche that failed
// may be ordered again. The errors are ErrNotFound and those of
// servicing.Disburse: servicing.ErrWrongState if no tranche is left or a payout
// is on its way, servicing.ErrNotActive, and servicing.ErrInvalid.
func (s *Service) OrderTranche(
	ctx context.Context, actor access.Actor, key command.Key, loanID uuid.UUID,
) (command.Result[Account], error) {
	c := command.Command{Name: "activation.tranche", Actor: actor, Subject: loanID, Key: key}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (Account, error) {
		at, err := lockLoan(ctx, tx, loanID)
		if err != nil {
			return Account{}, err
		}
		order := servicing.Disburse{ID: s.env.NewID(), On: at.business}
		change, err := loandb.Do(ctx, tx, &at.loan, order, at.business)
		if err != nil {
			return Account{}, err
		}
		insertDisbursements(tx, now, []servicing.Loan{change.Loan})
		tx.AfterCommit(s.nudge)
		if err := s.store(ctx, tx, now, actor, change); err != nil {
			return Account{}, err
		}
		return s.account(ctx, tx, change.Loan)
	})
}

// lockLoan reads a loan that is going to be changed, or returns ErrNotFound.
func lockLoan(ctx context.Context, tx database.Tx, id uuid.UUID) (*standing, error) {
	loans, err := loandb.LoadForUpdate(ctx, tx, []uuid.UUID{id})
	if err != nil {
		return nil, err
	}
	if len(loans) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	business, err := loandb.BusinessDate(ctx, tx, loans[0].BookID)
	return &standing{loan: loans[0], business: business}, err
}
