package amortization_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

func TestAffordable(t *testing.T) {
	t.Parallel()
	terms := rbiTerms(t)
	for name, test := range map[string]struct {
		change     func(*amortization.Terms)
		instalment int64
		want       int64
	}{
		"the whole": {func(*amortization.Terms) {}, 96_973, 2_000_000},
		// an annuity of 1 costs a = 0.0125/(1 - 1.0125^-24) = 0.048486648…; 969.725/a and 500.50/a, rounded down
		"a paisa less": {func(*amortization.Terms) {}, 96_972, 1_999_983},
		"nothing":      {func(*amortization.Terms) {}, 0, 0},
		"equal principal": {func(x *amortization.Terms) {
			x.Method = amortization.EqualPrincipal
			x.AnnualRatePercent = amortization.Decimal{}
		}, 10_000, 240_012},
		"in whole units": {func(x *amortization.Terms) {
			x.Rounding.InstalmentUnit = amortization.MustDecimal("1")
		}, 50_000, 1_032_242},
		// 7.5 % a month over ten years: of 250.00 the instalment of 18.75 is the interest,
		// and the last one is all of it; a = 0.075/(1 - 1.075^-120) = 0.075012…; 37.505/a
		"where rounding leaves no principal": {func(x *amortization.Terms) {
			x.Principal, x.AnnualRatePercent, x.Instalments = inr(100_000), amortization.MustDecimal("90"), 120
		}, 3_750, 49_998},
		"of one instalment": {func(x *amortization.Terms) {
			x.Instalments, x.AnnualRatePercent = 1, amortization.Decimal{}
		}, 5, 5},
	} {
		x := terms
		x.Fees = nil
		test.change(&x)
		got, err := amortization.Affordable(x, inr(test.instalment))
		if err != nil || got != inr(test.want) {
			t.Errorf("%s: %s, %v; want %s", name, got, err, inr(test.want))
		}
	}
	euro := money.New(1, money.MustCurrency("EUR"))
	if _, err := amortization.Affordable(terms, euro); !errors.Is(err, amortization.ErrAmount) {
		t.Errorf("another currency: %v", err)
	}
	terms.Instalments = 0
	if _, err := amortization.Affordable(terms, inr(1)); len(amortization.Faults(err)) != 1 {
		t.Errorf("bad terms: %v", err)
	}
}

// TestAffordableIsTheLargest draws terms: what is affordable fits, and a minor
// unit more does not.
func TestAffordableIsTheLargest(t *testing.T) {
	t.Parallel()
	day := date(t, "2024-04-15")
	rapid.Check(t, func(t *rapid.T) {
		terms := amortization.Terms{
			Principal: inr(rapid.Int64Range(100_000, 1<<40).Draw(t, "principal")), AnnualRatePercent: anyRate(t, "rate"),
			Instalments: rapid.IntRange(1, 120).Draw(t, "n"), DisbursementDate: day,
		}
		s, err := amortization.New(terms)
		if err != nil {
			t.Skip(err)
		}
		limit := rapid.Int64Range(s.At(0).Total.Minor()/2, s.At(0).Total.Minor()).Draw(t, "instalment")
		got, err := amortization.Affordable(terms, inr(limit))
		if err != nil {
			t.Fatal(err)
		}
		instalment := func(principal int64) int64 {
			terms.Principal = inr(principal)
			s, err := amortization.New(terms)
			if err != nil {
				t.Skip(err) // rounding would end the loan early
			}
			return s.At(0).Total.Minor()
		}
		if got.IsZero() {
			return // so little is too little for the terms
		}
		if fits := instalment(got.Minor()); fits > limit {
			t.Fatalf("%s has the instalment %d, above %d", got, fits, limit)
		}
		if got != inr(s.Terms.Principal.Minor()) && instalment(got.Minor()+1) <= limit {
			t.Fatalf("a paisa more than %s fits into %d as well", got, limit)
		}
	})
}

func TestPercentOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		minor   int64
		percent string
		mode    money.Rounding
		want    int64
	}{
		{20_000, "2.5", money.HalfEven, 500},
		{1_010, "2.5", money.HalfEven, 25}, // 25.25
		{5, "50", money.HalfEven, 2},       // 2.5 to the even
		{5, "50", money.HalfUp, 3},
		{-5, "50", money.Up, -3},
		{1, "0", money.Up, 0},
	} {
		got, err := amortization.PercentOf(inr(test.minor), amortization.MustDecimal(test.percent), test.mode)
		if err != nil || got != inr(test.want) {
			t.Errorf("%s %% of %d is %s, %v; want %d", test.percent, test.minor, got, err, test.want)
		}
	}
	if _, err := amortization.PercentOf(inr(1<<62), amortization.MustDecimal("1000"), money.HalfEven); !errors.Is(err,
		money.ErrOverflow) {
		t.Errorf("beyond money: %v", err)
	}
}
