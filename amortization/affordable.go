package amortization

import (
	"fmt"

	"github.com/tenor-lending/tenor/internal/money"
)

// Affordable returns the largest principal, up to that of the terms, whose
// instalment is at most an amount: the terms are built for one principal after
// another, halving what is left between one that fits and one that does not, so
// that fees, grace and rounding count. The instalment is the first that repays
// principal by the terms, also where rounding leaves nothing of its principal. It
// returns nothing where no principal fits. New may still refuse it, where rounding
// would end the loan early. The errors are ErrAmount and the faults of the terms.
func Affordable(t Terms, instalment money.Amount) (money.Amount, error) {
	currency := t.Principal.Currency()
	if instalment.Currency() != currency {
		return money.Amount{}, fmt.Errorf("%w: an instalment of %s for %s", ErrAmount, instalment, t.Principal)
	}
	var s Schedule
	planned := func(principal int64) (int64, error) {
		t.Principal = money.New(principal, currency)
		e := newEngine(t, false)
		defer e.release()
		e.trial = true
		if err := s.buildBy(e); err != nil {
			return 0, err
		}
		return s.total(len(s.rows) - len(e.periods) + e.firstRepaying()), nil
	}
	whole, limit := t.Principal.Minor(), instalment.Minor()
	if total, err := planned(whole); err != nil || 0 < total && total <= limit {
		return money.New(whole, currency), err
	}
	low, high := int64(0), whole // nothing fits, the whole does not
	fitting := int64(0)
	for high-low > 1 {
		middle := low + (high-low)/2
		switch total, err := planned(middle); {
		case err != nil || total == 0: // too little for the terms, or for an instalment
			low = middle
		case total <= limit:
			low, fitting = middle, middle
		default:
			high = middle
		}
	}
	return money.New(fitting, currency), nil
}

// firstRepaying returns the first period whose instalment repays principal by the
// terms. Which one does so by the rows depends on rounding, and so jumps from one
// principal to the next.
func (e *engine) firstRepaying() int {
	t, k, last := &e.terms, 0, len(e.periods)-1
	switch t.Method {
	case Bullet, InterestOnly:
		k = last
	case PrincipalPlan:
		for k < last && t.PrincipalPlan[k].IsZero() {
			k++
		}
	default:
		k = t.Grace.Principal
		if t.Grace.Capitalise {
			k = max(k, t.Grace.InterestPayment)
		}
	}
	return min(k, last)
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
