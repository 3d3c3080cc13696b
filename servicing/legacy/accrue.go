package legacy

import (
	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/servicing/legacy/table"
)

// endOfDay accrues for every day up to yesterday that was not looked at yet;
// the first time only for yesterday.
func (s *State) endOfDay(e *Event) error {
	if s.loan.Recalculation != nil && len(s.disbursements()) > 0 {
		if err := s.replay(); err != nil {
			return err
		}
	}
	yesterday := e.RecordedOn.AddDays(-1)
	day := s.closedThrough.AddDays(1)
	if s.closedThrough.IsZero() {
		day = yesterday
	}
	for ; !day.After(yesterday); day = day.AddDays(1) {
		s.closedThrough = day
		if status := s.Status(); status == Active && s.chargedOff() == nil {
			s.accrueThrough(day, day)
		}
	}
	s.post()
	return s.err
}

// accrue accrues up to its date.
func (s *State) accrue(e *Event) error {
	s.accrueThrough(e.On(), e.On())
	s.post()
	return s.err
}

// accrueRest accrues what is left when the loan has become closed or overpaid,
// on the date of the last payment, or of the event if that is later.
func (s *State) accrueRest(before string) {
	if s.loan.AccrueRestAtClose != nil && !*s.loan.AccrueRestAtClose || s.chargedOff() != nil {
		return
	}
	status, list := s.Status(), s.ordered((*Transaction).moves)
	if status == before || status != Closed && status != Overpaid || len(list) == 0 {
		return
	}
	on := list[len(list)-1].Date
	if s.effective.After(on) {
		on = s.effective
	}
	s.accrueThrough(on, civil.Date{})
	s.post()
}

// moves reports whether the transaction changes what is owed.
func (t *Transaction) moves() bool { return t.pays() || t.credits() || t.Type == CashRefund }

// accrueThrough adds an accrual, dated on a date, of the interest that is earned
// and the charges that are due through a day, less what is accrued. Without a
// day it is all there is.
func (s *State) accrueThrough(on, through civil.Date) {
	var parts, done Parts
	for _, t := range s.Transactions {
		if t.Type == Accrual && !t.Reversed {
			done = done.Plus(t.Parts)
		}
	}
	for _, r := range s.Rows {
		parts.Interest += s.earned(r, through)
		for _, sh := range r.Shares {
			if !through.IsZero() && s.accrualDate(sh.Charge, r).After(through) {
				continue
			}
			target := sh.Amount - min(sh.Amount, sh.Charge.Waived)
			if more := target - sh.Charge.Accrued; more > 0 {
				*sh.Charge.Component().Of(&parts) += more
				sh.Charge.Accrued += more
			}
		}
	}
	parts.Interest = max(0, parts.Interest-done.Interest)
	if parts.Total() == 0 {
		return
	}
	t := &Transaction{Type: Accrual, Date: on, RecordedOn: s.today, Amount: parts.Total(), Parts: parts}
	s.Transactions = append(s.Transactions, t)
}

// earned returns the interest of a row through a day, pro rata by days.
func (s *State) earned(r *Row, through civil.Date) int64 {
	days := r.Due.DaysSince(r.From)
	switch {
	case through.IsZero() || !through.Before(r.Due) || days <= 0:
		return r.Interest
	case !r.From.Before(through):
		return 0
	}
	return s.planner.Part(r.Interest, through.DaysSince(r.From), days)
}

// accrualDate returns when a charge accrues.
func (s *State) accrualDate(c *table.Charge, r *Row) civil.Date {
	if s.loan.AccrueChargesOn == "recorded_date" {
		return c.Recorded
	}
	return c.Due(r)
}

// chargedOff returns the charge-off that stands, or nil.
func (s *State) chargedOff() *Transaction {
	for _, t := range s.Transactions {
		if t.Type == ChargeOff && !t.Reversed {
			return t
		}
	}
	return nil
}
