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

// solve finds a root of a function of the rate between rateLow and rateHigh by
// Newton's method, kept inside a bracket that every step shrinks, so that it
// converges or says why not. value returns the function and its derivative.
func solve(value func(*apd.Decimal) (*apd.Decimal, *apd.Decimal, error)) (*apd.Decimal, error) {
	low, high, rising, err := bracket(value)
	if err != nil {
		return nil, err
	}
	c := calc{ctx: exact}
	tolerance := apd.New(1, -22)
	i := apd.New(1, -2)
	if i.Cmp(low) <= 0 || i.Cmp(high) >= 0 {
		i = c.quo(c.add(low, high), apd.New(2, 0))
	}
	for range iterationsMax {
		f, slope, err := value(i)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoRate, err)
		}
		if f.Sign() == 0 {
			return i, nil
		}
		if (f.Sign() < 0) == rising {
			low = i
		} else {
			high = i
		}
		next := low
		if slope.Sign() != 0 {
			next = c.sub(i, c.quo(f, slope))
		}
		if next.Cmp(low) <= 0 || next.Cmp(high) >= 0 {
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

// bracket returns two rates between which the function changes its sign, the
// pair nearest to zero from above where there are several.
func bracket(value func(*apd.Decimal) (*apd.Decimal, *apd.Decimal, error)) (low, high *apd.Decimal, rising bool,
	err error,
) {
	steps := []*apd.Decimal{
		apd.New(0, 0), apd.New(1, -2), apd.New(1, -1), apd.New(1, 0), apd.New(10, 0),
		apd.New(1_000, 0),
		rateHigh,
	}
	below := []*apd.Decimal{apd.New(0, 0), apd.New(-1, -2), apd.New(-1, -1), apd.New(-5, -1), apd.New(-9, -1), rateLow}
	for _, side := range [][]*apd.Decimal{steps, below} {
		sign := 0
		for k, at := range side {
			f, _, err := value(at)
			if err != nil {
				return nil, nil, false, fmt.Errorf("%w: %w", ErrNoRate, err)
			}
			if k > 0 && f.Sign() != sign {
				low, high, rising = side[k-1], at, f.Sign() > sign
				if low.Cmp(high) > 0 {
					low, high, rising = high, low, !rising
				}
				return low, high, rising, nil
			}
			sign = f.Sign()
		}
	}
	return nil, nil, false, fmt.Errorf("%w: the flows balance at no rate between %s and %s a unit", ErrNoRate,
		rateLow, rateHigh)
}

// compound returns (1+i)^(num/den) - 1.
func compound(i *apd.Decimal, exponent Fraction) (*apd.Decimal, error) {
	c := calc{ctx: exact}
	power := new(apd.Decimal)
	c.keep(exact.Pow(power, c.add(one, i), exponent.Decimal()))
	return c.sub(power, one), c.err
}
