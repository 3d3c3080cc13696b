package database_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
)

// small returns a database with one connection and a bounded wait for it.
func small(t *testing.T, wait time.Duration) *database.DB {
	t.Helper()
	db, err := database.Open(t.Context(), database.Config{
		DSN: dbtest.DSN(t, "shared"), MaxConns: 1, AcquireTimeout: wait,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// TestFullPoolIsAnOutageNotAWait holds the only connection: whoever comes now
// must hear of it soon, a transaction inside a transaction included.
func TestFullPoolIsAnOutageNotAWait(t *testing.T) {
	t.Parallel()
	db := small(t, time.Second)
	err := database.InTx(t.Context(), db, func(database.Tx) error {
		return database.InTx(t.Context(), db, func(database.Tx) error {
			t.Error("a second transaction ran on the only connection")
			return nil
		})
	})
	if !database.IsUnavailable(err) || errors.Is(err, database.ErrAmbiguous) {
		t.Errorf("got %v, want a definite outage", err)
	}
	if err := database.InTx(t.Context(), db, func(database.Tx) error { return nil }); err != nil {
		t.Errorf("the connection did not come back: %v", err)
	}
}

// TestCancelledTransactionIsADefiniteNo cancels at each place where a client
// may go away: nothing is stored, nobody is in doubt, the connection is free.
func TestCancelledTransactionIsADefiniteNo(t *testing.T) {
	t.Parallel()
	db := small(t, time.Minute)
	const soon = 20 * time.Second // of the 25 that the statement takes
	for name, body := range map[string]func(context.Context, context.CancelFunc, database.Tx) error{
		"before COMMIT": func(_ context.Context, cancel context.CancelFunc, _ database.Tx) error {
			cancel()
			return nil
		},
		"in a statement": func(ctx context.Context, cancel context.CancelFunc, tx database.Tx) error {
			time.AfterFunc(50*time.Millisecond, cancel)
			_, err := tx.Exec(ctx, `select pg_sleep(25)`)
			return err
		},
		"between statements, and the closure hides it": func(
			ctx context.Context, cancel context.CancelFunc, tx database.Tx,
		) error {
			cancel()
			_, _ = tx.Exec(ctx, `select 1`) // the fault under test
			return nil
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		id := uuid.New()
		begun := time.Now()
		err := database.InTx(ctx, db, func(tx database.Tx) error {
			if err := store(ctx, id)(tx); err != nil {
				return err
			}
			return body(ctx, cancel, tx)
		})
		cancel()
		if !errors.Is(err, context.Canceled) || errors.Is(err, database.ErrAmbiguous) {
			t.Errorf("%s: %v, want a definite context.Canceled", name, err)
		}
		if took := time.Since(begun); took > soon {
			t.Errorf("%s: it took %s", name, took)
		}
		if stored(t, db, id) {
			t.Errorf("%s: stored", name)
		}
	}
}

func TestErrorsAreClassified(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]struct{ retry, unavailable bool }{
		"40001": {retry: true}, "40P01": {retry: true},
		"08006": {unavailable: true}, "57P01": {unavailable: true}, "57P03": {unavailable: true},
		"53100": {unavailable: true}, "53200": {unavailable: true}, "53300": {unavailable: true},
		"55P03": {unavailable: true}, "57014": {unavailable: true}, "25006": {unavailable: true},
		"25P03": {unavailable: true}, "58C00": {unavailable: true},
		"23505": {}, "23514": {}, "22001": {}, "42601": {}, "25P02": {}, "XX000": {},
	} {
		err := &pgconn.PgError{Code: code}
		if got := database.IsRetryable(err); got != want.retry {
			t.Errorf("%s: retryable %t, want %t", code, got, want.retry)
		}
		if got := database.IsUnavailable(err); got != want.unavailable {
			t.Errorf("%s: unavailable %t, want %t", code, got, want.unavailable)
		}
	}
}

// TestFrozenTransactionLetsGoOfItsLocks stands still in the middle of a
// transaction, as a process on a frozen machine does: the server must end it, so
// that the others go on, and it must hear of that as of an outage.
func TestFrozenTransactionLetsGoOfItsLocks(t *testing.T) {
	t.Parallel()
	dsn, err := url.Parse(dbtest.DSN(t, "shared"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := database.Open(t.Context(), database.Config{DSN: dsn.String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	slow, err := database.Open(t.Context(), database.Config{DSN: dsn.String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(slow.Close)
	lock := func(tx database.Tx) error {
		var id int64
		return tx.QueryRow(t.Context(), `select id from outbox_relay where id = 1 for update`).Scan(&id)
	}
	frozen, held, thaw := make(chan error, 1), make(chan struct{}), make(chan struct{})
	go func() {
		frozen <- database.InTx(t.Context(), slow, func(tx database.Tx) error {
			if err := lock(tx); err != nil {
				return err
			}
			// From here on, so that a slow machine does not freeze it before.
			if _, err := tx.Exec(t.Context(), `set local idle_in_transaction_session_timeout = 300`); err != nil {
				return err
			}
			close(held)
			<-thaw
			return lock(tx)
		})
	}()
	select {
	case <-held:
	case err := <-frozen:
		t.Fatalf("it ended before it was frozen: %v", err)
	}
	if err := database.InTx(t.Context(), other, lock); err != nil {
		t.Errorf("the other did not get the lock: %v", err)
	}
	close(thaw)
	if err := <-frozen; !database.IsUnavailable(err) || errors.Is(err, database.ErrAmbiguous) {
		t.Errorf("the frozen one heard %v, want a definite outage", err)
	}
	var limit string
	err = other.Pool().QueryRow(t.Context(), `select current_setting('idle_in_transaction_session_timeout')`).Scan(&limit)
	if err != nil || limit != "15s" {
		t.Errorf("the limit is %q, %v; want 15s", limit, err)
	}
}
