package closeofday

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// Limits of the work.
const (
	// workers is how many parts of a book one process works on at once.
	workers   = 2
	leaseTime = 30 * time.Second
	workPoll  = 500 * time.Millisecond
	workPause = time.Second // after a fault that may pass
	reasonMax = 500
	// releaseTime bounds how long a worker tries to give up a share.
	releaseTime = 10 * time.Second
)

// errTooManyParked ends a run whose loans fail one after the other.
var errTooManyParked = fmt.Errorf("more than %d loans were parked: the fault is not with one of them", ParkedMax)

// runWorkers works on open runs until ctx ends. Any number of processes may do so.
func (s *Service) runWorkers(ctx context.Context) error {
	var all sync.WaitGroup
	for range workers {
		worker := *s
		worker.owner = s.env.NewID()
		all.Go(func() { worker.runWorker(ctx) })
	}
	all.Wait()
	return nil
}

func (s *Service) runWorker(ctx context.Context) {
	for ctx.Err() == nil {
		pause := workPoll
		if err := s.work(ctx); err != nil && ctx.Err() == nil {
			s.env.Log.WarnContext(ctx, "close of day is held up", "error", err)
			pause = workPause
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// work carries out open runs until there is nothing left to do for this worker.
// A fault that may pass is returned: the run stays open. Any other ends the run.
func (s *Service) work(ctx context.Context) error {
	for ctx.Err() == nil {
		id, found, err := s.nextRun(ctx)
		if err != nil || !found {
			return err
		}
		moved, err := s.advance(ctx, id)
		if err != nil && !s.mayPass(ctx, err) {
			s.env.Log.ErrorContext(ctx, "close of day failed", "run", id, "error", err)
			err = s.fail(ctx, id, err)
		}
		if err != nil || !moved {
			return err
		}
	}
	return nil
}

// mayPass reports whether the same work can succeed if it is tried again.
func (s *Service) mayPass(ctx context.Context, err error) bool {
	return ctx.Err() != nil || database.IsUnavailable(err) || errors.Is(err, loandb.ErrStale)
}

func (s *Service) nextRun(ctx context.Context) (id uuid.UUID, found bool, err error) {
	book, err := s.Book(ctx)
	if err != nil {
		return uuid.Nil, false, err
	}
	err = database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		id, found, err = openRun(ctx, tx, book.ID)
		return err
	})
	return id, found, err
}

// advance works on one share of a run, or closes the day when all shares are
// ready. It returns false if all that is left is in others' hands.
func (s *Service) advance(ctx context.Context, id uuid.UUID) (moved bool, err error) {
	held, taken, left, err := s.take(ctx, id)
	switch {
	case err != nil:
		return false, err
	case taken:
		err = s.carryOut(ctx, &held)
		if errors.Is(err, errShareLost) {
			return true, nil // another worker goes on with the part
		}
		if err != nil {
			s.release(ctx, &held)
		}
		return err == nil, err
	case left > 0:
		return false, nil
	}
	return true, s.closeDate(ctx, id)
}

// release gives up a share with which this worker could not go on, so that
// another one may take it at once. If that fails as well, the share is free when
// its lease ends.
func (s *Service) release(ctx context.Context, held *share) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime) // also when the process is stopping
	defer cancel()
	now := s.now()
	err := database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		return held.renew(ctx, tx, now, progress{})
	})
	if err != nil && !errors.Is(err, errShareLost) {
		s.env.Log.WarnContext(ctx, "a share of the close of day stays taken until its lease ends", "run", held.run,
			"part", held.part, "error", err)
	}
}

// take takes a share of the day that is open, and begins a run that is queued.
// Nothing is left when the days of the run are closed.
func (s *Service) take(ctx context.Context, id uuid.UUID) (held share, taken bool, left int64, err error) {
	now := s.now()
	// Parts side by side share pages of the indexes, on which serializable
	// transactions conflict: each worker begins somewhere else.
	from := loandb.PartOf(s.env.NewID())
	err = database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		held, taken, left = share{}, false, 0
		r, err := findRun(ctx, tx, id)
		if err != nil {
			return err
		}
		business, err := loandb.BusinessDate(ctx, tx, r.BookID)
		if err != nil || business.After(r.Through) {
			return err
		}
		if r.Status == Queued {
			r.Status, r.StartedAt = Running, &now
			if err := beginDay(ctx, tx, &r, business); err != nil {
				return err
			}
			if err := updateRun(ctx, tx, &r, now); err != nil {
				return err
			}
		}
		held, taken, left, err = takeShare(ctx, tx, &r, s.owner, from, business.AddDays(1), now, now.Add(leaseTime))
		return err
	})
	return held, taken, left, err
}

// closeDate ends the day that is open, now that all loans are at the start of
// the next one, or the run when no day is left.
func (s *Service) closeDate(ctx context.Context, id uuid.UUID) error {
	now := s.now()
	tie, err := s.tieOut(ctx, id, now)
	if err != nil {
		return err
	}
	err = database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		r, err := findRun(ctx, tx, id)
		if err != nil || r.FinishedAt != nil {
			return err // another worker was faster
		}
		business, err := loandb.BusinessDate(ctx, tx, r.BookID)
		if err != nil {
			return err
		}
		if business.After(r.Through) {
			r.Status, r.FinishedAt = Done, &now
			return updateRun(ctx, tx, &r, now)
		}
		again, err := loandb.PartsNeedingAttention(ctx, tx, r.BookID, business.AddDays(1))
		if err != nil {
			return err
		}
		if len(again) > 0 { // a payment or a new loan came in between
			return setShares(ctx, tx, r.ID, again, business)
		}
		if left, err := partsLeft(ctx, tx, r.ID, business.AddDays(1)); err != nil || left > 0 {
			return err
		}
		return s.moveDate(ctx, tx, now, &r, business, tie)
	})
	if errors.Is(err, loandb.ErrStale) {
		return nil // another worker has moved the date
	}
	return err
}

// moveDate closes the business date, and with it the days after it on which no
// loan changes, as far as the run goes.
func (s *Service) moveDate(
	ctx context.Context, tx database.Tx, now time.Time, r *Run, business civil.Date, tie *TieOut,
) error {
	next := r.Through.AddDays(1)
	first, err := loandb.NextAttention(ctx, tx, r.BookID, next)
	if err != nil {
		return err
	}
	if !first.IsZero() { // the day before is the last that can be reached without a look at it
		next = first.AddDays(-1)
	}
	if err := loandb.MoveBusinessDate(ctx, tx, r.BookID, business, next); err != nil {
		return err
	}
	closed := next.AddDays(-1)
	r.ClosedDays += int64(next.DaysSince(business))
	if err := forgetChanged(ctx, tx); err != nil {
		return err
	}
	if err := s.recordTieOut(ctx, tx, r, closed, tie); err != nil {
		return err
	}
	if next.After(r.Through) {
		r.Status, r.FinishedAt = Done, &now
	} else if err := beginDay(ctx, tx, r, next); err != nil {
		return err
	}
	if err := updateRun(ctx, tx, r, now); err != nil {
		return err
	}
	err = s.env.Outbox.Append(ctx, tx, now, event.BusinessDayClosed{
		BookID: r.BookID, Book: s.env.Config.CloseOfDay.Book, Closed: closed, Next: next,
	})
	if err != nil {
		return err
	}
	tx.AfterCommit(s.nudge)
	return command.Audit(ctx, tx, command.Command{
		Name: "closeofday.close", Actor: access.Platform(name), Subject: r.BookID,
		Detail: map[string]any{"run_id": r.ID, "from": business, "closed": closed, "next": next},
	}, now)
}

// beginDay notes what closing the business date asks for: how many loans, and
// which parts.
func beginDay(ctx context.Context, tx database.Tx, r *Run, business civil.Date) error {
	ahead, err := loandb.LookAhead(ctx, tx, r.BookID, business.AddDays(1))
	if err != nil {
		return err
	}
	r.dayLoans, r.dayFrom = ahead.Loans, r.LoansDone+r.LoansParked
	parts, err := loandb.PartsNeedingAttention(ctx, tx, r.BookID, business.AddDays(1))
	if err != nil {
		return err
	}
	return setShares(ctx, tx, r.ID, parts, business)
}

// fail ends a run that cannot go on.
func (s *Service) fail(ctx context.Context, id uuid.UUID, cause error) error {
	now := s.now()
	return database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		r, err := findRun(ctx, tx, id)
		if err != nil || r.FinishedAt != nil {
			return err
		}
		r.Status, r.FinishedAt, r.Reason = Failed, &now, reasonOf(cause)
		return updateRun(ctx, tx, &r, now)
	})
}

// reasonOf is the cause in the words that are kept.
func reasonOf(cause error) string {
	reason := cause.Error()
	if len(reason) > reasonMax {
		reason = reason[:reasonMax]
	}
	return reason
}
