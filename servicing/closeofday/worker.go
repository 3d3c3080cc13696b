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
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// Limits of the work.
const (
	// ChunkMax bounds how many loans one transaction brings to a day.
	ChunkMax  = 200
	leaseTime = 30 * time.Second
	workPoll  = 500 * time.Millisecond
	workPause = time.Second // after a fault that may pass
	reasonMax = 500
)

// errLeaseLost means that another process has taken over.
var errLeaseLost = errors.New("the lease of the book is lost")

// runWorker works on open runs until ctx ends. Any number of processes may do
// so: the one that holds the book's lease works, the others wait.
func (s *Service) runWorker(ctx context.Context) error {
	for {
		pause := workPoll
		if err := s.work(ctx); err != nil && ctx.Err() == nil {
			s.env.Log.WarnContext(ctx, "close of day is held up", "error", err)
			pause = workPause
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// work carries out every open run of the book, if the lease is to be had.
func (s *Service) work(ctx context.Context) error {
	book, err := s.Book(ctx)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		r, found, err := s.nextRun(ctx, book.ID)
		if err != nil || !found {
			return err
		}
		fence, held, err := s.acquire(ctx, book.ID)
		if err != nil || !held {
			return err
		}
		err = s.carryOut(ctx, r.ID, lease{book: book.ID, fence: fence})
		if errors.Is(err, errLeaseLost) {
			return nil // the other process goes on
		}
		if releaseErr := s.release(ctx, lease{book: book.ID, fence: fence}); err == nil {
			err = releaseErr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lease is the right to work on a book, as far as its fence is the newest.
type lease struct {
	book  uuid.UUID
	fence int64
}

// carryOut takes one step after another until the run is finished. A fault
// that may pass is returned: the run stays open. Any other ends the run.
func (s *Service) carryOut(ctx context.Context, id uuid.UUID, held lease) error {
	for ctx.Err() == nil {
		finished, err := s.step(ctx, id, held)
		if finished || errors.Is(err, errLeaseLost) || database.IsUnavailable(err) || ctx.Err() != nil {
			return err
		}
		if err != nil {
			s.env.Log.ErrorContext(ctx, "close of day failed", "run", id, "error", err)
			return s.fail(ctx, id, held, err)
		}
	}
	return nil
}

// step does one transaction's worth of a run: it brings a chunk of loans to the
// next day or, when no loan is left, moves the business date. It returns true
// when the run has nothing left to do.
func (s *Service) step(ctx context.Context, id uuid.UUID, held lease) (bool, error) {
	now := s.now()
	finished := false
	err := database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		finished = false
		if err := renewLease(ctx, tx, held, s.owner, now.Add(leaseTime)); err != nil {
			return err
		}
		r, err := findRun(ctx, tx, id)
		if err != nil {
			return err
		}
		business, err := loandb.BusinessDate(ctx, tx, held.book)
		if err != nil {
			return err
		}
		if business.After(r.Through) {
			finished = true
			r.Status, r.FinishedAt = Done, &now
			return updateRun(ctx, tx, &r, now)
		}
		r.Status = Running
		due, err := loandb.NeedingAttention(ctx, tx, held.book, business.AddDays(1), ChunkMax)
		if err != nil {
			return err
		}
		if len(due) > 0 {
			err = s.startDay(ctx, tx, now, &r, due, business.AddDays(1))
		} else {
			err = s.moveDate(ctx, tx, now, &r, business)
		}
		if err != nil {
			return err
		}
		return updateRun(ctx, tx, &r, now)
	})
	return finished, err
}

// startDay brings loans to the start of the business date.
func (s *Service) startDay(
	ctx context.Context, tx database.Tx, now time.Time, r *Run, due []loandb.Attention, business civil.Date,
) error {
	ids := make([]uuid.UUID, len(due))
	for i, d := range due {
		ids[i] = d.LoanID
	}
	loans, err := loandb.Load(ctx, tx, ids)
	if err != nil {
		return err
	}
	changes := make([]servicing.Change, len(loans))
	var events []event.Event
	for i := range loans {
		if changes[i], err = loans[i].StartDay(business); err != nil {
			return fmt.Errorf("starting %s: %w", business, err)
		}
		if changes[i].Empty() { // it would be found again for ever
			return fmt.Errorf("starting %s: loan %s: %w", business, loans[i].ID, errNoEffect)
		}
		for _, fact := range changes[i].Facts {
			if fact.Kind() == servicing.KindWentOverdue {
				r.LoansOverdue++
			}
		}
		events = append(events, loandb.Events(&changes[i])...)
	}
	r.LoansDone += int64(len(loans))
	if err := loandb.Save(ctx, tx, now, name, changes...); err != nil {
		return err
	}
	return s.env.Outbox.Append(ctx, tx, now, events...)
}

var errNoEffect = errors.New("the day changes nothing although it should")

// moveDate closes the business date, and with it the days after it on which no
// loan changes, as far as the run goes.
func (s *Service) moveDate(ctx context.Context, tx database.Tx, now time.Time, r *Run, business civil.Date) error {
	next := r.Through.AddDays(1)
	far, err := loandb.NeedingAttention(ctx, tx, r.BookID, next, 1)
	if err != nil {
		return err
	}
	if len(far) > 0 { // the day before is the last that can be reached without a look at it
		next = far[0].On.AddDays(-1)
	}
	if err := loandb.MoveBusinessDate(ctx, tx, r.BookID, business, next); err != nil {
		return err
	}
	r.ClosedDays += int64(next.DaysSince(business))
	closed := next.AddDays(-1)
	err = s.env.Outbox.Append(ctx, tx, now, event.BusinessDayClosed{
		BookID: r.BookID, Book: s.env.Config.CloseOfDay.Book, Closed: closed, Next: next,
	})
	if err != nil {
		return err
	}
	return command.Audit(ctx, tx, command.Command{
		Name: "closeofday.close", Actor: access.Platform(name), Subject: r.BookID,
		Detail: map[string]any{"run_id": r.ID, "from": business, "closed": closed, "next": next},
	}, now)
}

// fail ends a run that cannot go on.
func (s *Service) fail(ctx context.Context, id uuid.UUID, held lease, cause error) error {
	now := s.now()
	return database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		if err := renewLease(ctx, tx, held, s.owner, now.Add(leaseTime)); err != nil {
			return err
		}
		r, err := findRun(ctx, tx, id)
		if err != nil {
			return err
		}
		r.Status, r.FinishedAt, r.Reason = Failed, &now, cause.Error()
		if len(r.Reason) > reasonMax {
			r.Reason = r.Reason[:reasonMax]
		}
		return updateRun(ctx, tx, &r, now)
	})
}

func (s *Service) nextRun(ctx context.Context, book uuid.UUID) (r Run, found bool, err error) {
	err = database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		r, found, err = openRun(ctx, tx, book)
		return err
	})
	return r, found, err
}

func (s *Service) acquire(ctx context.Context, book uuid.UUID) (fence int64, held bool, err error) {
	now := s.now()
	err = database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		fence, held, err = takeLease(ctx, tx, book, s.owner, now, now.Add(leaseTime))
		return err
	})
	return fence, held, err
}

// release lets others work at once; without it they wait for the lease to end.
func (s *Service) release(ctx context.Context, held lease) error {
	now := s.now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), workPause)
	defer cancel()
	err := database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		return renewLease(ctx, tx, held, s.owner, now)
	})
	if errors.Is(err, errLeaseLost) {
		return nil
	}
	return err
}

func (s *Service) now() time.Time { return s.env.Now().UTC().Truncate(time.Microsecond) }
