package servicing_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
)

// onTheWay returns a loan of 10,000.00 on 1 February 2026, the last 4,000.00 of
// it on their way.
func onTheWay(t *testing.T) *books {
	t.Helper()
	inr, on := money.MustCurrency("INR"), date(t, "2026-02-01")
	b := disbursed(t, amortization.Terms{
		Principal: money.New(1_000_000, inr), AnnualRatePercent: amortization.MustDecimal("12"), Instalments: 12,
		DisbursementDate: date(t, "2026-01-15"),
		Tranches:         []amortization.Tranche{{Date: on, Amount: money.New(400_000, inr)}},
	})
	b.take(b.loan.Do(servicing.Disburse{ID: uuid.NewSHA1(loanID, []byte("tranche")), On: on}, on))
	return b
}

// A loan that is repaid while a tranche is on its way ends with the tranche. It
// used to stay active for ever, and to keep what was never paid out.
func TestALoanRepaidDuringAPayoutEndsWithIt(t *testing.T) {
	t.Parallel()
	for _, kind := range []servicing.PaymentKind{servicing.Payoff, servicing.Normal} {
		for _, paidOut := range []bool{true, false} {
			b, on := onTheWay(t), date(t, "2026-02-01")
			amount := b.loan.Outstanding().Total()
			if kind == servicing.Payoff {
				quote, err := b.loan.PayoffQuote(on)
				if err != nil {
					t.Fatal(err)
				}
				amount = quote.Total
			}
			b.pay(kind, amount.Minor(), on, on)
			if _, err := b.loan.Close(on); !errors.Is(err, servicing.ErrWrongState) {
				t.Errorf("closing while the payout is on its way: %v", err)
			}
			overpaid, later := int64(0), date(t, "2026-02-03")
			if paidOut {
				b.take(b.loan.CompleteDisbursement(b.loan.Disbursement.ID, "bank-2", later, b.facts...))
			} else {
				b.take(b.loan.FailDisbursement(b.loan.Disbursement.ID, "no", later, b.facts...))
				overpaid = 400_000
			}
			if l := &b.loan; l.Status != servicing.Closed || l.ClosedOn != later || !l.Outstanding().IsZero() ||
				!l.Undisbursed.IsZero() || l.Overpaid != inr(overpaid) {
				t.Errorf("%s, paid out %t: %s on %s, open %+v, not lent %s, overpaid %s", kind, paidOut, l.Status, l.ClosedOn,
					l.Outstanding(), l.Undisbursed, l.Overpaid)
			}
			again, err := servicing.Replay(throughJSON(t, b.facts))
			if err != nil || again.Status != servicing.Closed {
				t.Errorf("the fold of its facts: %s, %v", again.Status, err)
			}
		}
	}
}

// What is repaid of a tranche that then fails is owed to the borrower: it used
// to leave principal below zero.
func TestRepayingATrancheThatFailsIsOverpaid(t *testing.T) {
	t.Parallel()
	b, on := onTheWay(t), date(t, "2026-02-01")
	b.pay(servicing.Normal, 900_000, on, on)
	repaid := 1_000_000 - b.loan.Outstanding().Principal.Minor()
	on = on.AddDays(1)
	b.take(b.loan.FailDisbursement(b.loan.Disbursement.ID, "no", on, b.facts...))
	if got, want := b.loan.Overpaid.Minor(), repaid-600_000; got != want || want <= 0 {
		t.Errorf("overpaid %d, repaid beyond what was lent %d", got, want)
	}
	if open := b.loan.Outstanding().Principal; !open.IsZero() || b.loan.Status != servicing.Active {
		t.Errorf("principal of %s is open, the loan is %s", open, b.loan.Status)
	}
	b.take(b.loan.Do(servicing.Disburse{ID: uuid.NewSHA1(loanID, []byte("again")), On: on}, on, b.facts...))
	if open := b.loan.Outstanding().Principal; open != inr(400_000) {
		t.Errorf("principal of %s is open after the tranche was ordered again", open)
	}
}

// The plan is not changed for money that may come back.
func TestThePlanStandsWhileATrancheIsOnItsWay(t *testing.T) {
	t.Parallel()
	b, on := onTheWay(t), date(t, "2026-02-03")
	_, err := b.loan.Do(servicing.Rescheduling{
		ID: uuid.New(), On: on, Change: amortization.Rescheduling{Instalments: 6},
	}, on, b.facts...)
	if !errors.Is(err, servicing.ErrWrongState) {
		t.Errorf("rescheduling: %v", err)
	}
	_, err = b.loan.Pay(servicing.Payment{
		ID: uuid.New(), Kind: servicing.PrepayTerm, Amount: inr(700_000), ValueDate: on,
	}, on, b.facts...)
	if !errors.Is(err, servicing.ErrInvalid) {
		t.Errorf("prepaying: %v", err)
	}
}
