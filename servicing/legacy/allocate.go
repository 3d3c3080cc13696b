package legacy

import (
	"fmt"
	"slices"
	"strings"
)

// order is an order of mode PerInstallment.
type order struct {
	due, early []component
	// charges marks the orders that pay early money in two rounds: the charges that
	// are due already, with the principal where it leads the early part, then all.
	charges bool
	// overdue marks the order that pays charges and interest of every due
	// instalment before the principal of any.
	overdue bool
}

// parseOrder reads an order such as penalty_fee_interest_principal,
// due_…_then_advance_…, or overdue_…_then_principal.
func parseOrder(text string) (o order, err error) {
	first, then, split := strings.Cut(text, "_then_")
	early, advance := strings.CutPrefix(then, "advance_")
	due, hasDue := strings.CutPrefix(first, "due_")
	late, overdue := strings.CutPrefix(first, "overdue_")
	switch {
	case !split:
		o.due, err = parseComponents(text)
		o.early = o.due
	case advance && hasDue:
		o.charges = true
		if o.due, err = parseComponents(due); err == nil {
			o.early, err = parseComponents(early)
		}
	case overdue && then == "principal":
		o.overdue = true
		o.due, err = parseComponents(late + "_principal")
		o.early = o.due
	default:
		err = fmt.Errorf("%w: order %.100q", ErrHistory, text)
	}
	return o, err
}

// parseComponents reads the four components, each once.
func parseComponents(text string) (list []component, err error) {
	for name := range strings.SplitSeq(text, "_") {
		c, ok := components[name]
		if !ok || slices.Contains(list, c) {
			return nil, fmt.Errorf("%w: component %.40q", ErrHistory, name)
		}
		list = append(list, c)
	}
	if len(list) != len(components) {
		return nil, fmt.Errorf("%w: %.100q does not name every component", ErrHistory, text)
	}
	return list, nil
}

// money is an amount on its way to the instalments.
type money struct {
	t    *Transaction
	rest int64
}

// on lays what is left on a component of a row, up to a limit.
func (m *money) on(r *Row, c component, limit int64) int64 {
	took := r.pay(c, m.t.Date, min(m.rest, limit))
	m.t.Parts = m.t.Parts.Plus(took)
	m.rest -= took.Total()
	return took.Total()
}

func (m *money) all(r *Row, list []component) {
	for _, c := range list {
		m.on(r, c, m.rest)
	}
}

// lay lays the amount of a transaction on rows and returns what is left.
func (o order) lay(t *Transaction, rows []*Row, amount int64) int64 {
	m := &money{t, amount}
	if o.overdue {
		for _, r := range rows {
			if !r.Due.After(t.Date) {
				m.all(r, o.due[:len(o.due)-1])
			}
		}
	}
	for _, r := range rows {
		if !t.Date.Before(r.Due) {
			m.all(r, o.due)
			continue
		}
		if o.charges {
			m.on(r, penalty, r.openDue(penalty, t.Date))
			m.on(r, fee, r.openDue(fee, t.Date))
			if o.early[0] == principal {
				m.on(r, principal, m.rest)
			}
		}
		m.all(r, o.early)
	}
	return m.rest
}

// step is one place of an advanced order, such as past_due_penalty.
type step struct {
	when string
	c    component
}

// The times of a step.
const (
	pastDue   = "past_due"
	dueNow    = "due"
	inAdvance = "in_advance"
)

// steps reads the order of the rule.
func (r Rule) steps() ([]step, error) {
	steps := make([]step, 0, len(r.Order))
	for _, text := range r.Order {
		at := strings.LastIndexByte(text, '_')
		if at < 0 {
			return nil, fmt.Errorf("%w: %.40q", ErrHistory, text)
		}
		c, ok := components[text[at+1:]]
		st := step{text[:at], c}
		if !ok || !slices.Contains([]string{pastDue, dueNow, inAdvance}, st.when) || slices.Contains(steps, st) {
			return nil, fmt.Errorf("%w: %.40q", ErrHistory, text)
		}
		steps = append(steps, st)
	}
	return steps, nil
}

// rule returns the rule of a type of transaction.
func (a *Allocation) rule(kind string) Rule {
	if rule, ok := a.Rules[kind]; ok {
		return rule
	}
	return a.Rules["default"]
}

// advanced lays an amount by the rule of the transaction and returns what is left.
func (s *State) advanced(t *Transaction, amount int64) int64 {
	rule := s.loan.Allocation.rule(t.Type)
	steps, err := rule.steps()
	if err != nil {
		s.err = err
		return amount
	}
	m := &money{t, amount}
	for len(steps) > 0 {
		group := 1
		if s.loan.Allocation.Processing == "horizontal" {
			for group < len(steps) && steps[group].when == steps[0].when {
				group++
			}
		}
		list := make([]component, group)
		for i := range list {
			list[i] = steps[i].c
		}
		s.layGroup(m, steps[0].when, rule.Future, list)
		steps = steps[group:]
	}
	return m.rest
}

// layGroup lays money on the components of the rows that are past due, due, or
// to be paid in advance.
func (s *State) layGroup(m *money, when, future string, list []component) {
	rows := slices.Clone(s.Rows)
	rows = slices.DeleteFunc(rows, func(r *Row) bool {
		switch when {
		case pastDue:
			return !r.Due.Before(m.t.Date)
		case dueNow:
			return r.Due != m.t.Date
		}
		return !r.Due.After(m.t.Date)
	})
	if when == inAdvance {
		switch future {
		case "last_installment":
			slices.Reverse(rows)
		case "reamortization":
			s.layEvenly(m, rows, list)
			return
		}
	}
	for _, r := range rows {
		if m.rest > 0 {
			s.layRow(m, r, list, m.rest)
		}
	}
}

// layEvenly splits the money evenly over the rows, the remainder to the last,
// again and again while some of them have room.
func (s *State) layEvenly(m *money, rows []*Row, list []component) {
	for m.rest > 0 {
		rows = slices.DeleteFunc(rows, func(r *Row) bool {
			open, sum := r.Open(), int64(0)
			for _, c := range list {
				sum += *c.of(&open)
			}
			return sum <= 0
		})
		if len(rows) == 0 {
			return
		}
		before, even := m.rest, s.planner.Share(m.rest, len(rows))
		for i, r := range rows {
			portion := even
			if i == len(rows)-1 {
				portion = before - even*int64(len(rows)-1)
			}
			s.layRow(m, r, list, min(portion, m.rest))
		}
		if m.rest == before {
			return
		}
	}
}

// layRow lays up to a limit on a row.
func (s *State) layRow(m *money, r *Row, list []component, limit int64) {
	part, before := &money{m.t, limit}, r.Paid.Principal
	bears := r.installment > 0 && s.loan.Recalculation != nil
	early := bears && r.Due.After(m.t.Date)
	if early {
		s.book.payable(r, m.t.Date)
	}
	part.all(r, list)
	m.rest -= limit - part.rest
	if bears {
		s.book.pays(r, m.t.Date, r.Paid.Principal-before)
	}
	if early {
		s.book.paidEarly(r, m.t.Date)
	}
}

// refund takes an amount back from what was paid, the latest row first and the
// default order reversed.
func (s *State) refund(t *Transaction) {
	list := s.order.due
	if steps, err := s.loan.Allocation.rule("default").steps(); err == nil && len(steps) > 0 {
		list = nil
		for _, st := range steps {
			if st.when == inAdvance {
				list = append(list, st.c)
			}
		}
	}
	rest := t.Amount
	for i := len(s.Rows) - 1; i >= 0; i-- {
		r := s.Rows[i]
		for k := len(list) - 1; k >= 0; k-- {
			took := min(rest, *list[k].of(&r.Paid))
			*list[k].of(&r.Paid) -= took
			*list[k].of(&t.Parts) += took
			rest -= took
			early := min(took, r.Early)
			r.Early -= early
			r.Late -= min(took-early, r.Late)
		}
		r.settle(t.Date)
	}
}
