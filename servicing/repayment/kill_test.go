package repayment

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
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
	childDSN   = "TENOR_TEST_CHILD_DSN"
	childLoan  = "TENOR_TEST_CHILD_LOAN"
	childFrom  = "TENOR_TEST_CHILD_FROM"
	childPoint = "TENOR_TEST_CHILD_POINT"
	childAfter = "TENOR_TEST_CHILD_AFTER"
)

func TestMain(m *testing.M) {
	if os.Getenv(childDSN) != "" {
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
	point, err := strconv.ParseInt(os.Getenv(childPoint), 10, 64)
	if err != nil {
		return err
	}
	db, err := database.Open(ctx, database.Config{
		DSN: os.Getenv(childDSN), MaxConns: 1, ApplicationName: "child",
		Tracer: dbtest.KillAt(point, os.Getenv(childAfter) != ""),
	})
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
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(context.Background(), program)
	child.Env = append(os.Environ(), childDSN+"="+dsn, childLoan+"="+loan.String(), childFrom+"="+strconv.Itoa(from),
		childPoint+"="+strconv.Itoa(message))
	if after {
		child.Env = append(child.Env, childAfter+"=yes")
	}
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	last := from - 1
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if last, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatalf("the child said %q", lines.Text())
		}
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the child was not killed: %v", err)
	}
	return last
}
