// Package money owns exact amounts of money: an int64 count of minor units in
// an ISO 4217 currency, its decimal text, and the one place where a decimal is
// rounded to an amount.
//
// It must not know databases, HTTP, clocks or floating point, and it imports
// nothing else of Tenor.
package money

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Errors that callers can test for with errors.Is.
var (
	// ErrUnknownCurrency means the code is not an active ISO 4217 currency.
	ErrUnknownCurrency = errors.New("unknown ISO 4217 currency")
	// ErrCurrencyMismatch means two amounts of different currencies met.
	ErrCurrencyMismatch = errors.New("currencies differ")
	// ErrOverflow means a result does not fit in an int64 of minor units.
	ErrOverflow = errors.New("amount exceeds the range of int64 minor units")
	// ErrSyntax means the text is not a plain decimal number.
	ErrSyntax = errors.New("amount is not a plain decimal number")
	// ErrExponent means the text has more decimals than the currency.
	ErrExponent = errors.New("amount has more decimals than its currency")
)

// maxTextLength bounds the text of an amount: a sign, 19 digits, a point and
// the largest exponent fit with room to spare.
const maxTextLength = 32

// Amount is a sum of money: a whole number of minor units of one currency.
// The zero Amount has no currency and is not valid in a sum.
type Amount struct {
	minor    int64
	currency Currency
}

// New returns the amount of minor units (cents, paise, yen) in currency.
func New(minor int64, currency Currency) Amount {
	return Amount{minor: minor, currency: currency}
}

// Zero returns no money in currency.
func Zero(currency Currency) Amount { return Amount{currency: currency} }

// Parse reads a plain decimal such as "969.73" or "-5" as an amount of
// currency. It accepts no exponent, no grouping, no leading plus and no more
// decimals than the currency has; errors are ErrSyntax, ErrExponent or ErrOverflow.
func Parse(text string, currency Currency) (Amount, error) {
	if text == "" || len(text) > maxTextLength {
		return Amount{}, fmt.Errorf("%w: %.32q", ErrSyntax, text)
	}
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if !allDigits(whole) || (point && !allDigits(fraction)) {
		return Amount{}, fmt.Errorf("%w: %q", ErrSyntax, text)
	}
	if len(fraction) > currency.Exponent() {
		return Amount{}, fmt.Errorf("%w: %q, %s has %d", ErrExponent, text, currency.Code(), currency.Exponent())
	}
	padded := whole + fraction + strings.Repeat("0", currency.Exponent()-len(fraction))
	var minor int64
	for _, r := range padded {
		digit := int64(r - '0')
		if minor < (math.MinInt64+digit)/10 {
			return Amount{}, fmt.Errorf("%w: %q", ErrOverflow, text)
		}
		minor = minor*10 - digit // counts down: the negative range is the larger one
	}
	if negative {
		return New(minor, currency), nil
	}
	if minor == math.MinInt64 {
		return Amount{}, fmt.Errorf("%w: %q", ErrOverflow, text)
	}
	return New(-minor, currency), nil
}

func allDigits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != ""
}

// Minor returns the count of minor units.
func (a Amount) Minor() int64 { return a.minor }

// Currency returns the currency of the amount.
func (a Amount) Currency() Currency { return a.currency }

// IsZero reports whether the amount is zero.
func (a Amount) IsZero() bool { return a.minor == 0 }

// IsNegative reports whether the amount is below zero.
func (a Amount) IsNegative() bool { return a.minor < 0 }

// IsPositive reports whether the amount is above zero.
func (a Amount) IsPositive() bool { return a.minor > 0 }

// Add returns a + b, or ErrCurrencyMismatch or ErrOverflow.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.currency != b.currency {
		return Amount{}, fmt.Errorf("%w: %s and %s", ErrCurrencyMismatch, a.currency.Code(), b.currency.Code())
	}
	sum := a.minor + b.minor
	if (sum > a.minor) != (b.minor > 0) && b.minor != 0 {
		return Amount{}, fmt.Errorf("%w: %s + %s", ErrOverflow, a, b)
	}
	return New(sum, a.currency), nil
}

// Sub returns a - b, or ErrCurrencyMismatch or ErrOverflow.
func (a Amount) Sub(b Amount) (Amount, error) {
	if b.minor == math.MinInt64 {
		return Amount{}, fmt.Errorf("%w: - %s", ErrOverflow, b)
	}
	return a.Add(New(-b.minor, b.currency))
}

// Cmp compares two amounts of one currency: -1, 0 or +1. Amounts of different
// currencies have no order, and comparing them is ErrCurrencyMismatch.
func (a Amount) Cmp(b Amount) (int, error) {
	if a.currency != b.currency {
		return 0, fmt.Errorf("%w: %s and %s", ErrCurrencyMismatch, a.currency.Code(), b.currency.Code())
	}
	switch {
	case a.minor < b.minor:
		return -1, nil
	case a.minor > b.minor:
		return 1, nil
	}
	return 0, nil
}

// Sum adds amounts that are all in currency.
func Sum(currency Currency, amounts ...Amount) (Amount, error) {
	total := Zero(currency)
	for _, a := range amounts {
		var err error
		if total, err = total.Add(a); err != nil {
			return Amount{}, err
		}
	}
	return total, nil
}

// Text returns the amount as a plain decimal with all decimals of its
// currency and without its code: "969.73", "-0.05", "970" for JPY.
func (a Amount) Text() string { return string(a.appendText(make([]byte, 0, maxTextLength))) }

func (a Amount) appendText(b []byte) []byte {
	if a.minor < 0 {
		b = append(b, '-')
	}
	const base = 10
	digits := strconv.AppendUint(make([]byte, 0, maxTextLength), uint64Abs(a.minor), base)
	exponent := a.currency.Exponent()
	for len(digits) <= exponent {
		digits = slices.Insert(digits, 0, '0')
	}
	b = append(b, digits[:len(digits)-exponent]...)
	if exponent > 0 {
		b = append(b, '.')
		b = append(b, digits[len(digits)-exponent:]...)
	}
	return b
}

// String returns the amount with its currency: "969.73 INR".
func (a Amount) String() string { return a.Text() + " " + a.currency.Code() }

func uint64Abs(v int64) uint64 {
	if v < 0 {
		return -uint64(v) // two's complement: right for MinInt64 as well
	}
	return uint64(v)
}

// Decimal returns the amount as an exact decimal in major units.
func (a Amount) Decimal() *apd.Decimal {
	return apd.New(a.minor, -int32(a.currency.Exponent()))
}

// wireAmount is the JSON form: a decimal string, never a number, so that no
// reader's floating point can touch it.
type wireAmount struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// MarshalJSON writes {"amount":"969.73","currency":"INR"}.
func (a Amount) MarshalJSON() ([]byte, error) {
	if a.currency.IsZero() {
		return nil, fmt.Errorf("encoding an amount without currency: %w", ErrUnknownCurrency)
	}
	const room = 64
	b := append(make([]byte, 0, room), `{"amount":"`...)
	b = append(a.appendText(b), `","currency":"`...)
	return append(append(b, a.currency.Code()...), `"}`...), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (a *Amount) UnmarshalJSON(data []byte) error {
	var wire wireAmount
	if err := json.Unmarshal(data, &wire); err != nil {
		return err
	}
	currency, err := ParseCurrency(wire.Currency)
	if err != nil {
		return err
	}
	*a, err = Parse(wire.Amount, currency)
	return err
}

// Equal reports whether a and b are the same sum in the same currency. It lets
// go-cmp compare amounts.
func (a Amount) Equal(b Amount) bool { return a == b }

// Equal reports whether c and d are the same currency.
func (c Currency) Equal(d Currency) bool { return c == d }
