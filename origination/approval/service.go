package approval

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
)

// Errors of the service, for errors.Is.
var (
	// ErrNotTurn means another level must decide first, or all is decided.
	ErrNotTurn = errors.New("it is not this level's turn")
	// ErrFourEyes means this person has had a hand in the case already.
	ErrFourEyes = errors.New("four eyes: another person must decide")
	// ErrNotOpen means there is nothing to approve yet.
	ErrNotOpen = errors.New("no approval is open for this application")
	// ErrInvalid is matched by every FieldError.
	ErrInvalid = errors.New("invalid decision")
)

// FieldError is a value of a request that cannot be accepted.
type FieldError struct {
	Field   string
	Message string
}

// Error implements error.
func (e *FieldError) Error() string { return e.Field + ": " + e.Message }

// FieldName returns the name of the field in the request.
func (e *FieldError) FieldName() string { return e.Field }

// Is makes every FieldError match ErrInvalid.
func (e *FieldError) Is(target error) bool { return target == ErrInvalid }

// Level is one of the three approvals.
type Level string

// The levels.
const (
	Internal   Level = "INTERNAL"
	Management Level = "MANAGEMENT"
	Final      Level = "FINAL"
)

// levels lists the levels in the order in which they decide, and who may.
var levels = []struct {
	level Level
	role  access.Role
}{
	{Internal, access.Internal},
	{Management, access.Manager},
	{Final, access.CreditHead},
}

// Stage says which level is next, or how the case ended.
type Stage string

// How a case ends. While it is open its stage is the name of a level.
const (
	Granted  Stage = "GRANTED"
	Rejected Stage = "REJECTED"
)

// after returns the stage that an approval by level leads to.
func after(level Level) Stage {
	for i, row := range levels {
		if row.level == level && i+1 < len(levels) {
			return Stage(levels[i+1].level)
		}
	}
	return Granted
}

// Verdict is what one level says.
type Verdict string

// The verdicts.
const (
	Approve Verdict = "APPROVE"
	Reject  Verdict = "REJECT"
)

// Case is an accepted offer on its way through the levels.
type Case struct {
	ApplicationID uuid.UUID    `json:"application_id"`
	CustomerID    uuid.UUID    `json:"customer_id"`
	OfferID       uuid.UUID    `json:"offer_id"`
	OfficerID     uuid.UUID    `json:"officer_id"`
	Principal     money.Amount `json:"principal"`
	Instalment    money.Amount `json:"instalment"`
	APRPercent    string       `json:"apr_percent"`
	ScheduleHash  string       `json:"schedule_hash"`
	Stage         Stage        `json:"stage"`
	OpenedAt      time.Time    `json:"opened_at"`
	Decisions     []Decision   `json:"decisions"`
}

// Decision is what one level decided.
type Decision struct {
	Level     Level     `json:"level"`
	Verdict   Verdict   `json:"decision"`
	Comment   string    `json:"comment"`
	DecidedBy uuid.UUID `json:"decided_by"`
	DecidedAt time.Time `json:"decided_at"`
}

// Service records approvals.
type Service struct {
	env *app.Env
}

// New describes the service.
func New(env *app.Env) (*app.Component, error) {
	s := &Service{env: env}
	return &app.Component{
		Routes:        s.routes,
		Subscriptions: append(casefile.Subscriptions(), s.subscriptions()...),
	}, nil
}

// Find returns an application's case, for staff.
func (s *Service) Find(ctx context.Context, actor access.Actor, applicationID uuid.UUID) (Case, error) {
	var c Case
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		file, err := casefile.Visible(ctx, tx, actor, applicationID, access.Staff...)
		if err != nil {
			return err
		}
		found := false
		c, found, err = findCase(ctx, tx, file.ApplicationID)
		if err == nil && !found {
			err = fmt.Errorf("%w: %s", ErrNotOpen, applicationID)
		}
		return err
	})
	return c, err
}

// Decide records what a level says. The caller must have the level's role.
func (s *Service) Decide(
	ctx context.Context, actor access.Actor, key command.Key, applicationID uuid.UUID, level Level, d Decision,
) (command.Result[Case], error) {
	c := command.Command{
		Name: "approval." + strings.ToLower(string(level)), Actor: actor, Subject: applicationID, Key: key, Detail: d,
	}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (Case, error) {
		file, err := casefile.Visible(ctx, tx, actor, applicationID, access.Staff...)
		if err != nil {
			return Case{}, err
		}
		open, found, err := findCase(ctx, tx, applicationID)
		if err != nil {
			return Case{}, err
		}
		if !found {
			return Case{}, file.Wrong(event.StageApproval)
		}
		d.Level, d.DecidedBy, d.DecidedAt = level, actor.ID, now
		return s.decide(ctx, tx, open, d, now)
	})
}

func (s *Service) decide(ctx context.Context, tx database.Tx, c Case, d Decision, now time.Time) (Case, error) {
	if err := c.admit(d); err != nil {
		return Case{}, err
	}
	next := after(d.Level)
	if d.Verdict == Reject {
		next = Rejected
	}
	moved, err := moveCase(ctx, tx, c.ApplicationID, c.Stage, next)
	if err != nil {
		return Case{}, err
	}
	if !moved {
		return Case{}, c.notTurn(d.Level)
	}
	if err := insertDecision(ctx, tx, c.ApplicationID, d); err != nil {
		return Case{}, err
	}
	c.Stage, c.Decisions = next, append(slices.Clone(c.Decisions), d)
	return c, s.env.Outbox.Append(ctx, tx, now, c.events(d)...)
}

// admit says whether the decision may be made now, by this person.
func (c Case) admit(d Decision) error {
	if c.Stage != Stage(d.Level) {
		return c.notTurn(d.Level)
	}
	if d.DecidedBy == c.OfficerID {
		return fmt.Errorf("%w: this person made the offer", ErrFourEyes)
	}
	if d.DecidedBy == c.CustomerID {
		return fmt.Errorf("%w: this person is the borrower", ErrFourEyes)
	}
	for _, earlier := range c.Decisions {
		if earlier.DecidedBy == d.DecidedBy {
			return fmt.Errorf("%w: this person decided at level %s", ErrFourEyes, earlier.Level)
		}
	}
	if d.Verdict == Reject && strings.TrimSpace(d.Comment) == "" {
		return &FieldError{"comment", "a rejection says why"}
	}
	return nil
}

func (c Case) notTurn(level Level) error {
	switch c.Stage {
	case Granted, Rejected:
		return fmt.Errorf("%w: %s cannot decide, the approval is %s", ErrNotTurn, level, c.Stage)
	}
	return fmt.Errorf("%w: %s cannot decide while the approval is at %s", ErrNotTurn, level, c.Stage)
}

// events returns what the latest decision means to others.
func (c Case) events(d Decision) []event.Event {
	on := event.OnApplication{ApplicationID: c.ApplicationID, CustomerID: c.CustomerID}
	if d.Verdict == Reject {
		return []event.Event{event.ApprovalRejected{
			OnApplication: on, Level: string(d.Level), ApproverID: d.DecidedBy, Reason: d.Comment,
		}}
	}
	list := []event.Event{event.ApprovalRecorded{OnApplication: on, Level: string(d.Level), ApproverID: d.DecidedBy}}
	if c.Stage == Granted {
		list = append(list, event.ApprovalGranted{OnApplication: on, OfferID: c.OfferID})
	}
	return list
}
