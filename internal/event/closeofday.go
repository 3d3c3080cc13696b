package event

import (
	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
)

// PaymentOverdue says that an instalment was not paid by its due date. It is
// announced once per instalment, by close-of-day.
type PaymentOverdue struct {
	OnLoan
	Instalment    int          `json:"instalment"`
	DueDate       civil.Date   `json:"due_date"`
	AmountOverdue money.Amount `json:"amount_overdue"`
	DaysPastDue   int          `json:"days_past_due"`
}

// Type implements Event.
func (PaymentOverdue) Type() string { return "payment.overdue.v1" }

// LateFeeCharged says that a late fee was charged on an instalment that is
// overdue, from a value date. It is announced once per fee. Like every announcement it
// says what was done then: LateFeeReversed says that it no longer counts.
type LateFeeCharged struct {
	OnLoan
	Instalment  int          `json:"instalment"`
	DueDate     civil.Date   `json:"due_date"`
	Amount      money.Amount `json:"amount"`
	ValueDate   civil.Date   `json:"value_date"`
	DaysPastDue int          `json:"days_past_due"`
}

// Type implements Event.
func (LateFeeCharged) Type() string { return "late_fee.charged.v1" }

// LoanStageChanged says that a loan moved to another stage of impairment
// (IFRS 9), by its days past due. From is zero for the first stage that was found.
type LoanStageChanged struct {
	OnLoan
	ValueDate   civil.Date `json:"value_date"`
	From        int        `json:"from"`
	To          int        `json:"to"`
	DaysPastDue int        `json:"days_past_due"`
}

// Type implements Event.
func (LoanStageChanged) Type() string { return "loan.stage.changed.v1" }

// BusinessDayClosed says that a book's business date moved on. Days on which no
// loan changes may be closed together: Closed is then the last of them.
type BusinessDayClosed struct {
	BookID uuid.UUID  `json:"book_id"`
	Book   string     `json:"book"`
	Closed civil.Date `json:"closed"`
	Next   civil.Date `json:"next"`
}

// Type implements Event.
func (BusinessDayClosed) Type() string { return "business_day.closed.v1" }

// Topic implements Event.
func (BusinessDayClosed) Topic() string { return TopicServicing }

// Subject implements Event.
func (b BusinessDayClosed) Subject() uuid.UUID { return b.BookID }

// Key implements Event.
func (b BusinessDayClosed) Key() string { return b.BookID.String() }

// Aggregate implements Event.
func (BusinessDayClosed) Aggregate() string { return "book" }
