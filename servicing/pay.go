package servicing

import (
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// PaymentMax bounds one payment, in minor units.
const PaymentMax int64 = 100_000_000_000_000

// PaymentKind says what a payment is meant to do.
type PaymentKind string

// The kinds of payments.
const (
	// Normal pays instalments in the loan's order, those in advance included.
	Normal PaymentKind = "NORMAL"
	// Payoff pays the loan off early: see PayoffQuote.
	Payoff PaymentKind = "PAYOFF"
)

// Payment is money that came in.
type Payment struct {
	ID     uuid.UUID
	Kind   PaymentKind
	Amount money.Amount
	// ValueDate is the day from which the money counts, from the disbursement
	// to the business date.
	ValueDate civil.Date
}

// CheckPayment reports whether the loan could take the payment on the business
// date: ErrNotActive, or an InvalidError that names the value at fault.
func (l *Loan) CheckPayment(p Payment, business civil.Date) error {
	switch {
	case l.Status != Active:
		return fmt.Errorf("%w: it is %s", ErrNotActive, l.Status)
	case p.Kind != Normal && p.Kind != Payoff:
		return invalid("kind", "must be NORMAL or PAYOFF")
	case p.Amount.Currency() != l.Currency():
		return invalid("amount.currency", "must be %s, the currency of the loan", l.Currency())
	case !p.Amount.IsPositive():
		return invalid("amount.amount", "must be above zero")
	case p.Amount.Minor() > PaymentMax:
		return invalid("amount.amount", "must be at most %s", money.New(PaymentMax, l.Currency()).Text())
	case p.ValueDate.After(business):
		return invalid("value_date", "must not be after the business date %s", business)
	case p.ValueDate.Before(l.DisbursedOn):
		return invalid("value_date", "must not be before the disbursement on %s", l.DisbursedOn)
	case p.Kind == Payoff && p.ValueDate.Before(l.LastPaidOn):
		return invalid("value_date", "a payoff must not be before the last payment of %s", l.LastPaidOn)
	}
	return nil
}

// Pay posts a payment on the business date. The errors are those of
// CheckPayment, and ErrPayoffShort for a payoff below the quote.
func (l *Loan) Pay(p Payment, business civil.Date) (Change, error) {
	if err := l.CheckPayment(p, business); err != nil {
		return Change{}, err
	}
	c := begin(l, business)
	pay := c.payNormal
	if p.Kind == Payoff {
		pay = c.payOff
	}
	if err := pay(p); err != nil {
		return Change{}, err
	}
	if err := c.settle(p.ValueDate); err != nil {
		return Change{}, err
	}
	return c.finish()
}

func (c *Change) payNormal(p Payment) error {
	items := make([]amortization.DueItem, 0, len(c.Loan.Instalments))
	for i := range c.Loan.Instalments {
		row := &c.Loan.Instalments[i]
		if open := row.Open(); !open.IsZero() {
			items = append(items, amortization.DueItem{
				Number: row.Number, Due: row.Due, Penalty: open.Penalties, Fee: open.Fees, Interest: open.Interest,
				Principal: open.Principal,
			})
		}
	}
	allocation, err := amortization.Allocate(p.Amount, p.ValueDate, items, c.Loan.Allocation)
	if err != nil {
		return fmt.Errorf("allocating payment %s: %w", p.ID, err)
	}
	portions := make([]Portion, len(allocation.Paid))
	for i, paid := range allocation.Paid {
		portions[i] = Portion{Number: paid.Number, Parts: Parts{
			Principal: paid.Principal, Interest: paid.Interest, Fees: paid.Fee, Penalties: paid.Penalty,
		}}
	}
	return c.receive(p, portions, allocation.Remainder)
}

// receive books a payment with its portions; income that is paid before it was
// receivable becomes so now.
func (c *Change) receive(p Payment, portions []Portion, over money.Amount) error {
	split := NoParts(c.Loan.Currency())
	var early []Portion
	for _, portion := range portions {
		split = split.Plus(portion.Parts)
		row := &c.Loan.Instalments[portion.Number-1]
		missing := row.Paid.Plus(portion.Parts).Minus(row.Accrued).positiveIncome()
		if !missing.IsZero() {
			early = append(early, Portion{Number: portion.Number, Parts: missing})
		}
	}
	if len(early) > 0 {
		if err := c.add(Accrued{On: p.ValueDate, Portions: early}); err != nil {
			return err
		}
	}
	return c.add(Paid{
		On: p.ValueDate, PaymentID: p.ID, Amount: p.Amount, Split: split, Overpaid: over, Portions: portions,
	})
}

// positiveIncome returns the income parts that are above zero.
func (p Parts) positiveIncome() Parts {
	income := p.income()
	for _, part := range []*money.Amount{&income.Interest, &income.Fees, &income.Penalties} {
		if part.IsNegative() {
			*part = money.Zero(part.Currency())
		}
	}
	return income
}

// Close completes a repaid loan on the business date. Closing again has no
// effect; while anything is owed it is an OutstandingError, and ErrNotActive
// for a loan that was cancelled.
func (l *Loan) Close(business civil.Date) (Change, error) {
	c := begin(l, business)
	switch {
	case l.Status == Closed:
		return c.finish()
	case l.Status == Cancelled:
		return Change{}, fmt.Errorf("%w: it is %s", ErrNotActive, l.Status)
	case !l.Outstanding().IsZero():
		return Change{}, &OutstandingError{Amount: l.Outstanding().Total()}
	}
	if err := c.add(Completed{On: business}); err != nil {
		return Change{}, err
	}
	return c.finish()
}

// OutstandingError says what is still owed by a loan that should be closed.
type OutstandingError struct{ Amount money.Amount }

// Error names the amount.
func (e *OutstandingError) Error() string { return ErrOutstanding.Error() + ": " + e.Amount.String() }

// Is makes every OutstandingError match ErrOutstanding.
func (e *OutstandingError) Is(target error) bool { return target == ErrOutstanding }
