package amortization

// settleResidual applies the residual policy: it fills in the corrections of
// the rows. What rounding leaves over is the difference between the last
// instalment and the one that was planned for it.
func (p *planner) settleResidual() error {
	e := p.e
	policy, n := e.terms.Rounding.Residual, len(e.periods)
	if policy == ResidualLast || n < 2 || p.resizes {
		return nil
	}
	first := max(p.grace.Principal, 0)
	if p.grace.Capitalise {
		first = max(first, p.grace.InterestPayment)
	}
	if first >= n-1 {
		return nil
	}
	p.extra = make([]int64, n)
	if policy == ResidualFirst {
		return p.residualFirst(first)
	}
	return p.residualSpread(first)
}

// gap returns by how much the last instalment differs from its plan.
func (p *planner) gap() (int64, error) {
	last := len(p.e.periods) - 1
	if p.driver == byPrincipal {
		sum := int64(0)
		for k := p.grace.Principal; k <= last; k++ {
			sum += p.share
			if k < last {
				sum += p.extra[k]
			}
		}
		return p.e.opening - sum, nil
	}
	paid, err := p.walk(false)
	if err != nil {
		return 0, err
	}
	planned := p.planned(last)
	if p.e.terms.Method == Balloon {
		planned += p.e.terms.Balloon.Minor()
	}
	return paid - planned, nil
}

// roundsMax bounds the search for the correction of the first instalment.
const roundsMax = 8

// residualFirst moves the gap to the first instalment: a secant search for the
// whole number of units that leaves the smallest gap.
func (p *planner) residualFirst(first int) error {
	best, bestGap := int64(0), int64(0)
	x0, gap0 := int64(0), int64(0)
	for round := range roundsMax {
		gap, err := p.gap()
		if err != nil {
			return err
		}
		x := p.extra[first]
		if round == 0 || magnitude(gap) < magnitude(bestGap) {
			best, bestGap = x, gap
		}
		if gap == 0 {
			break
		}
		next := x + gap // a unit paid first saves at least a unit at the end
		if round > 0 && gap != gap0 {
			next = x + roundedQuotient(gap*(x-x0), gap0-gap)
		}
		if next == x {
			break
		}
		x0, gap0 = x, gap
		p.extra[first] = next
	}
	p.extra[first] = best
	return nil
}

// residualSpread first shifts every instalment by a share of the gap, and then
// the latest ones by one unit each.
func (p *planner) residualSpread(first int) error {
	n, unit := int64(len(p.e.periods)), p.e.unit
	gap, err := p.gap()
	if err != nil {
		return err
	}
	rows := n - 1 - int64(first)
	shift := roundedQuotient(gap, (rows+1)*unit) * unit
	if gap, err = p.tryCorrection(gap, first, len(p.extra)-1, shift); err != nil {
		return err
	}
	units := min(magnitude(gap)/unit, rows)
	if gap < 0 {
		unit = -unit
	}
	_, err = p.tryCorrection(gap, len(p.extra)-1-int(units), len(p.extra)-1, unit)
	return err
}

// tryCorrection adds to some rows, keeps the result only if the gap becomes
// smaller, and returns the gap.
func (p *planner) tryCorrection(gap int64, low, high int, by int64) (int64, error) {
	if by == 0 || low >= high {
		return gap, nil
	}
	add := func(by int64) {
		for k := low; k < high; k++ {
			p.extra[k] += by
		}
	}
	add(by)
	changed, err := p.gap()
	if err == nil && magnitude(changed) < magnitude(gap) {
		return changed, nil
	}
	add(-by)
	return gap, nil
}

func magnitude(v int64) int64 { return max(v, -v) }

// roundedQuotient returns a/b rounded to the nearest whole number, ties away
// from zero.
func roundedQuotient(a, b int64) int64 {
	if b == 0 {
		return 0
	}
	quotient, rest := a/b, a%b
	if magnitude(rest) >= magnitude(b)-magnitude(rest) {
		if (a < 0) == (b < 0) {
			return quotient + 1
		}
		return quotient - 1
	}
	return quotient
}
