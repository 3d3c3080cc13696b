package amortization

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/cockroachdb/apd/v3"
)

// flow is a payment at a time measured in units, of which the rate is sought.
type flow struct {
	amount   int64 // minor units: positive to the borrower, negative from him
	units    int64 // whole units after the first flow
	odd, den int64 // a further part of a unit, for which interest is simple
}

// unitRate solves Σ amount/((1+odd/den·i)·(1+i)^units) = 0 for the rate i per
// unit. It fails with ErrNoRate, saying why.
func unitRate(flows []flow) (*apd.Decimal, error) {
	if err := checkFlows(flows); err != nil {
		return nil, err
	}
	flows = slices.Clone(flows)
	slices.SortStableFunc(flows, func(x, y flow) int { return int(x.units - y.units) })
	if v, ok := discountFast(flows); ok {
		c := calc{ctx: exact} // i = 1/v - 1 with v a fraction of 2^64
		i := c.sub(c.quo(twoTo64, uint64Decimal(v)), one)
		return i, c.err
	}
	return solve(func(i *apd.Decimal) (*apd.Decimal, *apd.Decimal, error) { return presentValue(flows, i) })
}

// flowsMax bounds the flows of a search.
const flowsMax = 4 * InstalmentsMax

func checkFlows(flows []flow) error {
	if len(flows) > flowsMax {
		return fmt.Errorf("%w: %d flows, at most %d", ErrNoRate, len(flows), flowsMax)
	}
	in, out := false, false
	for i := range flows {
		in, out = in || flows[i].amount > 0, out || flows[i].amount < 0
	}
	if !in || !out {
		return fmt.Errorf("%w: the flows do not go both ways", ErrNoRate)
	}
	return nil
}

var twoTo64 = func() *apd.Decimal {
	d, _, err := apd.NewFromString("18446744073709551616")
	if err != nil {
		panic(err) // a constant
	}
	return d
}()

func uint64Decimal(v uint64) *apd.Decimal {
	d := apd.New(int64(v>>1), 0)
	c := calc{ctx: exact}
	return c.add(c.add(d, d), apd.New(int64(v&1), 0))
}

// discountFast finds the discount factor v = 1/(1+i), a fraction of 2^64, for
// rates above zero. The value of the flows falls from positive to negative as
// the rate falls to zero; the search keeps a bracket, so that it always ends.
// Every power is short by at most one unit of 2^-64 per multiplication, which
// moves the rate by less than the bracket can tell.
func discountFast(flows []flow) (v uint64, ok bool) {
	if flows[0].amount <= 0 || flows[0].units != 0 || !fitsFast(flows) {
		return 0, false
	}
	low, high := uint64(1)<<44, uint64(math.MaxUint64) // rates from a million down to none
	atLow, atHigh := valueFast(flows, low), valueFast(flows, high)
	if atLow <= 0 || atHigh >= 0 {
		return 0, false
	}
	wLow, wHigh := uint64(atLow), uint64(-atHigh)
	for side := 0; high-low > 1; {
		middle := low + (high-low)/2
		if total, carry := bits.Add64(wLow, wHigh, 0); carry == 0 && side > -3 && side < 3 {
			h, l := bits.Mul64(high-low, wLow)
			step, _ := bits.Div64(h, l, total)
			middle = min(max(low+step, low+1), high-1)
		}
		at := valueFast(flows, middle)
		switch {
		case at == 0:
			return middle, true
		case at > 0:
			low, wLow, side = middle, uint64(at), max(side, 0)+1
			if side > 1 {
				wHigh /= 2 // the other end has stood still: Illinois rule
			}
		default:
			high, wHigh, side = middle, uint64(-at), min(side, 0)-1
			if side < -1 {
				wLow /= 2
			}
		}
		if side >= 4 || side <= -4 || wLow == 0 || wHigh == 0 {
			side, wLow, wHigh = 0, max(wLow, 1), max(wHigh, 1)
		}
	}
	return low, true
}

// fitsFast reports whether all sums stay within 62 bits.
func fitsFast(flows []flow) bool {
	sum := uint64(0)
	for i := range flows {
		if flows[i].units < 0 || flows[i].odd < 0 || flows[i].amount == math.MinInt64 {
			return false
		}
		sum += uint64(magnitude(flows[i].amount))
		if sum > 1<<61 {
			return false
		}
	}
	return true
}

// valueFast returns the value of the flows at a discount factor of v/2^64. It
// works with amounts shifted to the left, to keep digits behind the unit.
func valueFast(flows []flow, v uint64) int64 {
	var powers [8]struct {
		gap   int64
		power uint64
	}
	power, units, total := uint64(math.MaxUint64), int64(0), int64(0)
	shift := sumShift(flows)
	var odd, oddDen int64
	oddFactor := uint64(math.MaxUint64)
	for i := range flows {
		f := &flows[i]
		if gap := f.units - units; gap > 0 {
			slot := &powers[gap&7]
			if slot.gap != gap {
				slot.gap, slot.power = gap, powerFast(v, gap)
			}
			power, _ = bits.Mul64(power, slot.power)
			units = f.units
		}
		factor := power
		if f.odd != 0 {
			if f.odd != odd || f.den != oddDen {
				odd, oddDen, oddFactor = f.odd, f.den, simpleFactor(v, f.odd, f.den)
			}
			factor, _ = bits.Mul64(power, oddFactor)
		}
		value, _ := bits.Mul64(uint64(magnitude(f.amount))<<shift, factor)
		if f.amount < 0 {
			total -= int64(value)
		} else {
			total += int64(value)
		}
	}
	return total
}

// sumShift returns how far amounts can be shifted so that their sum stays
// within 62 bits.
func sumShift(flows []flow) int {
	sum := uint64(0)
	for i := range flows {
		sum += uint64(magnitude(flows[i].amount))
	}
	return max(0, 62-bits.Len64(sum))
}

// powerFast returns v^k for fractions of 2^64.
func powerFast(v uint64, k int64) uint64 {
	result := uint64(math.MaxUint64)
	for ; k > 0; k >>= 1 {
		if k&1 == 1 {
			result, _ = bits.Mul64(result, v)
		}
		v, _ = bits.Mul64(v, v)
	}
	return result
}

// simpleFactor returns 1/(1 + odd/den·i) with i = 1/v - 1, which is
// v·den/(v·den + odd·(1-v)).
func simpleFactor(v uint64, odd, den int64) uint64 {
	num, low := bits.Mul64(v, uint64(den)) // in units of 2^-64
	more, moreLow := bits.Mul64(-v, uint64(odd))
	allLow, carry := bits.Add64(low, moreLow, 0)
	all, _ := bits.Add64(num, more, carry)
	// Scale both down until the divisor fits one word.
	shift := bits.Len64(all)
	divisor := all<<(64-shift) | allLow>>shift
	dividend := num<<(64-shift) | low>>shift
	if shift == 0 {
		divisor, dividend = allLow, low
	}
	if dividend >= divisor {
		return math.MaxUint64
	}
	quotient, _ := bits.Div64(dividend, 0, divisor)
	return quotient
}

// presentValue returns the value of the flows at a rate and its derivative.
func presentValue(flows []flow, i *apd.Decimal) (value, slope *apd.Decimal, err error) {
	c := calc{ctx: discounting}
	growth := c.add(one, i)
	v := c.quo(one, growth)
	value, slope = apd.New(0, 0), apd.New(0, 0)
	power, units := apd.New(1, 0), int64(0)
	for k := range flows {
		f := &flows[k]
		if gap := f.units - units; gap != 0 {
			power, units = c.mul(power, c.power(v, gap)), f.units
		}
		part := c.mul(power, apd.New(f.amount, 0))
		odd := apd.New(0, 0)
		if f.odd != 0 {
			odd = c.quo(apd.New(f.odd, 0), apd.New(f.den, 0))
			part = c.quo(part, c.add(one, c.mul(odd, i)))
		}
		value = c.add(value, part)
		// d ln(part)/di = -units/(1+i) - odd/(1+odd·i)
		fall := c.mul(apd.New(f.units, 0), v)
		if f.odd != 0 {
			fall = c.add(fall, c.quo(odd, c.add(one, c.mul(odd, i))))
		}
		slope = c.sub(slope, c.mul(part, fall))
	}
	return value, slope, c.err
}

// power returns x^k for whole k of at least 0 by squaring.
func (c *calc) power(x *apd.Decimal, k int64) *apd.Decimal {
	result := apd.New(1, 0)
	for ; k > 0 && c.err == nil; k >>= 1 {
		if k&1 == 1 {
			result = c.mul(result, x)
		}
		if k > 1 {
			x = c.mul(x, x)
		}
	}
	return result
}
