package legacy

import (
	"slices"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
	plan "github.com/tenor-lending/tenor/amortization/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy/table"
)

// operation is a charge, a transaction or a change of the rate in the order in which a progressive
// loan takes them: by effective date, then recorded date, then entry.
type operation struct {
	on, recorded civil.Date
	seq          int
	c            *table.Charge
	t            *Transaction
	rate         *Event
}

func (s *State) operations() []operation {
	var list []operation
	for _, c := range s.charges {
		if c.When != "disbursement" {
			list = append(list, operation{on: c.Effective(), recorded: c.Recorded, seq: c.Seq, c: c})
		}
	}
	for _, t := range s.Transactions {
		if !t.Reversed && t.Type != Accrual && t.Type != ChargeWaiver && t.Type != FeeAtDisbursement {
			list = append(list, operation{on: t.Date, recorded: t.RecordedOn, seq: t.Event, t: t})
		}
	}
	for _, e := range s.reschedules {
		if e.NewRatePercent != nil {
			list = append(list, operation{on: *e.FromDueDate, recorded: e.RecordedOn, seq: e.Seq, rate: e})
		}
	}
	slices.SortStableFunc(list, func(a, b operation) int {
		if by := table.CompareDates(a.on, b.on); by != 0 {
			return by
		}
		if by := table.CompareDates(a.recorded, b.recorded); by != 0 {
			return by
		}
		return a.seq - b.seq
	})
	return list
}

// replayProgressive lets every operation change the rows in turn.
func (s *State) replayProgressive() {
	s.Rows = nil
	for _, p := range s.progressivePeriods() {
		s.Rows = append(s.Rows, &Row{From: p.From, Due: p.Due})
	}
	if len(s.disbursements()) == 0 {
		s.Rows = s.planAtOnce(nil)
	}
	s.book = newInterestBook(s)
	for _, op := range s.operations() {
		s.operate(op)
		if s.err != nil {
			return
		}
	}
	s.book.recompute(s.today)
}

// progressivePeriods returns the periods, with those that reschedules have added
// and the dates that they have moved.
func (s *State) progressivePeriods() []plan.Period {
	periods := s.planner.Periods()
	for _, e := range s.reschedules {
		for range e.ExtraInstallments {
			last := periods[len(periods)-1].Due
			periods = append(periods, plan.Period{From: last, Due: s.planner.After(last, 1, s.planner.Seed())})
		}
		if e.NewDueDate == nil {
			continue
		}
		moved, err := s.planner.Move(periods, *e.FromDueDate, *e.NewDueDate)
		if err != nil {
			s.err = err
			return nil
		}
		periods = moved
	}
	return periods
}

func (s *State) operate(op operation) {
	switch {
	case op.c != nil:
		s.bear(op.c)
		s.useOverpayment(op)
	case op.rate != nil:
		s.book.charge(op.on, s.planner.AtRate(*op.rate.NewRatePercent))
	case op.t.Type == Disbursement:
		s.lend(op.t)
	case op.t.Type == ReAge:
		s.reAgeRows(op.t)
	case op.t.Type == ReAmortize:
		s.reAmortizeRows(op.t)
	default:
		s.book.recompute(op.t.Date)
		s.apply(op.t)
	}
}

// useOverpayment lets payments that were overpaid pay a later charge.
func (s *State) useOverpayment(op operation) {
	for _, t := range s.ordered((*Transaction).pays) {
		if s.Overpaid == 0 {
			return
		}
		if t.Overpaid > 0 && !t.Date.After(op.on) {
			free := min(t.Overpaid, s.Overpaid)
			used := free - s.lay(t, free)
			t.Overpaid -= used
			s.Overpaid -= used
		}
	}
}

// lend adds a disbursement: the row of its down payment, and the rest spread over
// the instalments that are due after it. Then the overpayment pays.
func (s *State) lend(t *Transaction) {
	down := s.planner.DownPayment(t.Amount)
	if s.loan.DownPayment != nil {
		at := slices.IndexFunc(s.Rows, func(r *Row) bool { return r.Due.After(t.Date) })
		if at < 0 {
			at = len(s.Rows)
		}
		s.Rows = slices.Insert(s.Rows, at, &Row{
			From: t.Date, Due: t.Date, Parts: Parts{Principal: down}, DownPayment: true,
		})
	}
	if s.loan.AnnualRatePercent.IsZero() {
		s.spread(t, t.Amount-down)
	} else {
		s.book.lend(t, t.Amount-down)
	}
	if s.Overpaid > 0 {
		used := s.Overpaid - s.lay(t, s.Overpaid)
		t.Parts, t.Overpaid = Parts{}, used
		s.Overpaid -= used
	}
}

// spread divides an amount evenly over the instalments due after the transaction:
// the share to money, the new instalment to the multiple, the residual to the last.
func (s *State) spread(t *Transaction, amount int64) {
	rows := s.future(t.Date)
	if len(rows) == 0 {
		r := s.extra(t.Date)
		r.Principal += amount
		r.Settle(t.Date)
		return
	}
	share, rest := s.planner.Share(amount, len(rows)), amount
	for i, r := range rows {
		more := s.planner.ToMultiple(r.Principal+share) - r.Principal
		if i == len(rows)-1 {
			more = rest
		}
		more = min(more, rest)
		r.Principal += more
		rest -= more
		r.Settle(t.Date)
	}
}

// future returns the regular rows due after a date.
func (s *State) future(on civil.Date) (rows []*Row) {
	for _, r := range s.Rows {
		if r.Regular() && r.Due.After(on) {
			rows = append(rows, r)
		}
	}
	return rows
}

// decimal returns minor units as a decimal.
func decimal(minor int64, decimals int) amortization.Decimal {
	d, err := amortization.NewDecimal(minor, decimals)
	if err != nil {
		return amortization.Decimal{} // cannot happen: the planner bounds amounts and decimals
	}
	return d
}
