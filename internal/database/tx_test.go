package database_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
)

func open(t *testing.T, ddl ...string) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), database.Config{DSN: dbtest.Empty(t), MaxConns: 12})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	for _, statement := range ddl {
		if _, err := db.Pool().Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// TestNoAcknowledgedWriteIsLost has pairs of transactions whose conflict is
// found only at COMMIT (write skew): a helper that swallows the error of
// COMMIT acknowledges writes that are not there.
func TestNoAcknowledgedWriteIsLost(t *testing.T) {
	t.Parallel()
	db := open(t, `create table duty (round bigint, doctor bigint, on_call boolean, primary key (round, doctor))`)
	const rounds = 60
	for round := range rounds {
		_, err := db.Pool().Exec(t.Context(), `insert into duty values ($1, 1, true), ($1, 2, true)`, round)
		if err != nil {
			t.Fatal(err)
		}
		acked := make([]bool, 2)
		var wait sync.WaitGroup
		for doctor := range acked {
			wait.Go(func() {
				left := false
				err := database.InTx(context.Background(), db, func(tx database.Tx) error {
					left = false
					var others int
					err := tx.QueryRow(context.Background(),
						`select count(*) from duty where round = $1 and on_call`, round).Scan(&others)
					if err != nil || others < 2 {
						return err
					}
					left = true
					_, err = tx.Exec(context.Background(),
						`update duty set on_call = false where round = $1 and doctor = $2`, round, doctor+1)
					return err
				})
				acked[doctor] = err == nil && left
			})
		}
		wait.Wait()
		var away int
		err = db.Pool().QueryRow(t.Context(), `select count(*) from duty where round = $1 and not on_call`, round).Scan(&away)
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, ok := range acked {
			if ok {
				want++
			}
		}
		if away != want || away > 1 {
			t.Fatalf("round %d: %d acknowledged, %d stored; want equal and at most 1", round, want, away)
		}
	}
}

func TestConflictIsRetriedWholeAndBounded(t *testing.T) {
	t.Parallel()
	db := open(t)
	conflict := &pgconn.PgError{Code: "40001"}
	for _, c := range []struct {
		name     string
		failures int
		err      error
		attempts int
		want     error
	}{
		{"succeeds at once", 0, conflict, 1, nil},
		{"serialization failure, then success", 2, conflict, 3, nil},
		{"deadlock, then success", 1, &pgconn.PgError{Code: "40P01"}, 2, nil},
		{"never succeeds", 1000, conflict, database.TxAttemptsMax, database.ErrContention},
		{"another error is final", 1000, &pgconn.PgError{Code: "23505"}, 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			attempts, committed := 0, 0
			err := database.InTx(t.Context(), db, func(tx database.Tx) error {
				attempts++
				tx.AfterCommit(func() { committed++ })
				if attempts <= c.failures {
					return fmt.Errorf("statement: %w", c.err)
				}
				return nil
			})
			switch {
			case c.want != nil && !errors.Is(err, c.want):
				t.Errorf("error %v, want %v", err, c.want)
			case c.failures == 0 && err != nil:
				t.Errorf("error %v, want none", err)
			case c.failures == 1000 && !errors.Is(err, c.err):
				t.Errorf("error %v hides its cause", err)
			}
			if attempts != c.attempts {
				t.Errorf("%d attempts, want %d", attempts, c.attempts)
			}
			if want := map[bool]int{true: 1}[err == nil]; committed != want {
				t.Errorf("AfterCommit ran %d times, want %d", committed, want)
			}
		})
	}
}

func TestPanicRollsBackAndFreesTheConnection(t *testing.T) {
	t.Parallel()
	db := open(t, `create table seen (id bigint primary key)`)
	for range 20 { // more than the pool has connections
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_ = database.InTx(t.Context(), db, func(tx database.Tx) error {
				if _, err := tx.Exec(t.Context(), `insert into seen values (1)`); err != nil {
					t.Errorf("inserting: %v", err)
				}
				panic("a fault of the closure")
			})
		}()
	}
	var n int
	if err := db.Pool().QueryRow(t.Context(), `select count(*) from seen`).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d rows, %v; want none", n, err)
	}
}

func TestReadTransactionCannotWrite(t *testing.T) {
	t.Parallel()
	db := open(t, `create table seen (id bigint primary key)`)
	err := database.InReadTx(t.Context(), db, func(tx database.Tx) error {
		_, err := tx.Exec(t.Context(), `insert into seen values (1)`)
		return err
	})
	if database.SQLState(err) != "25006" {
		t.Errorf("writing in a read transaction: %v, want 25006", err)
	}
}

func TestDatesAreSQLDates(t *testing.T) {
	t.Parallel()
	db := open(t, `create table day (d date primary key)`)
	want := []civil.Date{
		{Year: 1969, Month: 2, Day: 28}, {Year: 2024, Month: 2, Day: 29}, {Year: 2100, Month: 12, Day: 31},
	}
	var got []civil.Date
	err := database.InTx(t.Context(), db, func(tx database.Tx) error {
		_, err := tx.Exec(t.Context(), `insert into day select u.d from unnest($1::date[]) as u (d)`, want)
		if err != nil {
			return err
		}
		var one civil.Date
		err = tx.QueryRow(t.Context(), `select d from day where d = $1`, want[1]).Scan(&one)
		if err != nil || one != want[1] {
			t.Errorf("one date: %v, %v", one, err)
		}
		got = nil
		rows, err := tx.Query(t.Context(), `select d from day order by d`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var d civil.Date
			if err := rows.Scan(&d); err != nil {
				return err
			}
			got = append(got, d)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dates (-want +got):\n%s", diff)
	}
}

func TestMigrateIsRepeatableAndSafeAtOnce(t *testing.T) {
	t.Parallel()
	dsn := dbtest.Empty(t)
	errs := make([]error, 3)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() { errs[i] = database.Migrate(t.Context(), dsn, "shared") })
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if err := database.Migrate(t.Context(), dsn, "shared"); err != nil {
		t.Fatal(err)
	}
}
