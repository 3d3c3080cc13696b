package servicing

import (
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// Revision is one change of the plan: a prepayment of principal, or new terms.
type Revision struct {
	On      civil.Date                    `json:"on"`
	Prepaid money.Amount                  `json:"prepaid,omitzero"`
	Effect  amortization.PrepaymentEffect `json:"effect,omitempty"`
	Change  *amortization.Rescheduling    `json:"change,omitempty"`
}

// RevisionsMax bounds how often the plan of a loan changes.
const RevisionsMax = 1_000

func (r *Revision) of(s *amortization.Schedule) (*amortization.Schedule, error) {
	var revised *amortization.Revision
	var err error
	if r.Change != nil {
		revised, err = amortization.Reschedule(s, r.On, *r.Change)
	} else {
		revised, err = amortization.Prepay(s, r.On, r.Prepaid, r.Effect)
	}
	if err != nil {
		return nil, err
	}
	return revised.Schedule, nil
}

// Schedule computes the plan again: the signed one with its revisions.
func (l *Loan) Schedule() (*amortization.Schedule, error) {
	s, err := amortization.New(l.Terms)
	for i := 0; err == nil && i < len(l.Revisions); i++ {
		s, err = l.Revisions[i].of(s)
	}
	if err != nil {
		return nil, fmt.Errorf("schedule of loan %s: %w", l.ID, err)
	}
	return s, nil
}

// dueBy reports whether a row is due by a day.
func dueBy(on civil.Date) func(*Instalment) bool {
	return func(row *Instalment) bool { return !row.Due.After(on) }
}

// prepay pays what is due, and principal with the rest. A payment that comes
// late or after a plan that takes no prepayment is a normal one.
func (e *engine) prepay(f *Paid, effect amortization.PrepaymentEffect) error {
	l := &e.loan
	due, err := amortization.Allocate(f.Amount, f.On, l.dueItems(dueBy(f.On), f.Amount.Minor()), l.Allocation)
	if err != nil {
		return fmt.Errorf("allocating payment %s: %w", f.PaymentID, err)
	}
	revision := Revision{On: f.On, Prepaid: due.Remainder, Effect: effect}
	revised, fault := e.prepayable(&revision)
	switch {
	case due.Remainder.IsZero():
		return e.payOpen(f, f.Amount, dueBy(f.On))
	case fault != nil && e.fresh && f.Payment != Normal:
		return fault
	case fault != nil:
		return e.payOpen(f, f.Amount, func(*Instalment) bool { return true })
	}
	if err := e.payOpen(f, shift(f.Amount, -due.Remainder.Minor()), dueBy(f.On)); err != nil {
		return err
	}
	row, err := e.replan(&revision, revised)
	if err != nil {
		return err
	}
	e.receive(f, []Portion{{Number: row, Parts: e.principal(due.Remainder)}}, e.minor(0))
	return nil
}

func (e *engine) principal(a money.Amount) Parts {
	parts := e.none()
	parts.Principal = a
	return parts
}

// prepayable returns the plan after a prepayment, or why it is not possible: it
// must leave principal that is planned after the day and not paid in advance.
func (e *engine) prepayable(r *Revision) (*amortization.Schedule, error) {
	l, left := &e.loan, int64(0)
	for i := range l.Planned {
		if row := &l.Instalments[i]; row.Due.After(r.On) {
			left += row.Open().Principal.Minor()
		}
	}
	switch {
	case r.Prepaid.Minor() >= left-l.Undisbursed.Minor():
		return nil, invalid("amount.amount", "must leave principal to be paid; a payoff closes the loan")
	case len(l.Revisions) >= RevisionsMax:
		return nil, invalid("kind", "must not change the plan more than %d times", RevisionsMax)
	case !l.allLent():
		return nil, invalid("kind", "must be NORMAL until all of the loan is paid out")
	}
	s, err := e.schedule()
	if err != nil {
		return nil, err
	}
	revised, err := r.of(s)
	if err != nil {
		return nil, invalid("kind", "must suit the plan: %v", err)
	}
	return revised, nil
}

// allLent reports whether the loan has had all of its tranches, as its plan has,
// and none may come back.
func (l *Loan) allLent() bool { return l.Tranches > len(l.Terms.Tranches) && !l.PayoutPending }

// replan replaces the rows that are due after the day of a revision by those of
// the revised plan, and returns the number of the first of them. What was paid
// in advance of the old rows pays the new ones, oldest first.
func (e *engine) replan(r *Revision, revised *amortization.Schedule) (int, error) {
	l := &e.loan
	kept := 0
	for kept < l.Planned && !l.Instalments[kept].Due.After(r.On) {
		kept++
	}
	before, err := e.schedule()
	if err != nil {
		return 0, err
	}
	credit, accrued, waived, cut := e.none(), e.none(), e.none(), e.none()
	for i := kept; i < l.Planned; i++ {
		row, as := &l.Instalments[i], planned(before.At(i))
		credit, accrued, waived = credit.Plus(row.Paid), accrued.Plus(row.Accrued), waived.Plus(row.Waived)
		cut = cut.Plus(as.Charged.Minus(row.Charged))
	}
	beside := l.Instalments[l.Planned:]
	rows := make([]Instalment, 0, revised.Len()+len(beside))
	rows = append(rows, l.Instalments[:kept]...)
	for i := kept; i < revised.Len(); i++ {
		rows = append(rows, planned(revised.At(i)))
	}
	l.Planned = len(rows)
	l.Instalments = append(rows, beside...)
	l.Revisions = append(l.Revisions[:len(l.Revisions):len(l.Revisions)], *r)
	e.plan = revised
	e.renumber()
	e.keepOff(kept, waived.Plus(cut))
	return kept + 1, e.carryOver(r, kept, credit, accrued.Minus(waived))
}

// keepOff takes off the new rows what was forgiven of the old ones, as far as
// they have it.
func (e *engine) keepOff(from int, forgiven Parts) {
	for _, c := range components {
		left := forgiven.of(c).Minor()
		for i := from; i < e.loan.Planned && left > 0; i++ {
			row := &e.loan.Instalments[i]
			part := min(left, row.Charged.of(c).Minor())
			*row.Charged.of(c) = shift(*row.Charged.of(c), -part)
			left -= part
		}
	}
}

// carryOver lets credit pay the new rows, brings their accrual to where it
// should be, and books the differences.
func (e *engine) carryOver(r *Revision, kept int, credit, accrued Parts) error {
	l := &e.loan
	fresh := func(row *Instalment) bool {
		change := row.Number == kept+1 && r.Prepaid.IsPositive() // that row is for the payment itself
		return row.Number > kept && row.Number <= l.Planned && !change
	}
	total := credit.Total()
	allocation, err := amortization.Allocate(total, r.On, l.dueItems(fresh, total.Minor()), amortization.Order{})
	if err != nil {
		return fmt.Errorf("carrying over what was paid in advance: %w", err)
	}
	moved := e.none().Minus(credit)
	for _, paid := range allocation.Paid {
		parts := Parts{Principal: paid.Principal, Interest: paid.Interest, Fees: paid.Fee, Penalties: paid.Penalty}
		row := &l.Instalments[paid.Number-1]
		row.Paid = row.Paid.Plus(parts)
		moved = moved.Plus(parts)
		if l.InBooks() {
			row.Accrued = row.Accrued.Plus(row.received())
		}
	}
	l.Overpaid = shift(l.Overpaid, allocation.Remainder.Minor())
	if l.Product.Accrual == Daily {
		_, err := e.earnedUnaccrued(r.On, func(row *Instalment, minor int64) {
			row.Accrued.Interest = shift(row.Accrued.Interest, minor)
		})
		if err != nil {
			return err
		}
	}
	now := e.none()
	for i := kept; i < l.Planned; i++ {
		now = now.Plus(l.Instalments[i].Accrued)
	}
	if !l.InBooks() {
		e.book(r.On, posting.ChargeOffRealloc, e.none(), allocation.Remainder.Minor())
		return nil
	}
	e.book(r.On, posting.Accrual, now.Minus(accrued).income(), 0)
	e.book(r.On, posting.Reallocation, moved, allocation.Remainder.Minor())
	return nil
}

// Prepayment is what a prepayment would do.
type Prepayment struct {
	Kind PaymentKind `json:"kind"`
	// Due is what of the amount pays what is due, and Principal what is prepaid.
	Due       money.Amount `json:"due"`
	Principal money.Amount `json:"principal"`
	// Difference is the plan after it less the plan before.
	Difference amortization.Difference `json:"difference"`
	// Instalments are the rows after it.
	Instalments []Instalment `json:"instalments"`
}

// QuotePrepayment returns what an amount paid on a day would do in each of the
// two ways, fewer instalments first and smaller ones second, and changes
// nothing. The day may lie in the future. The errors are those of CheckPayment,
// and an InvalidError when the plan takes no prepayment.
func (l *Loan) QuotePrepayment(amount money.Amount, on civil.Date) ([]Prepayment, error) {
	before, err := l.Schedule()
	if err != nil {
		return nil, err
	}
	var quotes []Prepayment
	for _, kind := range []PaymentKind{PrepayTerm, PrepayInstalment} {
		payment := Payment{ID: uuid.Nil, Kind: kind, Amount: amount, ValueDate: on}
		in, err := payment.input(l, on)
		if err != nil {
			return nil, err
		}
		e := engine{loan: l.clone(), fresh: true}
		if err := e.run(in); err != nil {
			return nil, err
		}
		quote := Prepayment{Kind: kind, Instalments: e.loan.Instalments, Due: amount, Principal: e.minor(0)}
		if n := len(e.loan.Revisions); n > len(l.Revisions) {
			quote.Principal = e.loan.Revisions[n-1].Prepaid
			quote.Due = shift(amount, -quote.Principal.Minor())
		}
		after, err := e.schedule()
		if err != nil {
			return nil, err
		}
		quote.Difference = amortization.Compare(before, after, on)
		quotes = append(quotes, quote)
	}
	return quotes, nil
}

// Rescheduling is a new plan that was agreed with the borrower.
type Rescheduling struct {
	ID uuid.UUID  `json:"id"`
	On civil.Date `json:"on"`
	// Change says what changes; Outstanding and Draw must not be set.
	Change amortization.Rescheduling `json:"change"`
	// Capitalise makes all that is due and open principal of the new plan, so that
	// nothing is past due; otherwise it stays due.
	Capitalise bool   `json:"capitalise,omitempty"`
	Reason     string `json:"reason,omitempty"`
}

// Reschedule agrees on a new plan: see Rescheduling. The errors are ErrNotActive,
// InvalidError and those of Do.
func (l *Loan) Reschedule(r Rescheduling, business civil.Date, history ...Fact) (Change, error) {
	return l.Do(r, business, history...)
}

func (r Rescheduling) input(l *Loan, business civil.Date) (input, error) {
	if err := identified(r.ID); err != nil {
		return nil, err
	}
	if err := l.checkActive(r.On, business); err != nil {
		return nil, err
	}
	switch {
	case !r.Change.Outstanding.IsZero() || !r.Change.Draw.IsZero():
		return nil, invalid("change", "must not set the amount: it is what is outstanding")
	case !l.allLent():
		return nil, fmt.Errorf("%w: not all of its tranches are lent", ErrWrongState)
	case len(l.Revisions) >= RevisionsMax:
		return nil, invalid("change", "must not change the plan more than %d times", RevisionsMax)
	}
	r.Change.Outstanding, r.Change.Draw = money.Amount{}, money.Amount{}
	return Rescheduled{Rescheduling: r, Booked: business, Arrears: NoParts(l.Currency())}, nil
}

func (f Rescheduled) booked() civil.Date { return f.Booked }

func (f Rescheduled) position() Position { return Position{On: f.On, Rank: rankPlan, ID: f.ID} }

func (f Rescheduled) apply(e *engine) (Fact, error) {
	l := &e.loan
	s, err := e.schedule()
	if err != nil {
		return nil, err
	}
	f.Arrears = e.none()
	if l.Status != Active { // it was repaid by then
		return f, nil
	}
	if !l.allLent() {
		return nil, fmt.Errorf("%w: not all of its tranches are lent", ErrWrongState)
	}
	change := f.Change
	arrears := e.none()
	if f.Capitalise {
		for i := range l.Instalments {
			if row := &l.Instalments[i]; !row.Due.After(f.On) {
				arrears = arrears.Plus(row.Open())
			}
		}
		planned, err := amortization.Outstanding(s, f.On)
		if err != nil {
			return nil, invalid("on", "must suit the plan: %v", err)
		}
		change.Outstanding = shift(planned, arrears.Total().Minor())
	}
	revision := Revision{On: f.On, Change: &change}
	revised, err := revision.of(s)
	if err != nil {
		return nil, invalid("change", "must suit the plan: %v", err)
	}
	if l.InBooks() {
		f.Arrears = arrears.income()
	}
	e.capitalise(f.On, f.Capitalise)
	if _, err := e.replan(&revision, revised); err != nil {
		return nil, err
	}
	return f, nil
}

// capitalise moves what is due and open off the old rows.
func (e *engine) capitalise(on civil.Date, wanted bool) {
	if !wanted {
		return
	}
	l := &e.loan
	for i := range l.Instalments {
		row := &l.Instalments[i]
		if row.Due.After(on) {
			continue
		}
		open := row.Open()
		row.Charged.Principal = shift(row.Charged.Principal, -open.Principal.Minor())
		row.Waived = row.Waived.Plus(open.income())
	}
	e.accrue(on, (*Instalment).received)
}
