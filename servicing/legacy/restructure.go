package legacy

import (
	plan "github.com/tenor-lending/tenor/amortization/legacy"
)

// reAgeRows moves the open principal to new instalments: even, to the multiple,
// the residual in the last.
func (s *State) reAgeRows(t *Transaction) {
	e, open := t.terms, int64(0)
	last := s.Rows[0]
	for _, r := range s.Rows {
		open += r.Release(t.Date)
		if !r.DownPayment {
			last = r
		}
	}
	t.Principal, t.Amount = open, open
	share := s.planner.ToMultiple(s.planner.Share(open, e.Installments))
	unit := plan.Terms{RepaymentUnit: e.Unit, RepaymentEvery: e.Every}
	from := last.Due
	for k := range e.Installments {
		due := unit.After(*e.FirstDueDate, k, e.FirstDueDate.Day)
		amount := min(share, open)
		if k == e.Installments-1 {
			amount = open
		}
		open -= amount
		r := &Row{From: from, Due: due, Parts: Parts{Principal: amount}}
		r.Settle(t.Date)
		s.Rows = append(s.Rows, r)
		from = due
	}
}

// reAmortizeRows spreads the overdue principal over the instalments to come.
func (s *State) reAmortizeRows(t *Transaction) {
	rows, open := s.future(t.Date), int64(0)
	if len(rows) == 0 {
		return
	}
	for _, r := range s.Rows {
		if !r.Due.After(t.Date) {
			open += r.Release(t.Date)
		}
	}
	t.Principal, t.Amount = open, open
	share := s.planner.ToMultiple(s.planner.Share(open, len(rows)))
	for i, r := range rows {
		more := min(share, open)
		if i == len(rows)-1 {
			more = open
		}
		r.Principal += more
		open -= more
		r.Settle(t.Date)
	}
}
