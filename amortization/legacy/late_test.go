package legacy_test

import (
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/amortization/legacy"
)

// TestDisbursedLate plans loans whose due dates count from a submission some
// periods before the disbursement.
func TestDisbursedLate(t *testing.T) {
	t.Parallel()
	late := func(on string) func(*legacy.Terms) {
		return func(x *legacy.Terms) {
			x.DueDatesCountedFrom, x.DisbursementDate, x.PartialPeriodInterest = "submission", day(t, on), false
			x.MultiDisbursement = true
		}
	}
	down := func(x *legacy.Terms) { x.DownPayment = &legacy.DownPayment{Percent: amortization.MustDecimal("25")} }
	flat := func(x *legacy.Terms) { x.InterestType = "flat" }
	free := func(x *legacy.Terms) { x.AnnualRatePercent = amortization.Decimal{} }
	progressive := func(x *legacy.Terms) { x.Algorithm, x.InterestPeriod = legacy.Progressive, "daily" }
	tests := []struct {
		name string
		x    legacy.Terms
		want []line
	}{
		{
			// shares of 1000/4 and 1000·1 %·4/4 from the second period on, the last takes the rest
			"flat", terms(t, "1000", 4, late("2023-02-15"), flat),
			[]line{
				{"2023-02-01", 0, 0, 0, 0},
				{"2023-03-01", 25_000, 1_000, 0, 0},
				{"2023-04-01", 25_000, 1_000, 0, 0},
				{"2023-05-01", 50_000, 2_000, 0, 0},
			},
		},
		{
			"equal principal",
			terms(t, "1000", 4, late("2023-02-15"), func(x *legacy.Terms) { x.Amortization = "equal_principal" }),
			[]line{
				{"2023-02-01", 0, 0, 0, 0},
				{"2023-03-01", 25_000, 1_000, 0, 0},
				{"2023-04-01", 25_000, 750, 0, 0},
				{"2023-05-01", 50_000, 500, 0, 0},
			},
		},
		{
			"cumulative goes on to the period of the disbursement", terms(t, "1000", 2, late("2023-04-15"), flat, free),
			[]line{
				{"2023-02-01", 0, 0, 0, 0},
				{"2023-03-01", 0, 0, 0, 0},
				{"2023-04-01", 0, 0, 0, 0},
				{"2023-05-01", 100_000, 0, 0, 0},
			},
		},
		{
			"down payment on a due date, cumulative: before that instalment",
			terms(t, "1000", 3, late("2023-02-01"), flat, free, down),
			[]line{
				{"2023-02-01", 25_000, 0, 0, 0},
				{"2023-02-01", 25_000, 0, 0, 0},
				{"2023-03-01", 25_000, 0, 0, 0},
				{"2023-04-01", 25_000, 0, 0, 0},
			},
		},
		{
			"down payment on a due date, progressive: after that instalment",
			terms(t, "1000", 3, late("2023-02-01"), free, down, progressive),
			[]line{
				{"2023-02-01", 0, 0, 0, 0},
				{"2023-02-01", 25_000, 0, 0, 0},
				{"2023-03-01", 37_500, 0, 0, 0},
				{"2023-04-01", 37_500, 0, 0, 0},
			},
		},
		{
			"down payment between due dates", terms(t, "1000", 3, late("2023-02-10"), flat, free, down),
			[]line{
				{"2023-02-01", 0, 0, 0, 0},
				{"2023-02-10", 25_000, 0, 0, 0},
				{"2023-03-01", 25_000, 0, 0, 0},
				{"2023-04-01", 50_000, 0, 0, 0},
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, lines(t, test.x), cmp.AllowUnexported(line{})); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

// TestProgressive checks figures published with Apache Fineract's
// ProgressiveEMICalculatorTest.
func TestProgressive(t *testing.T) {
	t.Parallel()
	progressive := func(x *legacy.Terms) {
		x.Algorithm, x.InterestPeriod, x.AnnualRatePercent = legacy.Progressive, "daily", amortization.MustDecimal("9.4822")
		x.SubmittedDate, x.DisbursementDate = day(t, "2024-01-01"), day(t, "2024-01-01")
	}
	for name, test := range map[string]struct {
		change   func(*legacy.Terms)
		interest []int64
		factor   string
		last     int64
	}{
		"30/360": {
			func(x *legacy.Terms) { x.DayCount = legacy.DayCount{DaysInMonth: "30", DaysInYear: "360"} },
			[]int64{79, 66, 53, 40, 27, 13},
			"0.007901833333", 1713,
		},
		"weekly, 364 days": {func(x *legacy.Terms) {
			x.RepaymentUnit, x.DayCount.DaysInYear = "weeks", "364"
		}, []int64{18, 15, 12, 9, 6, 3}, "0.001823500000", 1678},
		"across the year end": {func(x *legacy.Terms) {
			x.SubmittedDate, x.DisbursementDate = day(t, "2023-12-12"), day(t, "2023-12-12")
		}, []int64{80}, "0.008044857759", 0},
	} {
		table, err := legacy.Build(terms(t, "100", 6, progressive, test.change))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range test.interest {
			if got := table.Rows[i].Interest; got != want {
				t.Errorf("%s: interest of row %d is %d, want %d", name, i+1, got, want)
			}
		}
		if got := twelve(t, table.Rows[0].Factors[0]); got != test.factor {
			t.Errorf("%s: factor %s, want %s", name, got, test.factor)
		}
		if got := table.Rows[5].TotalDue(); test.last != 0 && got != test.last {
			t.Errorf("%s: last installment %d, want %d", name, got, test.last)
		}
	}
}

func twelve(t *testing.T, d *apd.Decimal) string {
	t.Helper()
	var r apd.Decimal
	if _, err := apd.BaseContext.WithPrecision(40).Quantize(&r, d, -12); err != nil {
		t.Fatal(err)
	}
	return r.Text('f')
}

// TestProgressiveDisbursedLate starts the interest in the second period: the
// first stays empty, and nothing is owed for the days before.
func TestProgressiveDisbursedLate(t *testing.T) {
	t.Parallel()
	x := terms(t, "1200", 4, func(x *legacy.Terms) {
		x.Algorithm, x.InterestPeriod, x.DueDatesCountedFrom = legacy.Progressive, "daily", "submission"
		x.DayCount, x.DisbursementDate = legacy.DayCount{DaysInMonth: "30", DaysInYear: "360"}, day(t, "2023-02-15")
		x.DownPayment = &legacy.DownPayment{Percent: amortization.MustDecimal("25")}
	})
	table, err := legacy.Build(x)
	if err != nil {
		t.Fatal(err)
	}
	first, down, second := table.Rows[0], table.Rows[1], table.Rows[2]
	if first.TotalDue() != 0 || !down.DownPayment || down.Principal != 30_000 || down.Days() != 0 {
		t.Errorf("before the disbursement %+v, down payment %+v", first, down)
	}
	// 900.00·1 %·14/28: half of the 28 days of the period.
	if second.Interest != 450 || len(second.Factors) != 2 {
		t.Errorf("the period of the disbursement %+v", second)
	}
	if last := table.Rows[4]; last.Balance != 0 {
		t.Errorf("balance %d after the last row", last.Balance)
	}
}
