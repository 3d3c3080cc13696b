package legacy

import (
	"errors"
	"fmt"
	"slices"

	"cloud.google.com/go/civil"
	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/amortization"
)

// Period is a span of a schedule; its interest accrues from From to Due.
type Period struct{ From, Due civil.Date }

// Days returns the length of the period.
func (p Period) Days() int { return p.Due.DaysSince(p.From) }

func (p Period) span() span { return span{p.From, p.Due} }

// Planner gives the pieces of which Build makes a schedule to whoever has to
// plan a loan again while it runs. Amounts are minor units. A Planner keeps the
// first error of its arithmetic, see Err.
type Planner struct{ b *builder }

// NewPlanner returns the planner of the terms. It fails with ErrTerms.
func NewPlanner(t Terms) (*Planner, error) {
	b, err := newBuilder(&t)
	if err != nil {
		return nil, err
	}
	return &Planner{b}, nil
}

// Err returns the first error of the arithmetic so far, or nil. It wraps ErrTerms.
func (p *Planner) Err() error {
	if p.b.n.err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrTerms, p.b.n.err)
}

// Periods returns the regular periods.
func (p *Planner) Periods() []Period {
	periods := make([]Period, len(p.b.periods))
	for i, s := range p.b.periods {
		periods[i] = Period{s.from, s.due}
	}
	return periods
}

// Seed returns the day of the month that the due dates keep.
func (p *Planner) Seed() int { return p.b.seed }

// After returns the due date some periods after d, on the seed day of the month.
func (p *Planner) After(d civil.Date, periods, seed int) civil.Date {
	return p.b.t.after(d, periods, seed)
}

// Amount returns a decimal as money.
func (p *Planner) Amount(d amortization.Decimal) int64 { return p.b.n.money(d.Apd()) }

// ToMultiple rounds an amount to the multiple of an instalment.
func (p *Planner) ToMultiple(minor int64) int64 { return p.b.n.toMultiple(minor) }

// HasMultiple reports whether instalments are rounded to a multiple.
func (p *Planner) HasMultiple() bool { return p.b.n.multiple != nil }

// Share returns an amount over a count, as money.
func (p *Planner) Share(minor int64, count int) int64 {
	return p.b.n.money(p.b.n.quo(p.b.n.decimal(minor), whole(count)))
}

// Part returns an amount × days / of, as money.
func (p *Planner) Part(minor int64, days, of int) int64 {
	return p.b.n.money(p.b.n.quo(p.b.n.mul(p.b.n.decimal(minor), whole(days)), whole(of)))
}

// DownPayment returns the part of a disbursement that is due on its day.
func (p *Planner) DownPayment(minor int64) int64 {
	if p.b.t.DownPayment == nil {
		return 0
	}
	n := p.b.n
	return n.toMultiple(n.money(n.mul(n.decimal(minor), n.percent(p.b.t.DownPayment.Percent))))
}

// Charge returns the amount of a charge on a base of principal and interest.
func (p *Planner) Charge(c *Charge, principal, interest int64) int64 {
	return p.b.charge(c, [2]int64{principal, interest})
}

// Annuity returns the equal instalment of a cumulative loan, to the multiple.
func (p *Planner) Annuity(balance int64, count int) int64 {
	b := *p.b
	b.amortized = balance
	return b.annuity(count)
}

// FlatInterest returns the interest of a flat loan on an amount over the regular periods.
func (p *Planner) FlatInterest(amount int64, periods []Period) int64 {
	b := *p.b
	b.amortized, b.periods = amount, make([]span, len(periods))
	for i, x := range periods {
		b.periods[i] = x.span()
	}
	return b.flatInterest()
}

// FlatPrincipal returns the principal of one instalment, and how many repay any.
func (p *Planner) FlatPrincipal(amount int64, count int) (share int64, repaying int) {
	b := *p.b
	b.amortized = amount
	return b.flatPrincipal(count)
}

// Interest returns the interest of a cumulative, declining loan on a balance
// over a stretch of a period.
func (p *Planner) Interest(balance int64, period Period, from, to civil.Date) int64 {
	n, b := p.b.n, p.b
	switch {
	case from == period.From && to == period.Due:
		return n.money(n.mul(n.decimal(balance), b.decliningRate(period.span())))
	case b.t.InterestPeriod == "daily":
		return n.money(n.mul(n.decimal(balance), b.decliningRate(span{from, to})))
	}
	rate := n.mul(b.decliningRate(period.span()), n.quo(whole(to.DaysSince(from)), whole(period.Days())))
	return n.money(n.mul(n.decimal(balance), rate))
}

// Factor returns the rate factor of a segment of a progressive period.
func (p *Planner) Factor(period Period, from, to civil.Date) *apd.Decimal {
	return p.b.factor(period.span(), from, to)
}

// Sum adds factors.
func (p *Planner) Sum(factors ...*apd.Decimal) *apd.Decimal {
	sum := new(apd.Decimal)
	for i, f := range factors {
		if i == 0 {
			sum = f
			continue
		}
		sum = p.b.n.add(sum, f)
	}
	return sum
}

// Times returns a balance × a factor, as money.
func (p *Planner) Times(balance int64, factor *apd.Decimal) int64 {
	return p.b.n.money(p.b.n.mul(p.b.n.decimal(balance), factor))
}

// Instalment sizes the equal instalment of a progressive loan from the
// factors of its periods, to the multiple; smoothing is up to the caller.
func (p *Planner) Instalment(balance int64, factors []*apd.Decimal) int64 {
	return p.b.sized(balance, factors)
}

// Smoothed reports whether a gap between the last instalment and the others is
// so large that it is worth spreading over count instalments.
func (p *Planner) Smoothed(gap int64, count int) bool { return count > 1 && p.b.wide(gap, count) }

// AtRate returns the planner of the same terms at another annual rate.
func (p *Planner) AtRate(percent amortization.Decimal) *Planner {
	t, b := *p.b.t, *p.b
	t.AnnualRatePercent, b.t = percent, &t
	return &Planner{&b}
}

// Move makes the due date from fall on to, and re-seeds all later ones. The date
// may be one that an earlier move has made. It fails with ErrTerms when no
// period is due on from, or to is not after the start of that period.
func (p *Planner) Move(periods []Period, from, to civil.Date) ([]Period, error) {
	at := slices.IndexFunc(periods, func(x Period) bool { return x.Due == from })
	if at < 0 || !periods[at].From.Before(to) {
		return nil, errors.Join(ErrTerms, fmt.Errorf("cannot move due date %s to %s", from, to))
	}
	moved := slices.Clone(periods)
	moved[at].Due = to
	for k := at + 1; k < len(moved); k++ {
		moved[k] = Period{moved[k-1].Due, p.After(to, k-at, to.Day)}
	}
	return moved, nil
}

// After returns the date some periods after d, on the seed day of the month.
func (t *Terms) After(d civil.Date, periods, seed int) civil.Date { return t.after(d, periods, seed) }
