package servicing

import (
	"errors"
	"fmt"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// PayoffQuote is the amount that pays a loan off on a day.
type PayoffQuote struct {
	// On is the day for which the quote is good.
	On civil.Date `json:"on"`
	// Principal is all that is open, Interest what is earned and unpaid, Fees
	// what is open of the instalments due by On, and Penalties all that are open.
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
	plan, err := l.planPayoff(on)
	return plan.quote, err
}

// payoffPlan is a quote with what it does to the instalments.
type payoffPlan struct {
	quote   PayoffQuote
	curtail Curtailed
}

func (l *Loan) planPayoff(on civil.Date) (payoffPlan, error) {
	if l.Status != Active {
		return payoffPlan{}, fmt.Errorf("%w: it is %s", ErrNotActive, l.Status)
	}
	if !on.IsValid() || on.Before(l.DisbursedOn) || on.Before(l.LastPaidOn) {
		return payoffPlan{}, invalid("date", "must not be before the disbursement on %s or the last payment", l.DisbursedOn)
	}
	earned, perDiem, err := l.earned(on)
	if err != nil {
		return payoffPlan{}, err
	}
	plan := payoffPlan{curtail: Curtailed{On: on, Overpaid: money.Zero(l.Currency())}}
	left := l.clone()
	unearned := left.cutUnearned(&plan.curtail, l.paid().Interest, earned)
	left.cutFuture(&plan.curtail, on)
	open := left.Outstanding() // before the credit
	credit := shift(unearned, -left.giveBack(&plan.curtail, unearned).Minor())
	plan.quote = PayoffQuote{
		On: on, Principal: open.Principal, Interest: open.Interest, Fees: open.Fees, Penalties: open.Penalties,
		Credit: credit, Total: shift(open.Total(), -credit.Minor()), PerDiem: perDiem,
	}
	return plan, nil
}

// earned returns the interest earned from the disbursement to the start of the
// day, and what that day adds. Before the disbursement date of the terms
// nothing is earned.
func (l *Loan) earned(on civil.Date) (sum, perDiem money.Amount, err error) {
	schedule, err := l.Schedule()
	if err != nil {
		return sum, perDiem, err
	}
	quote, err := amortization.Payoff(schedule, nil, on)
	if errors.Is(err, amortization.ErrDay) {
		return money.Zero(l.Currency()), money.Zero(l.Currency()), nil
	}
	if err != nil {
		return sum, perDiem, fmt.Errorf("payoff of loan %s: %w", l.ID, err)
	}
	sum, err = amortization.Accrued(schedule, on)
	if err != nil {
		return sum, perDiem, fmt.Errorf("interest earned by loan %s: %w", l.ID, err)
	}
	return sum, quote.PerDiem, nil
}

// cutUnearned removes interest that will not be earned, the latest instalment
// first: what is open of it is no longer charged, and what was paid of it is
// taken back. It returns the amount taken.
func (l *Loan) cutUnearned(f *Curtailed, paid, earned money.Amount) money.Amount {
	open := l.Outstanding().Interest.Minor()
	cut := min(open, max(0, paid.Minor()+open-earned.Minor()))
	take := max(0, paid.Minor()-earned.Minor())
	taken := money.New(take, l.Currency())
	for i := len(l.Instalments) - 1; i >= 0 && cut+take > 0; i-- {
		row := &l.Instalments[i]
		cutHere := min(cut, row.Open().Interest.Minor())
		takeHere := min(take, row.Paid.Interest.Minor())
		cut, take = cut-cutHere, take-takeHere
		if cutHere+takeHere > 0 {
			f.cut(row, l.interestOf(cutHere+takeHere))
		}
		if takeHere > 0 {
			portion := Portion{Number: row.Number, Parts: l.interestOf(takeHere)}
			f.Taken = append(f.Taken, portion)
			row.Paid = row.Paid.Minus(portion.Parts)
		}
	}
	return taken
}

func (l *Loan) interestOf(minor int64) Parts {
	parts := NoParts(l.Currency())
	parts.Interest = money.New(minor, l.Currency())
	return parts
}

// cut records that parts of the row are no longer charged.
func (f *Curtailed) cut(row *Instalment, parts Parts) {
	f.Cuts = append(f.Cuts, Portion{Number: row.Number, Parts: parts})
	row.Charged = row.Charged.Minus(parts)
}

// cutFuture removes the open fees of instalments that are due after the day.
func (l *Loan) cutFuture(f *Curtailed, on civil.Date) {
	for i := range l.Instalments {
		row := &l.Instalments[i]
		if open := row.Open().Fees; row.Due.After(on) && open.IsPositive() {
			parts := NoParts(l.Currency())
			parts.Fees = open
			f.cut(row, parts)
		}
	}
}

// giveBack lets the amount repay principal, the oldest instalment first, and
// returns what exceeds the principal: it will be overpaid.
func (l *Loan) giveBack(f *Curtailed, amount money.Amount) money.Amount {
	left := amount.Minor()
	for i := range l.Instalments {
		row := &l.Instalments[i]
		part := min(left, row.Open().Principal.Minor())
		if part == 0 {
			continue
		}
		parts := NoParts(l.Currency())
		parts.Principal = money.New(part, l.Currency())
		f.Given = append(f.Given, Portion{Number: row.Number, Parts: parts})
		row.Paid = row.Paid.Plus(parts)
		left -= part
	}
	f.Overpaid = money.New(left, l.Currency())
	return f.Overpaid
}

// payOff shortens the plan to what is owed on the value date and pays it; what
// exceeds the quote is overpaid.
func (c *Change) payOff(p Payment) error {
	plan, err := c.Loan.planPayoff(p.ValueDate)
	if err != nil {
		return err
	}
	if p.Amount.Minor() < plan.quote.Total.Minor() {
		return &PayoffShortError{Quote: plan.quote}
	}
	if len(plan.curtail.Cuts) > 0 {
		if err := c.add(plan.curtail); err != nil {
			return err
		}
	}
	var accruals, portions []Portion
	for i := range c.Loan.Instalments {
		row := &c.Loan.Instalments[i]
		// Also takes back what was receivable and has been cut.
		if delta := row.unaccrued(); !delta.IsZero() {
			accruals = append(accruals, Portion{Number: row.Number, Parts: delta})
		}
		if open := row.Open(); !open.IsZero() {
			portions = append(portions, Portion{Number: row.Number, Parts: open})
		}
	}
	if len(accruals) > 0 {
		if err := c.add(Accrued{On: p.ValueDate, Portions: accruals}); err != nil {
			return err
		}
	}
	return c.receive(p, portions, shift(p.Amount, -plan.quote.Total.Minor()))
}

// PayoffShortError says what would have been enough.
type PayoffShortError struct{ Quote PayoffQuote }

// Error names the payoff and its day.
func (e *PayoffShortError) Error() string {
	return fmt.Sprintf("%v: it is %s on %s", ErrPayoffShort, e.Quote.Total, e.Quote.On)
}

// Is makes every PayoffShortError match ErrPayoffShort.
func (e *PayoffShortError) Is(target error) bool { return target == ErrPayoffShort }
