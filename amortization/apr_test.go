package amortization_test

import (
	"errors"
	"testing"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

func usd(t testing.TB, text string) money.Amount { return amount(t, text, "USD") }

// flows builds an advance and n payments, each step periods after the first.
type series struct {
	payment string
	first   string
	n       int
	step    func(first civil.Date, k int) civil.Date
}

func months(every int) func(civil.Date, int) civil.Date {
	return func(d civil.Date, k int) civil.Date { return amortization.AddMonths(d, k*every, d.Day) }
}

func days(every int) func(civil.Date, int) civil.Date {
	return func(d civil.Date, k int) civil.Date { return d.AddDays(k * every) }
}

// firstAndSixteenth gives the semi-monthly dates of Appendix J.
func firstAndSixteenth(d civil.Date, k int) civil.Date {
	day := 1
	if k%2 == 1 {
		day = 16
	}
	return amortization.AddMonths(d, k/2, day)
}

func loanFlows(t testing.TB, advance, on string, parts ...series) []amortization.CashFlow {
	t.Helper()
	flows := []amortization.CashFlow{{Date: date(t, on), Amount: usd(t, advance)}}
	for _, p := range parts {
		for k := range p.n {
			paid := money.New(-usd(t, p.payment).Minor(), money.MustCurrency("USD"))
			flows = append(flows, amortization.CashFlow{Date: p.step(date(t, p.first), k), Amount: paid})
		}
	}
	return flows
}

// TestRegulationZAppendixJ checks the examples of 12 CFR 1026 Appendix J (c)(1)
// to (5), to the hundredth of a per cent and, recomputed, to four decimals. The
// last seven are cases that the tests of FSharp.Finance.Personal confirm in a
// spreadsheet.
func TestRegulationZAppendixJ(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, advance, on string
		parts             []series
		want, exact, unit string
	}{
		{"1(i) monthly", "5000", "1978-01-10", []series{{"230", "1978-02-10", 24, months(1)}}, "9.69", "9.6857", "month"},
		{
			"1(ii) long first period", "6000", "1978-02-10",
			[]series{{"200", "1978-04-01", 36, months(1)}},
			"11.82", "11.8165", "month",
		},
		{
			"1(iii) semi-monthly", "5000", "1978-02-23",
			[]series{{"219.17", "1978-03-01", 24, firstAndSixteenth}},
			"10.34", "10.3379", "semi-month",
		},
		{
			"1(iv) quarterly, long first period", "10000", "1978-05-23",
			[]series{{"385", "1978-10-01", 40, months(3)}},
			"8.97", "8.9708", "3 months",
		},
		{
			"1(v) weekly, long first period", "500", "1978-03-20",
			[]series{{"17.60", "1978-04-21", 30, days(7)}},
			"14.96", "14.9622", "week",
		},
		{
			"2(i) first payment differs", "5000", "1978-01-10",
			[]series{{"250", "1978-02-10", 1, months(1)}, {"230", "1978-03-10", 23, months(1)}},
			"10.08", "10.0829", "month",
		},
		{
			"2(ii) every four weeks", "400", "1978-03-18",
			[]series{{"39.50", "1978-04-20", 1, days(28)}, {"38.31", "1978-05-18", 11, days(28)}},
			"28.50",
			"28.4979", "4 weeks",
		},
		{
			"3(i) last payment differs", "5000", "1978-01-10",
			[]series{{"230", "1978-02-10", 23, months(1)}, {"280", "1980-01-10", 1, months(1)}},
			"10.50", "10.5005", "month",
		},
		{
			"3(ii) every two weeks, short first period", "200", "1978-04-03",
			[]series{{"9.50", "1978-04-11", 19, days(14)}, {"30", "1979-01-02", 1, days(14)}},
			"12.22", "12.2249", "2 weeks",
		},
		{
			"4(i) first and last differ", "5000", "1978-01-10",
			[]series{
				{"250", "1978-02-10", 1, months(1)},
				{"230", "1978-03-10", 22, months(1)},
				{"280", "1980-01-10", 1, months(1)},
			},
			"10.90", "10.8955", "month",
		},
		{
			"4(ii) every two months, odd first period of 52 days", "8000", "1978-01-10",
			[]series{
				{"449.36", "1978-03-01", 1, months(2)},
				{"465", "1978-05-01", 18, months(2)},
				{"200", "1981-05-01", 1, months(2)},
			},
			"7.30", "7.3018", "2 months",
		},
		{
			"5(i) single payment, 255 days", "1000", "1978-01-03",
			[]series{{"1080", "1978-09-15", 1, days(1)}},
			"11.45", "11.4510", "255 days",
		},
		{
			"5(ii) single payment, six months", "1000", "1978-07-15",
			[]series{{"1044", "1979-01-15", 1, days(1)}},
			"8.80", "8.8000", "6 months",
		},
		{
			"5(iv) single payment, two years", "1000", "1978-01-17",
			[]series{{"1240", "1980-01-17", 1, days(1)}},
			"11.36", "11.3553", "12 months",
		},
		{
			"quarterly, advance 23 June", "10000", "1978-06-23",
			[]series{{"385", "1978-10-01", 40, months(3)}},
			"9.15", "", "3 months",
		},
		{
			"quarterly, advance 23 July", "10000", "1978-07-23",
			[]series{{"385", "1978-10-01", 40, months(3)}},
			"9.32", "", "3 months",
		},
		{"daily", "1000", "2023-10-26", []series{{"220", "2023-11-30", 5, days(1)}}, "94.15", "", "day"},
		{"weekly, 33 days", "1000", "2023-10-28", []series{{"250", "2023-11-30", 5, days(7)}}, "176.52", "", "week"},
		{"weekly, 7 days", "1000", "2023-11-23", []series{{"250", "2023-11-30", 5, days(7)}}, "412.40", "", "week"},
		{"weekly, 6 days", "1000", "2023-11-24", []series{{"250", "2023-11-30", 5, days(7)}}, "434.30", "", "week"},
		{"yearly, 35 days", "1000", "2023-10-26", []series{{"500", "2023-11-30", 5, months(12)}}, "78.34", "", "12 months"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := amortization.RegulationZ(loanFlows(t, test.advance, test.on, test.parts...))
			if err != nil {
				t.Fatal(err)
			}
			if got.Percent.Fixed(2) != test.want || got.UnitPeriod != test.unit {
				t.Errorf("APR %s by the %s, want %s by the %s", got.Percent.Fixed(2), got.UnitPeriod, test.want, test.unit)
			}
			if test.exact != "" && got.Exact.Fixed(4) != test.exact {
				t.Errorf("APR %s, want %s", got.Exact.Fixed(4), test.exact)
			}
		})
	}
}

// TestEUAnnualPercentageRateOfCharge checks cases recorded for Directive
// 2008/48/EC in the tests of FSharp.Finance.Personal, which count calendar days,
// and one with a closed form: 270v + 270v² = 500 for v = (1+X)^(-1/12).
func TestEUAnnualPercentageRateOfCharge(t *testing.T) {
	t.Parallel()
	fiveDays := loanFlows(t, "500", "2012-10-10", series{"510", "2012-10-15", 1, days(1)})
	twoMonths := loanFlows(t, "500", "2012-10-10", series{"270", "2012-11-10", 2, months(1)})
	weeks := loanFlows(t, "500", "2023-01-02", series{"510", "2023-01-16", 1, days(1)})
	yearAndDays := loanFlows(t, "1000", "2021-03-01", series{"1100", "2022-03-11", 1, days(1)})
	for _, test := range []struct {
		name  string
		flows []amortization.CashFlow
		times amortization.EUTimes
		want  string
	}{
		{"five days", fiveDays, amortization.CalendarDays, "324.436"},
		{"five days of a leap year", fiveDays, amortization.EqualPeriods, "326.121"}, // 1.02^(366/5)
		{"two months in days", twoMonths, amortization.CalendarDays, "84.631"},
		{"two months in twelfths", twoMonths, amortization.EqualPeriods, "85.585"},
		{"two weeks", weeks, amortization.EqualPeriods, "67.342"},                // 1.02^26
		{"a year and ten days", yearAndDays, amortization.EqualPeriods, "9.721"}, // 1.1^(365/375)
	} {
		got, err := amortization.EU(test.flows, test.times)
		if err != nil {
			t.Fatal(err)
		}
		if got.Exact.Fixed(3) != test.want {
			t.Errorf("%s: %s, want %s", test.name, got.Exact.Fixed(3), test.want)
		}
	}
	if _, err := amortization.EU(fiveDays, "hours"); !errors.Is(err, amortization.ErrNoRate) {
		t.Errorf("unknown measure of time: %v", err)
	}
}

// TestXIRRMatchesTheClosedForm compares with rates that have one.
func TestXIRRMatchesTheClosedForm(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, advance, payment, on, due, want string
	}{
		{"one year at a tenth", "1000", "1100", "2023-01-01", "2024-01-01", "10.0000000000"},
		{"two years at a tenth", "1000", "1210", "2021-01-01", "2023-01-01", "10.0000000000"},
		{"a loss", "1000", "900", "2023-01-01", "2024-01-01", "-10.0000000000"},
		{"no interest", "1000", "1000", "2023-01-01", "2024-01-01", "0.0000000000"},
		{"73 days are a fifth of a year", "10000", "12000", "2023-01-01", "2023-03-15", "148.8320000000"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := amortization.XIRR(loanFlows(t, test.advance, test.on, series{test.payment, test.due, 1, days(1)}))
			if err != nil {
				t.Fatal(err)
			}
			if got.Exact.Fixed(10) != test.want {
				t.Errorf("XIRR %s, want %s", got.Exact.Fixed(10), test.want)
			}
		})
	}
}

func equalPeriods(flows []amortization.CashFlow) (amortization.APR, error) {
	return amortization.EU(flows, amortization.EqualPeriods)
}

func TestRatesThatDoNotExist(t *testing.T) {
	t.Parallel()
	oneWay := loanFlows(t, "1000", "2023-01-01")
	sameWay := append(loanFlows(t, "1000", "2023-01-01"), loanFlows(t, "1000", "2023-02-01")...)
	mixed := loanFlows(t, "1000", "2023-01-01", series{"1100", "2023-02-01", 1, days(1)})
	mixed[1].Amount = money.New(-5, money.MustCurrency("INR"))
	sameDay := loanFlows(t, "1000", "2023-01-01", series{"1100", "2023-01-01", 1, days(1)})
	for name, flows := range map[string][]amortization.CashFlow{
		"one flow": oneWay, "both to the borrower": sameWay, "two currencies": mixed, "one day": sameDay,
	} {
		for rate, of := range map[string]func([]amortization.CashFlow) (amortization.APR, error){
			"Regulation Z": amortization.RegulationZ, "EU": equalPeriods, "XIRR": amortization.XIRR,
		} {
			if _, err := of(flows); !errors.Is(err, amortization.ErrNoRate) {
				t.Errorf("%s of %s: error %v, want ErrNoRate", rate, name, err)
			}
		}
	}
}

func TestWithinTolerance(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		disclosed, actual string
		regular, want     bool
	}{
		{"10.00", "10.125", true, true},
		{"10.00", "10.126", true, false},
		{"10.126", "10.00", true, false},
		{"10.00", "10.25", false, true},
		{"10.00", "10.2501", false, false},
	} {
		got := amortization.WithinTolerance(amortization.MustDecimal(test.disclosed),
			amortization.MustDecimal(test.actual), test.regular)
		if got != test.want {
			t.Errorf("%+v: got %t", test, got)
		}
	}
}
