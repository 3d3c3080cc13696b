package amortization

import "github.com/cockroachdb/apd/v3"

// brokenDays reports whether days lie between the disbursement and the first
// regular period whose interest is charged on its own.
func (e *engine) brokenDays() bool {
	return e.terms.BrokenPeriod != BrokenNatural && e.terms.DisbursementDate.Before(e.grid.at(-1))
}

// chargeBroken charges the interest of the broken period: the balance × rate ×
// part of a year, rounded once.
func (e *engine) chargeBroken() error {
	if !e.brokenDays() {
		return nil
	}
	from, to := e.terms.DisbursementDate, e.grid.at(-1)
	var odd period
	basis := e.terms.InterestBasis
	e.terms.InterestBasis = ByDayCount // odd days are counted, whatever the periods do
	in := dayCountInput{
		maturity: e.periods[len(e.periods)-1].end.civil(), calendar: e.business, perYear: 1,
		periodDays: daysBetween(e.grid.at(-1), e.grid.at(0)),
	}
	perYear := e.terms.perYear()
	in.perYear = max(1, int(perYear.Num/perYear.Den))
	weight := e.terms.DayCount.fraction(from, to, &in)
	odd.low = len(e.segments)
	e.segment(from, weight)
	odd.high = len(e.segments)
	e.terms.InterestBasis = basis
	var err error
	if e.broken, err = e.interest(e.opening, &odd); err != nil {
		return err
	}
	switch e.terms.BrokenPeriod {
	case BrokenFirst:
		return e.addInterest(0, e.broken, e.broken)
	case BrokenSpread:
		return e.spreadBroken()
	}
	return nil
}

// spreadBroken adds equal parts to all instalments, the rest to the last; the
// first period earns it all.
func (e *engine) spreadBroken() error {
	n, c := int64(len(e.periods)), calc{ctx: exact}
	part, err := e.roundInterest(c.quo(apd.New(e.broken, 0), apd.New(n, 0)))
	if err != nil {
		return err
	}
	left := e.broken
	for k := range e.periods {
		share, earned := min(part, left), int64(0)
		if k == 0 {
			earned = e.broken
		}
		if k == len(e.periods)-1 {
			share = left
		}
		if err := e.addInterest(k, share, earned); err != nil {
			return err
		}
		left -= share
	}
	return nil
}

// addInterest adds interest that is due and interest that is earned to a row.
func (e *engine) addInterest(k int, due, earned int64) error {
	if k == 0 {
		e.start = shorten(e.terms.DisbursementDate)
	}
	i := e.rowOf(k)
	sum, err := addChecked(e.rows[i].interest, due)
	if err != nil {
		return err
	}
	e.rows[i].interest = sum
	e.aside(i).deferred += earned - due
	return nil
}
