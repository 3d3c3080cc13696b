package legacy

import (
	"time"

	"cloud.google.com/go/civil"
	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/amortization"
)

// evenly spreads the principal over the instalments due strictly after the
// disbursement; there is no interest.
func (b *builder) evenly() {
	n := b.n
	count := 0
	for _, p := range b.periods {
		if p.due.After(b.t.DisbursementDate) {
			count++
		}
	}
	share := int64(0)
	if count > 0 {
		share = n.toMultiple(n.money(n.quo(n.decimal(b.amortized), whole(count))))
	}
	balance := int64(0)
	for k, p := range b.periods {
		balance = b.disburse(p, balance)
		principal := min(share, balance)
		if k == len(b.periods)-1 {
			principal = balance
		}
		balance = b.add(p, balance, principal, 0)
	}
}

// progressive sizes the instalment from the factors of the periods, and keeps
// the last one close to the others. Periods that end by the disbursement stay
// empty.
func (b *builder) progressive() {
	first := 0
	for first < len(b.periods)-1 && !b.periods[first].due.After(b.t.DisbursementDate) {
		b.add(b.periods[first], 0, 0, 0)
		first++
	}
	owing := b.periods[first:]
	factors := make([]*apd.Decimal, len(owing))
	for k, p := range owing {
		factors[k] = b.factor(p, p.from, p.due)
		if p.from.Before(b.t.DisbursementDate) { // nothing is owed before the disbursement
			factors[k] = b.factor(p, b.t.DisbursementDate, p.due)
		}
	}
	instalment := b.smooth(b.sized(b.amortized, factors), factors)
	b.lay(instalment, owing, factors, b.disburse(owing[0], 0))
	if from := owing[0].from; from.Before(b.t.DisbursementDate) {
		row := &b.rows[len(b.rows)-len(owing)]
		row.Factors = append([]*apd.Decimal{b.factor(owing[0], from, b.t.DisbursementDate)}, row.Factors...)
	}
}

// sized returns the instalment that repays a balance over the periods of the factors.
func (b *builder) sized(balance int64, factors []*apd.Decimal) int64 {
	n := b.n
	growth, annuity := whole(1), whole(1)
	for k, f := range factors {
		grown := n.add(whole(1), f)
		growth = n.mul(growth, grown)
		if k > 0 {
			annuity = n.add(whole(1), n.mul(annuity, grown))
		}
	}
	return n.toMultiple(n.money(n.quo(n.mul(n.decimal(balance), growth), annuity)))
}

// wide reports whether 100 × |gap| exceeds half the count, rounded down.
func (b *builder) wide(gap int64, count int) bool {
	hundredths := b.n.mul(b.n.decimal(abs(gap)), whole(100))
	return hundredths.Cmp(whole(count/2)) > 0
}

// smooth spreads the difference of the last instalment over all of them when
// it is large, and keeps the result only when the difference becomes smaller.
func (b *builder) smooth(instalment int64, factors []*apd.Decimal) int64 {
	n, count := b.n, len(factors)
	if count < 2 {
		return instalment
	}
	gap := b.lay(instalment, nil, factors, b.amortized) - instalment
	if !b.wide(gap, count) {
		return instalment
	}
	share := n.money(n.quo(n.decimal(gap), whole(count)))
	adjusted := n.toMultiple(instalment + share)
	newGap := b.lay(adjusted, nil, factors, b.amortized) - adjusted
	if abs(newGap) < abs(gap) {
		return adjusted
	}
	return instalment
}

func abs(v int64) int64 { return max(v, -v) }

// lay returns the last instalment, and lays out the rows where the periods are given.
func (b *builder) lay(instalment int64, periods []span, factors []*apd.Decimal, balance int64) int64 {
	n, last, unpaid := b.n, len(factors)-1, int64(0)
	for k, f := range factors {
		interest := n.money(n.mul(n.decimal(balance), f)) + unpaid
		principal := instalment - interest
		unpaid = max(0, -principal) // interest that is not covered passes to the next period
		if k < last && principal < 0 {
			interest, principal = instalment, 0
		}
		principal = min(principal, balance)
		final := balance + interest
		if k == last {
			principal = balance
		}
		balance -= principal
		if periods != nil {
			b.add(periods[k], balance+principal, principal, interest, f)
		}
		if k == last {
			return final
		}
	}
	return 0
}

// factor is rate × (days of the unit × every / days of the year) × days of a
// segment / days of its period.
func (b *builder) factor(p span, from, to civil.Date) *apd.Decimal {
	n, t := b.n, b.t
	rate := n.percent(t.AnnualRatePercent)
	days, period := whole(to.DaysSince(from)), whole(p.due.DaysSince(p.from))
	actual := t.DayCount.DaysInYear == "actual"
	if actual && t.DayCount.DaysInMonth == "actual" && from.Year != to.Year {
		return n.mul(rate, n.mul(b.acrossYears(from, to), whole(t.RepaymentEvery)))
	}
	year := b.yearDays()
	if actual {
		year = amortization.DaysInYear(from.Year)
	}
	unit := n.quo(n.mul(whole(b.unitDays(from)), whole(t.RepaymentEvery)), whole(year))
	return n.quo(n.mul(n.mul(rate, unit), days), period)
}

// unitDays returns the days of a unit: 30 or the length of the month in which
// the segment starts, 7, or 1.
func (b *builder) unitDays(from civil.Date) int {
	if b.t.RepaymentUnit == "months" && b.t.DayCount.DaysInMonth == "actual" {
		return amortization.DaysInMonth(from.Year, from.Month)
	}
	return b.nominalDays()
}

// acrossYears sums the days up to 31 December and the days after, each over the
// length of its year.
func (b *builder) acrossYears(from, due civil.Date) *apd.Decimal {
	n, sum := b.n, whole(0)
	for year := from.Year; year <= due.Year; year++ {
		end := civil.Date{Year: year, Month: time.December, Day: 31}
		if due.Before(end) {
			end = due
		}
		sum = n.add(sum, n.quo(whole(end.DaysSince(from)), whole(amortization.DaysInYear(year))))
		from = end
	}
	return sum
}
