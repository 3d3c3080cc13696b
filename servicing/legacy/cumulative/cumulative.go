// Package cumulative plans a loan of an older core whose whole schedule is
// planned before payments are laid on it: with several disbursements, with
// reschedules, and again and again where interest follows the payments.
//
// A loan that is disbursed at once and never changed is amortization/legacy's
// alone. The package must not know transactions: it gets dates and amounts.
package cumulative

import (
	"cloud.google.com/go/civil"

	plan "github.com/tenor-lending/tenor/amortization/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy/history"
	"github.com/tenor-lending/tenor/servicing/legacy/table"
)

// Flow is money on a date, in minor units.
type Flow struct {
	On     civil.Date
	Amount int64
}

// Loan is what the plan depends on.
type Loan struct {
	Terms   *plan.Terms
	Planner *plan.Planner
	// Disbursements are by date, and there is at least one.
	Disbursements []Flow
	// Reschedules are in the order in which they were agreed.
	Reschedules []*history.Event
	// What follows only matters with Recalculation. Payments are by date.
	Recalculation *history.Recalculation
	Payments      []Flow
	Order         table.Order
	Charges       []*table.Charge
	// Today is the business date, and Effective the date from which the latest
	// event counts: periods that were over by then stay as they are in InForce.
	Today, Effective civil.Date
	InForce          []*table.Row
	// Settled keeps all of InForce: the plan was paid off as it stood.
	Settled bool
}

// Plan returns the rows of the plan, without charges and payments. It fails with
// the planner's ErrTerms or history.ErrHistory.
func Plan(l *Loan) ([]*table.Row, error) {
	c := &course{
		loan: l, p: l.Planner, lent: l.Disbursements, changes: map[int][]*history.Event{},
		count: l.Terms.NumberOfInstallments,
	}
	if err := c.layout(); err != nil {
		return nil, err
	}
	if l.Recalculation != nil {
		c.recalc = newRecalculation(l)
	}
	for k := range c.periods {
		c.period(k)
		if c.balance == 0 && len(c.lent) == 0 {
			break // rounded-up instalments, or an early payment, can end the loan early
		}
	}
	for i, r := range c.rows { // the money that was followed is laid on them again
		c.rows[i] = &table.Row{
			From: r.From, Due: r.Due, DownPayment: r.DownPayment,
			Parts: table.Parts{Principal: r.Principal, Interest: r.Interest},
		}
	}
	return c.rows, l.Planner.Err()
}
