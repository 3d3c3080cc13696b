package amortization

// NewReference builds a schedule off the fast path, in 34-digit decimals.
func NewReference(t Terms) (*Schedule, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	return build(t, true)
}
