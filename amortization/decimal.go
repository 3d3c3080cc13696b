package amortization

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// ErrDecimal means a text is not a plain decimal number within range.
var ErrDecimal = errors.New("not a plain decimal of at most 18 digits")

// decimalDigitsMax is the number of digits that always fit an int64.
const decimalDigitsMax = 18

// Decimal is an exact decimal number of at most 18 digits, such as a rate in
// percent. It is a value: it compares with Equal, never changes, and travels
// in JSON as a string. The zero Decimal is 0.
type Decimal struct {
	coef  int64
	scale uint8 // number of digits after the point
}

// NewDecimal returns coef × 10^-scale; scale is 0 to 18.
func NewDecimal(coef int64, scale int) (Decimal, error) {
	if scale < 0 || scale > decimalDigitsMax {
		return Decimal{}, fmt.Errorf("%w: scale %d", ErrDecimal, scale)
	}
	return Decimal{coef: coef, scale: uint8(scale)}.trimmed(), nil
}

// ParseDecimal reads a plain decimal such as "9.4822" or "-3": no exponent, no
// grouping, no leading plus. The error is ErrDecimal.
func ParseDecimal(text string) (Decimal, error) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if !allDigits(whole) || (point && !allDigits(fraction)) || len(whole)+len(fraction) > decimalDigitsMax {
		return Decimal{}, fmt.Errorf("%w: %.32q", ErrDecimal, text)
	}
	coef, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil {
		return Decimal{}, fmt.Errorf("%w: %.32q", ErrDecimal, text)
	}
	if negative {
		coef = -coef
	}
	return Decimal{coef: coef, scale: uint8(len(fraction))}.trimmed(), nil
}

// MustDecimal is ParseDecimal for constants; it panics on a malformed text.
func MustDecimal(text string) Decimal {
	d, err := ParseDecimal(text)
	if err != nil {
		panic(err)
	}
	return d
}

func allDigits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != ""
}

// decimalFromApd returns d rounded half-even to scale decimals, or ErrDecimal
// when the result does not fit.
func decimalFromApd(d *apd.Decimal, scale int) (Decimal, error) {
	var rounded apd.Decimal
	_, err := wide.Quantize(&rounded, d, -int32(scale))
	if err != nil || !rounded.Coeff.IsInt64() {
		return Decimal{}, fmt.Errorf("%w: %s", ErrDecimal, d)
	}
	coef := rounded.Coeff.Int64()
	if rounded.Negative {
		coef = -coef
	}
	return NewDecimal(coef, scale)
}

// trimmed drops zeros at the end of the fraction, so that equal numbers are
// equal values.
func (d Decimal) trimmed() Decimal {
	for d.scale > 0 && d.coef%10 == 0 {
		d.coef /= 10
		d.scale--
	}
	return d
}

// IsZero reports whether d is 0.
func (d Decimal) IsZero() bool { return d.coef == 0 }

// Sign returns -1, 0 or +1.
func (d Decimal) Sign() int {
	switch {
	case d.coef < 0:
		return -1
	case d.coef > 0:
		return 1
	}
	return 0
}

// Equal reports whether d and other are the same number.
func (d Decimal) Equal(other Decimal) bool { return d == other }

// Cmp compares d and other: -1, 0 or +1.
func (d Decimal) Cmp(other Decimal) int {
	if d.scale == other.scale {
		return cmp.Compare(d.coef, other.coef)
	}
	if d.Sign() != other.Sign() {
		return cmp.Compare(d.Sign(), other.Sign())
	}
	high, low := d.magnitude(max(d.scale, other.scale))
	otherHigh, otherLow := other.magnitude(max(d.scale, other.scale))
	size := cmp.Compare(high, otherHigh)
	if size == 0 {
		size = cmp.Compare(low, otherLow)
	}
	return size * d.Sign()
}

// magnitude returns |d|·10^scale as 128 bits: at most 18 digits and 18 zeros.
func (d Decimal) magnitude(scale uint8) (high, low uint64) {
	return bits.Mul64(uint64(max(d.coef, -d.coef)), uint64(powersOfTen[scale-d.scale]))
}

// atScale returns the coefficient of d at a scale of at least its own; the
// caller knows that it fits.
func (d Decimal) atScale(scale uint8) int64 { return d.coef * powersOfTen[scale-d.scale] }

// Apd returns d as a new arbitrary-precision decimal.
func (d Decimal) Apd() *apd.Decimal { return apd.New(d.coef, -int32(d.scale)) }

// Round returns d rounded half-even to at most places decimals.
func (d Decimal) Round(places int) Decimal {
	if places < 0 || int(d.scale) <= places {
		return d
	}
	rounded, err := decimalFromApd(d.Apd(), places)
	if err != nil {
		return d // cannot happen: fewer digits than before
	}
	return rounded
}

// Fixed returns the text of d rounded half-even to exactly places decimals:
// "17.07", "12.00".
func (d Decimal) Fixed(places int) string {
	text := d.Round(places).String()
	whole, fraction, _ := strings.Cut(text, ".")
	if places <= 0 {
		return whole
	}
	return whole + "." + fraction + strings.Repeat("0", places-len(fraction))
}

// String returns the shortest plain text: "17.07", "-3", "0".
func (d Decimal) String() string {
	digits := strconv.FormatInt(d.coef, 10)
	sign := ""
	if d.coef < 0 {
		sign, digits = "-", digits[1:]
	}
	scale := int(d.scale)
	if scale == 0 {
		return sign + digits
	}
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale-len(digits)+1) + digits
	}
	return sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
}

// MarshalText writes the shortest plain text.
func (d Decimal) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDecimal reads.
func (d *Decimal) UnmarshalText(text []byte) error {
	parsed, err := ParseDecimal(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
