package cumulative

import (
	"fmt"

	"cloud.google.com/go/civil"

	plan "github.com/tenor-lending/tenor/amortization/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy/history"
	"github.com/tenor-lending/tenor/servicing/legacy/table"
)

// course is a cumulative loan while its schedule is planned, period by period.
type course struct {
	loan    *Loan
	p       *plan.Planner
	periods []plan.Period
	changes map[int][]*history.Event // reschedules by the period from which they count
	lent    []Flow                   // disbursements that are still to come
	rows    []*table.Row

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

// layout lays out the periods: with those that reschedules add, the dates that
// they move, and more of them while a disbursement falls after the last.
func (c *course) layout() error {
	c.periods = c.p.Periods()
	for _, e := range c.loan.Reschedules {
		at := c.at(*e.FromDueDate)
		if at < 0 {
			return fmt.Errorf("%w: event %d reschedules from %s, when nothing is due",
				history.ErrHistory, e.Seq, e.FromDueDate)
		}
		c.changes[at] = append(c.changes[at], e)
		for range e.ExtraInstallments + e.ExtraPrincipalGrace {
			c.extend()
		}
		if e.NewDueDate != nil {
			moved, err := c.p.Move(c.periods, *e.FromDueDate, *e.NewDueDate)
			if err != nil {
				return err
			}
			c.periods = moved
		}
	}
	for n := len(c.lent); n > 0 && c.lent[n-1].On.After(c.last()) && len(c.periods) < c.count+plan.InstalmentsMax; {
		c.extend()
	}
	return nil
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
	for _, e := range c.loan.Reschedules {
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
	if c.loan.Terms.InterestType == "flat" {
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
func (c *course) disburse(k int, p plan.Period) (in []Flow) {
	for len(c.lent) > 0 && (!c.lent[0].On.After(p.Due) || k == len(c.periods)-1) {
		t := c.lent[0]
		c.lent = c.lent[1:]
		down := c.p.DownPayment(t.Amount)
		if c.loan.Terms.DownPayment != nil {
			c.rows = append(c.rows, &table.Row{
				From: t.On, Due: t.On, Parts: table.Parts{Principal: down}, DownPayment: true,
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
		grace = max(grace, c.loan.Terms.Grace.Principal)
	}
	if c.loan.Terms.FixedPrincipalPercent != nil {
		c.share, _ = c.p.FlatPrincipal(c.base, n)
	} else {
		c.share = c.p.Share(c.base, n-grace)
	}
	if c.loan.Terms.InterestType == "declining" && c.loan.Terms.Amortization == "equal_installments" {
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
	return k < c.since+c.grace || c.since == 0 && k < c.loan.Terms.Grace.Principal
}

// flat plans a period of a flat loan: a share of the interest on all that was
// disbursed so far, the rest in the last.
func (c *course) flat(k int, p plan.Period) {
	g := c.loan.Terms.Grace
	total := c.p.FlatInterest(c.amortized, c.periods)
	interest := c.p.Share(total, len(c.periods))
	total -= int64(g.InterestFree) * interest
	if k < g.InterestFree {
		interest = 0
	}
	last := k == len(c.periods)-1
	if last {
		interest = total - c.charged
	}
	c.charged += interest
	interest = c.carry(k, interest)
	due := c.share
	switch {
	case last:
		due = c.balance
	case c.principalGrace(k):
		due = 0
	case c.p.HasMultiple():
		due = c.p.ToMultiple(c.share) + c.p.ToMultiple(interest) - interest
	}
	c.add(p, min(due, c.balance), interest)
}

// declining plans a period with interest on the balance.
func (c *course) declining(k int, p plan.Period, in []Flow) {
	interest := c.stretches(p, in)
	if k < c.loan.Terms.Grace.InterestFree {
		interest = 0
	}
	due := c.planned(k, interest)
	c.add(p, due, c.carry(k, interest))
}

// planned returns the principal that the plan asks for beside the interest.
func (c *course) planned(k int, interest int64) int64 {
	due := c.share
	if c.loan.Terms.Amortization == "equal_installments" {
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
func (c *course) stretches(p plan.Period, in []Flow) (interest int64) {
	balance := c.balance
	for _, t := range in {
		balance -= t.Amount - c.p.DownPayment(t.Amount)
	}
	from := p.From
	for _, t := range in {
		if t.On.After(from) && balance > 0 && t.On.Before(p.Due) {
			interest += c.p.Interest(balance, p, from, t.On)
			from = t.On
		}
		balance += t.Amount - c.p.DownPayment(t.Amount)
	}
	if balance == c.balance {
		interest += c.p.Interest(balance, p, from, p.Due)
	}
	return interest
}

// carry moves interest under grace of payment to the first instalment after it.
func (c *course) carry(k int, interest int64) (due int64) {
	if k < c.loan.Terms.Grace.InterestPayment && k < len(c.periods)-1 {
		c.carried += interest
		return 0
	}
	due, c.carried = interest+c.carried, 0
	return due
}

// add appends the row of a period; the one that repays all bears what was carried.
func (c *course) add(p plan.Period, due, interest int64) *table.Row {
	if due == c.balance {
		interest, c.carried = interest+c.carried, 0
	}
	r := &table.Row{From: p.From, Due: p.Due, Parts: table.Parts{Principal: due, Interest: interest}}
	c.rows = append(c.rows, r)
	c.balance -= due
	return r
}
