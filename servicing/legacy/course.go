package legacy

import (
	"fmt"

	"cloud.google.com/go/civil"

	plan "github.com/tenor-lending/tenor/amortization/legacy"
)

// course is a cumulative loan while its schedule is planned, period by period.
type course struct {
	s       *State
	p       *plan.Planner
	periods []plan.Period
	changes map[int][]*Event // reschedules by the period from which they count
	lent    []*Transaction   // disbursements that are still to come
	rows    []*Row

	count     int   // instalments that divide it, with those before since
	amortized int64 // all that was disbursed, down payments apart
	balance   int64
	base      int64 // principal that the shares divide
	since     int   // period from which they divide it
	grace     int   // periods from since on without principal
	share     int64 // principal of a period, for flat loans and equal principal
	fixed     int64 // equal instalment of a declining loan
	charged   int64 // interest so far, of a flat loan
	carried   int64 // interest under grace of payment
	pool      int64 // excess that shortens the following principals
	recalc    *recalculation
}

// planCumulative plans the whole schedule. The planner does it alone where the
// loan was disbursed at once and nothing has changed since.
func (s *State) planCumulative() []*Row {
	disbursed := s.disbursements()
	if len(disbursed) <= 1 && len(s.reschedules) == 0 && (s.loan.Recalculation == nil || len(disbursed) == 0) {
		return s.planAtOnce(disbursed)
	}
	c := &course{
		s: s, p: s.planner, lent: disbursed, changes: map[int][]*Event{}, count: s.loan.NumberOfInstallments,
	}
	if c.layout(); s.err != nil {
		return nil
	}
	if s.loan.Recalculation != nil {
		c.recalc = newRecalculation(s)
	}
	for k := range c.periods {
		c.period(k)
		if c.balance == 0 && len(c.lent) == 0 && (c.recalc != nil || s.loan.InterestType == "declining") {
			break
		}
	}
	for i, r := range c.rows { // the money that was followed is laid on them again
		c.rows[i] = &Row{
			From: r.From, Due: r.Due, Parts: Parts{Principal: r.Principal, Interest: r.Interest},
			DownPayment: r.DownPayment, lent: r.lent,
		}
	}
	return c.rows
}

// planAtOnce plans the loan with one disbursement, or before any.
func (s *State) planAtOnce(disbursed []*Transaction) []*Row {
	terms := s.terms()
	if len(disbursed) == 1 {
		terms.Principal = decimal(disbursed[0].Amount, s.Decimals)
	}
	table, err := plan.Build(terms)
	if err != nil {
		s.err = err
		return nil
	}
	rows := make([]*Row, len(table.Rows))
	for i := range table.Rows {
		r := &table.Rows[i]
		rows[i] = &Row{
			Number: r.Number, From: r.From, Due: r.Due, Factors: r.Factors, DownPayment: r.DownPayment,
			Parts: Parts{Principal: r.Principal, Interest: r.Interest},
		}
		if r.DownPayment && len(disbursed) == 1 {
			rows[i].lent = disbursed[0].Event
		}
	}
	return rows
}

// layout lays out the periods: with those that reschedules add, the dates that
// they move, and more of them while a disbursement falls after the last.
func (c *course) layout() {
	s, count := c.s, c.s.loan.NumberOfInstallments
	c.periods = c.p.Periods()
	for _, e := range s.reschedules {
		at := c.at(*e.FromDueDate)
		if at < 0 {
			s.err = fmt.Errorf("%w: event %d reschedules from %s, when nothing is due", ErrHistory, e.Seq, e.FromDueDate)
			return
		}
		c.changes[at] = append(c.changes[at], e)
		for range e.ExtraInstallments + e.ExtraPrincipalGrace {
			c.extend()
		}
		if e.NewDueDate != nil {
			moved, err := c.p.Move(c.periods, *e.FromDueDate, *e.NewDueDate)
			if err != nil {
				s.err = err
				return
			}
			c.periods = moved
		}
	}
	for n := len(c.lent); n > 0 && c.lent[n-1].Date.After(c.last()) && len(c.periods) < count+plan.InstalmentsMax; {
		c.extend()
	}
}

func (c *course) at(due civil.Date) int {
	for k, p := range c.periods {
		if p.Due == due {
			return k
		}
	}
	return -1
}

func (c *course) last() civil.Date { return c.periods[len(c.periods)-1].Due }

// extend adds a regular period.
func (c *course) extend() {
	last := c.last()
	seed := c.p.Seed()
	for _, e := range c.s.reschedules {
		if e.NewDueDate != nil && !e.NewDueDate.After(last) {
			seed = e.NewDueDate.Day
		}
	}
	c.periods = append(c.periods, plan.Period{From: last, Due: c.p.After(last, 1, seed)})
}

// period plans one period: what is disbursed in it, its interest by stretches of
// constant balance, and its principal.
func (c *course) period(k int) {
	p := c.periods[k]
	in := c.disburse(k, p)
	c.change(k)
	if c.s.loan.InterestType == "flat" {
		c.flat(k, p)
		return
	}
	if c.recalc != nil {
		c.recalculated(k, p, in)
		return
	}
	c.declining(k, p, in)
}

// disburse takes the disbursements up to the due date, each after the row of its
// down payment, and returns them.
func (c *course) disburse(k int, p plan.Period) (in []*Transaction) {
	for len(c.lent) > 0 && (!c.lent[0].Date.After(p.Due) || k == len(c.periods)-1) {
		t := c.lent[0]
		c.lent = c.lent[1:]
		down := c.p.DownPayment(t.Amount)
		if c.s.loan.DownPayment != nil {
			c.rows = append(c.rows, &Row{
				From: t.Date, Due: t.Date, Parts: Parts{Principal: down}, DownPayment: true, lent: t.Event,
			})
		}
		c.amortized += t.Amount - down
		c.balance += t.Amount - down
		c.base += t.Amount - down
		in = append(in, t)
		c.resize()
	}
	return in
}

// resize divides all that was disbursed among the instalments again, or since a
// reschedule what was left then.
func (c *course) resize() {
	n, grace := c.count-c.since, c.grace
	if c.since == 0 {
		grace = max(grace, c.s.loan.Grace.Principal)
	}
	if c.s.loan.FixedPrincipalPercent != nil {
		c.share, _ = c.p.FlatPrincipal(c.base, n)
	} else {
		c.share = c.p.Share(c.base, n-grace)
	}
	if c.s.loan.InterestType == "declining" && c.s.loan.Amortization == "equal_installments" {
		c.fixed = c.p.Annuity(c.base, n-grace)
	}
}

// change applies the reschedules that count from the period on.
func (c *course) change(k int) {
	for _, e := range c.changes[k] {
		if e.NewRatePercent != nil {
			c.p = c.p.AtRate(*e.NewRatePercent)
		}
		if e.ExtraInstallments == 0 && e.ExtraPrincipalGrace == 0 && e.NewRatePercent == nil {
			continue
		}
		c.count += e.ExtraInstallments + e.ExtraPrincipalGrace
		c.base, c.since, c.grace = c.balance, k, e.ExtraPrincipalGrace
		c.resize()
	}
}

// principalGrace reports whether the period repays no principal.
func (c *course) principalGrace(k int) bool {
	return k < c.since+c.grace || c.since == 0 && k < c.s.loan.Grace.Principal
}

// flat plans a period of a flat loan: a share of the interest on all that was
// disbursed so far, the rest in the last.
func (c *course) flat(k int, p plan.Period) {
	g := c.s.loan.Grace
	total := c.p.FlatInterest(c.amortized, c.periods)
	interest := c.p.Share(total, c.count)
	total -= int64(g.InterestFree) * interest
	if k < g.InterestFree {
		interest = 0
	}
	last := k == len(c.periods)-1
	if last {
		interest = total - c.charged
	}
	c.charged += interest
	due := c.share
	switch {
	case last:
		due = c.balance
	case c.principalGrace(k):
		due = 0
	case c.p.HasMultiple():
		due = c.p.ToMultiple(c.share) + c.p.ToMultiple(interest) - interest
	}
	c.add(k, p, min(due, c.balance), interest)
}

// declining plans a period with interest on the balance.
func (c *course) declining(k int, p plan.Period, in []*Transaction) {
	interest := c.stretches(p, in)
	if k < c.s.loan.Grace.InterestFree {
		interest = 0
	}
	c.add(k, p, c.planned(k, interest), interest)
}

// planned returns the principal that the plan asks for beside the interest.
func (c *course) planned(k int, interest int64) int64 {
	due := c.share
	if c.s.loan.Amortization == "equal_installments" {
		due = c.fixed - interest
	}
	switch {
	case k == len(c.periods)-1:
		return c.balance
	case c.principalGrace(k):
		return 0
	}
	return max(0, min(due, c.balance))
}

// stretches returns the interest of a period, rounded once per stretch of
// constant balance.
func (c *course) stretches(p plan.Period, in []*Transaction) (interest int64) {
	balance := c.balance
	for _, t := range in {
		balance -= t.Amount - c.p.DownPayment(t.Amount)
	}
	from := p.From
	for _, t := range in {
		if t.Date.After(from) && balance > 0 && t.Date.Before(p.Due) {
			interest += c.p.Interest(balance, p, from, t.Date)
			from = t.Date
		}
		balance += t.Amount - c.p.DownPayment(t.Amount)
	}
	if balance == c.balance {
		interest += c.p.Interest(balance, p, from, p.Due)
	}
	return interest
}

// add appends the row of a period.
func (c *course) add(k int, p plan.Period, due, interest int64) *Row {
	if k < c.s.loan.Grace.InterestPayment && k < len(c.periods)-1 {
		c.carried += interest
		interest = 0
	} else {
		interest += c.carried
		c.carried = 0
	}
	r := &Row{From: p.From, Due: p.Due, Parts: Parts{Principal: due, Interest: interest}}
	c.rows = append(c.rows, r)
	c.balance -= due
	return r
}
