package application

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

// OpenMax bounds how many applications of one borrower may be under way at
// once; those that became a loan or were closed do not count.
const OpenMax = 5

// Errors of the service, for errors.Is.
var (
	// ErrNotFound means there is no such application, or it is not the actor's to see.
	ErrNotFound = errors.New("no such application")
	// ErrTooManyOpen means the borrower has OpenMax applications under way.
	ErrTooManyOpen = errors.New("too many applications are under way")
	// ErrNotBorrower means somebody other than a borrower tried to apply.
	ErrNotBorrower = errors.New("only a borrower can apply")
)

// Service holds what the rules need.
type Service struct {
	db       *database.DB
	commands *command.Runner
	outbox   *stream.Outbox
	now      func() time.Time
	newID    func() uuid.UUID
}

// New makes the service; it starts nothing.
func New(env *app.Env) (*app.Component, error) {
	s := &Service{
		db: env.DB, commands: env.Commands, outbox: env.Outbox, now: env.Now, newID: env.NewID,
	}
	return &app.Component{Routes: s.routes, Subscriptions: s.subscriptions()}, nil
}

// Created is the outcome of applying.
type Created struct {
	ID        uuid.UUID     `json:"id"`
	Stage     event.Stage   `json:"stage"`
	Missing   []Requirement `json:"missing"`
	CreatedAt time.Time     `json:"created_at"`
}

// Create opens an application for the borrower who asks, or returns
// ErrNotBorrower, ErrInvalid or ErrTooManyOpen.
func (s *Service) Create(
	ctx context.Context, actor access.Actor, r Request, key command.Key,
) (command.Result[Created], error) {
	if !actor.Has(access.Customer) {
		return command.Result[Created]{}, ErrNotBorrower
	}
	if err := r.check(); err != nil {
		return command.Result[Created]{}, err
	}
	id := s.newID()
	c := command.Command{
		Name: "application.create", Actor: actor, Subject: id, Key: key,
		Detail: map[string]any{"product": r.Product, "amount": r.Amount, "instalments": r.Instalments},
	}
	return command.Run(ctx, s.commands, c, func(tx database.Tx, now time.Time) (Created, error) {
		count, err := countOpen(ctx, tx, actor.ID)
		if err != nil {
			return Created{}, err
		}
		if count >= OpenMax {
			return Created{}, fmt.Errorf("%w: %d of at most %d", ErrTooManyOpen, count, OpenMax)
		}
		identity, err := hasIdentity(ctx, tx, actor.ID)
		if err != nil {
			return Created{}, err
		}
		made := change{now: now, app: Application{
			ID: id, CustomerID: actor.ID, Request: r, CreatedAt: now, ChangedAt: now,
		}}
		made.begin()
		if err := insertApplication(ctx, tx, made.app); err != nil {
			return Created{}, err
		}
		insertEntries(tx, &made)
		created := Created{ID: id, Stage: made.app.Stage, Missing: missing(identity, nil), CreatedAt: now}
		return created, s.outbox.Append(ctx, tx, now, made.events...)
	})
}

// View is an application with what it still needs.
type View struct {
	Application
	// Missing is empty once the application was handed in for review.
	Missing []Requirement
}

// Get returns an application to its owner or to staff; everybody else gets ErrNotFound.
func (s *Service) Get(ctx context.Context, actor access.Actor, id uuid.UUID) (View, error) {
	var view View
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		found, err := s.visible(ctx, tx, actor, id)
		if err != nil {
			return err
		}
		view = View{Application: found, Missing: []Requirement{}}
		if found.Stage != event.StageInput {
			return nil
		}
		identity, kinds, err := readEvidence(ctx, tx, found)
		view.Missing = missing(identity, kinds)
		return err
	})
	return view, err
}

func (s *Service) visible(
	ctx context.Context, tx database.Tx, actor access.Actor, id uuid.UUID,
) (Application, error) {
	found, err := findApplication(ctx, tx, id)
	if err != nil {
		return Application{}, err
	}
	if !actor.MaySee(found.CustomerID, access.Staff...) {
		return Application{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return found, nil
}

func readEvidence(ctx context.Context, tx database.Tx, a Application) (identity bool, kinds []string, err error) {
	identity, err = hasIdentity(ctx, tx, a.CustomerID)
	if err != nil {
		return false, nil, err
	}
	kinds, err = documentKinds(ctx, tx, a.ID)
	return identity, kinds, err
}

// EntryPosition is the place of an entry in a timeline, which is in the order
// in which things happened.
type EntryPosition struct {
	At  time.Time `json:"at"`
	Seq int64     `json:"seq"`
}

// Timeline is an application's story.
type Timeline struct {
	Application
	// Moves has the entries by which the stage changed, all of them.
	Moves []Entry
	// Entries is one page of everything.
	Entries []Entry
	// More says that entries follow.
	More bool
}

// Timeline returns at most limit entries after a position, to the owner or to
// staff; everybody else gets ErrNotFound.
func (s *Service) Timeline(
	ctx context.Context, actor access.Actor, id uuid.UUID, after EntryPosition, limit int,
) (Timeline, error) {
	var line Timeline
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		found, err := s.visible(ctx, tx, actor, id)
		if err != nil {
			return err
		}
		moves, err := listMoves(ctx, tx, id)
		if err != nil {
			return err
		}
		entries, err := listEntries(ctx, tx, id, after, limit+1)
		if err != nil {
			return err
		}
		line = Timeline{Application: found, Moves: moves, Entries: entries}
		if len(entries) > limit {
			line.Entries, line.More = entries[:limit], true
		}
		return nil
	})
	return line, err
}

// follow lets an event take its effect on the application that it is about.
func (s *Service) follow(ctx context.Context, tx database.Tx, id uuid.UUID, apply func(*change) error) error {
	changes, err := s.begin(ctx, tx, id)
	if err != nil {
		return err
	}
	if err := changes[id].follow(apply); err != nil {
		return err
	}
	return s.save(ctx, tx, changes)
}

// follow applies an event, and notes that for the audit trail.
func (c *change) follow(apply func(*change) error) error {
	from, entries := c.app.Stage, len(c.entries)
	if err := apply(c); err != nil || len(c.entries) == entries {
		return err
	}
	c.audit = append(c.audit, command.Command{
		Name: "application.follow", Actor: access.Platform("application"), Subject: c.app.ID,
		Detail: map[string]any{"event": c.entries[entries].Event, "from": from, "to": c.app.Stage},
	})
	return nil
}

// followAll lets events take their effect, in their order.
func (s *Service) followAll(ctx context.Context, tx database.Tx, list []told) error {
	ids := make([]uuid.UUID, len(list))
	for i := range list {
		ids[i] = list[i].application
	}
	changes, err := s.begin(ctx, tx, ids...)
	if err != nil {
		return err
	}
	for i := range list {
		err := changes[list[i].application].follow(func(c *change) error {
			c.joinLoan(list[i].loan, list[i].principal)
			c.note(list[i].fact)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return s.save(ctx, tx, changes)
}

// begin locks applications, to be changed.
func (s *Service) begin(ctx context.Context, tx database.Tx, ids ...uuid.UUID) (map[uuid.UUID]*change, error) {
	found, err := lockApplications(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	changes := make(map[uuid.UUID]*change, len(found))
	for i := range found {
		changes[found[i].ID] = &change{before: found[i], app: found[i], now: now}
	}
	for _, id := range ids {
		if changes[id] == nil {
			return nil, fmt.Errorf("%w: %s", ErrNotFound, id)
		}
	}
	return changes, nil
}

// save writes what changes collected, with their audit rows and their events.
func (s *Service) save(ctx context.Context, tx database.Tx, changes map[uuid.UUID]*change) error {
	var list []*change
	var audit []command.Command
	var events []event.Event
	for _, c := range changes {
		if len(c.entries) == 0 {
			continue
		}
		list, events, audit = append(list, c), append(events, c.events...), append(audit, c.audit...)
	}
	if len(list) == 0 {
		return nil
	}
	now := list[0].now
	updateApplications(tx, list...)
	insertEntries(tx, list...)
	if err := command.AuditAll(ctx, tx, now, audit...); err != nil {
		return err
	}
	return s.outbox.Append(ctx, tx, now, events...)
}

// identitySubmitted notes that a customer's identity data are complete and
// hands in every application that waited for nothing else.
func (s *Service) identitySubmitted(ctx context.Context, tx database.Tx, customer uuid.UUID, at time.Time) error {
	if err := putIdentity(ctx, tx, customer, at); err != nil {
		return err
	}
	waiting, err := listWaiting(ctx, tx, customer)
	if err != nil {
		return err
	}
	for _, id := range waiting { // at most OpenMax
		err := s.follow(ctx, tx, id, func(c *change) error {
			c.note(fact{
				at: at, event: event.CustomerKYCSubmitted{}.Type(), role: access.Customer,
				sentence: "The borrower handed in identity data.",
			})
			return s.submitWhenComplete(ctx, tx, c, at)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) submitWhenComplete(ctx context.Context, tx database.Tx, c *change, at time.Time) error {
	identity, kinds, err := readEvidence(ctx, tx, c.app)
	if err != nil {
		return err
	}
	c.submit(identity, kinds, at)
	return nil
}
