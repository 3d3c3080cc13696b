package repayment

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// A child process of TestKilledWhilePaying is this test program with these set.
const (
	childLoan = "TENOR_TEST_CHILD_LOAN"
	childFrom = "TENOR_TEST_CHILD_FROM"
)

func TestMain(m *testing.M) {
	if dbtest.IsChild() {
		fmt.Fprintln(os.Stderr, payForEver())
		os.Exit(1) // a child ends by being killed
	}
	os.Exit(m.Run())
}

var payer = access.Actor{
	ID: uuid.MustParse("0b0b5f0e-6d55-4b3e-9f0c-0c6f4f6b1d77"), Roles: []access.Role{access.Partner},
}

// payForEver makes payments with the keys n, n+1, … and prints each key once
// its payment is acknowledged.
func payForEver() error {
	ctx := context.Background()
	db, err := dbtest.OpenChild(ctx, 1)
	if err != nil {
		return err
	}
	loan, err := uuid.Parse(os.Getenv(childLoan))
	if err != nil {
		return err
	}
	s := serviceOn(db)
	n, err := strconv.Atoi(os.Getenv(childFrom))
	for ; err == nil; n++ {
		if _, err = payKey(ctx, s, loan, n); err == nil {
			fmt.Println(n)
		}
	}
	return err
}

func serviceOn(db *database.DB) *Service {
	return newService(&app.Env{
		DB: db, Commands: command.NewRunner(db, time.Now), Outbox: stream.NewOutbox("/tenor/core", uuid.New, func() {}),
		Now: time.Now, NewID: uuid.New, Log: slog.New(slog.DiscardHandler),
	})
}

func payKey(ctx context.Context, s *Service, loan uuid.UUID, n int) (command.Result[Payment], error) {
	in := NewPayment{LoanID: loan, Amount: loandbtest.INR(100), Kind: servicing.Normal, Channel: "UPI"}
	key, err := command.NewKey(strconv.Itoa(n), in)
	if err != nil {
		return command.Result[Payment]{}, err
	}
	return s.Pay(ctx, payer, key, in)
}

// messagesOfAPayment is at least how many messages a payment sends to the
// database, the one in which the pool says hello left out.
const messagesOfAPayment = 12

// A process is killed at each message to the database that a payment takes,
// before it is sent and after it is answered. What it had acknowledged is
// there, and a repeated key never pays twice.
func TestKilledWhilePaying(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dsn := dbtest.DSN(t, "core")
	db, err := database.Open(ctx, database.Config{DSN: dsn, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	f := fixtureOn(t, db)
	s, next := serviceOn(db), 0
	for point := range 2 * messagesOfAPayment * dbtest.Kills() {
		acknowledged := killChild(t, dsn, f.loan, next, 2+point/2%messagesOfAPayment, point%2 == 1)
		for n := next; n <= acknowledged; n++ {
			result, err := payKey(ctx, s, f.loan, n)
			if err != nil || !result.Replayed {
				t.Fatalf("acknowledged payment %d: replayed %v, %v", n, result.Replayed, err)
			}
		}
		next = acknowledged + 1
		if _, err := payKey(ctx, s, f.loan, next); err != nil { // in flight when the process died, or not even sent
			t.Fatalf("payment %d: %v", next, err)
		}
		next++
	}
	loan := loandbtest.Loan(t, db, f.loan)
	if got, want := loan.Outstanding().Total().Minor(), 2_327_358-int64(next)*100; got != want {
		t.Errorf("outstanding %d after %d payments, want %d", got, next, want)
	}
	if got := len(streamtest.Types(t, db)); got != 2*next {
		t.Errorf("%d events of %d payments", got, next)
	}
	loandbtest.TieOut(t, db, f.loan)
}

// killChild lets a child pay until it dies at the message. It returns the last
// key that the child said was acknowledged.
func killChild(t *testing.T, dsn string, loan uuid.UUID, from, message int, after bool) int {
	t.Helper()
	said := dbtest.KillChild(t, dsn, message, after, childLoan+"="+loan.String(), childFrom+"="+strconv.Itoa(from))
	last := from - 1
	for line := range strings.Lines(said) {
		var err error
		if last, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
			t.Fatalf("the child said %q", said)
		}
	}
	return last
}
