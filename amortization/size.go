package amortization

import (
	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/internal/money"
)

// resize sizes the instalment from a row on.
func (p *planner) resize(first int, balance int64) error {
	e := p.e
	p.assumed = e.lastRate(first)
	if p.driver == byPrincipal {
		return p.shareEvenly(balance, len(e.periods)-max(first, p.grace.Principal))
	}
	total, err := e.size(balance, first, p.growthOf())
	if err != nil {
		return err
	}
	p.total = total
	if e.terms.Method == Graduated {
		return p.graduate()
	}
	return nil
}

// follow sizes the instalment anew when a period has another rate than was
// assumed, or a disbursement.
func (p *planner) follow(k int, balance int64) error {
	e := p.e
	per, changed := &e.periods[k], false
	for i := per.low; i < per.high; i++ {
		s := &e.segments[i]
		changed = changed || s.drawn != 0 || (s.rate != p.assumed && p.driver == byTotal)
	}
	sized := e.terms.Method != RuleOf78 && e.terms.Method != FixedInstalment && e.terms.Method != PrincipalPlan &&
		e.terms.Method != InterestOnly && e.terms.Method != Bullet && e.terms.Method != Flat
	if !changed || !sized {
		return nil
	}
	if p.driver == byPrincipal {
		balance += e.drawn(per)
	}
	return p.resize(k, balance)
}

// lastRate returns the rate at the end of a period.
func (e *engine) lastRate(k int) int64 { return e.segments[e.periods[k].high-1].rate }

// growthOf returns the number of rows of a graduation step, or 0.
func (p *planner) growthOf() int {
	if p.e.terms.Method == Graduated {
		return p.e.terms.Graduation.Every
	}
	return 0
}

// size returns the instalment that repays a balance over the periods from first
// on. With the balance growing by (1+f) in each period, the debt left by no
// payment at all is owed, and what payments of 1 (times the graduation) repay is
// paid; the instalment is (owed - balloon)/paid.
func (e *engine) size(balance int64, first, every int) (int64, error) {
	t := &e.terms
	plain := e.carried == 0 && every == 0 && t.Method != Balloon && t.Grace == Grace{} && len(e.rates) == 1 &&
		len(t.Tranches) == 0
	if plain {
		if total, ok := e.sizeFast(balance, first); ok {
			return total, nil
		}
	}
	c := calc{ctx: e.context()}
	owed, paid := apd.New(balance, 0), apd.New(0, 0)
	weight, step := apd.New(1, 0), one
	if every > 0 {
		step = c.add(one, c.quo(t.Graduation.StepPercent.Apd(), apd.New(100, 0)))
	}
	future := t.ChangePolicy == Level
	for k := first; k < len(e.periods); k++ {
		if every > 0 && k > first && (k-first)%every == 0 {
			weight = c.mul(weight, step)
		}
		relieved := k < t.Grace.Principal
		capitalised := t.Grace.Capitalise && k < t.Grace.InterestPayment
		grown, growth := e.grow(&c, k, first, owed, future)
		if relieved && !capitalised {
			owed = c.add(owed, apd.New(e.sizedDrawn(k, first, future), 0))
			continue
		}
		owed, paid = grown, c.mul(paid, growth)
		if k == 0 {
			owed = c.add(owed, apd.New(e.carried, 0))
		}
		if !capitalised {
			paid = c.add(paid, weight)
		}
	}
	if t.Method == Balloon {
		owed = c.sub(owed, apd.New(t.Balloon.Minor(), 0))
	}
	total := c.quo(owed, paid)
	if c.err != nil {
		return 0, fault("annual_rate_percent", RuleOverflow, "no level instalment exists: %v", c.err)
	}
	return e.roundInstalment(total)
}

// sizedDrawn returns the disbursements of a period that a sizing takes into account.
func (e *engine) sizedDrawn(k, first int, future bool) int64 {
	if !future && k != first {
		return 0
	}
	return e.drawn(&e.periods[k])
}

// grow returns a debt after a period without payment, and the growth of a debt
// of 1. Unless the future is known, rates stay as at the end of the first period.
func (e *engine) grow(c *calc, k, first int, debt *apd.Decimal, future bool) (grown, growth *apd.Decimal) {
	p := &e.periods[k]
	factor, base, interest := apd.New(0, 0), debt, apd.New(0, 0)
	for i := p.low; i < p.high; i++ {
		s := &e.segments[i]
		rate := s.rate
		if !future && k != first {
			rate = e.lastRate(first)
		}
		if k < e.terms.Grace.InterestFree {
			rate = 0
		}
		if s.drawn != 0 && (future || k == first) {
			base = c.add(base, apd.New(s.drawn, 0))
		}
		f := c.quo(product(rate, s.num), product(s.den, e.rateScale()))
		factor = c.add(factor, f)
		interest = c.add(interest, c.mul(base, f))
	}
	return c.add(base, interest), c.add(one, factor)
}

// graduate lists the instalments of a graduated loan.
func (p *planner) graduate() error {
	e, g := p.e, &p.e.terms.Graduation
	if p.weights == nil {
		p.weights = make([]int64, len(e.periods))
	}
	c := calc{ctx: e.context()}
	step, amount := c.add(one, c.quo(g.StepPercent.Apd(), apd.New(100, 0))), apd.New(p.total, 0)
	for k := range p.weights {
		if k > 0 && k%g.Every == 0 {
			amount = c.mul(amount, step)
		}
		var err error
		if p.weights[k], err = e.roundInstalment(amount); err != nil {
			return err
		}
	}
	return c.err
}

// instalmentsGuess is how many periods are laid out first for a fixed instalment.
const instalmentsGuess = 64

// countInstalments lays out the periods of a loan with a fixed instalment: as
// many as it takes.
func (e *engine) countInstalments() error {
	paid := e.terms.Instalment.Minor()
	for n := instalmentsGuess; ; n *= 4 {
		e.count = min(n, InstalmentsMax)
		e.rates, e.cuts, e.periods, e.segments = e.rates[:0], e.cuts[:0], e.periods[:0], e.segments[:0]
		if err := e.layout(); err != nil {
			return err
		}
		balance := e.opening
		for k := range e.periods {
			interest := int64(0)
			if k >= e.terms.Grace.InterestFree {
				var err error
				if interest, err = e.interest(balance, &e.periods[k]); err != nil {
					return err
				}
			}
			if k == 0 {
				interest += e.carried
			}
			if balance+interest <= paid {
				e.periods = e.periods[:k+1]
				return nil
			}
			if paid <= interest {
				return fault("instalment", RuleNegativeAmortization, "%s does not cover the interest of %s in period %d",
					e.terms.Instalment, money.New(interest, e.cur), k+1)
			}
			balance -= paid - interest
		}
		if e.count == InstalmentsMax {
			return fault("instalment", RuleRange, "the loan would not be repaid after %d instalments", InstalmentsMax)
		}
	}
}
