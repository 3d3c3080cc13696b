package servicing

import "cloud.google.com/go/civil"

// StartDay brings the loan to the start of the business date: income of
// instalments that are due becomes receivable, and instalments that were due
// before and are open become overdue, each once. It has no effect on a loan
// whose AttentionOn lies later, and none when repeated.
func (l *Loan) StartDay(business civil.Date) (Change, error) {
	c := begin(l, business)
	if l.Status != Active {
		return c.finish()
	}
	for i := range l.Instalments {
		row := &l.Instalments[i]
		if missing := row.unaccrued(); !row.Due.After(business) && !missing.IsZero() {
			on := row.Due
			if on.Before(l.DisbursedOn) { // activated late: nothing counts before the money was lent
				on = l.DisbursedOn
			}
			err := c.add(Accrued{On: on, Portions: []Portion{{Number: row.Number, Parts: missing}}})
			if err != nil {
				return Change{}, err
			}
		}
		if open := row.Open(); row.Due.Before(business) && row.OverdueOn.IsZero() && !open.IsZero() {
			err := c.add(WentOverdue{
				On: business, Number: row.Number, Due: row.Due, Open: open.Total(), DaysPastDue: business.DaysSince(row.Due),
			})
			if err != nil {
				return Change{}, err
			}
		}
	}
	return c.finish()
}
