package servicing

import (
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// Deferral is income that the lender has had and has not earned yet. It is
// earned in equal parts on the due dates of the plan that are still to come, and
// what is left when the loan ends or leaves the books.
type Deferral struct {
	// Earning is the transaction that recognises it.
	Earning posting.Transaction `json:"earning"`
	// Left is what is not earned yet.
	Left money.Amount `json:"left"`
}

// DeferralKind says what income is deferred.
type DeferralKind string

// The kinds of deferred income.
const (
	// Capitalised is a charge that becomes principal: the plan grows by it.
	Capitalised DeferralKind = "CAPITALISED_INCOME"
	// BuyDown is what a third party, such as a merchant, owes the lender for the
	// borrower's lower rate. It changes nothing for the borrower.
	BuyDown DeferralKind = "BUY_DOWN_FEE"
)

// IncomeDeferral is income of the lender that is earned over the rest of the plan.
type IncomeDeferral struct {
	ID     uuid.UUID    `json:"id"`
	By     DeferralKind `json:"by"`
	On     civil.Date   `json:"on"`
	Amount money.Amount `json:"amount"`
	Reason string       `json:"reason,omitempty"`
}

// DeferralsMax bounds the deferrals of a loan.
const DeferralsMax = 100

var deferralKinds = map[DeferralKind]struct{ made, earned posting.Transaction }{
	Capitalised: {posting.CapitalisedIncome, posting.CapitalisedEarned},
	BuyDown:     {posting.BuyDown, posting.BuyDownEarned},
}

// Defer books income that is earned over the rest of the plan: see
// IncomeDeferral. The errors are ErrNotActive, ErrWrongState, InvalidError and
// those of Do.
func (l *Loan) Defer(d IncomeDeferral, business civil.Date, history ...Fact) (Change, error) {
	return l.Do(d, business, history...)
}

func (d IncomeDeferral) input(l *Loan, business civil.Date) (input, error) {
	if err := identified(d.ID); err != nil {
		return nil, err
	}
	if err := l.checkActive(d.On, business); err != nil {
		return nil, err
	}
	if err := l.checkAmount(d.Amount); err != nil {
		return nil, err
	}
	if _, known := deferralKinds[d.By]; !known {
		return nil, invalid("by", "must be CAPITALISED_INCOME or BUY_DOWN_FEE")
	}
	return IncomeDeferred{IncomeDeferral: d, Booked: business}, nil
}

func (f IncomeDeferred) booked() civil.Date { return f.Booked }

func (f IncomeDeferred) position() Position { return Position{On: f.On, Rank: rankPlan, ID: f.ID} }

func (f IncomeDeferred) apply(e *engine) (Fact, error) {
	l := &e.loan
	f.Transaction = ""
	switch {
	case l.Status == Closed: // it was repaid by then
		return f, nil
	case l.Status != Active || !l.InBooks():
		return nil, fmt.Errorf("%w: it is %s, or off the books", ErrWrongState, l.Status)
	case l.duesAfter(f.On) == 0:
		return nil, invalid("on", "must be before the last due date")
	case len(l.Deferrals) >= DeferralsMax:
		return nil, invalid("id", "would be more than %d deferrals", DeferralsMax)
	}
	f.Transaction = deferralKinds[f.By].made
	if f.By == Capitalised {
		if err := e.capitaliseIncome(f.On, f.Amount); err != nil {
			return nil, err
		}
	}
	e.deferIncome(f.On, deferralKinds[f.By].earned, f.Amount)
	return f, nil
}

// capitaliseIncome makes the plan grow, as by a further disbursement.
func (e *engine) capitaliseIncome(on civil.Date, amount money.Amount) error {
	l := &e.loan
	if !l.allLent() || len(l.Revisions) >= RevisionsMax {
		return fmt.Errorf("%w: not all of its tranches are lent, or the plan was changed too often", ErrWrongState)
	}
	s, err := e.schedule()
	if err != nil {
		return err
	}
	revision := Revision{On: on, Change: &amortization.Rescheduling{Draw: amount}}
	revised, err := revision.of(s)
	if err != nil {
		return invalid("amount.amount", "must suit the plan: %v", err)
	}
	l.Exposure = shift(l.Exposure, amount.Minor())
	_, err = e.replan(&revision, revised)
	return err
}

// deferIncome adds a deferral that is earned from a day on.
func (e *engine) deferIncome(on civil.Date, earning posting.Transaction, amount money.Amount) {
	l := &e.loan
	if amount.IsZero() {
		return
	}
	if !l.deferred() {
		l.EarnedOn = on
	}
	l.Deferrals = append(l.Deferrals[:len(l.Deferrals):len(l.Deferrals)], Deferral{Earning: earning, Left: amount})
}

func (l *Loan) deferred() bool {
	for i := range l.Deferrals {
		if !l.Deferrals[i].Left.IsZero() {
			return true
		}
	}
	return false
}

// duesAfter counts the planned due dates after a day.
func (l *Loan) duesAfter(on civil.Date) int64 {
	count := int64(0)
	for i := range l.Planned {
		if l.Instalments[i].Due.After(on) {
			count++
		}
	}
	return count
}

// nextEarning returns the next day on which deferred income is earned; the zero
// date if there is none.
func (l *Loan) nextEarning() civil.Date {
	if !l.deferred() {
		return civil.Date{}
	}
	for i := range l.Planned {
		due := l.Instalments[i].Due
		if due.After(l.EarnedOn) && l.earns(1+l.duesAfter(due)) {
			return due
		}
	}
	return l.EarnedOn.AddDays(1) // the plan has become shorter
}

// earns reports whether one of so many equal parts is more than nothing.
func (l *Loan) earns(parts int64) bool {
	for i := range l.Deferrals {
		if half(l.Deferrals[i].Left.Minor(), parts) > 0 {
			return true
		}
	}
	return false
}

// earnDeferred recognises the part of a due date: what is left over the due
// dates from it on.
func (e *engine) earnDeferred(on civil.Date) {
	l := &e.loan
	next := l.nextEarning()
	if next.IsZero() || next.After(on) {
		return
	}
	parts := 1 + l.duesAfter(on)
	l.EarnedOn = on
	copied := append([]Deferral(nil), l.Deferrals...)
	for i := range copied {
		d := &copied[i]
		share := money.New(half(d.Left.Minor(), parts), l.Currency())
		d.Left = shift(d.Left, -share.Minor())
		e.bookOther(on, d.Earning, share)
	}
	l.Deferrals = copied
}

// half returns n divided by d, rounded half-even; both are above zero or n is zero.
func half(n, d int64) int64 {
	quotient, rest := n/d, n%d
	if rest > d-rest || (rest == d-rest && quotient%2 == 1) {
		quotient++
	}
	return quotient
}

// earnRest recognises all that is deferred, when a loan ends or leaves the books.
func (e *engine) earnRest(on civil.Date) {
	for _, d := range e.loan.Deferrals {
		e.bookOther(on, d.Earning, d.Left)
	}
	e.loan.Deferrals = nil
}

// bookOther records a movement that is no part of what the borrower owes.
func (e *engine) bookOther(on civil.Date, transaction posting.Transaction, amount money.Amount) {
	if !amount.IsZero() {
		e.add(Booked{On: on, Transaction: transaction, Parts: e.none(), Overpaid: e.minor(0), Other: amount})
	}
}

// DeferredIncome returns what is not earned yet.
func (l *Loan) DeferredIncome() money.Amount {
	sum := money.Zero(l.Currency())
	for i := range l.Deferrals {
		sum = shift(sum, l.Deferrals[i].Left.Minor())
	}
	return sum
}
