package legacy_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
	plan "github.com/tenor-lending/tenor/amortization/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy"
	plans "github.com/tenor-lending/tenor/servicing/legacy/cumulative"
	"github.com/tenor-lending/tenor/servicing/legacy/table"
)

// TestOneDisbursementIsThePlanners: a loan that was disbursed at once has the
// schedule that the planner builds, whatever plans it.
func TestOneDisbursementIsThePlanners(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := randomLoan(t)
		l.RepaymentUnit = rapid.SampledFrom([]string{"days", "weeks", "months"}).Draw(t, "unit")
		l.RepaymentEvery = rapid.IntRange(1, 20).Draw(t, "every")
		l.PartialPeriodInterest = rapid.Bool().Draw(t, "partial")
		l.DayCount.DaysInYear = rapid.SampledFrom([]string{"360", "364", "365", "actual"}).Draw(t, "year")
		if rapid.Bool().Draw(t, "multiple") {
			one := amortization.MustDecimal("1")
			l.InstallmentMultiple = &one
		}
		if l.Algorithm == plan.Cumulative {
			l.Grace.Principal = rapid.IntRange(0, l.NumberOfInstallments-1).Draw(t, "principal grace")
			l.Grace.InterestPayment = rapid.IntRange(0, l.NumberOfInstallments-1).Draw(t, "interest grace")
			l.Grace.InterestFree = rapid.IntRange(0, l.NumberOfInstallments-1).Draw(t, "free")
		}
		want, err := plan.Build(l.Terms)
		if err != nil {
			t.Fatal(err)
		}
		var got []*legacy.Row
		if l.Algorithm == plan.Cumulative {
			got = planAgain(t, l)
		} else {
			l.Events = []legacy.Event{{
				Seq: 1, Type: "disburse", Date: &l.DisbursementDate, RecordedOn: l.DisbursementDate, Amount: &l.Principal,
			}}
			s, err := legacy.Replay(l)
			if err != nil {
				t.Fatal(err)
			}
			got = s.Rows
		}
		if diff := cmp.Diff(dues(want), duesOf(got)); diff != "" {
			t.Errorf("(-planner +got):\n%s", diff)
		}
	})
}

func planAgain(t *rapid.T, l *legacy.Loan) []*legacy.Row {
	planner, err := plan.NewPlanner(l.Terms)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := plans.Plan(&plans.Loan{
		Terms: &l.Terms, Planner: planner, Order: table.Order{}, Today: l.DisbursementDate, Effective: l.DisbursementDate,
		Disbursements: []plans.Flow{{On: l.DisbursementDate, Amount: planner.Amount(l.Principal)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func dues(planned *plan.Table) (lines []string) {
	for i := range planned.Rows {
		r := &planned.Rows[i]
		lines = append(lines, fmt.Sprintf("%s to %s: %d + %d", r.From, r.Due, r.Principal, r.Interest))
	}
	return lines
}

func duesOf(rows []*legacy.Row) (lines []string) {
	for _, r := range rows {
		lines = append(lines, fmt.Sprintf("%s to %s: %d + %d", r.From, r.Due, r.Principal, r.Interest))
	}
	return lines
}
