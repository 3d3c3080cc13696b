package legacy

import (
	"slices"

	"cloud.google.com/go/civil"
	"github.com/cockroachdb/apd/v3"

	plan "github.com/tenor-lending/tenor/amortization/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy/table"
)

// interestBook computes the interest of a progressive loan from what was lent
// and repaid, and when.
type interestBook struct {
	s    *State
	lent []flow // what was lent to amortize, or is owed again by a row
	paid []flow // principal that was paid, by the row it was laid on
	// rates are the planners at the rates that a reschedule has set, by date.
	rates []rate
	of    map[*Row]*period
}

// period is what the book knows of a row.
type period struct {
	sized       bool  // something was lent before it is due
	installment int64 // that is asked for
	opening     int64 // balance in the period
	lent        int   // how much of what was lent that counts
	carried     int64 // interest that the period before did not cover
	// settled keeps what a period asked for that was paid in full before it was due.
	settled             bool
	principal, interest int64
}

func newInterestBook(s *State) *interestBook {
	b := &interestBook{s: s, of: map[*Row]*period{}}
	for _, r := range s.Rows {
		b.of[r] = &period{}
	}
	return b
}

// follows reports whether payments change the interest of a row. There is no
// book of a cumulative loan.
func (b *interestBook) follows(r *Row) bool {
	return b != nil && b.s.loan.Recalculation != nil && b.of[r] != nil && b.of[r].sized
}

type rate struct {
	from    civil.Date
	planner *plan.Planner
}

type flow struct {
	on     civil.Date
	amount int64
	row    *Row
}

// lend adds a disbursement.
func (b *interestBook) lend(t *Transaction, amount int64) {
	b.recompute(t.Date)
	b.lent = append(b.lent, flow{t.Date, amount, nil})
	if !b.resize(t.Date) { // after the last due date it bears none
		b.lent = b.lent[:len(b.lent)-1]
		b.s.extra(t.Date).Principal += amount
	}
}

// credit adds principal that a row owes again.
func (b *interestBook) credit(r *Row, on civil.Date, amount int64) {
	if b != nil && b.of[r] != nil && b.of[r].sized && amount > 0 {
		b.lent = append(b.lent, flow{on, amount, r})
	}
}

// charge charges another rate from a date on.
func (b *interestBook) charge(from civil.Date, p *plan.Planner) {
	b.rates = append(b.rates, rate{from, p})
	if len(b.lent) > 0 {
		b.recompute(from)
		b.resize(from)
	}
}

// resize sizes the equal instalment again from the period of a date on; on a due
// date from the next one. Earlier rows stay. It reports whether there is a row.
func (b *interestBook) resize(on civil.Date) bool {
	balance := int64(0)
	for _, f := range b.lent {
		balance += f.amount
	}
	rows := b.rows()
	for len(rows) > 0 && !rows[0].Due.After(on) {
		balance -= rows[0].Principal
		rows = rows[1:]
	}
	for _, r := range rows {
		balance -= r.Credited.Principal
	}
	if len(rows) == 0 {
		return false
	}
	factors := make([]*apd.Decimal, len(rows))
	for i, r := range rows {
		r.Factors = b.factors(r)
		factors[i] = b.s.planner.Sum(r.Factors...)
	}
	b.try(rows, b.s.planner.Instalment(balance, factors))
	gap := b.gap(rows)
	if b.s.planner.Smoothed(gap, len(rows)) {
		old := b.of[rows[0]].installment
		b.try(rows, b.s.planner.ToMultiple(old+b.s.planner.Share(gap, len(rows))))
		if abs(b.gap(rows)) >= abs(gap) {
			b.try(rows, old)
		}
	}
	return true
}

func abs(v int64) int64 { return max(v, -v) }

// try sets the instalment of the rows; what was paid in full may be open again.
func (b *interestBook) try(rows []*Row, installment int64) {
	for _, r := range rows {
		b.of[r].sized, b.of[r].settled, b.of[r].installment = true, false, installment
	}
	b.recompute(civil.Date{})
}

// gap returns by how much the last instalment exceeds the one before.
func (b *interestBook) gap(rows []*Row) int64 {
	last := rows[len(rows)-1]
	return last.Principal + last.Interest - b.of[last].installment
}

// factors returns the rate factors of the segments between which something was
// lent or the rate has changed.
func (b *interestBook) factors(r *Row) (list []*apd.Decimal) {
	dates := []civil.Date{r.From, r.Due}
	for _, f := range b.lent {
		dates = append(dates, f.on)
	}
	dates = b.segments(dates, r.From, r.Due)
	for i, from := range dates[:len(dates)-1] {
		list = append(list, b.planner(from).Factor(r.Period(), from, dates[i+1]))
	}
	return list
}

// segments sorts dates and those of rate changes, as far as they lie in a span.
func (b *interestBook) segments(dates []civil.Date, from, to civil.Date) []civil.Date {
	for _, x := range b.rates {
		dates = append(dates, x.from)
	}
	slices.SortFunc(dates, table.CompareDates)
	return slices.DeleteFunc(slices.Compact(dates), func(d civil.Date) bool { return d.Before(from) || d.After(to) })
}

// planner returns the planner at the rate of a date.
func (b *interestBook) planner(on civil.Date) *plan.Planner {
	p := b.s.planner
	for _, x := range b.rates {
		if !on.Before(x.from) {
			p = x.planner
		}
	}
	return p
}

// rows returns the rows that were planned from the start.
func (b *interestBook) rows() (rows []*Row) {
	for _, r := range b.s.Rows {
		if b.of[r] != nil {
			rows = append(rows, r)
		}
	}
	return rows
}

// recompute sets principal and interest of every row as seen on a business date:
// until then the balance is what was really owed, so that overdue principal bears
// interest; from then on all is paid when it is due. A zero date sees nothing as overdue.
func (b *interestBook) recompute(today civil.Date) {
	if len(b.lent) == 0 {
		return
	}
	if b.s.loan.Recalculation == nil {
		today = civil.Date{}
	}
	rows := b.rows()
	balance, unpaid, lent := int64(0), int64(0), 0
	for k, r := range rows {
		for lent < len(b.lent) && (b.lent[lent].on.Before(r.Due) || b.lent[lent].row == r) {
			balance += b.lent[lent].amount
			lent++
		}
		x := b.of[r]
		x.opening, x.carried, x.lent = balance, unpaid, lent
		if !x.sized {
			continue
		}
		earned := unpaid + b.earned(rows[:k], r, r.Due, today)
		interest := max(r.Paid.Interest-r.Credited.Interest, min(earned, x.installment))
		reserved := b.reserved(rows[k+1:], b.lent[lent:])
		principal := max(r.Paid.Principal, min(x.installment-interest+r.Credited.Principal, balance-reserved))
		switch {
		case x.settled:
			principal, interest = x.principal+r.Credited.Principal, x.interest
		case b.final(r, rows[k+1:]):
			principal, interest = balance-reserved, max(earned, interest)
		}
		unpaid = max(0, earned-interest)
		balance -= principal
		r.Principal, r.Interest = principal, interest+r.Credited.Interest
		r.Settle(r.PaidOn)
	}
}

// reserved returns what later rows need of the balance: what was paid in advance
// stays where it was laid, unless what is still to be lent covers it.
func (b *interestBook) reserved(later []*Row, toCome []flow) (amount int64) {
	for _, r := range later {
		if x := b.of[r]; x.settled {
			amount += x.principal + r.Credited.Principal
		} else {
			amount += r.Paid.Principal
		}
	}
	for _, f := range toCome {
		amount -= f.amount
	}
	return max(0, amount)
}

// final reports whether no later row can take what is left.
func (b *interestBook) final(r *Row, later []*Row) bool {
	return (len(later) == 0 || r.PaidOn.IsZero()) &&
		!slices.ContainsFunc(later, func(r *Row) bool { return !b.of[r].settled })
}

// earned returns the interest of a period up to a day, rounded per segment of
// constant balance.
func (b *interestBook) earned(before []*Row, r *Row, until, today civil.Date) (interest int64) {
	dates := []civil.Date{r.From, until, today}
	for _, f := range append(slices.Clone(b.lent), b.paid...) {
		dates = append(dates, f.on)
	}
	dates = b.segments(dates, r.From, until)
	same := func(i, k int) bool {
		return b.owed(before, r, dates[i], today) == b.owed(before, r, dates[k], today) &&
			b.planner(dates[i]) == b.planner(dates[k])
	}
	for i := 0; i < len(dates)-1; {
		end := i + 1
		for end < len(dates)-1 && same(i, end) {
			end++
		}
		factor := b.planner(dates[i]).Factor(r.Period(), dates[i], dates[end])
		interest += b.s.planner.Times(b.owed(before, r, dates[i], today), factor)
		i = end
	}
	return interest
}

// owed returns the balance on a date of a period: the planned one, less what was
// lent later and what was paid in advance, and until today with what is overdue.
func (b *interestBook) owed(before []*Row, r *Row, on, today civil.Date) int64 {
	planned := b.of[r].opening
	for _, f := range b.lent {
		if f.on.After(on) && f.on.Before(r.Due) {
			planned -= f.amount
		}
	}
	paid := map[*Row]int64{}
	for _, f := range b.paid {
		if b.s.loan.Recalculation != nil && !f.on.After(on) {
			paid[f.row] += f.amount
		}
	}
	for _, r := range before {
		if on.Before(today) {
			planned += r.Principal - paid[r]
		}
		delete(paid, r)
	}
	for _, amount := range paid {
		planned -= amount
	}
	return planned
}

// payable sets what a row asks for when it is paid in advance: interest up to the
// payment, or to the end of the running period, and principal up to the instalment.
func (b *interestBook) payable(r *Row, on civil.Date) {
	x := b.of[r]
	if x.settled {
		return
	}
	interest := b.payableInterest(r, on)
	r.Interest = max(r.Paid.Interest, interest+r.Credited.Interest)
	rows := b.rows()
	later := rows[slices.Index(rows, r)+1:]
	left := x.opening - b.reserved(later, b.lent[x.lent:])
	r.Principal = max(r.Paid.Principal, min(left, x.installment-interest+r.Credited.Principal))
	if b.final(r, later) {
		r.Principal = left
	}
}

// payableInterest returns the interest of a row for a payment before it is due.
func (b *interestBook) payableInterest(r *Row, on civil.Date) int64 {
	switch {
	case on.Before(r.From):
		return 0
	case b.s.loan.Recalculation.EarlyCloseInterest == "until_period_end":
		return r.Interest - r.Credited.Interest
	}
	rows := b.rows()
	return b.of[r].carried + b.earned(rows[:slices.Index(rows, r)], r, on, on)
}

// paidEarly keeps the interest of a row that was paid in full, and sees what the
// payment means for the others.
func (b *interestBook) paidEarly(r *Row, on civil.Date) {
	if x := b.of[r]; r.Outstanding() == 0 && r.Paid.Principal > 0 {
		x.settled, x.principal, x.interest = true, r.Principal-r.Credited.Principal, r.Interest-r.Credited.Interest
	}
	b.recompute(on)
}

// pays notes principal that was paid.
func (b *interestBook) pays(r *Row, on civil.Date, amount int64) {
	if b.follows(r) && amount > 0 {
		b.paid = append(b.paid, flow{on, amount, r})
	}
}
