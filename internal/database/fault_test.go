package database_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/database/pgfault"
)

// faulty returns a database behind a proxy that can fail, and the same
// database without it.
func faulty(t *testing.T) (through, direct *database.DB, proxy *pgfault.Proxy) {
	t.Helper()
	dsn, err := url.Parse(dbtest.DSN(t, "shared"))
	if err != nil {
		t.Fatal(err)
	}
	upstream := dsn.Host
	if dsn.Port() == "" {
		upstream = net.JoinHostPort(dsn.Hostname(), "5432")
	}
	direct, err = database.Open(t.Context(), database.Config{DSN: dsn.String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(direct.Close)
	proxy, err = pgfault.Start(t.Context(), upstream)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	dsn.Host = proxy.Addr()
	through, err = database.Open(t.Context(), database.Config{DSN: dsn.String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(through.Close)
	return through, direct, proxy
}

func store(ctx context.Context, id uuid.UUID) func(tx database.Tx) error {
	return func(tx database.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `select count(*) from casefile where application_id = $1`, id).Scan(&n); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			insert into casefile (application_id, customer_id, stage, outcome) values ($1, $1, 'INPUT', '')`, id)
		return err
	}
}

func stored(t *testing.T, db *database.DB, id uuid.UUID) bool {
	t.Helper()
	var n int
	err := db.Pool().QueryRow(t.Context(), `select count(*) from casefile where application_id = $1`, id).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n == 1
}

// TestRetryAtEveryStatement injects each retryable error at each statement of
// a transaction, COMMIT included: the transaction must succeed and be there.
func TestRetryAtEveryStatement(t *testing.T) {
	t.Parallel()
	through, direct, proxy := faulty(t)
	for _, fault := range []pgfault.Fault{pgfault.Serialization, pgfault.Deadlock} {
		for at := int64(1); ; at++ {
			start := proxy.Points()
			var hit atomic.Bool
			proxy.SetPlan(func(p pgfault.Point) pgfault.Fault {
				if p.Index == start+at {
					hit.Store(true)
					return fault
				}
				return pgfault.None
			})
			id := uuid.New()
			if err := database.InTx(t.Context(), through, store(t.Context(), id)); err != nil {
				t.Fatalf("fault %d at statement %d: %v", fault, at, err)
			}
			if !stored(t, direct, id) {
				t.Fatalf("fault %d at statement %d: acknowledged and not stored", fault, at)
			}
			if !hit.Load() {
				if at < 4 {
					t.Fatalf("only %d statements were hit", at-1)
				}
				break // past COMMIT: every statement was hit once
			}
		}
	}
}

func TestLostAnswerOfCommitIsAmbiguous(t *testing.T) {
	t.Parallel()
	through, direct, proxy := faulty(t)
	for _, c := range []struct {
		fault  pgfault.Fault
		stored bool
	}{{pgfault.CutAfter, true}, {pgfault.CutBefore, false}} {
		proxy.SetPlan(func(p pgfault.Point) pgfault.Fault {
			if p.Commit {
				return c.fault
			}
			return pgfault.None
		})
		id := uuid.New()
		err := database.InTx(t.Context(), through, store(t.Context(), id))
		if !errors.Is(err, database.ErrAmbiguous) || !database.IsUnavailable(err) {
			t.Errorf("fault %d: %v, want ErrAmbiguous", c.fault, err)
		}
		if got := stored(t, direct, id); got != c.stored {
			t.Errorf("fault %d: stored %t, want %t", c.fault, got, c.stored)
		}
	}
}

// TestAmbiguousCommandRunsOnce cuts the answer of every other COMMIT: with an
// idempotency key the command finds out what happened, and has one effect.
func TestAmbiguousCommandRunsOnce(t *testing.T) {
	t.Parallel()
	through, direct, proxy := faulty(t)
	runner := command.NewRunner(through, time.Now)
	var commits atomic.Int64
	proxy.SetPlan(func(p pgfault.Point) pgfault.Fault {
		if !p.Commit {
			return pgfault.None
		}
		switch commits.Add(1) % 4 {
		case 1:
			return pgfault.CutAfter
		case 3:
			return pgfault.CutBefore
		}
		return pgfault.None
	})
	const commands = 40
	replayed := 0
	for i := range commands {
		key, err := command.NewKey(uuid.NewString(), i)
		if err != nil {
			t.Fatal(err)
		}
		c := command.Command{Name: "test", Actor: access.Platform("test"), Subject: uuid.New(), Key: key}
		result, err := command.Run(t.Context(), runner, c, func(tx database.Tx, _ time.Time) (uuid.UUID, error) {
			id := uuid.New()
			return id, store(t.Context(), id)(tx)
		})
		if err != nil {
			t.Fatalf("command %d: %v", i, err)
		}
		if !stored(t, direct, result.Value) {
			t.Fatalf("command %d: answered %s and did not store it", i, result.Value)
		}
		if result.Replayed {
			replayed++
		}
	}
	var effects int
	if err := direct.Pool().QueryRow(t.Context(), `select count(*) from casefile`).Scan(&effects); err != nil {
		t.Fatal(err)
	}
	if effects != commands || replayed == 0 {
		t.Errorf("%d effects of %d commands (%d found by their key), want equal and some found", effects, commands, replayed)
	}
}
