package servicing

import (
	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// Fact is something that happened to a loan, with the date from which it
// counts. Facts are never changed or removed.
//
// Some facts are inputs: what was done to the loan from outside. The state is
// their fold in the order of their dates, whenever they came in. All others
// follow from inputs and dates: the engine derives them, and they are kept
// because they were told to the world or booked.
type Fact interface {
	// Kind names the type of fact in storage.
	Kind() FactKind
	// Date is the effective date.
	Date() civil.Date
}

// FactKind names a type of fact.
type FactKind string

// The kinds of inputs.
const (
	KindActivated             FactKind = "ACTIVATED"
	KindDisbursementInitiated FactKind = "DISBURSEMENT_INITIATED"
	KindDisbursementCompleted FactKind = "DISBURSEMENT_COMPLETED"
	KindDisbursementFailed    FactKind = "DISBURSEMENT_FAILED"
	KindPaid                  FactKind = "PAID"
	KindCharged               FactKind = "CHARGED"
	KindWaived                FactKind = "WAIVED"
	KindRefunded              FactKind = "REFUNDED"
	KindChargedBack           FactKind = "CHARGED_BACK"
	KindRescheduled           FactKind = "RESCHEDULED"
	KindIncomeDeferred        FactKind = "INCOME_DEFERRED"
	KindPaused                FactKind = "PAUSED"
	KindQuoted                FactKind = "QUOTED"
	KindChargedOff            FactKind = "CHARGED_OFF"
	KindWrittenOff            FactKind = "WRITTEN_OFF"
	KindReversed              FactKind = "REVERSED"
)

// The kinds of derived facts.
const (
	KindBooked       FactKind = "BOOKED"
	KindAdjusted     FactKind = "ADJUSTED"
	KindWentOverdue  FactKind = "WENT_OVERDUE"
	KindLateFee      FactKind = "LATE_FEE_CHARGED"
	KindLateFeeBack  FactKind = "LATE_FEE_REVERSED"
	KindStageChanged FactKind = "STAGE_CHANGED"
	KindSuspended    FactKind = "SUSPENDED"
	KindFullyRepaid  FactKind = "FULLY_REPAID"
	KindCompleted    FactKind = "COMPLETED"
	KindReopened     FactKind = "REOPENED"
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
	Product       Product            `json:"product,omitzero"`
}

// DisbursementInitiated says that a payout was ordered: the money is lent.
type DisbursementInitiated struct {
	On           civil.Date          `json:"on"`
	Transaction  posting.Transaction `json:"transaction"`
	Disbursement Disbursement        `json:"disbursement"`
}

// DisbursementCompleted says that the money has left.
type DisbursementCompleted struct {
	On            civil.Date   `json:"on"`
	Disbursement  Disbursement `json:"disbursement"`
	BankReference string       `json:"bank_reference"`
}

// DisbursementFailed says that the money never left. A loan of which nothing
// was paid out is cancelled; a failed tranche may be ordered again.
type DisbursementFailed struct {
	On           civil.Date   `json:"on"`
	Disbursement Disbursement `json:"disbursement"`
	Reason       string       `json:"reason"`
	// Initiated is the version that ordered the payout, by Transaction: its entry is
	// mirrored.
	Initiated   int64               `json:"initiated"`
	Transaction posting.Transaction `json:"transaction"`
}

// Paid says that a payment was received and how it was split:
// Amount = Split.Total() + Overpaid, and Split is the sum of Portions.
type Paid struct {
	On        civil.Date   `json:"on"`
	Booked    civil.Date   `json:"booked"`
	PaymentID uuid.UUID    `json:"payment_id"`
	Payment   PaymentKind  `json:"payment"`
	QuoteID   uuid.UUID    `json:"quote_id,omitzero"`
	Amount    money.Amount `json:"amount"`
	// Transaction is what it is in the journal.
	Transaction posting.Transaction `json:"transaction"`
	Split       Parts               `json:"split"`
	Overpaid    money.Amount        `json:"overpaid"`
	Portions    []Portion           `json:"portions,omitempty"`
}

// Charged says that a fee or penalty was charged.
type Charged struct {
	Charge
	Booked civil.Date `json:"booked"`
}

// Waived says that something owed was forgiven. Parts is what had become
// receivable of it; the rest was not income yet.
type Waived struct {
	Waiver
	Booked      civil.Date          `json:"booked"`
	Transaction posting.Transaction `json:"transaction,omitempty"`
	Parts       Parts               `json:"parts"`
}

// Refunded says that overpaid money was given back. Beyond is what was no
// longer overpaid: the borrower owes it again.
type Refunded struct {
	Refund
	Booked      civil.Date          `json:"booked"`
	Transaction posting.Transaction `json:"transaction"`
	Beyond      money.Amount        `json:"beyond"`
}

// ChargedBack says that money of the borrower was taken back from the lender.
type ChargedBack struct {
	Chargeback
	Booked      civil.Date          `json:"booked"`
	Transaction posting.Transaction `json:"transaction"`
}

// Rescheduled says that a new plan was agreed. Arrears is what of the old plan
// became principal of the new one.
type Rescheduled struct {
	Rescheduling
	Booked  civil.Date `json:"booked"`
	Arrears Parts      `json:"arrears"`
}

// IncomeDeferred says that income was had that is earned later.
type IncomeDeferred struct {
	IncomeDeferral
	Booked      civil.Date          `json:"booked"`
	Transaction posting.Transaction `json:"transaction,omitempty"`
}

// Paused says that days do not count as past due.
type Paused struct {
	Pause
	Booked civil.Date `json:"booked"`
}

// Quoted says that a payoff was promised.
type Quoted struct {
	Quote
	Booked civil.Date `json:"booked"`
}

// ChargedOff says that the lender no longer counts on the loan; the borrower
// still owes it. Parts is what left the books.
type ChargedOff struct {
	ChargeOff
	Booked      civil.Date          `json:"booked"`
	Transaction posting.Transaction `json:"transaction,omitempty"`
	Parts       Parts               `json:"parts"`
}

// WrittenOff says that the lender gave up the loan. Parts is what left the books.
type WrittenOff struct {
	WriteOff
	Booked      civil.Date          `json:"booked"`
	Transaction posting.Transaction `json:"transaction,omitempty"`
	Parts       Parts               `json:"parts"`
}

// Reversed says that an earlier input never counted. On is the date of the target.
type Reversed struct {
	Reversal
	On     civil.Date `json:"on"`
	Booked civil.Date `json:"booked"`
	// Version is that of the target, and Lines mirror its entry; empty if it had none.
	Version int64          `json:"version"`
	Lines   []posting.Line `json:"lines,omitempty"`
}

// Booked says what followed for the books from a date or from an input beside
// what the input itself says: income became receivable (negative: no longer
// is), a late fee was charged, a provision changed.
type Booked struct {
	On          civil.Date          `json:"on"`
	Transaction posting.Transaction `json:"transaction"`
	Parts       Parts               `json:"parts"`
	Overpaid    money.Amount        `json:"overpaid"`
	// Other is a provision, or deferred income that is earned.
	Other money.Amount `json:"other"`
}

// Adjusted is the net difference, on one effective date, between what was
// booked and what should have been, now that a late input is known.
type Adjusted struct {
	On    civil.Date     `json:"on"`
	Lines []posting.Line `json:"lines"`
}

// WentOverdue says that an instalment was open after its due date.
type WentOverdue struct {
	On          civil.Date   `json:"on"`
	Number      int          `json:"number"`
	Due         civil.Date   `json:"due"`
	Open        money.Amount `json:"open"`
	DaysPastDue int          `json:"days_past_due"`
}

// LateFeeCharged says that a late fee was charged on an instalment: it is the
// Count-th one on it. What it moves in the books is Booked beside it.
type LateFeeCharged struct {
	On     civil.Date   `json:"on"`
	Number int          `json:"number"`
	Due    civil.Date   `json:"due"`
	Count  int          `json:"count"`
	Amount money.Amount `json:"amount"`
	// DaysPastDue are those of the instalment, paused days included.
	DaysPastDue int `json:"days_past_due"`
}

// LateFeeReversed says that a late fee that was told of never counted, because of
// an input that came late or was reversed. On, Number, Due, Count and Amount are
// those of the fee. What it moves in the books is Adjusted beside it.
type LateFeeReversed struct {
	On     civil.Date   `json:"on"`
	Number int          `json:"number"`
	Due    civil.Date   `json:"due"`
	Count  int          `json:"count"`
	Amount money.Amount `json:"amount"`
}

// StageChanged says that the loan moved to another stage of impairment (IFRS 9).
type StageChanged struct {
	On          civil.Date `json:"on"`
	From        int        `json:"from"`
	To          int        `json:"to"`
	DaysPastDue int        `json:"days_past_due"`
}

// Suspended says that interest stopped (or started again) to count as income
// before it is paid.
type Suspended struct {
	On          civil.Date `json:"on"`
	Suspended   bool       `json:"suspended"`
	DaysPastDue int        `json:"days_past_due"`
}

// FullyRepaid says that nothing is owed any more.
type FullyRepaid struct {
	On civil.Date `json:"on"`
}

// Completed says that the loan account is closed.
type Completed struct {
	On civil.Date `json:"on"`
	// Booked is the business date on which that was found.
	Booked civil.Date `json:"booked"`
}

// Reopened says that a closed loan is owed again, because of an input that
// came late or was reversed.
type Reopened struct {
	On civil.Date `json:"on"`
}
