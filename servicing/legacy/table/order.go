package table

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cloud.google.com/go/civil"
)

// ErrOrder means the name of an order of allocation cannot be read.
var ErrOrder = errors.New("order of allocation")

// Money is an amount on its way to the instalments.
type Money struct {
	On   civil.Date
	Rest int64
	// Split is what was laid so far.
	Split Parts
}

// To lays what is left on a component of a row, up to a limit.
func (m *Money) To(r *Row, c Component, limit int64) {
	took := r.Pay(c, m.On, min(m.Rest, limit))
	*c.Of(&m.Split) += took
	m.Rest -= took
}

// ToAll lays what is left on the components of a row in their order.
func (m *Money) ToAll(r *Row, list []Component) {
	for _, c := range list {
		m.To(r, c, m.Rest)
	}
}

// Order is an order of allocation that goes from instalment to instalment.
type Order struct {
	// Due is the order for money that is due or late, early for the other.
	Due   []Component
	early []Component
	// charges marks the orders that pay early money in two rounds: the charges that
	// are due already, with the principal where it leads the early part, then all.
	charges bool
	// overdue marks the order that pays charges and interest of every due
	// instalment before the principal of any.
	overdue bool
}

// ParseOrder reads an order such as penalty_fee_interest_principal,
// due_…_then_advance_…, or overdue_…_then_principal. It fails with ErrOrder.
func ParseOrder(text string) (o Order, err error) {
	first, then, split := strings.Cut(text, "_then_")
	early, advance := strings.CutPrefix(then, "advance_")
	due, hasDue := strings.CutPrefix(first, "due_")
	late, overdue := strings.CutPrefix(first, "overdue_")
	switch {
	case !split:
		o.Due, err = parseComponents(text)
		o.early = o.Due
	case advance && hasDue:
		o.charges = true
		if o.Due, err = parseComponents(due); err == nil {
			o.early, err = parseComponents(early)
		}
	case overdue && then == "principal":
		o.overdue = true
		o.Due, err = parseComponents(late + "_principal")
		o.early = o.Due
	default:
		err = fmt.Errorf("%w: %.100q", ErrOrder, text)
	}
	return o, err
}

// parseComponents reads the four components, each once.
func parseComponents(text string) (list []Component, err error) {
	for name := range strings.SplitSeq(text, "_") {
		c, ok := Components[name]
		if !ok || slices.Contains(list, c) {
			return nil, fmt.Errorf("%w: component %.40q", ErrOrder, name)
		}
		list = append(list, c)
	}
	if len(list) != len(Components) {
		return nil, fmt.Errorf("%w: %.100q does not name every component", ErrOrder, text)
	}
	return list, nil
}

// Lay lays money on rows, the oldest first.
func (o Order) Lay(m *Money, rows []*Row) {
	if o.overdue {
		for _, r := range rows {
			if !r.Due.After(m.On) {
				m.ToAll(r, o.Due[:len(o.Due)-1])
			}
		}
	}
	for _, r := range rows {
		if !m.On.Before(r.Due) {
			m.ToAll(r, o.Due)
			continue
		}
		if o.charges {
			m.To(r, Penalty, r.openDue(Penalty, m.On))
			m.To(r, Fee, r.openDue(Fee, m.On))
			if o.early[0] == Principal {
				m.To(r, Principal, m.Rest)
			}
		}
		m.ToAll(r, o.early)
	}
}

// Step is one place of an order that looks at when an instalment is due.
type Step struct {
	// When is PastDue, DueNow or InAdvance.
	When      string
	Component Component
}

// The times of a step.
const (
	PastDue   = "past_due"
	DueNow    = "due"
	InAdvance = "in_advance"
)

// ParseSteps reads steps such as past_due_penalty, each at most once. It fails
// with ErrOrder.
func ParseSteps(names []string) ([]Step, error) {
	steps := make([]Step, 0, len(names))
	for _, text := range names {
		at := max(0, strings.LastIndexByte(text, '_'))
		c, ok := Components[strings.TrimPrefix(text[at:], "_")]
		step := Step{text[:at], c}
		if !ok || !slices.Contains([]string{PastDue, DueNow, InAdvance}, step.When) || slices.Contains(steps, step) {
			return nil, fmt.Errorf("%w: step %.40q", ErrOrder, text)
		}
		steps = append(steps, step)
	}
	return steps, nil
}
