package servicing

import (
	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// Parts is an amount split by component. Its sums cannot overflow: the engine
// bounds the total of a schedule, and PaymentMax every payment.
type Parts struct {
	Principal money.Amount `json:"principal"`
	Interest  money.Amount `json:"interest"`
	Fees      money.Amount `json:"fees"`
	Penalties money.Amount `json:"penalties"`
}

// NoParts returns zero of each component in currency.
func NoParts(currency money.Currency) Parts {
	zero := money.Zero(currency)
	return Parts{Principal: zero, Interest: zero, Fees: zero, Penalties: zero}
}

// Plus returns p + q, component by component.
func (p Parts) Plus(q Parts) Parts { return p.with(q, 1) }

// Minus returns p - q, component by component.
func (p Parts) Minus(q Parts) Parts { return p.with(q, -1) }

func (p Parts) with(q Parts, sign int64) Parts {
	return Parts{
		Principal: shift(p.Principal, sign*q.Principal.Minor()), Interest: shift(p.Interest, sign*q.Interest.Minor()),
		Fees: shift(p.Fees, sign*q.Fees.Minor()), Penalties: shift(p.Penalties, sign*q.Penalties.Minor()),
	}
}

func shift(a money.Amount, minor int64) money.Amount { return money.New(a.Minor()+minor, a.Currency()) }

// Total returns the sum of the components.
func (p Parts) Total() money.Amount {
	return shift(p.Principal, p.Interest.Minor()+p.Fees.Minor()+p.Penalties.Minor())
}

// IsZero reports whether every component is zero.
func (p Parts) IsZero() bool {
	return p.Principal.IsZero() && p.Interest.IsZero() && p.Fees.IsZero() && p.Penalties.IsZero()
}

// income returns p without its principal: what accrues to the lender.
func (p Parts) income() Parts {
	p.Principal = money.Zero(p.Principal.Currency())
	return p
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

// of returns a part, the amount of a component.
func (p *Parts) of(c amortization.Component) *money.Amount {
	switch c {
	case amortization.PartInterest:
		return &p.Interest
	case amortization.PartFee:
		return &p.Fees
	case amortization.PartPenalty:
		return &p.Penalties
	}
	return &p.Principal
}
