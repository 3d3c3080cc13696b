package legacy

import (
	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/servicing/legacy/history"
	"github.com/tenor-lending/tenor/servicing/legacy/table"
)

// The types that a caller meets.
type (
	// Loan is a loan with its history.
	Loan = history.Loan
	// Event is one thing that happened to a loan.
	Event = history.Event
	// Row is an instalment.
	Row = table.Row
	// Parts is an amount by component.
	Parts = table.Parts
)

// ErrHistory means the terms or the events of a loan are malformed or contradict each other.
var ErrHistory = history.ErrHistory

// Transaction types.
const (
	Disbursement         = "disbursement"
	DownPayment          = "down_payment"
	FeeAtDisbursement    = "fee_at_disbursement"
	Repayment            = "repayment"
	GoodwillCredit       = "goodwill_credit"
	MerchantIssuedRefund = "merchant_issued_refund"
	PayoutRefund         = "payout_refund"
	ChargeAdjustment     = "charge_adjustment"
	ChargeWaiver         = "charge_waiver"
	Chargeback           = "chargeback"
	CreditBalanceRefund  = "credit_balance_refund"
	CashRefund           = "cash_refund"
	ChargeOff            = "charge_off"
	WriteOff             = "write_off"
	ReAge                = "re_age"
	ReAmortize           = "re_amortize"
	Accrual              = "accrual"
)

// Transaction is what an event did, or the end of a day.
type Transaction struct {
	// Event is the seq of the event, and DownPayment marks the one that a
	// disbursement pays by itself.
	Event int
	Type  string
	// Date is when it takes effect, RecordedOn when it was entered.
	Date, RecordedOn civil.Date
	Amount           int64
	// The split of the amount, what of it was overpaid, and the principal after it.
	Parts
	Overpaid int64
	Balance  int64
	// Reversed transactions keep their last split and balance.
	Reversed bool
	Channel  string

	of     *Transaction  // that a chargeback takes back
	charge *table.Charge // that a waiver or an adjustment concerns
	terms  *Event        // of a re_age
	part   string        // "down_payment" of a disbursement
	fraud  bool          // of a charge-off

	posted, inForce []Line // what was mirrored, with its mirror, and what stands
}

// pays reports whether the transaction brings money that is laid on instalments.
func (t *Transaction) pays() bool {
	switch t.Type {
	case Repayment, DownPayment, GoodwillCredit, MerchantIssuedRefund, PayoutRefund, ChargeAdjustment:
		return true
	}
	return false
}

// credits reports whether the transaction adds to what is owed.
func (t *Transaction) credits() bool { return t.Type == Chargeback || t.Type == CreditBalanceRefund }
