package closeofday

import (
	"context"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/database/pgfault"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// dying is a worker whose connection goes through a proxy, and dies with it.
type dying struct {
	proxy   *pgfault.Proxy
	service *Service
	db      *database.DB
}

func (f *fixture) dying(t *testing.T, dsn string) *dying {
	t.Helper()
	at, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	d := &dying{}
	if d.proxy, err = pgfault.Start(t.Context(), at.Host); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.proxy.Close)
	at.Host = d.proxy.Addr()
	d.db, err = database.Open(t.Context(), database.Config{DSN: at.String(), MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.db.Close)
	env := *f.env
	env.DB = d.db
	if d.service, err = newService(&env); err != nil {
		t.Fatal(err)
	}
	return d
}

// reachable is the fixture with the address of its database, for workers behind
// a proxy.
func reachable(t *testing.T) (*fixture, string) {
	t.Helper()
	dsn := dbtest.DSN(t, "core")
	db, err := database.Open(t.Context(), database.Config{DSN: dsn, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if db.Engine() != database.PostgreSQL {
		t.Skipf("NOT CHECKED on %s: the proxy speaks to PostgreSQL", db.Engine())
	}
	return fixtureOn(t, db), dsn
}

// workUntil works until the connection dies for good at a point, before or
// after the database has heard of it. It returns false if the work ended before.
func (d *dying) workUntil(ctx context.Context, point int64, fault pgfault.Fault) bool {
	base := d.proxy.Points()
	d.proxy.SetPlan(func(p pgfault.Point) pgfault.Fault {
		switch {
		case p.Index-base < point:
			return pgfault.None
		case p.Index-base == point:
			return fault
		}
		return pgfault.CutBefore // the process is dead
	})
	return d.service.work(ctx) != nil
}

// A worker that does not hear whether a COMMIT succeeded goes on at once, without
// waiting for the end of a lease that is its own: here no time passes at all.
func TestALostAnswerCostsAWorkerNoLease(t *testing.T) {
	t.Parallel()
	f, dsn := reachable(t)
	a := f.loan()
	r := f.order("2026-02-20")
	d := f.dying(t, dsn)
	const roundsMax = 400
	lost := 0
	for round := 0; f.run(r.RunID).Status != "DONE"; round++ {
		if round == roundsMax {
			t.Fatalf("no end after %d lost answers: %+v", lost, f.run(r.RunID))
		}
		var left atomic.Int64 // the answer of the first COMMIT is lost, of the second, of the third
		left.Store(int64(1 + round%3))
		d.proxy.SetPlan(func(p pgfault.Point) pgfault.Fault {
			if p.Commit && p.Wrote && left.Add(-1) == 0 {
				return pgfault.CutAfter
			}
			return pgfault.None
		})
		if d.service.work(t.Context()) != nil {
			lost++
		}
	}
	if lost < 3 {
		t.Errorf("only %d answers were lost", lost)
	}
	loandbtest.TieOut(t, f.db, a)
}

// A worker that could not finish a share gives it up: another one goes on at
// once, not when the lease is over. Here no time passes at all.
func TestAWorkerThatGivesUpFreesItsShare(t *testing.T) {
	t.Parallel()
	f, dsn := reachable(t)
	a := f.loan()
	f.closeThrough("2026-02-13")
	r := f.order("2026-02-20")
	d := f.dying(t, dsn)
	var commits atomic.Int64
	d.proxy.SetPlan(func(p pgfault.Point) pgfault.Fault {
		if p.Commit && p.Wrote && commits.Add(1) == 2 { // the first takes the share, the second brings loans to the day
			return pgfault.CutBefore
		}
		return pgfault.None
	})
	if err := d.service.work(t.Context()); err == nil {
		t.Fatal("the worker heard of no fault")
	}
	if got := commits.Load(); got != 3 {
		t.Errorf("%d transactions, want one to take, one that failed and one to give up", got)
	}
	if err := f.service.work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.run(r.RunID); got.Status != "DONE" {
		t.Errorf("the other worker left the run at %+v", got)
	}
	loandbtest.TieOut(t, f.db, a)
}

// A process that stops gives up what it was working on, as well.
func TestAStoppingWorkerFreesItsShare(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.loan()
	f.closeThrough("2026-02-13")
	r := f.order("2026-02-14")
	leaving := f.another()
	held, taken, _, err := leaving.take(t.Context(), r.RunID)
	if err != nil || !taken {
		t.Fatalf("share: %v, %v", taken, err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	leaving.release(stopped, &held)
	if err := f.service.work(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.run(r.RunID); got.Status != "DONE" {
		t.Errorf("the other worker left the run at %+v", got)
	}
}

// A worker dies at each of its statements in turn, some before the database has
// heard of it and some after. Another goes on when the lease is over, and the
// outcome is as if nothing had happened.
func TestAnotherWorkerGoesOnAfterAnyStatement(t *testing.T) {
	t.Parallel()
	const through = "2026-03-20"
	alone := newFixture(t)
	want := func() []string {
		a, b := alone.loan(), alone.loan()
		alone.closeThrough(through)
		return alone.history(a, b)
	}()
	f, dsn := reachable(t)
	a, b := f.loan(), f.loan()
	r := f.order(through)
	deaths := 0
	for f.run(r.RunID).Status != "DONE" {
		point, fault := int64(1+(7*deaths)%61), pgfault.CutBefore
		if deaths%2 == 1 {
			fault = pgfault.CutAfter
		}
		d := f.dying(t, dsn)
		d.workUntil(t.Context(), point, fault)
		deaths++
		f.pass(leaseTime)
		if deaths > 400 {
			t.Fatalf("no end after %d deaths: %+v", deaths, f.run(r.RunID))
		}
	}
	t.Logf("the worker died %d times", deaths)
	if deaths < 15 {
		t.Errorf("only %d deaths", deaths)
	}
	if diff := cmp.Diff(want, f.history(a, b)); diff != "" {
		t.Errorf("history (-uninterrupted +resumed):\n%s", diff)
	}
	if got := f.run(r.RunID); got.ClosedDays != got.TotalDays || got.LoansOverdue != 4 {
		t.Errorf("run %+v", got)
	}
	loandbtest.TieOut(t, f.db, a, b)
}

// A worker that was only slow, and wakes with the share of a part that somebody
// else has taken since, writes nothing.
func TestASlowWorkerLosesItsShare(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.loan()
	f.closeThrough("2026-02-13")
	r := f.order("2026-02-14")
	ctx := context.Background()
	slow := f.another()
	held, taken, _, err := slow.take(ctx, r.RunID)
	if err != nil || !taken {
		t.Fatalf("share: %v, %v", taken, err)
	}
	if err := f.service.work(ctx); err != nil {
		t.Fatal(err)
	}
	if f.run(r.RunID).Status == "DONE" {
		t.Error("the run ended while a share was held")
	}
	f.pass(leaseTime)
	if err := f.service.work(ctx); err != nil {
		t.Fatal(err)
	}
	before := f.history(id)
	if err := slow.carryOut(ctx, &held); err == nil {
		t.Error("the slow worker wrote")
	}
	if diff := cmp.Diff(before, f.history(id)); diff != "" {
		t.Errorf("history (-before +after):\n%s", diff)
	}
	if got := f.run(r.RunID); got.Status != "DONE" {
		t.Errorf("run %+v", got)
	}
}
