package legacy

import (
	"math"

	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/amortization"
)

// numbers is arithmetic to a number of significant digits, half-even at each
// operation. It keeps the first error.
type numbers struct {
	ctx      *apd.Context
	wide     *apd.Context
	decimals int32
	multiple *apd.Decimal // of an instalment
	currency *apd.Decimal // of every amount
	err      error
}

func newNumbers(t *Terms) *numbers {
	context := func(digits uint32) *apd.Context {
		return &apd.Context{
			Precision: digits, MaxExponent: 6144, MinExponent: -6143, Rounding: apd.RoundHalfEven,
			Traps: apd.DefaultTraps,
		}
	}
	n := &numbers{ctx: context(uint32(t.CalcPrecision)), wide: context(60), decimals: int32(t.CurrencyDecimals)}
	if t.InstallmentMultiple != nil {
		n.multiple = t.InstallmentMultiple.Apd()
	}
	if t.CurrencyMultiple != nil && t.CurrencyDecimals == 0 {
		n.currency = t.CurrencyMultiple.Apd()
	}
	return n
}

func (n *numbers) keep(_ apd.Condition, err error) {
	if n.err == nil && err != nil {
		n.err = err
	}
}

func (n *numbers) add(x, y *apd.Decimal) *apd.Decimal {
	r := new(apd.Decimal)
	n.keep(n.ctx.Add(r, x, y))
	return r
}

func (n *numbers) sub(x, y *apd.Decimal) *apd.Decimal {
	r := new(apd.Decimal)
	n.keep(n.ctx.Sub(r, x, y))
	return r
}

func (n *numbers) mul(x, y *apd.Decimal) *apd.Decimal {
	r := new(apd.Decimal)
	n.keep(n.ctx.Mul(r, x, y))
	return r
}

func (n *numbers) quo(x, y *apd.Decimal) *apd.Decimal {
	r := new(apd.Decimal)
	n.keep(n.ctx.Quo(r, x, y))
	return r
}

// power returns x^k by repeated multiplication.
func (n *numbers) power(x *apd.Decimal, k int) *apd.Decimal {
	r := apd.New(1, 0)
	for range k {
		r = n.mul(r, x)
	}
	return r
}

func whole(v int) *apd.Decimal { return apd.New(int64(v), 0) }

// percent returns p/100, exactly.
func (n *numbers) percent(p amortization.Decimal) *apd.Decimal {
	d := p.Apd()
	d.Exponent -= 2
	return d
}

// money rounds to the decimals of the currency, and then to its multiple,
// ties up. The result is in minor units.
func (n *numbers) money(x *apd.Decimal) int64 {
	rounded := new(apd.Decimal)
	n.keep(n.wide.Quantize(rounded, x, -n.decimals))
	if n.currency != nil {
		quotient := new(apd.Decimal)
		n.keep(n.wide.Quo(quotient, rounded, n.currency))
		up := *n.wide
		up.Rounding = apd.RoundHalfUp
		n.keep(up.Quantize(quotient, quotient, 0))
		n.keep(n.wide.Mul(rounded, quotient, n.currency))
		n.keep(n.wide.Quantize(rounded, rounded, -n.decimals))
	}
	if !rounded.Coeff.IsInt64() || rounded.Coeff.Int64() > math.MaxInt64/4 {
		n.keep(0, amortization.ErrAmount)
		return 0
	}
	minor := rounded.Coeff.Int64()
	if rounded.Negative {
		minor = -minor
	}
	return minor
}

// decimal returns minor units as a decimal.
func (n *numbers) decimal(minor int64) *apd.Decimal { return apd.New(minor, -n.decimals) }

// toMultiple rounds an amount to the instalment multiple, half-even on the
// quotient, and then to money.
func (n *numbers) toMultiple(minor int64) int64 { return n.multipleOf(n.decimal(minor)) }

func (n *numbers) multipleOf(x *apd.Decimal) int64 {
	if n.multiple == nil {
		return n.money(x)
	}
	quotient, product := new(apd.Decimal), new(apd.Decimal)
	n.keep(n.wide.Quo(quotient, x, n.multiple))
	n.keep(n.wide.Quantize(quotient, quotient, 0))
	n.keep(n.wide.Mul(product, quotient, n.multiple))
	return n.money(product)
}
