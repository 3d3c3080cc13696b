package table

import (
	"slices"

	"cloud.google.com/go/civil"

	plan "github.com/tenor-lending/tenor/amortization/legacy"
)

// Charge is a fee or a penalty of a loan.
type Charge struct {
	plan.Charge

	// Seq is the event that added it, or 0 for one of the terms.
	Seq      int
	Recorded civil.Date
	// Waived is the amount that is waived, on WaivedOn.
	Waived   int64
	WaivedOn civil.Date
	// Accrued is the amount that is accrued.
	Accrued int64
}

// Component returns Fee or Penalty.
func (c *Charge) Component() Component { return Components[c.Kind] }

// Effective is when a progressive loan learns of the charge: on its due date if
// it is backdated, else when it was recorded.
func (c *Charge) Effective() civil.Date {
	if c.When == "on_date" && c.DueDate.Before(c.Recorded) {
		return c.DueDate
	}
	return c.Recorded
}

// Due returns when the charge is due in a row.
func (c *Charge) Due(r *Row) civil.Date {
	if c.When == "on_date" {
		return c.DueDate
	}
	return r.Due
}

// Share is the part of a charge that a row bears.
type Share struct {
	Charge *Charge
	Amount int64
}

// Bear adds an amount of a charge to the row.
func (r *Row) Bear(c *Charge, amount int64) {
	r.Shares = append(r.Shares, Share{c, amount})
	*c.Component().Of(&r.Parts) += amount
	if amount > 0 {
		r.PaidOn = civil.Date{}
	}
}

// Waive takes up to an amount off what the row bears of a charge, and returns
// what it took.
func (r *Row) Waive(c *Charge, amount int64) (took int64) {
	for _, s := range r.Shares {
		if s.Charge == c {
			took += min(amount-took, s.Amount)
		}
	}
	if took > 0 {
		*c.Component().Of(&r.Waived) += took
		r.Settle(c.WaivedOn)
	}
	return took
}

// OpenOf returns what is open of a charge in the row: the charges of a kind are
// paid in the order of their dates.
func (r *Row) OpenOf(c *Charge) int64 {
	k := c.Component()
	paid := *k.Of(&r.Paid) + *k.Of(&r.WrittenOff)
	for _, s := range r.byDate(k) {
		amount := s.Amount - min(s.Amount, s.Charge.Waived)
		took := min(paid, amount)
		paid -= took
		if s.Charge == c {
			return amount - took
		}
	}
	return 0
}

// openDue returns what is open of the charges of a kind that are due on a date.
func (r *Row) openDue(k Component, on civil.Date) (sum int64) {
	for _, s := range r.byDate(k) {
		if !s.Charge.Due(r).After(on) {
			sum += r.OpenOf(s.Charge)
		}
	}
	return sum
}

// byDate returns the charges of a kind in the order of their dates.
func (r *Row) byDate(k Component) (list []Share) {
	for _, s := range r.Shares {
		if s.Charge.Component() == k {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b Share) int { return CompareDates(a.Charge.Due(r), b.Charge.Due(r)) })
	return list
}
