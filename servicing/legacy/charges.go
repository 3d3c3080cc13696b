package legacy

import (
	"fmt"
	"slices"

	"cloud.google.com/go/civil"

	plan "github.com/tenor-lending/tenor/amortization/legacy"
)

// charge is a fee or a penalty of a loan.
type charge struct {
	plan.Charge

	seq      int
	recorded civil.Date
	waived   *Transaction // that waives it, or nil
	accrued  int64
	taken    bool // with a disbursement
}

// component returns fee or penalty.
func (c *charge) component() component { return components[c.Kind] }

// effective is when a progressive loan learns of the charge: on its due date if
// it is backdated, else when it was recorded.
func (c *charge) effective() civil.Date {
	if c.When == "on_date" && c.DueDate.Before(c.recorded) {
		return c.DueDate
	}
	return c.recorded
}

// due returns when the charge is due in a row.
func (c *charge) due(r *Row) civil.Date {
	if c.When == "on_date" {
		return c.DueDate
	}
	return r.Due
}

// initialCharges takes the charges of the terms.
func (s *State) initialCharges() {
	for i := range s.loan.Charges {
		c := &charge{Charge: s.loan.Charges[i], recorded: s.loan.Charges[i].RecordedOn}
		if !c.recorded.IsValid() {
			c.recorded = s.loan.DisbursementDate
		}
		s.charges = append(s.charges, c)
	}
}

// addCharge adds a charge.
func (s *State) addCharge(e *Event) error {
	if e.Value == nil {
		return fmt.Errorf("%w: no value", ErrHistory)
	}
	c := &charge{
		Charge: plan.Charge{Kind: e.Kind, When: e.When, Basis: e.Basis, Value: *e.Value, RecordedOn: e.RecordedOn},
		seq:    e.Seq, recorded: e.RecordedOn,
	}
	if e.DueDate != nil {
		c.DueDate = *e.DueDate
	}
	terms := s.loan.Terms
	terms.Charges = []plan.Charge{c.Charge}
	if err := terms.Validate(); err != nil {
		return err
	}
	s.effective = c.effective()
	s.charges = append(s.charges, c)
	return s.replay()
}

// disbursementCharges takes the fees that are due with a disbursement.
func (s *State) disbursementCharges(e *Event, amount int64) error {
	for _, c := range s.charges {
		if c.When != "disbursement" || c.taken {
			continue
		}
		c.taken = true
		t := s.add(e, FeeAtDisbursement, s.planner.Charge(&c.Charge, amount, 0))
		t.Fees = t.Amount
		t.charge = c
	}
	return s.planner.Err()
}

// waive forgives what is open of a charge. The transaction is dated on the due
// date or today, whichever is earlier, and its split shows what was accrued.
func (s *State) waive(e *Event) error {
	c, err := s.chargeOf(e)
	if err != nil {
		return err
	}
	open, due := int64(0), s.today
	for _, r := range s.Rows {
		if amount := r.openOf(c); amount > 0 {
			open += amount
			if d := c.due(r); d.Before(due) {
				due = d
			}
		}
	}
	t := s.add(e, ChargeWaiver, open)
	t.Date, t.charge, c.waived = due, c, t
	*c.component().of(&t.Parts) = min(open, c.accrued)
	return s.replay()
}

// adjustCharge gives back money because of a charge.
func (s *State) adjustCharge(e *Event) error {
	c, err := s.chargeOf(e)
	if err != nil {
		return err
	}
	amount, err := s.amount(e)
	if err != nil {
		return err
	}
	s.add(e, ChargeAdjustment, amount).charge = c
	return s.replay()
}

func (s *State) chargeOf(e *Event) (*charge, error) {
	for _, c := range s.charges {
		if c.seq == e.Charge && e.Charge > 0 {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%w: event %d added no charge", ErrHistory, e.Charge)
}

// openOf returns what is open of a charge in the row: the charges of a kind are
// paid in the order of their dates.
func (r *Row) openOf(c *charge) int64 {
	k := c.component()
	paid := *k.of(&r.Paid) + *k.of(&r.WrittenOff)
	for _, sh := range r.byDate(k) {
		amount := sh.amount
		if sh.c.waived != nil {
			amount -= min(amount, sh.c.waived.Amount)
		}
		took := min(paid, amount)
		paid -= took
		if sh.c == c {
			return amount - took
		}
	}
	return 0
}

// openDue returns what is open of the charges of a kind that are due on a date.
func (r *Row) openDue(k component, on civil.Date) int64 {
	sum := int64(0)
	for _, sh := range r.byDate(k) {
		if !sh.c.due(r).After(on) {
			sum += r.openOf(sh.c)
		}
	}
	return sum
}

// byDate returns the charges of a kind in the order of their dates.
func (r *Row) byDate(k component) []share {
	var list []share
	for _, sh := range r.charges {
		if sh.c.component() == k {
			list = append(list, sh)
		}
	}
	slices.SortStableFunc(list, func(a, b share) int { return compareDates(a.c.due(r), b.c.due(r)) })
	return list
}

// bear adds a charge to the rows: to each, or to the one of its date.
func (s *State) bear(c *charge) {
	var loan Parts
	for _, r := range s.Rows {
		loan.Principal += r.Principal - r.credited
		loan.Interest += r.Interest
	}
	switch c.When {
	case "disbursement":
		return
	case "each_installment":
		for _, r := range s.Rows {
			if r.regular() {
				r.bear(c, s.planner.Charge(&c.Charge, r.Principal-r.credited, r.Interest))
			}
		}
	default:
		s.dated(c.DueDate).bear(c, s.planner.Charge(&c.Charge, loan.Principal, loan.Interest))
	}
	s.applyWaiver(c)
}

func (r *Row) bear(c *charge, amount int64) {
	r.charges = append(r.charges, share{c, amount})
	*c.component().of(&r.Parts) += amount
	if amount > 0 {
		r.PaidOn = civil.Date{}
	}
}

// applyWaiver takes the waived amount off the rows that bear the charge.
func (s *State) applyWaiver(c *charge) {
	if c.waived == nil {
		return
	}
	rest := c.waived.Amount
	for i := len(s.Rows) - 1; i >= 0; i-- {
		r := s.Rows[i]
		for _, sh := range r.charges {
			if sh.c == c {
				took := min(rest, sh.amount)
				rest -= took
				*c.component().of(&r.Waived) += took
				r.settle(c.waived.Date)
			}
		}
	}
}

// dated returns the row to which a date belongs: the period (from, due], the
// first one with its start. After maturity an extra row takes it, due on the
// latest such date.
func (s *State) dated(on civil.Date) *Row {
	for _, r := range s.Rows {
		if r.regular() && !on.After(r.Due) {
			return r
		}
	}
	return s.extra(on)
}

// extra returns the row after maturity, due on the date or later.
func (s *State) extra(on civil.Date) *Row {
	last := s.Rows[len(s.Rows)-1]
	if !last.Extra {
		r := &Row{From: last.Due, Due: on, Extra: true}
		s.Rows = append(s.Rows, r)
		return r
	}
	if on.After(last.Due) {
		last.Due = on
	}
	return last
}
