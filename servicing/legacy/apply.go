package legacy

import (
	"cloud.google.com/go/civil"

	plan "github.com/tenor-lending/tenor/amortization/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy/cumulative"
	"github.com/tenor-lending/tenor/servicing/legacy/table"
)

// replayCumulative lays the transactions, by date and entry, on the finished
// schedule: later charges and disbursements are in it from the start.
func (s *State) replayCumulative() {
	s.Rows = s.planCumulative()
	if s.err != nil {
		return
	}
	for _, c := range s.charges {
		s.bear(c)
	}
	for _, t := range s.ordered(func(t *Transaction) bool { return t.Type != Accrual && t.Type != ChargeWaiver }) {
		s.apply(t)
	}
	s.inForce = s.Rows
}

// planCumulative plans the whole schedule. The planner does it alone where the
// loan was disbursed at once and nothing has changed since.
func (s *State) planCumulative() []*Row {
	disbursed := s.disbursements()
	if len(disbursed) <= 1 && len(s.reschedules) == 0 && (s.loan.Recalculation == nil || len(disbursed) == 0) {
		return s.planAtOnce(disbursed)
	}
	terms := s.terms()
	rows, err := cumulative.Plan(&cumulative.Loan{
		Terms: &terms, Planner: s.planner, Disbursements: flows(disbursed), Reschedules: s.reschedules,
		Recalculation: s.loan.Recalculation, Payments: flows(s.ordered((*Transaction).pays)), Order: s.order,
		Charges: s.charges, Today: s.today, Effective: s.effective, InForce: s.inForce, Settled: s.settledPlan,
	})
	if err != nil {
		s.err = err
	}
	return rows
}

func flows(list []*Transaction) []cumulative.Flow {
	flows := make([]cumulative.Flow, len(list))
	for i, t := range list {
		flows[i] = cumulative.Flow{On: t.Date, Amount: t.Amount}
	}
	return flows
}

// planAtOnce plans the loan with one disbursement, or before any.
func (s *State) planAtOnce(disbursed []*Transaction) []*Row {
	terms := s.terms()
	if len(disbursed) == 1 {
		terms.Principal = decimal(disbursed[0].Amount, s.Decimals)
	}
	planned, err := plan.Build(terms)
	if err != nil {
		s.err = err
		return nil
	}
	rows := make([]*Row, len(planned.Rows))
	for i := range planned.Rows {
		r := &planned.Rows[i]
		rows[i] = &Row{
			From: r.From, Due: r.Due, Factors: r.Factors, DownPayment: r.DownPayment,
			Parts: Parts{Principal: r.Principal, Interest: r.Interest},
		}
	}
	return rows
}

// apply lays one transaction on the rows.
func (s *State) apply(t *Transaction) {
	switch {
	case t.pays():
		t.Overpaid = s.lay(t, t.Amount)
		s.Overpaid += t.Overpaid
	case t.credits():
		s.takeBack(t)
	case t.Type == CashRefund:
		s.refund(t)
	case t.Type == ChargeOff:
		t.Parts = s.Outstanding()
		t.Amount = t.Total()
	case t.Type == WriteOff:
		t.Parts = s.Outstanding()
		t.Amount = t.Total()
		for _, r := range s.Rows {
			r.WrittenOff = r.WrittenOff.Plus(r.Open())
			r.Settle(t.Date)
		}
	}
}

// takeBack adds a chargeback, or a refund of an overpayment, to what is owed.
// The overpayment is used up first; when it covers all, no row changes.
func (s *State) takeBack(t *Transaction) {
	used := min(s.Overpaid, t.Amount)
	s.Overpaid -= used
	t.Overpaid = used
	order, ruled := s.loan.Allocation.CreditRules[t.Type]
	if ruled && t.of != nil {
		s.takeBackByRule(t, order)
		return
	}
	t.Principal = t.Amount - used
	if t.Principal == 0 {
		return
	}
	s.owe(t, Parts{Principal: t.Amount}, []table.Component{table.Principal})
}

// owe adds to the next row, and lets the overpayment pay it in an order.
func (s *State) owe(t *Transaction, parts Parts, order []table.Component) {
	r := s.next(t.Date)
	r.Credited = r.Credited.Plus(parts)
	r.Parts = r.Plus(parts)
	s.book.credit(r, t.Date, parts.Principal)
	r.Settle(t.Date)
	before, m := r.Paid.Principal, &table.Money{On: t.Date, Rest: t.Overpaid}
	for _, c := range order {
		m.To(r, c, *c.Of(&parts))
	}
	s.book.pays(r, t.Date, r.Paid.Principal-before)
}

// takeBackByRule takes back the split of the payment, less earlier chargebacks,
// in the order of the rule; what the split does not cover is principal.
func (s *State) takeBackByRule(t *Transaction, order []string) {
	left := t.of.Parts
	for _, x := range s.Transactions {
		if x != t && x.Type == Chargeback && !x.Reversed && x.of == t.of && x.Event < t.Event {
			left = left.Minus(x.Parts)
		}
	}
	rest := t.Amount
	for _, name := range order {
		c := table.Components[name]
		took := max(0, min(rest, *c.Of(&left)))
		*c.Of(&t.Parts) += took
		rest -= took
	}
	t.Principal += rest
	components := make([]table.Component, len(order))
	for i, name := range order {
		components[i] = table.Components[name]
	}
	s.owe(t, t.Parts, components)
}

// credit returns the principal that a chargeback or refund leaves owed.
func (s *State) credit(t *Transaction) int64 {
	if _, ruled := s.loan.Allocation.CreditRules[t.Type]; !ruled || t.of == nil {
		return t.Principal
	}
	other := t.Amount - t.Principal // is paid first, by any order that has been seen
	return t.Principal - max(0, t.Overpaid-other)
}

// next returns the row that takes new principal: the next one that is due after
// the date, the last one if it is due on it, or else an extra one.
func (s *State) next(on civil.Date) *Row {
	var last *Row
	for _, r := range s.Rows {
		if r.DownPayment || r.Extra {
			continue
		}
		if r.Due.After(on) {
			return r
		}
		last = r
	}
	if extra := s.Rows[len(s.Rows)-1]; !extra.Extra && last.Due == on {
		return last
	}
	return s.extra(on)
}
