package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/tenor-lending/tenor/migrations"
)

// sharedDir is the folder of migrations that every database gets: outbox,
// inbox, idempotency keys, audit trail.
const sharedDir = "shared"

// versionTable begins the names of the tables in which migrations are noted.
const versionTable = "schema_version_"

const (
	migrateLockRetry   = 250 * time.Millisecond
	migrateLockRetries = 480
)

// Migrate brings the database behind dsn to the newest schema of the named
// service database: first the shared tables, then its own. A lock row keeps
// two migrators apart, on CockroachDB as well. Running it again does nothing.
//
// A migration that is missing below the newest one is run as well: owners who
// share a database number their tables in ranges, and the lower range grows too.
func Migrate(ctx context.Context, dsn, name string) error {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("parsing DSN: %w", err)
	}
	db := stdlib.OpenDB(*config)
	err = errors.Join(migrateDir(ctx, db, sharedDir), migrateDir(ctx, db, name), db.Close())
	if err != nil {
		return fmt.Errorf("migrating database %s: %w", name, err)
	}
	return nil
}

func migrateDir(ctx context.Context, db *sql.DB, dir string) error {
	sub, err := fs.Sub(migrations.FS, dir)
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresTableLocker(lock.WithTableLockTimeout(migrateLockRetry, migrateLockRetries))
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, sub,
		goose.WithTableName(versionTable+dir), goose.WithLocker(locker), goose.WithAllowOutofOrder(true))
	if errors.Is(err, goose.ErrNoMigrations) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// EnsureDatabase creates the database that dsn names when the server has none
// of that name. Names are the service databases, lower-case letters only.
func EnsureDatabase(ctx context.Context, dsn string) error {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("parsing DSN: %w", err)
	}
	name := config.Database
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_0123456789") != "" || name == "" {
		return fmt.Errorf("database name %q: only lower-case letters, digits and _", name)
	}
	for _, maintenance := range []string{"postgres", "defaultdb"} {
		config.Database = maintenance
		var conn *pgx.Conn
		conn, err = pgx.ConnectConfig(ctx, config)
		if err != nil {
			continue
		}
		err = createDatabase(ctx, conn, name)
		return errors.Join(err, conn.Close(ctx))
	}
	return fmt.Errorf("creating database %s: %w", name, err)
}

const stateDuplicateDatabase = "42P04"

func createDatabase(ctx context.Context, conn *pgx.Conn, name string) error {
	var exists bool
	err := conn.QueryRow(ctx, `
		select exists (select 1 from pg_catalog.pg_database where datname = $1)`, name).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "create database "+pgx.Identifier{name}.Sanitize())
	if state := SQLState(err); state == stateDuplicateDatabase || state == stateUnique {
		return nil // another process was faster
	}
	return err
}
