package event

import (
	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
)

// PaymentReceived says that a payment was posted or declared. Status is POSTED
// where it is booked with this event, and a PaymentVerified says how; DECLARED
// where it waits for proof.
type PaymentReceived struct {
	OnLoan
	PaymentID uuid.UUID    `json:"payment_id"`
	Status    string       `json:"status"`
	Amount    money.Amount `json:"amount"`
	ValueDate civil.Date   `json:"value_date"`
	Channel   string       `json:"channel"`
}

// Type implements Event.
func (PaymentReceived) Type() string { return "payment.received.v1" }

// PaymentVerified says that a payment is booked, and how it was split. The
// parts sum to Amount.
type PaymentVerified struct {
	OnLoan
	PaymentID uuid.UUID    `json:"payment_id"`
	Amount    money.Amount `json:"amount"`
	ValueDate civil.Date   `json:"value_date"`
	Principal money.Amount `json:"principal"`
	Interest  money.Amount `json:"interest"`
	Fees      money.Amount `json:"fees"`
	Penalties money.Amount `json:"penalties"`
	Overpaid  money.Amount `json:"overpaid"`
}

// Type implements Event.
func (PaymentVerified) Type() string { return "payment.verified.v1" }

// PaymentRejected says that a declared payment was not found to be true.
type PaymentRejected struct {
	OnLoan
	PaymentID uuid.UUID    `json:"payment_id"`
	Amount    money.Amount `json:"amount"`
	Reason    string       `json:"reason"`
}

// Type implements Event.
func (PaymentRejected) Type() string { return "payment.rejected.v1" }

// PaymentReversed says that a payment that was booked never counted: it bounced,
// or was a mistake.
type PaymentReversed struct {
	OnLoan
	PaymentID uuid.UUID    `json:"payment_id"`
	Amount    money.Amount `json:"amount"`
	Reason    string       `json:"reason"`
}

// Type implements Event.
func (PaymentReversed) Type() string { return "payment.reversed.v1" }

// LateFeeReversed says that a late fee that LateFeeCharged told of, with the same
// figures, never counted: something with an earlier value date came in late, such
// as the payment itself, or was reversed. A fee of another amount or day that
// takes its place is announced as charged.
type LateFeeReversed struct {
	OnLoan
	Instalment int          `json:"instalment"`
	DueDate    civil.Date   `json:"due_date"`
	Amount     money.Amount `json:"amount"`
	// ValueDate is that of the fee.
	ValueDate civil.Date `json:"value_date"`
}

// Type implements Event.
func (LateFeeReversed) Type() string { return "late_fee.reversed.v1" }

// LoanCharged says that a fee or penalty was charged beside the plan. Component
// is FEE or PENALTY.
type LoanCharged struct {
	OnLoan
	ChargeID  uuid.UUID    `json:"charge_id"`
	Component string       `json:"component"`
	Amount    money.Amount `json:"amount"`
	DueDate   civil.Date   `json:"due_date"`
	Reason    string       `json:"reason,omitempty"`
}

// Type implements Event.
func (LoanCharged) Type() string { return "loan.charged.v1" }

// LoanReopened says that a loan that was repaid and closed is owed again: a
// payment was reversed, or something came late.
type LoanReopened struct {
	OnLoan
	ValueDate   civil.Date   `json:"value_date"`
	Outstanding money.Amount `json:"outstanding"`
}

// Type implements Event.
func (LoanReopened) Type() string { return "loan.reopened.v1" }

// LoanFullyRepaid says that nothing is owed any more.
type LoanFullyRepaid struct {
	OnLoan
	ValueDate civil.Date `json:"value_date"`
}

// Type implements Event.
func (LoanFullyRepaid) Type() string { return "loan.fully.repaid.v1" }

// LoanCompleted says that the loan account is closed.
type LoanCompleted struct {
	OnLoan
	BusinessDate civil.Date `json:"business_date"`
}

// Type implements Event.
func (LoanCompleted) Type() string { return "loan.completed.v1" }
