package amortization

import (
	"github.com/cockroachdb/apd/v3"
)

// settleResidual applies the residual policy: it fills in the corrections of
// the rows. What rounding leaves over is the difference between the last
// instalment and the one that was planned for it.
func (p *planner) settleResidual() error {
	e := p.e
	policy, n := e.terms.Rounding.Residual, len(e.periods)
	if policy == ResidualLast || n < 2 {
		return nil
	}
	first := max(p.grace.Principal, 0)
	if p.grace.Capitalise {
		first = max(first, p.grace.InterestPayment)
	}
	if first >= n-1 {
		return nil
	}
	if policy == ResidualSpread {
		return p.residualSpread(first)
	}
	p.extra, p.trial = make([]int64, n), true
	err := p.residualFirst(first)
	p.trial = e.trial
	return err
}

// gap returns by how much the last instalment differs from its plan.
func (p *planner) gap() (int64, error) {
	last := len(p.e.periods) - 1
	if p.driver == byPrincipal {
		sum := int64(0)
		for k := p.grace.Principal; k <= last; k++ {
			sum += p.share
			if k < last {
				sum += p.extra[k]
			}
		}
		return p.e.opening - sum, nil
	}
	paid, err := p.walk(false)
	if err != nil {
		return 0, err
	}
	planned := p.planned(last)
	if p.e.terms.Method == Balloon {
		planned += p.e.terms.Balloon.Minor()
	}
	return paid - planned, nil
}

// roundsMax bounds the search for the correction of the first instalment.
const roundsMax = 8

// residualFirst moves the gap to the first instalment: a secant search for the
// whole number of units that leaves the smallest gap.
func (p *planner) residualFirst(first int) error {
	best, bestGap := int64(0), int64(0)
	x0, gap0 := int64(0), int64(0)
	for round := range roundsMax {
		gap, err := p.gap()
		if err != nil {
			return err
		}
		x := p.extra[first]
		if round == 0 || magnitude(gap) < magnitude(bestGap) {
			best, bestGap = x, gap
		}
		if gap == 0 {
			break
		}
		next := x + gap // a unit paid first saves at least a unit at the end
		if round > 0 && gap != gap0 {
			next = x + roundedQuotient(gap*(x-x0), gap0-gap)
		}
		if next == x {
			break
		}
		x0, gap0 = x, gap
		p.extra[first] = next
	}
	p.extra[first] = best
	return nil
}

// residualSpread sizes every instalment from the balance that is left, so that
// a rounding error is mended in the next row. With A(k) the value at the start
// of period k of the payments from k on and V(k) that of 1 at the end,
// A(k) = (w(k) + A(k+1))/(1+f(k)), the instalment is (balance - balloon·V(k))/A(k).
func (p *planner) residualSpread(first int) error {
	e, n := p.e, len(p.e.periods)
	if p.driver == byPrincipal {
		return p.spreadShares(first)
	}
	c := calc{ctx: e.context()}
	p.annuities, p.values = make([]*apd.Decimal, n), make([]*apd.Decimal, n)
	annuity, value := apd.New(0, 0), one
	for k := n - 1; k >= first; k-- {
		_, growth := e.grow(&c, k, first, one, true)
		weight := one
		if p.weights != nil {
			weight = c.quo(apd.New(p.weights[k], 0), apd.New(p.weights[first], 0))
		}
		annuity, value = c.quo(c.add(weight, annuity), growth), c.quo(value, growth)
		p.annuities[k], p.values[k] = annuity, value
	}
	if c.err != nil {
		return fault("annual_rate_percent", RuleOverflow, "no level instalment exists: %v", c.err)
	}
	return nil
}

// fitted returns the instalment of a row for the balance that is left.
func (p *planner) fitted(k int, balance int64) (int64, error) {
	c := calc{ctx: p.e.context()}
	owed := apd.New(balance, 0)
	if balloon := p.e.terms.Balloon.Minor(); balloon != 0 {
		owed = c.sub(owed, c.mul(apd.New(balloon, 0), p.values[k]))
	}
	if k == 0 && p.e.carried != 0 { // due at the end of the first period, so worth less at its start
		_, growth := p.e.grow(&c, 0, 0, one, true)
		owed = c.add(owed, c.quo(apd.New(p.e.carried, 0), growth))
	}
	total := c.quo(owed, p.annuities[k])
	if p.weights != nil {
		first := 0
		for p.annuities[first] == nil {
			first++
		}
		total = c.mul(total, c.quo(apd.New(p.weights[k], 0), apd.New(p.weights[first], 0)))
	}
	if c.err != nil {
		return 0, fault("annual_rate_percent", RuleOverflow, "no level instalment exists: %v", c.err)
	}
	return p.e.roundInstalment(total)
}

// spreadShares rounds the principal repaid so far, so that no share is off by
// more than one unit.
func (p *planner) spreadShares(first int) error {
	e, n := p.e, len(p.e.periods)
	c, before := calc{ctx: exact}, int64(0)
	p.shares = make([]int64, n)
	for k := first; k < n; k++ {
		part := c.quo(product(e.opening, int64(k+1-first)), apd.New(int64(n-first), 0))
		after, err := e.roundInstalment(part)
		if err != nil {
			return err
		}
		p.shares[k], before = after-before, after
	}
	return c.err
}

func magnitude(v int64) int64 { return max(v, -v) }

// roundedQuotient returns a/b rounded to the nearest whole number, ties away
// from zero.
func roundedQuotient(a, b int64) int64 {
	if b == 0 {
		return 0
	}
	quotient, rest := a/b, a%b
	if magnitude(rest) >= magnitude(b)-magnitude(rest) {
		if (a < 0) == (b < 0) {
			return quotient + 1
		}
		return quotient - 1
	}
	return quotient
}
