package servicing

import (
	"encoding/json"
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// Fact is something that happened to a loan, with the date from which it
// counts. Facts are never changed or removed.
type Fact interface {
	// Kind names the type of fact in storage.
	Kind() FactKind
	// Date is the effective date.
	Date() civil.Date
	// apply changes the state; ErrCorrupt if the fact cannot follow on it.
	apply(*Loan) error
}

// FactKind names a type of fact.
type FactKind string

// The kinds of facts.
const (
	KindActivated             FactKind = "ACTIVATED"
	KindDisbursementInitiated FactKind = "DISBURSEMENT_INITIATED"
	KindDisbursementCompleted FactKind = "DISBURSEMENT_COMPLETED"
	KindDisbursementFailed    FactKind = "DISBURSEMENT_FAILED"
	KindAccrued               FactKind = "ACCRUED"
	KindPaid                  FactKind = "PAID"
	KindCurtailed             FactKind = "CURTAILED"
	KindWentOverdue           FactKind = "WENT_OVERDUE"
	KindFullyRepaid           FactKind = "FULLY_REPAID"
	KindCompleted             FactKind = "COMPLETED"
)

// Portion is a part of one instalment.
type Portion struct {
	Number int   `json:"number"`
	Parts  Parts `json:"parts"`
}

// Activated says that the loan account exists, with the plan of its terms.
type Activated struct {
	On            civil.Date         `json:"on"`
	LoanID        uuid.UUID          `json:"loan_id"`
	ApplicationID uuid.UUID          `json:"application_id"`
	CustomerID    uuid.UUID          `json:"customer_id"`
	BookID        uuid.UUID          `json:"book_id"`
	Terms         amortization.Terms `json:"terms"`
	ScheduleHash  string             `json:"schedule_hash"`
	Allocation    amortization.Order `json:"allocation"`
}

// DisbursementInitiated says that the payout was ordered: the principal is lent.
type DisbursementInitiated struct {
	On           civil.Date   `json:"on"`
	Disbursement Disbursement `json:"disbursement"`
}

// DisbursementCompleted says that the money has left.
type DisbursementCompleted struct {
	On            civil.Date   `json:"on"`
	Disbursement  Disbursement `json:"disbursement"`
	BankReference string       `json:"bank_reference"`
}

// DisbursementFailed says that the money never left and the loan is cancelled.
type DisbursementFailed struct {
	On           civil.Date   `json:"on"`
	Disbursement Disbursement `json:"disbursement"`
	Reason       string       `json:"reason"`
}

// Accrued says that income became receivable; negative parts take back what
// turned out not to be owed.
type Accrued struct {
	On       civil.Date `json:"on"`
	Portions []Portion  `json:"portions"`
}

// Paid says that a payment was received and how it was split:
// Amount = Split.Total() + Overpaid, and Split is the sum of Portions.
type Paid struct {
	On        civil.Date   `json:"on"`
	PaymentID uuid.UUID    `json:"payment_id"`
	Amount    money.Amount `json:"amount"`
	Split     Parts        `json:"split"`
	Overpaid  money.Amount `json:"overpaid"`
	Portions  []Portion    `json:"portions"`
}

// Curtailed says that a payoff shortened the plan. Cuts are no longer charged.
// Taken is interest that was paid in advance and will not be earned; it went
// into Given (principal) and, beyond that, Overpaid.
type Curtailed struct {
	On       civil.Date   `json:"on"`
	Cuts     []Portion    `json:"cuts"`
	Taken    []Portion    `json:"taken,omitempty"`
	Given    []Portion    `json:"given,omitempty"`
	Overpaid money.Amount `json:"overpaid"`
}

// WentOverdue says that an instalment was open after its due date.
type WentOverdue struct {
	On          civil.Date   `json:"on"`
	Number      int          `json:"number"`
	Due         civil.Date   `json:"due"`
	Open        money.Amount `json:"open"`
	DaysPastDue int          `json:"days_past_due"`
}

// FullyRepaid says that nothing is owed any more.
type FullyRepaid struct {
	On civil.Date `json:"on"`
}

// Completed says that the loan account is closed.
type Completed struct {
	On civil.Date `json:"on"`
}

// Kind implements Fact.
func (Activated) Kind() FactKind { return KindActivated }

// Kind implements Fact.
func (DisbursementInitiated) Kind() FactKind { return KindDisbursementInitiated }

// Kind implements Fact.
func (DisbursementCompleted) Kind() FactKind { return KindDisbursementCompleted }

// Kind implements Fact.
func (DisbursementFailed) Kind() FactKind { return KindDisbursementFailed }

// Kind implements Fact.
func (Accrued) Kind() FactKind { return KindAccrued }

// Kind implements Fact.
func (Paid) Kind() FactKind { return KindPaid }

// Kind implements Fact.
func (Curtailed) Kind() FactKind { return KindCurtailed }

// Kind implements Fact.
func (WentOverdue) Kind() FactKind { return KindWentOverdue }

// Kind implements Fact.
func (FullyRepaid) Kind() FactKind { return KindFullyRepaid }

// Kind implements Fact.
func (Completed) Kind() FactKind { return KindCompleted }

// Date implements Fact.
func (f Activated) Date() civil.Date { return f.On }

// Date implements Fact.
func (f DisbursementInitiated) Date() civil.Date { return f.On }

// Date implements Fact.
func (f DisbursementCompleted) Date() civil.Date { return f.On }

// Date implements Fact.
func (f DisbursementFailed) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Accrued) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Paid) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Curtailed) Date() civil.Date { return f.On }

// Date implements Fact.
func (f WentOverdue) Date() civil.Date { return f.On }

// Date implements Fact.
func (f FullyRepaid) Date() civil.Date { return f.On }

// Date implements Fact.
func (f Completed) Date() civil.Date { return f.On }

// DecodeFact reads a fact from the JSON that json.Marshal makes of it.
func DecodeFact(kind FactKind, data []byte) (Fact, error) {
	switch kind {
	case KindActivated:
		return decodeAs[Activated](data)
	case KindDisbursementInitiated:
		return decodeAs[DisbursementInitiated](data)
	case KindDisbursementCompleted:
		return decodeAs[DisbursementCompleted](data)
	case KindDisbursementFailed:
		return decodeAs[DisbursementFailed](data)
	case KindAccrued:
		return decodeAs[Accrued](data)
	case KindPaid:
		return decodeAs[Paid](data)
	case KindCurtailed:
		return decodeAs[Curtailed](data)
	case KindWentOverdue:
		return decodeAs[WentOverdue](data)
	case KindFullyRepaid:
		return decodeAs[FullyRepaid](data)
	case KindCompleted:
		return decodeAs[Completed](data)
	}
	return nil, fmt.Errorf("%w: unknown kind %q", ErrCorrupt, kind)
}

func decodeAs[F Fact](data []byte) (Fact, error) {
	var f F
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, f.Kind(), err)
	}
	return f, nil
}
