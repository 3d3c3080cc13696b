package legacy_test

import (
	"errors"
	"testing"

	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/amortization/legacy"
)

func planner(t testing.TB, x legacy.Terms) *legacy.Planner {
	t.Helper()
	p, err := legacy.NewPlanner(x)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPlannerAmounts asks a planner of 1000.00 at 1 % a month over three months,
// in whole units, with a down payment of a quarter.
func TestPlannerAmounts(t *testing.T) {
	t.Parallel()
	one, quarter := amortization.MustDecimal("1"), amortization.MustDecimal("25")
	p := planner(t, terms(t, "1000", 3, func(x *legacy.Terms) {
		x.InstallmentMultiple, x.DownPayment = &one, &legacy.DownPayment{Percent: quarter}
	}))
	periods := p.Periods()
	january := periods[0]
	share, repaying := p.FlatPrincipal(100_000, 3)
	fee := &legacy.Charge{Kind: "fee", Basis: "percent_of_principal_and_interest", Value: amortization.MustDecimal("2.5")}
	for name, got := range map[string][2]int64{
		"amount":                {p.Amount(amortization.MustDecimal("12.345")), 1_234},
		"multiple, half-even":   {p.ToMultiple(12_350), 12_400},
		"share":                 {p.Share(100_000, 3), 33_333},
		"part":                  {p.Part(1_000, 10, 31), 323},
		"down payment":          {p.DownPayment(3_000), 800},
		"charge":                {p.Charge(fee, 1_000, 200), 30},
		"annuity":               {p.Annuity(100_000, 3), 34_000},
		"interest":              {p.Interest(100_000, january, january.From, january.Due), 1_000},
		"interest of 10 days":   {p.Interest(100_000, january, january.From, january.From.AddDays(10)), 323},
		"flat interest":         {p.FlatInterest(100_000, periods), 3_000},
		"flat principal":        {share, 33_333},
		"repaying":              {int64(repaying), 3},
		"annuity at 24 %":       {p.AtRate(amortization.MustDecimal("24")).Annuity(100_000, 3), 34_700},
		"days of January":       {int64(january.Days()), 31},
		"day of the month":      {int64(p.Seed()), 1},
		"the rate stays itself": {p.Annuity(100_000, 3), 34_000},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %d, want %d", name, got[0], got[1])
		}
	}
	if !p.HasMultiple() || p.Err() != nil {
		t.Errorf("multiple %t, error %v", p.HasMultiple(), p.Err())
	}
	if got := planner(t, terms(t, "1000", 3)).DownPayment(1_000); got != 0 {
		t.Errorf("down payment %d without any", got)
	}
}

// TestPlannerFactors: 1 % for a month of 30/360, half of it for 15 of 30 days.
func TestPlannerFactors(t *testing.T) {
	t.Parallel()
	p := planner(t, terms(t, "1000", 3, func(x *legacy.Terms) {
		x.Algorithm, x.DayCount = legacy.Progressive, legacy.DayCount{DaysInMonth: "30", DaysInYear: "360"}
	}))
	april := legacy.Period{From: day(t, "2023-04-01"), Due: day(t, "2023-05-01")}
	half := p.Factor(april, april.From, day(t, "2023-04-16"))
	if got := p.Sum(half, half); got.Cmp(apd.New(1, -2)) != 0 {
		t.Errorf("two halves make %s", got)
	}
	if got := p.Times(100_000, half); got != 500 {
		t.Errorf("half a month of 1000.00: %d", got)
	}
	full := p.Factor(april, april.From, april.Due)
	if got := p.Instalment(100_000, []*apd.Decimal{full, full, full}); got != 34_002 {
		t.Errorf("instalment %d, want 34002", got)
	}
	if p.Smoothed(1, 3) || !p.Smoothed(2, 3) || p.Smoothed(2, 1) {
		t.Error("more than half the instalments in hundredths is smoothed, and only then")
	}
}

func TestPlannerMovesDates(t *testing.T) {
	t.Parallel()
	p := planner(t, terms(t, "1000", 3))
	moved, err := p.Move(p.Periods(), day(t, "2023-03-01"), day(t, "2023-03-31"))
	if err != nil {
		t.Fatal(err)
	}
	if moved[1].Due != day(t, "2023-03-31") || moved[2].From != moved[1].Due || moved[2].Due != day(t, "2023-04-30") {
		t.Errorf("moved to %v", moved)
	}
	if p.Periods()[1].Due != day(t, "2023-03-01") {
		t.Error("the plan itself has moved")
	}
	if got := p.After(day(t, "2023-01-31"), 2, 31); got != day(t, "2023-03-31") {
		t.Errorf("two months after 31 January: %s", got)
	}
	weekly := legacy.Terms{RepaymentUnit: "weeks", RepaymentEvery: 2}
	if got := weekly.After(day(t, "2023-01-01"), 1, 1); got != day(t, "2023-01-15") {
		t.Errorf("two weeks after 1 January: %s", got)
	}
	for _, to := range []string{"2023-02-01", "2023-01-01"} {
		if _, err := p.Move(p.Periods(), day(t, "2023-03-01"), day(t, to)); !errors.Is(err, legacy.ErrTerms) {
			t.Errorf("to %s: %v", to, err)
		}
	}
	if _, err := p.Move(p.Periods(), day(t, "2023-03-02"), day(t, "2023-03-31")); !errors.Is(err, legacy.ErrTerms) {
		t.Errorf("from a day when nothing is due: %v", err)
	}
}

func TestPlannerErrors(t *testing.T) {
	t.Parallel()
	if _, err := legacy.NewPlanner(legacy.Terms{}); !errors.Is(err, legacy.ErrTerms) {
		t.Errorf("no terms: %v", err)
	}
	p := planner(t, terms(t, "1000", 3))
	if p.Amount(amortization.MustDecimal("99999999999999999")); !errors.Is(p.Err(), legacy.ErrTerms) {
		t.Errorf("an amount beyond measure: %v", p.Err())
	}
}
