package amortization

import (
	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/internal/money"
)

// engine builds one schedule. All amounts inside are minor units.
type engine struct {
	terms   Terms
	cur     money.Currency
	unit    int64 // multiple for instalments
	periods []period
	rows    []Instalment
	totals  [4]int64 // principal, interest, fees, upfront fees
}

func (e *engine) build() (*Schedule, error) {
	e.cur = e.terms.Principal.Currency()
	e.unit, _ = minorUnits(e.terms.Rounding.InstalmentUnit, e.cur)
	var err error
	if e.periods, err = e.terms.periods(); err != nil {
		return nil, err
	}
	e.rows = make([]Instalment, len(e.periods))
	plan, err := e.plan()
	if err != nil {
		return nil, err
	}
	if err := e.walk(plan); err != nil {
		return nil, err
	}
	if err := e.fees(); err != nil {
		return nil, err
	}
	return e.finish()
}

// plan is what a method decides before the rows are laid out. Exactly one of
// total and principal drives a row.
type plan struct {
	total     int64 // instalment: principal = total - interest
	principal int64 // principal of every row but the last
	interest  int64 // interest of every row but the last, when fixed
	charge    int64 // total interest, when fixed or carried to the end
	driver    driver
}

type driver uint8

const (
	byTotal driver = iota
	byPrincipal
	byBoth  // principal and interest planned
	carried // interest paid with the last row
)

func (e *engine) plan() (plan, error) {
	principal, n := e.terms.Principal.Minor(), int64(len(e.periods))
	switch e.terms.Method {
	case EqualPrincipal:
		share, err := e.roundInstalment(e.ratio(principal, n))
		return plan{driver: byPrincipal, principal: share}, err
	case InterestOnly:
		return plan{driver: byPrincipal}, nil
	case Bullet:
		charge, err := e.wholeInterest(principal)
		return plan{driver: carried, charge: charge}, err
	case Flat:
		return e.planFlat(principal, n)
	}
	total, err := e.size(principal)
	return plan{driver: byTotal, total: total}, err
}

// planFlat shares principal and interest evenly: I = P·r·t, A = (P+I)/n.
func (e *engine) planFlat(principal, n int64) (plan, error) {
	charge, err := e.wholeInterest(principal)
	if err != nil {
		return plan{}, err
	}
	whole, err := addChecked(principal, charge)
	if err != nil {
		return plan{}, err
	}
	total, err := e.roundInstalment(e.ratio(whole, n))
	if err != nil {
		return plan{}, err
	}
	interest, err := minorOf(e.ratio(charge, n), 1, e.terms.Rounding.Mode)
	return plan{driver: byBoth, principal: total - interest, interest: interest, charge: charge}, err
}

func (e *engine) ratio(num, den int64) *apd.Decimal {
	c := calc{ctx: exact}
	return c.quo(apd.New(num, 0), apd.New(den, 0))
}

func (e *engine) roundInstalment(d *apd.Decimal) (int64, error) {
	return minorOf(d, e.unit, e.terms.Rounding.InstalmentMode)
}

// scaleFactor is 10^(scale+2): rates are percentages with scale decimals.
func (e *engine) scaleFactor() int64 { return powersOfTen[int(e.terms.AnnualRatePercent.scale)+2] }

// accrue returns the interest of a period on a balance, unrounded: all products
// are exact and there is one division, so that a tie is seen as a tie.
func (e *engine) accrue(balance int64, p *period) (*apd.Decimal, error) {
	c := calc{ctx: wide}
	total := apd.New(0, 0)
	for i := 0; i < len(p.segments); {
		den, sum := p.segments[i].den, apd.New(0, 0)
		for ; i < len(p.segments) && p.segments[i].den == den; i++ {
			s := &p.segments[i]
			balance += s.drawn
			sum = c.add(sum, product(balance, s.rate, s.num))
		}
		quotient := new(apd.Decimal)
		c.keep(exact.Quo(quotient, sum, product(den, e.scaleFactor())))
		total = c.add(total, quotient)
	}
	return total, c.err
}

// wholeInterest returns the interest on the balance over all periods, rounded once.
func (e *engine) wholeInterest(balance int64) (int64, error) {
	c := calc{ctx: exact}
	sum := apd.New(0, 0)
	for k := range e.periods {
		interest, err := e.accrue(balance, &e.periods[k])
		c.keep(0, err)
		sum = c.add(sum, interest)
	}
	if c.err != nil {
		return 0, fault("annual_rate_percent", RuleOverflow, "the interest exceeds the range of numbers")
	}
	return minorOf(sum, 1, e.terms.Rounding.Mode)
}

// size returns the level instalment that repays the balance over all periods:
// the balance grows by ∏(1+f), a payment of 1 in each period by the sum of the
// growth after it, and the instalment is the quotient.
func (e *engine) size(balance int64) (int64, error) {
	c := calc{ctx: exact}
	owed, paid := apd.New(balance, 0), apd.New(0, 0)
	for k := range e.periods {
		growth := c.add(one, e.factor(&c, &e.periods[k]))
		owed = c.mul(owed, growth)
		paid = c.add(c.mul(paid, growth), one)
	}
	total := c.quo(owed, paid)
	if c.err != nil {
		return 0, fault("annual_rate_percent", RuleOverflow, "no level instalment exists: %v", c.err)
	}
	return e.roundInstalment(total)
}

// factor returns the interest of a period on a balance of one.
func (e *engine) factor(c *calc, p *period) *apd.Decimal {
	sum := apd.New(0, 0)
	for i := range p.segments {
		s := &p.segments[i]
		sum = c.add(sum, c.quo(product(s.rate, s.num), product(s.den, e.scaleFactor())))
	}
	return sum
}

// walk lays out the rows.
func (e *engine) walk(plan plan) error {
	balance, last := e.terms.Principal.Minor(), len(e.periods)-1
	charged := int64(0)
	for k := range e.periods {
		interest, err := e.interest(plan, k, balance, charged)
		if err != nil {
			return err
		}
		charged += interest
		principal := plan.principal
		if plan.driver == byTotal {
			principal = plan.total - interest
		}
		if k == last {
			principal = balance
		}
		if principal < 0 {
			return fault("method", RuleNegativeAmortization,
				"instalment %d would not cover its interest of %s", k+1, money.New(interest, e.cur))
		}
		if k < last && principal >= balance {
			return fault("rounding.instalment_unit", RuleRange,
				"the loan would be repaid after %d of %d instalments", k+1, last+1)
		}
		e.row(k, balance, principal, interest)
		balance -= principal
	}
	if plan.driver == carried {
		return e.spreadEarned()
	}
	return nil
}

// spreadEarned divides interest that is paid at the end over the periods that
// earn it, in cumulative steps, so that the parts add up to the whole.
func (e *engine) spreadEarned() error {
	c := calc{ctx: exact}
	sum, before := apd.New(0, 0), int64(0)
	for k := range e.periods {
		interest, err := e.accrue(e.rows[k].Opening.Minor(), &e.periods[k])
		c.keep(0, err)
		sum = c.add(sum, interest)
		if c.err != nil {
			return c.err
		}
		after, err := minorOf(sum, 1, e.terms.Rounding.Mode)
		if err != nil {
			return err
		}
		e.rows[k].Earned = money.New(after-before, e.cur)
		before = after
	}
	return nil
}

func (e *engine) interest(plan plan, k int, balance, charged int64) (int64, error) {
	last := k == len(e.periods)-1
	switch plan.driver {
	case byBoth:
		if last {
			return plan.charge - charged, nil
		}
		return plan.interest, nil
	case carried:
		if last {
			return plan.charge, nil
		}
		return 0, nil
	}
	interest, err := e.accrue(balance, &e.periods[k])
	if err != nil {
		return 0, fault("annual_rate_percent", RuleOverflow, "the interest exceeds the range of numbers")
	}
	return minorOf(interest, 1, e.terms.Rounding.Mode)
}

func (e *engine) row(k int, opening, principal, interest int64) {
	p, row := &e.periods[k], &e.rows[k]
	row.Number, row.From, row.Due = k+1, p.from, p.due
	row.Opening, row.Closing = money.New(opening, e.cur), money.New(opening-principal, e.cur)
	row.Principal, row.Interest = money.New(principal, e.cur), money.New(interest, e.cur)
	row.Earned = row.Interest
}

// finish adds up the rows.
func (e *engine) finish() (*Schedule, error) {
	var sums [4]int64 // principal, interest, fees, total
	for k := range e.rows {
		row := &e.rows[k]
		total, err := addChecked(row.Principal.Minor(), row.Interest.Minor())
		if err != nil {
			return nil, err
		}
		if total, err = addChecked(total, row.Fees.Minor()); err != nil {
			return nil, err
		}
		row.Fees, row.Total = money.New(row.Fees.Minor(), e.cur), money.New(total, e.cur)
		for i, part := range [4]int64{row.Principal.Minor(), row.Interest.Minor(), row.Fees.Minor(), total} {
			if sums[i], err = addChecked(sums[i], part); err != nil {
				return nil, err
			}
		}
	}
	upfront := e.totals[3]
	return &Schedule{Terms: e.terms, Instalments: e.rows, Totals: Totals{
		Principal: money.New(sums[0], e.cur), Interest: money.New(sums[1], e.cur), Fees: money.New(sums[2], e.cur),
		UpfrontFees: money.New(upfront, e.cur), Total: money.New(sums[3], e.cur),
		NetDisbursed: money.New(e.terms.Principal.Minor()-upfront, e.cur),
	}}, nil
}
