package legacy

import (
	"github.com/cockroachdb/apd/v3"
)

// periodsPerYear returns how many units of the frequency make a year.
func (b *builder) periodsPerYear() int {
	switch b.t.RepaymentUnit {
	case "weeks":
		return 52
	case "months":
		return 12
	}
	return b.yearDays()
}

// yearDays returns the days of a year for nominal daily rates.
func (b *builder) yearDays() int {
	switch b.t.DayCount.DaysInYear {
	case "360":
		return 360
	case "364":
		return 364
	}
	return 365
}

// unitRate returns the rate per unit of the frequency, or per day.
func (b *builder) unitRate(perYear int) *apd.Decimal {
	return b.n.quo(b.n.percent(b.t.AnnualRatePercent), whole(perYear))
}

// flat plans interest on the whole principal over the whole term.
func (b *builder) flat() {
	n, t := b.n, b.t
	count := len(b.periods)
	total := b.flatInterest()
	paying := count - t.Grace.InterestFree
	share := n.money(n.quo(n.decimal(total), whole(count)))
	total -= int64(t.Grace.InterestFree) * share
	principalShare, repaying := b.flatPrincipal(count)
	balance, charged, carried := int64(0), int64(0), int64(0)
	for k, p := range b.periods {
		balance = b.disburse(p, balance)
		interest, principal := share, principalShare
		if k < t.Grace.InterestFree || paying == 0 || !b.disbursed {
			interest = 0
		}
		last := k == count-1
		if last {
			interest = total - charged
		}
		charged += interest
		interest, carried = b.carry(k, interest, carried)
		switch {
		case last:
			principal = balance
		case k < count-repaying:
			principal = 0
		case n.multiple != nil:
			principal = n.toMultiple(principalShare) + n.toMultiple(interest) - interest
		}
		principal = min(principal, balance)
		if principal == balance && b.disbursed {
			interest, carried = interest+carried, 0
		}
		if balance = b.add(p, balance, principal, interest); balance == 0 && b.disbursed {
			return // rounded-up instalments can end the loan early
		}
	}
}

// flatPrincipal returns the share of principal, and how many instalments repay any.
func (b *builder) flatPrincipal(count int) (share int64, repaying int) {
	n, t := b.n, b.t
	repaying = count - t.Grace.Principal
	if t.FixedPrincipalPercent != nil {
		return n.money(n.mul(n.decimal(b.amortized), n.percent(*t.FixedPrincipalPercent))), repaying
	}
	return n.money(n.quo(n.decimal(b.amortized), whole(repaying))), repaying
}

// flatInterest returns principal × rate of a unit × units of the term.
func (b *builder) flatInterest() int64 {
	n, t := b.n, b.t
	first, last := b.owing(b.periods[0].from), b.periods[len(b.periods)-1].due
	rate, term := b.unitRate(b.periodsPerYear()), whole(len(b.periods)*t.RepaymentEvery)
	if t.InterestPeriod == "daily" {
		rate, term = b.unitRate(b.yearDays()), whole(last.DaysSince(first))
	} else if t.PartialPeriodInterest {
		term = b.units(first, last)
	}
	return n.money(n.mul(n.decimal(b.amortized), n.mul(rate, term)))
}

// carry moves interest under grace of payment to the first instalment after it.
func (b *builder) carry(k int, interest, carried int64) (due, rest int64) {
	if k < b.t.Grace.InterestPayment && k < len(b.periods)-1 {
		return 0, carried + interest
	}
	return interest + carried, 0
}

// declining plans interest on the balance.
func (b *builder) declining() {
	n, t := b.n, b.t
	equal := t.Amortization == "equal_installments"
	instalment, share := int64(0), int64(0)
	repaying := len(b.periods) - t.Grace.Principal
	if equal {
		instalment = b.annuity(repaying)
	} else {
		share, _ = b.flatPrincipal(len(b.periods))
	}
	balance, carried := int64(0), int64(0)
	for k, p := range b.periods {
		balance = b.disburse(p, balance)
		interest := int64(0)
		if k >= t.Grace.InterestFree {
			interest = n.money(n.mul(n.decimal(balance), b.decliningRate(p)))
		}
		principal := share
		if equal {
			principal = instalment - interest
		}
		switch {
		case k == len(b.periods)-1:
			principal = balance
		case k < t.Grace.Principal:
			principal = 0
		}
		principal = max(0, min(principal, balance))
		if interest, carried = b.carry(k, interest, carried); principal == balance {
			interest, carried = interest+carried, 0
		}
		if balance = b.add(p, balance, principal, interest); balance == 0 && b.disbursed {
			return // a rounded-up instalment can end the loan early
		}
	}
}

// annuity returns the equal instalment on the nominal rate of a period.
func (b *builder) annuity(count int) int64 {
	n := b.n
	rate := b.nominalPeriodRate()
	if rate.IsZero() {
		return n.multipleOf(n.quo(n.decimal(b.amortized), whole(count)))
	}
	growth := n.power(n.add(whole(1), rate), count)
	payment := n.quo(n.mul(n.mul(n.decimal(b.amortized), rate), growth), n.sub(growth, whole(1)))
	return n.multipleOf(payment)
}

// nominalPeriodRate is the rate of a period that sizes the annuity: when daily,
// a month has 30 days.
func (b *builder) nominalPeriodRate() *apd.Decimal {
	n, t := b.n, b.t
	if t.InterestPeriod != "daily" {
		return n.mul(b.unitRate(b.periodsPerYear()), whole(t.RepaymentEvery))
	}
	return n.mul(b.unitRate(b.yearDays()), whole(t.RepaymentEvery*b.nominalDays()))
}

// nominalDays returns the nominal days of a unit of the frequency.
func (b *builder) nominalDays() int {
	switch b.t.RepaymentUnit {
	case "weeks":
		return 7
	case "months":
		return 30
	}
	return 1
}

// decliningRate returns the rate of one period on its balance.
func (b *builder) decliningRate(p span) *apd.Decimal {
	n, t := b.n, b.t
	from := b.owing(p.from)
	if t.InterestPeriod == "daily" {
		days := whole(p.due.DaysSince(from))
		if t.DayCount.DaysInMonth == "30" && t.RepaymentUnit == "months" {
			days = n.mul(b.units(from, p.due), whole(30))
		}
		return n.mul(b.unitRate(b.yearDays()), days)
	}
	units := whole(t.RepaymentEvery)
	if t.PartialPeriodInterest {
		units = b.units(from, p.due)
	}
	return n.mul(b.unitRate(b.periodsPerYear()), units)
}
