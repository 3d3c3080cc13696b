package amortization

import (
	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/internal/money"
)

// driver says what a method fixes about a row; the rest follows.
type driver uint8

const (
	byTotal     driver = iota // instalment fixed: principal = instalment - interest
	byPrincipal               // principal fixed
	byBoth                    // principal and interest fixed
)

// planner lays out the rows of one method.
type planner struct {
	e       *engine
	driver  driver
	total   int64   // level instalment, before weights
	weights []int64 // instalment of each row, where it is not level
	share   int64   // principal of a row
	shares  []int64 // principal of each row, where it is not level
	charge  int64   // total interest, for byBoth
	charges []int64 // interest of each row, for byBoth
	extra   []int64 // correction of each row, for ResidualFirst
	trial   bool    // look for the correction: rows may be unsound meanwhile
	// annuities and values fit each instalment to the balance, for ResidualSpread.
	annuities, values []*apd.Decimal
	grace             Grace
	resizes           bool // the instalment follows rate changes and disbursements
	assumed           int64
}

// prepare chooses the plan of the method.
func (p *planner) prepare(e *engine) error {
	t, n := &e.terms, len(e.periods)
	p.e, p.grace, p.trial = e, t.Grace, e.trial
	p.resizes = t.ChangePolicy == Resize && (len(e.rates) > 1 || len(t.Tranches) > 0)
	switch t.Method {
	case EqualPrincipal:
		p.driver = byPrincipal
		return p.shareEvenly(e.opening, n-t.Grace.Principal)
	case InterestOnly:
		p.driver = byPrincipal
		return nil
	case Bullet:
		p.driver, p.grace = byPrincipal, Grace{InterestPayment: n - 1, InterestFree: t.Grace.InterestFree}
		return nil
	case PrincipalPlan:
		p.driver, p.shares = byPrincipal, make([]int64, n)
		for k := range p.shares {
			p.shares[k] = t.PrincipalPlan[k].Minor()
		}
		return nil
	case Flat:
		return p.flat(n)
	case RuleOf78:
		return p.ruleOf78(n)
	case FixedInstalment:
		p.total = t.Instalment.Minor()
		return nil
	}
	return p.resize(0, e.opening)
}

// shareEvenly sets the level share of a balance over n rows.
func (p *planner) shareEvenly(balance int64, n int) error {
	c := calc{ctx: exact}
	var err error
	p.share, err = p.e.roundInstalment(c.quo(apd.New(balance, 0), apd.New(int64(n), 0)))
	return err
}

// flat shares principal and interest evenly: I = P·r·t and A = (P+I)/n.
func (p *planner) flat(n int) error {
	e, c := p.e, calc{ctx: exact}
	p.driver = byBoth
	var whole interestSum
	paying := n - p.grace.InterestFree
	for k := p.grace.InterestFree; k < n; k++ {
		whole.add(e, e.opening, &e.periods[k])
	}
	sum, err := whole.value(e)
	if err != nil {
		return err
	}
	if p.charge, err = e.roundInterest(sum); err != nil {
		return err
	}
	both, err := addChecked(e.opening, p.charge)
	if err != nil {
		return err
	}
	total, err := e.roundInstalment(c.quo(apd.New(both, 0), apd.New(int64(n), 0)))
	if err != nil {
		return err
	}
	// Interest in cumulative steps: no row is off by more than a unit, none is negative.
	p.charges, p.shares = make([]int64, n), make([]int64, n)
	before := int64(0)
	for k := range n {
		if k >= p.grace.InterestFree {
			part := c.quo(product(p.charge, int64(k+1-p.grace.InterestFree)), apd.New(int64(paying), 0))
			after, err := e.roundInterest(part)
			if err != nil {
				return err
			}
			p.charges[k], before = after-before, after
		}
		p.shares[k] = total - p.charges[k]
	}
	return nil
}

// ruleOf78 shares the interest of the annuity by the sum of the digits, in
// cumulative steps, so that the parts add up to the whole.
func (p *planner) ruleOf78(n int) error {
	e := p.e
	p.driver = byBoth
	total, err := e.size(e.opening, 0, 0)
	if err != nil {
		return err
	}
	whole, err := mulChecked(total, int64(n))
	if err != nil {
		return err
	}
	p.charge = whole - e.opening
	if p.charge < 0 {
		return fault("annual_rate_percent", RuleContradiction, "the rule of 78 needs interest to share")
	}
	p.charges, p.shares = make([]int64, n), make([]int64, n)
	digits, before, c := int64(n)*int64(n+1), int64(0), calc{ctx: exact}
	for k := range n {
		left := int64(n - k - 1)
		rest, err := e.roundInterest(c.quo(product(p.charge, left*(left+1)), apd.New(digits, 0)))
		if err != nil {
			return err
		}
		after := p.charge - rest
		p.charges[k], p.shares[k] = after-before, total-(after-before)
		before = after
	}
	return nil
}

// walkState is what passes from row to row.
type walkState struct {
	balance int64
	pool    int64       // interest earned and not yet paid
	accrued interestSum // unrounded interest of a bullet so far
	rounded int64       // the part of it that rows have earned
}

// walk goes through the periods, writes the rows when asked to, and returns the
// last instalment.
func (p *planner) walk(write bool) (int64, error) {
	e := p.e
	if write && p.walkPlain() {
		return 0, nil
	}
	state := walkState{balance: e.opening, pool: e.pool}
	for k := range e.periods {
		if p.resizes && k > 0 {
			if err := p.follow(k, state.balance); err != nil {
				return 0, err
			}
		}
		paid, err := p.step(k, &state, write)
		if err != nil || k == len(e.periods)-1 {
			return paid, err
		}
	}
	return 0, nil
}

// step does one row.
func (p *planner) step(k int, state *walkState, write bool) (paid int64, err error) {
	e := p.e
	per, last := &e.periods[k], k == len(e.periods)-1
	earned, err := p.earn(k, state)
	if err != nil {
		return 0, err
	}
	if max(magnitude(earned), state.pool, magnitude(state.balance)) > minorMax {
		return 0, fault("annual_rate_percent", RuleOverflow, "the debt exceeds the range of money in period %d", k+1)
	}
	opening, drawn := state.balance, e.drawn(per)
	balance := opening + drawn
	due := earned // interest that the planned instalment has to cover
	if k == 0 {
		due += e.carried
	}
	interest, capitalised := due+state.pool, int64(0)
	if k < p.grace.InterestPayment && !last {
		interest = 0
		if p.grace.Capitalise {
			capitalised = due
		} else {
			state.pool += due
		}
	} else {
		state.pool = 0
	}
	principal, err := p.principal(k, due, opening)
	if err != nil {
		return 0, err
	}
	switch {
	case last:
		principal = balance + capitalised
	case k < p.grace.Principal || capitalised > 0:
		principal = 0
	case principal < 0 && -principal <= due && e.terms.AllowNegativeAmortization:
		capitalised = -principal
		interest, principal = interest-capitalised, 0
	}
	if err := p.check(k, principal, balance+capitalised, interest); err != nil {
		return 0, err
	}
	state.balance = balance + capitalised - principal
	if write {
		e.put(e.rowOf(k), row{due: per.due, opening: opening, principal: principal, interest: interest},
			side{deferred: earned - interest, disbursed: drawn, capitalised: capitalised})
	}
	return principal + interest, nil
}

// orNone returns an amount, or the zero Amount for nothing: the sums that few
// schedules have stay empty.
func (e *engine) orNone(minor int64) money.Amount {
	if minor == 0 {
		return money.Amount{}
	}
	return money.New(minor, e.cur)
}

// check refuses rows that no sound schedule has.
func (p *planner) check(k int, principal, balance, interest int64) error {
	n := len(p.e.periods)
	if p.trial {
		return nil
	}
	if principal < 0 {
		return fault("method", RuleNegativeAmortization, "instalment %d would not cover its interest of %s",
			k+1, money.New(interest, p.e.cur))
	}
	ends := principal >= balance && p.shares == nil && len(p.e.terms.Tranches) == 0
	if k < n-1 && (principal > balance || ends) {
		return fault("rounding.instalment_unit", RuleRange,
			"the loan would be repaid after %d of %d instalments; a smaller unit or residual spread keeps the number", k+1, n)
	}
	return nil
}

// earn returns the interest that a period earns.
func (p *planner) earn(k int, state *walkState) (int64, error) {
	e := p.e
	if p.driver == byBoth {
		return p.charges[k], nil
	}
	if k < p.grace.InterestFree {
		return 0, nil
	}
	if e.terms.Method != Bullet {
		return e.interest(state.balance, &e.periods[k])
	}
	if e.terms.CompoundInterest {
		return e.interest(state.balance+state.pool, &e.periods[k])
	}
	// Simple interest of a bullet is rounded once: rows earn it in cumulative steps.
	state.accrued.add(e, state.balance, &e.periods[k])
	interest, err := state.accrued.value(e)
	if err != nil {
		return 0, err
	}
	rounded, err := e.roundInterest(interest)
	earned := rounded - state.rounded
	state.rounded = rounded
	return earned, err
}

// principal returns the planned principal of a row that has some interest due.
func (p *planner) principal(k int, interest, balance int64) (int64, error) {
	principal := p.share
	if p.shares != nil {
		principal = p.shares[k]
	}
	if p.driver == byTotal {
		total := p.planned(k)
		if p.annuities != nil && p.annuities[k] != nil {
			var err error
			if total, err = p.fitted(k, balance); err != nil {
				return 0, err
			}
		}
		principal = total - interest
	}
	if p.extra != nil {
		principal += p.extra[k]
	}
	return principal, nil
}

// planned returns the instalment of a row before the residual policy.
func (p *planner) planned(k int) int64 {
	if p.weights != nil {
		return p.weights[k]
	}
	return p.total
}
