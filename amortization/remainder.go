package amortization

import (
	"slices"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/money"
)

// remainder is the rest of a loan from a day on: the terms that would continue
// it unchanged, and what lies before.
type remainder struct {
	s       *Schedule
	on      civil.Date
	index   int   // of the running row
	balance int64 // principal outstanding on the day, before the change
	earned  int64 // interest that the running period has earned by the day
	carried int64 // interest that the period has earned since its first day, changes included
	pool    int64 // interest under grace, earned before the period
	paid    int64 // principal prepaid (below zero: taken back from earlier instalments)
	drawn   int64 // further disbursement
	terms   Terms
}

// cutAt cuts a schedule on a day between the disbursement and the day before
// the last due date.
func (s *Schedule) cutAt(on civil.Date) (*remainder, error) {
	if err := s.checkDay(on); err != nil {
		return nil, err
	}
	r := &remainder{s: s, on: on}
	for r.index < len(s.rows) && !s.rows[r.index].due.after(on) {
		r.index++
	}
	if r.index == len(s.rows) {
		return nil, fault("on", RuleDate, "%s is not before the last due date %s", on, s.MaturityDate())
	}
	running := &s.rows[r.index]
	from := s.from(r.index).civil()
	current := s.phase(from)
	if current.Method == Flat || current.Method == RuleOf78 {
		return nil, fault("method", RuleContradiction, "method %s fixes its interest for the whole term", current.Method)
	}
	if on.Before(from) {
		return nil, fault("on", RuleDate, "%s lies in the broken period before %s", on, from)
	}
	if on.After(from) {
		part, err := s.earnedPart(r.index, from, on)
		if err != nil {
			return nil, err
		}
		if r.earned, err = minorOf(part, 1, s.Terms.Rounding.Mode); err != nil {
			return nil, err
		}
	}
	for i := range s.rows[:r.index] {
		r.pool += s.side(i).deferred - s.side(i).capitalised
	}
	r.carried = r.earned
	for i := r.index - 1; i >= 0 && s.rows[i].kind == Change; i-- { // earlier changes in this period
		r.carried += s.earned(i)
		r.pool -= s.earned(i)
	}
	r.balance = running.opening
	r.terms = current.cloneTerms()
	return r, r.continueTerms(current)
}

// continueTerms sets the terms to those that continue the loan from the day on.
func (r *remainder) continueTerms(current *Terms) error {
	t, s := &r.terms, r.s
	passed := 0 // regular rows of this phase before the running one
	for i := range s.rows[:r.index] {
		if s.rows[i].kind == Regular && !s.from(i).civil().Before(current.DisbursementDate) {
			passed++
		}
	}
	first, anchor := current.nominalDue(passed)
	from := s.from(r.index).civil()
	if from != current.DisbursementDate || current.PeriodStart.IsZero() {
		t.PeriodStart = from // else the running period has been cut before
	}
	if t.PeriodStart == r.on {
		t.PeriodStart = civil.Date{}
	}
	t.FirstDueDate, t.AnchorDay, t.DisbursementDate = first, anchor, r.on
	if t.Instalments > 0 {
		t.Instalments -= passed
	}
	if t.Method == PrincipalPlan {
		t.PrincipalPlan = t.PrincipalPlan[passed:]
	}
	t.BrokenPeriod, t.DownPaymentPercent = BrokenNatural, Decimal{}
	t.Grace.Principal = max(0, t.Grace.Principal-passed)
	t.Grace.InterestPayment = max(0, t.Grace.InterestPayment-passed)
	t.Grace.InterestFree = max(0, t.Grace.InterestFree-passed)
	t.Grace.Capitalise = t.Grace.Capitalise && t.Grace.InterestPayment > 0
	drawn := func(x Tranche) bool { return x.Date.Before(r.on) }
	for _, x := range t.Tranches {
		if drawn(x) && !x.Date.Before(from) {
			r.balance += x.Amount.Minor()
		}
	}
	t.Tranches = slices.DeleteFunc(t.Tranches, drawn)
	t.Windows = slices.DeleteFunc(t.Windows, func(w Window) bool { return !w.To.After(r.on) })
	for len(t.RateSteps) > 0 && !t.RateSteps[0].From.After(r.on) {
		t.AnnualRatePercent, t.RateSteps = t.RateSteps[0].AnnualRatePercent, t.RateSteps[1:]
	}
	return r.continueFees(current)
}

// continueFees keeps the fees still to come, percentages of the principal as amounts.
func (r *remainder) continueFees(current *Terms) error {
	t, collected := &r.terms, civil.Date{} // fees up to the last regular row are
	for i := range r.s.rows[:r.index] {
		if r.s.rows[i].kind == Regular {
			collected = r.s.rows[i].due.civil()
		}
	}
	t.Fees = slices.DeleteFunc(t.Fees, func(f Fee) bool {
		return f.When == AtDisbursement || (f.When == OnDate && !f.Due.After(collected))
	})
	e := &engine{terms: *current, cur: t.Principal.Currency()}
	for i := range t.Fees {
		fee := &t.Fees[i]
		if fee.When == OnDate && fee.Due.Before(r.on) {
			fee.Due = r.on // it stays with the running instalment
		}
		if fee.Basis == OfPrincipal && !fee.Percent.IsZero() {
			amount, err := e.percentOf(current.Principal.Minor(), fee.Percent)
			if err != nil {
				return err
			}
			fee.Amount, fee.Percent = money.New(amount, e.cur), Decimal{}
		}
	}
	t.Fees = slices.DeleteFunc(t.Fees, func(f Fee) bool { return f.Amount.IsZero() && f.Percent.IsZero() })
	return nil
}

// nominalDue returns the due date of a row before any calendar moved it, and
// the day of the month that the dates keep.
func (t *Terms) nominalDue(row int) (due civil.Date, anchor int) {
	g := newGrid(t)
	for index := 0; ; index++ {
		due = g.at(index)
		if t.paused(due) {
			continue
		}
		if row == 0 {
			break
		}
		row--
	}
	switch t.Frequency.Unit {
	case Month, Year:
		if len(t.Frequency.DaysOfMonth) == 0 {
			return due, max(g.anchor, due.Day)
		}
	}
	return due, 0
}

// reduceInstalment leaves the terms as they are: the instalment is sized anew.
func (r *remainder) reduceInstalment() error {
	t := &r.terms
	switch t.Method {
	case PrincipalPlan:
		return fault("effect", RuleContradiction, "a principal plan has no instalment to reduce")
	case FixedInstalment:
		t.Method, t.Instalment = Annuity, money.Amount{}
		for i := r.index; i < len(r.s.rows); i++ {
			if r.s.rows[i].kind == Regular {
				t.Instalments++
			}
		}
	}
	return nil
}

// reduceTerm keeps the instalment, or the share of principal.
func (r *remainder) reduceTerm() error {
	t, running := &r.terms, &r.s.rows[r.index]
	if t.Grace != (Grace{}) || len(t.Tranches) > 0 {
		return fault("effect", RuleContradiction, "during grace, or before the last tranche, the term cannot shrink")
	}
	left := r.balance - r.paid
	switch t.Method {
	case FixedInstalment:
		return nil
	case Annuity:
		paid := r.s.money(running.principal + running.interest)
		t.Method, t.Instalments, t.Instalment = FixedInstalment, 0, paid
		t.Rounding.Residual, t.AllowNegativeAmortization = ResidualLast, false
		return nil
	case EqualPrincipal, PrincipalPlan:
		plan := r.plannedPrincipal()
		kept := plan[:0]
		for _, a := range plan {
			if part := min(a.Minor(), left); part > 0 {
				kept = append(kept, money.New(part, a.Currency()))
				left -= part
			}
		}
		r.setPlan(kept)
		return nil
	}
	return fault("effect", RuleContradiction, "method %s has no term to reduce", t.Method)
}

// useUpNext takes the prepaid principal off the next instalments.
func (r *remainder) useUpNext() error {
	if r.terms.Method == Bullet || len(r.terms.Tranches) > 0 || r.terms.Grace != (Grace{}) {
		return fault("effect", RuleContradiction, "the next instalments of this loan are not fixed in principal")
	}
	plan, left := r.plannedPrincipal(), r.paid
	for i, a := range plan {
		part := min(a.Minor(), left)
		plan[i] = money.New(a.Minor()-part, a.Currency())
		left -= part
	}
	r.setPlan(plan)
	return nil
}

// plannedPrincipal lists the principal of the instalments from the running one on.
func (r *remainder) plannedPrincipal() []money.Amount {
	var plan []money.Amount
	for i := r.index; i < len(r.s.rows); i++ {
		plan = append(plan, r.s.money(r.s.rows[i].principal))
	}
	return plan
}

func (r *remainder) setPlan(plan []money.Amount) {
	t := &r.terms
	t.Method, t.Instalments, t.PrincipalPlan = PrincipalPlan, len(plan), plan
	t.Instalment, t.Balloon, t.Graduation = money.Amount{}, money.Amount{}, Graduation{}
	t.Rounding.Residual, t.AllowNegativeAmortization = ResidualLast, false
}

// revise builds the schedule: the rows before the day, a row for the change
// where there is anything to show, and the rows of the new terms.
func (r *remainder) revise() (*Revision, error) {
	s, t := r.s, &r.terms
	tranches := int64(0)
	for _, x := range t.Tranches {
		tranches += x.Amount.Minor()
	}
	left, err := addChecked(r.balance-r.paid, r.drawn)
	if err == nil {
		left, err = addChecked(left, tranches)
	}
	if err != nil {
		return nil, err
	}
	t.Principal = money.New(left, s.Terms.Principal.Currency())
	if err := t.Validate(); err != nil {
		return nil, err
	}
	built, phase, err := r.build(r.carried, r.pool)
	if r.carried > 0 && refusedAs(err, RuleNegativeAmortization) {
		// What has been earned on the larger balance exceeds the new instalment: it is paid on top.
		built, phase, err = r.build(0, r.pool+r.carried)
	}
	if err != nil {
		return nil, err
	}
	after := &built
	after.Terms, after.Phases = s.Terms, append(slices.Clone(s.Phases), phase)
	after.Totals.UpfrontFees, after.Totals.UpfrontInterest = s.Totals.UpfrontFees, s.Totals.UpfrontInterest
	after.Totals.NetDisbursed = money.New(s.Totals.NetDisbursed.Minor()+r.drawn, t.Principal.Currency())
	return &Revision{Schedule: after, Difference: Compare(s, after, r.on)}, nil
}

// build builds the schedule with interest that the first instalment includes,
// and interest on top of it.
func (r *remainder) build(carried, pool int64) (Schedule, Terms, error) {
	e := newEngine(r.terms, false)
	defer e.release()
	e.kept = r.s.before(r.index)
	e.change, e.changed = r.changeRow()
	e.carried, e.pool = carried, pool
	built, err := e.build()
	return built, e.terms, err
}

// refusedAs reports whether terms were refused by a rule alone.
func refusedAs(err error, rule Rule) bool {
	faults := Faults(err)
	return len(faults) == 1 && faults[0].Rule == rule
}

// changeRow returns the row of the change, nil where there is nothing to show.
func (r *remainder) changeRow() (*row, side) {
	running := &r.s.rows[r.index]
	if r.on == r.s.from(r.index).civil() && r.paid == 0 && r.drawn == 0 {
		return nil, side{}
	}
	before := r.balance - running.opening // drawn in the running period before the day
	return &row{kind: Change, due: shorten(r.on), opening: running.opening, principal: max(0, r.paid)},
		side{deferred: r.earned, disbursed: before + r.drawn + max(0, -r.paid)}
}
