package legacy

import (
	"fmt"
	"slices"

	"cloud.google.com/go/civil"

	plan "github.com/tenor-lending/tenor/amortization/legacy"
)

// disburse pays out, takes the fees that are due with it, and pays the down
// payment at once where the loan says so: for a progressive loan less what the
// overpayment has just paid, for a cumulative one if anything is outstanding.
func (s *State) disburse(e *Event) error {
	amount, err := s.amount(e)
	if err != nil {
		return err
	}
	if err := s.disbursementCharges(e, amount); err != nil {
		return err
	}
	s.settledPlan = false
	t := s.add(e, Disbursement, amount)
	if err := s.replay(); err != nil {
		return err
	}
	if s.loan.DownPayment == nil || !s.loan.DownPayment.AutoPay {
		return nil
	}
	down := s.planner.DownPayment(amount)
	if s.loan.Algorithm == plan.Progressive {
		down -= t.Overpaid
	}
	if down <= 0 || s.Outstanding().Total() == 0 {
		return nil
	}
	s.add(e, DownPayment, down).part = DownPayment
	return s.replay()
}

// payment brings money.
func (s *State) payment(e *Event) error {
	amount, err := s.amount(e)
	if err != nil {
		return err
	}
	s.settle(amount)
	s.add(e, e.Type, amount)
	return s.replay()
}

// payOff pays what it takes to close the loan on its date.
func (s *State) payOff(e *Event) error {
	t := s.add(e, Repayment, s.payOffAmount(e.On()))
	s.settle(t.Amount)
	return s.replay()
}

// settle notes a payment of exactly what is outstanding: it settles the plan as it
// stands, and so it stays until the plan changes for another reason than money.
func (s *State) settle(amount int64) {
	open := s.Outstanding().Total()
	s.settledPlan = s.settledPlan && open == 0 || amount == open
}

// simple adds a transaction of which the schedule decides the split. Without an
// amount it concerns all that is open.
func (s *State) simple(e *Event) error {
	amount := int64(0)
	if e.Amount != nil {
		var err error
		if amount, err = s.amount(e); err != nil {
			return err
		}
	}
	s.add(e, e.Type, amount).fraud = s.fraud
	return s.replay()
}

// chargeback takes a payment back.
func (s *State) chargeback(e *Event) error {
	amount, err := s.amount(e)
	if err != nil {
		return err
	}
	of, err := s.find(e.Of, e.OfPart)
	if err != nil {
		return err
	}
	s.add(e, Chargeback, amount).of = of
	return s.replay()
}

// reAge moves the open principal to new instalments.
func (s *State) reAge(e *Event) error {
	if e.FirstDueDate == nil || e.Installments < 1 || e.Installments > plan.InstalmentsMax || e.Every < 1 {
		return fmt.Errorf("%w: first_due_date, installments and every are needed", ErrHistory)
	}
	s.add(e, ReAge, 0).terms = e
	return s.replay()
}

// reschedule changes the plan from a due date on.
func (s *State) reschedule(e *Event) error {
	if e.FromDueDate == nil {
		return fmt.Errorf("%w: no from_due_date", ErrHistory)
	}
	if added := e.ExtraInstallments + e.ExtraPrincipalGrace; added < 0 || added > plan.InstalmentsMax {
		return fmt.Errorf("%w: %d more installments", ErrHistory, added)
	}
	s.settledPlan = false
	s.reschedules = append(s.reschedules, e)
	return s.replay()
}

func (s *State) markFraud(*Event) error {
	s.fraud = true
	return nil
}

// find returns the transaction of an event.
func (s *State) find(seq int, part string) (*Transaction, error) {
	for _, t := range s.Transactions {
		if t.Event == seq && t.part == part && t.Type != FeeAtDisbursement && t.Type != Accrual {
			return t, nil
		}
	}
	return nil, fmt.Errorf("%w: event %d has no transaction %q", ErrHistory, seq, part)
}

// reverse undoes a transaction; it keeps its last split.
func (s *State) reverse(e *Event) error {
	t, err := s.find(e.Target, e.TargetPart)
	if err != nil {
		return err
	}
	if t.Reversed || t.Type == Disbursement {
		return fmt.Errorf("%w: the %s of event %d cannot be reversed, or is already", ErrHistory, t.Type, e.Target)
	}
	t.Reversed = true
	if t.Type == ChargeWaiver {
		t.charge.Waived = 0
	}
	s.settledPlan = false
	s.effective = t.Date
	return s.replay()
}

// undoLast takes the last disbursement back, with its down payment, as if it had not been.
func (s *State) undoLast(*Event) error {
	list := s.disbursements()
	if len(list) == 0 {
		return fmt.Errorf("%w: nothing was disbursed", ErrHistory)
	}
	s.settledPlan = false
	last := list[len(list)-1].Event
	s.Transactions = slices.DeleteFunc(s.Transactions, func(t *Transaction) bool {
		return t.Event == last && t.Type != Accrual
	})
	return s.replay()
}

// undoAll takes the loan back to its approval.
func (s *State) undoAll(*Event) error {
	s.Transactions, s.closedThrough, s.inForce, s.settledPlan = nil, civil.Date{}, nil, false
	return s.replay()
}
