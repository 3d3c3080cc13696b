// Package casefile owns what every origination service knows of an
// application that is not its own: whose it is and at which stage it stands.
// It is a projection in table casefile of each service's database, fed by the
// application service's events.
//
// It must not decide anything: rules rest on a service's own rows; the casefile
// tells "no such application" from "not yet" and from "not yours".
package casefile

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

// Errors, for errors.Is.
var (
	// ErrNotFound means there is no such application, or it is not the actor's.
	ErrNotFound = errors.New("no such application")
	// ErrWrongStage means the application is at another stage than the step needs.
	ErrWrongStage = errors.New("application is at another stage")
)

// Case is an application as other services know it.
type Case struct {
	ApplicationID uuid.UUID
	CustomerID    uuid.UUID
	Stage         event.Stage
	// Outcome is set once Stage is CLOSED.
	Outcome event.Outcome
}

// Need returns ErrWrongStage, naming both stages, unless the application is at stage.
func (c Case) Need(stage event.Stage) error {
	if c.Stage == stage {
		return nil
	}
	return c.Wrong(stage)
}

// Wrong returns ErrWrongStage, naming both stages, whatever the projection
// says: for a service whose own row shows that the step is not open.
func (c Case) Wrong(stage event.Stage) error {
	if c.Outcome != "" {
		return fmt.Errorf("%w: it is %s (%s), this step needs %s", ErrWrongStage, c.Stage, c.Outcome, stage)
	}
	return fmt.Errorf("%w: it is at %s, this step needs %s", ErrWrongStage, c.Stage, stage)
}

// Find returns an application, or ErrNotFound.
func Find(ctx context.Context, tx database.Tx, applicationID uuid.UUID) (Case, error) {
	var c Case
	err := tx.QueryRow(ctx, `
		select application_id, customer_id, stage, outcome from casefile where application_id = $1`,
		applicationID).Scan(&c.ApplicationID, &c.CustomerID, &c.Stage, &c.Outcome)
	if errors.Is(err, pgx.ErrNoRows) {
		return Case{}, fmt.Errorf("%w: %s", ErrNotFound, applicationID)
	}
	if err != nil {
		return Case{}, fmt.Errorf("reading casefile %s: %w", applicationID, err)
	}
	return c, nil
}

// Visible returns an application that actor may see: the owner's, or any for
// the roles. Everybody else gets ErrNotFound.
func Visible(
	ctx context.Context, tx database.Tx, actor access.Actor, applicationID uuid.UUID, roles ...access.Role,
) (Case, error) {
	c, err := Find(ctx, tx, applicationID)
	if err != nil {
		return Case{}, err
	}
	if !actor.MaySee(c.CustomerID, roles...) {
		return Case{}, fmt.Errorf("%w: %s", ErrNotFound, applicationID)
	}
	return c, nil
}

// Subscriptions keep the projection.
func Subscriptions() []stream.Subscription {
	return stream.Together(keep, event.ApplicationCreated{}, event.ApplicationStageChanged{})
}

// keep writes what events say, of each application the last.
func keep(_ context.Context, tx database.Tx, envs []event.Envelope) error {
	last := make(map[uuid.UUID]noted, len(envs))
	for i := range envs {
		n, err := read(envs[i])
		if err != nil {
			return err
		}
		if n.version >= last[n.ApplicationID].version {
			last[n.ApplicationID] = n
		}
	}
	put(tx, last)
	return nil
}

// noted is what the event of that version says.
type noted struct {
	Case
	version int64
}

func read(env event.Envelope) (noted, error) {
	if env.Type == (event.ApplicationCreated{}).Type() {
		e, err := event.Decode[event.ApplicationCreated](env)
		return noted{
			Case{ApplicationID: e.ApplicationID, CustomerID: e.CustomerID, Stage: event.StageInput}, env.Version,
		}, err
	}
	e, err := event.Decode[event.ApplicationStageChanged](env)
	return noted{
		Case{ApplicationID: e.ApplicationID, CustomerID: e.CustomerID, Stage: e.To, Outcome: e.Outcome}, env.Version,
	}, err
}

// put keeps what is noted of applications, unless something later is known.
func put(tx database.Tx, list map[uuid.UUID]noted) {
	var ids, customers []uuid.UUID
	var stages, outcomes []string
	var versions []int64
	for id, n := range list {
		ids, customers, versions = append(ids, id), append(customers, n.CustomerID), append(versions, n.version)
		stages, outcomes = append(stages, string(n.Stage)), append(outcomes, string(n.Outcome))
	}
	tx.Later(database.Write{
		What: "writing casefiles", Rows: database.AnyRows, SQL: `
		insert into casefile (application_id, customer_id, stage, outcome, version)
		select u.application_id, u.customer_id, u.stage, u.outcome, u.version
		  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[])
		       as u (application_id, customer_id, stage, outcome, version)
		 order by u.application_id
		on conflict (application_id) do update
		   set stage = excluded.stage, outcome = excluded.outcome, version = excluded.version
		 where casefile.version <= excluded.version`,
		Args: []any{ids, customers, stages, outcomes, versions},
	})
}
