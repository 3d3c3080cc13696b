package amortization_test

import (
	"errors"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/cockroachdb/apd/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/amortization"
)

// fraction writes a day count with twelve decimals.
func fraction(t *testing.T, dc amortization.DayCount, from, to string, context amortization.DayCountContext) string {
	t.Helper()
	f, err := dc.Fraction(date(t, from), date(t, to), context)
	if err != nil {
		t.Fatal(err)
	}
	return rounded(t, f.Decimal(), 12)
}

func rounded(t *testing.T, d *apd.Decimal, places int32) string {
	t.Helper()
	ctx := apd.BaseContext.WithPrecision(60)
	var r apd.Decimal
	if _, err := ctx.Quantize(&r, d, -places); err != nil {
		t.Fatal(err)
	}
	return r.Text('f')
}

// TestActualActualOfTheISDAMemorandum checks the cases of the ISDA memorandum
// on Actual/Actual (1999), as QuantLib's day-counter tests record them (to ten
// decimals for the whole year; the exact sum is 184/365 + 182/366).
func TestActualActualOfTheISDAMemorandum(t *testing.T) {
	t.Parallel()
	regular := func(from, to string, perYear int) amortization.DayCountContext {
		return amortization.DayCountContext{PeriodStart: date(t, from), PeriodEnd: date(t, to), PeriodsPerYear: perYear}
	}
	tests := []struct {
		from, to        string
		period          amortization.DayCountContext
		isda, icma, afb string
	}{
		{
			"2003-11-01", "2004-05-01", regular("2003-11-01", "2004-05-01", 2), "0.497724380567", "0.500000000000",
			"0.497267759563",
		},
		{
			"1999-02-01", "1999-07-01", regular("1998-07-01", "1999-07-01", 1), "0.410958904110", "0.410958904110",
			"0.410958904110",
		},
		{
			"1999-07-01", "2000-07-01", regular("1999-07-01", "2000-07-01", 1), "1.001377348604", "1.000000000000",
			"1.000000000000",
		},
		{"2002-08-15", "2003-07-15", regular("2003-01-15", "2003-07-15", 2), "0.915068493151", "", "0.915068493151"},
		{
			"2003-07-15", "2004-01-15", regular("2003-07-15", "2004-01-15", 2), "0.504004790778", "0.500000000000",
			"0.504109589041",
		},
		{
			"1999-07-30", "2000-01-30", regular("1999-07-30", "2000-01-30", 2), "0.503892506924", "0.500000000000",
			"0.504109589041",
		},
		{
			"2000-01-30", "2000-06-30", regular("2000-01-30", "2000-07-30", 2), "0.415300546448", "0.417582417582",
			"0.415300546448",
		},
	}
	for _, test := range tests {
		if got := fraction(t, amortization.ActualActualISDA, test.from, test.to, test.period); got != test.isda {
			t.Errorf("ISDA %s to %s: %s, want %s", test.from, test.to, got, test.isda)
		}
		if got := fraction(t, amortization.ActualActualICMA, test.from, test.to, test.period); test.icma != "" &&
			got != test.icma {
			t.Errorf("ICMA %s to %s: %s, want %s", test.from, test.to, got, test.icma)
		}
		if got := fraction(t, amortization.ActualActualAFB, test.from, test.to, test.period); got != test.afb {
			t.Errorf("AFB %s to %s: %s, want %s", test.from, test.to, got, test.afb)
		}
	}
}

// TestThirty360EndOfFebruary checks numerators from the published rules (ISDA
// 4.16(f) to (h)); those of the bond basis are also in QuantLib's tests.
func TestThirty360EndOfFebruary(t *testing.T) {
	t.Parallel()
	tests := []struct {
		from, to, maturity string
		bb, e, isda, us    int64
	}{
		{"2006-02-28", "2006-08-31", "", 183, 182, 180, 180},
		{"2006-08-31", "2007-02-28", "", 178, 178, 180, 178},
		{"2006-08-31", "2007-02-28", "2007-02-28", 178, 178, 178, 178},
		{"2008-02-29", "2008-08-31", "", 182, 181, 180, 180},
		{"2007-01-31", "2007-02-28", "", 28, 28, 30, 28},
		{"2006-02-28", "2007-02-28", "", 360, 360, 360, 360},
		{"2007-01-15", "2007-01-31", "", 16, 15, 15, 16},
	}
	for _, test := range tests {
		context := amortization.DayCountContext{}
		if test.maturity != "" {
			context.Maturity = date(t, test.maturity)
		}
		for dc, want := range map[amortization.DayCount]int64{
			amortization.Thirty360: test.bb, amortization.ThirtyE360: test.e, amortization.ThirtyE360ISDA: test.isda,
			amortization.ThirtyU360: test.us,
		} {
			got, err := dc.Fraction(date(t, test.from), date(t, test.to), context)
			if err != nil {
				t.Fatal(err)
			}
			if got != (amortization.Fraction{Num: want, Den: 360}) {
				t.Errorf("%s %s to %s: %d/%d, want %d/360", dc, test.from, test.to, got.Num, got.Den, want)
			}
		}
	}
}

func TestPlainDayCounts(t *testing.T) {
	t.Parallel()
	calendar := &amortization.Calendar{Holidays: []civil.Date{date(t, "2024-01-01"), date(t, "2024-01-26")}}
	for dc, want := range map[amortization.DayCount]string{
		amortization.Actual360: "0.086111111111", amortization.Actual365Fixed: "0.084931506849",
		amortization.Actual364: "0.085164835165",
		amortization.Bus252:    "0.083333333333", // 23 weekdays of January 2024 less two holidays
	} {
		if got := fraction(t, dc, "2024-01-01", "2024-02-01", amortization.DayCountContext{Calendar: calendar}); got != want {
			t.Errorf("%s: %s, want %s", dc, got, want)
		}
	}
	for _, bad := range []struct {
		dc       amortization.DayCount
		from, to string
	}{
		{"ACTUAL/999", "2024-01-01", "2024-02-01"},
		{amortization.Actual360, "2024-02-01", "2024-01-01"},
		{amortization.Bus252, "2024-01-01", "2024-02-01"},
		{amortization.ActualActualICMA, "2024-01-01", "2024-02-01"},
	} {
		if _, err := bad.dc.Fraction(date(t, bad.from), date(t, bad.to),
			amortization.DayCountContext{}); len(amortization.Faults(err)) != 1 {
			t.Errorf("%s: error %v", bad.dc, err)
		}
	}
}

// TestMonthEndLoan checks 10,000.00 at 12 % in three instalments from 31
// January 2025 (Apache Fineract, LoanMonthEndDueDateStrategy, recomputed here;
// these years have no 29 February, so that ISDA's split equals days/365).
func TestMonthEndLoan(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                string
		change              func(*amortization.Terms)
		due                 []string
		interest, principal []int64
	}{
		{
			"30/360 by period, clamp", func(t *amortization.Terms) { t.InterestBasis = amortization.ByPeriod },
			[]string{"2025-02-28", "2025-03-31", "2025-04-30"},
			[]int64{10_000, 6_700, 3_367},
			[]int64{330_022, 333_322, 336_656},
		},
		{
			"30/360 by period, roll", func(t *amortization.Terms) {
				t.InterestBasis, t.MonthEnd = amortization.ByPeriod, amortization.Roll
			},
			[]string{"2025-03-01", "2025-03-31", "2025-05-01"},
			[]int64{10_000, 6_700, 3_367},
			[]int64{330_022, 333_322, 336_656},
		},
		{
			"Act/Act, clamp", func(t *amortization.Terms) { t.DayCount = amortization.ActualActualISDA },
			[]string{"2025-02-28", "2025-03-31", "2025-04-30"},
			[]int64{9_205, 6_823, 3_319},
			[]int64{
				330_577,
				332_959, 336_464,
			},
		},
		{"Act/Act, roll", func(t *amortization.Terms) {
			t.DayCount, t.MonthEnd = amortization.ActualActualISDA, amortization.Roll
		}, []string{"2025-03-01", "2025-03-31", "2025-05-01"}, []int64{9_534, 6_605, 3_429}, []int64{
			330_322,
			333_251, 336_427,
		}},
	}
	for _, test := range tests {
		terms := amortization.Terms{
			Principal: usd(t, "10000"), AnnualRatePercent: amortization.MustDecimal("12"), Instalments: 3,
			DisbursementDate: date(t, "2025-01-31"),
		}
		test.change(&terms)
		s, interest := build(t, terms), int64(0)
		for i, row := range s.All() {
			if row.Due != date(t, test.due[i]) || row.Interest.Minor() != test.interest[i] ||
				row.Principal.Minor() != test.principal[i] {
				t.Errorf("%s: row %d due %s, principal %s, interest %s", test.name, i+1, row.Due, row.Principal, row.Interest)
			}
			interest += test.interest[i]
		}
		if got := s.Totals.Interest.Minor(); got != interest {
			t.Errorf("%s: interest %d, want %d", test.name, got, interest)
		}
	}
}

// TestPublishedSchedules checks loans whose figures are published: Apache
// Fineract's ProgressiveEMICalculatorTest and LoanBulletBalloon, and others.
func TestPublishedSchedules(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                  string
		principal, rate       string
		n                     int
		change                func(*amortization.Terms)
		instalment, last, sum string
		interest              []int64
	}{
		{
			name: "100 at 9.4822 %, 6 months, 30/360", principal: "100", rate: "9.4822", n: 6, instalment: "17.13",
			last:     "17.13",
			interest: []int64{79, 66, 53, 40, 27, 13},
		},
		{
			name: "100 at 9.4822 %, 6 weeks, Act/364", principal: "100", rate: "9.4822", n: 6, instalment: "16.77",
			last: "16.78",
			change: func(t *amortization.Terms) {
				t.Frequency.Unit, t.DayCount = amortization.Week, amortization.Actual364
			}, interest: []int64{18, 15, 12, 9, 6, 3},
		},
		{
			name: "100 at 9.4822 %, 6 months, Act/Act over the year's end", principal: "100", rate: "9.4822", n: 6,
			instalment: "17.13", change: func(t *amortization.Terms) {
				t.DayCount, t.DisbursementDate = amortization.ActualActualISDA, civil.Date{Year: 2023, Month: 12, Day: 12}
			}, interest: []int64{80, 67, 50, 41, 26, 14},
		},
		{name: "100 at 7 %, 12 months", principal: "100", rate: "7", n: 12, instalment: "8.65"},
		{name: "500,000 at 12 %, 36 months", principal: "500000", rate: "12", n: 36, instalment: "16607.15"},
		{
			name: "grace on principal: 100 at 30 %, 8 months, 7 of them", principal: "100", rate: "30", n: 8,
			instalment: "2.50", last: "102.50", sum: "20.00", interest: []int64{250, 250, 250, 250, 250, 250, 250, 250},
			change: func(t *amortization.Terms) { t.Grace.Principal = 7 },
		},
		{name: "100,000 at 14.5 %, 12 months", principal: "100000", rate: "14.5", n: 12, instalment: "9002.25"},
		{name: "100,000 at 9.99 %, 36 months", principal: "100000", rate: "9.99", n: 36, instalment: "3226.25"},
		{name: "130 at 20 %, 12 months", principal: "130", rate: "20", n: 12, instalment: "12.04"},
		{
			name: "interest-only: 100 at 30 %, 8 months", principal: "100", rate: "30", n: 8, instalment: "2.50",
			last: "102.50", sum: "20.00",
			change: func(t *amortization.Terms) { t.Method = amortization.InterestOnly },
		},
		{
			name: "bullet: 100 at 30 %, 8 months", principal: "100", rate: "30", n: 8, instalment: "0.00",
			last: "120.00", sum: "20.00",
			change: func(t *amortization.Terms) { t.Method = amortization.Bullet },
		},
		{
			name: "compound bullet: 100 at 12 %, 2 months", principal: "100", rate: "12", n: 2, instalment: "0.00",
			last: "102.01",
			change: func(t *amortization.Terms) {
				t.Method, t.CompoundInterest = amortization.Bullet, true
			},
		},
		{
			name: "EMI always rounded up to a whole unit keeps its term", principal: "100000", rate: "14.5", n: 12,
			instalment: "9003.00",
			change: func(t *amortization.Terms) {
				t.Rounding.InstalmentUnit, t.Rounding.InstalmentMode = amortization.MustDecimal("1"), "UP"
			},
		},
	}
	for _, test := range tests {
		terms := amortization.Terms{
			Principal: usd(t, test.principal), AnnualRatePercent: amortization.MustDecimal(test.rate),
			Instalments: test.n, DisbursementDate: date(t, "2024-01-01"),
		}
		if test.change != nil {
			test.change(&terms)
		}
		s := build(t, terms)
		if got := s.At(0).Total.Text(); got != test.instalment {
			t.Errorf("%s: instalment %s, want %s", test.name, got, test.instalment)
		}
		if got := s.At(test.n - 1).Total.Text(); test.last != "" && got != test.last {
			t.Errorf("%s: last instalment %s, want %s", test.name, got, test.last)
		}
		if got := s.Totals.Interest.Text(); test.sum != "" && got != test.sum {
			t.Errorf("%s: interest %s, want %s", test.name, got, test.sum)
		}
		for i, want := range test.interest {
			if got := s.At(i).Interest.Minor(); got != want {
				t.Errorf("%s: interest of row %d is %d, want %d", test.name, i+1, got, want)
			}
		}
	}
}

// TestBrokenPeriodInterest checks the example of frappe/lending, pull request
// 378: 100,000 at 14.5 % by Act/365 with two odd days, 79.45.
func TestBrokenPeriodInterest(t *testing.T) {
	t.Parallel()
	terms := amortization.Terms{
		Principal: amount(t, "100000", "INR"), AnnualRatePercent: amortization.MustDecimal("14.5"), Instalments: 12,
		DisbursementDate: date(t, "2024-04-01"), FirstDueDate: date(t, "2024-05-03"), DayCount: amortization.Actual365Fixed,
	}
	interest := func(mode amortization.BrokenPeriod, row int) string {
		terms.BrokenPeriod = mode
		return build(t, terms).At(row).Interest.Text()
	}
	terms.BrokenPeriod = amortization.BrokenUpfront
	s := build(t, terms)
	if got, want := s.Totals.UpfrontInterest.Text(), "79.45"; got != want {
		t.Errorf("upfront %s, want %s", got, want)
	}
	if got, want := s.Totals.NetDisbursed.Text(), "99920.55"; got != want {
		t.Errorf("net disbursed %s, want %s", got, want)
	}
	plain, secondPlain := interest(amortization.BrokenUpfront, 0), interest(amortization.BrokenUpfront, 1)
	if plain != "1191.78" { // thirty days from 3 April
		t.Errorf("first month %s, want 1191.78", plain)
	}
	if got, want := interest(amortization.BrokenFirst, 0), "1271.23"; got != want {
		t.Errorf("with the first instalment %s, want %s", got, want)
	}
	if got, want := interest(amortization.BrokenSpread, 0), "1198.40"; got != want {
		t.Errorf("spread %s, want %s (6.62 more)", got, want)
	}
	if got := interest(amortization.BrokenFirst, 1); got != secondPlain {
		t.Errorf("second month %s, want %s", got, secondPlain)
	}
}

// TestRuleOf78 checks the shares 12/78, 11/78 … 1/78 of twelve instalments.
func TestRuleOf78(t *testing.T) {
	t.Parallel()
	s := build(t, amortization.Terms{
		Principal: usd(t, "10000"), AnnualRatePercent: amortization.MustDecimal("12"), Instalments: 12,
		Method: amortization.RuleOf78, DisbursementDate: date(t, "2024-01-01"),
	})
	charge := s.Totals.Interest.Minor()
	for k, row := range s.All() {
		// Cumulative rounding: off by less than one unit.
		if difference := row.Interest.Minor()*78 - charge*int64(12-k); difference > 78 || difference < -78 {
			t.Errorf("row %d has interest %s, want %d/78 of %d", k+1, row.Interest, 12-k, charge)
		}
		if row.Total != s.At(0).Total {
			t.Errorf("row %d pays %s", k+1, row.Total)
		}
	}
}

// TestTimeValueOfMoney checks the examples of numpy-financial.
func TestTimeValueOfMoney(t *testing.T) {
	t.Parallel()
	d := func(text string) *apd.Decimal {
		v, _, err := apd.NewFromString(text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	zero := d("0")
	monthly := new(apd.Decimal)
	if _, err := apd.BaseContext.WithPrecision(34).Quo(monthly, d("0.08"), d("12")); err != nil {
		t.Fatal(err)
	}
	check := func(name, want string, places int32, got *apd.Decimal, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if text := rounded(t, got, places); text != want {
			t.Errorf("%s = %s, want %s", name, text, want)
		}
	}
	got, err := amortization.Payment(monthly, 60, d("15000"), zero)
	check("pmt(.08/12, 60, 15000)", "-304.1459143262052370", 16, got, err)
	got, err = amortization.PresentValue(d("0.07"), 20, d("12000"), zero)
	check("pv(.07, 20, 12000)", "-127128.17", 2, got, err)
	got, err = amortization.FutureValue(d("0.075"), 20, d("-2000"), zero)
	check("fv(.075, 20, -2000)", "86609.36", 2, got, err)
	got, err = amortization.Periods(d("0.075"), d("-2000"), zero, d("100000"))
	check("nper(.075, -2000, 0, 100000)", "21.54", 2, got, err)
	got, err = amortization.Rate(10, zero, d("-3500"), d("10000"))
	check("rate(10, 0, -3500, 10000)", "0.1107", 4, got, err)
	got, err = amortization.IRR([]int64{-150000, 15000, 25000, 35000, 45000, 60000})
	check("irr", "0.0524", 4, got, err)
	got, err = amortization.IRR([]int64{-100, 39, 59, 55, 20})
	check("irr", "0.28095", 5, got, err)
	got, err = amortization.IRR([]int64{-100, 0, 0, 74})
	check("irr of a loss", "-0.0955", 4, got, err)
	got, err = amortization.IRR([]int64{-100, 100, 0, 7})
	check("irr of an early gain", "0.06206", 5, got, err)
	got, err = amortization.MIRR([]int64{-4500, -800, 800, 800, 600, 600, 800, 800, 700, 3000}, d("0.08"), d("0.055"))
	check("mirr", "0.066597175031554", 15, got, err)
	got, err = amortization.MIRR([]int64{-120000, 39000, 30000, 21000, 37000, 46000}, d("0.10"), d("0.12"))
	check("mirr", "0.126094130365905", 15, got, err)
	got, err = amortization.MIRR([]int64{100, 200, -50, 300, -200}, d("0.05"), d("0.06"))
	check("mirr of mixed signs", "0.342823387842177", 15, got, err)
	got, err = amortization.Periods(d("0.1"), zero, d("-500"), d("1500"))
	check("nper(.1, 0, -500, 1500)", "11.52670461", 8, got, err)
	got, err = amortization.Payment(zero, 10, d("1000"), zero)
	check("pmt at no interest", "-100.00", 2, got, err)
	got, err = amortization.Periods(zero, d("-100"), d("1000"), zero)
	check("nper at no interest", "10.00", 2, got, err)
	for name, err := range map[string]error{
		"n = 0":            second(amortization.Payment(zero, 0, zero, zero)),
		"pv of n = 0":      second(amortization.PresentValue(zero, 0, zero, zero)),
		"fv of n = 10,001": second(amortization.FutureValue(zero, 10_001, zero, zero)),
		"rate of n = 0":    second(amortization.Rate(0, zero, zero, zero)),
	} {
		if len(amortization.Faults(err)) != 1 {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"nper never":     second(amortization.Periods(d("0.1"), d("-1"), d("100"), zero)),
		"irr one way":    second(amortization.IRR([]int64{1, 2})),
		"mirr one way":   second(amortization.MIRR([]int64{1, 2}, zero, zero)),
		"mirr of one":    second(amortization.MIRR([]int64{1}, zero, zero)),
		"rate of no use": second(amortization.Rate(3, d("1"), d("1"), d("1"))),
	} {
		if !errors.Is(err, amortization.ErrNoRate) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func second(_ *apd.Decimal, err error) error { return err }

// TestGraceOfPaymentCarriesInterest checks ClientLoanIntegrationTest of Apache
// Fineract: weekly, 24 %, the interest of the first week paid with the second.
func TestGraceOfPaymentCarriesInterest(t *testing.T) {
	t.Parallel()
	s := build(t, amortization.Terms{
		Principal: usd(t, "10000"), AnnualRatePercent: amortization.MustDecimal("24"), Instalments: 4,
		Frequency: amortization.Frequency{Unit: amortization.Week}, InterestBasis: amortization.ByPeriod,
		Grace: amortization.Grace{InterestPayment: 1}, DisbursementDate: date(t, "2024-01-21"),
	})
	var got [][2]string
	for _, row := range s.All() {
		got = append(got, [2]string{row.Principal.Text(), row.Interest.Text()})
	}
	want := [][2]string{{"2482.76", "0.00"}, {"2494.22", "80.84"}, {"2505.73", "23.18"}, {"2517.29", "11.62"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}
