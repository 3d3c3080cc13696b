package loandb

import (
	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/servicing"
)

// fixedColumns are what never changes of the rows of loans, as arrays.
type fixedColumns struct {
	applications, customers, books []uuid.UUID
	currencies                     []string
	principals, parts              []int64
	activated                      []civil.Date
}

func (c *fixedColumns) add(l *servicing.Loan) {
	c.applications = append(c.applications, l.ApplicationID)
	c.customers = append(c.customers, l.CustomerID)
	c.books = append(c.books, l.BookID)
	c.currencies = append(c.currencies, l.Currency().Code())
	c.principals = append(c.principals, l.Terms.Principal.Minor())
	c.parts = append(c.parts, PartOf(l.ID))
	c.activated = append(c.activated, l.ActivatedOn)
}

func (c *fixedColumns) args() []any {
	return []any{c.applications, c.customers, c.books, c.currencies, c.principals, c.activated, c.parts}
}

// loanColumns are the state of loans and what SQL needs to know of it, as arrays.
type loanColumns struct {
	ids                                                  []uuid.UUID
	statuses                                             []string
	openPrincipal, openInterest, openFees, openPenalties []int64
	bookedPrincipal, bookedInterest, bookedFees          []int64
	bookedPenalties, overpaid, allowance, deferred       []int64
	disbursed, lastPaid, repaid, closed, due, attention  []*civil.Date
	matures                                              []civil.Date
	versions                                             []int64
	states                                               [][]byte
}

func (c *loanColumns) add(change *servicing.Change) error {
	l := &change.Loan
	state, err := servicing.EncodeLoan(l)
	if err != nil {
		return err
	}
	open, booked := l.Outstanding(), l.Receivable()
	c.ids = append(c.ids, l.ID)
	c.statuses = append(c.statuses, string(l.Status))
	c.openPrincipal = append(c.openPrincipal, open.Principal.Minor())
	c.openInterest = append(c.openInterest, open.Interest.Minor())
	c.openFees = append(c.openFees, open.Fees.Minor())
	c.openPenalties = append(c.openPenalties, open.Penalties.Minor())
	c.bookedPrincipal = append(c.bookedPrincipal, booked.Principal.Minor())
	c.bookedInterest = append(c.bookedInterest, booked.Interest.Minor())
	c.bookedFees = append(c.bookedFees, booked.Fees.Minor())
	c.bookedPenalties = append(c.bookedPenalties, booked.Penalties.Minor())
	c.overpaid = append(c.overpaid, l.Overpaid.Minor())
	c.allowance = append(c.allowance, l.Provision.Minor())
	c.deferred = append(c.deferred, l.DeferredIncome().Minor())
	c.disbursed = append(c.disbursed, orNull(l.DisbursedOn))
	c.lastPaid = append(c.lastPaid, orNull(l.LastPaidOn))
	c.repaid = append(c.repaid, orNull(l.RepaidOn))
	c.closed = append(c.closed, orNull(l.ClosedOn))
	c.matures = append(c.matures, l.Instalments[len(l.Instalments)-1].Due)
	c.due = append(c.due, orNull(l.PastDueSince(endOfTime)))
	c.attention = append(c.attention, orNull(change.Attention))
	c.versions = append(c.versions, l.Version)
	c.states = append(c.states, state)
	return nil
}

// endOfTime is after every due date: what is past due then is open now.
var endOfTime = civil.Date{Year: 9999, Month: 12, Day: 31}

func orNull(d civil.Date) *civil.Date {
	if d.IsZero() {
		return nil
	}
	return &d
}

// args are the parameters 1 to 22 of the statements that write loans.
func (c *loanColumns) args() []any {
	return []any{
		c.ids, c.statuses, c.openPrincipal, c.openInterest, c.openFees, c.openPenalties,
		c.bookedPrincipal, c.bookedInterest, c.bookedFees, c.bookedPenalties, c.overpaid,
		c.disbursed, c.lastPaid, c.repaid, c.closed, c.matures, c.due, c.attention, c.versions, c.states,
		c.allowance, c.deferred,
	}
}
