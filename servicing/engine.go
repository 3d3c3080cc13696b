package servicing

import (
	"bytes"
	"fmt"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// engine folds inputs and days into the state of one loan. It is the only
// thing that changes a Loan: an input that comes in order is applied to the state
// as it is, and one that comes late leads to the fold of all inputs again.
type engine struct {
	loan Loan
	// facts are what happened in this run, in order: inputs with their outcome
	// and what follows from them.
	facts []Fact
	// plan is the schedule of the loan, once somebody needed it.
	plan *amortization.Schedule
	// next is the next day on which something happens, if ahead says that it is
	// known: it was found last, and nothing has changed since.
	next  civil.Date
	ahead bool
	// fresh says that the input is new: what it cannot do is refused. In a fold it
	// was accepted before, and does what is left of it.
	fresh bool
}

// input is a fact from outside.
type input interface {
	Fact
	// identity is unique among the inputs of a loan, together with the rank.
	position() Position
	// apply changes the state and returns the fact with its outcome.
	apply(e *engine) (Fact, error)
}

// The ranks of inputs within a day: what is done first.
const (
	rankDay = iota // what follows from dates comes at the start of the day
	rankActivation
	rankDisbursement
	rankPlan
	rankCharge
	rankWaiver
	rankChargeback
	rankPayment
	rankTransfer
	rankDownPayment
	rankMerchantRefund
	rankPayoutRefund
	rankGoodwill
	rankInterestRefund
	rankFeeAdjustment
	rankPenaltyAdjustment
	rankPrepayment
	rankRefund
	rankQuote
	rankPayoff
	rankLateRefund
	rankChargeOff
	rankWriteOff
	rankRecovery
)

// compare returns the order of two positions: -1, 0 or +1.
func (p Position) compare(q Position) int {
	if p.On != q.On {
		return p.On.Compare(q.On)
	}
	if p.Rank != q.Rank {
		return p.Rank - q.Rank
	}
	return bytes.Compare(p.ID[:], q.ID[:])
}

// inOrder reports whether the input comes after everything that happened.
func (l *Loan) inOrder(at Position) bool {
	switch {
	case at.On != l.Through.On || at.Rank != l.Through.Rank:
		return at.compare(l.Through) > 0
	case at.Rank == rankDisbursement:
		return true // they follow each other
	case at.Rank < rankPayment || at.Rank >= rankPrepayment || l.Product.Excess != "":
		return at.compare(l.Through) > 0
	}
	// Two of one kind: one waterfall after another ends where the other order does.
	if l.Allocation.Future != amortization.SpreadInstalments {
		return true
	}
	return at.compare(l.Through) > 0
}

// run applies an input after the days before it.
func (e *engine) run(in input) error {
	if err := e.advance(in.Date()); err != nil {
		return err
	}
	at := len(e.facts)
	e.ahead = false
	e.facts = append(e.facts, nil) // before what follows from it
	fact, err := in.apply(e)
	if err != nil {
		return err
	}
	e.facts[at] = fact
	if position := in.position(); position.compare(e.loan.Through) > 0 {
		e.loan.Through = position
	}
	return nil
}

// advance brings the loan to the start of a day.
func (e *engine) advance(to civil.Date) error {
	for {
		on, err := e.nextDay()
		if err != nil {
			return err
		}
		if on.IsZero() || on.After(to) {
			e.next, e.ahead = on, true
			return nil
		}
		e.ahead = false
		before := len(e.facts)
		if err := e.day(later(on, e.loan.Through.On)); err != nil {
			return err
		}
		if len(e.facts) == before {
			return fmt.Errorf("%w: nothing happens to loan %s on %s", ErrCorrupt, e.loan.ID, on)
		}
		if on.After(e.loan.Through.On) {
			e.loan.Through = Position{On: on}
		}
	}
}

// add records what followed.
func (e *engine) add(f Fact) { e.facts = append(e.facts, f) }

// book records a movement that follows from a day or beside an input.
func (e *engine) book(on civil.Date, transaction posting.Transaction, parts Parts, overpaid int64) {
	if parts.IsZero() && overpaid == 0 {
		return
	}
	e.add(Booked{
		On: on, Transaction: transaction, Parts: parts, Overpaid: e.minor(overpaid), Other: e.minor(0),
	})
}

func (e *engine) minor(minor int64) money.Amount { return money.New(minor, e.loan.Currency()) }

func (e *engine) none() Parts { return NoParts(e.loan.Currency()) }

// accrue makes income of the rows receivable as far as it is missing for what
// is paid or forgiven of them, and books it. Off the books nothing accrues.
func (e *engine) accrue(on civil.Date, missing func(*Instalment) Parts) {
	if !e.loan.InBooks() {
		return
	}
	sum := e.none()
	for i := range e.loan.Instalments {
		row := &e.loan.Instalments[i]
		if m := missing(row); !m.IsZero() {
			row.Accrued = row.Accrued.Plus(m)
			sum = sum.Plus(m)
		}
	}
	e.book(on, posting.Accrual, sum, 0)
}

// received returns what of the income of the row is settled and not accrued.
func (i *Instalment) received() Parts {
	return i.Paid.Plus(i.Waived).Minus(i.Accrued).positiveIncome()
}

// settle completes the loan when nothing is owed any more.
func (e *engine) settle(on, booked civil.Date) {
	l := &e.loan
	if l.Status != Active || l.PayoutPending || !l.Undisbursed.IsZero() || l.anyOpen() {
		return
	}
	e.provide(on, e.minor(0))
	e.earnRest(on)
	l.Status, l.RepaidOn, l.ClosedOn, l.Suspended, l.Stage = Closed, on, on, false, 0
	e.add(FullyRepaid{On: on})
	e.add(Completed{On: on, Booked: booked})
}

func (l *Loan) anyOpen() bool {
	for i := range l.Instalments {
		if l.Instalments[i].isOpen() {
			return true
		}
	}
	return false
}

// reopen makes a repaid loan active when something is owed again.
func (e *engine) reopen() {
	if l := &e.loan; l.Status == Closed && l.anyOpen() {
		l.Status, l.RepaidOn, l.ClosedOn = Active, civil.Date{}, civil.Date{}
	}
}

// check returns ErrCorrupt unless what must hold between inputs does.
func (l *Loan) check() error {
	if l.Overpaid.IsNegative() || l.Undisbursed.IsNegative() || l.Provision.IsNegative() {
		return fmt.Errorf("%w: loan %s: overpaid %s, not lent %s", ErrCorrupt, l.ID, l.Overpaid, l.Undisbursed)
	}
	if open := l.Outstanding().Principal; open.IsNegative() {
		return fmt.Errorf("%w: loan %s: more than was lent is repaid, by %s", ErrCorrupt, l.ID, open)
	}
	for i := range l.Instalments {
		row := &l.Instalments[i]
		fault := row.Charged.Principal.Minor() < row.Paid.Principal.Minor()+row.Waived.Principal.Minor() ||
			row.Paid.Principal.IsNegative() || row.Waived.Principal.IsNegative()
		for _, income := range [...][4]money.Amount{
			{row.Charged.Interest, row.Accrued.Interest, row.Paid.Interest, row.Waived.Interest},
			{row.Charged.Fees, row.Accrued.Fees, row.Paid.Fees, row.Waived.Fees},
			{row.Charged.Penalties, row.Accrued.Penalties, row.Paid.Penalties, row.Waived.Penalties},
		} {
			charged, accrued, paid, waived := income[0].Minor(), income[1].Minor(), income[2].Minor(), income[3].Minor()
			fault = fault || paid < 0 || waived < 0 || paid+waived > charged ||
				(l.InBooks() && (paid+waived > accrued || accrued > charged))
		}
		if fault {
			return fmt.Errorf("%w: loan %s, instalment %d: %+v", ErrCorrupt, l.ID, row.Number, *row)
		}
	}
	return nil
}
