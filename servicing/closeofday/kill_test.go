package closeofday

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// A child process of TestKilledWhileClosing is this test program with these set.
const (
	childDSN = "TENOR_TEST_CHILD_DSN"
	childNow = "TENOR_TEST_CHILD_NOW"
)

func TestMain(m *testing.M) {
	if os.Getenv(childDSN) != "" {
		fmt.Fprintln(os.Stderr, workForEver())
		os.Exit(1) // a child ends by being killed
	}
	os.Exit(m.Run())
}

// workForEver works on the open run; a line on stdout says that it has begun.
func workForEver() error {
	ctx := context.Background()
	db, err := database.Open(ctx, database.Config{DSN: os.Getenv(childDSN), MaxConns: 2, ApplicationName: "child"})
	if err != nil {
		return err
	}
	cfg, _, err := config.Load(nil, nil, io.Discard)
	if err != nil {
		return err
	}
	now, err := time.Parse(time.RFC3339, os.Getenv(childNow))
	if err != nil {
		return err
	}
	clock := func() time.Time { return now }
	s, err := newService(&app.Env{
		Config: cfg, DB: db, Commands: command.NewRunner(db, clock), Now: clock, NewID: uuid.New,
		Outbox: stream.NewOutbox("/tenor/core", uuid.New, func() {}), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	fmt.Println("working")
	for err == nil {
		err = s.work(ctx)
	}
	return err
}

// A process is killed again and again while it closes a year. Each successor
// goes on when the lease of the one before is over; in the end nothing is
// missing and nothing has happened twice.
func TestKilledWhileClosing(t *testing.T) {
	t.Parallel()
	const through = "2026-12-31"
	alone := newFixture(t)
	want := func() []string { id := alone.loan(); alone.closeThrough(through); return alone.history(id) }()
	dsn := dbtest.DSN(t, "core")
	db, err := database.Open(context.Background(), database.Config{DSN: dsn, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	f := fixtureOn(t, db)
	id := f.loan()
	r := f.order(through)
	kills := 0
	for ; kills < 12 && f.run(r.RunID).Status != "DONE"; kills++ {
		f.pass(leaseTime)
		f.killChild(dsn)
	}
	t.Logf("killed %d times, the last run is %+v", kills, f.run(r.RunID))
	// The database may still be busy with what the dead asked for last, and hold
	// their locks: like any worker, the last one looks again.
	for range 300 {
		f.pass(leaseTime)
		if err := f.service.work(context.Background()); err != nil {
			t.Fatal(err)
		}
		if f.run(r.RunID).Status == "DONE" {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if got := f.run(r.RunID); got.Status != "DONE" || got.ClosedDays != got.TotalDays || got.LoansOverdue != 11 {
		t.Errorf("run %+v", got)
	}
	if diff := cmp.Diff(want, f.history(id)); diff != "" {
		t.Errorf("history (-uninterrupted +killed):\n%s", diff)
	}
	loandbtest.TieOut(t, db, id)
}

// killChild lets a child work for a moment and kills it.
func (f *fixture) killChild(dsn string) {
	f.t.Helper()
	program, err := os.Executable()
	if err != nil {
		f.t.Fatal(err)
	}
	child := exec.CommandContext(context.Background(), program)
	child.Env = append(os.Environ(), childDSN+"="+dsn, childNow+"="+f.env.Now().Format(time.RFC3339))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		f.t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		f.t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, len("working\n"))); err != nil {
		f.t.Fatalf("the child ended by itself: %v", err)
	}
	time.Sleep(20*time.Millisecond + rand.N(150*time.Millisecond)) // somewhere within a step
	if err := child.Process.Kill(); err != nil {
		f.t.Fatal(err)
	}
	_ = child.Wait() // killed, as it should be
}
