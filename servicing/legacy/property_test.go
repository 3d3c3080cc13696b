package legacy_test

import (
	"errors"
	"fmt"
	"testing"

	"cloud.google.com/go/civil"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
	plan "github.com/tenor-lending/tenor/amortization/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy/history"
)

var roles = []string{
	"fund_source", "overpayment_liability", "recovery_income", "charge_off_fraud_loss", "charge_off_loss",
	"write_off_loss", "principal_receivable", "interest_receivable", "fee_receivable", "penalty_receivable",
	"interest_income", "fee_income", "penalty_income", "goodwill_expense", "goodwill_interest_income",
	"goodwill_fee_income", "goodwill_penalty_income", "charge_off_interest_income", "charge_off_fee_income",
	"charge_off_penalty_income",
}

// randomLoan draws the terms of a loan without events.
func randomLoan(t *rapid.T) *legacy.Loan {
	pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	start := civil.Date{Year: 2024, Month: 1, Day: rapid.IntRange(1, 28).Draw(t, "day")}
	l := &legacy.Loan{Terms: plan.Terms{
		Algorithm: pick("algorithm", plan.Cumulative, plan.Progressive), Principal: amortization.MustDecimal("1000"),
		AnnualRatePercent: amortization.MustDecimal(pick("rate", "0", "12", "7.3")), CurrencyDecimals: 2,
		RoundingMode: "half_even", CalcPrecision: 12, InterestType: pick("type", "flat", "declining"),
		Amortization:   pick("amortization", "equal_installments", "equal_principal"),
		InterestPeriod: pick("period", "daily", "same_as_repayment"), PartialPeriodInterest: true,
		DayCount:             plan.DayCount{DaysInMonth: "actual", DaysInYear: "actual"},
		NumberOfInstallments: rapid.IntRange(1, 5).Draw(t, "n"), RepaymentEvery: 1, RepaymentUnit: "months",
		SubmittedDate: start, DisbursementDate: start, DueDatesCountedFrom: "disbursement", MultiDisbursement: true,
	}}
	if l.Algorithm == plan.Progressive {
		// It knows no other.
		l.InterestType, l.Amortization = "declining", "equal_installments"
	}
	if rapid.Bool().Draw(t, "down") {
		l.DownPayment = &plan.DownPayment{
			Percent: amortization.MustDecimal("25"), AutoPay: rapid.Bool().Draw(t, "auto"),
		}
	}
	if rapid.Bool().Draw(t, "recalculated") && !l.AnnualRatePercent.IsZero() && l.InterestType == "declining" {
		l.Recalculation = &history.Recalculation{
			Rest: pick("rest", "daily", "same_as_repayment"), Compounding: pick("compounding", "none", "interest"),
			AdvancePayment:     pick("advance", "smaller_installments", "fewer_installments", "skip_next_installments"),
			EarlyCloseInterest: pick("close", "until_payment_date", "until_period_end"),
		}
	}
	l.Allocation = history.Allocation{Mode: history.PerInstallment, Order: pick(
		"order", "penalty_fee_interest_principal", "interest_principal_penalty_fee",
		"overdue_penalty_fee_interest_then_principal",
		"due_penalty_fee_interest_principal_then_advance_principal_penalty_fee_interest",
	)}
	if l.Algorithm == plan.Progressive {
		l.Allocation = advanced(pick("processing", "horizontal", "vertical"),
			pick("future", "next_installment", "last_installment", "reamortization"))
	}
	l.Accounts = map[string]string{}
	for _, role := range roles {
		l.Accounts[role] = role
	}
	return l
}

func advanced(processing, future string) history.Allocation {
	rule := history.Rule{Future: future}
	for _, when := range []string{"past_due", "due", "in_advance"} {
		for _, c := range []string{"penalty", "fee", "principal", "interest"} {
			rule.Order = append(rule.Order, when+"_"+c)
		}
	}
	return history.Allocation{
		Mode: history.Advanced, Processing: processing, Rules: map[string]history.Rule{"default": rule},
		CreditRules: map[string][]string{"chargeback": {"penalty", "fee", "interest", "principal"}},
	}
}

// randomEvents draws a history: a disbursement, and what may follow it. Some
// events are entered after the date from which they count.
func randomEvents(t *rapid.T, l *legacy.Loan) {
	today := l.DisbursementDate
	add := func(kind string, change func(*legacy.Event)) {
		on := today
		if rapid.IntRange(0, 3).Draw(t, "late") == 0 && len(l.Events) > 0 {
			on = today.AddDays(-min(20, today.DaysSince(l.DisbursementDate)))
		}
		e := legacy.Event{Seq: len(l.Events) + 1, Type: kind, Date: &on, RecordedOn: today}
		change(&e)
		l.Events = append(l.Events, e)
	}
	money := func(e *legacy.Event) {
		least := 1
		if e.Type == "disburse" {
			least = 10_000 // below some cents the residual of rounding can exceed the last instalment
		}
		amount, err := amortization.NewDecimal(int64(rapid.IntRange(least, 90_000).Draw(t, "amount")), 2)
		if err != nil {
			t.Fatal(err)
		}
		e.Amount = &amount
	}
	add("disburse", func(e *legacy.Event) { money(e); e.Date = &l.DisbursementDate })
	for range rapid.IntRange(0, 8).Draw(t, "events") {
		today = today.AddDays(rapid.IntRange(0, 40).Draw(t, "wait"))
		switch kind := rapid.SampledFrom([]string{
			"repayment", "repayment", "repayment", "goodwill_credit", "merchant_issued_refund", "disburse", "add_charge",
			"reverse", "chargeback", "credit_balance_refund", "end_of_day", "waive_charge", "charge_off", "pay_off",
		}).Draw(t, "kind"); kind {
		case "add_charge":
			add(kind, func(e *legacy.Event) {
				due, value := today.AddDays(rapid.IntRange(-10, 60).Draw(t, "due")), amortization.MustDecimal("12.5")
				e.Kind, e.When, e.Basis = rapid.SampledFrom([]string{"fee", "penalty"}).Draw(t, "charge"), "on_date", "flat"
				e.Value, e.DueDate = &value, &due
			})
		case "reverse", "chargeback", "waive_charge":
			target := rapid.IntRange(1, len(l.Events)).Draw(t, "target")
			add(kind, func(e *legacy.Event) {
				money(e)
				e.Target, e.Of, e.Charge = target, target, target
			})
		default:
			add(kind, money)
		}
	}
}

// TestWhateverHappens replays random histories: cash is conserved, principal
// adds up, and every entry balances.
func TestWhateverHappens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := randomLoan(t)
		randomEvents(t, l)
		s, err := legacy.Replay(l)
		if errors.Is(err, legacy.ErrHistory) {
			return // such as the reversal of what was reversed
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range faults(s) {
			t.Errorf("%s\nafter %s", fault, story(l))
		}
	})
}

// story tells the events of a loan.
func story(l *legacy.Loan) (text string) {
	for i := range l.Events {
		e := &l.Events[i]
		text += fmt.Sprintf("\n%d %s on %s, entered %s, %v", e.Seq, e.Type, e.On(), e.RecordedOn, e.Amount)
	}
	return text
}

func faults(s *legacy.State) (list []string) {
	say := func(ok bool, format string, args ...any) {
		if !ok {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	var disbursed, planned, credited, paid, split, overpaid int64
	for _, r := range s.Rows {
		open := r.Open()
		say(min(open.Principal, open.Interest, open.Fees, open.Penalties) >= 0, "row %d has %+v open", r.Number, open)
		say((r.Outstanding() == 0) != r.PaidOn.IsZero(), "row %d is paid on %s with %d open",
			r.Number, r.PaidOn, r.Outstanding())
		planned += r.Principal
		credited += r.Credited.Principal
		paid += r.Paid.Total()
	}
	for _, x := range s.Transactions {
		var debit, credit int64
		for _, line := range s.Lines(x.Type, x.Date) {
			debit += line.Debit
			credit += line.Credit
		}
		say(debit == credit, "%s %s: %d debited, %d credited", x.Type, x.Date, debit, credit)
		if x.Reversed {
			continue
		}
		switch x.Type {
		case legacy.Disbursement:
			disbursed += x.Amount
			split += x.Overpaid
			overpaid -= x.Overpaid
		case legacy.Chargeback, legacy.CreditBalanceRefund:
			overpaid -= x.Overpaid
			split += x.Overpaid
			if x.Principal == 0 && x.Total() == 0 {
				split -= x.Overpaid // no row took it
			}
		case legacy.CashRefund:
			split -= x.Total()
		case legacy.Repayment, legacy.DownPayment, legacy.GoodwillCredit, legacy.MerchantIssuedRefund,
			legacy.PayoutRefund, legacy.ChargeAdjustment:
			say(x.Amount == x.Total()+x.Overpaid, "%s %s: %d is not %+v and %d", x.Type, x.Date, x.Amount, x.Parts, x.Overpaid)
			split += x.Total()
			overpaid += x.Overpaid
		}
	}
	say(planned == disbursed+credited || s.Status() == legacy.Approved,
		"%d disbursed and %d credited, %d planned", disbursed, credited, planned)
	say(paid == split, "%d laid, %d on rows", split, paid)
	say(overpaid == s.Overpaid, "%d overpaid, %d on the loan", overpaid, s.Overpaid)
	return list
}
