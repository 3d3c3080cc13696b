package legacy

import (
	"cloud.google.com/go/civil"
	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/amortization"
)

// span is a period, from inclusive and due exclusive.
type span struct{ from, due civil.Date }

// start returns the date from which due dates count.
func (t *Terms) start() civil.Date {
	if t.DueDatesCountedFrom == "submission" {
		return t.SubmittedDate
	}
	return t.DisbursementDate
}

// layout returns the periods; those of a cumulative loan go on until the
// disbursement is not after the last. Months keep the seed day and clip to the length
// of the month; the seed is the first due date where that is set or moved.
func (b *builder) layout() []span {
	t := b.t
	if len(t.ExplicitPeriods) > 0 {
		b.seed = t.ExplicitPeriods[0][1].Day
		periods := make([]span, len(t.ExplicitPeriods))
		for i, p := range t.ExplicitPeriods {
			periods[i] = span{p[0], p[1]}
		}
		return periods
	}
	start := t.start()
	first, seed := t.after(start, 1, start.Day), start.Day
	if t.FirstDueDate != nil {
		first, seed = *t.FirstDueDate, t.FirstDueDate.Day
	}
	earliest := t.DisbursementDate.AddDays(t.MinimumDaysToFirstDue)
	if t.MinimumDaysToFirstDue > 0 && first.Before(earliest) {
		first, seed = earliest, earliest.Day
	}
	b.seed = seed
	var periods []span
	from := start
	for k := 0; k < t.NumberOfInstallments || (t.Algorithm == Cumulative && from.Before(t.DisbursementDate)); k++ {
		due := t.after(first, k, seed)
		if k == t.NumberOfInstallments-1 && t.FixedLength != nil {
			due = t.plus(start, *t.FixedLength, start.Day)
		}
		periods = append(periods, span{from, due})
		from = due
	}
	return periods
}

// after returns the date k periods after d.
func (t *Terms) after(d civil.Date, k, seed int) civil.Date {
	return t.plus(d, k*t.RepaymentEvery, seed)
}

// plus returns the date some units after d, on the seed day of the month.
func (t *Terms) plus(d civil.Date, units, seed int) civil.Date {
	switch t.RepaymentUnit {
	case "days":
		return d.AddDays(units)
	case "weeks":
		return d.AddDays(7 * units)
	}
	return amortization.AddMonths(d, units, seed)
}

// owing returns the later of a date and the disbursement: nothing is owed before.
func (b *builder) owing(from civil.Date) civil.Date {
	if from.Before(b.t.DisbursementDate) {
		return b.t.DisbursementDate
	}
	return from
}

// units measures a span in units of the frequency: whole units, and the odd
// days over the length of the unit in which they lie.
func (b *builder) units(from, due civil.Date) *apd.Decimal {
	t := b.t
	switch t.RepaymentUnit {
	case "days":
		return whole(due.DaysSince(from))
	case "weeks":
		return b.n.quo(whole(due.DaysSince(from)), whole(7))
	}
	anchor := from.Day
	if b.seed > 28 { // such dates come back to their day after a short month
		anchor = b.seed
	}
	months := (due.Year-from.Year)*12 + int(due.Month-from.Month)
	at := func(m int) civil.Date {
		if m == 0 {
			return from
		}
		return t.plus(from, m, anchor)
	}
	for months > 0 && at(months).After(due) {
		months--
	}
	odd, length := due.DaysSince(at(months)), at(months+1).DaysSince(at(months))
	if odd == 0 || length <= 0 {
		return whole(months)
	}
	return b.n.add(whole(months), b.n.quo(whole(odd), whole(length)))
}
