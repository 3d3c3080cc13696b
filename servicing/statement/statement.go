// Package statement is the statement of account of a loan: where it stood, what
// happened to it day by day, and where it stands, by component.
//
// Its balances are those of the loan's accounts in the ledger on each value
// date, because every line says what the journal entry of a fact says. Beside
// them stand lines that move nothing: what fell due, what was charged.
//
// The package is pure. It must not decide anything about a loan: package
// servicing does.
package statement

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// LinesMax bounds the lines of a statement: daily accrual over thirty years,
// and as much again.
const LinesMax = 25_000

// ErrTooLong means that a statement has more than LinesMax lines.
var ErrTooLong = errors.New("statement is too long")

// The kinds of lines that are not those of journal entries.
const (
	KindDue             = "DUE"
	KindCharge          = "CHARGE"
	KindLateFee         = "LATE_FEE"
	KindLateFeeReversed = "LATE_FEE_REVERSED"
	KindRescheduling    = "RESCHEDULING"
	KindClosed          = "CLOSED"
	KindReopened        = "REOPENED"
)

// Statement is a statement of account over some days.
type Statement struct {
	LoanID     uuid.UUID
	CustomerID uuid.UUID
	Status     servicing.Status
	Currency   money.Currency
	// From and Through are the first and the last value date.
	From, Through civil.Date
	// KnownAt is the instant after which nothing that was recorded counts; zero if
	// all that is known does.
	KnownAt time.Time
	// Opening is before the first line, and Closing after the last.
	Opening, Closing servicing.Balance
	Lines            []Line
}

// Line is something that happened.
type Line struct {
	// On is the value date, and Booked the business date on which it was recorded
	// if that is another one and known.
	On, Booked civil.Date
	// Kind is that of the journal entry, or one of the kinds above.
	Kind string
	// Text is for people.
	Text string
	// PaymentID names a payment.
	PaymentID uuid.UUID
	// Amount is what the line is about: the payment, the instalment, the charge. For
	// the rest it is what was moved in sum.
	Amount money.Amount
	// Allocation says how a payment was split; nil for the rest.
	Allocation *servicing.Balance
	// Change is what it moved, and Balance what was there after it.
	Change, Balance servicing.Balance
}

// New makes the statement of a loan from all its facts, in the order in which
// they were recorded. A zero from is its first day. The errors are ErrTooLong
// and servicing.InvalidError for days that are no period.
func New(l *servicing.Loan, facts []servicing.Fact, from, through civil.Date) (Statement, error) {
	if from.IsZero() {
		from = l.ActivatedOn
	}
	if !through.IsValid() || !from.IsValid() || through.Before(from) {
		return Statement{}, &servicing.InvalidError{
			Field: "from", Reason: fmt.Sprintf("must not be after %s", through),
		}
	}
	s := Statement{
		LoanID: l.ID, CustomerID: l.CustomerID, Status: l.Status, Currency: l.Currency(), From: from, Through: through,
		Opening: servicing.NoBalance(l.Currency()),
	}
	for _, fact := range facts {
		on := fact.Date()
		m := l.MovementOf(fact)
		switch {
		case on.After(through):
		case on.Before(from):
			s.Opening = s.Opening.Plus(m.Change)
		default:
			if line, ok := lineOf(fact, &m); ok {
				s.Lines = append(s.Lines, line)
			}
		}
	}
	s.Lines = append(s.Lines, dues(l, from, through)...)
	if len(s.Lines) > LinesMax {
		return Statement{}, fmt.Errorf("%w: %d lines, at most %d", ErrTooLong, len(s.Lines), LinesMax)
	}
	slices.SortStableFunc(s.Lines, func(a, b Line) int {
		if a.On != b.On {
			return a.On.Compare(b.On)
		}
		return a.rank() - b.rank()
	})
	s.Closing = s.Opening
	for i := range s.Lines {
		s.Closing = s.Closing.Plus(s.Lines[i].Change)
		s.Lines[i].Balance = s.Closing
	}
	return s, nil
}

// rank orders the lines of a day: what falls due, what becomes receivable, and
// then what is done about it.
func (l *Line) rank() int {
	switch {
	case l.Kind == KindDue:
		return 0
	case l.Kind == string(posting.Accrual) && l.Amount.IsPositive():
		return 1
	}
	return 2
}

// dues are the instalments of the plan, and the charges beside it, that fell due
// while the loan was owed.
func dues(l *servicing.Loan, from, through civil.Date) []Line {
	if l.DisbursedOn.IsZero() {
		return nil
	}
	var lines []Line
	for i := range l.Instalments {
		row := &l.Instalments[i]
		ended := !l.ClosedOn.IsZero() && row.Due.After(l.ClosedOn) ||
			!l.WrittenOffOn.IsZero() && row.Due.After(l.WrittenOffOn)
		if ended || row.Due.Before(from) || row.Due.After(through) || row.Charged.IsZero() {
			continue
		}
		text := fmt.Sprintf("Instalment %d of %d due", row.Number, l.Planned)
		if row.Number > l.Planned {
			text = "Due beside the plan"
		}
		lines = append(lines, Line{
			On: row.Due, Kind: KindDue, Text: text, Amount: row.Charged.Total(), Change: servicing.NoBalance(l.Currency()),
		})
	}
	return lines
}

// lineOf returns the line of a fact; false for facts that mean nothing to the
// borrower's account, such as a provision.
func lineOf(fact servicing.Fact, m *servicing.Movement) (Line, bool) {
	line := Line{On: fact.Date(), Booked: m.Booked, Kind: m.Kind, Change: m.Change, Text: texts[m.Kind]}
	if line.Booked == line.On {
		line.Booked = civil.Date{}
	}
	line.Amount = m.Change.Total()
	switch f := fact.(type) {
	case servicing.Paid:
		line.PaymentID, line.Amount = f.PaymentID, f.Amount
		line.Allocation = &servicing.Balance{Parts: f.Split, Overpaid: f.Overpaid}
		return line, true
	case servicing.DisbursementInitiated:
		line.Amount = f.Disbursement.Gross
	case servicing.DisbursementCompleted:
		line.Amount, line.Text = f.Disbursement.Net, "Paid out, bank reference "+f.BankReference
		return line, true
	case servicing.DisbursementFailed:
		line.Text = "The payout failed"
	case servicing.Refunded:
		line.Amount = f.Amount
		return line, true
	case servicing.ChargedBack:
		line.Amount = f.Amount
		return line, true
	case servicing.Waived:
		line.Kind, line.Amount, line.Text = string(posting.Waiver), f.Amount, texts[string(posting.Waiver)]
		return line, true
	case servicing.Charged:
		line.Kind, line.Amount, line.Text = KindCharge, f.Amount, fmt.Sprintf("Charge, due on %s", f.Due)
		return line, true
	case servicing.LateFeeCharged:
		line.Kind, line.Amount = KindLateFee, f.Amount
		line.Text = fmt.Sprintf("Late fee on instalment %d, %d days past due", f.Number, f.DaysPastDue)
		return line, true
	case servicing.LateFeeReversed:
		line.Kind, line.Amount = KindLateFeeReversed, f.Amount
		line.Text = fmt.Sprintf("Late fee on instalment %d taken back", f.Number)
		return line, true
	case servicing.Rescheduled:
		if line.Kind == "" {
			line.Kind, line.Text = KindRescheduling, "New plan agreed"
			return line, true
		}
	case servicing.Reversed:
		line.Kind, line.Text = ledger.KindReversal, "Reversed: "+f.Reason
		return line, true
	case servicing.WrittenOff:
		line.Kind, line.Text = string(posting.WriteOff), texts[string(posting.WriteOff)]
		return line, true
	case servicing.Completed:
		line.Kind, line.Text = KindClosed, "Repaid in full, account closed"
		return line, true
	case servicing.Reopened:
		line.Kind, line.Text = KindReopened, "Account opened again"
		return line, true
	}
	return line, !m.Change.IsZero()
}

// texts say in words what the kinds of journal entries are to a borrower.
var texts = map[string]string{
	string(posting.Disbursement):         "Loan disbursed",
	string(posting.DisbursementDeferred): "Loan disbursed",
	string(posting.Accrual):              "Interest and charges earned",
	string(posting.Suspension):           "Interest suspended",
	string(posting.Repayment):            "Payment",
	string(posting.Transfer):             "Payment by transfer",
	string(posting.DownPayment):          "Down payment",
	string(posting.MerchantRefund):       "Refund by the merchant",
	string(posting.PayoutRefund):         "Payout given back",
	string(posting.GoodwillCredit):       "Goodwill credit",
	string(posting.InterestRefund):       "Interest refunded",
	string(posting.FeeAdjustment):        "Fee adjusted",
	string(posting.PenaltyAdjustment):    "Penalty adjusted",
	string(posting.Reallocation):         "Interest paid in advance, credited",
	string(posting.Capitalisation):       "Arrears made principal",
	string(posting.CapitalisedIncome):    "Income made principal",
	string(posting.Waiver):               "Forgiven",
	string(posting.WriteOff):             "Written off",
	string(posting.Recovery):             "Recovered after write-off",
	string(posting.ChargeOff):            "Charged off",
	string(posting.ChargeOffFraud):       "Charged off",
	string(posting.ChargeOffRepayment):   "Payment after charge-off",
	string(posting.ChargeOffRefund):      "Refund after charge-off",
	string(posting.ChargeOffGoodwill):    "Credit after charge-off",
	string(posting.ChargeOffRealloc):     "Interest paid in advance, credited",
	string(posting.ChargeOffBack):        "Payment taken back",
	string(posting.ChargeOffReturn):      "Overpaid money refunded",
	string(posting.CreditRefund):         "Overpaid money refunded",
	string(posting.Chargeback):           "Payment taken back by the bank",
	string(posting.ActiveRefund):         "Payment given back",
	string(posting.Adjustment):           "Correction after a late entry",
}
