package servicing

import (
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// ChargeOff takes a loan off the books: the lender no longer counts on it, but
// the borrower still owes it, and what is paid is recovered.
type ChargeOff struct {
	ID     uuid.UUID  `json:"id"`
	On     civil.Date `json:"on"`
	Fraud  bool       `json:"fraud,omitempty"`
	Reason string     `json:"reason,omitempty"`
}

// ChargeOff takes the loan off the books: see ChargeOff. The errors are
// ErrNotActive, ErrWrongState and those of Do.
func (l *Loan) ChargeOff(c ChargeOff, business civil.Date, history ...Fact) (Change, error) {
	return l.Do(c, business, history...)
}

func (c ChargeOff) input(l *Loan, business civil.Date) (input, error) {
	if err := identified(c.ID); err != nil {
		return nil, err
	}
	if err := l.checkActive(c.On, business); err != nil {
		return nil, err
	}
	return ChargedOff{ChargeOff: c, Booked: business, Parts: NoParts(l.Currency())}, l.mayGiveUp()
}

// mayGiveUp returns ErrWrongState unless all of the loan is lent and in the books.
func (l *Loan) mayGiveUp() error {
	switch {
	case !l.InBooks():
		return fmt.Errorf("%w: it was charged off on %s", ErrWrongState, l.ChargedOffOn)
	case l.PayoutPending:
		return fmt.Errorf("%w: a payout is on its way", ErrWrongState)
	}
	return nil
}

func (f ChargedOff) booked() civil.Date { return f.Booked }

func (f ChargedOff) position() Position { return Position{On: f.On, Rank: rankChargeOff, ID: f.ID} }

func (f ChargedOff) apply(e *engine) (Fact, error) {
	l := &e.loan
	f.Transaction, f.Parts = "", e.none()
	if l.Status == Closed { // it was repaid by then
		return f, nil
	}
	if l.Status != Active {
		return nil, fmt.Errorf("%w: it is %s", ErrNotActive, l.Status)
	}
	if err := l.mayGiveUp(); err != nil {
		return nil, err
	}
	l.cutUndisbursed()
	f.Transaction, f.Parts = posting.ChargeOff, l.Receivable()
	if f.Fraud {
		f.Transaction = posting.ChargeOffFraud
	}
	l.ChargedOffOn, l.Suspended = f.On, false
	e.provide(f.On, e.minor(0))
	e.earnRest(f.On)
	return f, nil
}

// WriteOff gives a loan up: all that is open is a loss, and nothing is owed any
// more in the books. Recovery takes what still comes in.
type WriteOff struct {
	ID     uuid.UUID  `json:"id"`
	On     civil.Date `json:"on"`
	Reason string     `json:"reason,omitempty"`
}

// WriteOff gives the loan up: see WriteOff. The errors are ErrNotActive,
// ErrWrongState and those of Do.
func (l *Loan) WriteOff(w WriteOff, business civil.Date, history ...Fact) (Change, error) {
	return l.Do(w, business, history...)
}

func (w WriteOff) input(l *Loan, business civil.Date) (input, error) {
	if err := identified(w.ID); err != nil {
		return nil, err
	}
	if err := l.checkActive(w.On, business); err != nil {
		return nil, err
	}
	if l.PayoutPending {
		return nil, fmt.Errorf("%w: a payout is on its way", ErrWrongState)
	}
	return WrittenOff{WriteOff: w, Booked: business, Parts: NoParts(l.Currency())}, nil
}

func (f WrittenOff) booked() civil.Date { return f.Booked }

func (f WrittenOff) position() Position { return Position{On: f.On, Rank: rankWriteOff, ID: f.ID} }

func (f WrittenOff) apply(e *engine) (Fact, error) {
	l := &e.loan
	f.Transaction, f.Parts = "", e.none()
	if l.Status == Closed { // it was repaid by then
		return f, nil
	}
	if l.Status != Active {
		return nil, fmt.Errorf("%w: it is %s", ErrNotActive, l.Status)
	}
	l.cutUndisbursed()
	f.Transaction, f.Parts = posting.WriteOff, l.Receivable()
	l.WrittenOff = f.Parts
	if !l.InBooks() { // the books have given it up before; what is due by now is written off
		f.Transaction, l.WrittenOff = "", l.DueNow(f.On)
		l.WrittenOff.Principal = l.Outstanding().Principal
	}
	for i := range l.Instalments {
		row := &l.Instalments[i]
		if l.InBooks() {
			row.Charged = row.Charged.Minus(row.unaccrued())
		}
		row.Waived = row.Waived.Plus(row.Open())
	}
	l.Status, l.WrittenOffOn, l.Suspended, l.Stage = WrittenDown, f.On, false, 0
	e.provide(f.On, e.minor(0))
	e.earnRest(f.On)
	return f, nil
}

// Recover posts what came in on a loan that was written off.
func (l *Loan) Recover(id uuid.UUID, amount money.Amount, on, business civil.Date, history ...Fact) (Change, error) {
	return l.Pay(Payment{ID: id, Kind: Recovery, Amount: amount, ValueDate: on}, business, history...)
}
