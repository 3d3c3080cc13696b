// Package command owns how a change of state is run: in one transaction, once
// per idempotency key, leaving a row in the audit trail. It owns the tables
// idempotency and audit of every service database.
//
// It must not know what any command means, nor HTTP.
package command

import (
	"crypto/sha256"
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
