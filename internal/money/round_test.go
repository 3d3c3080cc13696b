package money_test

import (
	"testing"

	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/internal/money"
)

// TestRound checks every mode on ties, on values next to them, and on values
// below a tenth of a unit, which apd's Quantize takes for zero in every mode.
func TestRound(t *testing.T) {
	t.Parallel()
	modes := []money.Rounding{
		money.HalfEven, money.HalfUp, money.HalfDown, money.Up, money.Down, money.Ceiling, money.Floor,
	}
	tests := []struct {
		value string
		want  [7]int64 // by mode, in the order above
	}{
		{"0", [7]int64{0, 0, 0, 0, 0, 0, 0}},
		{"0.025", [7]int64{2, 3, 2, 3, 2, 3, 2}},
		{"0.035", [7]int64{4, 4, 3, 4, 3, 4, 3}},
		{"0.005", [7]int64{0, 1, 0, 1, 0, 1, 0}},
		{"0.0050000000000000000001", [7]int64{1, 1, 1, 1, 0, 1, 0}},
		{"0.0049999999999999999999", [7]int64{0, 0, 0, 1, 0, 1, 0}},
		{"0.0009", [7]int64{0, 0, 0, 1, 0, 1, 0}},
		{"0.000000000001", [7]int64{0, 0, 0, 1, 0, 1, 0}},
		{"-0.000000000001", [7]int64{0, 0, 0, -1, 0, 0, -1}},
		{"-0.025", [7]int64{-2, -3, -2, -3, -2, -2, -3}},
		{"-1.239", [7]int64{-124, -124, -124, -124, -123, -123, -124}},
		{"7", [7]int64{700, 700, 700, 700, 700, 700, 700}},
	}
	for _, test := range tests {
		d, _, err := apd.NewFromString(test.value)
		if err != nil {
			t.Fatal(err)
		}
		for i, mode := range modes {
			got, err := money.Round(d, money.MustCurrency("INR"), mode)
			if err != nil {
				t.Fatal(err)
			}
			if got.Minor() != test.want[i] {
				t.Errorf("%s rounded %s is %d, want %d", test.value, mode, got.Minor(), test.want[i])
			}
		}
	}
}
