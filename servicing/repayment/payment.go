package repayment

import (
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
)

// Status is where a payment stands.
type Status string

// The statuses. Payments by partners are POSTED at once.
const (
	// Declared payments wait for the borrower's proof.
	Declared Status = "DECLARED"
	// Proven payments wait for an officer.
	Proven Status = "PROVEN"
	// Posted payments are booked.
	Posted Status = "POSTED"
	// Rejected payments were not found to be true.
	Rejected Status = "REJECTED"
	// Reversed payments were posted and turned out not to be.
	Reversed Status = "REVERSED"
)

// Payment is a payment of a loan.
type Payment struct {
	ID        uuid.UUID             `json:"id"`
	LoanID    uuid.UUID             `json:"loan_id"`
	Status    Status                `json:"status"`
	Kind      servicing.PaymentKind `json:"kind"`
	Amount    money.Amount          `json:"amount"`
	ValueDate civil.Date            `json:"value_date"`
	QuoteID   uuid.UUID             `json:"quote_id"`
	Channel   string                `json:"channel"`
	Reference string                `json:"reference"`
	// Split and Overpaid sum to Amount once the payment is posted.
	Split     servicing.Parts `json:"split"`
	Overpaid  money.Amount    `json:"overpaid"`
	CreatedBy uuid.UUID       `json:"created_by"`
	CreatedAt time.Time       `json:"created_at"`
	// Proof is nil until the borrower has sent one.
	Proof *Proof `json:"proof,omitempty"`
	// DecidedBy, DecidedAt and Reason say who posted, rejected or reversed it, when
	// and why.
	DecidedBy *uuid.UUID `json:"decided_by,omitempty"`
	DecidedAt *time.Time `json:"decided_at,omitempty"`
	Reason    string     `json:"reason,omitempty"`
	// LoanStatus is that of the loan right after what was just done to the payment.
	LoanStatus servicing.Status `json:"loan_status,omitempty"`
}

// Proof describes the file with which a borrower proves a payment.
type Proof struct {
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	SHA256      string `json:"sha256"`
}

// NewPayment is what a payer says.
type NewPayment struct {
	LoanID uuid.UUID
	Amount money.Amount
	Kind   servicing.PaymentKind
	// ValueDate is the day from which the money counts; zero means the business date.
	ValueDate civil.Date
	// QuoteID is the quote that a payoff answers, if any.
	QuoteID   uuid.UUID
	Channel   string
	Reference string
}

// Outstanding is what is owed by a loan on the business date.
type Outstanding struct {
	LoanID       uuid.UUID
	Status       servicing.Status
	BusinessDate civil.Date
	// All is open by the schedule, due or not, and DueNow the part that is due.
	All    servicing.Parts
	DueNow servicing.Parts
	// NextDue is the next instalment with something open; nil if there is none.
	NextDue     *servicing.Instalment
	DaysPastDue int
	// PastDueSince is the due date of the oldest open instalment; zero if none is past due.
	PastDueSince civil.Date
	Overpaid     money.Amount
	// Payoff closes the loan today; nil unless the loan is active.
	Payoff *servicing.PayoffQuote
}
