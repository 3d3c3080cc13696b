package repayment

import (
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

func (f *fixture) loanPath(what string) string {
	return "/api/v1/loans/" + f.loan.String() + "/" + what
}

func (f *fixture) reversePath(payment uuid.UUID) string {
	return "/api/v1/payments/" + payment.String() + "/reverse"
}

func (f *fixture) outstanding() int64 {
	f.t.Helper()
	loan := loandbtest.Loan(f.t, f.db, f.loan)
	return loan.Outstanding().Total().Minor()
}

// A reversal takes a payment back to the last paisa; of two with different keys
// one wins, however they race.
func TestOfTwoReversalsOneWins(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	before := f.outstanding()
	paid := f.pay(f.partner, f.body("969.73"))
	answers := make([]*httpapitest.Answer, 2)
	officer := f.officer.Patient()
	var wait sync.WaitGroup
	for i := range answers {
		wait.Go(func() {
			answers[i] = officer.Post(f.reversePath(paid.PaymentID), map[string]any{"reason": "bounced"})
		})
	}
	wait.Wait()
	won := 0
	for _, answer := range answers {
		switch answer.Status {
		case http.StatusOK:
			won++
		case http.StatusConflict:
		default:
			t.Errorf("status %d: %s", answer.Status, answer.Body)
		}
	}
	if won != 1 || f.outstanding() != before {
		t.Errorf("%d reversals won; outstanding %d, was %d", won, f.outstanding(), before)
	}
	reversed := streamtest.Last[event.PaymentReversed](t, f.db)
	if reversed.PaymentID != paid.PaymentID || reversed.Reason != "bounced" {
		t.Errorf("event %+v", reversed)
	}
	loandbtest.TieOut(t, f.db, f.loan)
	f.unchanged(func() {
		f.officer.Post(f.reversePath(paid.PaymentID), map[string]any{"reason": "again"}).
			WantProblem(http.StatusConflict, "payment-decided")
		f.officer.Post(f.reversePath(uuid.New()), map[string]any{"reason": "x"}).
			WantProblem(http.StatusNotFound, "payment-not-found")
		f.partner.Post(f.reversePath(paid.PaymentID), map[string]any{"reason": "x"}).
			WantProblem(http.StatusForbidden, "forbidden")
	})
}

// A reversal of the last payment opens a closed loan again.
func TestAReversalOpensAClosedLoanAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	before := f.outstanding()
	body := f.body("20000.00")
	body["kind"] = "PAYOFF"
	paid := f.pay(f.partner, body)
	if paid.LoanStatus != "CLOSED" {
		t.Fatalf("after the payoff: %s", paid.LoanStatus)
	}
	f.officer.Post(f.reversePath(paid.PaymentID), map[string]any{"reason": "bounced"}).Want(http.StatusOK)
	loan := loandbtest.Loan(t, f.db, f.loan)
	if loan.Status != "ACTIVE" || f.outstanding() != before {
		t.Errorf("after the reversal: %s, outstanding %d", loan.Status, f.outstanding())
	}
	if reopened := streamtest.Last[event.LoanReopened](t, f.db); reopened.Outstanding.Minor() != before {
		t.Errorf("event %+v", reopened)
	}
	loandbtest.TieOut(t, f.db, f.loan)
}

type stateAnswer struct {
	CommandID   uuid.UUID  `json:"command_id"`
	Status      string     `json:"status"`
	Overpaid    amountBody `json:"overpaid"`
	Outstanding struct {
		Fees  amountBody `json:"fees"`
		Total amountBody `json:"total"`
	} `json:"outstanding"`
	Quote *struct {
		QuoteID uuid.UUID `json:"quote_id"`
		Payoff  struct {
			Total amountBody `json:"total"`
		} `json:"payoff"`
	} `json:"quote"`
}

func (f *fixture) order(client *httpapitest.Client, what string, body map[string]any) stateAnswer {
	f.t.Helper()
	var state stateAnswer
	client.Post(f.loanPath(what), body).Want(http.StatusOK).Into(&state)
	loandbtest.TieOut(f.t, f.db, f.loan)
	return state
}

func TestChargesWaiversAndRefunds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	finance := f.http.As(uuid.New(), access.Finance)
	charged := f.order(f.officer, "charges", map[string]any{
		"component": "FEE", "amount": rupees("100.00"), "reason": "cheque returned",
	})
	if charged.Outstanding.Fees != rupees("100.00") {
		t.Errorf("after the charge: %+v", charged)
	}
	told := streamtest.Last[event.LoanCharged](t, f.db)
	if told.Component != "FEE" || told.Amount != loandbtest.INR(10_000) || told.ChargeID != charged.CommandID {
		t.Errorf("event %+v", told)
	}
	waived := f.order(finance, "waive", map[string]any{"component": "FEE", "amount": rupees("40.00")})
	if waived.Outstanding.Fees != rupees("60.00") {
		t.Errorf("after the waiver: %+v", waived)
	}
	body := f.body("20100.00")
	body["kind"] = "PAYOFF"
	f.pay(f.partner, body)
	refunded := f.order(finance, "refund", map[string]any{"amount": rupees("40.00"), "reason": "overpaid"})
	if refunded.Status != "CLOSED" || refunded.Overpaid != rupees("0.00") {
		t.Errorf("after the refund: %+v", refunded)
	}
	f.unchanged(func() {
		finance.Post(f.loanPath("refund"), map[string]any{"amount": rupees("0.01")}).
			WantProblem(http.StatusUnprocessableEntity, "invalid-value").WantField(t, "body.amount.amount")
		f.officer.Post(f.loanPath("charges"), map[string]any{"component": "FEE", "amount": rupees("1.00")}).
			WantProblem(http.StatusConflict, "loan-not-active")
	})
}

// A quote is honoured until it expires, although more has become due meanwhile,
// and not a day longer.
func TestAPromisedPayoffIsHonoured(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	quoted := f.order(f.owner, "payoff-quotes", map[string]any{"until": "2026-02-14"})
	if quoted.Quote == nil {
		t.Fatal("no quote")
	}
	f.startDay("2026-02-14")
	body := f.body(quoted.Quote.Payoff.Total.Amount)
	body["kind"], body["quote_id"] = "PAYOFF", quoted.Quote.QuoteID
	late := f.body(quoted.Quote.Payoff.Total.Amount)
	late["kind"], late["quote_id"] = "PAYOFF", uuid.New()
	if paid := f.pay(f.partner, body); paid.LoanStatus != "CLOSED" || f.outstanding() != 0 {
		t.Errorf("paid %+v, outstanding %d", paid, f.outstanding())
	}
	loandbtest.TieOut(t, f.db, f.loan)
	g := newFixture(t)
	quoted = g.order(g.owner, "payoff-quotes", map[string]any{"until": "2026-01-20"})
	g.startDay("2026-02-15")
	body = g.body(quoted.Quote.Payoff.Total.Amount)
	body["kind"], body["quote_id"] = "PAYOFF", quoted.Quote.QuoteID
	g.unchanged(func() {
		g.partner.Post("/api/v1/payments", body).WantProblem(http.StatusConflict, "quote-void")
		stranger := g.http.As(uuid.New(), access.Customer)
		stranger.Post(g.loanPath("payoff-quotes"), map[string]any{"until": "2026-02-20"}).
			WantProblem(http.StatusNotFound, "loan-not-found")
	})
}

// What comes in on a loan that was given up is recovered, without being called so.
func TestAPaymentOfAWrittenOffLoanIsARecovery(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	head := f.http.As(uuid.New(), access.CreditHead)
	if state := f.order(head, "write-off", map[string]any{"reason": "borrower died"}); state.Status != "WRITTEN_OFF" {
		t.Fatalf("after the write-off: %+v", state)
	}
	var paid struct{ Kind, Status string }
	f.partner.Post("/api/v1/payments", f.body("50.00")).Want(http.StatusCreated).Into(&paid)
	if paid.Kind != "RECOVERY" || paid.Status != "POSTED" {
		t.Errorf("payment %+v", paid)
	}
	loan := loandbtest.Loan(t, f.db, f.loan)
	if got := loan.Recovered.Total().Minor(); got != 5_000 {
		t.Errorf("recovered %d", got)
	}
	loandbtest.TieOut(t, f.db, f.loan)
}

func TestReschedulingAndPrepaying(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.order(f.officer, "reschedule", map[string]any{"instalments": 36})
	if loan := loandbtest.Loan(t, f.db, f.loan); len(loan.Instalments) != 36 {
		t.Errorf("%d instalments", len(loan.Instalments))
	}
	f.unchanged(func() {
		f.officer.Post(f.loanPath("reschedule"), map[string]any{"instalments": 10_000, "annual_rate_percent": "99999"}).
			WantProblem(http.StatusUnprocessableEntity, "invalid-value")
	})
	body := f.body("5000.00")
	body["kind"] = "PREPAY_TERM"
	f.pay(f.partner, body)
	if loan := loandbtest.Loan(t, f.db, f.loan); len(loan.Instalments) >= 36 {
		t.Errorf("%d instalments after the prepayment", len(loan.Instalments))
	}
	loandbtest.TieOut(t, f.db, f.loan)
}
