package pgfault_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/database/pgfault"
)

// proxied returns a proxy before the test database, and its DSN through it.
func proxied(t *testing.T) (*pgfault.Proxy, string) {
	t.Helper()
	dsn, err := url.Parse(dbtest.DSN(t, "shared"))
	if err != nil {
		t.Fatal(err)
	}
	if dsn.Port() == "" {
		dsn.Host = net.JoinHostPort(dsn.Hostname(), "5432")
	}
	proxy, err := pgfault.Start(t.Context(), dsn.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	dsn.Host = proxy.Addr()
	return proxy, dsn.String()
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func state(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

// TestPointsTellTheirPlaceInTheTransaction runs two transactions and a bare
// statement and looks at what the plan is told.
func TestPointsTellTheirPlaceInTheTransaction(t *testing.T) {
	t.Parallel()
	proxy, dsn := proxied(t)
	conn := connect(t, dsn)
	type seen struct {
		SQL           string
		Statement     int64
		Commit, Wrote bool
	}
	var mu sync.Mutex
	var got []seen
	proxy.SetPlan(func(p pgfault.Point) pgfault.Fault {
		mu.Lock()
		defer mu.Unlock()
		word, _, _ := strings.Cut(p.SQL, " ")
		got = append(got, seen{word, p.Statement, p.Commit, p.Wrote})
		if p.Database == "" {
			t.Error("a point without its database")
		}
		return pgfault.None
	})
	for _, statements := range [][]string{
		{"select 1", "select 2"}, {"select 3", "insert into outbox_relay (id) values (7)"},
	} {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, sql := range statements {
			if _, err := tx.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Exec(t.Context(), "delete from outbox_relay where id = 7"); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	want := []seen{
		{"begin", 1, false, false},
		{"select", 2, false, false},
		{"select", 3, false, false},
		{"commit", 4, true, false},
		{"begin", 1, false, false},
		{"select", 2, false, false},
		{"insert", 3, false, true},
		{"commit", 4, true, true},
		{"delete", 1, false, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("points (-want +got):\n%s", diff)
	}
}

func TestShutdownSaysSoAndHangsUp(t *testing.T) {
	t.Parallel()
	proxy, dsn := proxied(t)
	conn := connect(t, dsn)
	proxy.SetPlan(func(p pgfault.Point) pgfault.Fault {
		if p.Connect {
			return pgfault.None
		}
		return pgfault.Shutdown
	})
	_, err := conn.Exec(t.Context(), "select 1")
	if state(err) != "57P01" || !conn.IsClosed() {
		t.Errorf("%v, closed %t; want 57P01 and a closed connection", err, conn.IsClosed())
	}
	if all, commits := proxy.Injected(pgfault.Shutdown); all != 1 || commits != 0 {
		t.Errorf("counted %d, of those %d at commit; want 1 and 0", all, commits)
	}
}

func TestTooManyClients(t *testing.T) {
	t.Parallel()
	proxy, dsn := proxied(t)
	proxy.SetPlan(func(pgfault.Point) pgfault.Fault { return pgfault.TooMany })
	if _, err := pgx.Connect(t.Context(), dsn); state(err) != "53300" {
		t.Errorf("connecting: %v, want 53300", err)
	}
	proxy.SetPlan(func(p pgfault.Point) pgfault.Fault {
		if p.Connect {
			return pgfault.None
		}
		return pgfault.TooMany // not a thing that a statement can meet
	})
	if _, err := connect(t, dsn).Exec(t.Context(), "select 1"); err != nil {
		t.Errorf("a statement: %v", err)
	}
	if all, _ := proxy.Injected(pgfault.TooMany); all != 1 {
		t.Errorf("counted %d, want 1", all)
	}
}

// TestCommitsAreCounted cuts the commits of writers only.
func TestCommitsAreCounted(t *testing.T) {
	t.Parallel()
	proxy, dsn := proxied(t)
	proxy.SetPlan(func(p pgfault.Point) pgfault.Fault {
		if p.Commit && p.Wrote {
			return pgfault.CutAfter
		}
		return pgfault.None
	})
	for i, sql := range []string{"select 1", "insert into outbox_relay (id) values (8)"} {
		tx, err := connect(t, dsn).Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(t.Context()); (err != nil) != (i == 1) {
			t.Errorf("commit after %q: %v", sql, err)
		}
	}
	if all, commits := proxy.Injected(pgfault.CutAfter); all != 1 || commits != 1 {
		t.Errorf("counted %d, of those %d at commit; want 1 and 1", all, commits)
	}
	var n int
	err := connect(t, dsn).QueryRow(t.Context(), "select count(*) from outbox_relay where id = 8").Scan(&n)
	if err != nil || n != 1 {
		t.Errorf("%d rows, %v; the cut commit must have happened", n, err)
	}
}

func TestFaultsHaveNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for f := pgfault.None; f <= pgfault.TooMany; f++ {
		if name := f.String(); name == "" || seen[name] {
			t.Errorf("fault %d is called %q", f, name)
		} else {
			seen[name] = true
		}
	}
}
