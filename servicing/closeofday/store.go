package closeofday

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// insertRun stores a new run with a share for each part.
func insertRun(ctx context.Context, tx database.Tx, r *Run, by string) error {
	_, err := tx.Exec(ctx, `
		insert into close_of_day_run
		       (id, book_id, status, first_day, through, closed_days, day_loans, day_from, tied_out, reason, requested_by,
		        created_at, started_at, updated_at, finished_at)
		values ($1, $2, $3, $4, $5, 0, 0, 0, '', $6, $7, $8, null, $8, $9)`,
		r.ID, r.BookID, string(r.Status), r.FirstDay, r.Through, r.Reason, by, r.CreatedAt, r.FinishedAt)
	if err != nil {
		return fmt.Errorf("inserting run %s: %w", r.ID, err)
	}
	parts := make([]int64, loandb.Parts)
	for i := range parts {
		parts[i] = int64(i)
	}
	_, err = tx.Exec(ctx, `
		insert into close_of_day_share
		       (run_id, part, owner, expires_at, ready_for, loans_done, loans_overdue, loans_parked)
		select $1, u.part, $1, $3, $4, 0, 0, 0 from unnest($2::bigint[]) as u (part)`,
		r.ID, parts, r.CreatedAt, r.FirstDay)
	if err != nil {
		return fmt.Errorf("inserting the shares of run %s: %w", r.ID, err)
	}
	return nil
}

func updateRun(ctx context.Context, tx database.Tx, r *Run, now time.Time) error {
	_, err := tx.Exec(ctx, `
		update close_of_day_run
		   set status = $2, closed_days = $3, day_loans = $4, day_from = $5, tied_out = $6, reason = $7, started_at = $8,
		       updated_at = $9, finished_at = $10
		 where id = $1`,
		r.ID, string(r.Status), r.ClosedDays, r.dayLoans, r.dayFrom, r.TiedOut, r.Reason, r.StartedAt, now, r.FinishedAt)
	if err != nil {
		return fmt.Errorf("updating run %s: %w", r.ID, err)
	}
	return nil
}

const selectRun = `
		select r.id, r.book_id, r.status, r.first_day, r.through, r.closed_days, r.day_loans, r.day_from, r.tied_out,
		       r.reason, r.created_at, r.started_at, r.finished_at, sum(s.loans_done)::bigint,
		       sum(s.loans_overdue)::bigint, sum(s.loans_parked)::bigint
		  from close_of_day_run r join close_of_day_share s on s.run_id = r.id
		 where r.id = $1
		 group by r.id`

func findRun(ctx context.Context, tx database.Tx, id uuid.UUID) (Run, error) {
	rows, err := tx.Query(ctx, selectRun, id)
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

func scanRun(row pgx.CollectableRow) (Run, error) {
	var r Run
	err := row.Scan(&r.ID, &r.BookID, &r.Status, &r.FirstDay, &r.Through, &r.ClosedDays, &r.dayLoans, &r.dayFrom,
		&r.TiedOut, &r.Reason, &r.CreatedAt, &r.StartedAt, &r.FinishedAt, &r.LoansDone, &r.LoansOverdue, &r.LoansParked)
	r.CreatedAt = r.CreatedAt.UTC()
	for _, at := range []*time.Time{r.StartedAt, r.FinishedAt} {
		if at != nil {
			*at = at.UTC()
		}
	}
	return r, err
}

// openRun returns the oldest run of the book that is not finished.
func openRun(ctx context.Context, tx database.Tx, book uuid.UUID) (id uuid.UUID, found bool, err error) {
	err = tx.QueryRow(ctx, `
		select id from close_of_day_run where book_id = $1 and status in ('QUEUED', 'RUNNING')
		 order by created_at, id limit 1`, book).Scan(&id)
	if errors.Is(err, database.ErrNoRows) {
		return uuid.Nil, false, nil
	}
	if err != nil {
		return uuid.Nil, false, fmt.Errorf("finding an open run: %w", err)
	}
	return id, true, nil
}

// errShareLost means that another worker has taken over.
var errShareLost = errors.New("the share of the run is lost")

// share is the right to work on one part of a run, until another worker takes it.
// The owner is a worker and not a process: one that takes a share anew has ended
// what it did with it before.
type share struct {
	run, book, owner uuid.UUID
	part             int64
}

// takeShare takes a part that is not ready for the day and that nobody holds at
// the instant now, the first one from a place of the caller's choice, around the
// end. left counts the parts that are not ready when there is none.
func takeShare(
	ctx context.Context, tx database.Tx, r *Run, owner uuid.UUID, from int64, day civil.Date, now, until time.Time,
) (held share, taken bool, left int64, err error) {
	held = share{run: r.ID, book: r.BookID, owner: owner}
	err = tx.QueryRow(ctx, `
		select part from close_of_day_share
		 where run_id = $1 and ready_for < $2 and (expires_at <= $3 or owner = $5)
		 order by case when part < $4 then 1 else 0 end, part limit 1 for update skip locked`,
		r.ID, day, now, from, owner).Scan(&held.part)
	if errors.Is(err, database.ErrNoRows) {
		left, err = partsLeft(ctx, tx, r.ID, day)
		return share{}, false, left, err
	}
	if err != nil {
		return share{}, false, 0, fmt.Errorf("looking for a share of run %s: %w", r.ID, err)
	}
	tag, err := tx.Exec(ctx, `
		update close_of_day_share set owner = $3, expires_at = $5
		 where run_id = $1 and part = $2 and (expires_at <= $4 or owner = $3)`, r.ID, held.part, owner, now, until)
	if err != nil {
		return share{}, false, 0, fmt.Errorf("taking share %d of run %s: %w", held.part, r.ID, err)
	}
	return held, tag.RowsAffected() == 1, 1, nil
}

func partsLeft(ctx context.Context, tx database.Tx, run uuid.UUID, day civil.Date) (left int64, err error) {
	err = tx.QueryRow(ctx, `
		select count(*) from close_of_day_share where run_id = $1 and ready_for < $2`, run, day).Scan(&left)
	if err != nil {
		return 0, fmt.Errorf("counting the shares of run %s: %w", run, err)
	}
	return left, nil
}

// progress is what a transaction did for a share.
type progress struct{ done, overdue, parked int64 }

// renew moves the end of a share and adds what was done, or returns errShareLost
// if somebody else has taken the part since. A holder that was merely slow keeps it.
func (h *share) renew(ctx context.Context, tx database.Tx, until time.Time, p progress) error {
	return h.write(ctx, tx, until, civil.Date{Year: 1, Month: 1, Day: 1}, p)
}

// ready says that all loans of the part are at the start of the day, and gives
// the part up.
func (h *share) ready(ctx context.Context, tx database.Tx, now time.Time, day civil.Date) error {
	return h.write(ctx, tx, now, day, progress{})
}

// write changes a share, which is there since the run is: it inserts none. An
// update would have PostgreSQL read so small a table as a whole, and transactions
// of workers on different parts would conflict; the way by the key reads only the
// row that it locks.
func (h *share) write(ctx context.Context, tx database.Tx, until time.Time, ready civil.Date, p progress) error {
	tag, err := tx.Exec(ctx, `
		insert into close_of_day_share
		       (run_id, part, owner, expires_at, ready_for, loans_done, loans_overdue, loans_parked)
		values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (run_id, part) do update
		   set expires_at = excluded.expires_at,
		       ready_for = greatest(close_of_day_share.ready_for, excluded.ready_for),
		       loans_done = close_of_day_share.loans_done + excluded.loans_done,
		       loans_overdue = close_of_day_share.loans_overdue + excluded.loans_overdue,
		       loans_parked = close_of_day_share.loans_parked + excluded.loans_parked
		 where close_of_day_share.owner = excluded.owner`,
		h.run, h.part, h.owner, until, ready, p.done, p.overdue, p.parked)
	if err != nil {
		return fmt.Errorf("writing share %d of run %s: %w", h.part, h.run, err)
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("share %d of run %s: %w", h.part, h.run, errShareLost)
	}
	return nil
}

// setShares has the parts in which a loan needs attention worked on for the day
// after business, and says of all others that they are ready for it.
func setShares(ctx context.Context, tx database.Tx, run uuid.UUID, needing []int64, business civil.Date) error {
	_, err := tx.Exec(ctx, `
		update close_of_day_share set ready_for = case when part = any($2::bigint[]) then $3::date else $4::date end
		 where run_id = $1`, run, needing, business, business.AddDays(1))
	if err != nil {
		return fmt.Errorf("setting the shares of run %s: %w", run, err)
	}
	return nil
}
