package database_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
)

// TestEnsureDatabase makes a database that is not there, finds it the second
// time, and leaves it able to be migrated.
func TestEnsureDatabase(t *testing.T) {
	t.Parallel()
	maintenance := open(t)
	name := "ensured_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	dsn, err := url.Parse(dbtest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	dsn.Path = "/" + name
	t.Cleanup(func() {
		_, err := maintenance.Pool().Exec(context.Background(), "drop database "+name)
		if err != nil {
			t.Errorf("dropping %s: %v", name, err)
		}
	})
	for range 2 {
		if err := database.EnsureDatabase(t.Context(), dsn.String()); err != nil {
			t.Fatal(err)
		}
	}
	db, err := database.Open(t.Context(), database.Config{DSN: dsn.String(), ApplicationName: "tenor-ensured"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	var current, application string
	err = db.Pool().QueryRow(t.Context(), `select current_database(), current_setting('application_name')`).
		Scan(&current, &application)
	if err != nil || current != name || application != "tenor-ensured" {
		t.Errorf("connected to %q as %q, %v; want %q as tenor-ensured", current, application, err, name)
	}
}

func TestEnsureDatabaseRefusesNames(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{
		"postgres://localhost/Core", "postgres://localhost/a-b", "postgres://localhost/a%22b", "postgres://%zz/",
	} {
		if err := database.EnsureDatabase(t.Context(), dsn); err == nil {
			t.Errorf("%s was accepted", dsn)
		}
	}
}

func TestUnreachableDatabase(t *testing.T) {
	t.Parallel()
	const nobody = "postgres://nobody@127.0.0.1:1/core?sslmode=disable"
	_, err := database.Open(t.Context(), database.Config{DSN: nobody})
	if !database.IsUnavailable(err) || !database.IsDriver(err) {
		t.Errorf("Open: %v, want an outage", err)
	}
	for what, err := range map[string]error{
		"EnsureDatabase": database.EnsureDatabase(t.Context(), nobody),
		"Migrate":        database.Migrate(t.Context(), nobody, "core"),
	} {
		if !database.IsUnavailable(err) {
			t.Errorf("%s: %v, want an outage", what, err)
		}
	}
	if _, err := database.Open(t.Context(), database.Config{DSN: "postgres://%zz/"}); err == nil {
		t.Error("a DSN that cannot be parsed was opened")
	}
	db := open(t)
	db.Close()
	if err := db.Ping(t.Context()); err == nil {
		t.Error("a closed pool answers")
	}
}

type attempts struct {
	counts []int
	errs   []error
}

// TxDone implements database.Observer.
func (a *attempts) TxDone(n int, err error) {
	a.counts, a.errs = append(a.counts, n), append(a.errs, err)
}

func TestObserverHearsOfEveryTransaction(t *testing.T) {
	t.Parallel()
	db := open(t)
	var heard attempts
	db.SetObserver(&heard)
	conflicts := 2
	err := database.InTx(t.Context(), db, func(database.Tx) error {
		if conflicts--; conflicts >= 0 {
			return &pgconn.PgError{Code: "40001"}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	fault := errors.New("a fault of the closure")
	err = database.InTx(t.Context(), db, func(database.Tx) error { return fault })
	if !errors.Is(err, fault) {
		t.Errorf("error %v, want the closure's", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	left := errors.New("the caller left")
	err = database.InTx(ctx, db, func(database.Tx) error {
		cancel(left)
		return &pgconn.PgError{Code: "40001"}
	})
	if !errors.Is(err, left) || !errors.Is(err, database.ErrContention) {
		t.Errorf("error %v, want that the caller left between attempts", err)
	}
	if diff := cmp.Diff([]int{3, 1, 1}, heard.counts); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	if heard.errs[0] != nil || !errors.Is(heard.errs[1], fault) || !database.IsRetryable(heard.errs[2]) {
		t.Errorf("the observer heard %v", heard.errs)
	}
}

// TestNullIsNoDate: a date that may be absent is read into a pointer; read into
// a date it must not become one.
func TestNullIsNoDate(t *testing.T) {
	t.Parallel()
	db := open(t)
	date := civil.Date{Year: 2026, Month: 4, Day: 30}
	err := db.Pool().QueryRow(t.Context(), `select null::date`).Scan(&date)
	if err == nil {
		t.Errorf("null was read as %s", date)
	}
	absent := &date
	err = db.Pool().QueryRow(t.Context(), `select null::date`).Scan(&absent)
	if err != nil || absent != nil {
		t.Errorf("null was read as %v, %v", absent, err)
	}
}

func TestKindsOfDatabaseErrors(t *testing.T) {
	t.Parallel()
	state := func(code string) error { return &pgconn.PgError{Code: code, ConstraintName: "loan_pkey"} }
	type kind struct{ retryable, unavailable, unique, lockTimeout, driver bool }
	for _, c := range []struct {
		name string
		err  error
		want kind
	}{
		{"none", nil, kind{}},
		{"of the domain", errors.New("no such loan"), kind{}},
		{"serialization", state("40001"), kind{retryable: true, driver: true}},
		{"deadlock", state("40P01"), kind{retryable: true, driver: true}},
		{"unique", state("23505"), kind{unique: true, driver: true}},
		{"foreign key", state("23503"), kind{driver: true}},
		{"lock timeout", state("55P03"), kind{unavailable: true, lockTimeout: true, driver: true}},
		{"shutting down", state("57P01"), kind{unavailable: true, driver: true}},
		{"too many connections", state("53300"), kind{unavailable: true, driver: true}},
		{"connection failure", state("08006"), kind{unavailable: true, driver: true}},
		{"became a standby", state("25006"), kind{unavailable: true, driver: true}},
		{"no quorum", state("58C00"), kind{unavailable: true, driver: true}},
		{"syntax", state("42601"), kind{driver: true}},
		{"contention", database.ErrContention, kind{unavailable: true}},
		{"ambiguous", database.ErrAmbiguous, kind{unavailable: true}},
		{"deadline", context.DeadlineExceeded, kind{unavailable: true, driver: true}},
	} {
		got := kind{
			database.IsRetryable(c.err), database.IsUnavailable(c.err), database.IsUnique(c.err, ""),
			database.IsLockTimeout(c.err), database.IsDriver(c.err),
		}
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	if !database.IsUnique(state("23505"), "loan_pkey") || database.IsUnique(state("23505"), "book_pkey") {
		t.Error("IsUnique does not tell constraints apart")
	}
}
