package closeofday

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

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
