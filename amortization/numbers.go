package amortization

import (
	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/internal/money"
)

// exact is the arithmetic of the reference path: 34 significant digits, as
// IEEE 754 decimal128 has. wide holds every product of three int64 exactly.
var (
	exact = newContext(34)
	wide  = newContext(80)
)

// discounting is exact, but for values that a rate makes vanish: they count as zero.
var discounting = func() *apd.Context {
	c := newContext(34)
	c.Traps &^= apd.Underflow | apd.Subnormal
	return c
}()

func newContext(digits uint32) *apd.Context {
	return &apd.Context{
		Precision: digits, MaxExponent: 6144, MinExponent: -6143, Rounding: apd.RoundHalfEven,
		Traps: apd.DefaultTraps,
	}
}

var one = apd.New(1, 0)

// calc runs a chain of decimal operations and keeps the first error, so that
// formulas stay readable.
type calc struct {
	ctx *apd.Context
	err error
}

func (c *calc) keep(_ apd.Condition, err error) {
	if c.err == nil && err != nil {
		c.err = err
	}
}

func (c *calc) add(x, y *apd.Decimal) *apd.Decimal {
	r := new(apd.Decimal)
	c.keep(c.ctx.Add(r, x, y))
	return r
}

func (c *calc) sub(x, y *apd.Decimal) *apd.Decimal {
	r := new(apd.Decimal)
	c.keep(c.ctx.Sub(r, x, y))
	return r
}

func (c *calc) mul(x, y *apd.Decimal) *apd.Decimal {
	r := new(apd.Decimal)
	c.keep(c.ctx.Mul(r, x, y))
	return r
}

func (c *calc) quo(x, y *apd.Decimal) *apd.Decimal {
	r := new(apd.Decimal)
	c.keep(c.ctx.Quo(r, x, y))
	return r
}

// product multiplies exactly.
func product(factors ...int64) *apd.Decimal {
	c := calc{ctx: wide}
	r := apd.New(1, 0)
	for _, f := range factors {
		r = c.mul(r, apd.New(f, 0))
	}
	return r // 80 digits hold four int64 factors
}

// minorOf converts an amount of minor units, still a decimal, to a whole
// number of units of the given size.
func minorOf(d *apd.Decimal, unit int64, mode money.Rounding) (int64, error) {
	if unit != 1 {
		quotient := new(apd.Decimal)
		if _, err := exact.Quo(quotient, d, apd.New(unit, 0)); err != nil {
			return 0, fault("principal", RuleOverflow, "%s does not fit", d)
		}
		d = quotient
	}
	whole, err := money.Round(d, minorCurrency, mode)
	if err != nil {
		return 0, fault("principal", RuleOverflow, "%s exceeds the range of money", d)
	}
	return mulChecked(whole.Minor(), unit)
}

// minorCurrency has no decimals: rounding to it is rounding to whole numbers.
var minorCurrency = money.MustCurrency("JPY")

func mulChecked(a, b int64) (int64, error) {
	if a == 0 || b == 0 {
		return 0, nil
	}
	if p := a * b; p/b == a {
		return p, nil
	}
	return 0, fault("principal", RuleOverflow, "%d × %d exceeds the range of money", a, b)
}

func addChecked(a, b int64) (int64, error) {
	if sum := a + b; (sum > a) == (b > 0) {
		return sum, nil
	}
	return 0, fault("principal", RuleOverflow, "%d + %d exceeds the range of money", a, b)
}

var powersOfTen = func() [19]int64 {
	var table [19]int64
	table[0] = 1
	for i := 1; i < len(table); i++ {
		table[i] = table[i-1] * 10
	}
	return table
}()
