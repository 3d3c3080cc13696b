package event

import (
	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
)

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
