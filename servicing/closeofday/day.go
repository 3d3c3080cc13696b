package closeofday

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// ChunkMax bounds how many loans one transaction brings to a day.
const ChunkMax = 500

var errNoEffect = errors.New("the day changes nothing although it should")

// carryOut brings the loans of a share to the start of the next day, chunk by
// chunk, and gives the share up when none is left.
func (s *Service) carryOut(ctx context.Context, held *share) error {
	after := loandb.Attention{}
	for ctx.Err() == nil {
		due, day, err := s.chunk(ctx, held, after)
		if len(due) == 0 {
			return err
		}
		if err != nil && s.blameless(ctx, err) {
			return err
		}
		if err != nil { // one of them is at fault
			if err := s.sift(ctx, held, day, due, err); err != nil {
				return err
			}
		}
		after = due[len(due)-1]
	}
	return ctx.Err()
}

// chunk brings the next loans of a share to the day after the business date, or
// says that the share is ready. It returns the loans that it looked at, also
// with an error.
func (s *Service) chunk(
	ctx context.Context, held *share, after loandb.Attention,
) (due []loandb.Attention, day civil.Date, err error) {
	now := s.now()
	err = database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		due = nil
		business, err := loandb.BusinessDate(ctx, tx, held.book)
		if err != nil {
			return err
		}
		day = business.AddDays(1)
		list, err := loandb.NeedingAttention(ctx, tx, held.book, held.part, day, after, ChunkMax)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return held.ready(ctx, tx, now, day)
		}
		due = list
		return s.startDay(ctx, tx, now, held, day, due)
	})
	return due, day, err
}

// startDay brings loans to the start of a day.
func (s *Service) startDay(
	ctx context.Context, tx database.Tx, now time.Time, held *share, day civil.Date, due []loandb.Attention,
) error {
	ids := make([]uuid.UUID, len(due))
	for i := range due {
		ids[i] = due[i].LoanID
	}
	loans, err := loandb.LoadForUpdate(ctx, tx, ids)
	if err != nil {
		return err
	}
	did := progress{done: int64(len(loans))}
	changes := make([]servicing.Change, len(loans))
	var events []event.Event
	for i := range loans {
		if changes[i], err = s.startLoan(ctx, tx, &loans[i], day); err != nil {
			return err
		}
		for _, fact := range changes[i].Facts {
			if fact.Kind() == servicing.KindWentOverdue {
				did.overdue++
			}
		}
		events = append(events, loandb.Events(&changes[i])...)
	}
	if err := held.renew(ctx, tx, now.Add(leaseTime), did); err != nil {
		return err
	}
	if err := unpark(ctx, tx, ids); err != nil {
		return err
	}
	if err := loandb.Save(ctx, tx, now, name, changes...); err != nil {
		return err
	}
	return s.env.Outbox.Append(ctx, tx, now, events...)
}

// startLoan brings one loan to the start of a day. Nothing happens to a loan
// that somebody else has changed since it was found.
func (s *Service) startLoan(
	ctx context.Context, tx database.Tx, loan *servicing.Loan, day civil.Date,
) (servicing.Change, error) {
	change, err := loan.StartDay(day)
	if err != nil {
		return change, fmt.Errorf("starting %s: loan %s: %w", day, loan.ID, err)
	}
	if !change.Empty() {
		return change, nil
	}
	on := loan.AttentionOn()
	if !on.IsZero() && !on.After(day) { // it would be found again for ever
		return change, fmt.Errorf("starting %s: loan %s: %w", day, loan.ID, errNoEffect)
	}
	return change, loandb.SetAttention(ctx, tx, loan.ID, on)
}

// blameless reports whether no loan is at fault.
func (s *Service) blameless(ctx context.Context, err error) bool {
	return s.mayPass(ctx, err) || errors.Is(err, errShareLost) || errors.Is(err, loandb.ErrPeriodClosed)
}

// sift tries the halves of a chunk that failed, and their halves, until the
// loans at fault stand alone and are parked.
func (s *Service) sift(
	ctx context.Context, held *share, day civil.Date, due []loandb.Attention, cause error,
) error {
	if len(due) == 1 {
		return s.park(ctx, held, day, due[0].LoanID, cause)
	}
	half := len(due) / 2
	for _, part := range [][]loandb.Attention{due[:half], due[half:]} {
		now := s.now()
		err := database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
			return s.startDay(ctx, tx, now, held, day, part)
		})
		if err != nil && !s.blameless(ctx, err) {
			err = s.sift(ctx, held, day, part, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// park puts a loan aside: it is not looked at again until somebody has it
// retried, or something changes it.
func (s *Service) park(ctx context.Context, held *share, day civil.Date, loan uuid.UUID, cause error) error {
	now := s.now()
	s.env.Log.ErrorContext(ctx, "a loan was parked at close of day", "loan", loan, "day", day.String(), "error", cause)
	return database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		if err := held.renew(ctx, tx, now.Add(leaseTime), progress{parked: 1}); err != nil {
			return err
		}
		r, err := findRun(ctx, tx, held.run)
		if err != nil {
			return err
		}
		if r.LoansParked > ParkedMax {
			return fmt.Errorf("%w; the last one: %w", errTooManyParked, cause)
		}
		if err := loandb.SetAttention(ctx, tx, loan, civil.Date{}); err != nil {
			return err
		}
		return insertParked(ctx, tx, &Parked{
			LoanID: loan, BookID: held.book, RunID: held.run, Day: day, Reason: reasonOf(cause), ParkedAt: now,
		})
	})
}
