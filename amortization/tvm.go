package amortization

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"
)

// The functions below solve the time-value equation
//
//	pv·(1+i)^n + pmt·((1+i)^n - 1)/i + fv = 0
//
// (pv + n·pmt + fv = 0 for i = 0) with payments at the end of each period, for
// one of its letters. Money received is positive and money paid negative, as in
// spreadsheets. Results have 34 significant digits.

// growthAndAnnuity returns (1+i)^n and ((1+i)^n - 1)/i.
func growthAndAnnuity(c *calc, i *apd.Decimal, n int) (growth, annuity *apd.Decimal) {
	growth = c.power(c.add(one, i), int64(n))
	if i.Sign() == 0 {
		return growth, apd.New(int64(n), 0)
	}
	return growth, c.quo(c.sub(growth, one), i)
}

func negated(d *apd.Decimal) *apd.Decimal {
	n := new(apd.Decimal).Set(d)
	n.Negative = !n.Negative && n.Sign() != 0
	return n
}

func checkPeriods(n int) error {
	if n < 1 || n > InstalmentsMax {
		return fault("n", RuleRange, "%d periods, need 1 to %d", n, InstalmentsMax)
	}
	return nil
}

// Payment returns pmt, the level payment.
func Payment(i *apd.Decimal, n int, pv, fv *apd.Decimal) (*apd.Decimal, error) {
	if err := checkPeriods(n); err != nil {
		return nil, err
	}
	c := calc{ctx: exact}
	growth, annuity := growthAndAnnuity(&c, i, n)
	payment := negated(c.quo(c.add(c.mul(pv, growth), fv), annuity))
	return payment, c.err
}

// PresentValue returns pv.
func PresentValue(i *apd.Decimal, n int, pmt, fv *apd.Decimal) (*apd.Decimal, error) {
	if err := checkPeriods(n); err != nil {
		return nil, err
	}
	c := calc{ctx: exact}
	growth, annuity := growthAndAnnuity(&c, i, n)
	value := negated(c.quo(c.add(c.mul(pmt, annuity), fv), growth))
	return value, c.err
}

// FutureValue returns fv.
func FutureValue(i *apd.Decimal, n int, pmt, pv *apd.Decimal) (*apd.Decimal, error) {
	if err := checkPeriods(n); err != nil {
		return nil, err
	}
	c := calc{ctx: exact}
	growth, annuity := growthAndAnnuity(&c, i, n)
	value := negated(c.add(c.mul(pv, growth), c.mul(pmt, annuity)))
	return value, c.err
}

// Periods returns n, which need not be whole: ln((pmt - fv·i)/(pmt + pv·i))/ln(1+i).
// The error is ErrNoRate where no number of periods balances the flows.
func Periods(i, pmt, pv, fv *apd.Decimal) (*apd.Decimal, error) {
	c := calc{ctx: exact}
	if i.Sign() == 0 {
		n := negated(c.quo(c.add(pv, fv), pmt))
		return n, c.err
	}
	ratio := c.quo(c.sub(pmt, c.mul(fv, i)), c.add(pmt, c.mul(pv, i)))
	if c.err != nil || ratio.Sign() <= 0 {
		return nil, fmt.Errorf("%w: no number of periods balances the flows", ErrNoRate)
	}
	over, under := new(apd.Decimal), new(apd.Decimal)
	c.keep(exact.Ln(over, ratio))
	c.keep(exact.Ln(under, c.add(one, i)))
	n := c.quo(over, under)
	return n, c.err
}

// Rate returns i. The error is ErrNoRate.
func Rate(n int, pmt, pv, fv *apd.Decimal) (*apd.Decimal, error) {
	if err := checkPeriods(n); err != nil {
		return nil, err
	}
	return solve(func(i *apd.Decimal) (*apd.Decimal, *apd.Decimal, error) {
		c := calc{ctx: exact}
		v := c.quo(one, c.add(one, i))
		value, slope, power := new(apd.Decimal).Set(pv), apd.New(0, 0), apd.New(1, 0)
		for k := 1; k <= n; k++ {
			power = c.mul(power, v)
			part := c.mul(power, pmt)
			if k == n {
				part = c.mul(power, c.add(pmt, fv))
			}
			value = c.add(value, part)
			slope = c.sub(slope, c.mul(c.mul(part, v), apd.New(int64(k), 0)))
		}
		return value, slope, c.err
	})
}

// IRR returns the rate per period at which flows of equal distance balance:
// Σ flows[k]·(1+i)^-k = 0, in minor units of any currency. The error is ErrNoRate.
func IRR(flows []int64) (*apd.Decimal, error) {
	timed := make([]flow, len(flows))
	for k, amount := range flows {
		if flows[0] < 0 {
			amount = -amount // seen from the other side, the rate is the same
		}
		timed[k] = flow{amount: amount, units: int64(k)}
	}
	return unitRate(timed)
}

// MIRR returns the modified internal rate of return: what is paid is discounted
// at the finance rate, what is received grows at the reinvestment rate, and the
// result is (future value/present value)^(1/n) - 1. The error is ErrNoRate.
func MIRR(flows []int64, finance, reinvest *apd.Decimal) (*apd.Decimal, error) {
	if len(flows) < 2 || len(flows) > flowsMax {
		return nil, fmt.Errorf("%w: %d flows", ErrNoRate, len(flows))
	}
	c, n := calc{ctx: exact}, len(flows)-1
	in, out := apd.New(0, 0), apd.New(0, 0)
	discount, growth := c.quo(one, c.add(one, finance)), c.add(one, reinvest)
	for k, amount := range flows {
		if amount > 0 {
			in = c.add(in, c.mul(apd.New(amount, 0), c.power(growth, int64(n-k))))
		} else {
			out = c.sub(out, c.mul(apd.New(amount, 0), c.power(discount, int64(k))))
		}
	}
	if in.Sign() == 0 || out.Sign() == 0 {
		return nil, fmt.Errorf("%w: the flows do not go both ways", ErrNoRate)
	}
	root, err := compound(c.sub(c.quo(in, out), one), Fraction{1, int64(n)})
	if c.err != nil || err != nil {
		return nil, fmt.Errorf("%w: beyond the range of numbers", ErrNoRate)
	}
	return root, nil
}
