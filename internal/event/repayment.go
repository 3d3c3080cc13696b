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

// LoanWaived says that something owed was forgiven. Component is INTEREST, FEE or
// PENALTY.
type LoanWaived struct {
	OnLoan
	ValueDate civil.Date   `json:"value_date"`
	Component string       `json:"component"`
	Amount    money.Amount `json:"amount"`
	Reason    string       `json:"reason,omitempty"`
}

// Type implements Event.
func (LoanWaived) Type() string { return "loan.waived.v1" }

// LoanRefunded says that money was given back to the borrower, mostly what was
// overpaid.
type LoanRefunded struct {
	OnLoan
	ValueDate civil.Date   `json:"value_date"`
	Amount    money.Amount `json:"amount"`
	Reason    string       `json:"reason,omitempty"`
}

// Type implements Event.
func (LoanRefunded) Type() string { return "loan.refunded.v1" }

// LoanChargedBack says that money which the borrower had paid was taken back from
// the lender: it is owed again.
type LoanChargedBack struct {
	OnLoan
	ValueDate civil.Date   `json:"value_date"`
	Amount    money.Amount `json:"amount"`
	Reason    string       `json:"reason,omitempty"`
}

// Type implements Event.
func (LoanChargedBack) Type() string { return "loan.charged_back.v1" }

// LoanRescheduled says that a new plan was agreed, of so many instalments with
// those of before. Outstanding is all that is owed, interest to come included.
type LoanRescheduled struct {
	OnLoan
	ValueDate   civil.Date   `json:"value_date"`
	Instalments int          `json:"instalments"`
	LastDueDate civil.Date   `json:"last_due_date"`
	Outstanding money.Amount `json:"outstanding"`
	Reason      string       `json:"reason,omitempty"`
}

// Type implements Event.
func (LoanRescheduled) Type() string { return "loan.rescheduled.v1" }

// LoanChargedOff says that the lender no longer counts on the loan, which the
// borrower still owes. Amount is what left the books.
type LoanChargedOff struct {
	OnLoan
	ValueDate civil.Date   `json:"value_date"`
	Amount    money.Amount `json:"amount"`
	Fraud     bool         `json:"fraud"`
	Reason    string       `json:"reason,omitempty"`
}

// Type implements Event.
func (LoanChargedOff) Type() string { return "loan.charged_off.v1" }

// LoanWrittenOff says that the lender gave the loan up; what is paid from now on is
// a recovery. Amount is what left the books, zero of a loan that was charged off.
type LoanWrittenOff struct {
	OnLoan
	ValueDate civil.Date   `json:"value_date"`
	Amount    money.Amount `json:"amount"`
	Reason    string       `json:"reason,omitempty"`
}

// Type implements Event.
func (LoanWrittenOff) Type() string { return "loan.written_off.v1" }

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
