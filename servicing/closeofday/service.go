package closeofday

import (
	"context"
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

const name = "closeofday"

// Service closes business days.
type Service struct {
	env *app.Env
	// owner tells this worker from others in the shares.
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
		Tasks:  []app.Task{{Name: "close of day", Run: s.runWorkers}},
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
	return &Service{env: env, owner: env.NewID(), zone: zone, wake: make(chan struct{}, workers)}, nil
}

func (s *Service) start(ctx context.Context) error {
	cfg := s.env.Config.CloseOfDay
	return loandb.StartBook(ctx, s.env.DB, s.env.NewID(), cfg.Book, cfg.Zone, s.env.Now())
}

// Order has every open day closed up to and including through; the work is
// done by whichever processes hold its shares. Days that are closed already have
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
		return r, insertRun(ctx, tx, &r, loandb.By(c.Actor.ID, c.Actor.Name))
	})
}

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

// nudge has every worker look for runs now.
func (s *Service) nudge() {
	for range workers {
		select {
		case s.wake <- struct{}{}:
		default: // they will look anyway
		}
	}
}

func (s *Service) now() time.Time { return s.env.Now().UTC().Truncate(time.Microsecond) }
