package cumulative

import (
	"slices"
	"strings"

	"cloud.google.com/go/civil"

	plan "github.com/tenor-lending/tenor/amortization/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy/history"
	"github.com/tenor-lending/tenor/servicing/legacy/table"
)

// recalculation follows the payments of a cumulative loan whose interest they change.
type recalculation struct {
	daily    bool
	rule     *history.Recalculation
	payments []Flow       // that are still to come, by date
	frozen   []*table.Row // regular rows of the plan in force before the event
	held     int64        // money for the running period that came in before it
}

func newRecalculation(l *Loan) *recalculation {
	r := &recalculation{rule: l.Recalculation, daily: l.Recalculation.Rest == "daily", payments: l.Payments}
	for _, row := range l.InForce {
		if row.Regular() {
			r.frozen = append(r.frozen, row)
		}
	}
	return r
}

// recalculated plans a period from what was paid up to its due date. A period
// that ended before the event took effect stays as it was.
func (c *course) recalculated(k int, p plan.Period, in []Flow) {
	rc, l := c.recalc, c.loan
	if k < len(rc.frozen) && (l.Settled || rc.frozen[k].Due.Before(l.Effective)) {
		old := rc.frozen[k]
		c.charges(c.add(p, old.Principal-old.Credited.Principal, old.Interest-old.Credited.Interest))
		rc.held += c.receive(p.Due)
		c.shrink(k)
		return
	}
	interest, early, atDue := c.interest(k, p, in)
	r := c.add(p, 0, c.carry(k, interest))
	c.charges(r)
	planned := c.planned(k, r.Interest)
	used := min(planned, c.pool)
	planned -= used
	c.pool -= used
	if k == len(c.periods)-1 {
		planned = c.balance
	}
	paid := early + atDue - r.Total()
	if rc.daily {
		paid = max(early, paid)
	}
	r.Principal = min(c.balance, max(planned, paid))
	c.balance -= r.Principal
	if excess := r.Principal - planned; excess > 0 {
		c.excess(k, excess)
	}
	c.layScratch(r, early, atDue)
}

// excess shares out what was paid beyond the plan.
func (c *course) excess(k int, amount int64) {
	left := len(c.periods) - 1 - k
	switch c.recalc.rule.AdvancePayment {
	case "smaller_installments":
		if left > 0 && c.balance > 0 {
			c.fixed = c.p.Annuity(c.balance, left)
			c.share = c.p.Share(c.balance, left)
		}
	case "skip_next_installments":
		c.pool += amount
	}
}

// shrink restores what an earlier excess has changed, from a period that stays.
func (c *course) shrink(k int) {
	r := c.rows[len(c.rows)-1]
	excess := r.Principal - c.plannedBefore(k, r)
	if excess <= 0 {
		c.pool = max(0, c.pool+excess)
		return
	}
	c.excess(k, excess)
}

// plannedBefore returns the principal that the plan asked for in a period that is over.
func (c *course) plannedBefore(k int, r *table.Row) int64 {
	c.balance += r.Principal
	planned := c.planned(k, r.Interest)
	c.balance -= r.Principal
	return planned
}

// charges gives the row its share of the charges, as far as the plan has to know.
func (c *course) charges(r *table.Row) {
	first := len(c.rows) == 1
	for _, ch := range c.loan.Charges {
		if ch.When == "on_date" && !ch.DueDate.After(r.Due) && (ch.DueDate.After(r.From) || first) {
			*ch.Component().Of(&r.Parts) += c.p.Charge(&ch.Charge, c.amortized, 0)
		}
	}
}

// interest returns the interest of a period by stretches of constant base, and
// the money that came in before and on its due date for the period itself.
func (c *course) interest(k int, p plan.Period, in []Flow) (interest, early, atDue int64) {
	rc, today := c.recalc, c.loan.Today
	begun := !p.From.After(today)
	dates := []civil.Date{p.From, p.Due}
	for _, t := range in {
		dates = append(dates, t.On)
	}
	if rc.daily {
		for _, m := range rc.payments {
			dates = append(dates, m.On)
		}
		dates = append(dates, today)
	}
	slices.SortFunc(dates, table.CompareDates)
	dates = slices.DeleteFunc(slices.Compact(dates), func(d civil.Date) bool {
		return d.Before(p.From) || d.After(p.Due)
	})
	early, rc.held = rc.held, 0
	overdue := c.overdue()
	type stretch struct {
		base     int64
		from, to civil.Date
	}
	var stretches []stretch
	for i, from := range dates[:len(dates)-1] {
		if i > 0 || k == 0 {
			early += c.receive(from)
		}
		if rc.daily {
			overdue = c.overdue()
		}
		base := c.owedOn(from, in)
		if begun && (!rc.daily || from.Before(today)) {
			base += overdue
		}
		if rc.daily {
			base -= early
		}
		if n := len(stretches); n > 0 && stretches[n-1].base == base {
			stretches[n-1].to = dates[i+1]
			continue
		}
		stretches = append(stretches, stretch{base, from, dates[i+1]})
	}
	for _, x := range stretches {
		interest += c.p.Interest(max(0, x.base), p, x.from, x.to)
	}
	if !rc.daily { // the money waits for the due date
		early += c.receive(p.Due.AddDays(-1))
	}
	return interest, early, c.receive(p.Due)
}

// owedOn returns the planned balance on a date of the period.
func (c *course) owedOn(on civil.Date, in []Flow) int64 {
	balance := c.balance
	for _, t := range in {
		if t.On.After(on) {
			balance -= t.Amount - c.p.DownPayment(t.Amount)
		}
	}
	return balance
}

// overdue returns what of the earlier rows is open and bears interest.
func (c *course) overdue() (sum int64) {
	for _, r := range c.rows {
		if !r.Due.Before(c.loan.Today) {
			continue
		}
		open := r.Open()
		sum += open.Principal
		if strings.Contains(c.recalc.rule.Compounding, "interest") {
			sum += open.Interest
		}
		if strings.Contains(c.recalc.rule.Compounding, "fee") {
			sum += open.Fees + open.Penalties
		}
	}
	return sum
}

// receive lays the money of payments up to a date on the rows so far, and
// returns what is left of it for the running period.
func (c *course) receive(through civil.Date) (left int64) {
	rc := c.recalc
	for len(rc.payments) > 0 && !rc.payments[0].On.After(through) {
		m := &table.Money{On: rc.payments[0].On, Rest: rc.payments[0].Amount}
		rc.payments = rc.payments[1:]
		c.loan.Order.Lay(m, c.rows)
		left += m.Rest
	}
	return left
}

// layScratch notes on the row what its own money has paid.
func (c *course) layScratch(r *table.Row, early, atDue int64) {
	c.loan.Order.Lay(&table.Money{On: r.Due, Rest: early + atDue}, []*table.Row{r})
}
