package amortization

import (
	"fmt"
	"slices"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/money"
)

// Revision is a schedule after a change, and what the change did.
type Revision struct {
	Schedule   *Schedule  `json:"schedule"`
	Difference Difference `json:"difference"`
}

// Difference is a revised schedule less the one before, exactly.
type Difference struct {
	// Interest, Fees and Total are the changes of the sums; negative is less to pay.
	Interest money.Amount `json:"interest"`
	Fees     money.Amount `json:"fees"`
	Total    money.Amount `json:"total"`
	// Instalments is the change of the number of regular instalments.
	Instalments int `json:"instalments"`
	// Maturity is the last due date before and after.
	MaturityBefore civil.Date `json:"maturity_before"`
	MaturityAfter  civil.Date `json:"maturity_after"`
	// NextInstalment is the first instalment due after the change, before and after.
	NextInstalmentBefore money.Amount `json:"next_instalment_before"`
	NextInstalmentAfter  money.Amount `json:"next_instalment_after"`
}

// PrepaymentEffect says what a prepayment does to the rest of the schedule.
type PrepaymentEffect string

// The effects of a prepayment.
const (
	// ReduceInstalment keeps the number of instalments and makes them smaller.
	ReduceInstalment PrepaymentEffect = "reduce_instalment"
	// ReduceTerm keeps the instalment, so that the loan ends earlier.
	ReduceTerm PrepaymentEffect = "reduce_term"
	// NextInstalments takes the principal off the next instalments until it is used up.
	NextInstalments PrepaymentEffect = "next_instalments"
)

// Rescheduling lists what changes; a zero field stays as it is.
type Rescheduling struct {
	// Outstanding replaces the principal that is outstanding by plan, so that
	// arrears are spread over what is left.
	Outstanding money.Amount `json:"outstanding,omitzero"`
	// Instalments is the new number of instalments still due.
	Instalments int `json:"instalments,omitempty"`
	// FirstDueDate is the new next due date, and Frequency the new distance after it.
	FirstDueDate civil.Date `json:"first_due_date,omitzero"`
	Frequency    Frequency  `json:"frequency,omitzero"`
	// AnnualRatePercent is the new rate from the day of the change on.
	AnnualRatePercent *Decimal `json:"annual_rate_percent,omitempty"`
	// Grace relieves the next instalments.
	Grace Grace `json:"grace,omitzero"`
	// Draw is a further disbursement on the day of the change.
	Draw money.Amount `json:"draw,omitzero"`
}

// Prepay returns the schedule after a payment of principal on a day. Interest
// earned by that day stays due with the next instalment. The amount must be
// above zero and below what is outstanding: Payoff closes a loan. The errors are
// ErrDay, ErrAmount and the faults of terms.
func Prepay(s *Schedule, on civil.Date, amount money.Amount, effect PrepaymentEffect) (*Revision, error) {
	r, err := s.cutAt(on)
	if err != nil {
		return nil, err
	}
	if !amount.IsPositive() || amount.Currency() != s.Terms.Principal.Currency() || amount.Minor() >= r.balance {
		return nil, fmt.Errorf("%w: prepaying %s of %s", ErrAmount, amount, money.New(r.balance,
			s.Terms.Principal.Currency()))
	}
	r.paid = amount.Minor()
	switch effect {
	case ReduceInstalment:
		err = r.reduceInstalment()
	case ReduceTerm:
		err = r.reduceTerm()
	case NextInstalments:
		err = r.useUpNext()
	default:
		err = fault("effect", RuleUnknown, "unknown effect %.40q", string(effect))
	}
	if err != nil {
		return nil, err
	}
	return r.revise()
}

// Reschedule returns the schedule after a change of dates, number, rate, grace
// or principal on a day: re-ageing, re-amortization, a payment holiday, a new
// rate and a further disbursement are cases of it. The errors are ErrDay,
// ErrAmount and the faults of terms.
func Reschedule(s *Schedule, on civil.Date, change Rescheduling) (*Revision, error) {
	r, err := s.cutAt(on)
	if err != nil {
		return nil, err
	}
	currency := s.Terms.Principal.Currency()
	for _, a := range []money.Amount{change.Outstanding, change.Draw} {
		if a.IsNegative() || (!a.IsZero() && a.Currency() != currency) {
			return nil, fmt.Errorf("%w: %s", ErrAmount, a)
		}
	}
	t := &r.terms
	if !change.Outstanding.IsZero() {
		r.paid = r.balance - change.Outstanding.Minor()
	}
	r.drawn = change.Draw.Minor()
	if change.Instalments != 0 {
		if t.Method == FixedInstalment || t.Method == PrincipalPlan {
			t.Method, t.Instalment, t.PrincipalPlan = Annuity, money.Amount{}, nil
		}
		t.Instalments = change.Instalments
	}
	if !change.FirstDueDate.IsZero() {
		t.FirstDueDate, t.AnchorDay = change.FirstDueDate, 0
	}
	if change.Frequency.Unit != "" || change.Frequency.Every != 0 || change.Frequency.DaysOfMonth != nil {
		t.Frequency = change.Frequency
	}
	if change.AnnualRatePercent != nil {
		t.AnnualRatePercent, t.RateSteps, t.Index = *change.AnnualRatePercent, nil, nil
	}
	if change.Grace != (Grace{}) {
		t.Grace, t.AllowNegativeAmortization = change.Grace, false
	}
	if t.Method == PrincipalPlan && r.paid-r.drawn != 0 {
		return nil, fault("method", RuleContradiction,
			"a principal plan needs a new number of instalments to change its principal")
	}
	return r.revise()
}

// ChangeRate returns the schedule with a new rate from a day on, the instalment
// sized anew.
func ChangeRate(s *Schedule, on civil.Date, annualRatePercent Decimal) (*Revision, error) {
	return Reschedule(s, on, Rescheduling{AnnualRatePercent: &annualRatePercent})
}

// Reamortize returns the schedule that repays what is really outstanding over
// the instalments still due, none added.
func Reamortize(s *Schedule, on civil.Date, outstanding money.Amount) (*Revision, error) {
	return Reschedule(s, on, Rescheduling{Outstanding: outstanding})
}

// ReAge returns the schedule that repays what is really outstanding over a new
// number of instalments from a new first due date on.
func ReAge(s *Schedule, on civil.Date, outstanding money.Amount, first civil.Date, instalments int) (*Revision, error) {
	return Reschedule(s, on, Rescheduling{Outstanding: outstanding, FirstDueDate: first, Instalments: instalments})
}

// Holiday returns the schedule without payments for the next count due dates.
// Their interest is paid with the first instalment after them, or becomes
// principal when capitalise is set; extend adds as many instalments at the end.
func Holiday(s *Schedule, on civil.Date, count int, capitalise, extend bool) (*Revision, error) {
	r, err := s.cutAt(on)
	if err != nil {
		return nil, err
	}
	change := Rescheduling{Grace: Grace{Principal: count, InterestPayment: count, Capitalise: capitalise}}
	if extend {
		change.Instalments = r.terms.Instalments + count
	}
	return Reschedule(s, on, change)
}

// Draw returns the schedule after a further disbursement on a day, the
// instalment sized anew.
func Draw(s *Schedule, on civil.Date, amount money.Amount) (*Revision, error) {
	if !amount.IsPositive() {
		return nil, fmt.Errorf("%w: drawing %s", ErrAmount, amount)
	}
	return Reschedule(s, on, Rescheduling{Draw: amount})
}

// Compare returns the difference between two schedules of one loan, with the
// next instalments after a day.
func Compare(before, after *Schedule, on civil.Date) Difference {
	minus := func(a, b money.Amount) money.Amount {
		return money.New(a.Minor()-b.Minor(), before.Totals.Interest.Currency())
	}
	return Difference{
		Interest:       minus(after.Totals.Interest, before.Totals.Interest),
		Fees:           minus(after.Totals.Fees, before.Totals.Fees),
		Total:          minus(after.Totals.Total, before.Totals.Total),
		Instalments:    after.regular() - before.regular(),
		MaturityBefore: before.MaturityDate(), MaturityAfter: after.MaturityDate(),
		NextInstalmentBefore: before.nextInstalment(on), NextInstalmentAfter: after.nextInstalment(on),
	}
}

func (s *Schedule) regular() int {
	count := 0
	for i := range s.rows {
		if s.rows[i].kind == Regular {
			count++
		}
	}
	return count
}

func (s *Schedule) nextInstalment(on civil.Date) money.Amount {
	for i := range s.rows {
		if r := &s.rows[i]; r.kind == Regular && r.due.after(on) {
			return s.money(s.total(i))
		}
	}
	return money.Zero(s.Totals.Total.Currency())
}

// phase returns the terms in force at a row.
func (s *Schedule) phase(from civil.Date) *Terms {
	current := &s.Terms
	for i := range s.Phases {
		if !from.Before(s.Phases[i].DisbursementDate) {
			current = &s.Phases[i]
		}
	}
	return current
}

// cloneTerms copies terms with their lists.
func (t *Terms) cloneTerms() Terms {
	c := *t
	c.Fees, c.RateSteps, c.Windows = slices.Clone(t.Fees), slices.Clone(t.RateSteps), slices.Clone(t.Windows)
	c.Tranches, c.PrincipalPlan = slices.Clone(t.Tranches), slices.Clone(t.PrincipalPlan)
	return c
}
