package dbtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/devstack"
	"github.com/tenor-lending/tenor/migrations"
)

const (
	// staleAge is when a database of a killed test run may be dropped. It is far
	// longer than any test.
	staleAge = 6 * time.Hour
	// busyRetries and busyPause cover sessions that the server has not yet
	// finished ending.
	busyRetries = 100
	busyPause   = 50 * time.Millisecond

	stateDuplicateDatabase = "42P04"
	stateObjectInUse       = "55006"
	stateUnique            = "23505"
)

// server is the database server of this test process.
type server struct {
	adminDSN  string
	engine    database.Engine
	mu        sync.Mutex
	templates map[string]string // service name -> template database
}

var shared struct {
	once sync.Once
	srv  *server
	err  error
}

// sharedServer finds or starts the server once per process.
func sharedServer(ctx context.Context) (*server, error) {
	shared.once.Do(func() { shared.srv, shared.err = findServer(ctx) })
	return shared.srv, shared.err
}

func findServer(ctx context.Context) (*server, error) {
	dsn := os.Getenv(devstack.DatabaseEnv)
	if dsn == "" {
		var err error
		dsn, err = startKeeper(ctx)
		if err != nil {
			return nil, err
		}
	}
	_, err := withDatabase(dsn, "postgres")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", devstack.DatabaseEnv, err)
	}
	srv := &server{adminDSN: dsn, templates: map[string]string{}}
	err = srv.admin(ctx, func(conn *pgx.Conn) error {
		var version string
		err := conn.QueryRow(ctx, "select version()").Scan(&version)
		srv.engine = database.PostgreSQL
		if strings.HasPrefix(version, "CockroachDB") {
			srv.engine = database.CockroachDB
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return srv, srv.dropStale(ctx, time.Now().Add(-staleAge))
}

// admin runs fn on a connection of its own: a pool kept for the process would
// look like a leak to tests that count goroutines.
func (s *server) admin(ctx context.Context, fn func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, s.adminDSN)
	if err != nil {
		return err
	}
	return errors.Join(fn(conn), conn.Close(context.WithoutCancel(ctx)))
}

func (s *server) exec(ctx context.Context, sql string) error {
	return s.admin(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql)
		return err
	})
}

// dsn is the connection string of one database on the server.
func (s *server) dsn(name string) string {
	dsn, err := withDatabase(s.adminDSN, name)
	if err != nil {
		return "" // not possible: the same DSN was parsed in findServer
	}
	return dsn
}

// create makes a database. On PostgreSQL it always sorts in byte order, as
// CockroachDB does, whatever the server's own locale is.
func (s *server) create(ctx context.Context, name, template string) error {
	statement := "create database " + quote(name)
	switch {
	case s.engine == database.CockroachDB:
	case template != "":
		statement += " template " + quote(template)
	default:
		statement += " template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'"
	}
	var err error
	for range busyRetries { // the server may be vacuuming the template
		err = s.exec(ctx, statement)
		if database.SQLState(err) != stateObjectInUse {
			return err
		}
		time.Sleep(busyPause)
	}
	return err
}

func (s *server) drop(ctx context.Context, name string) error {
	statement := "drop database if exists " + quote(name)
	if s.engine == database.CockroachDB {
		return s.exec(ctx, statement+" cascade")
	}
	return s.exec(ctx, statement+" with (force)")
}

// dropStale removes the databases of test runs that were killed.
func (s *server) dropStale(ctx context.Context, limit time.Time) error {
	var names []string
	err := s.admin(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, "select datname from pg_catalog.pg_database")
		if err != nil {
			return err
		}
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return fmt.Errorf("listing databases: %w", err)
	}
	for _, name := range names {
		if !bornBefore(name, limit) {
			continue
		}
		err = s.drop(ctx, name)
		if err != nil {
			return fmt.Errorf("dropping %s of an earlier run: %w", name, err)
		}
	}
	return nil
}

// template returns the migrated template database of a service, making it if
// no process has yet. Several processes may try at once: each builds its own
// under a private name, and the rename to the public name lets one win.
func (s *server) template(ctx context.Context, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if template, ok := s.templates[name]; ok {
		return template, nil
	}
	sum, err := schemaSum(name)
	if err != nil {
		return "", err
	}
	template := "tenor_template_" + name + "_" + sum
	exists, err := s.exists(ctx, template)
	if err != nil {
		return "", err
	}
	if !exists {
		err = s.build(ctx, name, template)
		if err != nil {
			return "", err
		}
	}
	s.templates[name] = template
	return template, nil
}

func (s *server) exists(ctx context.Context, name string) (bool, error) {
	var exists bool
	err := s.admin(ctx, func(conn *pgx.Conn) error {
		return conn.QueryRow(ctx,
			"select exists (select 1 from pg_catalog.pg_database where datname = $1)", name).Scan(&exists)
	})
	return exists, err
}

func (s *server) build(ctx context.Context, name, template string) error {
	building := databaseName(time.Now())
	err := s.create(ctx, building, "")
	if err != nil {
		return err
	}
	err = database.Migrate(ctx, s.dsn(building), name)
	if err == nil {
		err = s.publish(ctx, building, template)
	}
	if err != nil {
		return errors.Join(err, s.drop(context.WithoutCancel(ctx), building))
	}
	return nil
}

// publish closes the database to sessions, so that copies never meet one, and
// gives it its public name. Losing the race to another process is success.
func (s *server) publish(ctx context.Context, building, template string) error {
	err := s.exec(ctx, "alter database "+quote(building)+" with allow_connections false")
	if err != nil {
		return err
	}
	for range busyRetries {
		err = s.exec(ctx, "alter database "+quote(building)+" rename to "+quote(template))
		switch database.SQLState(err) {
		case stateDuplicateDatabase, stateUnique:
			return s.drop(ctx, building)
		case stateObjectInUse:
			time.Sleep(busyPause)
		default:
			return err
		}
	}
	return err
}

// schemaSum names a version of the schema: the hash of all migrations that
// make it.
func schemaSum(name string) (string, error) {
	hash := sha256.New()
	for _, dir := range []string{"shared", name} {
		entries, err := fs.ReadDir(migrations.FS, dir)
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("there is no folder of migrations for a database %q", name)
		}
		if err != nil {
			return "", err
		}
		for _, entry := range entries {
			content, err := fs.ReadFile(migrations.FS, dir+"/"+entry.Name())
			if err != nil {
				return "", err
			}
			_, _ = fmt.Fprintf(hash, "%s/%s %d\n%s\n", dir, entry.Name(), len(content), content)
		}
	}
	const sumBytes = 8
	return hex.EncodeToString(hash.Sum(nil)[:sumBytes]), nil
}
