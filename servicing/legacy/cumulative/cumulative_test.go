package cumulative_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/amortization"
	plan "github.com/tenor-lending/tenor/amortization/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy/cumulative"
	"github.com/tenor-lending/tenor/servicing/legacy/history"
	"github.com/tenor-lending/tenor/servicing/legacy/table"
)

func on(month, day int) civil.Date {
	return civil.Date{Year: 2024, Month: time.Month(month), Day: day}
}

// loan is 900.00 from 1 January, 1 % a month, in three months.
func loan(t *testing.T, change func(*plan.Terms)) *cumulative.Loan {
	t.Helper()
	terms := &plan.Terms{
		Algorithm: plan.Cumulative, Principal: amortization.MustDecimal("900"),
		AnnualRatePercent: amortization.MustDecimal("12"), CurrencyDecimals: 2, RoundingMode: "half_even", CalcPrecision: 12,
		InterestType: "declining", Amortization: "equal_installments", InterestPeriod: "same_as_repayment",
		PartialPeriodInterest: true, DayCount: plan.DayCount{DaysInMonth: "actual", DaysInYear: "actual"},
		NumberOfInstallments: 3, RepaymentEvery: 1, RepaymentUnit: "months", SubmittedDate: on(1, 1),
		DisbursementDate: on(1, 1), DueDatesCountedFrom: "disbursement", MultiDisbursement: true,
	}
	if change != nil {
		change(terms)
	}
	planner, err := plan.NewPlanner(*terms)
	if err != nil {
		t.Fatal(err)
	}
	order, err := table.ParseOrder("penalty_fee_interest_principal")
	if err != nil {
		t.Fatal(err)
	}
	return &cumulative.Loan{
		Terms: terms, Planner: planner, Order: order, Today: on(1, 1), Effective: on(1, 1),
		Disbursements: []cumulative.Flow{{On: on(1, 1), Amount: 90_000}},
	}
}

func rows(t *testing.T, l *cumulative.Loan) (lines []string) {
	t.Helper()
	planned, err := cumulative.Plan(l)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range planned {
		lines = append(lines, fmt.Sprintf("%s %d %d", r.Due.String()[5:], r.Principal, r.Interest))
	}
	return lines
}

func TestPlan(t *testing.T) {
	t.Parallel()
	more := func(month int) func(*cumulative.Loan) {
		return func(l *cumulative.Loan) {
			l.Disbursements = append(l.Disbursements, cumulative.Flow{On: on(month, 10), Amount: 30_000})
		}
	}
	flat := func(x *plan.Terms) { x.InterestType = "flat" }
	fifty := amortization.MustDecimal("50")
	for _, x := range []struct {
		name   string
		terms  func(*plan.Terms)
		change func(*cumulative.Loan)
		want   []string
	}{
		{
			"the plan of one disbursement is the planner's", nil, nil,
			[]string{"02-01 29702 900", "03-01 29999 603", "04-01 30299 303"},
		},
		{
			// 27 on 900, then 36 on 1200 over three; the last takes the rest: 36 - 9 - 12.
			"flat, more in the second month", flat,
			more(2),
			[]string{"02-01 30000 900", "03-01 40000 1200", "04-01 50000 1500"},
		},
		{
			"flat, principal and interest under grace", func(x *plan.Terms) {
				flat(x)
				x.Grace = plan.Grace{Principal: 1, InterestPayment: 2}
			},
			nil,
			[]string{"02-01 0 0", "03-01 45000 0", "04-01 45000 2700"},
		},
		{
			"declining, a month free of interest", func(x *plan.Terms) { x.Grace.InterestFree = 1 }, nil,
			[]string{"02-01 30602 0", "03-01 30008 594", "04-01 29390 294"},
		},
		{
			"equal principal", func(x *plan.Terms) { x.Amortization = "equal_principal" }, nil,
			[]string{"02-01 30000 900", "03-01 30000 600", "04-01 30000 300"},
		},
		{
			"half of it in each, the rest in the last", func(x *plan.Terms) {
				x.Amortization, x.FixedPrincipalPercent = "equal_principal", &fifty
			}, nil,
			[]string{"02-01 45000 900", "03-01 45000 450"},
		},
		{
			"the money after the last date goes on", flat,
			more(4),
			[]string{"02-01 30000 900", "03-01 30000 900", "04-01 30000 900", "05-01 30000 2100"},
		},
	} {
		l := loan(t, x.terms)
		if x.change != nil {
			x.change(l)
		}
		if diff := cmp.Diff(x.want, rows(t, l)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", x.name, diff)
		}
	}
}

// fee is one of 10.00, due with the first instalment.
func fee() []*table.Charge {
	c := plan.Charge{
		Kind: "fee", When: "on_date", Basis: "flat", Value: amortization.MustDecimal("10"), DueDate: on(1, 20),
	}
	return []*table.Charge{{Charge: c}}
}

// TestRecalculatedPlan: the first instalment of 306.02 is paid with 100.00 more,
// and a fee of 10.00 is due with it.
func TestRecalculatedPlan(t *testing.T) {
	t.Parallel()
	for advance, want := range map[string][]string{
		// 492.98 over two months: 250.19
		"smaller_installments":   {"02-01 40702 900", "03-01 24526 493", "04-01 24772 248"},
		"fewer_installments":     {"02-01 40702 900", "03-01 30109 493", "04-01 19189 192"},
		"skip_next_installments": {"02-01 40702 900", "03-01 19109 493", "04-01 30189 302"},
	} {
		l := loan(t, nil)
		l.Recalculation = &history.Recalculation{Rest: "daily", Compounding: "none", AdvancePayment: advance}
		l.Payments = []cumulative.Flow{{On: on(2, 1), Amount: 42_602}}
		l.Charges = fee()
		l.Today, l.Effective = on(2, 1), on(2, 1)
		if diff := cmp.Diff(want, rows(t, l)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", advance, diff)
		}
	}
}

// TestOverdueCharges: with fees that compound, 900 and 10 bear interest for the
// whole second month: 9.10.
func TestOverdueCharges(t *testing.T) {
	t.Parallel()
	l := loan(t, nil)
	l.Recalculation = &history.Recalculation{
		Rest: "same_as_repayment", Compounding: "fee", AdvancePayment: "fewer_installments",
	}
	l.Charges = fee()
	l.Today = on(2, 5)
	if diff := cmp.Diff([]string{"02-01 29702 900", "03-01 29692 910", "04-01 30606 306"}, rows(t, l)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReschedulesThatCannotBe(t *testing.T) {
	t.Parallel()
	from, to := on(2, 1), on(1, 1)
	l := loan(t, nil)
	l.Reschedules = []*history.Event{{Seq: 2, FromDueDate: &from, NewDueDate: &to}}
	if _, err := cumulative.Plan(l); !errors.Is(err, plan.ErrTerms) {
		t.Errorf("moved before its start: %v", err)
	}
	l.Reschedules = []*history.Event{{Seq: 2, FromDueDate: &to}}
	if _, err := cumulative.Plan(l); !errors.Is(err, history.ErrHistory) {
		t.Errorf("from a day when nothing is due: %v", err)
	}
}
