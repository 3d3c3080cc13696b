package legacy

import (
	"fmt"
	"slices"
	"strconv"

	"cloud.google.com/go/civil"

	plan "github.com/tenor-lending/tenor/amortization/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy/history"
	"github.com/tenor-lending/tenor/servicing/legacy/table"
)

// Statuses of a loan.
const (
	Approved         = "approved"
	Active           = "active"
	Closed           = "closed_obligations_met"
	ClosedWrittenOff = "closed_written_off"
	Overpaid         = "overpaid"
)

// State is a loan after its events.
type State struct {
	// Rows are the instalments, Transactions what happened in the order of entry.
	Rows         []*Row
	Transactions []*Transaction
	// Overpaid is what is owed to the borrower.
	Overpaid int64
	// Decimals are those of the currency.
	Decimals int

	loan        *Loan
	order       table.Order // of mode PerInstallment
	planner     *plan.Planner
	today       civil.Date
	charges     []*table.Charge
	taken       map[*table.Charge]bool // with a disbursement
	reschedules []*Event
	fraud       bool

	closedThrough civil.Date    // the last day whose accruals were looked at
	effective     civil.Date    // of the event that is being handled
	inForce       []*Row        // the plan before that event, for loans with recalculation
	settledPlan   bool          // the plan in force was paid off as it stood
	book          *interestBook // of a progressive loan
	err           error
}

// Replay handles the events of a loan one by one. It fails with ErrHistory or
// the planner's ErrTerms.
func Replay(l *Loan) (*State, error) {
	if err := l.Validate(); err != nil {
		return nil, err
	}
	s := &State{loan: l, Decimals: l.CurrencyDecimals, today: l.SubmittedDate, taken: map[*table.Charge]bool{}}
	if l.Allocation.Mode == history.PerInstallment {
		s.order, _ = table.ParseOrder(l.Allocation.Order) // Validate has read it
	}
	s.initialCharges()
	if err := s.replay(); err != nil {
		return nil, err
	}
	for i := range l.Events {
		e := &l.Events[i]
		if e.RecordedOn.After(s.today) {
			s.today = e.RecordedOn
		}
		s.effective = e.On()
		handle, ok := handlers[e.Type]
		if !ok {
			return nil, fmt.Errorf("%w: event %d has unknown type %.40q", ErrHistory, e.Seq, e.Type)
		}
		if err := handle(s, e); err != nil {
			return nil, fmt.Errorf("event %d (%s): %w", e.Seq, e.Type, err)
		}
	}
	return s, nil
}

// handlers handle the events by type.
var handlers = map[string]func(*State, *Event) error{
	"disburse":               (*State).disburse,
	"repayment":              (*State).payment,
	"goodwill_credit":        (*State).payment,
	"merchant_issued_refund": (*State).payment,
	"payout_refund":          (*State).payment,
	"pay_off":                (*State).payOff,
	"reverse":                (*State).reverse,
	"add_charge":             (*State).addCharge,
	"waive_charge":           (*State).waive,
	"charge_waiver":          (*State).waive,
	"charge_adjustment":      (*State).adjustCharge,
	"chargeback":             (*State).chargeback,
	"credit_balance_refund":  (*State).simple,
	"cash_refund":            (*State).simple,
	"charge_off":             (*State).simple,
	"write_off":              (*State).simple,
	"re_age":                 (*State).reAge,
	"re_amortize":            (*State).simple,
	"reschedule":             (*State).reschedule,
	"undo_last_disbursement": (*State).undoLast,
	"undo_disbursements":     (*State).undoAll,
	"mark_fraud":             (*State).markFraud,
	"accrue":                 (*State).accrue,
	"end_of_day":             (*State).endOfDay,
}

// add appends the transaction of an event.
func (s *State) add(e *Event, kind string, amount int64) *Transaction {
	t := &Transaction{
		Event: e.Seq, Type: kind, Date: e.On(), RecordedOn: e.RecordedOn, Amount: amount, Channel: e.Channel,
	}
	s.Transactions = append(s.Transactions, t)
	return t
}

// amount returns the amount of an event in minor units.
func (s *State) amount(e *Event) (int64, error) {
	if e.Amount == nil {
		return 0, fmt.Errorf("%w: no amount", ErrHistory)
	}
	p, err := s.arithmetic()
	if err != nil {
		return 0, err
	}
	return p.Amount(*e.Amount), p.Err()
}

// arithmetic returns the planner of the terms as they stand.
func (s *State) arithmetic() (*plan.Planner, error) {
	if s.planner != nil {
		return s.planner, nil
	}
	var err error
	s.planner, err = plan.NewPlanner(s.terms())
	return s.planner, err
}

// terms returns the terms with what was disbursed first, and when.
func (s *State) terms() plan.Terms {
	t := s.loan.Terms
	t.Charges = nil
	if first := s.disbursements(); len(first) > 0 {
		t.DisbursementDate = first[0].Date
	}
	return t
}

// Disbursements returns what was paid out, by date, each with the fees that were
// due with it; before any, the one that is planned.
func (s *State) Disbursements() []Transaction {
	var list []Transaction
	for _, t := range s.disbursements() {
		d := *t
		for _, f := range s.Transactions {
			if f.Type == FeeAtDisbursement && f.Event == t.Event && !f.Reversed {
				d.Fees += f.Amount
			}
		}
		list = append(list, d)
	}
	if len(list) == 0 { // the one that is planned
		list = []Transaction{{
			Type: Disbursement, Date: s.loan.DisbursementDate, Amount: s.planner.Amount(s.loan.Principal),
		}}
	}
	return list
}

// Text writes an amount of minor units with the decimals of the currency.
func (s *State) Text(minor int64) string {
	if s.Decimals == 0 {
		return strconv.FormatInt(minor, 10)
	}
	return decimal(minor, s.Decimals).Fixed(s.Decimals)
}

// disbursements returns those that stand, by date.
func (s *State) disbursements() []*Transaction {
	return s.ordered(func(t *Transaction) bool { return t.Type == Disbursement })
}

// ordered returns the transactions that stand and are wanted, by date and entry.
func (s *State) ordered(want func(*Transaction) bool) []*Transaction {
	var list []*Transaction
	for _, t := range s.Transactions {
		if !t.Reversed && want(t) {
			list = append(list, t)
		}
	}
	slices.SortStableFunc(list, func(a, b *Transaction) int { return table.CompareDates(a.Date, b.Date) })
	return list
}

// Outstanding returns what is open of all instalments.
func (s *State) Outstanding() Parts {
	var sum Parts
	for _, r := range s.Rows {
		sum = sum.Plus(r.Open())
	}
	return sum
}

// Status returns the status of the loan.
func (s *State) Status() string {
	written := false
	for _, t := range s.Transactions {
		written = written || t.Type == WriteOff && !t.Reversed
	}
	switch {
	case len(s.disbursements()) == 0:
		return Approved
	case s.Outstanding().Total() > 0:
		return Active
	case s.Overpaid > 0:
		return Overpaid
	case written:
		return ClosedWrittenOff
	}
	return Closed
}

// DisbursementFees returns the fees that were due with the disbursements.
func (s *State) DisbursementFees() (fees int64) {
	for _, t := range s.Transactions {
		if t.Type == FeeAtDisbursement && !t.Reversed {
			fees += t.Amount
		}
	}
	return fees
}

// replay lays every transaction on a fresh schedule, posts what changed and
// accrues the rest when the loan is closed.
func (s *State) replay() error {
	before := s.Status()
	s.planner = nil
	p, err := s.arithmetic()
	if err != nil {
		return err
	}
	s.replayRows()
	if s.err != nil {
		return s.err
	}
	s.finishRows()
	s.balances()
	s.post()
	s.accrueRest(before)
	return p.Err()
}

// replayRows lays every transaction on a fresh schedule.
func (s *State) replayRows() {
	s.Overpaid = 0
	for _, t := range s.Transactions {
		if !t.Reversed && t.Type != Accrual && t.Type != ChargeWaiver && t.Type != FeeAtDisbursement {
			t.Parts, t.Overpaid = Parts{}, 0
		}
	}
	if s.loan.Algorithm == plan.Progressive {
		s.replayProgressive()
	} else {
		s.replayCumulative()
	}
}

// finishRows numbers the rows, and dates those of which nothing was ever due.
func (s *State) finishRows() {
	disbursed := s.disbursements()
	for i, r := range s.Rows {
		r.Number = i + 1
		if len(disbursed) > 0 && r.Outstanding() == 0 && r.PaidOn.IsZero() {
			r.PaidOn = disbursed[0].Date
		}
		if r.Outstanding() > 0 {
			r.PaidOn = civil.Date{}
		}
	}
	s.rowBalances(disbursed)
}

// rowBalances sets the balance after each row. A disbursement counts with the
// row of its down payment, or else with the period in which it falls: on the due
// date, that is the period which ends for a cumulative loan and the next one for
// a progressive one.
func (s *State) rowBalances(disbursed []*Transaction) {
	balance, next := int64(0), 0
	for i, r := range s.Rows {
		last := i == len(s.Rows)-1
		for ; next < len(disbursed); next++ {
			t := disbursed[next]
			ends := t.Date == r.Due && (r.DownPayment || s.loan.Algorithm == plan.Cumulative)
			if !t.Date.Before(r.Due) && !ends && !last {
				break
			}
			balance += t.Amount
		}
		if len(disbursed) == 0 && i == 0 {
			balance = s.planner.Amount(s.loan.Principal)
		}
		balance += r.Credited.Principal - r.Principal
		r.Balance = balance
	}
}

// balances sets the principal that is left after each transaction: charge-offs
// do not count, and neither they nor restructurings have one.
func (s *State) balances() {
	list := s.ordered(func(t *Transaction) bool { return t.Type != Accrual && t.Type != FeeAtDisbursement })
	balance := int64(0)
	for _, t := range list {
		switch {
		case t.Type == Disbursement:
			balance += t.Amount - t.Overpaid
		case t.Type == ChargeOff, t.Type == ReAge, t.Type == ReAmortize:
			t.Balance = 0
			continue
		case t.credits():
			balance += s.credit(t)
		case t.Type == CashRefund:
			balance += t.Principal
		default:
			balance -= t.Principal
		}
		t.Balance = max(0, balance)
		for _, f := range s.Transactions {
			if t.Type == Disbursement && f.Type == FeeAtDisbursement && f.Event == t.Event {
				f.Balance = t.Balance
			}
		}
	}
}
