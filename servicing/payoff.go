package servicing

import (
	"errors"
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// PayoffQuote is the amount that pays a loan off on a day.
type PayoffQuote struct {
	// On is the day for which the quote is good.
	On civil.Date `json:"on"`
	// Principal is all that is lent and open, Interest what is earned and unpaid,
	// Fees what is open of the instalments due by On and of charges beside the
	// plan, and Penalties all that are open.
	Principal money.Amount `json:"principal"`
	Interest  money.Amount `json:"interest"`
	Fees      money.Amount `json:"fees"`
	Penalties money.Amount `json:"penalties"`
	// Credit is interest that was paid in advance and is not earned: it repays
	// principal, at most all of it. What exceeds the principal will be overpaid.
	Credit money.Amount `json:"credit"`
	// Total = Principal + Interest + Fees + Penalties - Credit.
	Total money.Amount `json:"total"`
	// PerDiem is the interest that the next day adds.
	PerDiem money.Amount `json:"per_diem"`
}

// PayoffQuote returns what closes the loan on a day, which may lie in the
// future but not before the disbursement or the last payment. The errors are
// ErrNotActive and InvalidError.
func (l *Loan) PayoffQuote(on civil.Date) (PayoffQuote, error) {
	if l.Status != Active {
		return PayoffQuote{}, fmt.Errorf("%w: it is %s", ErrNotActive, l.Status)
	}
	if !on.IsValid() || on.Before(l.DisbursedOn) || on.Before(l.LastPaidOn) {
		return PayoffQuote{}, invalid("date", "must not be before the disbursement on %s or the last payment", l.DisbursedOn)
	}
	e := engine{loan: l.clone()}
	if err := e.advance(on); err != nil { // late fees to come are part of it
		return PayoffQuote{}, err
	}
	plan, err := e.planPayoff(on)
	return plan.quote, err
}

// payoffPlan is a quote with the instalments as they are cut by it, and where
// interest goes that was paid in advance.
type payoffPlan struct {
	quote                  PayoffQuote
	rows                   []Instalment
	taken, given, overpaid int64
}

func (e *engine) planPayoff(on civil.Date) (payoffPlan, error) {
	earned, perDiem, err := e.earned(on)
	if err != nil {
		return payoffPlan{}, err
	}
	left := e.loan.clone()
	plan := payoffPlan{taken: left.cutUnearned(earned.Minor())}
	left.cutFuture(on)
	left.cutUndisbursed()
	open := left.Outstanding() // before the credit
	plan.given = left.giveBack(plan.taken)
	plan.overpaid = plan.taken - plan.given
	plan.rows = left.Instalments
	plan.quote = PayoffQuote{
		On: on, Principal: open.Principal, Interest: open.Interest, Fees: open.Fees, Penalties: open.Penalties,
		Credit: e.minor(plan.given), Total: shift(open.Total(), -plan.given), PerDiem: perDiem,
	}
	return plan, nil
}

// earned returns the interest earned from the disbursement to the start of the
// day, and what that day adds. Before the disbursement date of the terms
// nothing is earned.
func (e *engine) earned(on civil.Date) (sum, perDiem money.Amount, err error) {
	schedule, err := e.schedule()
	if err != nil {
		return sum, perDiem, err
	}
	quote, err := amortization.Payoff(schedule, nil, on)
	if errors.Is(err, amortization.ErrDay) {
		return e.minor(0), e.minor(0), nil
	}
	if err != nil {
		return sum, perDiem, fmt.Errorf("payoff of loan %s: %w", e.loan.ID, err)
	}
	sum, err = amortization.Accrued(schedule, on)
	if err != nil {
		return sum, perDiem, fmt.Errorf("interest earned by loan %s: %w", e.loan.ID, err)
	}
	return sum, quote.PerDiem, nil
}

// cutUnearned removes interest that will not be earned, the latest instalment
// first: what is open of it is no longer charged, and what was paid of it is
// taken back. It returns the amount taken.
func (l *Loan) cutUnearned(earned int64) int64 {
	settled, open := l.settledInterest(), int64(0)
	for i := range l.Instalments {
		open += l.Instalments[i].Open().Interest.Minor()
	}
	cut := min(open, max(0, settled+open-earned))
	take := max(0, settled-earned)
	taken := int64(0)
	for i := len(l.Instalments) - 1; i >= 0 && cut+take > 0; i-- {
		row := &l.Instalments[i]
		cutHere := min(cut, row.Open().Interest.Minor())
		takeHere := min(take, row.Paid.Interest.Minor())
		cut, take, taken = cut-cutHere, take-takeHere, taken+takeHere
		row.Charged.Interest = shift(row.Charged.Interest, -cutHere-takeHere)
		row.Paid.Interest = shift(row.Paid.Interest, -takeHere)
	}
	return taken
}

// cutFuture removes the open fees of planned instalments that are due after the day.
func (l *Loan) cutFuture(on civil.Date) {
	for i := range l.Planned {
		row := &l.Instalments[i]
		if open := row.Open().Fees; row.Due.After(on) && open.IsPositive() {
			row.Charged.Fees = shift(row.Charged.Fees, -open.Minor())
		}
	}
}

// cutUndisbursed removes principal that is not lent yet.
func (l *Loan) cutUndisbursed() {
	left := l.Undisbursed.Minor()
	for i := l.Planned - 1; i >= 0 && left > 0; i-- {
		row := &l.Instalments[i]
		part := min(left, row.Open().Principal.Minor())
		row.Charged.Principal = shift(row.Charged.Principal, -part)
		left -= part
	}
	l.Undisbursed = money.New(left, l.Currency())
}

// giveBack lets the amount repay principal, the oldest instalment first, and
// returns how much it repaid.
func (l *Loan) giveBack(amount int64) int64 {
	left := amount
	for i := 0; i < len(l.Instalments) && left > 0; i++ {
		row := &l.Instalments[i]
		part := min(left, row.Open().Principal.Minor())
		row.Paid.Principal = shift(row.Paid.Principal, part)
		left -= part
	}
	return amount - left
}

// payOff cuts the plan and pays all that is left. A payoff that is short is
// refused when it is new; one that has become short by what came in later
// counts as a normal payment. One that answers a quote in time is enough.
func (e *engine) payOff(f *Paid) error {
	l := &e.loan
	plan, err := e.planPayoff(f.On)
	if err != nil {
		return err
	}
	short := plan.quote.Total.Minor() - f.Amount.Minor()
	if short > 0 {
		if err := l.honours(f, &plan); err != nil {
			if e.fresh {
				return err
			}
			return e.payOpen(f, f.Amount, func(*Instalment) bool { return true })
		}
	}
	l.Instalments, l.Undisbursed = plan.rows, e.minor(0)
	l.Overpaid = shift(l.Overpaid, plan.overpaid)
	e.reallocate(f.On, plan.given, plan.overpaid)
	e.accrue(f.On, (*Instalment).unaccrued) // also takes back what was receivable and has been cut
	if short > 0 {
		e.forgive(f.On, short)
	}
	var portions []Portion
	for i := range l.Instalments {
		if row := &l.Instalments[i]; row.isOpen() {
			portions = append(portions, Portion{Number: row.Number, Parts: row.Open()})
		}
	}
	e.receive(f, portions, e.minor(max(0, -short)))
	return nil
}

// reallocate books interest that was paid in advance and is not earned.
func (e *engine) reallocate(on civil.Date, principal, overpaid int64) {
	parts := e.none()
	if !e.loan.InBooks() {
		e.book(on, posting.ChargeOffRealloc, parts, overpaid)
		return
	}
	parts.Principal, parts.Interest = e.minor(principal), e.minor(-principal-overpaid)
	e.book(on, posting.Reallocation, parts, overpaid)
}

// Quote is a payoff that the lender promises: paid by Until it closes the loan,
// even if more has become due meanwhile. It is void only if more money is with
// the borrower than it was about: a payment bounced, or more was lent.
type Quote struct {
	ID uuid.UUID `json:"id"`
	// On is the day on which it is given, and Until the last value date on which it
	// is good: Payoff is for that day.
	On     civil.Date  `json:"on"`
	Until  civil.Date  `json:"until"`
	Payoff PayoffQuote `json:"payoff"`
	// ScheduleHash names the plan that it is about.
	ScheduleHash string `json:"schedule_hash"`
	// Exposure is that of the loan when it was given.
	Exposure money.Amount `json:"exposure"`
}

// QuotesMax bounds the quotes of a loan that are not expired, and quoteDaysMax
// for how long a quote is good.
const (
	QuotesMax    = 20
	quoteDaysMax = 366
)

// QuotePayoff promises the payoff from a day until another and records that:
// the quote is the last of the loan's Quotes. The errors are ErrNotActive and
// InvalidError.
func (l *Loan) QuotePayoff(id uuid.UUID, on, until, business civil.Date, history ...Fact) (Change, error) {
	return l.Do(PayoffPromise{ID: id, On: on, Until: until}, business, history...)
}

// PayoffPromise is the command of QuotePayoff.
type PayoffPromise struct {
	ID uuid.UUID
	// On is the day on which the quote is given, and Until the last on which it is good.
	On, Until civil.Date
}

func (q PayoffPromise) input(l *Loan, business civil.Date) (input, error) {
	if err := identified(q.ID); err != nil {
		return nil, err
	}
	if err := l.checkActive(q.On, business); err != nil {
		return nil, err
	}
	if !q.Until.IsValid() || q.Until.Before(q.On) || q.Until.DaysSince(q.On) > quoteDaysMax {
		return nil, invalid("until", "must be at most %d days after %s", quoteDaysMax, q.On)
	}
	payoff, err := l.PayoffQuote(q.Until)
	if err != nil {
		return nil, err
	}
	plan, err := l.Schedule()
	if err != nil {
		return nil, err
	}
	return Quoted{Booked: business, Quote: Quote{
		ID: q.ID, On: q.On, Until: q.Until, Payoff: payoff, ScheduleHash: plan.Hash(), Exposure: l.Exposure,
	}}, nil
}

func (f Quoted) booked() civil.Date { return f.Booked }

func (f Quoted) position() Position { return Position{On: f.On, Rank: rankQuote, ID: f.ID} }

func (f Quoted) apply(e *engine) (Fact, error) {
	l := &e.loan
	var live []Quote
	for _, q := range l.Quotes {
		if !q.Until.Before(f.On) {
			live = append(live, q)
		}
	}
	if e.fresh && len(live) >= QuotesMax {
		return nil, invalid("id", "would be more than %d quotes", QuotesMax)
	}
	l.Quotes = append(live, f.Quote)
	return f, nil
}

// honours returns nil if a quote lets the payment pay the loan off, and
// otherwise why not.
func (l *Loan) honours(f *Paid, plan *payoffPlan) error {
	if f.QuoteID == uuid.Nil {
		return &PayoffShortError{Quote: plan.quote}
	}
	for _, q := range l.Quotes {
		if q.ID != f.QuoteID {
			continue
		}
		switch {
		case f.On.Before(q.On) || f.On.After(q.Until):
			return fmt.Errorf("%w: it was good from %s to %s", ErrQuoteVoid, q.On, q.Until)
		case l.Exposure.Minor()+f.Amount.Minor() > q.Exposure.Minor():
			return fmt.Errorf("%w: more money is with the borrower than it was about", ErrQuoteVoid)
		case f.Amount.Minor() < q.Payoff.Total.Minor():
			return &PayoffShortError{Quote: q.Payoff}
		}
		return nil
	}
	return fmt.Errorf("%w: there is none with the id", ErrQuoteVoid)
}

// PayoffShortError says what would have been enough.
type PayoffShortError struct{ Quote PayoffQuote }

// Error names the payoff and its day.
func (e *PayoffShortError) Error() string {
	return fmt.Sprintf("%v: it is %s on %s", ErrPayoffShort, e.Quote.Total, e.Quote.On)
}

// Is makes every PayoffShortError match ErrPayoffShort.
func (e *PayoffShortError) Is(target error) bool { return target == ErrPayoffShort }
