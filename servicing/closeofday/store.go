package closeofday

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/mutant"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

func insertRun(ctx context.Context, tx database.Tx, r *Run, actor access.Actor) error {
	_, err := tx.Exec(ctx, `
		insert into close_of_day_run
		       (id, book_id, status, first_day, through, closed_days, loans_done, loans_overdue, reason, requested_by,
		        created_at, updated_at, finished_at)
		values ($1, $2, $3, $4, $5, 0, 0, 0, $6, $7, $8, $8, $9)`,
		r.ID, r.BookID, string(r.Status), r.FirstDay, r.Through, r.Reason, loandb.By(actor.ID, actor.Name), r.CreatedAt,
		r.FinishedAt)
	if err != nil {
		return fmt.Errorf("inserting run %s: %w", r.ID, err)
	}
	return nil
}

func updateRun(ctx context.Context, tx database.Tx, r *Run, now time.Time) error {
	_, err := tx.Exec(ctx, `
		update close_of_day_run
		   set status = $2, closed_days = $3, loans_done = $4, loans_overdue = $5, reason = $6, updated_at = $7,
		       finished_at = $8
		 where id = $1`,
		r.ID, string(r.Status), r.ClosedDays, r.LoansDone, r.LoansOverdue, r.Reason, now, r.FinishedAt)
	if err != nil {
		return fmt.Errorf("updating run %s: %w", r.ID, err)
	}
	return nil
}

func findRun(ctx context.Context, tx database.Tx, id uuid.UUID) (Run, error) {
	rows, err := tx.Query(ctx, `
		select id, book_id, status, first_day, through, closed_days, loans_done, loans_overdue, reason, created_at,
		       finished_at
		  from close_of_day_run where id = $1`, id)
	if err != nil {
		return Run{}, fmt.Errorf("reading run %s: %w", id, err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRun)
	if errors.Is(err, pgx.ErrNoRows) {
		return Run{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if err != nil {
		return Run{}, fmt.Errorf("reading run %s: %w", id, err)
	}
	return r, nil
}

// openRun returns the oldest run of the book that is not finished.
func openRun(ctx context.Context, tx database.Tx, book uuid.UUID) (Run, bool, error) {
	rows, err := tx.Query(ctx, `
		select id, book_id, status, first_day, through, closed_days, loans_done, loans_overdue, reason, created_at,
		       finished_at
		  from close_of_day_run where book_id = $1 and status in ('QUEUED', 'RUNNING')
		 order by created_at, id limit 1`, book)
	if err != nil {
		return Run{}, false, fmt.Errorf("finding an open run: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scanRun)
	if errors.Is(err, pgx.ErrNoRows) {
		return Run{}, false, nil
	}
	if err != nil {
		return Run{}, false, fmt.Errorf("finding an open run: %w", err)
	}
	return r, true, nil
}

func scanRun(row pgx.CollectableRow) (Run, error) {
	var r Run
	err := row.Scan(&r.ID, &r.BookID, &r.Status, &r.FirstDay, &r.Through, &r.ClosedDays, &r.LoansDone,
		&r.LoansOverdue, &r.Reason, &r.CreatedAt, &r.FinishedAt)
	r.CreatedAt = r.CreatedAt.UTC()
	if r.FinishedAt != nil {
		at := r.FinishedAt.UTC()
		r.FinishedAt = &at
	}
	return r, err
}

// takeLease takes the book if nobody holds it at the instant now, and returns
// the new fence.
func takeLease(
	ctx context.Context, tx database.Tx, book, owner uuid.UUID, now, until time.Time,
) (fence int64, held bool, err error) {
	_, err = tx.Exec(ctx, `
		insert into close_of_day_lease (book_id, owner, expires_at, fence) values ($1, $2, $3, 0)
		on conflict (book_id) do nothing`, book, owner, now)
	if err != nil {
		return 0, false, fmt.Errorf("taking lease of book %s: %w", book, err)
	}
	err = tx.QueryRow(ctx, `
		update close_of_day_lease set owner = $2, expires_at = $4, fence = fence + 1
		 where book_id = $1 and expires_at <= $3
		returning fence`, book, owner, now, until).Scan(&fence)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("taking lease of book %s: %w", book, err)
	}
	return fence, true, nil
}

// renewLease moves the end of a lease, or returns errLeaseLost if somebody else
// has taken the book since. A holder that was merely slow keeps it.
func renewLease(ctx context.Context, tx database.Tx, held lease, owner uuid.UUID, until time.Time) error {
	tag, err := tx.Exec(ctx, `
		update close_of_day_lease set expires_at = $4 where book_id = $1 and owner = $2 and fence = $3`,
		held.book, owner, held.fence, until)
	if err != nil {
		return fmt.Errorf("renewing lease of book %s: %w", held.book, err)
	}
	if tag.RowsAffected() != 1 && !mutant.NoFence {
		return fmt.Errorf("book %s: %w", held.book, errLeaseLost)
	}
	return nil
}
