package servicing

import (
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// Refund gives overpaid money back to the borrower.
type Refund struct {
	ID     uuid.UUID    `json:"id"`
	On     civil.Date   `json:"on"`
	Amount money.Amount `json:"amount"`
	// AfterPayoff says that it gives back what a payoff of the same day overpaid;
	// otherwise it comes before a payoff of that day.
	AfterPayoff bool   `json:"after_payoff,omitempty"`
	Reason      string `json:"reason,omitempty"`
}

// Refund gives overpaid money back: see Refund. The errors are InvalidError,
// ErrNotActive before the disbursement, and those of Do.
func (l *Loan) Refund(r Refund, business civil.Date, history ...Fact) (Change, error) {
	return l.Do(r, business, history...)
}

func (r Refund) input(l *Loan, business civil.Date) (input, error) {
	if err := identified(r.ID); err != nil {
		return nil, err
	}
	if err := l.checkMoneyOut(r.On, business, r.Amount); err != nil {
		return nil, err
	}
	if r.AfterPayoff && l.ClosedOn != r.On {
		return nil, invalid("after_payoff", "must be false: the loan was not repaid on %s", r.On)
	}
	return Refunded{Refund: r, Booked: business, Beyond: money.Zero(l.Currency())}, nil
}

// checkMoneyOut checks what is paid out to the borrower of a loan of any age.
func (l *Loan) checkMoneyOut(on, business civil.Date, amount money.Amount) error {
	switch {
	case l.DisbursedOn.IsZero():
		return fmt.Errorf("%w: it is %s", ErrNotActive, l.Status)
	case !on.IsValid() || on.After(business):
		return invalid("on", "must not be after the business date %s", business)
	case on.Before(l.DisbursedOn):
		return invalid("on", "must not be before the disbursement on %s", l.DisbursedOn)
	}
	return l.checkAmount(amount)
}

func (f Refunded) booked() civil.Date { return f.Booked }

func (f Refunded) position() Position {
	if f.AfterPayoff {
		return Position{On: f.On, Rank: rankLateRefund, ID: f.ID}
	}
	return Position{On: f.On, Rank: rankRefund, ID: f.ID}
}

func (f Refunded) apply(e *engine) (Fact, error) {
	l := &e.loan
	beyond := max(0, f.Amount.Minor()-l.Overpaid.Minor())
	f.Transaction, f.Beyond = posting.CreditRefund, e.minor(beyond)
	if !l.InBooks() {
		f.Transaction = posting.ChargeOffReturn
	}
	l.Overpaid = shift(l.Overpaid, beyond-f.Amount.Minor())
	l.Exposure = shift(l.Exposure, f.Amount.Minor())
	if beyond == 0 {
		return f, nil
	}
	if e.fresh {
		return nil, invalid("amount.amount", "must be at most what is overpaid, %s", shift(f.Amount, -beyond))
	}
	// What was overpaid is not, now that something else is known: it was lent.
	return f, e.lend(f.On, beyond)
}

// spares checks that a refund that comes late leaves enough overpaid for the
// refunds that come after it: again is the fold with it. What they lack beyond
// what they lacked without it would have been refunded twice.
func (f Refunded) spares(history []Fact, until civil.Date, again *engine) error {
	without, err := foldUntil(history, until)
	if err != nil {
		return err
	}
	if twice := beyondIn(again.facts) - beyondIn(without.facts); twice > 0 {
		return invalid("amount.amount", "must be at most what is overpaid, %s", shift(f.Amount, -twice))
	}
	return nil
}

// beyondIn sums what refunds gave back that was not overpaid.
func beyondIn(facts []Fact) int64 {
	sum := int64(0)
	for _, f := range facts {
		if refund, ok := f.(Refunded); ok {
			sum += refund.Beyond.Minor()
		}
	}
	return sum
}

// lend makes an amount principal that is due at once.
func (e *engine) lend(on civil.Date, minor int64) error {
	if err := e.mayCharge(); err != nil {
		return err
	}
	e.owe(on, e.principal(e.minor(minor)))
	return nil
}

// ChargebackKind says who took money back.
type ChargebackKind string

// The kinds of chargebacks.
const (
	// ByBank is a payment that the borrower's bank took back.
	ByBank ChargebackKind = "CHARGEBACK"
	// ByLender is money that the lender gave back though it was owed.
	ByLender ChargebackKind = "REFUND_OF_ACTIVE_LOAN"
)

// Chargeback is money of the borrower that the lender no longer has, as of a
// day: it is owed again, as principal due at once. A payment that never was is
// reversed instead.
type Chargeback struct {
	ID     uuid.UUID      `json:"id"`
	By     ChargebackKind `json:"by"`
	On     civil.Date     `json:"on"`
	Amount money.Amount   `json:"amount"`
	Reason string         `json:"reason,omitempty"`
}

// ChargeBack takes money back: see Chargeback. At most what the borrower has
// repaid can be. The errors are InvalidError, ErrNotActive and those of Do.
func (l *Loan) ChargeBack(c Chargeback, business civil.Date, history ...Fact) (Change, error) {
	return l.Do(c, business, history...)
}

func (c Chargeback) input(l *Loan, business civil.Date) (input, error) {
	if err := identified(c.ID); err != nil {
		return nil, err
	}
	if err := l.checkMoneyOut(c.On, business, c.Amount); err != nil {
		return nil, err
	}
	paid := NoParts(l.Currency())
	for i := range l.Instalments {
		paid = paid.Plus(l.Instalments[i].Paid)
	}
	switch {
	case l.Status != Active && l.Status != Closed:
		return nil, fmt.Errorf("%w: it is %s", ErrNotActive, l.Status)
	case c.By != ByBank && c.By != ByLender:
		return nil, invalid("by", "must be CHARGEBACK or REFUND_OF_ACTIVE_LOAN")
	case c.Amount.Minor() > paid.Total().Minor():
		return nil, invalid("amount.amount", "must be at most what was paid, %s", paid.Total())
	}
	return ChargedBack{Chargeback: c, Booked: business}, nil
}

func (f ChargedBack) booked() civil.Date { return f.Booked }

func (f ChargedBack) position() Position { return Position{On: f.On, Rank: rankChargeback, ID: f.ID} }

func (f ChargedBack) apply(e *engine) (Fact, error) {
	f.Transaction = posting.Chargeback
	if f.By == ByLender {
		f.Transaction = posting.ActiveRefund
	}
	if !e.loan.InBooks() {
		f.Transaction = posting.ChargeOffBack
	}
	closed := e.loan.Status == Closed
	e.loan.Exposure = shift(e.loan.Exposure, f.Amount.Minor())
	if err := e.lend(f.On, f.Amount.Minor()); err != nil {
		return nil, err
	}
	if closed {
		e.add(Reopened{On: f.On})
	}
	return f, nil
}
