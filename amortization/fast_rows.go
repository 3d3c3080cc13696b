package amortization

import (
	"math/bits"
	"time"

	"cloud.google.com/go/civil"
)

// Most loans are plain: monthly, one rate, one disbursement, no calendar and no
// relief. The functions below do what layout and walk do, for such loans only.

// layoutPlain fills the periods and segments of a plain loan; ok is false, and
// nothing is filled, when it is not plain.
func (e *engine) layoutPlain() (ok bool) {
	t := &e.terms
	if e.reference || !t.PeriodStart.IsZero() || t.Calendar != nil || len(e.cuts) > 0 || len(t.Windows) > 0 ||
		t.BrokenPeriod != BrokenNatural ||
		t.DayCount == ActualActualICMA || t.DayCount == Bus252 || t.Frequency.Unit != Month ||
		len(t.Frequency.DaysOfMonth) > 0 || t.MonthEnd != Clamp || e.grid.at(e.count-1).Year > yearMax {
		return false
	}
	periods, segments := e.periods[:e.count], e.segments[:e.count]
	from, due := t.DisbursementDate, e.grid.at(0)
	start := shorten(from)
	in := dayCountInput{maturity: e.grid.at(e.count - 1)}
	perYear, rate := t.perYear(), e.rates[0].coef
	byPeriod, thirty := t.InterestBasis == ByPeriod, t.DayCount == Thirty360
	for k := range periods {
		part := Fraction{perYear.Den, perYear.Num}
		switch {
		case byPeriod:
		case thirty && from.Day == due.Day && from.Day < 31:
			part = Fraction{int64(360*(due.Year-from.Year) + 30*int(due.Month-from.Month)), 360}
		default:
			part = t.DayCount.fraction(from, due, &in)
		}
		end := shorten(due)
		p := &periods[k] // field by field: a composite literal would be built apart and copied
		p.due, p.start, p.end, p.low, p.high = end, start, end, k, k+1
		segments[k] = segment{rate: rate, num: part.Num, den: part.Den}
		from, start = due, end
		due = nextMonths(due, t.Frequency.Every, e.grid.anchor)
	}
	e.periods, e.segments = periods, segments
	return true
}

// nextMonths is addMonths without divisions for the usual steps.
func nextMonths(d civil.Date, months, anchor int) civil.Date {
	if months > 12 {
		return addMonths(d, months, anchor, false)
	}
	d.Month += time.Month(months)
	if d.Month > 12 {
		d.Month -= 12
		d.Year++
	}
	d.Day = anchor
	if anchor > 28 {
		d.Day = min(anchor, daysInMonth(d.Year, d.Month))
	}
	return d
}

// walkPlain writes the rows of a plain loan with a level instalment; ok is false
// when it is not plain or a row needs a closer look, and rows may then be
// written in part: walk writes them again.
func (p *planner) walkPlain() (ok bool) {
	e := p.e
	t := &e.terms
	relieved := p.grace != (Grace{}) || e.carried != 0 || e.pool != 0
	fitted := p.weights != nil || p.extra != nil || p.annuities != nil || p.resizes
	if e.reference || relieved || fitted || p.driver != byTotal || len(t.Tranches) > 0 || e.interestUnit != 1 ||
		t.Rounding.Precision != precisionMax {
		return false
	}
	balance, last, rows := e.opening, len(e.periods)-1, e.rows[len(e.rows)-len(e.periods):]
	var weight uint64
	var by division
	for k := range rows {
		per := &e.periods[k]
		if per.high != per.low+1 {
			return false
		}
		if s := &e.segments[per.low]; k == 0 || !s.weighsLike(&e.segments[per.low-1]) {
			var divisor uint64
			if weight, divisor, ok = e.factor(s); !ok {
				return false
			}
			by = newDivision(divisor, t.Rounding.Mode)
		}
		interest, fits := by.rounded(bits.Mul64(uint64(balance), weight))
		if !fits {
			return false
		}
		principal := p.total - interest
		if k == last {
			principal = balance
		} else if principal < 0 || principal >= balance {
			return false
		}
		r := &rows[k]
		r.opening, r.principal, r.interest, r.due, r.kind = balance, principal, interest, per.due, Regular
		balance -= principal
	}
	return true
}
