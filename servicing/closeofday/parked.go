package closeofday

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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

func insertParked(ctx context.Context, tx database.Tx, p *Parked) error {
	_, err := tx.Exec(ctx, `
		insert into close_of_day_parked (loan_id, version, book_id, run_id, day, reason, parked_at)
		select l.id, l.version, $2, $3, $4, $5, $6 from loan l where l.id = $1
		on conflict (loan_id) do update
		   set version = excluded.version, run_id = excluded.run_id, day = excluded.day, reason = excluded.reason,
		       parked_at = excluded.parked_at`,
		p.LoanID, p.BookID, p.RunID, p.Day, p.Reason, p.ParkedAt)
	if err != nil {
		return fmt.Errorf("parking loan %s: %w", p.LoanID, err)
	}
	return nil
}

// unpark forgets that loans were parked: a day was started for them.
func unpark(ctx context.Context, tx database.Tx, loans []uuid.UUID) error {
	_, err := tx.Exec(ctx, `delete from close_of_day_parked where loan_id = any($1::uuid[])`, loans)
	if err != nil {
		return fmt.Errorf("taking loans out of the parked ones: %w", err)
	}
	return nil
}

// forgetChanged forgets the loans that something has changed since: they are
// back on the list of what close of day looks at.
func forgetChanged(ctx context.Context, tx database.Tx) error {
	_, err := tx.Exec(ctx, `
		delete from close_of_day_parked
		 where loan_id in (select p.loan_id from close_of_day_parked p join loan l on l.id = p.loan_id
		                    where l.version <> p.version)`)
	if err != nil {
		return fmt.Errorf("forgetting parked loans that have changed: %w", err)
	}
	return nil
}

func isParked(ctx context.Context, tx database.Tx, loan uuid.UUID) (bool, error) {
	var count int64
	err := tx.QueryRow(ctx, `select count(*) from close_of_day_parked where loan_id = $1`, loan).Scan(&count)
	if err != nil {
		return false, fmt.Errorf("looking for parked loan %s: %w", loan, err)
	}
	return count > 0, nil
}

func selectParked(ctx context.Context, tx database.Tx, book, after uuid.UUID, limit int) ([]Parked, error) {
	rows, err := tx.Query(ctx, `
		select p.loan_id, p.book_id, p.run_id, p.day, p.reason, p.parked_at
		  from close_of_day_parked p join loan l on l.id = p.loan_id and l.version = p.version
		 where p.book_id = $1 and p.loan_id > $2
		 order by p.loan_id limit $3`, book, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing parked loans: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Parked])
	if err != nil {
		return nil, fmt.Errorf("listing parked loans: %w", err)
	}
	for i := range list {
		list[i].ParkedAt = list[i].ParkedAt.UTC()
	}
	return list, nil
}
