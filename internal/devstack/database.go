package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Names accepted by the environment variable TENOR_DEV_DATABASE, which forces
// one way of finding the database.
const (
	// EngineAuto looks for each kind in turn; it is the default.
	EngineAuto = "auto"
	// EngineCockroach takes a cockroach binary on the PATH.
	EngineCockroach = "cockroach"
	// EnginePostgres takes PostgreSQL binaries installed on the machine.
	EnginePostgres = "postgres"
	// EngineEmbedded brings PostgreSQL binaries from the Maven registry.
	EngineEmbedded = "embedded"
)

// engineEnv forces one of the engines above.
const engineEnv = "TENOR_DEV_DATABASE"

const (
	databaseReadyWait = 5 * time.Minute
	fastStopWait      = time.Minute
	hardStopWait      = 20 * time.Second
)

// ErrNoDatabase reports that no way of getting a database worked.
var ErrNoDatabase = errors.New("no database could be started")

// DatabaseOptions says which database to start.
type DatabaseOptions struct {
	// DSN of a running server: used as it is, nothing is started or stopped.
	DSN string
	// Dir keeps the data between runs, with every commit on disk. Empty means
	// a database for one run: no fsync, and removed at Stop.
	Dir string
	// Port on 127.0.0.1; zero picks a free one.
	Port int
	// Engine is one of the Engine constants; empty reads TENOR_DEV_DATABASE.
	Engine string
	// Log receives one line for each step that takes time; nil is silence.
	Log func(line string)
}

func (o DatabaseOptions) say(format string, args ...any) {
	if o.Log != nil {
		o.Log(fmt.Sprintf(format, args...))
	}
}

// Database is a running database server.
type Database struct {
	// DSN connects as the administrator to the server's default database.
	DSN string
	// Source says in words what was found and from where.
	Source string
	// Dir holds the server's files; empty when the server was given.
	Dir string

	server *process
	inst   *instance
	steps  []signalStep
}

// StartDatabase finds and starts a database, in this order: the given DSN, a
// cockroach binary, PostgreSQL (15 or later) on the machine, PostgreSQL from
// the Maven registry. The context bounds the start only; call Stop to end it.
func StartDatabase(ctx context.Context, opts DatabaseOptions) (*Database, error) {
	if opts.DSN != "" {
		return &Database{DSN: opts.DSN, Source: "the given DSN"}, nil
	}
	engine := opts.Engine
	if engine == "" {
		engine = os.Getenv(engineEnv)
	}
	switch engine {
	case "", EngineAuto:
		return startAny(ctx, opts)
	case EngineCockroach:
		return startCockroach(ctx, opts)
	case EnginePostgres:
		return startInstalled(ctx, opts)
	case EngineEmbedded:
		return startEmbedded(ctx, opts)
	}
	return nil, fmt.Errorf("%s=%q: want %s, %s, %s or %s", engineEnv, engine,
		EngineAuto, EngineCockroach, EnginePostgres, EngineEmbedded)
}

// startAny walks the engines. An engine that is absent makes way for the next;
// one that is present but fails is an error, never a silent change of engine.
func startAny(ctx context.Context, opts DatabaseOptions) (*Database, error) {
	absent := []error{ErrNoDatabase}
	for _, start := range []func(context.Context, DatabaseOptions) (*Database, error){
		startCockroach, startInstalled, startEmbedded,
	} {
		database, err := start(ctx, opts)
		if err == nil {
			return database, nil
		}
		if !errors.Is(err, errAbsent) {
			return nil, err
		}
		absent = append(absent, err)
	}
	return nil, errors.Join(absent...)
}

// errAbsent reports that an engine is not on this machine.
var errAbsent = errors.New("not found on this machine")

// Stop ends the server and removes what it made for one run. A given server is
// left alone. Stop may be called more than once.
func (d *Database) Stop() error {
	var stopErr, releaseErr error
	if d.server != nil {
		stopErr = d.server.stop(d.steps...)
		d.server = nil
	}
	if d.inst != nil {
		releaseErr = d.inst.release()
		d.inst = nil
	}
	return errors.Join(stopErr, releaseErr)
}

// Crash ends the server without its help, for fault drills, and keeps the data:
// SIGKILL to its first process leaves the others to notice; SIGQUIT is what
// PostgreSQL calls an immediate stop. Starting the same Dir and Port again has
// the server recover. A given server cannot be crashed.
func (d *Database) Crash(signal syscall.Signal) error {
	if d.server == nil || d.inst == nil {
		return errors.New("crashing a database that was not started here")
	}
	err := d.server.stop(signalStep{signal, hardStopWait})
	releaseErr := d.inst.release()
	d.server, d.inst = nil, nil
	return errors.Join(err, releaseErr)
}

// Pid is the id of the server's first process, 0 when it was not started here.
func (d *Database) Pid() int {
	if d.server == nil {
		return 0
	}
	return d.server.cmd.Process.Pid
}
