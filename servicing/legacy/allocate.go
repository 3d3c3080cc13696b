package legacy

import (
	"slices"

	"github.com/tenor-lending/tenor/servicing/legacy/history"
	"github.com/tenor-lending/tenor/servicing/legacy/table"
)

// lay lays an amount by the loan's allocation, adds to the split of the
// transaction, and returns what is left.
func (s *State) lay(t *Transaction, amount int64) int64 {
	m := &table.Money{On: t.Date, Rest: amount}
	if s.loan.Allocation.Mode == history.PerInstallment {
		s.order.Lay(m, s.Rows)
	} else {
		s.advanced(t, m)
	}
	t.Parts = t.Plus(m.Split)
	return m.Rest
}

// advanced lays money by the rule of the transaction.
func (s *State) advanced(t *Transaction, m *table.Money) {
	rule := s.loan.Allocation.Rule(t.Type)
	steps, err := table.ParseSteps(rule.Order)
	if err != nil {
		s.err = err
		return
	}
	for len(steps) > 0 {
		group := 1
		if s.loan.Allocation.Processing == "horizontal" {
			for group < len(steps) && steps[group].When == steps[0].When {
				group++
			}
		}
		s.layGroup(m, steps[0].When, rule.Future, componentsOf(steps[:group]))
		steps = steps[group:]
	}
}

func componentsOf(steps []table.Step) []table.Component {
	list := make([]table.Component, len(steps))
	for i := range steps {
		list[i] = steps[i].Component
	}
	return list
}

// layGroup lays money on the components of the rows that are past due, due, or
// to be paid in advance.
func (s *State) layGroup(m *table.Money, when, future string, list []table.Component) {
	rows := slices.Clone(s.Rows)
	rows = slices.DeleteFunc(rows, func(r *Row) bool {
		switch when {
		case table.PastDue:
			return !r.Due.Before(m.On)
		case table.DueNow:
			return r.Due != m.On
		}
		return !r.Due.After(m.On)
	})
	if when == table.InAdvance {
		switch future {
		case "last_installment":
			slices.Reverse(rows)
		case "reamortization":
			s.layEvenly(m, rows, list)
			return
		}
	}
	for _, r := range rows {
		if m.Rest > 0 {
			s.layRow(m, r, list, m.Rest)
		}
	}
}

// layEvenly splits the money evenly over the rows, the remainder to the last,
// again and again while some of them have room.
func (s *State) layEvenly(m *table.Money, rows []*Row, list []table.Component) {
	for m.Rest > 0 {
		rows = slices.DeleteFunc(rows, func(r *Row) bool {
			open, sum := r.Open(), int64(0)
			for _, c := range list {
				sum += *c.Of(&open)
			}
			return sum <= 0
		})
		if len(rows) == 0 {
			return
		}
		before, even := m.Rest, s.planner.Share(m.Rest, len(rows))
		for i, r := range rows {
			portion := even
			if i == len(rows)-1 {
				portion = before - even*int64(len(rows)-1)
			}
			s.layRow(m, r, list, min(portion, m.Rest))
		}
		if m.Rest == before {
			return
		}
	}
}

// layRow lays up to a limit on a row.
func (s *State) layRow(m *table.Money, r *Row, list []table.Component, limit int64) {
	part, before := &table.Money{On: m.On, Rest: limit, Split: m.Split}, r.Paid.Principal
	early := s.book.follows(r) && r.Due.After(m.On)
	if early {
		s.book.payable(r, m.On)
	}
	part.ToAll(r, list)
	m.Rest -= limit - part.Rest
	m.Split = part.Split
	s.book.pays(r, m.On, r.Paid.Principal-before)
	if early {
		s.book.paidEarly(r, m.On)
	}
}

// refund takes an amount back from what was paid, the latest row first and the
// default order reversed.
func (s *State) refund(t *Transaction) {
	list := s.order.Due
	if s.loan.Allocation.Mode == history.Advanced {
		steps, err := table.ParseSteps(s.loan.Allocation.Rule("default").Order)
		if err != nil {
			s.err = err
			return
		}
		steps = slices.DeleteFunc(steps, func(x table.Step) bool { return x.When != table.InAdvance })
		list = componentsOf(steps)
	}
	rest := t.Amount
	for _, r := range slices.Backward(s.Rows) {
		for _, c := range slices.Backward(list) {
			took := r.Unpay(c, rest)
			*c.Of(&t.Parts) += took
			rest -= took
		}
		r.Settle(t.Date)
	}
}
