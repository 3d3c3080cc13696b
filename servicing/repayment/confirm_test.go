package repayment

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/ledger/reconcilesvc"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

const bankDesk = "/api/v1/ledger/reconciliation"

// withBank is a fixture with the reconciliation of the bank account beside it.
type withBank struct {
	*fixture
	finance       *httpapitest.Client
	subscriptions []stream.Subscription
	runs          int
}

func newFixtureWithBank(t *testing.T) *withBank {
	t.Helper()
	f := fixtureOn(t, dbtest.New(t, "core"))
	own, err := New(f.env)
	if err != nil {
		t.Fatal(err)
	}
	bank, err := reconcilesvc.New(f.env)
	if err != nil {
		t.Fatal(err)
	}
	routes := own.Routes
	own.Routes = func(api *httpapi.API) {
		routes(api)
		bank.Routes(api)
	}
	f.http = httpapitest.New(t, own)
	f.partner = f.http.As(uuid.New(), access.Partner)
	f.owner, f.officer = f.http.As(f.customer, access.Customer), f.http.As(uuid.New(), access.Officer)
	b := &withBank{fixture: f, finance: f.http.As(uuid.New(), access.Finance), subscriptions: own.Subscriptions}
	b.finance.Put(bankDesk+"/csv-mappings/house", map[string]any{
		"delimiter": ",", "header": true, "decimal": ".", "date_layout": "YYYY-MM-DD", "booking_date": "date",
		"amount": "amount", "reference": "reference",
	}).Want(http.StatusOK)
	return b
}

// reconcile imports lines of the bank and runs the reconciliation. It returns
// what that announced.
func (b *withBank) reconcile(lines string) event.ReconciliationCompleted {
	b.t.Helper()
	b.runs++
	b.finance.Post(bankDesk+"/statements?account=1000.INR&format=CSV&mapping=house", "date,reference,amount\n"+lines).
		Want(http.StatusCreated)
	b.finance.Post(bankDesk+"/runs", map[string]any{"account": "1000.INR"}).Want(http.StatusCreated)
	return streamtest.Last[event.ReconciliationCompleted](b.t, b.db)
}

// hear delivers an event, each time as a new one.
func (b *withBank) hear(e event.ReconciliationCompleted) {
	b.t.Helper()
	streamtest.Deliver(b.t, b.db, "repayment", b.subscriptions, e)
}

func (b *withBank) declare(reference, amount string) uuid.UUID {
	b.t.Helper()
	body := b.body(amount)
	body["reference"] = reference
	return b.pay(b.owner, body).PaymentID
}

func (b *withBank) statusOf(payment uuid.UUID) string {
	b.t.Helper()
	var history struct {
		Payments []struct {
			PaymentID uuid.UUID `json:"payment_id"`
			Status    string    `json:"status"`
		} `json:"payments"`
	}
	b.owner.Get("/api/v1/payments/" + b.loan.String() + "/history").Want(http.StatusOK).Into(&history)
	for _, p := range history.Payments {
		if p.PaymentID == payment {
			return p.Status
		}
	}
	b.t.Fatalf("payment %s is not in the history", payment)
	return ""
}

// A declared payment that the bank has seen is posted once, without an officer,
// however often the reconciliation is announced or done again.
func TestABankLineConfirmsADeclaredPayment(t *testing.T) {
	t.Parallel()
	b := newFixtureWithBank(t)
	payment := b.declare("UTR 412345678901", "969.73")
	before := b.outstanding()
	done := b.reconcile("2026-01-16,utr-412345678901,969.73\n")
	if b.statusOf(payment) != "DECLARED" {
		t.Fatal("posted before it was heard of")
	}
	env := streamtest.Envelope(t, done)
	for range 2 { // the same event, and then another one about the same run
		if err := streamtest.TryDeliver(t, b.db, "repayment", b.subscriptions, env); err != nil {
			t.Fatal(err)
		}
	}
	b.hear(done)
	if got := b.statusOf(payment); got != "POSTED" || b.outstanding() != before-96_973 {
		t.Errorf("payment is %s, outstanding %d, was %d", got, b.outstanding(), before)
	}
	if verified := streamtest.Last[event.PaymentVerified](t, b.db); verified.PaymentID != payment {
		t.Errorf("event %+v", verified)
	}
	var lines struct {
		Items []struct {
			MatchID *uuid.UUID `json:"match_id"`
		} `json:"items"`
	}
	b.finance.Get(bankDesk + "/bank-lines?account=1000.INR").Want(http.StatusOK).Into(&lines)
	if len(lines.Items) != 1 || lines.Items[0].MatchID == nil {
		t.Errorf("the bank line is not matched: %+v", lines)
	}
	b.unchanged(func() {
		b.officer.Post("/api/v1/payments/"+payment.String()+"/verify", map[string]any{"decision": "APPROVE"}).
			WantProblem(http.StatusConflict, "payment-decided")
	})
	again := b.declare("UTR 412345678901", "969.73") // the line is taken
	b.hear(b.reconcile("2026-01-17,another,1.00\n"))
	if got := b.statusOf(again); got != "DECLARED" {
		t.Errorf("a second payment with the reference is %s", got)
	}
	loandbtest.TieOut(t, b.db, b.loan)
}

// What is not clearly one payment waits for an officer.
func TestWhatTheBankDoesNotTellIsLeftToAnOfficer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		declare [][2]string
		lines   string
	}{
		"another amount":      {[][2]string{{"UTR 412345678901", "969.73"}}, "2026-01-16,UTR 412345678901,969.72\n"},
		"another reference":   {[][2]string{{"UTR 412345678901", "969.73"}}, "2026-01-16,UTR 412345678902,969.73\n"},
		"a short reference":   {[][2]string{{"UTR 1", "969.73"}}, "2026-01-16,UTR 1,969.73\n"},
		"money that went out": {[][2]string{{"UTR 412345678901", "969.73"}}, "2026-01-16,UTR 412345678901,-969.73\n"},
		"booked before":       {[][2]string{{"UTR 412345678901", "969.73"}}, "2026-01-14,UTR 412345678901,969.73\n"},
		"booked much later":   {[][2]string{{"UTR 412345678901", "969.73"}}, "2026-01-26,UTR 412345678901,969.73\n"},
		"two lines": {
			[][2]string{{"UTR 412345678901", "969.73"}},
			"2026-01-16,UTR 412345678901,969.73\n2026-01-17,UTR 412345678901,969.73\n",
		},
		"two payments": {
			[][2]string{{"UTR 412345678901", "969.73"}, {"UTR-412345678901", "969.73"}},
			"2026-01-16,UTR 412345678901,969.73\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newFixtureWithBank(t)
			var payments []uuid.UUID
			for _, p := range test.declare {
				payments = append(payments, b.declare(p[0], p[1]))
			}
			b.hear(b.reconcile(test.lines))
			for _, payment := range payments {
				if got := b.statusOf(payment); got != "DECLARED" {
					t.Errorf("payment is %s", got)
				}
			}
		})
	}
}

// A payment whose loan was repaid meanwhile is not posted by the bank's word,
// and does not hold up the others.
func TestALoanThatTakesNothingHoldsUpNobody(t *testing.T) {
	t.Parallel()
	b := newFixtureWithBank(t)
	stuck := b.declare("UTR 111111111111", "100.00")
	other := loandbtest.Active(t, b.db, b.book, b.customer, loandbtest.RBITerms(b.book.BusinessDate))
	b.pay(b.partner, b.body("25000.00"))
	first := b.loan
	b.loan = other.ID
	fine := b.declare("UTR 222222222222", "100.00")
	b.hear(b.reconcile("2026-01-16,UTR 111111111111,100.00\n2026-01-16,UTR 222222222222,100.00\n"))
	if got := b.statusOf(fine); got != "POSTED" {
		t.Errorf("the payment of the other loan is %s", got)
	}
	b.loan = first
	if got := b.statusOf(stuck); got != "DECLARED" {
		t.Errorf("the payment of a loan that was repaid is %s", got)
	}
	loandbtest.TieOut(t, b.db, first, other.ID)
}

// What a partner has posted belongs to its own bank line, whoever declares to
// have paid with it.
func TestALineOfABookedPaymentConfirmsNoOther(t *testing.T) {
	t.Parallel()
	b := newFixtureWithBank(t)
	declared := b.declare("UTR 412345678901", "50.00")
	body := b.body("50.00")
	body["reference"] = "UTR 412345678901"
	b.pay(b.partner, body)
	b.hear(b.reconcile(fmt.Sprintf("2026-01-15,%s,50.00\n", b.loan)))
	if got := b.statusOf(declared); got != "DECLARED" {
		t.Errorf("payment is %s", got)
	}
}
