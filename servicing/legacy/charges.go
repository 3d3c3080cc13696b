package legacy

import (
	"fmt"

	"cloud.google.com/go/civil"

	plan "github.com/tenor-lending/tenor/amortization/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy/table"
)

// initialCharges takes the charges of the terms.
func (s *State) initialCharges() {
	for i := range s.loan.Charges {
		c := &table.Charge{Charge: s.loan.Charges[i], Recorded: s.loan.Charges[i].RecordedOn}
		if !c.Recorded.IsValid() {
			c.Recorded = s.loan.DisbursementDate
		}
		s.charges = append(s.charges, c)
	}
}

// addCharge adds a charge.
func (s *State) addCharge(e *Event) error {
	if e.Value == nil {
		return fmt.Errorf("%w: no value", ErrHistory)
	}
	c := &table.Charge{
		Charge: plan.Charge{Kind: e.Kind, When: e.When, Basis: e.Basis, Value: *e.Value, RecordedOn: e.RecordedOn},
		Seq:    e.Seq, Recorded: e.RecordedOn,
	}
	if e.DueDate != nil {
		c.DueDate = *e.DueDate
	}
	terms := s.loan.Terms
	terms.Charges = []plan.Charge{c.Charge}
	if err := terms.Validate(); err != nil {
		return err
	}
	s.effective = c.Effective()
	s.charges = append(s.charges, c)
	return s.replay()
}

// disbursementCharges takes the fees that are due with a disbursement.
func (s *State) disbursementCharges(e *Event, amount int64) error {
	for _, c := range s.charges {
		if c.When != "disbursement" || s.taken[c] {
			continue
		}
		s.taken[c] = true
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
		if amount := r.OpenOf(c); amount > 0 {
			open += amount
			if d := c.Due(r); d.Before(due) {
				due = d
			}
		}
	}
	t := s.add(e, ChargeWaiver, open)
	t.Date, t.charge, c.Waived, c.WaivedOn = due, c, open, due
	*c.Component().Of(&t.Parts) = min(open, c.Accrued)
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

func (s *State) chargeOf(e *Event) (*table.Charge, error) {
	for _, c := range s.charges {
		if c.Seq == e.Charge && e.Charge > 0 {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%w: event %d added no charge", ErrHistory, e.Charge)
}

// bear adds a charge to the rows: to each, or to the one of its date.
func (s *State) bear(c *table.Charge) {
	var loan Parts
	for _, r := range s.Rows {
		loan.Principal += r.Principal - r.Credited.Principal
		loan.Interest += r.Interest - r.Credited.Interest
	}
	switch c.When {
	case "disbursement":
		return
	case "each_installment":
		for _, r := range s.Rows {
			if r.Regular() {
				own := r.Minus(r.Credited)
				r.Bear(c, s.planner.Charge(&c.Charge, own.Principal, own.Interest))
			}
		}
	default:
		s.dated(c.DueDate).Bear(c, s.planner.Charge(&c.Charge, loan.Principal, loan.Interest))
	}
	s.applyWaiver(c)
}

// applyWaiver takes the waived amount off the rows that bear the charge, the
// latest first: what was paid of the others stays paid.
func (s *State) applyWaiver(c *table.Charge) {
	rest := c.Waived
	for i := len(s.Rows) - 1; i >= 0 && rest > 0; i-- {
		rest -= s.Rows[i].Waive(c, rest)
	}
}

// dated returns the row to which a date belongs: the period (from, due], the
// first one with its start. After maturity an extra row takes it, due on the
// latest such date.
func (s *State) dated(on civil.Date) *Row {
	for _, r := range s.Rows {
		if r.Regular() && !on.After(r.Due) {
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
