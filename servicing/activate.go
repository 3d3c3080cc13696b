package servicing

import (
	"fmt"
	"slices"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// Activation is what a signed agreement becomes a loan with.
type Activation struct {
	LoanID         uuid.UUID
	ApplicationID  uuid.UUID
	CustomerID     uuid.UUID
	BookID         uuid.UUID
	DisbursementID uuid.UUID
	Terms          amortization.Terms
	// ScheduleHash is the hash of the schedule that was signed.
	ScheduleHash string
	// Allocation is the order in which payments will cover what is open.
	Allocation amortization.Order
	// On is the business date: the money is lent from this day. If it is not the
	// disbursement date of the terms the loan still follows the signed schedule,
	// because due dates and amounts are the contract.
	On civil.Date
}

// Activate opens the loan account with its plan and orders the payout. The
// errors are ErrScheduleHash and faults of the terms (amortization.Faults).
func Activate(a Activation) (Change, error) {
	schedule, err := amortization.New(a.Terms)
	if err != nil {
		return Change{}, fmt.Errorf("terms of application %s: %w", a.ApplicationID, err)
	}
	if schedule.Hash() != a.ScheduleHash {
		return Change{}, fmt.Errorf("application %s: %w", a.ApplicationID, ErrScheduleHash)
	}
	for _, row := range schedule.All() {
		if row.Interest.IsNegative() || row.Fees.IsNegative() {
			return Change{}, invalid("terms.annual_rate_percent", "must not make the borrower a creditor")
		}
	}
	if err := a.Allocation.Validate(); err != nil {
		return Change{}, fmt.Errorf("application %s: %w", a.ApplicationID, err)
	}
	disbursement, err := planDisbursement(a.DisbursementID, schedule)
	if err != nil {
		return Change{}, err
	}
	c := begin(&Loan{}, a.On)
	err = c.add(
		Activated{
			On: a.On, LoanID: a.LoanID, ApplicationID: a.ApplicationID, CustomerID: a.CustomerID, BookID: a.BookID,
			Terms: a.Terms, ScheduleHash: a.ScheduleHash, Allocation: a.Allocation,
		},
		DisbursementInitiated{On: a.On, Disbursement: disbursement})
	if err != nil {
		return Change{}, err
	}
	return c.finish()
}

// planDisbursement splits the principal into what is paid out and the charges
// that are deducted.
func planDisbursement(id uuid.UUID, s *amortization.Schedule) (Disbursement, error) {
	third := money.Zero(s.Terms.Principal.Currency())
	terms := s.Terms
	terms.Fees = slices.DeleteFunc(slices.Clone(terms.Fees), func(f amortization.Fee) bool {
		return f.Payee != amortization.ThirdParty || f.When != amortization.AtDisbursement
	})
	if len(terms.Fees) > 0 {
		others, err := amortization.New(terms)
		if err != nil {
			return Disbursement{}, fmt.Errorf("charges of third parties: %w", err)
		}
		third = others.Totals.UpfrontFees
	}
	return Disbursement{
		ID: id, Gross: s.Totals.Principal, Net: s.Totals.NetDisbursed,
		LenderFees: shift(s.Totals.UpfrontFees, -third.Minor()), ThirdPartyFees: third,
	}, nil
}

// CompleteDisbursement records that the payout was made on the business date.
// Hearing of it again has no effect; ErrWrongState if the loan was cancelled or
// has another disbursement.
func (l *Loan) CompleteDisbursement(id uuid.UUID, bankReference string, business civil.Date) (Change, error) {
	c := begin(l, business)
	if l.Disbursement.ID == id && !l.DisbursedOn.IsZero() {
		return c.finish()
	}
	if err := l.awaits(id); err != nil {
		return Change{}, err
	}
	fact := DisbursementCompleted{On: business, Disbursement: l.Disbursement, BankReference: bankReference}
	if err := c.add(fact); err != nil {
		return Change{}, err
	}
	return c.finish()
}

// FailDisbursement cancels a loan whose payout was refused for good: its
// entries are reversed. Again it has no effect; ErrWrongState if the money was paid out.
func (l *Loan) FailDisbursement(id uuid.UUID, reason string, business civil.Date) (Change, error) {
	c := begin(l, business)
	if l.Disbursement.ID == id && l.Status == Cancelled {
		return c.finish()
	}
	if err := l.awaits(id); err != nil {
		return Change{}, err
	}
	if err := c.add(DisbursementFailed{On: business, Disbursement: l.Disbursement, Reason: reason}); err != nil {
		return Change{}, err
	}
	return c.finish()
}
