package servicing

import (
	"fmt"
	"slices"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// Status is where a loan stands.
type Status string

// The statuses, in the order of a loan's life.
const (
	// Pending loans are activated; the payout is on its way.
	Pending Status = "PENDING"
	// Active loans are paid out and owed.
	Active Status = "ACTIVE"
	// Repaid loans owe nothing and wait for their closing.
	Repaid Status = "REPAID"
	// Closed loans are completed.
	Closed Status = "CLOSED"
	// Cancelled loans were never paid out.
	Cancelled Status = "CANCELLED"
)

// Loan is the state of one loan: the fold of its facts. Treat it as a value;
// commands return a changed copy.
type Loan struct {
	ID            uuid.UUID
	ApplicationID uuid.UUID
	CustomerID    uuid.UUID
	BookID        uuid.UUID
	Status        Status
	// Terms are the signed terms, and ScheduleHash the schedule that was signed with them.
	Terms        amortization.Terms
	ScheduleHash string
	// Allocation is the order in which payments cover what is open; the zero
	// Order goes by instalment, oldest first, with penalties, fees, interest, principal.
	Allocation  amortization.Order
	Instalments []Instalment
	// Overpaid is owed to the borrower.
	Overpaid     money.Amount
	Disbursement Disbursement
	// The dates are zero until the event has happened. LastPaidOn is the latest
	// value date of a payment.
	ActivatedOn civil.Date
	DisbursedOn civil.Date
	LastPaidOn  civil.Date
	RepaidOn    civil.Date
	ClosedOn    civil.Date
	// Version counts the facts.
	Version int64
}

// Disbursement is the payout of a loan. Gross = Net + LenderFees + ThirdPartyFees.
type Disbursement struct {
	ID uuid.UUID `json:"id"`
	// Gross is the principal of the loan, and Net what the borrower receives.
	Gross money.Amount `json:"gross"`
	Net   money.Amount `json:"net"`
	// LenderFees and ThirdPartyFees are the charges deducted, by who receives them.
	LenderFees     money.Amount `json:"lender_fees"`
	ThirdPartyFees money.Amount `json:"third_party_fees"`
}

// Instalment is one row of the plan and what has become of it:
// Paid <= Accrued <= Charged for interest, fees and penalties.
type Instalment struct {
	Number int        `json:"number"`
	Due    civil.Date `json:"due"`
	// Charged is what is owed in the end, Accrued what has become receivable
	// (income only), and Paid what has been received.
	Charged Parts `json:"charged"`
	Accrued Parts `json:"accrued"`
	Paid    Parts `json:"paid"`
	// OverdueOn is the business date on which it was found overdue; zero if never.
	OverdueOn civil.Date `json:"overdue_on"`
}

// Open returns what has not been paid of the instalment.
func (i *Instalment) Open() Parts { return i.Charged.Minus(i.Paid) }

// unaccrued returns the income that has not become receivable yet.
func (i *Instalment) unaccrued() Parts { return i.Charged.Minus(i.Accrued).income() }

// Currency returns the currency of the loan.
func (l *Loan) Currency() money.Currency { return l.Terms.Principal.Currency() }

// Schedule computes the plan again from the terms.
func (l *Loan) Schedule() (*amortization.Schedule, error) {
	s, err := amortization.New(l.Terms)
	if err != nil {
		return nil, fmt.Errorf("schedule of loan %s: %w", l.ID, err)
	}
	return s, nil
}

// owes reports whether instalments mean a debt: the payout was ordered and not cancelled.
func (l *Loan) owes() bool { return l.Disbursement.ID != uuid.Nil && l.Status != Cancelled }

// Outstanding returns all that is open of every instalment, due or not.
func (l *Loan) Outstanding() Parts {
	sum := NoParts(l.Currency())
	if !l.owes() {
		return sum
	}
	for i := range l.Instalments {
		sum = sum.Plus(l.Instalments[i].Open())
	}
	return sum
}

// DueNow returns what is open of the instalments due by the business date on.
func (l *Loan) DueNow(on civil.Date) Parts {
	sum := NoParts(l.Currency())
	if !l.owes() {
		return sum
	}
	for i := range l.Instalments {
		if !l.Instalments[i].Due.After(on) {
			sum = sum.Plus(l.Instalments[i].Open())
		}
	}
	return sum
}

// NextDue returns the first instalment after the business date on that has
// something open; false if there is none.
func (l *Loan) NextDue(on civil.Date) (Instalment, bool) {
	for i := range l.Instalments {
		row := &l.Instalments[i]
		if l.owes() && row.Due.After(on) && !row.Open().IsZero() {
			return *row, true
		}
	}
	return Instalment{}, false
}

// PastDueSince returns the due date of the oldest instalment that is open and
// due before on; the zero date if there is none.
func (l *Loan) PastDueSince(on civil.Date) civil.Date {
	for i := range l.Instalments {
		row := &l.Instalments[i]
		if l.owes() && row.Due.Before(on) && !row.Open().IsZero() {
			return row.Due
		}
	}
	return civil.Date{}
}

// DaysPastDue returns the days from PastDueSince to on; 0 if nothing is past due.
func (l *Loan) DaysPastDue(on civil.Date) int {
	since := l.PastDueSince(on)
	if since.IsZero() {
		return 0
	}
	return on.DaysSince(since)
}

// AttentionOn returns the first business date whose start will change the loan
// (see StartDay) if nothing else happens; the zero date if none will.
func (l *Loan) AttentionOn() civil.Date {
	first := civil.Date{}
	if l.Status != Active {
		return first
	}
	for i := range l.Instalments {
		row := &l.Instalments[i]
		on := civil.Date{}
		switch {
		case !row.unaccrued().IsZero():
			on = row.Due
		case row.OverdueOn.IsZero() && !row.Open().IsZero():
			on = row.Due.AddDays(1)
		default:
			continue
		}
		if first.IsZero() || on.Before(first) {
			first = on
		}
	}
	return first
}

// Receivable returns what the ledger must hold for the loan by component:
// principal lent and not repaid, and income that is receivable and not received.
func (l *Loan) Receivable() Parts {
	sum := NoParts(l.Currency())
	if !l.owes() {
		return sum
	}
	for i := range l.Instalments {
		row := &l.Instalments[i]
		booked := row.Accrued
		booked.Principal = row.Charged.Principal
		sum = sum.Plus(booked.Minus(row.Paid))
	}
	return sum
}

// paid returns all that has been received and not credited back.
func (l *Loan) paid() Parts {
	sum := NoParts(l.Currency())
	for i := range l.Instalments {
		sum = sum.Plus(l.Instalments[i].Paid)
	}
	return sum
}

// clone returns a copy that shares no row with l.
func (l *Loan) clone() Loan {
	c := *l
	c.Instalments = slices.Clone(l.Instalments)
	return c
}
