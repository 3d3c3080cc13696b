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

// A loan that is not paid moves through the stages of its product, and back to
// the first when it is; each move is announced once.
func TestStageChangesAreAnnounced(t *testing.T) {
	t.Parallel()
	on := loandbtest.Date(t, "2026-01-15")
	terms := loandbtest.RBITerms(on)
	schedule, err := amortization.New(terms)
	if err != nil {
		t.Fatal(err)
	}
	var loan servicing.Loan
	var facts []servicing.Fact
	var told []event.LoanStageChanged
	take := func(change servicing.Change, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		loan, facts = change.Loan, append(facts, change.Facts...)
		for _, e := range loandb.Events(&change) {
			if stage, ok := e.(event.LoanStageChanged); ok {
				told = append(told, stage)
			}
		}
	}
	take(servicing.Activate(servicing.Activation{
		LoanID: uuid.New(), ApplicationID: uuid.New(), CustomerID: uuid.New(), BookID: uuid.New(),
		DisbursementID: uuid.New(), Terms: terms, ScheduleHash: schedule.Hash(), On: on,
		Product: servicing.Product{Stages: []servicing.Stage{
			{Number: 1, RatePercent: amortization.MustDecimal("1")},
			{FromDays: 31, Number: 2, RatePercent: amortization.MustDecimal("10")},
		}},
	}))
	take(loan.CompleteDisbursement(loan.Disbursement.ID, "bank-1", on))
	take(loan.StartDay(loandbtest.Date(t, "2026-03-17"))) // 30 days past due
	take(loan.StartDay(loandbtest.Date(t, "2026-03-18")))
	take(loan.StartDay(loandbtest.Date(t, "2026-03-19")))
	paid := loandbtest.Date(t, "2026-03-20")
	take(loan.Pay(servicing.Payment{
		ID: uuid.New(), Kind: servicing.Normal, Amount: loandbtest.INR(300_000), ValueDate: paid,
	}, paid, facts...))
	take(loan.StartDay(paid.AddDays(1)))
	var moves [][2]int
	for _, e := range told {
		if e.LoanID != loan.ID {
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
	on := loandbtest.Date(t, "2026-01-15")
	terms := loandbtest.RBITerms(on)
	schedule, err := amortization.New(terms)
	if err != nil {
		t.Fatal(err)
	}
	var loan servicing.Loan
	var facts []servicing.Fact
	var charged []event.LateFeeCharged
	var back []event.LateFeeReversed
	take := func(change servicing.Change, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		loan, facts = change.Loan, append(facts, change.Facts...)
		for _, e := range loandb.Events(&change) {
			switch e := e.(type) {
			case event.LateFeeCharged:
				charged = append(charged, e)
			case event.LateFeeReversed:
				back = append(back, e)
			}
		}
	}
	take(servicing.Activate(servicing.Activation{
		LoanID: uuid.New(), ApplicationID: uuid.New(), CustomerID: uuid.New(), BookID: uuid.New(),
		DisbursementID: uuid.New(), Terms: terms, ScheduleHash: schedule.Hash(), On: on,
		Product: servicing.Product{LateFee: servicing.LateFee{GraceDays: 3, Amount: loandbtest.INR(5_000)}},
	}))
	take(loan.CompleteDisbursement(loan.Disbursement.ID, "bank-1", on))
	business := loandbtest.Date(t, "2026-02-20")
	take(loan.StartDay(business))
	take(loan.Pay(servicing.Payment{
		ID: uuid.New(), Kind: servicing.Normal, Amount: loandbtest.INR(96_973), ValueDate: loandbtest.Date(t, "2026-02-14"),
	}, business, facts...))
	if len(charged) != 1 || len(back) != 1 {
		t.Fatalf("charged %+v, taken back %+v", charged, back)
	}
	fee := charged[0]
	want := event.LateFeeReversed{
		OnLoan: loandb.OnLoan(&loan), Instalment: fee.Instalment, DueDate: fee.DueDate, Amount: loandbtest.INR(5_000),
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
	on := loandbtest.Date(t, "2026-01-15")
	terms := loandbtest.RBITerms(on)
	schedule, err := amortization.New(terms)
	if err != nil {
		t.Fatal(err)
	}
	var loan servicing.Loan
	var facts []servicing.Fact
	take := func(change servicing.Change, err error) []event.Event {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		loan, facts = change.Loan, append(facts, change.Facts...)
		return loandb.Events(&change)
	}
	take(servicing.Activate(servicing.Activation{
		LoanID: uuid.New(), ApplicationID: uuid.New(), CustomerID: uuid.New(), BookID: uuid.New(),
		DisbursementID: uuid.New(), Terms: terms, ScheduleHash: schedule.Hash(), On: on,
	}))
	take(loan.CompleteDisbursement(loan.Disbursement.ID, "bank-1", on))
	day := loandbtest.Date(t, "2026-02-15")
	take(loan.StartDay(day))
	take(loan.Pay(servicing.Payment{
		ID: uuid.New(), Kind: servicing.Normal, Amount: loandbtest.INR(96_973), ValueDate: day,
	}, day, facts...))
	l, fee := loandb.OnLoan(&loan), uuid.New()
	told := func(what string, got []event.Event, want ...event.Event) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	told("charge", take(loan.Charge(servicing.Charge{
		ID: fee, On: day, Due: day, Component: amortization.PartFee, Amount: loandbtest.INR(5_000), Reason: "visit",
	}, day, facts...)), event.LoanCharged{
		OnLoan: l, ChargeID: fee, Component: "FEE", Amount: loandbtest.INR(5_000), DueDate: day, Reason: "visit",
	})
	told("waiver", take(loan.Waive(servicing.Waiver{
		ID: uuid.New(), On: day, Component: amortization.PartFee, Amount: loandbtest.INR(5_000), Reason: "hardship",
	}, day, facts...)), event.LoanWaived{
		OnLoan: l, ValueDate: day, Component: "FEE", Amount: loandbtest.INR(5_000), Reason: "hardship",
	})
	told("new plan", take(loan.Reschedule(servicing.Rescheduling{
		ID: uuid.New(), On: day, Change: amortization.Rescheduling{Instalments: 35}, Reason: "illness",
	}, day, facts...)), event.LoanRescheduled{
		OnLoan: l, ValueDate: day, Instalments: 36, LastDueDate: loandbtest.Date(t, "2029-01-15"),
		Outstanding: loan.Outstanding().Total(), Reason: "illness",
	})
	told("chargeback", take(loan.ChargeBack(servicing.Chargeback{
		ID: uuid.New(), By: servicing.ByBank, On: day, Amount: loandbtest.INR(50_000), Reason: "disputed",
	}, day, facts...)), event.LoanChargedBack{
		OnLoan: l, ValueDate: day, Amount: loandbtest.INR(50_000), Reason: "disputed",
	})
	quote, err := loan.PayoffQuote(day)
	if err != nil {
		t.Fatal(err)
	}
	open, before := loan, facts
	take(loan.Pay(servicing.Payment{
		ID: uuid.New(), Kind: servicing.Payoff, Amount: loandbtest.INR(quote.Total.Minor() + 700), ValueDate: day,
	}, day, facts...))
	told("refund", take(loan.Refund(servicing.Refund{
		ID: uuid.New(), On: day, Amount: loandbtest.INR(700), AfterPayoff: true, Reason: "overpaid",
	}, day, facts...)), event.LoanRefunded{OnLoan: l, ValueDate: day, Amount: loandbtest.INR(700), Reason: "overpaid"})
	loan, facts = open, before
	told("charge-off", take(loan.ChargeOff(servicing.ChargeOff{
		ID: uuid.New(), On: day, Fraud: true, Reason: "forged",
	}, day, facts...)), event.LoanChargedOff{
		OnLoan: l, ValueDate: day, Amount: loandbtest.INR(1_978_027), Fraud: true, Reason: "forged",
	})
	told("write-off", take(loan.WriteOff(servicing.WriteOff{ID: uuid.New(), On: day, Reason: "insolvent"}, day, facts...)),
		event.LoanWrittenOff{OnLoan: l, ValueDate: day, Amount: loandbtest.INR(0), Reason: "insolvent"})
}
