package dbtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

const (
	// setupTimeout bounds the making of one database, a server start included.
	setupTimeout = 3 * time.Minute
	// dropTimeout bounds the removal of one database.
	dropTimeout = 3 * time.Minute
	// closeTimeout is how long a test's connections have to come home.
	closeTimeout = time.Minute
	// patience bounds what a test's transactions wait for, instead of the limits of
	// production: a slow machine must not look like an outage. Tests of those limits
	// open databases of their own.
	patience = 3 * time.Minute
	// applicationNameMax is PostgreSQL's limit on such names, in bytes.
	applicationNameMax = 63
)

// New returns a pool on a migrated database of the named service ("customer",
// "core", …) that only this test uses; "shared" has the tables that all
// services have and no others. Pool and database end with the test. It is safe
// in parallel tests and across test processes.
func New(t testing.TB, name string) *database.DB {
	t.Helper()
	return connect(t, name, DSN(t, name))
}

// NewAsService returns two pools on one such database: of its owner, as New
// does, and of a login that has the rights of services only, as in production.
func NewAsService(t testing.TB, name string) (owner, service *database.DB) {
	t.Helper()
	login := NewLogin(t)
	dsn := DSN(t, name)
	if err := database.Grant(t.Context(), dsn, login.On(dsn), name); err != nil {
		t.Fatal(err)
	}
	return connect(t, name, dsn), connect(t, name, login.On(dsn))
}

// Login is a login of the server that is yet to be made, by database.Grant.
type Login struct {
	t              testing.TB
	name, password string
}

// NewLogin returns a login that is removed when the test ends. Ask for it
// before the databases that it gets rights on: they must be gone first.
func NewLogin(t testing.TB) Login {
	t.Helper()
	srv := testServer(t.Context(), t)
	l := Login{t: t, name: databaseName(time.Now()), password: rand.Text()}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
		defer cancel()
		if err := srv.exec(ctx, "drop role if exists "+quote(l.name)); err != nil {
			t.Errorf("dropping test login %s: %v", l.name, err)
		}
	})
	return l
}

// On returns an owner's DSN with this login instead. A server that takes no
// passwords gets none.
func (l Login) On(dsn string) string {
	at, err := url.Parse(dsn)
	if err != nil {
		l.t.Fatal("the test database's DSN is not a URL")
	}
	_, secured := at.User.Password()
	at.User = url.User(l.name)
	if secured {
		at.User = url.UserPassword(l.name, l.password)
	}
	return at.String()
}

func connect(t testing.TB, name, dsn string) *database.DB {
	t.Helper()
	dsn, err := patient(dsn)
	if err != nil {
		t.Fatalf("opening test database %s: %v", name, err)
	}
	cfg := database.Config{DSN: dsn, ApplicationName: applicationName(t), AcquireTimeout: patience}
	if recorder := statementRecorder(); recorder != nil {
		cfg.Tracer = recorder
	}
	db, err := database.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("opening test database %s: %v", name, err)
	}
	t.Cleanup(func() { closePool(t, db) })
	return db
}

// DSN returns the connection string of a migrated database of the named
// service that only this test uses; it is dropped when the test ends.
func DSN(t testing.TB, name string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	srv := testServer(ctx, t)
	if srv.engine == database.CockroachDB {
		dsn := create(ctx, t, srv, "")
		err := database.Migrate(ctx, dsn, name)
		if err != nil {
			t.Fatalf("migrating test database %s: %v", name, err)
		}
		return dsn
	}
	template, err := srv.template(ctx, name)
	if err != nil {
		t.Fatalf("making the template of test database %s: %v", name, err)
	}
	return create(ctx, t, srv, template)
}

// Empty returns the connection string of a database without any table that
// only this test uses; it is dropped when the test ends.
func Empty(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	return create(ctx, t, testServer(ctx, t), "")
}

// testServer returns the process's server or fails the test.
func testServer(ctx context.Context, t testing.TB) *server {
	t.Helper()
	srv, err := sharedServer(ctx)
	if err != nil {
		t.Fatalf("finding a database server for the tests: %v", err)
	}
	return srv
}

// create makes a database, from a template unless that is empty, and has the
// test drop it.
func create(ctx context.Context, t testing.TB, srv *server, template string) string {
	t.Helper()
	name := databaseName(time.Now())
	err := srv.create(ctx, name, template)
	if err != nil {
		t.Fatalf("creating test database %s: %v", name, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
		defer cancel()
		err := srv.drop(ctx, name)
		if err != nil {
			t.Errorf("dropping test database %s: %v", name, err)
		}
	})
	return srv.dsn(name)
}

// closePool closes the pool, and fails the test if it kept a connection: such
// a leak would block a service for ever.
func closePool(t testing.TB, db *database.DB) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		db.Close()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(closeTimeout):
		t.Errorf("the test ended %s ago and still holds a database connection", closeTimeout)
	}
}

// testPrefix starts the name of every database made for one test.
const testPrefix = "tenor_t_"

// databaseName carries the time of making, so that later runs can tell what a
// killed one left behind.
func databaseName(now time.Time) string {
	const randomChars = 13
	random := strings.ToLower(rand.Text()[:randomChars])
	return testPrefix + strconv.FormatInt(now.Unix(), 36) + "_" + random
}

// bornBefore tells whether the name is of a test database older than limit.
func bornBefore(name string, limit time.Time) bool {
	rest, ours := strings.CutPrefix(name, testPrefix)
	stamp, _, cut := strings.Cut(rest, "_")
	seconds, err := strconv.ParseInt(stamp, 36, 64)
	return ours && cut && err == nil && time.Unix(seconds, 0).Before(limit)
}

func applicationName(t testing.TB) string {
	name := "test " + t.Name()
	if len(name) > applicationNameMax {
		name = name[:applicationNameMax]
	}
	return strings.ToValidUTF8(name, "")
}

// withDatabase returns the server's DSN with another database in its path.
func withDatabase(serverDSN, name string) (string, error) {
	parsed, err := url.Parse(serverDSN)
	if err != nil {
		return "", errors.New("the server's DSN is not a URL") // the parser's own error may show the password
	}
	if parsed.Scheme != "postgres" && parsed.Scheme != "postgresql" {
		return "", fmt.Errorf("the server's DSN has scheme %q, want postgres", parsed.Scheme)
	}
	parsed.Path = "/" + name
	return parsed.String(), nil
}

// patient returns the DSN with the server's limits on a session set to patience.
func patient(dsn string) (string, error) {
	parsed, err := url.Parse(dsn)
	if err != nil {
		return "", errors.New("the test database's DSN is not a URL") // the parser's own error may show the password
	}
	query := parsed.Query()
	for _, limit := range []string{"statement_timeout", "idle_in_transaction_session_timeout"} {
		query.Set(limit, strconv.FormatInt(patience.Milliseconds(), 10))
	}
	parsed.RawQuery = query.Encode()
	return parsed.String(), nil
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
