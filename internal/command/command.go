// Package command owns how a change of state is run: in one transaction, once
// per idempotency key, leaving a row in the audit trail. It owns the tables
// idempotency and audit of every service database.
//
// It must not know what any command means, nor HTTP.
package command

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
)

// Errors of running a command, for errors.Is.
var (
	// ErrKeyReused means the idempotency key was used before with another request.
	ErrKeyReused = errors.New("idempotency key was used with a different request")
	// ErrInFlight means a request with the same key is still running.
	ErrInFlight = errors.New("a request with this idempotency key is still running")
)

// Command describes one change of state.
type Command struct {
	// Name is the operation, for the audit trail and the scope of Key: "approval.decide".
	Name string
	// Actor is who asks for it.
	Actor access.Actor
	// Subject is the aggregate that changes; it names the audit chain.
	Subject uuid.UUID
	// Key makes the command run once; leave it zero for commands that are
	// harmless to repeat (events, PUT, DELETE).
	Key Key
	// Detail goes into the audit trail as JSON. Personal data in it must be of
	// a privacy type, which masks itself.
	Detail any
}

// Key is an idempotency key as a client sent it, with the request it stands for.
type Key struct {
	// Value is what the client chose, 1 to 255 characters.
	Value string
	// RequestHash is SHA-256 over the request in canonical form.
	RequestHash [sha256.Size]byte
}

// NewKey binds the client's key to the request, which must marshal to JSON.
func NewKey(value string, request any) (Key, error) {
	canonical, err := json.Marshal(request)
	if err != nil {
		return Key{}, fmt.Errorf("hashing request: %w", err)
	}
	return Key{Value: value, RequestHash: sha256.Sum256(canonical)}, nil
}

// Result is the outcome of a command.
type Result[T any] struct {
	// Value is what the command returned, now or the first time.
	Value T
	// Replayed says that nothing was done now: the key had been used before
	// with the same request, and Value is its first answer.
	Replayed bool
}

// Runner runs commands on one service's database.
type Runner struct {
	db  *database.DB
	now func() time.Time
}

// NewRunner returns a Runner on db with the clock now.
func NewRunner(db *database.DB, now func() time.Time) *Runner {
	return &Runner{db: db, now: now}
}

// DB returns the database that the runner works on, for reads.
func (r *Runner) DB() *database.DB { return r.db }

// Run executes fn in one transaction together with its audit row and, when the
// command has a key, with the record of its outcome. T must survive JSON.
//
// The same key with the same request gives the first outcome again; with
// another request it is ErrKeyReused. Of several at once one runs and the others
// wait for it, ErrInFlight if that takes too long. A rejected command changes
// nothing and records nothing, so that the same key may be tried again.
// fn gets the one instant that the whole transaction should use as now.
func Run[T any](
	ctx context.Context, r *Runner, c Command, fn func(tx database.Tx, now time.Time) (T, error),
) (Result[T], error) {
	now := r.now().UTC().Truncate(time.Microsecond) // what the database can store
	result, err := attempt(ctx, r, c, now, fn)
	if errors.Is(err, database.ErrAmbiguous) && c.Key.Value != "" {
		// The key tells whether the lost answer was a yes: running again is safe.
		result, err = attempt(ctx, r, c, now, fn)
	}
	return result, err
}

func attempt[T any](
	ctx context.Context, r *Runner, c Command, now time.Time, fn func(tx database.Tx, now time.Time) (T, error),
) (Result[T], error) {
	var result Result[T]
	err := database.InTx(ctx, r.db, func(tx database.Tx) error {
		result = Result[T]{}
		if c.Key.Value != "" {
			replayed, err := claim(ctx, tx, c, now, &result.Value)
			if err != nil || replayed {
				result.Replayed = replayed
				return err
			}
		}
		value, err := fn(tx, now)
		if err != nil {
			return err
		}
		result.Value = value
		if err := appendAudit(ctx, tx, c, now); err != nil {
			return err
		}
		if c.Key.Value == "" {
			return nil
		}
		return recordOutcome(ctx, tx, c, value)
	})
	if err != nil {
		return Result[T]{}, err
	}
	return result, nil
}

// lockWait bounds how long a duplicate waits for the request that runs.
const lockWait = `set local lock_timeout = '5s'`

// claim takes the key for this transaction, or finds the outcome of an earlier
// one and decodes it into outcome.
func claim(ctx context.Context, tx database.Tx, c Command, now time.Time, outcome any) (bool, error) {
	if _, err := tx.Exec(ctx, lockWait); err != nil {
		return false, fmt.Errorf("setting lock timeout: %w", err)
	}
	tag, err := tx.Exec(ctx, `
		insert into idempotency (actor, operation, key, request_hash, outcome, recorded_at)
		values ($1, $2, $3, $4, '', $5)
		on conflict (actor, operation, key) do nothing`,
		c.Actor.ID, c.Name, c.Key.Value, c.Key.RequestHash[:], now)
	if database.IsLockTimeout(err) {
		return false, fmt.Errorf("%s: %w", c.Name, ErrInFlight)
	}
	if err != nil {
		return false, fmt.Errorf("claiming idempotency key: %w", err)
	}
	if tag.RowsAffected() == 1 {
		return false, nil
	}
	var hash []byte
	var stored string
	err = tx.QueryRow(ctx, `
		select request_hash, outcome from idempotency where actor = $1 and operation = $2 and key = $3`,
		c.Actor.ID, c.Name, c.Key.Value).Scan(&hash, &stored)
	if err != nil {
		return false, fmt.Errorf("reading idempotency key: %w", err)
	}
	if subtle.ConstantTimeCompare(hash, c.Key.RequestHash[:]) != 1 {
		return false, fmt.Errorf("%s: %w", c.Name, ErrKeyReused)
	}
	if err := json.Unmarshal([]byte(stored), outcome); err != nil {
		return false, fmt.Errorf("decoding stored outcome of %s: %w", c.Name, err)
	}
	return true, nil
}

func recordOutcome(ctx context.Context, tx database.Tx, c Command, value any) error {
	outcome, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encoding outcome of %s: %w", c.Name, err)
	}
	_, err = tx.Exec(ctx, `
		update idempotency set outcome = $4 where actor = $1 and operation = $2 and key = $3`,
		c.Actor.ID, c.Name, c.Key.Value, string(outcome))
	if err != nil {
		return fmt.Errorf("recording outcome of %s: %w", c.Name, err)
	}
	return nil
}
