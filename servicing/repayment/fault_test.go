package repayment

import (
	"context"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/database/pgfault"
	"github.com/tenor-lending/tenor/internal/groupcommit"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// A fault at every statement of the shared transaction, and around its COMMIT:
// whatever the callers are told, the same payments sent again are posted once,
// all of them, with their events and entries.
func TestFaultsAtEveryStatementOfABatch(t *testing.T) {
	t.Parallel()
	dsn := dbtest.DSN(t, "core")
	db, err := database.Open(t.Context(), database.Config{DSN: dsn, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if db.Engine() != database.PostgreSQL {
		t.Skipf("NOT CHECKED on %s: the proxy speaks to PostgreSQL", db.Engine())
	}
	f := fixtureOn(t, db)
	s, plan := behindFaults(t, dsn)
	const each, paisa = 5, 10
	paid, runs := 0, 0
	for _, fault := range []pgfault.Fault{
		pgfault.Serialization, pgfault.Deadlock, pgfault.CutBefore, pgfault.CutAfter, pgfault.Shutdown,
	} {
		for statement := int64(1); ; statement++ {
			last := plan(fault, statement)
			items := make([]KeyedPayment, each)
			for i := range items {
				in := NewPayment{LoanID: f.loan, Amount: loandbtest.INR(paisa), Kind: servicing.Normal, Channel: "UPI"}
				key, err := command.NewKey(fmt.Sprintf("%s %d %d", fault, statement, i), in)
				if err != nil {
					t.Fatal(err)
				}
				items[i] = KeyedPayment{Key: key, NewPayment: in}
			}
			postUntilDone(t, s, items)
			paid, runs = paid+each, runs+1
			if last.Load() {
				break
			}
		}
	}
	loan := loandbtest.Loan(t, db, f.loan)
	if got, want := loan.Outstanding().Total().Minor(), 2_327_358-int64(paid)*paisa; got != want {
		t.Errorf("outstanding %d after %d payments in %d faults, want %d", got, paid, runs, want)
	}
	if got := len(streamtest.Types(t, db)); got != 2*paid {
		t.Errorf("%d events of %d payments", got, paid)
	}
	loandbtest.TieOut(t, db, f.loan)
	const least = 5 * 8 // faults by statements: fewer would mean that the plan misses the batch
	if runs < least {
		t.Errorf("only %d faults were injected", runs)
	}
}

// behindFaults returns a service whose database fails once at the statement of
// a transaction that plan names; what plan returns tells whether that was past
// the COMMIT.
func behindFaults(t *testing.T, dsn string) (*Service, func(pgfault.Fault, int64) *atomic.Bool) {
	t.Helper()
	at, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := pgfault.Start(t.Context(), at.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	at.Host = proxy.Addr()
	db, err := database.Open(t.Context(), database.Config{DSN: at.String(), MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return serviceOn(db), func(fault pgfault.Fault, statement int64) *atomic.Bool {
		var done, past atomic.Bool
		proxy.SetPlan(func(p pgfault.Point) pgfault.Fault {
			switch {
			case p.Connect || done.Load():
				return pgfault.None
			case p.Statement == statement:
				done.Store(true)
				if p.Commit {
					past.Store(true)
				}
				return fault
			case p.Commit:
				past.Store(true)
			}
			return pgfault.None
		})
		return &past
	}
}

// postUntilDone sends payments again until all are posted, as a partner does.
func postUntilDone(t *testing.T, s *Service, items []KeyedPayment) {
	t.Helper()
	const tries = 5
	var results []groupcommit.Result[command.Result[Payment]]
	for range tries {
		results = s.PayAll(context.Background(), payer, items)
		failed := false
		for _, r := range results {
			if r.Err != nil && !database.IsUnavailable(r.Err) {
				t.Fatalf("a fault of the database became %v", r.Err)
			}
			failed = failed || r.Err != nil
		}
		if !failed {
			return
		}
	}
	t.Fatalf("not posted in %d tries: %+v", tries, results)
}
