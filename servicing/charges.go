package servicing

import (
	"fmt"
	"slices"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// Charge is a fee or penalty beside the plan: it has a due date of its own.
type Charge struct {
	ID        uuid.UUID              `json:"id"`
	On        civil.Date             `json:"on"`
	Component amortization.Component `json:"component"`
	Amount    money.Amount           `json:"amount"`
	// Due is not before On.
	Due    civil.Date `json:"due"`
	Reason string     `json:"reason,omitempty"`
}

// ChargesMax bounds the rows beside the plan of a loan.
const ChargesMax = 1_000

// Charge charges a fee or penalty. The errors are ErrNotActive, InvalidError and
// those of Do.
func (l *Loan) Charge(c Charge, business civil.Date, history ...Fact) (Change, error) {
	return l.Do(c, business, history...)
}

func (c Charge) input(l *Loan, business civil.Date) (input, error) {
	if err := identified(c.ID); err != nil {
		return nil, err
	}
	if err := l.checkActive(c.On, business); err != nil {
		return nil, err
	}
	if err := l.checkAmount(c.Amount); err != nil {
		return nil, err
	}
	switch {
	case c.Component != amortization.PartFee && c.Component != amortization.PartPenalty:
		return nil, invalid("component", "must be fee or penalty")
	case !c.Due.IsValid() || c.Due.Before(c.On):
		return nil, invalid("due", "must not be before %s", c.On)
	case c.Due.DaysSince(c.On) > daysMax:
		return nil, invalid("due", "must be within %d days", daysMax)
	}
	return Charged{Charge: c, Booked: business}, nil
}

func (l *Loan) checkAmount(a money.Amount) error {
	switch {
	case a.Currency() != l.Currency():
		return invalid("amount.currency", "must be %s, the currency of the loan", l.Currency())
	case !a.IsPositive():
		return invalid("amount.amount", "must be above zero")
	case a.Minor() > PaymentMax:
		return invalid("amount.amount", "must be at most %s", money.New(PaymentMax, l.Currency()).Text())
	}
	return nil
}

func (f Charged) booked() civil.Date { return f.Booked }

func (f Charged) position() Position { return Position{On: f.On, Rank: rankCharge, ID: f.ID} }

func (f Charged) apply(e *engine) (Fact, error) {
	if err := e.mayCharge(); err != nil {
		return nil, err
	}
	parts := e.none()
	*parts.of(f.Component) = f.Amount
	e.owe(f.Due, parts)
	return f, nil
}

// mayCharge returns an error unless another row fits, on a loan that is owed.
func (e *engine) mayCharge() error {
	l := &e.loan
	if l.Status != Active && l.Status != Closed {
		return fmt.Errorf("%w: it is %s", ErrNotActive, l.Status)
	}
	if len(l.Instalments)-l.Planned >= ChargesMax {
		return invalid("id", "would be more than %d charges", ChargesMax)
	}
	return nil
}

// owe adds a row beside the plan. A loan that was repaid is owed again.
func (e *engine) owe(due civil.Date, parts Parts) {
	row := newInstalment(due, parts)
	row.Number = len(e.loan.Instalments) + 1
	e.loan.Instalments = append(e.loan.Instalments, row)
	e.reopen()
}

// Waiver forgives interest, fees or penalties that are open, the oldest
// instalment first. What had become receivable is a loss; the rest is simply
// not charged any more.
type Waiver struct {
	ID        uuid.UUID              `json:"id"`
	On        civil.Date             `json:"on"`
	Component amortization.Component `json:"component"`
	Amount    money.Amount           `json:"amount"`
	Reason    string                 `json:"reason,omitempty"`
}

// Waive forgives: see Waiver. The errors are ErrNotActive, InvalidError and those of Do.
func (l *Loan) Waive(w Waiver, business civil.Date, history ...Fact) (Change, error) {
	return l.Do(w, business, history...)
}

func (w Waiver) input(l *Loan, business civil.Date) (input, error) {
	if err := identified(w.ID); err != nil {
		return nil, err
	}
	if err := l.checkActive(w.On, business); err != nil {
		return nil, err
	}
	if err := l.checkAmount(w.Amount); err != nil {
		return nil, err
	}
	switch w.Component {
	case amortization.PartInterest, amortization.PartFee, amortization.PartPenalty:
	default:
		return nil, invalid("component", "must be interest, fee or penalty")
	}
	return Waived{Waiver: w, Booked: business, Parts: NoParts(l.Currency())}, nil
}

func (f Waived) booked() civil.Date { return f.Booked }

func (f Waived) position() Position { return Position{On: f.On, Rank: rankWaiver, ID: f.ID} }

func (f Waived) apply(e *engine) (Fact, error) {
	l, left := &e.loan, f.Amount.Minor()
	f.Parts = e.none()
	if open := l.Outstanding(); e.fresh && open.of(f.Component).Minor() < left {
		return nil, invalid("amount.amount", "must be at most the %s that is open", open.of(f.Component))
	}
	for _, i := range l.byDueDate() {
		row := &l.Instalments[i]
		open := row.Open()
		part := min(left, open.of(f.Component).Minor())
		left -= part
		receivable := min(part, e.receivable(row).of(f.Component).Minor())
		*row.Charged.of(f.Component) = shift(*row.Charged.of(f.Component), receivable-part)
		*row.Waived.of(f.Component) = shift(*row.Waived.of(f.Component), receivable)
		*f.Parts.of(f.Component) = shift(*f.Parts.of(f.Component), receivable)
	}
	f.Transaction = ""
	if l.InBooks() && !f.Parts.IsZero() {
		f.Transaction = posting.Waiver
	}
	e.settle(f.On, f.Booked)
	return f, nil
}

// receivable returns the income of the row that is receivable and open; none is
// off the books.
func (e *engine) receivable(row *Instalment) *Parts {
	parts := row.Accrued.Minus(row.Paid).Minus(row.Waived).positiveIncome()
	if !e.loan.InBooks() {
		parts = e.none()
	}
	return &parts
}

// byDueDate returns the indexes of the rows, the oldest due date first.
func (l *Loan) byDueDate() []int {
	order := make([]int, len(l.Instalments))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return l.Instalments[a].Due.Compare(l.Instalments[b].Due) })
	return order
}

// forgive waives an amount of what is open and receivable, principal last.
func (e *engine) forgive(on civil.Date, amount int64) {
	forgiven := e.none()
	for _, c := range []amortization.Component{
		amortization.PartPenalty, amortization.PartFee, amortization.PartInterest, amortization.PartPrincipal,
	} {
		for i := range e.loan.Instalments {
			row := &e.loan.Instalments[i]
			open := row.Open()
			part := min(amount, open.of(c).Minor())
			amount -= part
			*row.Waived.of(c) = shift(*row.Waived.of(c), part)
			*forgiven.of(c) = shift(*forgiven.of(c), part)
		}
	}
	if e.loan.InBooks() {
		e.book(on, posting.Waiver, forgiven, 0)
	}
}

// Pause stops the count of days past due: see Product.
func (l *Loan) Pause(p Pause, business civil.Date, history ...Fact) (Change, error) {
	return l.Do(p, business, history...)
}

// PausesMax bounds the pauses of a loan.
const PausesMax = 100

func (p Pause) input(l *Loan, business civil.Date) (input, error) {
	if err := identified(p.ID); err != nil {
		return nil, err
	}
	if err := l.checkActive(p.On, business); err != nil {
		return nil, err
	}
	switch {
	case !p.From.IsValid() || !p.To.IsValid() || !p.From.Before(p.To) || p.To.DaysSince(p.From) > daysMax:
		return nil, invalid("to", "must be at most %d days after the first day", daysMax)
	case p.From.Before(p.On):
		return nil, invalid("from", "must not be before %s", p.On)
	}
	return Paused{Pause: p, Booked: business}, nil
}

func (f Paused) booked() civil.Date { return f.Booked }

func (f Paused) position() Position { return Position{On: f.On, Rank: rankPlan, ID: f.ID} }

func (f Paused) apply(e *engine) (Fact, error) {
	l := &e.loan
	if e.fresh && len(l.Pauses) >= PausesMax {
		return nil, invalid("id", "would be more than %d pauses", PausesMax)
	}
	l.Pauses = append(l.Pauses[:len(l.Pauses):len(l.Pauses)], f.Pause)
	return f, nil
}
