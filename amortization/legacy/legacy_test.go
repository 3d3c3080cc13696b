package legacy_test

import (
	"errors"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/amortization/legacy"
)

func day(t testing.TB, text string) civil.Date {
	t.Helper()
	d, err := civil.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// terms are 12 % cumulative, declining, equal monthly instalments, nominal period rate.
func terms(t testing.TB, principal string, n int, changes ...func(*legacy.Terms)) legacy.Terms {
	x := legacy.Terms{
		Algorithm: legacy.Cumulative, Principal: amortization.MustDecimal(principal),
		AnnualRatePercent: amortization.MustDecimal("12"),
		CurrencyDecimals:  2, RoundingMode: "half_even", CalcPrecision: 12, InterestType: "declining",
		Amortization: "equal_installments", InterestPeriod: "same_as_repayment", PartialPeriodInterest: true,
		DayCount:             legacy.DayCount{DaysInMonth: "actual", DaysInYear: "actual"},
		NumberOfInstallments: n, RepaymentEvery: 1, RepaymentUnit: "months", DueDatesCountedFrom: "disbursement",
		SubmittedDate: day(t, "2023-01-01"), DisbursementDate: day(t, "2023-01-01"),
	}
	for _, change := range changes {
		change(&x)
	}
	return x
}

// line is a row in words: due, principal, interest, fees, penalties.
type line struct {
	due                                  string
	principal, interest, fees, penalties int64
}

func lines(t testing.TB, x legacy.Terms) []line {
	t.Helper()
	table, err := legacy.Build(x)
	if err != nil {
		t.Fatal(err)
	}
	var got []line
	for i := range table.Rows {
		row := &table.Rows[i]
		if row.Number != i+1 || row.TotalDue() != row.Principal+row.Interest+row.Fees+row.Penalties {
			t.Errorf("row %d does not add up: %+v", i+1, row)
		}
		got = append(got, line{row.Due.String(), row.Principal, row.Interest, row.Fees, row.Penalties})
	}
	return got
}

func TestCumulative(t *testing.T) {
	t.Parallel()
	one := amortization.MustDecimal("1")
	tests := []struct {
		name string
		x    legacy.Terms
		want []line
	}{
		{
			// 1.01³·0.01/(1.01³-1)·1000 = 340.02
			"annuity on the nominal rate", terms(t, "1000", 3),
			[]line{{"2023-02-01", 33_002, 1_000, 0, 0}, {"2023-03-01", 33_332, 670, 0, 0}, {"2023-04-01", 33_666, 337, 0, 0}},
		},
		{
			"annuity to a whole unit", terms(t, "1000", 3, func(x *legacy.Terms) { x.InstallmentMultiple = &one }),
			[]line{{"2023-02-01", 33_000, 1_000, 0, 0}, {"2023-03-01", 33_330, 670, 0, 0}, {"2023-04-01", 33_670, 337, 0, 0}},
		},
		{
			// daily: 1000·0.12/365·31 = 10.19; sized on 30 days: 339.84… with rate 0.12/365·30
			"interest by actual days", terms(t, "1000", 2, func(x *legacy.Terms) { x.InterestPeriod = "daily" }),
			[]line{{"2023-02-01", 49_722, 1_019, 0, 0}, {"2023-03-01", 50_278, 463, 0, 0}},
		},
		{
			"equal principal, thirty days a month", terms(t, "1000", 3, func(x *legacy.Terms) {
				x.Amortization, x.InterestPeriod, x.DayCount = "equal_principal", "daily",
					legacy.DayCount{DaysInMonth: "30", DaysInYear: "360"}
			}),
			[]line{{"2023-02-01", 33_333, 1_000, 0, 0}, {"2023-03-01", 33_333, 667, 0, 0}, {"2023-04-01", 33_334, 333, 0, 0}},
		},
		{
			"flat, to a whole unit", terms(t, "1000", 3, func(x *legacy.Terms) {
				x.InterestType,
					x.InstallmentMultiple = "flat", &one
			}),
			[]line{{"2023-02-01", 33_300, 1_000, 0, 0}, {"2023-03-01", 33_300, 1_000, 0, 0}, {
				"2023-04-01",
				33_400, 1_000, 0, 0,
			}},
		},
		{
			// 1000·0.12/365·90 = 29.59 over three
			"flat by days", terms(t, "1000", 3, func(x *legacy.Terms) { x.InterestType, x.InterestPeriod = "flat", "daily" }),
			[]line{{"2023-02-01", 33_333, 986, 0, 0}, {"2023-03-01", 33_333, 986, 0, 0}, {"2023-04-01", 33_334, 987, 0, 0}},
		},
		{
			"flat with grace of principal and interest", terms(t, "1000", 4, func(x *legacy.Terms) {
				x.InterestType, x.Grace = "flat", legacy.Grace{Principal: 2, InterestFree: 1}
			}),
			[]line{{"2023-02-01", 0, 0, 0, 0}, {"2023-03-01", 0, 1_000, 0, 0}, {
				"2023-04-01", 50_000, 1_000, 0,
				0,
			}, {"2023-05-01", 50_000, 1_000, 0, 0}},
		},
		{
			"a fixed percentage of principal, the rest last", terms(t, "1000", 3, func(x *legacy.Terms) {
				ten := amortization.MustDecimal("10")
				x.Amortization, x.FixedPrincipalPercent = "equal_principal", &ten
			}),
			[]line{{"2023-02-01", 10_000, 1_000, 0, 0}, {"2023-03-01", 10_000, 900, 0, 0}, {"2023-04-01", 80_000, 800, 0, 0}},
		},
		{
			"grace of payment carries the interest", terms(t, "1000", 3, func(x *legacy.Terms) {
				x.Amortization, x.Grace = "equal_principal", legacy.Grace{Principal: 1, InterestPayment: 1}
			}),
			[]line{{"2023-02-01", 0, 0, 0, 0}, {"2023-03-01", 50_000, 2_000, 0, 0}, {"2023-04-01", 50_000, 500, 0, 0}},
		},
		{
			"interest-free grace", terms(t, "1000", 2, func(x *legacy.Terms) {
				x.Amortization, x.Grace = "equal_principal", legacy.Grace{InterestFree: 1}
			}),
			[]line{{"2023-02-01", 50_000, 0, 0, 0}, {"2023-03-01", 50_000, 500, 0, 0}},
		},
		{
			// first period of one month and 14/28 of February: 1000·1 %·1.5
			"odd days pro rata", terms(t, "1000", 2, func(x *legacy.Terms) {
				first := day(t, "2023-02-15")
				x.Amortization, x.FirstDueDate = "equal_principal", &first
			}),
			[]line{{"2023-02-15", 50_000, 1_500, 0, 0}, {"2023-03-15", 50_000, 500, 0, 0}},
		},
		{
			"no interest", terms(t, "100", 3, func(x *legacy.Terms) { x.AnnualRatePercent = amortization.Decimal{} }),
			[]line{{"2023-02-01", 3_333, 0, 0, 0}, {"2023-03-01", 3_333, 0, 0, 0}, {"2023-04-01", 3_334, 0, 0, 0}},
		},
		{
			"every amount a multiple of a hundred, ties up", terms(t, "100000", 3, func(x *legacy.Terms) {
				hundred := amortization.MustDecimal("100")
				x.CurrencyDecimals, x.CurrencyMultiple, x.Amortization = 0, &hundred, "equal_principal"
				x.AnnualRatePercent = amortization.MustDecimal("24.6")
			}),
			[]line{{"2023-02-01", 33_300, 2_100, 0, 0}, {"2023-03-01", 33_300, 1_400, 0, 0}, {"2023-04-01", 33_400, 700, 0, 0}},
		},
		{
			// 50/4 = 12.50, to the nearest 20
			"an installment rounded up ends the loan early", terms(t, "50", 6, func(x *legacy.Terms) {
				twenty := amortization.MustDecimal("20")
				x.InstallmentMultiple, x.AnnualRatePercent = &twenty, amortization.Decimal{}
				x.NumberOfInstallments = 4
			}),
			[]line{{"2023-02-01", 2_000, 0, 0, 0}, {"2023-03-01", 2_000, 0, 0, 0}, {"2023-04-01", 1_000, 0, 0, 0}},
		},
		{
			"flat, an installment rounded up ends the loan early", terms(t, "50", 4, func(x *legacy.Terms) {
				twenty := amortization.MustDecimal("20")
				x.InterestType, x.InstallmentMultiple, x.AnnualRatePercent = "flat", &twenty, amortization.Decimal{}
			}),
			[]line{{"2023-02-01", 2_000, 0, 0, 0}, {"2023-03-01", 2_000, 0, 0, 0}, {"2023-04-01", 1_000, 0, 0, 0}},
		},
		{
			// interest 1000·15 %·4/12 = 50.00, 12.50 each; with the carried half of it due on top, what
			// is due stays whole: 250 + 25 and 250 + 12 - 12.50 + 12.50
			"flat, to a whole unit, with interest carried", terms(t, "1000", 4, func(x *legacy.Terms) {
				x.InterestType, x.InstallmentMultiple, x.AnnualRatePercent = "flat", &one, amortization.MustDecimal("15")
				x.Grace.InterestPayment = 1
			}),
			[]line{
				{"2023-02-01", 25_000, 0, 0, 0},
				{"2023-03-01", 25_000, 2_500, 0, 0},
				{"2023-04-01", 24_950, 1_250, 0, 0},
				{"2023-05-01", 25_050, 1_250, 0, 0},
			},
		},
		{
			"flat, a fixed percentage of principal", terms(t, "1000", 3, func(x *legacy.Terms) {
				five := amortization.MustDecimal("5")
				x.InterestType, x.FixedPrincipalPercent = "flat", &five
			}),
			[]line{{"2023-02-01", 5_000, 1_000, 0, 0}, {"2023-03-01", 5_000, 1_000, 0, 0}, {"2023-04-01", 90_000, 1_000, 0, 0}},
		},
		{
			// a month and 14/28 of February are 45 days of 30 a month: 1000·12 %·45/360
			"odd days, thirty days a month", terms(t, "1000", 2, func(x *legacy.Terms) {
				first := day(t, "2023-02-15")
				x.Amortization, x.FirstDueDate, x.InterestPeriod = "equal_principal", &first, "daily"
				x.DayCount = legacy.DayCount{DaysInMonth: "30", DaysInYear: "360"}
			}),
			[]line{{"2023-02-15", 50_000, 1_500, 0, 0}, {"2023-03-15", 50_000, 500, 0, 0}},
		},
		{
			// sized on 7 days a week: rate 0.12·7/364; 3640·rate = 8.40 in the first week
			"annuity by weeks and days", terms(t, "3640", 2, func(x *legacy.Terms) {
				x.RepaymentUnit, x.InterestPeriod, x.DayCount.DaysInYear = "weeks", "daily", "364"
			}),
			[]line{{"2023-01-08", 181_790, 840, 0, 0}, {"2023-01-15", 182_210, 420, 0, 0}},
		},
		{
			"by weeks", terms(t, "5200", 2, func(x *legacy.Terms) {
				x.RepaymentUnit, x.Amortization = "weeks",
					"equal_principal"
			}),
			[]line{{"2023-01-08", 260_000, 1_200, 0, 0}, {"2023-01-15", 260_000, 600, 0, 0}},
		},
		{
			"by days", terms(t, "3650", 2, func(x *legacy.Terms) {
				x.RepaymentUnit, x.RepaymentEvery, x.Amortization = "days", 10, "equal_principal"
			}),
			[]line{{"2023-01-11", 182_500, 1_200, 0, 0}, {"2023-01-21", 182_500, 600, 0, 0}},
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

func TestDueDates(t *testing.T) {
	t.Parallel()
	length := 100
	explicit := [][2]civil.Date{{day(t, "2024-01-31"), day(t, "2024-02-10")}, {day(t, "2024-02-10"), day(t, "2024-04-01")}}
	from31 := func(x *legacy.Terms) {
		x.SubmittedDate, x.DisbursementDate, x.AnnualRatePercent = day(t, "2024-01-31"), day(t, "2024-01-31"),
			amortization.Decimal{}
	}
	for name, test := range map[string]struct {
		change func(*legacy.Terms)
		want   []string
	}{
		"the day of the month comes back": {func(*legacy.Terms) {}, []string{"2024-02-29", "2024-03-31"}},
		"counted from the submission": {func(x *legacy.Terms) {
			x.DisbursementDate, x.DueDatesCountedFrom = day(t, "2024-02-02"), "submission"
		}, []string{"2024-02-29", "2024-03-31"}},
		"at least 36 days": {func(x *legacy.Terms) { x.MinimumDaysToFirstDue = 36 }, []string{"2024-03-07", "2024-04-07"}},
		"explicit periods": {func(x *legacy.Terms) { x.ExplicitPeriods = explicit }, []string{"2024-02-10", "2024-04-01"}},
		"fixed length": {
			func(x *legacy.Terms) { x.RepaymentUnit, x.RepaymentEvery, x.FixedLength = "days", 30, &length },
			[]string{"2024-03-01", "2024-05-10"},
		},
	} {
		for _, algorithm := range []string{legacy.Cumulative, legacy.Progressive} {
			x := terms(t, "100", 2, from31, test.change)
			x.Algorithm = algorithm
			for i, got := range lines(t, x) {
				if got.due != test.want[i] {
					t.Errorf("%s, %s: row %d due %s, want %s", name, algorithm, i+1, got.due, test.want[i])
				}
			}
		}
	}
}

func TestDownPaymentAndCharges(t *testing.T) {
	t.Parallel()
	charge := func(kind, when, basis, value, due string) legacy.Charge {
		c := legacy.Charge{Kind: kind, When: when, Basis: basis, Value: amortization.MustDecimal(value)}
		if due != "" {
			c.DueDate = day(t, due)
		}
		return c
	}
	x := terms(t, "1000", 2, func(x *legacy.Terms) {
		x.InterestType, x.DownPayment = "flat", &legacy.DownPayment{Percent: amortization.MustDecimal("20"), AutoPay: true}
		x.Charges = []legacy.Charge{
			charge("fee", "on_date", "flat", "5", "2023-01-01"), charge("penalty", "on_date", "flat", "7", "2023-02-01"),
			charge("fee", "on_date", "percent_of_principal", "1", "2023-02-02"),
			charge("fee", "each_installment", "percent_of_interest", "50", ""),
			charge("fee", "disbursement", "percent_of_principal_and_interest", "1", ""),
			charge("penalty", "on_date", "flat", "9", "2023-05-05"), charge("fee", "on_date", "flat", "3", "2023-06-06"),
		}
	})
	want := []line{ // interest 800.00·1 %·2, 8.00 each
		{"2023-01-01", 20_000, 0, 0, 0},
		{"2023-02-01", 40_000, 800, 500 + 400, 700},
		{
			"2023-03-01", 40_000, 800,
			1_000 + 400, 0,
		},
		{"2023-06-06", 0, 0, 300, 900},
	}
	if diff := cmp.Diff(want, lines(t, x), cmp.AllowUnexported(line{})); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	table, err := legacy.Build(x)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := table.Text(table.DisbursementFees), "10.16"; got != want {
		t.Errorf("fees of the disbursement %s, want %s", got, want)
	}
	if got := (&legacy.Table{}).Text(1234); got != "1234" {
		t.Errorf("without decimals %s", got)
	}
}

func TestTermsThatAreRefused(t *testing.T) {
	t.Parallel()
	zero, minus, ten := amortization.Decimal{}, -1, 10
	for name, change := range map[string]func(*legacy.Terms){
		"algorithm": func(x *legacy.Terms) {
			x.Algorithm = "magic"
		}, "rounding": func(x *legacy.Terms) {
			x.RoundingMode = "up"
		},
		"interest type": func(x *legacy.Terms) {
			x.InterestType = ""
		}, "amortization": func(x *legacy.Terms) {
			x.Amortization = ""
		},
		"interest period": func(x *legacy.Terms) {
			x.InterestPeriod = ""
		}, "month": func(x *legacy.Terms) {
			x.DayCount.DaysInMonth = "31"
		},
		"year": func(x *legacy.Terms) {
			x.DayCount.DaysInYear = "366"
		}, "unit": func(x *legacy.Terms) {
			x.RepaymentUnit = "moons"
		},
		"start": func(x *legacy.Terms) {
			x.DueDatesCountedFrom = ""
		}, "principal": func(x *legacy.Terms) {
			x.Principal = zero
		},
		"rate": func(x *legacy.Terms) { x.AnnualRatePercent = amortization.MustDecimal("-1") },
		"decimals": func(x *legacy.Terms) {
			x.CurrencyDecimals = 5
		}, "precision": func(x *legacy.Terms) {
			x.CalcPrecision = 0
		},
		"number": func(x *legacy.Terms) {
			x.NumberOfInstallments = 0
		}, "every": func(x *legacy.Terms) {
			x.RepaymentEvery = 0
		},
		"minimum": func(x *legacy.Terms) {
			x.MinimumDaysToFirstDue = -1
		}, "date": func(x *legacy.Terms) {
			x.SubmittedDate = civil.Date{}
		},
		"periods": func(x *legacy.Terms) {
			x.ExplicitPeriods = make([][2]civil.Date, 1)
		}, "length": func(x *legacy.Terms) {
			x.FixedLength = &minus
		},
		"grace": func(x *legacy.Terms) {
			x.Grace.Principal = 3
		}, "multiple": func(x *legacy.Terms) {
			x.InstallmentMultiple = &zero
		},
		"down payment": func(x *legacy.Terms) { x.DownPayment = &legacy.DownPayment{} },
		"grace of a progressive loan": func(x *legacy.Terms) {
			x.Algorithm, x.Grace.InterestFree = legacy.Progressive, 1
		}, "flat interest of a progressive loan": func(x *legacy.Terms) {
			x.Algorithm, x.InterestType = legacy.Progressive, "flat"
		}, "equal principal of a progressive loan": func(x *legacy.Terms) {
			x.Algorithm, x.Amortization = legacy.Progressive, "equal_principal"
		},
		"periods backwards": func(x *legacy.Terms) {
			x.NumberOfInstallments = 1
			x.ExplicitPeriods = [][2]civil.Date{{day(t, "2024-03-01"), day(t, "2024-02-01")}}
		}, "shorter than its periods": func(x *legacy.Terms) {
			x.RepaymentUnit, x.RepaymentEvery, x.FixedLength = "days", 30, &ten
		}, "paid out after the last period": func(x *legacy.Terms) {
			x.NumberOfInstallments, x.DisbursementDate = 1, day(t, "2024-03-01")
			x.ExplicitPeriods = [][2]civil.Date{{day(t, "2024-01-01"), day(t, "2024-02-01")}}
		},
		"charges": func(x *legacy.Terms) { x.Charges = make([]legacy.Charge, 1_001) },
		"charge":  func(x *legacy.Terms) { x.Charges = []legacy.Charge{{Kind: "tip", When: "on_date", Basis: "flat"}} },
	} {
		if _, err := legacy.Build(terms(t, "100", 3, change)); !errors.Is(err, legacy.ErrTerms) {
			t.Errorf("%s: %v", name, err)
		}
	}
	huge := terms(t, "999999999999999999", 3, func(x *legacy.Terms) { x.CurrencyDecimals = 4 })
	if _, err := legacy.Build(huge); !errors.Is(err, legacy.ErrTerms) {
		t.Errorf("beyond the range of money: %v", err)
	}
}

// TestPrincipalIsRepaid draws terms: the principal is repaid exactly, and the
// balance after the last row is zero.
func TestPrincipalIsRepaid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		pick := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(r, name) }
		x := terms(t, rapid.StringMatching(`[1-9][0-9]{2,5}\.[0-9]{2}`).Draw(r, "principal"), rapid.IntRange(2,
			24).Draw(r, "n"))
		x.AnnualRatePercent = amortization.MustDecimal(rapid.StringMatching(`[0-9]{1,2}(\.[0-9]{1,3})?`).Draw(r, "rate"))
		x.Algorithm = pick("algorithm", legacy.Cumulative, legacy.Progressive)
		x.InterestType, x.Amortization = pick("type", "flat", "declining"), pick("amortization",
			"equal_installments", "equal_principal")
		x.InterestPeriod, x.RepaymentUnit = pick("period", "daily", "same_as_repayment"), pick("unit", "days",
			"weeks", "months")
		x.DayCount = legacy.DayCount{DaysInMonth: pick("month", "30", "actual"), DaysInYear: pick("year", "360",
			"364", "365", "actual")}
		if x.Algorithm == legacy.Cumulative {
			x.Grace = legacy.Grace{
				Principal: rapid.IntRange(0, 1).Draw(r, "g"), InterestPayment: rapid.IntRange(0, 1).Draw(r, "p"),
			}
		} else {
			x.InterestType, x.Amortization = "declining", "equal_installments"
		}
		if rapid.Bool().Draw(r, "late") {
			x.DueDatesCountedFrom = "submission"
			x.DisbursementDate = x.SubmittedDate.AddDays(rapid.IntRange(0, 90).Draw(r, "days"))
			x.NumberOfInstallments += 90 // of a day, at the least
		}
		table, err := legacy.Build(x)
		if err != nil {
			r.Fatal(err)
		}
		sum := int64(0)
		for i := range table.Rows {
			sum += table.Rows[i].Principal
		}
		if last := table.Rows[len(table.Rows)-1]; last.Balance != 0 || table.Text(sum) != x.Principal.Fixed(2) {
			r.Fatalf("repaid %s of %s, balance %d", table.Text(sum), x.Principal.Fixed(2), last.Balance)
		}
	})
}
