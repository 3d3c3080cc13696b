package loandb_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// announced is a loan of the published illustration, lent on 15 January 2026, and
// what it has announced.
type announced struct {
	t     *testing.T
	loan  servicing.Loan
	facts []servicing.Fact
	told  []event.Event
}

func announcing(t *testing.T, product servicing.Product) *announced {
	t.Helper()
	on := loandbtest.Date(t, "2026-01-15")
	terms := loandbtest.RBITerms(on)
	schedule, err := amortization.New(terms)
	if err != nil {
		t.Fatal(err)
	}
	a := &announced{t: t}
	a.take(servicing.Activate(servicing.Activation{
		LoanID: uuid.New(), ApplicationID: uuid.New(), CustomerID: uuid.New(), BookID: uuid.New(),
		DisbursementID: uuid.New(), Terms: terms, ScheduleHash: schedule.Hash(), On: on, Product: product,
	}))
	a.take(a.loan.CompleteDisbursement(a.loan.Disbursement.ID, "bank-1", on))
	return a
}

// take makes a change the loan's state, and returns what it announces.
func (a *announced) take(change servicing.Change, err error) []event.Event {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
	events := loandb.Events(&change)
	a.loan, a.facts, a.told = change.Loan, append(a.facts, change.Facts...), append(a.told, events...)
	return events
}

// toldOf returns the events of one type.
func toldOf[E event.Event](a *announced) []E {
	var list []E
	for _, e := range a.told {
		if e, ok := e.(E); ok {
			list = append(list, e)
		}
	}
	return list
}

// A loan that is not paid moves through the stages of its product, and back to
// the first when it is; each move is announced once.
func TestStageChangesAreAnnounced(t *testing.T) {
	t.Parallel()
	a := announcing(t, servicing.Product{Stages: []servicing.Stage{
		{Number: 1, RatePercent: amortization.MustDecimal("1")},
		{FromDays: 31, Number: 2, RatePercent: amortization.MustDecimal("10")},
	}})
	a.take(a.loan.StartDay(loandbtest.Date(t, "2026-03-17"))) // 30 days past due
	a.take(a.loan.StartDay(loandbtest.Date(t, "2026-03-18")))
	a.take(a.loan.StartDay(loandbtest.Date(t, "2026-03-19")))
	paid := loandbtest.Date(t, "2026-03-20")
	a.take(a.loan.Pay(servicing.Payment{
		ID: uuid.New(), Kind: servicing.Normal, Amount: loandbtest.INR(300_000), ValueDate: paid,
	}, paid, a.facts...))
	a.take(a.loan.StartDay(paid.AddDays(1)))
	var moves [][2]int
	for _, e := range toldOf[event.LoanStageChanged](a) {
		if e.LoanID != a.loan.ID {
			t.Errorf("event %+v", e)
		}
		moves = append(moves, [2]int{e.From, e.To})
	}
	if want := [][2]int{{0, 1}, {1, 2}, {2, 1}}; len(moves) != len(want) || moves[0] != want[0] ||
		moves[1] != want[1] || moves[2] != want[2] {
		t.Errorf("moves %v, want %v", moves, want)
	}
}

// A late fee that a late payment takes back is announced with the figures with
// which it was charged.
func TestALateFeeTakenBackIsAnnounced(t *testing.T) {
	t.Parallel()
	a := announcing(t, servicing.Product{LateFee: servicing.LateFee{GraceDays: 3, Amount: loandbtest.INR(5_000)}})
	business := loandbtest.Date(t, "2026-02-20")
	a.take(a.loan.StartDay(business))
	a.take(a.loan.Pay(servicing.Payment{
		ID: uuid.New(), Kind: servicing.Normal, Amount: loandbtest.INR(96_973), ValueDate: loandbtest.Date(t, "2026-02-14"),
	}, business, a.facts...))
	charged, back := toldOf[event.LateFeeCharged](a), toldOf[event.LateFeeReversed](a)
	if len(charged) != 1 || len(back) != 1 {
		t.Fatalf("charged %+v, taken back %+v", charged, back)
	}
	fee := charged[0]
	want := event.LateFeeReversed{
		OnLoan: loandb.OnLoan(&a.loan), Instalment: fee.Instalment, DueDate: fee.DueDate, Amount: loandbtest.INR(5_000),
		ValueDate: loandbtest.Date(t, "2026-02-19"),
	}
	if back[0] != want {
		t.Errorf("taken back %+v, want %+v", back[0], want)
	}
}

// What staff order is announced with what it was: a listener needs no other
// service to know how a loan stands.
func TestWhatStaffOrderIsAnnounced(t *testing.T) {
	t.Parallel()
	a := announcing(t, servicing.Product{})
	day := loandbtest.Date(t, "2026-02-15")
	a.take(a.loan.StartDay(day))
	a.take(a.loan.Pay(servicing.Payment{
		ID: uuid.New(), Kind: servicing.Normal, Amount: loandbtest.INR(96_973), ValueDate: day,
	}, day, a.facts...))
	l, fee := loandb.OnLoan(&a.loan), uuid.New()
	told := func(what string, got []event.Event, want ...event.Event) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	told("charge", a.take(a.loan.Charge(servicing.Charge{
		ID: fee, On: day, Due: day, Component: amortization.PartFee, Amount: loandbtest.INR(5_000), Reason: "visit",
	}, day, a.facts...)), event.LoanCharged{
		OnLoan: l, ChargeID: fee, Component: "FEE", Amount: loandbtest.INR(5_000), DueDate: day, Reason: "visit",
	})
	told("waiver", a.take(a.loan.Waive(servicing.Waiver{
		ID: uuid.New(), On: day, Component: amortization.PartFee, Amount: loandbtest.INR(5_000), Reason: "hardship",
	}, day, a.facts...)), event.LoanWaived{
		OnLoan: l, ValueDate: day, Component: "FEE", Amount: loandbtest.INR(5_000), Reason: "hardship",
	})
	told("new plan", a.take(a.loan.Reschedule(servicing.Rescheduling{
		ID: uuid.New(), On: day, Change: amortization.Rescheduling{Instalments: 35}, Reason: "illness",
	}, day, a.facts...)), event.LoanRescheduled{
		OnLoan: l, ValueDate: day, Instalments: 36, LastDueDate: loandbtest.Date(t, "2029-01-15"),
		Outstanding: a.loan.Outstanding().Total(), Reason: "illness",
	})
	told("chargeback", a.take(a.loan.ChargeBack(servicing.Chargeback{
		ID: uuid.New(), By: servicing.ByBank, On: day, Amount: loandbtest.INR(50_000), Reason: "disputed",
	}, day, a.facts...)), event.LoanChargedBack{
		OnLoan: l, ValueDate: day, Amount: loandbtest.INR(50_000), Reason: "disputed",
	})
	quote, err := a.loan.PayoffQuote(day)
	if err != nil {
		t.Fatal(err)
	}
	open, before := a.loan, a.facts
	a.take(a.loan.Pay(servicing.Payment{
		ID: uuid.New(), Kind: servicing.Payoff, Amount: loandbtest.INR(quote.Total.Minor() + 700), ValueDate: day,
	}, day, a.facts...))
	told("refund", a.take(a.loan.Refund(servicing.Refund{
		ID: uuid.New(), On: day, Amount: loandbtest.INR(700), AfterPayoff: true, Reason: "overpaid",
	}, day, a.facts...)), event.LoanRefunded{OnLoan: l, ValueDate: day, Amount: loandbtest.INR(700), Reason: "overpaid"})
	a.loan, a.facts = open, before
	told("charge-off", a.take(a.loan.ChargeOff(servicing.ChargeOff{
		ID: uuid.New(), On: day, Fraud: true, Reason: "forged",
	}, day, a.facts...)), event.LoanChargedOff{
		OnLoan: l, ValueDate: day, Amount: loandbtest.INR(1_978_027), Fraud: true, Reason: "forged",
	})
	told("write-off", a.take(a.loan.WriteOff(servicing.WriteOff{
		ID: uuid.New(), On: day, Reason: "insolvent",
	}, day, a.facts...)), event.LoanWrittenOff{
		OnLoan: l, ValueDate: day, Amount: loandbtest.INR(0), Reason: "insolvent",
	})
}
