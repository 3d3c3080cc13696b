package closeofday

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// A child process of TestKilledWhileClosing is this test program with this set.
const childNow = "TENOR_TEST_CHILD_NOW"

func TestMain(m *testing.M) {
	if dbtest.IsChild() {
		fmt.Fprintln(os.Stderr, workForEver())
		os.Exit(1) // a child ends by being killed
	}
	os.Exit(m.Run())
}

// workForEver works on the open run.
func workForEver() error {
	ctx := context.Background()
	db, err := dbtest.OpenChild(ctx, 1)
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
	for err == nil {
		err = s.work(ctx)
	}
	return err
}

// messagesOfADay is at least how many messages closing a day sends to the
// database, the one in which the pool says hello left out.
const messagesOfADay = 40

// A process is killed at each message to the database that closing a day takes,
// before it is sent and after it is answered. Its successor goes on when the
// lease is over: every day is closed once, what falls overdue is said once, and
// the books agree with the loans.
func TestKilledWhileClosing(t *testing.T) {
	t.Parallel()
	dsn := dbtest.DSN(t, "core")
	db, err := database.Open(context.Background(), database.Config{DSN: dsn, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	f := fixtureOn(t, db)
	const loanEvery = 20
	var loans []uuid.UUID
	unfinished := 0
	points := 2 * messagesOfADay * dbtest.Kills()
	day := f.book.BusinessDate
	for point := range points {
		if point%loanEvery == 0 {
			book := f.book
			book.BusinessDate = day
			loans = append(loans, loandbtest.Active(t, db, book, uuid.New(), loandbtest.RBITerms(day)).ID)
		}
		r := f.order(day.String())
		dbtest.KillChild(t, dsn, 2+point/2%messagesOfADay, point%2 == 1, childNow+"="+f.env.Now().Format(time.RFC3339))
		if f.run(r.RunID).Status != "DONE" {
			unfinished++
		}
		f.pass(24 * time.Hour) // the lease is over
		if got := f.closed(r.RunID); got.ClosedDays != 1 {
			t.Fatalf("killed at message %d: %+v", 2+point/2%messagesOfADay, got)
		}
		day = day.AddDays(1)
	}
	t.Logf("killed %d times, %d of them before the day was closed", points, unfinished)
	if unfinished < points/2 {
		t.Errorf("of %d kills only %d came before the end of the day", points, unfinished)
	}
	overdue, closed := 0, 0
	for _, id := range loans {
		loan := loandbtest.Loan(t, db, id)
		for i := range loan.Instalments {
			if loan.Instalments[i].Due.Before(day) {
				overdue++
			}
		}
	}
	for _, kind := range streamtest.Types(t, db) {
		switch kind {
		case event.PaymentOverdue{}.Type():
			overdue--
		case event.BusinessDayClosed{}.Type():
			closed++
		}
	}
	if overdue != 0 || closed != points {
		t.Errorf("%d instalments more or less are overdue than was said; %d days of %d were closed", overdue, closed, points)
	}
	loandbtest.TieOut(t, db, loans...)
}

// closed works until the run is done: the server may still hold the locks of a
// process that has just died.
func (f *fixture) closed(id uuid.UUID) runBody {
	f.t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if err := f.service.work(context.Background()); err != nil && !f.service.mayPass(context.Background(), err) {
			f.t.Fatal(err)
		}
		if got := f.run(id); got.Status == "DONE" {
			return got
		} else if time.Now().After(deadline) {
			f.t.Fatalf("not closed: %+v", got)
		}
	}
}
