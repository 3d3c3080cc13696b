package repayment

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// What people do wrong with payments, and what they are told: each line refuses
// and changes nothing, or is taken for what it is. Closing a business day that is
// closed is among the tests of close-of-day.
func TestWhatIsWrongWithPayments(t *testing.T) {
	t.Parallel()
	with := func(f *fixture, key string, value any) map[string]any {
		body := f.body("100.00")
		body[key] = value
		return body
	}
	tests := map[string]struct {
		do     func(*fixture) *httpapitest.Answer
		status int
		slug   string
		field  string
		says   string
	}{
		"wrong currency": {
			do: func(f *fixture) *httpapitest.Answer {
				return f.partner.Post("/api/v1/payments", with(f, "amount", amountBody{"100.00", "USD"}))
			}, status: http.StatusUnprocessableEntity, slug: "invalid-value", field: "body.amount.currency", says: "INR",
		},
		"in the future": { // the window ends with the business date
			do: func(f *fixture) *httpapitest.Answer {
				return f.partner.Post("/api/v1/payments", with(f, "value_date", "2026-02-16"))
			}, status: http.StatusUnprocessableEntity, slug: "invalid-value", field: "body.value_date", says: "2026-02-15",
		},
		"before the disbursement": {
			do: func(f *fixture) *httpapitest.Answer {
				return f.partner.Post("/api/v1/payments", with(f, "value_date", "2026-01-14"))
			}, status: http.StatusUnprocessableEntity, slug: "invalid-value", field: "body.value_date", says: "2026-01-15",
		},
		"of a loan that is not disbursed": {
			do: func(f *fixture) *httpapitest.Answer {
				pending := loandbtest.Activate(f.t, f.db, f.book, f.customer, loandbtest.RBITerms(f.book.BusinessDate))
				return f.partner.Post("/api/v1/payments", with(f, "loan_id", pending.ID))
			}, status: http.StatusConflict, slug: "loan-not-active", says: "PENDING",
		},
		"of a closed loan": {
			do: func(f *fixture) *httpapitest.Answer {
				f.pay(f.partner, f.body("25000.00"))
				return f.partner.Post("/api/v1/payments", f.body("100.00"))
			}, status: http.StatusConflict, slug: "loan-not-active", says: "CLOSED",
		},
		"a recovery of a loan that is not written off": {
			do: func(f *fixture) *httpapitest.Answer {
				return f.partner.Post("/api/v1/payments", with(f, "kind", "RECOVERY"))
			}, status: http.StatusConflict, slug: "loan-not-active", says: "ACTIVE",
		},
		"of zero": {
			do: func(f *fixture) *httpapitest.Answer {
				return f.partner.Post("/api/v1/payments", with(f, "amount", rupees("0.00")))
			}, status: http.StatusUnprocessableEntity, slug: "invalid-value", field: "body.amount.amount", says: "above zero",
		},
		"a payoff below the payoff": {
			do: func(f *fixture) *httpapitest.Answer {
				return f.partner.Post("/api/v1/payments", with(f, "kind", "PAYOFF"))
			}, status: http.StatusConflict, slug: "payoff-short", says: "20250.00 INR",
		},
		"proof for another's payment": {
			do: func(f *fixture) *httpapitest.Answer {
				declared := f.pay(f.owner, f.body("100.00"))
				return f.prove(f.http.As(uuid.New(), access.Customer), declared.PaymentID, receipt(f.t))
			}, status: http.StatusNotFound, slug: "payment-not-found",
		},
		"closing while something is owed": {
			do: func(f *fixture) *httpapitest.Answer {
				return f.system.Post(f.loanPath("close"), nil)
			}, status: http.StatusConflict, slug: "loan-outstanding", says: "23273.58 INR",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.t = t
			f.startDay("2026-02-15")
			answer := test.do(f)
			problem := answer.WantProblem(test.status, test.slug)
			if test.field != "" {
				problem.WantField(t, test.field)
			}
			if !strings.Contains(string(answer.Body), test.says) {
				t.Errorf("the answer does not say %q: %s", test.says, answer.Body)
			}
			loandbtest.TieOut(t, f.db, f.loan)
		})
	}
}

// Above the payoff a payment closes the loan, and the rest is owed to the borrower.
func TestWhatIsPaidTooMuchIsOwed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	body := f.body("20000.01")
	body["kind"] = "PAYOFF"
	if paid := f.pay(f.partner, body); paid.LoanStatus != "CLOSED" || paid.Split["overpaid"] != rupees("0.01") {
		t.Errorf("payment %+v", paid)
	}
	loandbtest.TieOut(t, f.db, f.loan)
}

// After a write-off a payment is a recovery by its value date: one that counts
// from before it is a payment, and one that was declared before it is recovered.
func TestPaymentsAroundAWriteOff(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.startDay("2026-02-15")
	declared := f.pay(f.owner, f.body("100.00"))
	f.prove(f.owner, declared.PaymentID, receipt(t)).Want(http.StatusOK)
	f.order(f.http.As(uuid.New(), access.CreditHead), "write-off", map[string]any{"reason": "gone"})
	var recovered struct{ Kind, Status string }
	f.verify(f.officer, declared.PaymentID, "APPROVE", "").Want(http.StatusOK).Into(&recovered)
	if recovered.Kind != "RECOVERY" || recovered.Status != "POSTED" {
		t.Errorf("a payment declared before the write-off: %+v", recovered)
	}
	if loan := loandbtest.Loan(t, f.db, f.loan); loan.Recovered.Total() != loandbtest.INR(10_000) {
		t.Errorf("recovered %s", loan.Recovered.Total())
	}
	early := f.body("100.00")
	early["value_date"] = "2026-02-14"
	var paid struct{ Kind, Status string }
	f.partner.Post("/api/v1/payments", early).Want(http.StatusCreated).Into(&paid)
	loan := loandbtest.Loan(t, f.db, f.loan)
	if paid.Kind != "NORMAL" || loan.Status != servicing.WrittenDown || loan.WrittenOff.Total().Minor() >= 2_025_000 {
		t.Errorf("a payment from before the write-off: %+v, written off %s", paid, loan.WrittenOff.Total())
	}
	loandbtest.TieOut(t, f.db, f.loan)
}

// Finance may close the books before the business day is: then nothing can be
// booked, and who pays is told why. It used to be an internal error.
func TestPaymentsInAClosedPeriodAreRefusedByName(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.startDay("2026-02-15")
	loandbtest.ClosePeriod(t, f.db, f.book.BusinessDate.AddDays(31))
	f.unchanged(func() {
		f.partner.Post("/api/v1/payments", f.body("969.73")).WantProblem(http.StatusConflict, "period-closed")
		f.http.As(uuid.New(), access.Manager).Post("/api/v1/loans/"+f.loan.String()+"/write-off", map[string]any{}).
			WantProblem(http.StatusConflict, "period-closed")
		for _, r := range f.batch(f.item("1", "1.00"), f.item("2", "2.00")).Results {
			if r.Status != "REJECTED" || r.Problem == nil || r.Problem.Type != "urn:tenor:problem:period-closed" {
				t.Errorf("payment of a batch: %s, %+v", r.Status, r.Problem)
			}
		}
	})
}
