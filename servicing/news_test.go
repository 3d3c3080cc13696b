package servicing_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/servicing"
)

// A payment that comes late may undo a change of stage of which the world has
// heard: it hears of the stage that is. It used to go on with the old one.
func TestAStageThatNeverWasIsCorrected(t *testing.T) {
	t.Parallel()
	a := activation(t, rbiTerms(t))
	a.Product.Stages = []servicing.Stage{
		{Number: 1, RatePercent: amortization.MustDecimal("1")},
		{FromDays: 31, Number: 2, RatePercent: amortization.MustDecimal("12.5")},
	}
	b, today := emptyBooks(t), date(t, "2026-04-01")
	b.take(servicing.Activate(a))
	b.take(b.loan.CompleteDisbursement(disbursementID, "bank-1", a.On))
	b.take(b.loan.StartDay(today))
	if got := b.loan.StageNumber(); got != 2 {
		t.Fatalf("stage %d", got)
	}
	change := b.pay(servicing.Normal, 96_973, date(t, "2026-02-15"), today)
	var heard []servicing.StageChanged
	for _, f := range change.Facts {
		if changed, ok := f.(servicing.StageChanged); ok {
			heard = append(heard, changed)
		}
	}
	want := servicing.StageChanged{On: today, From: 2, To: 1, DaysPastDue: 17}
	if len(heard) != 1 || heard[0] != want {
		t.Errorf("heard %+v, want %+v", heard, want)
	}
}

// A loan that a late input completes was repaid on its day and is completed on
// the business date on which that is found.
func TestALoanIsCompletedOnTheBusinessDate(t *testing.T) {
	t.Parallel()
	b, on, today := disbursed(t, rbiTerms(t)), date(t, "2026-02-01"), date(t, "2026-02-15")
	charge := uuid.NewSHA1(loanID, []byte("charge"))
	b.take(b.loan.Charge(servicing.Charge{
		ID: charge, On: on, Component: amortization.PartFee, Amount: inr(1_000), Due: on,
	}, on))
	b.pay(servicing.Normal, b.loan.Outstanding().Total().Minor()-1_000, on, on)
	b.take(b.loan.StartDay(today))
	change, err := b.loan.Reverse(servicing.Reversal{ID: uuid.New(), Target: charge}, today, b.facts...)
	b.take(change, err)
	if b.loan.ClosedOn != on {
		t.Errorf("closed on %s", b.loan.ClosedOn)
	}
	for _, f := range change.Facts {
		if completed, ok := f.(servicing.Completed); ok && completed == (servicing.Completed{On: on, Booked: today}) {
			return
		}
	}
	t.Errorf("facts %+v", change.Facts)
}
