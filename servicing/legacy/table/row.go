package table

import (
	"cloud.google.com/go/civil"
	"github.com/cockroachdb/apd/v3"

	plan "github.com/tenor-lending/tenor/amortization/legacy"
)

// Row is an instalment with what was paid of it.
type Row struct {
	// Number counts from 1, down payments included.
	Number int
	// From and Due bound the period; a down payment has no days.
	From, Due civil.Date
	// Factors are the rate factors of the segments of a progressive period.
	Factors []*apd.Decimal
	// The amount due, and what was paid, waived and written off of it.
	Parts
	Paid, Waived, WrittenOff Parts
	// Early and Late are what was paid before and after the due date.
	Early, Late int64
	// PaidOn is the day on which nothing was open any more, or zero.
	PaidOn civil.Date
	// Balance is the principal that the schedule leaves after the row.
	Balance int64
	// DownPayment rows are no regular instalment; Extra ones lie after maturity.
	DownPayment, Extra bool
	// Shares are what the row bears of charges.
	Shares []Share
	// Credited is what chargebacks and refunds have added to the amount due.
	Credited Parts
}

// Period returns the period of the row.
func (r *Row) Period() plan.Period { return plan.Period{From: r.From, Due: r.Due} }

// Regular reports whether the row is part of the plan.
func (r *Row) Regular() bool { return !r.DownPayment && !r.Extra }

// Open returns what is not paid, waived or written off.
func (r *Row) Open() Parts { return r.Parts.Minus(r.Paid).Minus(r.Waived).Minus(r.WrittenOff) }

// Outstanding returns the total of Open.
func (r *Row) Outstanding() int64 { return r.Open().Total() }

// Pay lays up to an amount on a component and returns what it took.
func (r *Row) Pay(c Component, on civil.Date, amount int64) int64 {
	open := r.Open()
	took := max(0, min(amount, *c.Of(&open)))
	*c.Of(&r.Paid) += took
	switch {
	case on.Before(r.Due):
		r.Early += took
	case on.After(r.Due):
		r.Late += took
	}
	if took > 0 {
		r.Settle(on)
	}
	return took
}

// Unpay takes up to an amount back from what was paid and returns what it took.
func (r *Row) Unpay(c Component, amount int64) int64 {
	took := min(amount, *c.Of(&r.Paid))
	*c.Of(&r.Paid) -= took
	early := min(took, r.Early)
	r.Early -= early
	r.Late -= min(took-early, r.Late)
	return took
}

// Settle notes the day on which nothing is open, or that something is.
func (r *Row) Settle(on civil.Date) {
	switch {
	case r.Outstanding() > 0:
		r.PaidOn = civil.Date{}
	case r.PaidOn.IsZero():
		r.PaidOn = on
	}
}

// Release takes the open principal off the row and returns it.
func (r *Row) Release(on civil.Date) int64 {
	open := r.Open().Principal
	if open > 0 {
		r.Principal -= open
		r.Settle(on)
	}
	return open
}
