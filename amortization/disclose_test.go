package amortization_test

import (
	"encoding/json"
	"errors"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// TestChargesAddUp: what lender and third parties receive is every fee of the
// rows and of the disbursement, before and after changes.
func TestChargesAddUp(t *testing.T) {
	t.Parallel()
	disclosed := 0
	rapid.Check(t, func(t *rapid.T) {
		terms := anyTerms(t)
		for i := range terms.Fees {
			terms.Fees[i].Payee = rapid.SampledFrom([]amortization.Payee{
				amortization.Lender,
				amortization.ThirdParty,
			}).Draw(t, "payee")
		}
		s, err := amortization.New(terms)
		if err != nil {
			return
		}
		if rapid.Bool().Draw(t, "revised") {
			on := s.Terms.DisbursementDate.AddDays(rapid.IntRange(0,
				s.MaturityDate().DaysSince(s.Terms.DisbursementDate)-1).Draw(t, "on"))
			if r, err := anyChange(t, s, on); err == nil {
				s = r.Schedule
			}
		}
		facts, err := amortization.Disclose(s)
		if err != nil {
			if !errors.Is(err, amortization.ErrNoRate) {
				t.Fatal(err)
			}
			return
		}
		disclosed++
		if got, want := facts.TotalCharges.Minor(), s.Totals.Fees.Minor()+s.Totals.UpfrontFees.Minor(); got != want {
			t.Fatalf("charges %d by payee, %d by row", got, want)
		}
	})
	if disclosed == 0 {
		t.Error("nothing was disclosed")
	}
}

// TestFastRateSolvesTheEquation puts the rate back into the equation.
func TestFastRateSolvesTheEquation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, err := amortization.New(anyTerms(t))
		if err != nil {
			return
		}
		flows := s.CashFlows()
		fast, err := amortization.XIRR(flows)
		if err != nil {
			return
		}
		slow, err := amortization.XIRRReference(flows)
		if err != nil {
			t.Fatalf("fast path %s, reference %v", fast.Exact, err)
		}
		if !near(fast.Exact, slow.Exact) && !relativelyNear(fast.Exact, slow.Exact) {
			t.Fatalf("fast path %s, reference %s", fast.Exact, slow.Exact)
		}
	})
}

// relativelyNear is a millionth, for absurd rates.
func relativelyNear(a, b amortization.Decimal) bool {
	c := a.Apd()
	c.Exponent -= 6
	difference := amortization.MustDecimal("0").Apd()
	if _, err := decimalContext.Sub(difference, a.Apd(), b.Apd()); err != nil {
		return false
	}
	difference.Negative, c.Negative = false, false
	return difference.Cmp(c) <= 0
}

func TestDiscloseWithTranchesChangesAndDownPayment(t *testing.T) {
	t.Parallel()
	terms := amortization.Terms{
		Principal: inr(1_200_000), AnnualRatePercent: amortization.MustDecimal("12"), Instalments: 12,
		DisbursementDate: date(t, "2024-01-01"), DayCount: amortization.Actual365Fixed,
	}
	check := func(name string, s *amortization.Schedule, low, high string) {
		t.Helper()
		facts, err := amortization.Disclose(s)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if facts.APRExact.Cmp(amortization.MustDecimal(low)) < 0 || facts.APRExact.Cmp(amortization.MustDecimal(high)) > 0 {
			t.Errorf("%s: APR %s, want %s to %s", name, facts.APRExact, low, high)
		}
	}
	tranched := terms
	tranched.Tranches = []amortization.Tranche{{Date: date(t, "2024-03-15"), Amount: inr(600_000)}}
	check("tranches", build(t, tranched), "11.9", "12.1")
	down := terms
	down.DownPaymentPercent = amortization.MustDecimal("20")
	check("down payment", build(t, down), "11.9", "12.1")
	check("prepaid", prepay(t, build(t, terms), "2024-05-10", 300_000, amortization.ReduceTerm).Schedule, "11.9", "12.1")
	bullet := terms
	bullet.Method = amortization.Bullet
	check("bullet", build(t, bullet), "11", "12")
	drawn, err := amortization.Draw(build(t, terms), date(t, "2024-05-10"), inr(500_000))
	if err != nil {
		t.Fatal(err)
	}
	check("drawn", drawn.Schedule, "11.9", "12.1")
	if facts, err := amortization.Disclose(build(t, bullet)); err != nil || facts.Instalment != facts.TotalPaid {
		t.Errorf("the bullet pays %s at once, disclosed %s, %v", facts.TotalPaid, facts.Instalment, err)
	}
}

func TestOutstanding(t *testing.T) {
	t.Parallel()
	s := build(t, rbiTerms(t))
	for on, want := range map[string]string{
		"2024-04-15": "20000.00", "2024-05-14": "20000.00", "2024-05-15": "19280.27",
		"2026-04-15": "0.00", "2030-01-01": "0.00",
	} {
		got, err := amortization.Outstanding(s, date(t, on))
		if err != nil {
			t.Fatal(err)
		}
		if got.Text() != want {
			t.Errorf("outstanding on %s %s, want %s", on, got, want)
		}
	}
	if _, err := amortization.Outstanding(s, date(t, "2024-04-14")); !errors.Is(err, amortization.ErrDay) {
		t.Errorf("before the disbursement: %v", err)
	}
	after, err := amortization.Payoff(s, nil, date(t, "2027-01-01"))
	if err != nil || !after.Total.IsZero() || !after.PerDiem.IsZero() {
		t.Errorf("payoff of a repaid loan %+v, %v", after, err)
	}
	if _, err := amortization.Payoff(s, nil, date(t, "2020-01-01")); !errors.Is(err, amortization.ErrDay) {
		t.Errorf("payoff before the disbursement: %v", err)
	}
	items := s.DueItems()
	items[0].Fee = money.New(-1, money.MustCurrency("INR"))
	if _, err := amortization.Payoff(s, items, date(t, "2024-05-15")); !errors.Is(err, amortization.ErrAmount) {
		t.Errorf("a negative fee: %v", err)
	}
	items[0].Fee, items[1].Fee = inr(1<<62), inr(1<<62)
	if _, err := amortization.Payoff(s, items, date(t, "2024-05-15")); !errors.Is(err, money.ErrOverflow) {
		t.Errorf("fees beyond money: %v", err)
	}
}

func TestAllocateRefuses(t *testing.T) {
	t.Parallel()
	day := civil.Date{Year: 2024, Month: 1, Day: 1}
	rule := amortization.AllocationRule{Component: amortization.PartFee}
	for name, order := range map[string]amortization.Order{
		"processing": {Processing: "diagonal"}, "future": {Future: "past"},
		"component": {Rules: []amortization.AllocationRule{{Component: "tea"}}},
		"timing":    {Rules: []amortization.AllocationRule{{Component: amortization.PartFee, When: "noon"}}},
		"twice":     {Rules: []amortization.AllocationRule{rule, rule}},
		"mixed": {Rules: []amortization.AllocationRule{rule, {
			Component: amortization.PartFee,
			When:      amortization.PastDue,
		}}},
	} {
		if _, err := amortization.Allocate(inr(1), day, nil, order); !errors.Is(err, amortization.ErrOrder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	euro := []amortization.DueItem{{Fee: money.New(5, money.MustCurrency("EUR"))}}
	if _, err := amortization.Allocate(inr(1), day, euro, amortization.Order{}); !errors.Is(err, amortization.ErrAmount) {
		t.Errorf("euro: %v", err)
	}
	for _, payment := range []money.Amount{inr(-1), {}} {
		if _, err := amortization.Allocate(payment, day, nil, amortization.Order{}); !errors.Is(err, amortization.ErrAmount) {
			t.Errorf("payment %s: %v", payment, err)
		}
	}
}

func TestUnitPeriodsWithoutACommonInterval(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		days []string
		want string
	}{
		"about two months": {[]string{"2023-01-01", "2023-02-20", "2023-05-05", "2023-06-28"}, "2 months"},
		"about two weeks":  {[]string{"2023-01-01", "2023-01-14", "2023-01-30", "2023-02-13"}, "2 weeks"},
		"a few days":       {[]string{"2023-01-01", "2023-01-04", "2023-01-09", "2023-01-11"}, "3 days"},
		"years apart":      {[]string{"2020-01-01", "2022-03-01", "2024-06-01"}, "12 months"},
		"month ends":       {[]string{"2023-01-31", "2023-02-28", "2023-03-31"}, "month"},
	} {
		flows := loanFlows(t, "1000", test.days[0])
		for _, day := range test.days[1:] {
			flows = append(flows, loanFlows(t, "500", day)...)
			flows[len(flows)-1].Amount = usd(t, "-600")
		}
		got, err := amortization.RegulationZ(flows)
		if err != nil {
			t.Fatal(err)
		}
		if got.UnitPeriod != test.want {
			t.Errorf("%s: unit-period %s, want %s", name, got.UnitPeriod, test.want)
		}
	}
}

func TestDecimal(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "-", "1e5", "+1", "1.", ".5", "1,5", "1234567890123456789", "x"} {
		if _, err := amortization.ParseDecimal(bad); !errors.Is(err, amortization.ErrDecimal) {
			t.Errorf("%q: %v", bad, err)
		}
		var d amortization.Decimal
		if json.Unmarshal([]byte(`"`+bad+`"`), &d) == nil {
			t.Errorf("JSON %q is taken for %s", bad, d)
		}
	}
	for _, test := range []struct{ text, plain, fixed string }{
		{"9.4822", "9.4822", "9.48"},
		{"-0.005", "-0.005", "0.00"},
		{"10", "10", "10.00"},
		{
			"1.50", "1.5",
			"1.50",
		},
		{"-3", "-3", "-3.00"},
		{"0.015", "0.015", "0.02"},
		{"0", "0", "0.00"},
	} {
		d := amortization.MustDecimal(test.text)
		if d.String() != test.plain || d.Fixed(2) != test.fixed {
			t.Errorf("%s is %s and %s, want %s and %s", test.text, d, d.Fixed(2), test.plain, test.fixed)
		}
	}
	if got := amortization.MustDecimal("12.5").Fixed(0); got != "12" {
		t.Errorf("12.5 without decimals is %s", got)
	}
	order := []string{"-12", "-0.5", "-0.25", "0", "0.3", "0.31", "2", "10"}
	for i, a := range order {
		for j, b := range order {
			x, y := amortization.MustDecimal(a), amortization.MustDecimal(b)
			if (x.Cmp(y) < 0) != (i < j) || (x.Cmp(y) == 0) != (i == j) || x.Equal(y) != (i == j) {
				t.Errorf("%s and %s compare %d", a, b, x.Cmp(y))
			}
		}
	}
	if _, err := amortization.NewDecimal(1, 19); !errors.Is(err, amortization.ErrDecimal) {
		t.Errorf("scale 19: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("MustDecimal of nonsense returned")
		}
	}()
	amortization.MustDecimal("nonsense")
}

func TestKindsTravelAsText(t *testing.T) {
	t.Parallel()
	for _, kind := range []amortization.Kind{amortization.Regular, amortization.DownPayment, amortization.Change} {
		text, err := kind.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back amortization.Kind
		if err := back.UnmarshalText(text); err != nil || back != kind {
			t.Errorf("%q came back as %q, %v", text, back, err)
		}
	}
	var k amortization.Kind
	if err := k.UnmarshalText([]byte("tea")); len(amortization.Faults(err)) != 1 {
		t.Errorf("an unknown kind: %v", err)
	}
	if got := amortization.Kind(99).String(); got != "unknown" {
		t.Errorf("kind 99 is %q", got)
	}
}

var decimalContext = apd.BaseContext.WithPrecision(40)
