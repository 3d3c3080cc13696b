package amortization

import (
	"fmt"

	"github.com/tenor-lending/tenor/internal/money"
)

// Affordable returns the largest principal, up to that of the terms, whose
// instalment is at most an amount: the terms are built for one principal after
// another, halving what is left between one that fits and one that does not, so
// that fees, grace and rounding count. It returns nothing where no principal
// fits. New may still refuse it, where rounding would end the loan early. The
// errors are ErrAmount and the faults of the terms.
func Affordable(t Terms, instalment money.Amount) (money.Amount, error) {
	currency := t.Principal.Currency()
	if instalment.Currency() != currency {
		return money.Amount{}, fmt.Errorf("%w: an instalment of %s for %s", ErrAmount, instalment, t.Principal)
	}
	var s Schedule
	fits := func(principal int64) (bool, error) {
		t.Principal = money.New(principal, currency)
		e := newEngine(t, false)
		defer e.release()
		e.trial = true
		err := s.buildBy(e)
		return err == nil && s.typicalInstalment().Minor() <= instalment.Minor(), err
	}
	whole := t.Principal.Minor()
	if ok, err := fits(whole); ok || err != nil {
		return money.New(whole, currency), err
	}
	low, high := int64(0), whole // nothing fits, the whole does not
	fitting := int64(0)
	for high-low > 1 {
		middle := low + (high-low)/2
		switch ok, err := fits(middle); {
		case err != nil: // too little for the terms
			low = middle
		case ok:
			low, fitting = middle, middle
		default:
			high = middle
		}
	}
	return money.New(fitting, currency), nil
}

// PercentOf returns a percentage of an amount, rounded once to the minor unit:
// the share of a late fee, a tax or an expected loss. The error is
// money.ErrOverflow.
func PercentOf(a money.Amount, percent Decimal, mode money.Rounding) (money.Amount, error) {
	c := calc{ctx: exact}
	share := c.quo(product(a.Minor(), percent.coef), product(100, powersOfTen[percent.scale]))
	minor, err := minorOf(share, 1, mode)
	if err != nil {
		return money.Amount{}, fmt.Errorf("%s %% of %s: %w", percent, a, money.ErrOverflow)
	}
	return money.New(minor, a.Currency()), nil
}
