package amortization

import (
	"cloud.google.com/go/civil"
)

// grid is the endless row of regular due dates of some terms: at(0), at(1), …
// are the due dates, and at(-1) lies one regular period before the first.
type grid struct {
	t      *Terms
	base   civil.Date // an anchor on the grid
	anchor int        // day of the month that the dates keep
	offset int        // index of the first due date, counted from base
}

func newGrid(t *Terms) grid {
	g := grid{t: t, base: t.FirstDueDate}
	if g.base.IsZero() {
		g.base, g.offset = t.DisbursementDate, 1
	}
	g.anchor = g.base.Day
	if t.AnchorDay != 0 {
		g.anchor = t.AnchorDay
	}
	if days := t.Frequency.DaysOfMonth; len(days) > 0 {
		after := t.DisbursementDate
		if !t.FirstDueDate.IsZero() {
			after = addDays(t.FirstDueDate, -1)
		}
		for g.offset = 0; !g.at(0).After(after); g.offset++ { // at most a month of days
		}
	}
	return g
}

// at returns the date k periods after the first due date.
func (g *grid) at(k int) civil.Date {
	f := &g.t.Frequency
	k += g.offset
	if n := len(f.DaysOfMonth); n > 0 {
		month := floorDiv(k, n)
		return addMonths(g.base, month, f.DaysOfMonth[k-month*n], false)
	}
	n, roll := k*f.Every, g.t.MonthEnd == Roll
	switch f.Unit {
	case Day:
		return addDays(g.base, n)
	case Week:
		return addDays(g.base, 7*n)
	case Year:
		n *= 12
	}
	return addMonths(g.base, n, g.anchor, roll)
}

// perYear returns the number of periods in a year as a fraction.
func (t *Terms) perYear() Fraction {
	every := int64(t.Frequency.Every)
	if n := len(t.Frequency.DaysOfMonth); n > 0 {
		return Fraction{12 * int64(n), 1}
	}
	switch t.Frequency.Unit {
	case Day:
		return Fraction{365, every}
	case Week:
		return Fraction{52, every}
	case Year:
		return Fraction{1, every}
	}
	return Fraction{12, every}
}
