package money_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/money"
)

var (
	inr = money.MustCurrency("INR")
	jpy = money.MustCurrency("JPY")
	kwd = money.MustCurrency("KWD")
	clf = money.MustCurrency("CLF")
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text     string
		currency money.Currency
		minor    int64
		err      error
	}{
		{"969.73", inr, 96973, nil},
		{"0", inr, 0, nil},
		{"-0.05", inr, -5, nil},
		{"5", inr, 500, nil},
		{"5.1", inr, 510, nil},
		{"007.00", inr, 700, nil},
		{"970", jpy, 970, nil},
		{"1.234", kwd, 1234, nil},
		{"1.2345", clf, 12345, nil},
		{"92233720368547758.07", inr, math.MaxInt64, nil},
		{"-92233720368547758.08", inr, math.MinInt64, nil},
		{"92233720368547758.08", inr, 0, money.ErrOverflow},
		{"-92233720368547758.09", inr, 0, money.ErrOverflow},
		{"999999999999999999999999", inr, 0, money.ErrOverflow},
		{"1.005", inr, 0, money.ErrExponent},
		{"1.0", jpy, 0, money.ErrExponent},
		{"", inr, 0, money.ErrSyntax},
		{"-", inr, 0, money.ErrSyntax},
		{"+1", inr, 0, money.ErrSyntax},
		{"1.", inr, 0, money.ErrSyntax},
		{".5", inr, 0, money.ErrSyntax},
		{"1e3", inr, 0, money.ErrSyntax},
		{"1,000", inr, 0, money.ErrSyntax},
		{" 1", inr, 0, money.ErrSyntax},
		{"--1", inr, 0, money.ErrSyntax},
		{"NaN", inr, 0, money.ErrSyntax},
		{"٣", inr, 0, money.ErrSyntax},
		{"0000000000000000000000000000000000001", inr, 0, money.ErrSyntax},
	} {
		got, err := money.Parse(c.text, c.currency)
		if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || (err == nil && got.Minor() != c.minor) {
			t.Errorf("Parse(%q, %s) = %v, %v; want %d, %v", c.text, c.currency, got.Minor(), err, c.minor, c.err)
		}
	}
}

func TestTextAndJSONRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		code := rapid.SampledFrom([]string{"INR", "JPY", "KWD", "CLF", "EUR", "USD", "VND"}).Draw(t, "currency")
		a := money.New(rapid.Int64().Draw(t, "minor"), money.MustCurrency(code))
		parsed, err := money.Parse(a.Text(), a.Currency())
		if err != nil || parsed != a {
			t.Fatalf("%s parsed as %v, %v", a, parsed, err)
		}
		data, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var decoded money.Amount
		if err := json.Unmarshal(data, &decoded); err != nil || decoded != a {
			t.Fatalf("%s decoded as %v, %v", data, decoded, err)
		}
		if rounded, err := money.Round(a.Decimal(), a.Currency(), money.HalfEven); err != nil || rounded != a {
			t.Fatalf("%s rounded to %v, %v", a, rounded, err)
		}
	})
}

// TestSmallestAmountRounds: the smallest int64 has no positive counterpart.
func TestSmallestAmountRounds(t *testing.T) {
	t.Parallel()
	smallest := money.New(math.MinInt64, inr)
	if got, err := money.Round(smallest.Decimal(), inr, money.HalfEven); err != nil || got != smallest {
		t.Errorf("%v, %v; want %v", got, err, smallest)
	}
}

func TestSumsAgreeWithBigIntegers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x, y := rapid.Int64().Draw(t, "x"), rapid.Int64().Draw(t, "y")
		for name, c := range map[string]struct {
			got  func() (money.Amount, error)
			want *big.Int
		}{
			"+": {
				func() (money.Amount, error) { return money.New(x, inr).Add(money.New(y, inr)) },
				new(big.Int).Add(big.NewInt(x), big.NewInt(y)),
			},
			"-": {
				func() (money.Amount, error) { return money.New(x, inr).Sub(money.New(y, inr)) },
				new(big.Int).Sub(big.NewInt(x), big.NewInt(y)),
			},
		} {
			got, err := c.got()
			switch {
			case err == nil && (!c.want.IsInt64() || got.Minor() != c.want.Int64()):
				t.Fatalf("%d %s %d = %d, want %s", x, name, y, got.Minor(), c.want)
			case err != nil && !errors.Is(err, money.ErrOverflow):
				t.Fatalf("%d %s %d: %v", x, name, y, err)
			case err != nil && c.want.IsInt64() && y != math.MinInt64:
				t.Fatalf("%d %s %d refused although %s fits", x, name, y, c.want)
			}
		}
	})
}

func TestCurrenciesDoNotMix(t *testing.T) {
	t.Parallel()
	a, b := money.New(1, inr), money.New(1, jpy)
	if _, err := a.Add(b); !errors.Is(err, money.ErrCurrencyMismatch) {
		t.Errorf("Add: %v", err)
	}
	if _, err := a.Sub(b); !errors.Is(err, money.ErrCurrencyMismatch) {
		t.Errorf("Sub: %v", err)
	}
	if _, err := a.Cmp(b); !errors.Is(err, money.ErrCurrencyMismatch) {
		t.Errorf("Cmp: %v", err)
	}
	if _, err := money.Sum(inr, a, b); !errors.Is(err, money.ErrCurrencyMismatch) {
		t.Errorf("Sum: %v", err)
	}
	if _, err := json.Marshal(money.Amount{}); !errors.Is(err, money.ErrUnknownCurrency) {
		t.Errorf("an amount without currency was encoded: %v", err)
	}
}

func TestRoundingModes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want map[money.Rounding]int64
	}{
		{"0.005", map[money.Rounding]int64{
			money.HalfEven: 0, money.HalfUp: 1, money.HalfDown: 0, money.Up: 1,
			money.Down: 0, money.Ceiling: 1, money.Floor: 0,
		}},
		{"0.015", map[money.Rounding]int64{
			money.HalfEven: 2, money.HalfUp: 2, money.HalfDown: 1, money.Up: 2,
			money.Down: 1, money.Ceiling: 2, money.Floor: 1,
		}},
		{"-0.005", map[money.Rounding]int64{
			money.HalfEven: 0, money.HalfUp: -1, money.HalfDown: 0, money.Up: -1,
			money.Down: 0, money.Ceiling: 0, money.Floor: -1,
		}},
		{"969.728", map[money.Rounding]int64{money.HalfEven: 96973, money.Up: 96973, money.Down: 96972}},
	} {
		d, _, err := apd.NewFromString(c.text)
		if err != nil {
			t.Fatal(err)
		}
		for mode, want := range c.want {
			if got, err := money.Round(d, inr, mode); err != nil || got.Minor() != want {
				t.Errorf("Round(%s, %s) = %d, %v; want %d", c.text, mode, got.Minor(), err, want)
			}
		}
	}
	if _, err := money.Round(apd.New(1, 30), inr, money.HalfEven); !errors.Is(err, money.ErrOverflow) {
		t.Errorf("10^30: %v, want ErrOverflow", err)
	}
	if _, err := money.Round(&apd.Decimal{Form: apd.NaN}, inr, money.HalfEven); !errors.Is(err, money.ErrSyntax) {
		t.Errorf("NaN: %v, want ErrSyntax", err)
	}
	if money.Rounding("SIDEWAYS").Valid() || !money.HalfEven.Valid() {
		t.Error("Valid takes an unknown mode, or refuses a known one")
	}
	if _, err := money.Round(apd.New(1, 0), inr, "SIDEWAYS"); err == nil {
		t.Error("an unknown mode was accepted")
	}
}

func TestSigns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		minor                    int64
		negative, zero, positive bool
	}{{math.MinInt64, true, false, false}, {-1, true, false, false}, {0, false, true, false}, {1, false, false, true}} {
		a := money.New(c.minor, inr)
		if a.IsNegative() != c.negative || a.IsZero() != c.zero || a.IsPositive() != c.positive {
			t.Errorf("%s: negative %t, zero %t, positive %t", a, a.IsNegative(), a.IsZero(), a.IsPositive())
		}
	}
}

func TestCmpOrdersLikeMinorUnits(t *testing.T) {
	t.Parallel()
	values := []int64{math.MinInt64, -5, 0, 5, math.MaxInt64}
	for _, x := range values {
		for _, y := range values {
			got, err := money.New(x, inr).Cmp(money.New(y, inr))
			if want := cmp.Compare(x, y); err != nil || got != want {
				t.Errorf("Cmp(%d, %d) = %d, %v; want %d", x, y, got, err, want)
			}
		}
	}
}

func TestSum(t *testing.T) {
	t.Parallel()
	if got, err := money.Sum(inr); err != nil || got != money.Zero(inr) {
		t.Errorf("the sum of nothing is %v, %v", got, err)
	}
	got, err := money.Sum(inr, money.New(96973, inr), money.New(-3, inr), money.New(30, inr))
	if want := money.New(97000, inr); err != nil || !got.Equal(want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if got.Equal(money.New(97000, jpy)) {
		t.Error("sums in different currencies are equal")
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		`{"amount":"969.73"}`:                                money.ErrUnknownCurrency,
		`{"amount":"970","currency":"jpy"}`:                  money.ErrUnknownCurrency,
		`{"amount":"1.234","currency":"INR"}`:                money.ErrExponent,
		`{"amount":"1,000","currency":"INR"}`:                money.ErrSyntax,
		`{"currency":"INR"}`:                                 money.ErrSyntax,
		`{"amount":"10000000000000000000","currency":"JPY"}`: money.ErrOverflow,
	} {
		var a money.Amount
		if err := json.Unmarshal([]byte(text), &a); !errors.Is(err, want) {
			t.Errorf("%s was read as %v, %v; want %v", text, a, err, want)
		}
	}
	var a money.Amount
	var number *json.UnmarshalTypeError
	err := json.Unmarshal([]byte(`{"amount":969.73,"currency":"INR"}`), &a)
	if !errors.As(err, &number) {
		t.Errorf("a JSON number was read as %v, %v", a, err)
	}
}
