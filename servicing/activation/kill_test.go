package activation

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// A child process of TestKilledWhilePayingOut is this test program with this set.
const childNow = "TENOR_TEST_CHILD_NOW"

func TestMain(m *testing.M) {
	if dbtest.IsChild() {
		fmt.Fprintln(os.Stderr, payOutForEver())
		os.Exit(1) // a child ends by being killed
	}
	os.Exit(m.Run())
}

func payOutForEver() error {
	ctx := context.Background()
	now, err := time.Parse(time.RFC3339, os.Getenv(childNow))
	if err != nil {
		return err
	}
	db, err := dbtest.OpenChild(ctx, 1)
	if err != nil {
		return err
	}
	clock := func() time.Time { return now }
	s := &Service{
		env: &app.Env{
			DB: db, Commands: command.NewRunner(db, clock), Now: clock, NewID: uuid.New,
			Outbox: stream.NewOutbox("/tenor/core", uuid.New, func() {}), Log: slog.New(slog.DiscardHandler),
		},
		channel: &simulatedBank{db: db, now: clock}, wake: make(chan struct{}, 1),
	}
	for err == nil {
		_, err = s.payOut(ctx)
	}
	return err
}

// messagesOfAPayout is how many messages a batch of payouts sends to the
// database: claiming, paying at the simulated bank, and recording.
const messagesOfAPayout = 20

// A process is killed at each message to the database that a batch of payouts
// takes. Its successor asks the bank again when the lease is over: nobody is
// paid twice, and every loan is paid out and announced once.
func TestKilledWhilePayingOut(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dsn := dbtest.DSN(t, "core")
	db, err := database.Open(ctx, database.Config{DSN: dsn, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	f := fixtureOn(t, db)
	now := loandbtest.Now
	f.env.Now = func() time.Time { return now }
	const each = 3
	var loans []uuid.UUID
	for point := range 2 * messagesOfAPayout * dbtest.Kills() {
		signed := make([]event.AgreementSigned, each)
		for i := range signed {
			signed[i] = f.signed()
		}
		loandbtest.InTx(t, db, func(ctx context.Context, tx database.Tx) error {
			return f.service.onAgreementsSigned(ctx, tx, signed)
		})
		dbtest.KillChild(t, dsn, 2+point/2%messagesOfAPayout, point%2 == 1, childNow+"="+now.Format(time.RFC3339))
		now = now.Add(payoutLease)
		f.service.channel = &simulatedBank{db: db, now: f.env.Now}
		for _, e := range signed {
			loans = append(loans, f.paidOut(f.trigger(e.ApplicationID).LoanID))
		}
	}
	loandbtest.TieOut(t, db, loans...)
	var paid int
	loandbtest.InTx(t, db, func(ctx context.Context, tx database.Tx) error {
		return tx.QueryRow(ctx, `select count(*) from simulated_payout`).Scan(&paid)
	})
	if paid != len(loans) {
		t.Errorf("%d payouts of %d loans", paid, len(loans))
	}
	if got := len(streamtest.Types(t, db)); got != 4*len(loans) {
		t.Errorf("%d events of %d loans", got, len(loans))
	}
}

// paidOut pays out until the loan is active: the server may still hold the locks
// of a process that has just died.
func (f *fixture) paidOut(loan uuid.UUID) uuid.UUID {
	f.t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); f.account(loan).Status != "ACTIVE"; {
		if time.Now().After(deadline) {
			f.t.Fatalf("not paid out: %+v", f.account(loan))
		}
		f.payOut()
	}
	return loan
}
