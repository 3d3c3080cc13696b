package closeofday

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// Errors of the service, for errors.Is.
var (
	// ErrNotFound means there is no such run.
	ErrNotFound = errors.New("no such run")
	// ErrThrough means that the last day to close is too far ahead.
	ErrThrough = errors.New("last day is too far ahead")
)

// DaysMax bounds the days that one run closes.
const DaysMax = 3_660

const name = "closeofday"

// Status is where a run stands.
type Status string

// The statuses of a run.
const (
	Queued  Status = "QUEUED"
	Running Status = "RUNNING"
	Done    Status = "DONE"
	// NothingToDo runs asked for days that were closed before.
	NothingToDo Status = "NOTHING_TO_DO"
	// Failed runs stopped at a fault; what they closed stays closed.
	Failed Status = "FAILED"
)

// Run is an order to close business days, and how far it has come.
type Run struct {
	ID     uuid.UUID `json:"id"`
	BookID uuid.UUID `json:"book_id"`
	Status Status    `json:"status"`
	// FirstDay is the day that was open when the run was ordered, and Through
	// the last day to close.
	FirstDay civil.Date `json:"first_day"`
	Through  civil.Date `json:"through"`
	// ClosedDays counts the days that this run closed, LoansDone how often it
	// brought a loan to a day, and LoansOverdue the instalments found overdue.
	ClosedDays   int64      `json:"closed_days"`
	LoansDone    int64      `json:"loans_done"`
	LoansOverdue int64      `json:"loans_overdue"`
	Reason       string     `json:"reason"`
	CreatedAt    time.Time  `json:"created_at"`
	FinishedAt   *time.Time `json:"finished_at,omitempty"`
}

// TotalDays is how many days the run was ordered to close.
func (r Run) TotalDays() int64 { return max(0, int64(r.Through.DaysSince(r.FirstDay))+1) }

// Percent is how much of the run is done, 0 to 100.
func (r Run) Percent() int64 {
	total := r.TotalDays()
	if total == 0 || r.Status == Done || r.Status == NothingToDo {
		return 100
	}
	return 100 * r.ClosedDays / total
}

// Service closes business days.
type Service struct {
	env *app.Env
	// owner tells this process from others in the lease.
	owner uuid.UUID
	zone  *time.Location
	wake  chan struct{}
}

// New describes the service. It fails on a malformed cron line.
func New(env *app.Env) (*app.Component, error) {
	s, err := newService(env)
	if err != nil {
		return nil, err
	}
	component := &app.Component{
		Routes: s.routes,
		Start:  s.start,
		Tasks:  []app.Task{{Name: "close of day", Run: s.runWorker}},
	}
	if cron := env.Config.CloseOfDay.Cron; cron != "" {
		if err := checkCron(cron, s.zone, env.Now()); err != nil {
			return nil, err
		}
		component.Tasks = append(component.Tasks, app.Task{Name: "close of day schedule", Run: s.runSchedule})
	}
	return component, nil
}

func newService(env *app.Env) (*Service, error) {
	zone, err := time.LoadLocation(env.Config.CloseOfDay.Zone)
	if err != nil {
		return nil, fmt.Errorf("close of day: %w", err)
	}
	return &Service{env: env, owner: env.NewID(), zone: zone, wake: make(chan struct{}, 1)}, nil
}

func (s *Service) start(ctx context.Context) error {
	cfg := s.env.Config.CloseOfDay
	return loandb.StartBook(ctx, s.env.DB, s.env.NewID(), cfg.Book, cfg.Zone, s.env.Now())
}

// Order has every open day closed up to and including through; the work is
// done by whichever process holds the lease. Days that are closed already have
// no effect: the run says NothingToDo. The error is ErrThrough.
func (s *Service) Order(
	ctx context.Context, actor access.Actor, key command.Key, through civil.Date,
) (command.Result[Run], error) {
	return s.order(ctx, command.Command{
		Name: "closeofday.order", Actor: actor, Key: key, Detail: map[string]any{"through": through},
	}, through)
}

func (s *Service) order(ctx context.Context, c command.Command, through civil.Date) (command.Result[Run], error) {
	book, err := s.Book(ctx)
	if err != nil {
		return command.Result[Run]{}, err
	}
	c.Subject = book.ID
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (Run, error) {
		business, err := loandb.BusinessDate(ctx, tx, book.ID)
		if err != nil {
			return Run{}, err
		}
		if last := business.AddDays(DaysMax - 1); through.After(last) {
			return Run{}, &ThroughError{Last: last}
		}
		r := Run{
			ID: s.env.NewID(), BookID: book.ID, Status: Queued, FirstDay: business, Through: through, CreatedAt: now,
		}
		if through.Before(business) {
			r.Status, r.FinishedAt = NothingToDo, &now
			r.Reason = fmt.Sprintf("%s is closed already; the business date is %s", through, business)
		}
		tx.AfterCommit(s.nudge)
		return r, insertRun(ctx, tx, &r, c.Actor)
	})
}

// ThroughError names the last day that can be closed now.
type ThroughError struct{ Last civil.Date }

// Error names the day.
func (e *ThroughError) Error() string { return fmt.Sprintf("%v: at most %s", ErrThrough, e.Last) }

// Is makes every ThroughError match ErrThrough.
func (e *ThroughError) Is(target error) bool { return target == ErrThrough }

// FieldName returns the name of the field.
func (e *ThroughError) FieldName() string { return "through" }

// Find returns a run, or ErrNotFound.
func (s *Service) Find(ctx context.Context, id uuid.UUID) (Run, error) {
	var r Run
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		r, err = findRun(ctx, tx, id)
		return err
	})
	return r, err
}

// Book returns the book whose days are closed.
func (s *Service) Book(ctx context.Context) (loandb.Book, error) {
	var book loandb.Book
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		book, err = loandb.BookByName(ctx, tx, s.env.Config.CloseOfDay.Book)
		return err
	})
	return book, err
}

// nudge has the runs looked at now.
func (s *Service) nudge() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}
