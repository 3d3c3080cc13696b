package history_test

import (
	"encoding/json"
	"testing"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/servicing/legacy/history"
)

const loan = `{"algorithm":"progressive","principal":"300.00","currency_decimals":2,"annual_rate_percent":"0",
"rounding_mode":"half_even","calc_precision":12,"interest_type":"declining","amortization":"equal_installments",
"interest_period":"daily","partial_period_interest":true,
"day_count":{"days_in_month":"actual","days_in_year":"actual"},
"number_of_installments":3,"repayment_every":1,"repayment_unit":"months","submitted_date":"2024-01-01",
"disbursement_date":"2024-01-01","due_dates_counted_from":"disbursement","first_due_date":null,
"grace":{"principal":0,"interest_payment":0,"interest_free":0},
"interest_recalculation":{"rest":"daily","rest_every":1,"compounding":"none",
"advance_payment":"adjust_last_installment","early_close_interest":"until_payment_date"},
"accrue_charges_on":"due_date",
"allocation":{"mode":"advanced","processing":"horizontal","credit_rules":{"chargeback":["fee"]},
"rules":{"default":{"order":["past_due_fee"],"future":"next_installment"},
"goodwill_credit":{"order":["due_fee"],"future":"last_installment"}}},
"events":[{"seq":1,"type":"disburse","date":"2024-01-02","recorded_on":"2024-01-05","amount":"300"},
{"seq":2,"type":"accrue","recorded_on":"2024-01-06"}]}`

func read(t *testing.T) *history.Loan {
	t.Helper()
	l := new(history.Loan)
	if err := json.Unmarshal([]byte(loan), l); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestALoanAsItComes(t *testing.T) {
	t.Parallel()
	l := read(t)
	if err := l.Validate(); err != nil {
		t.Error(err)
	}
	first, second := civil.Date{Year: 2024, Month: 1, Day: 2}, civil.Date{Year: 2024, Month: 1, Day: 6}
	if l.Events[0].On() != first || l.Events[1].On() != second {
		t.Errorf("events on %s and %s", l.Events[0].On(), l.Events[1].On())
	}
	if rule := l.Allocation.Rule("goodwill_credit"); rule.Future != "last_installment" {
		t.Errorf("rule %+v", rule)
	}
	if rule := l.Allocation.Rule("repayment"); rule.Future != "next_installment" {
		t.Errorf("rule %+v", rule)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*history.Loan){
		"terms":       func(l *history.Loan) { l.RepaymentEvery = 0 },
		"mode":        func(l *history.Loan) { l.Allocation.Mode = "odd" },
		"processing":  func(l *history.Loan) { l.Allocation.Processing = "diagonal" },
		"default":     func(l *history.Loan) { delete(l.Allocation.Rules, "default") },
		"future":      func(l *history.Loan) { l.Allocation.Rules["default"] = history.Rule{Future: "never"} },
		"step":        func(l *history.Loan) { l.Allocation.Rules["default"].Order[0] = "fee" },
		"credit rule": func(l *history.Loan) { l.Allocation.CreditRules["chargeback"][0] = "tea" },
		"rest":        func(l *history.Loan) { l.Recalculation.Rest = "never" },
		"compounding": func(l *history.Loan) { l.Recalculation.Compounding = "tea" },
		"advance":     func(l *history.Loan) { l.Recalculation.AdvancePayment = "never" },
		"early close": func(l *history.Loan) { l.Recalculation.EarlyCloseInterest = "never" },
		"accrual":     func(l *history.Loan) { l.AccrueChargesOn = "never" },
		"sequence":    func(l *history.Loan) { l.Events[1].Seq = 3 },
		"date":        func(l *history.Loan) { l.Events[1].RecordedOn = civil.Date{} },
		"events":      func(l *history.Loan) { l.Events = make([]history.Event, history.EventsMax+1) },
	} {
		l := read(t)
		if change(l); l.Validate() == nil {
			t.Errorf("%s: no fault", name)
		}
	}
}
