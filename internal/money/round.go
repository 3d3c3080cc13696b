package money

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"
)

// Rounding names how a decimal becomes a whole number of units.
type Rounding string

// The rounding modes, by their usual names.
const (
	// HalfEven rounds ties to the even neighbour (IEEE 754 roundTiesToEven).
	HalfEven Rounding = "HALF_EVEN"
	// HalfUp rounds ties away from zero.
	HalfUp Rounding = "HALF_UP"
	// HalfDown rounds ties towards zero.
	HalfDown Rounding = "HALF_DOWN"
	// Up rounds away from zero.
	Up Rounding = "UP"
	// Down rounds towards zero.
	Down Rounding = "DOWN"
	// Ceiling rounds towards positive infinity.
	Ceiling Rounding = "CEILING"
	// Floor rounds towards negative infinity.
	Floor Rounding = "FLOOR"
)

var rounders = map[Rounding]apd.Rounder{
	HalfEven: apd.RoundHalfEven,
	HalfUp:   apd.RoundHalfUp,
	HalfDown: apd.RoundHalfDown,
	Up:       apd.RoundUp,
	Down:     apd.RoundDown,
	Ceiling:  apd.RoundCeiling,
	Floor:    apd.RoundFloor,
}

// Valid reports whether r is one of the named modes.
func (r Rounding) Valid() bool { _, ok := rounders[r]; return ok }

// Round returns the decimal d, in major units of currency, as an amount: the
// one way by which a calculated value becomes money. It fails with ErrOverflow
// when the result does not fit and with ErrSyntax when d is not finite.
func Round(d *apd.Decimal, currency Currency, mode Rounding) (Amount, error) {
	rounder, ok := rounders[mode]
	if !ok {
		return Amount{}, fmt.Errorf("unknown rounding mode %q", mode)
	}
	if d.Form != apd.Finite {
		return Amount{}, fmt.Errorf("%w: %s", ErrSyntax, d)
	}
	// Wide enough for any int64 and for the digits that are rounded away.
	ctx := apd.Context{Precision: 60, MaxExponent: 400, MinExponent: -400, Rounding: rounder}
	var rounded apd.Decimal
	if _, err := ctx.Quantize(&rounded, d, -int32(currency.Exponent())); err != nil {
		return Amount{}, fmt.Errorf("%w: %s", ErrOverflow, d)
	}
	coefficient := rounded.Coeff.MathBigInt()
	if rounded.Negative {
		coefficient.Neg(coefficient) // before the check: the negative range is the larger one
	}
	if !coefficient.IsInt64() {
		return Amount{}, fmt.Errorf("%w: %s", ErrOverflow, d)
	}
	minor := coefficient.Int64()
	if minor == 0 && !d.IsZero() {
		minor = awayFromZero(d.Negative, mode)
	}
	return New(minor, currency), nil
}

// awayFromZero returns what a value becomes that Quantize takes for zero. Below
// a tenth of a unit apd v3.2.3 does so in every mode; from a tenth on, it takes
// for zero only what these modes do not.
func awayFromZero(negative bool, mode Rounding) int64 {
	switch {
	case negative && (mode == Up || mode == Floor):
		return -1
	case !negative && (mode == Up || mode == Ceiling):
		return 1
	}
	return 0
}
