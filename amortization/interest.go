package amortization

import (
	"github.com/cockroachdb/apd/v3"
)

// interestSum adds up interest unrounded. All products are exact, and segments
// of one denominator share one division, carried far enough that a tie is seen
// as a tie: half a cent stays half a cent over any number of periods.
type interestSum struct {
	den  int64        // denominator of num, 0 at first
	num  *apd.Decimal // sum of balance × rate × part of a year
	rest *apd.Decimal // what other denominators came to
	calc calc
}

// add adds the interest of a period on a balance.
func (s *interestSum) add(e *engine, balance int64, p *period) {
	if s.num == nil {
		s.num, s.rest = apd.New(0, 0), apd.New(0, 0)
		s.calc.ctx = wide
	}
	for i := p.low; i < p.high; i++ {
		seg := &e.segments[i]
		balance += seg.drawn
		if seg.den != s.den {
			s.flush(e)
			s.den = seg.den
		}
		s.num = s.calc.add(s.num, product(balance, seg.rate, seg.num))
	}
}

// flush divides what has one denominator.
func (s *interestSum) flush(e *engine) {
	if s.den == 0 || s.num.Sign() == 0 {
		return
	}
	s.rest = s.calc.add(s.rest, s.quotient(e))
	s.num = apd.New(0, 0)
}

// quotient returns num/(den × 10^(scale+2)) to the precision of the terms.
func (s *interestSum) quotient(e *engine) *apd.Decimal {
	c := calc{ctx: wide}
	if e.terms.Rounding.Precision != precisionMax {
		c.ctx = e.context()
	}
	quotient := c.quo(s.num, product(s.den, e.rateScale()))
	s.calc.keep(0, c.err)
	return quotient
}

// value returns the sum.
func (s *interestSum) value(e *engine) (*apd.Decimal, error) {
	if s.den == 0 {
		return apd.New(0, 0), nil
	}
	sum := s.calc.add(s.rest, s.quotient(e))
	if s.calc.err != nil {
		return nil, fault("annual_rate_percent", RuleOverflow, "the interest exceeds the range of numbers")
	}
	return sum, nil
}
