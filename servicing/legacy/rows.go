package legacy

import (
	"cloud.google.com/go/civil"
	"github.com/cockroachdb/apd/v3"
)

// Parts is an amount by component, in minor units.
type Parts struct{ Principal, Interest, Fees, Penalties int64 }

// Total returns the sum of the components.
func (p Parts) Total() int64 { return p.Principal + p.Interest + p.Fees + p.Penalties }

// Plus returns p + q.
func (p Parts) Plus(q Parts) Parts {
	return Parts{p.Principal + q.Principal, p.Interest + q.Interest, p.Fees + q.Fees, p.Penalties + q.Penalties}
}

// Minus returns p - q.
func (p Parts) Minus(q Parts) Parts {
	return Parts{p.Principal - q.Principal, p.Interest - q.Interest, p.Fees - q.Fees, p.Penalties - q.Penalties}
}

// component names one of the Parts.
type component int

const (
	principal component = iota
	interest
	fee
	penalty
)

var components = map[string]component{
	"principal": principal, "interest": interest, "fee": fee, "penalty": penalty,
}

// of returns the component of the parts.
func (c component) of(p *Parts) *int64 {
	switch c {
	case principal:
		return &p.Principal
	case interest:
		return &p.Interest
	case fee:
		return &p.Fees
	}
	return &p.Penalties
}

// Row is an instalment with what was paid of it.
type Row struct {
	// Number counts from 1, down payments included.
	Number int
	// From and Due bound the period; a down payment has no days.
	From, Due civil.Date
	// Factors are the rate factors of the segments of a progressive period.
	Factors []*apd.Decimal
	// The amount due, and what was paid, waived and written off of it.
	Parts
	Paid, Waived, WrittenOff Parts
	// Early and Late are what was paid before and after the due date.
	Early, Late int64
	// PaidOn is the day on which nothing was open any more, or zero.
	PaidOn civil.Date
	// Balance is the principal that the schedule leaves after the row.
	Balance int64
	// DownPayment rows are no regular instalment; Extra ones lie after maturity.
	DownPayment, Extra bool

	charges []share
	// lent is the event whose disbursement asks for this down payment.
	lent int
	// credited is the principal that chargebacks and refunds have added.
	credited int64
	// installment is the equal instalment of a progressive loan with interest.
	installment int64
	// opening is the balance in its period, and carried the interest that the one
	// before did not cover.
	opening, carried int64
	// settled keeps the interest of a progressive period that was paid in advance.
	settled  bool
	interest int64
}

// share is the part of a charge that a row bears.
type share struct {
	c      *charge
	amount int64
}

// Open returns what is not paid, waived or written off.
func (r *Row) Open() Parts { return r.Parts.Minus(r.Paid).Minus(r.Waived).Minus(r.WrittenOff) }

// Outstanding returns the total of Open.
func (r *Row) Outstanding() int64 { return r.Open().Total() }

// pay lays up to an amount on a component and returns what it took.
func (r *Row) pay(c component, on civil.Date, amount int64) Parts {
	open := r.Open()
	took := max(0, min(amount, *c.of(&open)))
	var parts Parts
	*c.of(&parts) = took
	r.Paid = r.Paid.Plus(parts)
	switch {
	case on.Before(r.Due):
		r.Early += took
	case on.After(r.Due):
		r.Late += took
	}
	if took > 0 {
		r.settle(on)
	}
	return parts
}

// settle notes the day on which nothing is open, or that something is.
func (r *Row) settle(on civil.Date) {
	switch {
	case r.Outstanding() > 0:
		r.PaidOn = civil.Date{}
	case r.PaidOn.IsZero():
		r.PaidOn = on
	}
}

// regular reports whether the row is part of the plan.
func (r *Row) regular() bool { return !r.DownPayment && !r.Extra }

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

	of     *Transaction // that a chargeback takes back
	charge *charge      // that a waiver or an adjustment concerns
	terms  *Event       // of a re_age
	part   string       // "down_payment" of a disbursement
	fraud  bool         // of a charge-off

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
