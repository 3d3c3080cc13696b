package amortization

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"
)

// Limits of the search for a rate per period: -99.99 % to 10,000,000 %.
var (
	rateLow  = apd.New(-9999, -4)
	rateHigh = apd.New(100_000, 0)
)

// iterationsMax bounds a search: bisection alone would need about 130 steps for 34 digits.
const iterationsMax = 200

// periodicRate solves Σ flows[k]·(1+i)^-k = 0 for the rate i per period, by
// Newton's method kept inside a bracket that every step shrinks, so that it
// converges or says why not. flows[0] is what the borrower receives (positive),
// the others what he pays (negative), in minor units.
func periodicRate(flows []int64) (*apd.Decimal, error) {
	value := func(i *apd.Decimal) (*apd.Decimal, *apd.Decimal, error) { return presentValue(flows, i) }
	return solve(value)
}

// presentValue returns Σ flows[k]·v^k with v = 1/(1+i), and its derivative in
// i, by Horner's rule.
func presentValue(flows []int64, i *apd.Decimal) (*apd.Decimal, *apd.Decimal, error) {
	c := calc{ctx: exact}
	v := c.quo(one, c.add(one, i))
	sum, slope := apd.New(0, 0), apd.New(0, 0)
	for k := len(flows) - 1; k >= 0; k-- {
		slope = c.add(c.mul(slope, v), sum)
		sum = c.add(c.mul(sum, v), apd.New(flows[k], 0))
	}
	// dPV/di = dPV/dv · dv/di and dv/di = -v².
	slope = c.mul(slope, c.mul(v, v))
	slope.Negative = !slope.Negative
	return sum, slope, c.err
}

// solve finds the root of a function that rises from negative to positive
// between rateLow and rateHigh. value returns the function and its derivative.
func solve(value func(*apd.Decimal) (*apd.Decimal, *apd.Decimal, error)) (*apd.Decimal, error) {
	low, high, err := bracket(value)
	if err != nil {
		return nil, err
	}
	c := calc{ctx: exact}
	tolerance := apd.New(1, -20)
	i := apd.New(1, -2)
	if i.Cmp(low) <= 0 || i.Cmp(high) >= 0 {
		i = c.quo(c.add(low, high), apd.New(2, 0))
	}
	for range iterationsMax {
		f, slope, err := value(i)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoRate, err)
		}
		switch f.Sign() {
		case 0:
			return i, nil
		case -1:
			low = i
		default:
			high = i
		}
		next := new(apd.Decimal)
		if slope.Sign() != 0 {
			next = c.sub(i, c.quo(f, slope))
		}
		if slope.Sign() == 0 || next.Cmp(low) <= 0 || next.Cmp(high) >= 0 {
			next = c.quo(c.add(low, high), apd.New(2, 0))
		}
		step := c.sub(next, i)
		step.Negative = false
		i = next
		if c.err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoRate, c.err)
		}
		if step.Cmp(tolerance) <= 0 {
			return i, nil
		}
	}
	return nil, fmt.Errorf("%w: no convergence in %d steps", ErrNoRate, iterationsMax)
}

// bracket returns two rates between which the function changes from negative
// to positive.
func bracket(value func(*apd.Decimal) (*apd.Decimal, *apd.Decimal, error)) (low, high *apd.Decimal, err error) {
	steps := []*apd.Decimal{rateLow, apd.New(-9, -1), apd.New(-5, -1), apd.New(-1, -1), apd.New(0, 0), apd.New(1, -1),
		apd.New(1, 0), apd.New(10, 0), apd.New(1_000, 0), rateHigh}
	for _, at := range steps {
		f, _, err := value(at)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrNoRate, err)
		}
		if f.Sign() >= 0 && low != nil {
			return low, at, nil
		}
		if f.Sign() < 0 {
			low = at
		}
	}
	return nil, nil, fmt.Errorf("%w: the flows balance at no rate between %s and %s a period", ErrNoRate, rateLow, rateHigh)
}

// compound returns (1+i)^(num/den) - 1.
func compound(i *apd.Decimal, exponent Fraction) (*apd.Decimal, error) {
	c := calc{ctx: exact}
	power := new(apd.Decimal)
	c.keep(exact.Pow(power, c.add(one, i), exponent.Decimal()))
	return c.sub(power, one), c.err
}
