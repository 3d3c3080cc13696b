// Package app owns how services become a running process: it opens what they
// need, starts their HTTP servers, consumers, relays and tasks, says when they
// are ready, and stops them in order.
//
// It must not know any particular service; the table of roles is in cmd/tenor.
package app

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tenor-lending/tenor/internal/blob"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/privacy"
	"github.com/tenor-lending/tenor/internal/stream"
)

// Service is one role that the binary can play: a row of the table.
type Service struct {
	// Name is the role, the consumer group and the path of its health check.
	Name string
	// Title is the name of its API.
	Title string
	// Database is the service database it works on; "" for none.
	Database string
	// Port is its HTTP port before Config.PortOffset.
	Port int
	// New makes the service. It must only keep what it is given: everything
	// that runs is described in the Component and started by Run. The
	// documentation of all APIs is made by calling New without a database.
	New func(*Env) (*Component, error)
}

// Env is what a service may use of the world.
type Env struct {
	Config *config.Config
	// DB is the service's own database; nil if it has none.
	DB *database.DB
	// Commands runs changes of state on DB.
	Commands *command.Runner
	// Outbox announces events in DB's transactions.
	Outbox *stream.Outbox
	Log    *slog.Logger
	// Now is the clock; NewID makes random ids (UUIDv4).
	Now   func() time.Time
	NewID func() uuid.UUID
	// Keyring encrypts personal data.
	Keyring *privacy.Keyring
	// Blobs stores files; it opens with its first use.
	Blobs *blob.Store
	// Metrics registers metrics; they carry the label service.
	Metrics prometheus.Registerer
	// Verifier checks access tokens, for the gateway, which looks at them before
	// any service does.
	Verifier httpapi.Verifier
	// Services is the whole table of roles, for the gateway.
	Services []Service
	// OpenAPI is the merged document of all services, for the gateway.
	OpenAPI []byte
}

// Component is what a service wants to have run.
type Component struct {
	// Routes registers the service's operations and its error table.
	Routes func(*httpapi.API)
	// Subscriptions are the events it handles.
	Subscriptions []stream.Subscription
	// Turn is as in stream.ConsumerConfig.
	Turn sync.Locker
	// Start runs once before the service is ready, with its database open.
	Start func(context.Context) error
	// Tasks run as long as the service does.
	Tasks []Task
	// Checks are asked for readiness, beside database and consumer.
	Checks map[string]httpapi.Check
	// Wrap surrounds the HTTP handler, for the gateway, which answers itself
	// what is not one of its own operations.
	Wrap func(own http.Handler) http.Handler
	// Stop releases what New or Start took, after everything else has stopped.
	Stop func(context.Context) error
}

// Task is a loop that runs until its context ends.
type Task struct {
	Name string
	Run  func(context.Context) error
}
