package servicing_test

import (
	"fmt"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/servicing"
)

// feesTold wants that the late fees that the world has heard of, less those that
// were taken back, are the late fees of the loan.
func (w *world) feesTold() {
	told, owed := int64(0), int64(0)
	for _, f := range w.facts {
		switch f := f.(type) {
		case servicing.LateFeeCharged:
			told += f.Amount.Minor()
		case servicing.LateFeeReversed:
			told -= f.Amount.Minor()
		}
	}
	for i := range w.loan.Instalments {
		owed += w.loan.Instalments[i].LateCharged.Minor()
	}
	if told != owed {
		w.t.Fatalf("late fees of %d were told, and the loan has %d", told, owed)
	}
}

// tidings are the late fees that a change tells of.
func tidings(change servicing.Change) []string {
	var told []string
	for _, f := range change.Facts {
		switch f := f.(type) {
		case servicing.LateFeeCharged:
			told = append(told, fmt.Sprintf("%s: %s on %d", f.On, f.Amount.Text(), f.Number))
		case servicing.LateFeeReversed:
			told = append(told, fmt.Sprintf("%s: %s on %d back", f.On, f.Amount.Text(), f.Number))
		}
	}
	return told
}

// A payment that comes in late takes the late fee back, and when the payment
// bounces the fee is charged again: each is told once.
func TestALatePaymentTakesTheLateFeeBack(t *testing.T) {
	t.Parallel()
	b := serviced(t, servicing.Product{LateFee: servicing.LateFee{GraceDays: 3, Amount: inr(5_000)}}, shortTerms(t))
	charged, err := b.loan.StartDay(date(t, "2026-02-20"))
	b.take(charged, err)
	business := date(t, "2026-02-20")
	payment := servicing.Payment{
		ID: uuid.New(), Kind: servicing.Normal, Amount: inr(103_529), ValueDate: date(t, "2026-02-14"),
	}
	paid := b.do(payment, business)
	if got := b.loan.Outstanding().Penalties; !got.IsZero() {
		t.Errorf("penalties of %s after the payment", got)
	}
	bounced := b.do(servicing.Reversal{ID: uuid.New(), Target: payment.ID, Reason: "bounced"}, business)
	if got := b.loan.Outstanding().Penalties; got != inr(5_000) {
		t.Errorf("penalties of %s after it bounced", got)
	}
	payment.ID = uuid.New()
	again := b.do(payment, business)
	later := b.do(servicing.Payment{
		ID: uuid.New(), Kind: servicing.Normal, Amount: inr(100), ValueDate: date(t, "2026-02-13"),
	}, business)
	got := [][]string{tidings(charged), tidings(paid), tidings(bounced), tidings(again), tidings(later)}
	want := [][]string{
		{"2026-02-19: 50.00 on 1"},
		{"2026-02-19: 50.00 on 1 back"},
		{"2026-02-19: 50.00 on 1"},
		{"2026-02-19: 50.00 on 1 back"},
		nil,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if _, err := servicing.Replay(throughJSON(t, b.facts)); err != nil {
		t.Error(err)
	}
}

// A late payment of a part makes a fee in percent smaller: the old one is taken
// back and the new one told.
func TestALatePartPaymentReplacesTheLateFee(t *testing.T) {
	t.Parallel()
	b := serviced(t, servicing.Product{LateFee: servicing.LateFee{
		GraceDays: 3, Percent: amortization.MustDecimal("2"),
	}}, shortTerms(t))
	business := date(t, "2026-02-20")
	b.take(b.loan.StartDay(business)) // 2 % of 1,035.29
	change := b.do(servicing.Payment{
		ID: uuid.New(), Kind: servicing.Normal, Amount: inr(53_529), ValueDate: civil.Date{Year: 2026, Month: 2, Day: 14},
	}, business)
	want := []string{"2026-02-19: 20.71 on 1 back", "2026-02-19: 10.00 on 1"}
	if diff := cmp.Diff(want, tidings(change)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
