package amortization

import "github.com/cockroachdb/apd/v3"

// NewReference builds a schedule off the fast path, in 34-digit decimals.
func NewReference(t Terms) (*Schedule, error) {
	var s Schedule
	if err := s.build(t, true); err != nil {
		return nil, err
	}
	return &s, nil
}

// XIRRReference is XIRR by Newton's method in 34-digit decimals alone.
func XIRRReference(flows []CashFlow) (APR, error) {
	sorted, err := checkCashFlows(flows)
	if err != nil {
		return APR{}, err
	}
	timed := make([]flow, len(sorted))
	for i := range sorted {
		timed[i] = flow{amount: sorted[i].Amount.Minor(), units: int64(daysBetween(sorted[0].Date, sorted[i].Date))}
	}
	i, err := solve(func(i *apd.Decimal) (*apd.Decimal, *apd.Decimal, error) { return presentValue(timed, i) })
	if err != nil {
		return APR{}, err
	}
	annual, err := compound(i, Fraction{365, 1})
	if err != nil {
		return APR{}, err
	}
	return newAPR(annual)
}

func calcQuo(num, den int64) *apd.Decimal {
	c := calc{ctx: exact}
	return c.quo(apd.New(num, 0), apd.New(den, 0))
}
