package table

import "cloud.google.com/go/civil"

// Parts is an amount by component, in minor units.
type Parts struct{ Principal, Interest, Fees, Penalties int64 }

// Total returns the sum of the components.
func (p Parts) Total() int64 { return p.Principal + p.Interest + p.Fees + p.Penalties }

// Plus returns p + q.
func (p Parts) Plus(q Parts) Parts {
	return Parts{p.Principal + q.Principal, p.Interest + q.Interest, p.Fees + q.Fees, p.Penalties + q.Penalties}
}

// Minus returns p - q.
func (p Parts) Minus(q Parts) Parts {
	return Parts{p.Principal - q.Principal, p.Interest - q.Interest, p.Fees - q.Fees, p.Penalties - q.Penalties}
}

// Component names one of the Parts.
type Component int

// The components.
const (
	Principal Component = iota
	Interest
	Fee
	Penalty
)

// Components are the components by name.
var Components = map[string]Component{
	"principal": Principal, "interest": Interest, "fee": Fee, "penalty": Penalty,
}

// Of returns the component of the parts.
func (c Component) Of(p *Parts) *int64 {
	switch c {
	case Principal:
		return &p.Principal
	case Interest:
		return &p.Interest
	case Fee:
		return &p.Fees
	}
	return &p.Penalties
}

// CompareDates orders dates.
func CompareDates(a, b civil.Date) int {
	switch {
	case a.Before(b):
		return -1
	case b.Before(a):
		return 1
	}
	return 0
}
