package repayment

import (
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// Each kind of credit pays what is due, is booked against what it stands for,
// and is reversed as a payment is.
func TestCreditsAreBookedAsWhatTheyAre(t *testing.T) {
	t.Parallel()
	for kind, role := range map[string]ledger.Role{
		"GOODWILL_CREDIT": ledger.GoodwillCredit, "INTEREST_REFUND": ledger.InterestOnLoans,
		"FEE_ADJUSTMENT": ledger.IncomeFromFees, "PENALTY_ADJUSTMENT": ledger.IncomeFromPenalties,
		"MERCHANT_REFUND": ledger.FundSource, "PAYOUT_REFUND": ledger.FundSource, "DOWN_PAYMENT": ledger.FundSource,
		"TRANSFER": ledger.TransfersSuspense,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			manager := f.http.As(uuid.New(), access.Manager)
			f.startDay("2026-02-15")
			f.pay(f.partner, f.body("300.00")) // the interest, so that a credit is principal alone
			before, owed := loandbtest.Balance(t, f.db, role), f.outstanding()
			var credit paymentAnswer
			manager.Post(f.loanPath("credits"), map[string]any{
				"kind": kind, "amount": rupees("100.00"), "reason": "branch was closed",
			}).Want(http.StatusCreated).Into(&credit)
			moved := loandbtest.Balance(t, f.db, role) - before
			if credit.Status != "POSTED" || f.outstanding() != owed-10_000 || moved != 10_000 && moved != -10_000 {
				t.Errorf("credit %+v moved %d, outstanding %d, was %d", credit, moved, f.outstanding(), owed)
			}
			loandbtest.TieOut(t, f.db, f.loan)
			f.officer.Post(f.reversePath(credit.PaymentID), map[string]any{"reason": "mistake"}).Want(http.StatusOK)
			if f.outstanding() != owed || loandbtest.Balance(t, f.db, role) != before {
				t.Errorf("after the reversal: outstanding %d, was %d", f.outstanding(), owed)
			}
			loandbtest.TieOut(t, f.db, f.loan)
		})
	}
}

func TestCreditsThatAreRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	manager := f.http.As(uuid.New(), access.Manager)
	body := map[string]any{"kind": "GOODWILL_CREDIT", "amount": rupees("100.00"), "reason": "courtesy"}
	f.unchanged(func() {
		f.officer.Post(f.loanPath("credits"), body).WantProblem(http.StatusForbidden, "forbidden")
		f.partner.Post(f.loanPath("credits"), body).WantProblem(http.StatusForbidden, "forbidden")
		body["value_date"] = "2026-01-16"
		manager.Post(f.loanPath("credits"), body).WantProblem(http.StatusUnprocessableEntity, "invalid-value").
			WantField(t, "body.value_date")
		body["kind"] = "NORMAL"
		manager.Post(f.loanPath("credits"), body).Want(http.StatusUnprocessableEntity)
	})
}

// What is quoted is what the payment does, in both ways.
func TestAPrepaymentDoesWhatWasQuoted(t *testing.T) {
	t.Parallel()
	for at, kind := range []string{"PREPAY_TERM", "PREPAY_INSTALMENT"} {
		f := newFixture(t)
		f.startDay("2026-02-15")
		var quoted struct {
			Quotes []struct {
				Kind        string
				Due         amountBody
				Principal   amountBody
				Instalments int        `json:"instalments_difference"`
				Next        amountBody `json:"next_instalment_after"`
				Maturity    string     `json:"maturity_after"`
			}
		}
		f.unchanged(func() {
			f.owner.Get("/api/v1/payments/" + f.loan.String() + "/prepayment?amount=5000.00").Want(http.StatusOK).Into(&quoted)
		})
		if len(quoted.Quotes) != 2 || quoted.Quotes[at].Kind != kind {
			t.Fatalf("quotes %+v", quoted)
		}
		quote := quoted.Quotes[at]
		if quote.Due != rupees("969.73") || quote.Principal != rupees("4030.27") {
			t.Errorf("%s: due %+v, prepaid %+v", kind, quote.Due, quote.Principal)
		}
		body := f.body("5000.00")
		body["kind"] = kind
		f.pay(f.partner, body)
		after := loandbtest.Loan(t, f.db, f.loan)
		last := after.Instalments[len(after.Instalments)-1].Due.String()
		next, _ := after.NextDue(loandbtest.Date(t, "2026-02-15"))
		open := 0
		for i := range after.Instalments {
			if !after.Instalments[i].Open().IsZero() {
				open++
			}
		}
		if open != 23+quote.Instalments || last != quote.Maturity || next.Charged.Total().Text() != quote.Next.Amount {
			t.Errorf("%s: quoted %+v; %d open instalments until %s, next %+v", kind, quote, open, last, next)
		}
		loandbtest.TieOut(t, f.db, f.loan)
	}
}

func TestPrepaymentsThatAreNotQuoted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	path := "/api/v1/payments/" + f.loan.String() + "/prepayment"
	f.owner.Get(path).Want(http.StatusUnprocessableEntity)
	f.owner.Get(path+"?amount=1.001").WantProblem(http.StatusUnprocessableEntity, "invalid-value")
	f.owner.Get(path+"?amount=0").WantProblem(http.StatusUnprocessableEntity, "invalid-value")
	f.owner.Get(path+"?amount=1&date=2028-01-01").WantProblem(http.StatusUnprocessableEntity, "invalid-value").
		WantField(t, "query.date")
	f.http.As(uuid.New(), access.Customer).Get(path+"?amount=1").WantProblem(http.StatusNotFound, "loan-not-found")
}
