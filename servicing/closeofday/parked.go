package closeofday

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// Parked is a loan that a day could not be started for.
type Parked struct {
	LoanID uuid.UUID
	BookID uuid.UUID
	RunID  uuid.UUID
	// Day is the business date to whose start the loan could not be brought.
	Day      civil.Date
	Reason   string
	ParkedAt time.Time
}

// Parked returns up to limit parked loans of the book in the order of their
// ids, behind after.
func (s *Service) Parked(ctx context.Context, after uuid.UUID, limit int) ([]Parked, error) {
	book, err := s.Book(ctx)
	if err != nil {
		return nil, err
	}
	var list []Parked
	err = database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		list, err = selectParked(ctx, tx, book.ID, after, limit)
		return err
	})
	return list, err
}

// Retry brings a parked loan to the business date now that its fault is mended.
// The errors are ErrNotParked, and ErrStillFails with the reason.
func (s *Service) Retry(
	ctx context.Context, actor access.Actor, key command.Key, id uuid.UUID,
) (command.Result[uuid.UUID], error) {
	c := command.Command{Name: "closeofday.retry", Actor: actor, Subject: id, Key: key}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (uuid.UUID, error) {
		if found, err := isParked(ctx, tx, id); err != nil || !found {
			return id, errors.Join(err, notParked(found, id))
		}
		loan, err := loandb.Find(ctx, tx, id)
		if err != nil {
			return id, stillFails(err)
		}
		business, err := loandb.BusinessDate(ctx, tx, loan.BookID)
		if err != nil {
			return id, err
		}
		change, err := s.startLoan(ctx, tx, &loan, business)
		if err != nil {
			return id, stillFails(err)
		}
		if err := unpark(ctx, tx, []uuid.UUID{id}); err != nil {
			return id, err
		}
		return id, s.save(ctx, tx, now, &change)
	})
}

func (s *Service) save(ctx context.Context, tx database.Tx, now time.Time, change *servicing.Change) error {
	if err := loandb.Save(ctx, tx, now, name, *change); err != nil {
		return stillFails(err)
	}
	return s.env.Outbox.Append(ctx, tx, now, loandb.Events(change)...)
}

func notParked(found bool, id uuid.UUID) error {
	if found {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrNotParked, id)
}

// stillFails tells a fault of the loan from one that may pass.
func stillFails(err error) error {
	if database.IsUnavailable(err) || database.IsRetryable(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrStillFails, err)
}
