package repayment

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/database/pgfault"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// A key's answer is its first answer, on whatever day it is asked for again: the
// payment keeps the value date that it was posted with.
func TestAKeyKeepsTheValueDateOfItsFirstAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	partner := f.partner.WithKey("night run")
	first := f.pay(partner, f.body("100.00"))
	f.startDay("2026-01-16")
	owed := f.outstanding()
	again := partner.Post("/api/v1/payments", f.body("100.00")).Want(http.StatusCreated)
	var answer paymentAnswer
	again.Into(&answer)
	if first.ValueDate != loandbtest.Date(t, "2026-01-15") || answer.ValueDate != first.ValueDate ||
		answer.PaymentID != first.PaymentID || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("first %+v, again %+v", first, answer)
	}
	if f.outstanding() != owed {
		t.Errorf("paid twice: outstanding %d, was %d", f.outstanding(), owed)
	}
	fresh := f.pay(f.partner, f.body("100.00"))
	if fresh.ValueDate != loandbtest.Date(t, "2026-01-16") {
		t.Errorf("a new payment has the value date %s", fresh.ValueDate)
	}
	loandbtest.TieOut(t, f.db, f.loan)
}

// While a payment's transaction is about to commit the business date moves on,
// and the database asks for another try: nothing of the first one is kept, so
// that the payment counts from the day on which it is booked.
func TestATransactionTriedAgainTakesTheNewBusinessDate(t *testing.T) {
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
	behind, err := database.Open(t.Context(), database.Config{DSN: at.String(), MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(behind.Close)
	today, tomorrow := f.book.BusinessDate, f.book.BusinessDate.AddDays(1)
	var once sync.Once
	proxy.SetPlan(func(p pgfault.Point) pgfault.Fault {
		fault := pgfault.None
		if p.Commit && p.Wrote {
			once.Do(func() { fault = moveDate(t, db, f.book, today, tomorrow) })
		}
		return fault
	})
	in := NewPayment{LoanID: f.loan, Amount: loandbtest.INR(10_000), Kind: servicing.Normal, Channel: "UPI"}
	key, err := command.NewKey("moved", in)
	if err != nil {
		t.Fatal(err)
	}
	result, err := serviceOn(behind).Pay(t.Context(), payer, key, in)
	if err != nil {
		t.Fatal(err)
	}
	if injected, _ := proxy.Injected(pgfault.Serialization); injected != 1 {
		t.Fatalf("%d faults", injected)
	}
	if result.Value.ValueDate != tomorrow {
		t.Errorf("value date %s, want %s", result.Value.ValueDate, tomorrow)
	}
	if verified := streamtest.Last[event.PaymentVerified](t, db); verified.ValueDate != tomorrow {
		t.Errorf("event %+v", verified)
	}
	loandbtest.TieOut(t, db, f.loan)
}

func moveDate(t *testing.T, db *database.DB, book loandb.Book, from, to civil.Date) pgfault.Fault {
	err := database.InTx(context.Background(), db, func(tx database.Tx) error {
		return loandb.MoveBusinessDate(context.Background(), tx, book.ID, from, to)
	})
	if err != nil {
		t.Errorf("moving the business date: %v", err)
	}
	return pgfault.Serialization
}
