package servicing

import (
	"slices"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing/posting"
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
	// WrittenDown loans were given up; what is paid later is recovered.
	WrittenDown Status = "WRITTEN_OFF"
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
	Allocation amortization.Order
	// Product is how the loan is serviced.
	Product Product
	// Revisions changed the plan since it was signed, in order.
	Revisions []Revision
	// Instalments are the rows of the plan, Planned of them, and after those what
	// was charged beside the plan, each with a due date of its own.
	Instalments []Instalment
	Planned     int
	// Undisbursed is principal of the plan that is not lent yet.
	Undisbursed money.Amount
	// Overpaid is owed to the borrower.
	Overpaid money.Amount
	// Exposure is all that was paid out or taken back less all that was paid in.
	Exposure money.Amount
	// Disbursement is the payout that was ordered last, by PayoutVersion, and PayoutAs
	// what that was in the journal; PayoutPending says that its outcome is open, and PayoutFailed that it was
	// refused. Tranches counts the payouts that were not.
	Disbursement  Disbursement
	PayoutPending bool
	PayoutFailed  bool
	PayoutVersion int64
	PayoutAs      posting.Transaction
	Tranches      int
	// Stage is the index of the product's stage plus one; 0 before any was found.
	Stage int
	// Provision is the expected loss in the books, as of ProvisionedOn.
	Provision     money.Amount
	ProvisionedOn civil.Date
	// Suspended says that interest is no income until it is paid.
	Suspended bool
	// WrittenOff is what was given up, and Recovered what came in of it.
	WrittenOff Parts
	Recovered  Parts
	Quotes     []Quote
	Pauses     []Pause
	// Deferrals are income that is earned later, as of EarnedOn.
	Deferrals []Deferral
	EarnedOn  civil.Date
	// The dates are zero until the event has happened. LastPaidOn is the latest
	// value date of a payment.
	ActivatedOn  civil.Date
	DisbursedOn  civil.Date
	LastPaidOn   civil.Date
	RepaidOn     civil.Date
	ClosedOn     civil.Date
	ChargedOffOn civil.Date
	WrittenOffOn civil.Date
	// Opened are the roles whose accounts the loan's entries have touched: the loan
	// has no other accounts yet.
	Opened posting.RoleSet
	// Through is where the fold stands: the latest input or day that changed something.
	Through Position
	// Version counts the facts.
	Version int64
}

// Disbursement is a payout. Gross = Net + LenderFees + ThirdPartyFees + UpfrontInterest.
type Disbursement struct {
	ID uuid.UUID `json:"id"`
	// Gross is the principal that is lent, and Net what the borrower receives.
	Gross money.Amount `json:"gross"`
	Net   money.Amount `json:"net"`
	// LenderFees and ThirdPartyFees are the charges deducted, by who receives them.
	LenderFees     money.Amount `json:"lender_fees"`
	ThirdPartyFees money.Amount `json:"third_party_fees"`
	// UpfrontInterest is the interest of odd days that is deducted.
	UpfrontInterest money.Amount `json:"upfront_interest"`
}

// Instalment is one row of the plan and what has become of it:
// Paid + Waived <= Accrued <= Charged for interest, fees and penalties, as long
// as the loan is in the books.
type Instalment struct {
	// Number counts the rows from 1.
	Number int        `json:"number"`
	Due    civil.Date `json:"due"`
	// Charged is what is owed in the end, Accrued what has become receivable
	// (income only), Paid what has been received, and Waived what was receivable
	// and forgiven, written off, or made principal of a new plan.
	Charged Parts `json:"charged"`
	Accrued Parts `json:"accrued"`
	Paid    Parts `json:"paid"`
	Waived  Parts `json:"waived"`
	// OverdueOn is the business date on which it was found overdue; zero if never.
	OverdueOn civil.Date `json:"overdue_on"`
	// LateFees counts the late fees on it, and LateCharged is their sum.
	LateFees    int          `json:"late_fees"`
	LateCharged money.Amount `json:"late_charged"`
}

func newInstalment(due civil.Date, charged Parts) Instalment {
	none := NoParts(charged.Principal.Currency())
	return Instalment{Due: due, Charged: charged, Accrued: none, Paid: none, Waived: none, LateCharged: none.Penalties}
}

// Open returns what is still owed of the instalment.
func (i *Instalment) Open() Parts { return i.Charged.Minus(i.Paid).Minus(i.Waived) }

// isOpen is !Open().IsZero().
func (i *Instalment) isOpen() bool {
	return i.Charged.Principal.Minor() != i.Paid.Principal.Minor()+i.Waived.Principal.Minor() ||
		i.Charged.Interest.Minor() != i.Paid.Interest.Minor()+i.Waived.Interest.Minor() ||
		i.Charged.Fees.Minor() != i.Paid.Fees.Minor()+i.Waived.Fees.Minor() ||
		i.Charged.Penalties.Minor() != i.Paid.Penalties.Minor()+i.Waived.Penalties.Minor()
}

// unaccrued returns the income that has not become receivable yet.
func (i *Instalment) unaccrued() Parts { return i.Charged.Minus(i.Accrued).income() }

// Position is a place in the order of inputs: by date, then by what is done
// first on one day, then by id.
type Position struct {
	On   civil.Date
	Rank int
	ID   uuid.UUID
}

// Currency returns the currency of the loan.
func (l *Loan) Currency() money.Currency { return l.Terms.Principal.Currency() }

// owes reports whether instalments mean a debt: the payout was ordered and not cancelled.
func (l *Loan) owes() bool { return l.Disbursement.ID != uuid.Nil && l.Status != Cancelled }

// Outstanding returns all that is lent or charged and open, due or not.
func (l *Loan) Outstanding() Parts {
	sum := NoParts(l.Currency())
	if !l.owes() {
		return sum
	}
	for i := range l.Instalments {
		sum = sum.Plus(l.Instalments[i].Open())
	}
	sum.Principal = shift(sum.Principal, -l.Undisbursed.Minor())
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
	next := -1
	for i := range l.Instalments {
		row := &l.Instalments[i]
		if l.owes() && row.Due.After(on) && row.isOpen() && (next < 0 || row.Due.Before(l.Instalments[next].Due)) {
			next = i
		}
	}
	if next < 0 {
		return Instalment{}, false
	}
	return l.Instalments[next], true
}

// InBooks reports whether the ledger carries the loan: it does until a charge-off.
func (l *Loan) InBooks() bool { return l.ChargedOffOn.IsZero() }

// Receivable returns what the ledger must hold for the loan by component:
// principal lent and not repaid, and income that is receivable and not received.
func (l *Loan) Receivable() Parts {
	sum := NoParts(l.Currency())
	if !l.owes() || !l.InBooks() {
		return sum
	}
	for i := range l.Instalments {
		row := &l.Instalments[i]
		booked := row.Accrued
		booked.Principal = row.Charged.Principal
		sum = sum.Plus(booked).Minus(row.Paid).Minus(row.Waived)
	}
	sum.Principal = shift(sum.Principal, -l.Undisbursed.Minor())
	return sum
}

// settled returns all interest that was paid, or was receivable and forgiven.
func (l *Loan) settledInterest() int64 {
	sum := int64(0)
	for i := range l.Instalments {
		sum += l.Instalments[i].Paid.Interest.Minor() + l.Instalments[i].Waived.Interest.Minor()
	}
	return sum
}

// clone returns a copy that shares no row with l.
func (l *Loan) clone() Loan {
	c := *l
	c.Instalments = slices.Clone(l.Instalments)
	return c
}
