package servicing

import (
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/mutant"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// PaymentMax bounds one payment, in minor units.
const PaymentMax int64 = 100_000_000_000_000

// PaymentKind says what a payment is meant to do.
type PaymentKind string

// The kinds of payments.
const (
	// Normal pays instalments in the loan's order, those in advance included.
	Normal PaymentKind = "NORMAL"
	// Payoff pays the loan off early: see PayoffQuote.
	Payoff PaymentKind = "PAYOFF"
	// PrepayTerm and PrepayInstalment pay what is due, and with the rest principal,
	// so that the loan ends earlier, or its instalments become smaller: see
	// QuotePrepayment.
	PrepayTerm       PaymentKind = "PREPAY_TERM"
	PrepayInstalment PaymentKind = "PREPAY_INSTALMENT"
	// Recovery is paid on a loan that was written off.
	Recovery PaymentKind = "RECOVERY"
)

// The kinds of credits: they are allocated as Normal payments are, and booked
// as what they are. The money of a Transfer comes from another account of the
// borrower with the lender, by way of an account for transfers.
const (
	Transfer          PaymentKind = "TRANSFER"
	DownPayment       PaymentKind = "DOWN_PAYMENT"
	MerchantRefund    PaymentKind = "MERCHANT_REFUND"
	PayoutRefund      PaymentKind = "PAYOUT_REFUND"
	GoodwillCredit    PaymentKind = "GOODWILL_CREDIT"
	InterestRefund    PaymentKind = "INTEREST_REFUND"
	FeeAdjustment     PaymentKind = "FEE_ADJUSTMENT"
	PenaltyAdjustment PaymentKind = "PENALTY_ADJUSTMENT"
)

// paymentKinds says what each kind is in the journal, before and after a
// charge-off, and when it is done within a day.
var paymentKinds = map[PaymentKind]struct {
	in, off posting.Transaction
	rank    int
}{
	Normal:            {posting.Repayment, posting.ChargeOffRepayment, rankPayment},
	Transfer:          {posting.Transfer, posting.ChargeOffRepayment, rankTransfer},
	DownPayment:       {posting.DownPayment, posting.ChargeOffRepayment, rankDownPayment},
	MerchantRefund:    {posting.MerchantRefund, posting.ChargeOffRefund, rankMerchantRefund},
	PayoutRefund:      {posting.PayoutRefund, posting.ChargeOffRefund, rankPayoutRefund},
	GoodwillCredit:    {posting.GoodwillCredit, posting.ChargeOffGoodwill, rankGoodwill},
	InterestRefund:    {posting.InterestRefund, posting.ChargeOffGoodwill, rankInterestRefund},
	FeeAdjustment:     {posting.FeeAdjustment, posting.ChargeOffGoodwill, rankFeeAdjustment},
	PenaltyAdjustment: {posting.PenaltyAdjustment, posting.ChargeOffGoodwill, rankPenaltyAdjustment},
	PrepayTerm:        {posting.Repayment, posting.ChargeOffRepayment, rankPrepayment},
	PrepayInstalment:  {posting.Repayment, posting.ChargeOffRepayment, rankPrepayment},
	Payoff:            {posting.Repayment, posting.ChargeOffRepayment, rankPayoff},
	Recovery:          {posting.Repayment, posting.ChargeOffRepayment, rankRecovery}, // unless the loan is written off
}

// Payment is money that came in, or a credit that stands for it.
type Payment struct {
	ID     uuid.UUID
	Kind   PaymentKind
	Amount money.Amount
	// ValueDate is the day from which the money counts, from the disbursement
	// to the business date.
	ValueDate civil.Date
	// QuoteID is the quote that a Payoff answers, if any.
	QuoteID uuid.UUID
}

// CheckPayment reports whether the loan could take the payment on the business
// date: ErrNotActive, or an InvalidError that names the value at fault. A loan
// that was repaid or written off takes a payment that counts from before that.
func (l *Loan) CheckPayment(p Payment, business civil.Date) error {
	kind, known := paymentKinds[p.Kind]
	switch {
	case kind.rank == rankRecovery && l.Status != WrittenDown:
		return fmt.Errorf("%w: only a loan that was written off takes recoveries, it is %s", ErrNotActive, l.Status)
	case kind.rank != rankRecovery && !l.activeOn(p.ValueDate):
		return fmt.Errorf("%w: it is %s", ErrNotActive, l.Status)
	case !known:
		return invalid("kind", "must be NORMAL or PAYOFF")
	case p.Amount.Currency() != l.Currency():
		return invalid("amount.currency", "must be %s, the currency of the loan", l.Currency())
	case !p.Amount.IsPositive():
		return invalid("amount.amount", "must be above zero")
	case p.Amount.Minor() > PaymentMax:
		return invalid("amount.amount", "must be at most %s", money.New(PaymentMax, l.Currency()).Text())
	case p.ValueDate.After(business):
		return invalid("value_date", "must not be after the business date %s", business)
	case !p.ValueDate.IsValid() || p.ValueDate.Before(l.DisbursedOn):
		return invalid("value_date", "must not be before the disbursement on %s", l.DisbursedOn)
	case kind.rank == rankRecovery && p.ValueDate.Before(l.WrittenOffOn):
		return invalid("value_date", "must not be before the write-off on %s", l.WrittenOffOn)
	case p.Kind == Payoff && p.ValueDate.Before(l.LastPaidOn):
		return invalid("value_date", "a payoff must not be before the last payment of %s", l.LastPaidOn)
	}
	return nil
}

// Pay posts a payment on the business date. The errors are those of
// CheckPayment, ErrPayoffShort for a payoff below the quote, and those of Do.
func (l *Loan) Pay(p Payment, business civil.Date, history ...Fact) (Change, error) {
	return l.Do(p, business, history...)
}

func (p Payment) input(l *Loan, business civil.Date) (input, error) {
	if err := l.CheckPayment(p, business); err != nil {
		return nil, err
	}
	return Paid{
		On: p.ValueDate, Booked: business, PaymentID: p.ID, Payment: p.Kind, QuoteID: p.QuoteID, Amount: p.Amount,
		Split: NoParts(l.Currency()), Overpaid: money.Zero(l.Currency()),
	}, nil
}

func (f Paid) booked() civil.Date { return f.Booked }

func (f Paid) position() Position {
	return Position{On: f.On, Rank: paymentKinds[f.Payment].rank, ID: f.PaymentID}
}

func (f Paid) apply(e *engine) (Fact, error) {
	l := &e.loan
	kind, known := paymentKinds[f.Payment]
	if !known || l.DisbursedOn.IsZero() {
		return nil, fmt.Errorf("%w: payment %s of a loan that is %s", ErrNotActive, f.PaymentID, l.Status)
	}
	f.Transaction, f.Portions = kind.in, nil
	f.Split, f.Overpaid = e.none(), e.minor(0)
	if !l.InBooks() {
		f.Transaction = kind.off
	}
	l.LastPaidOn = later(l.LastPaidOn, f.On)
	l.Exposure = shift(l.Exposure, -f.Amount.Minor())
	switch {
	case l.Status == WrittenDown:
		f.Transaction = posting.Recovery
		if kind.off != posting.ChargeOffRepayment { // no cash, or not the borrower's
			f.Transaction = kind.off
		}
		e.recover(&f)
		return f, nil
	case l.Status != Active: // it was repaid by then
		e.receive(&f, nil, f.Amount)
		return f, nil
	}
	var err error
	switch {
	case f.Payment == Payoff:
		err = e.payOff(&f)
	case f.Payment == PrepayTerm:
		err = e.prepay(&f, amortization.ReduceTerm)
	case f.Payment == PrepayInstalment:
		err = e.prepay(&f, amortization.ReduceInstalment)
	case f.Payment == Normal && l.Product.Excess != "":
		err = e.prepay(&f, l.Product.Excess)
	default:
		err = e.payOpen(&f, f.Amount, func(*Instalment) bool { return true })
	}
	if err != nil {
		return nil, err
	}
	e.settle(f.On, f.Booked)
	return f, nil
}

// payOpen lets an amount cover what is open of some instalments in the order of
// the loan; what is left is overpaid.
func (e *engine) payOpen(f *Paid, amount money.Amount, which func(*Instalment) bool) error {
	allocation, err := amortization.Allocate(amount, f.On, e.loan.dueItems(which, amount.Minor()), e.loan.Allocation)
	if err != nil {
		return fmt.Errorf("allocating payment %s: %w", f.PaymentID, err)
	}
	portions := make([]Portion, len(allocation.Paid))
	for i := range allocation.Paid {
		paid := &allocation.Paid[i]
		portions[i] = Portion{Number: paid.Number, Parts: Parts{
			Principal: paid.Principal, Interest: paid.Interest, Fees: paid.Fee, Penalties: paid.Penalty,
		}}
	}
	if mutant.LossySplit && len(portions) > 0 {
		p := &portions[0].Parts
		if p.Principal.IsZero() && p.Interest.Minor() > 1 {
			p.Interest, p.Principal = shift(p.Interest, -1), shift(p.Principal, 1)
		}
	}
	e.receive(f, portions, allocation.Remainder)
	return nil
}

// dueItems returns what can be paid of some instalments: all that is open but
// principal that is not lent yet, which is repaid last. Where the order goes by
// instalment, those that an amount cannot reach are left out.
func (l *Loan) dueItems(which func(*Instalment) bool, amount int64) []amortization.DueItem {
	reach := l.byInstalment()
	var items []amortization.DueItem
	for i := range l.Instalments {
		row := &l.Instalments[i]
		if !row.isOpen() || !which(row) {
			continue
		}
		if reach && amount <= 0 {
			break
		}
		open := row.Open()
		amount -= open.Total().Minor()
		items = append(items, amortization.DueItem{
			Number: row.Number, Due: row.Due, Penalty: open.Penalties, Fee: open.Fees, Interest: open.Interest,
			Principal: open.Principal,
		})
	}
	if l.Undisbursed.IsZero() {
		return items
	}
	left := l.Undisbursed.Minor()
	for i := l.Planned - 1; i >= 0 && left > 0; i-- {
		row := &l.Instalments[i]
		part := min(left, row.Open().Principal.Minor())
		left -= part
		for at := range items {
			if items[at].Number == row.Number {
				items[at].Principal = shift(items[at].Principal, -part)
			}
		}
	}
	return items
}

// byInstalment reports whether one instalment after another is paid in full.
func (l *Loan) byInstalment() bool {
	o := &l.Allocation
	return o.Processing != amortization.Vertical && l.Undisbursed.IsZero() && l.Planned == len(l.Instalments) &&
		(len(o.Rules) == 0 || len(o.Rules) == len(components) && o.Rules[0].When == amortization.AnyTime)
}

// components are all that can be owed.
var components = [...]amortization.Component{
	amortization.PartPrincipal, amortization.PartInterest, amortization.PartFee, amortization.PartPenalty,
}

// receive adds portions and what is overpaid to a payment; income that is paid
// before it was receivable becomes so now.
func (e *engine) receive(f *Paid, portions []Portion, over money.Amount) {
	l, early := &e.loan, e.none()
	for i := range portions {
		portion := &portions[i]
		row := &l.Instalments[portion.Number-1]
		row.Paid = row.Paid.Plus(portion.Parts)
		f.Split = f.Split.Plus(portion.Parts)
		if missing := row.received(); l.InBooks() && !missing.IsZero() {
			row.Accrued = row.Accrued.Plus(missing)
			early = early.Plus(missing)
		}
	}
	e.book(f.On, posting.Accrual, early, 0)
	if f.Portions == nil {
		f.Portions = portions
	} else {
		f.Portions = append(f.Portions, portions...)
	}
	f.Overpaid = shift(f.Overpaid, over.Minor())
	l.Overpaid = shift(l.Overpaid, over.Minor())
}

// recover books a payment on a loan that was written off: up to what was given
// up, component by component; more is overpaid.
func (e *engine) recover(f *Paid) {
	l, left := &e.loan, f.Amount.Minor()
	missing := l.WrittenOff.Minus(l.Recovered)
	for _, c := range components {
		part := min(left, missing.of(c).Minor())
		*f.Split.of(c) = e.minor(part)
		left -= part
	}
	l.Recovered = l.Recovered.Plus(f.Split)
	f.Overpaid = e.minor(left)
	l.Overpaid = shift(l.Overpaid, left)
}

// Close completes a repaid loan on the business date. Closing again has no
// effect; while anything is owed it is an OutstandingError, and ErrNotActive
// for a loan that was cancelled or written off.
func (l *Loan) Close(business civil.Date) (Change, error) {
	switch open := l.Outstanding(); {
	case l.Status == Closed:
		return l.change(&engine{loan: l.clone()}, business)
	case l.Status == Cancelled || l.Status == WrittenDown:
		return Change{}, fmt.Errorf("%w: it is %s", ErrNotActive, l.Status)
	case !open.IsZero() || l.Status != Active:
		return Change{}, &OutstandingError{Amount: open.Total()}
	}
	if l.PayoutPending {
		return Change{}, fmt.Errorf("%w: a payout is on its way", ErrWrongState)
	}
	return Change{}, fmt.Errorf("%w: %s of loan %s is not lent yet", ErrWrongState, l.Undisbursed, l.ID)
}

// OutstandingError says what is still owed by a loan that should be closed.
type OutstandingError struct{ Amount money.Amount }

// Error names the amount.
func (e *OutstandingError) Error() string { return ErrOutstanding.Error() + ": " + e.Amount.String() }

// Is makes every OutstandingError match ErrOutstanding.
func (e *OutstandingError) Is(target error) bool { return target == ErrOutstanding }
