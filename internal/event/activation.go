package event

import (
	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
)

// LateFee is what a late instalment costs: a part of the key facts, because it is
// a contingent charge. The zero LateFee is none.
type LateFee struct {
	// GraceDays are the days after the due date on which nothing is charged.
	GraceDays int `json:"grace_days,omitempty"`
	// Tolerance is how much may be overdue without a fee.
	Tolerance money.Amount `json:"tolerance,omitzero"`
	// Amount is the fee; or it is Percent of the principal and interest that are
	// overdue, a decimal string, "" for none.
	Amount  money.Amount `json:"amount,omitzero"`
	Percent string       `json:"percent,omitempty"`
	// EveryDays charges it again after so many days; 0 means once an instalment.
	EveryDays int `json:"every_days,omitempty"`
	// Cap bounds the late fees of one instalment; zero means no bound.
	Cap money.Amount `json:"cap,omitzero"`
}

// LoanProductSaved says that a version of a product was added to the catalogue:
// how loans in the currency are serviced that are offered on EffectiveFrom and
// later. Versions count from 1; version 0 is built in, is never announced and has
// no late fee.
type LoanProductSaved struct {
	// ProductID is one for each code and currency.
	ProductID uuid.UUID `json:"product_id"`
	Code      string    `json:"code"`
	// Currency is an ISO 4217 code.
	Currency      string     `json:"currency"`
	Version       int64      `json:"version"`
	EffectiveFrom civil.Date `json:"effective_from"`
	LateFee       LateFee    `json:"late_fee,omitzero"`
}

// Type implements Event.
func (LoanProductSaved) Type() string { return "loan_product.saved.v1" }

// Topic implements Event.
func (LoanProductSaved) Topic() string { return TopicServicing }

// Subject implements Event.
func (p LoanProductSaved) Subject() uuid.UUID { return p.ProductID }

// Key implements Event.
func (p LoanProductSaved) Key() string { return p.ProductID.String() }

// Aggregate implements Event.
func (LoanProductSaved) Aggregate() string { return "loan_product" }

// LoanActivated says that a loan account exists.
type LoanActivated struct {
	OnLoan
	Principal    money.Amount `json:"principal"`
	BusinessDate civil.Date   `json:"business_date"`
}

// Type implements Event.
func (LoanActivated) Type() string { return "loan.activated.v1" }

// RepaymentScheduleCreated says what the borrower will owe and when.
type RepaymentScheduleCreated struct {
	OnLoan
	ScheduleHash string       `json:"schedule_hash"`
	Instalments  int          `json:"instalments"`
	FirstDueDate civil.Date   `json:"first_due_date"`
	LastDueDate  civil.Date   `json:"last_due_date"`
	TotalDue     money.Amount `json:"total_due"`
}

// Type implements Event.
func (RepaymentScheduleCreated) Type() string { return "repayment.schedule.created.v1" }

// DisbursementInitiated says that the payout was handed to the bank.
type DisbursementInitiated struct {
	OnLoan
	DisbursementID uuid.UUID    `json:"disbursement_id"`
	Amount         money.Amount `json:"amount"`
}

// Type implements Event.
func (DisbursementInitiated) Type() string { return "disbursement.initiated.v1" }

// DisbursementCompleted says that the borrower has the money.
type DisbursementCompleted struct {
	OnLoan
	DisbursementID uuid.UUID    `json:"disbursement_id"`
	Amount         money.Amount `json:"amount"`
	ValueDate      civil.Date   `json:"value_date"`
	BankReference  string       `json:"bank_reference"`
}

// Type implements Event.
func (DisbursementCompleted) Type() string { return "disbursement.completed.v1" }

// DisbursementFailed says that the payout did not reach the borrower and that
// the loan is cancelled.
type DisbursementFailed struct {
	OnLoan
	DisbursementID uuid.UUID    `json:"disbursement_id"`
	Amount         money.Amount `json:"amount"`
	Reason         string       `json:"reason"`
}

// Type implements Event.
func (DisbursementFailed) Type() string { return "disbursement.failed.v1" }
