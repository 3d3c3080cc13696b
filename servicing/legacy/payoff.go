package legacy

import (
	"slices"

	"cloud.google.com/go/civil"

	plan "github.com/tenor-lending/tenor/amortization/legacy"
)

// payOffAmount returns what it takes to close the loan on a date: the balance,
// the interest payable until then, and the open charges.
func (s *State) payOffAmount(on civil.Date) int64 {
	open := s.Outstanding()
	switch {
	case s.loan.Recalculation == nil || len(s.disbursements()) == 0:
		return open.Total()
	case s.loan.Algorithm == plan.Cumulative:
		return s.payOffReplayed(on)
	}
	s.book.recompute(on)
	open = s.Outstanding()
	open.Interest = 0
	for _, r := range s.book.rows() {
		interest := r.Interest
		if r.Due.After(on) && !s.book.of[r].settled {
			interest = s.book.payableInterest(r, on) + r.Credited.Interest
		}
		open.Interest += max(0, interest-r.Paid.Interest)
	}
	return open.Total()
}

// payOffReplayed returns what a payment of all that is outstanding would not
// leave overpaid, once interest has followed it.
func (s *State) payOffReplayed(on civil.Date) int64 {
	trial, payment := *s, &Transaction{Type: Repayment, Date: on, RecordedOn: s.today, Amount: s.Outstanding().Total()}
	trial.Transactions = append(slices.Clone(s.Transactions), payment)
	trial.settledPlan = false
	trial.replayRows()
	s.err = trial.err
	return payment.Amount - payment.Overpaid
}
