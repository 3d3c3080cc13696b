// Package database owns the connection to a service's database, the one way
// to run a transaction (InTx), the classification of database errors, and the
// running of migrations. It is driver-level: it must not know any table.
//
// The same code serves CockroachDB and PostgreSQL.
package database

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Limits of every pool. MaxConnLifetime is short so that a draining node of
// the database loses its connections within minutes.
const (
	MaxConnsDefault = 8
	MaxConnLifetime = 5 * time.Minute
	maxConnJitter   = 30 * time.Second
	connectTimeout  = 5 * time.Second
	// AcquireTimeout is how long a transaction waits for a free connection.
	AcquireTimeout     = 10 * time.Second
	statementTimeoutMS = "30000"
	// idleTimeoutMS ends a transaction whose process has stopped in the middle of
	// it and holds its locks, such as a machine that is frozen: longer than a relay
	// may wait for the broker while it holds its own row.
	idleTimeoutMS = "15000"
)

// Engine names the database product behind a DSN.
type Engine string

// The engines that Tenor runs on.
const (
	CockroachDB Engine = "cockroachdb"
	PostgreSQL  Engine = "postgresql"
)

// Config says how to open a database.
type Config struct {
	// DSN is a postgres:// URL.
	DSN string
	// MaxConns bounds the pool; 0 means MaxConnsDefault.
	MaxConns int32
	// ApplicationName is shown by the database's own session tables.
	ApplicationName string
	// AcquireTimeout bounds the wait of a transaction for a free connection; 0
	// means AcquireTimeout of this package.
	AcquireTimeout time.Duration
	// Tracer observes statements; nil for none.
	Tracer pgx.QueryTracer
}

// DB is a pool of connections to one service's database. All its methods are
// safe for concurrent use.
type DB struct {
	pool   *pgxpool.Pool
	engine Engine
	// acquireTimeout bounds the wait for a free connection.
	acquireTimeout time.Duration
	sleep          func(context.Context, time.Duration) error
	jitter         func(time.Duration) time.Duration
	stats          Observer
	shared         sync.Map // see txHandle.Shared
}

// Observer is told how transactions went; see SetObserver.
type Observer interface {
	// TxDone reports one InTx: how many attempts it took and how it ended.
	TxDone(attempts int, err error)
}

// Open connects to the database and learns which engine it is.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	poolConfig, err := pgxpool.ParseConfig(cfg.DSN)
	if err != nil {
		return nil, fmt.Errorf("parsing DSN: %w", err)
	}
	poolConfig.MaxConns = cfg.MaxConns
	if cfg.MaxConns == 0 {
		poolConfig.MaxConns = MaxConnsDefault
	}
	poolConfig.MaxConnLifetime = MaxConnLifetime
	poolConfig.MaxConnLifetimeJitter = maxConnJitter
	poolConfig.ConnConfig.ConnectTimeout = connectTimeout
	poolConfig.ConnConfig.Tracer = cfg.Tracer
	params := poolConfig.ConnConfig.RuntimeParams
	params["default_transaction_isolation"] = "serializable"
	params["timezone"] = "UTC"
	if params["statement_timeout"] == "" {
		params["statement_timeout"] = statementTimeoutMS
	}
	if params["idle_in_transaction_session_timeout"] == "" {
		params["idle_in_transaction_session_timeout"] = idleTimeoutMS
	}
	if cfg.ApplicationName != "" {
		params["application_name"] = cfg.ApplicationName
	}
	poolConfig.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		registerTypes(conn.TypeMap())
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, fmt.Errorf("opening pool: %w", err)
	}
	db := &DB{pool: pool, acquireTimeout: cfg.AcquireTimeout, sleep: sleep, jitter: fullJitter}
	if db.acquireTimeout == 0 {
		db.acquireTimeout = AcquireTimeout
	}
	var version string
	if err := pool.QueryRow(ctx, "select version()").Scan(&version); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connecting to database: %w", err)
	}
	db.engine = PostgreSQL
	if strings.HasPrefix(version, "CockroachDB") {
		db.engine = CockroachDB
	}
	return db, nil
}

// SetObserver makes o hear of every InTx. Call it before the DB is shared.
func (db *DB) SetObserver(o Observer) { db.stats = o }

// Engine says which product this database is.
func (db *DB) Engine() Engine { return db.engine }

// Pool gives the pool itself, for measurement (pool statistics) and for bulk
// work that is its own transaction. Business writes go through InTx.
func (db *DB) Pool() *pgxpool.Pool { return db.pool }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.pool.Ping(ctx); err != nil {
		return fmt.Errorf("pinging database: %w", err)
	}
	return nil
}

// Close waits for borrowed connections and closes the pool.
func (db *DB) Close() { db.pool.Close() }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// fullJitter spreads competing retries over the whole of the pause (AWS
// Architecture Blog, "Exponential Backoff and Jitter").
func fullJitter(ceiling time.Duration) time.Duration {
	return rand.N(ceiling) + time.Millisecond //nolint:gosec // spreading load needs no secrecy
}
