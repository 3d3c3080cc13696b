package amortization

import (
	"fmt"
	"slices"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/money"
)

func (v *validator) daysOfMonth() {
	f, late := &v.t.Frequency, 0
	if len(f.DaysOfMonth) == 0 {
		return
	}
	const field = "frequency.days_of_month"
	if f.Unit != Month && f.Unit != SemiMonth {
		v.fail(field, RuleContradiction, "needs the unit month or semi_month")
	}
	if f.Every != 1 {
		v.fail(field, RuleContradiction, "needs every 1")
	}
	if f.Unit == SemiMonth && len(f.DaysOfMonth) != 2 {
		v.fail(field, RuleRange, "semi_month has two days")
	}
	if len(f.DaysOfMonth) > 31 {
		v.fail(field, RuleRange, "%d days", len(f.DaysOfMonth))
	}
	for i, day := range f.DaysOfMonth {
		if day < 1 || day > 31 {
			v.fail(field, RuleRange, "day %d is not 1 to 31", day)
		}
		if i != 0 && f.DaysOfMonth[i-1] >= day {
			v.fail(field, RuleRange, "the days do not rise")
		}
		if day > 28 {
			late++
		}
	}
	if late > 1 {
		v.fail(field, RuleRange, "only one day may be beyond the 28th")
	}
	if late != 0 && v.t.MonthEnd != Clamp {
		v.fail(field, RuleContradiction, "a day beyond the 28th needs month_end clamp")
	}
}

func (v *validator) method() {
	t := v.t
	only := func(field string, set bool, methods ...Method) {
		if set && !slices.Contains(methods, t.Method) {
			v.fail(field, RuleContradiction, "has no meaning for method %s", t.Method)
		}
	}
	only("balloon", !t.Balloon.IsZero(), Balloon)
	only("graduation", t.Graduation != Graduation{}, Graduated)
	only("instalment", !t.Instalment.IsZero(), FixedInstalment)
	only("principal_plan", len(t.PrincipalPlan) > 0, PrincipalPlan)
	only("compound_interest", t.CompoundInterest, Bullet)
	only("allow_negative_amortization", t.AllowNegativeAmortization, Annuity, Balloon, Graduated)
	only("rounding.residual", t.Rounding.Residual != ResidualLast, Annuity, EqualPrincipal, Balloon, Graduated)
	switch t.Method {
	case Balloon:
		v.amount("balloon", t.Balloon)
		if t.Balloon.Minor() >= t.Principal.Minor() {
			v.fail("balloon", RuleRange, "%s is not below the principal", t.Balloon)
		}
	case FixedInstalment:
		v.amount("instalment", t.Instalment)
	case Graduated:
		if t.Graduation.Every < 1 || t.Graduation.Every > InstalmentsMax {
			v.fail("graduation.every", RuleRange, "every %d instalments", t.Graduation.Every)
		}
		step := t.Graduation.StepPercent
		if step.Cmp(graduationMin) <= 0 || step.Cmp(graduationMax) > 0 {
			v.fail("graduation.step_percent", RuleRange, "%s %% is not above %s and up to %s",
				step, graduationMin, graduationMax)
		}
	case PrincipalPlan:
		v.plan()
	}
}

// Bounds of the growth of a graduated instalment in percent.
var (
	graduationMin = MustDecimal("-100")
	graduationMax = MustDecimal("1000")
)

// plan checks that the listed principal is the whole principal.
func (v *validator) plan() {
	t := v.t
	if len(t.PrincipalPlan) != t.Instalments {
		v.fail("principal_plan", RuleContradiction, "%d amounts for %d instalments", len(t.PrincipalPlan), t.Instalments)
	}
	sum, err := money.Sum(t.Principal.Currency(), t.PrincipalPlan...)
	if err != nil {
		v.fail("principal_plan", RuleCurrency, "%v", err)
		return
	}
	for i, a := range t.PrincipalPlan {
		if a.IsNegative() {
			v.fail(fmt.Sprintf("principal_plan[%d]", i), RuleRange, "%s is negative", a)
		}
	}
	if t.DownPaymentPercent.IsZero() && sum != t.Principal {
		v.fail("principal_plan", RuleContradiction, "sums to %s, the principal is %s", sum, t.Principal)
	}
	if !t.DownPaymentPercent.IsZero() {
		v.fail("down_payment_percent", RuleContradiction, "list it in the plan instead")
	}
}

// amount checks an amount that a method needs.
func (v *validator) amount(field string, a money.Amount) {
	if !a.IsPositive() {
		v.fail(field, RuleRequired, "must be above zero")
	}
	if !a.IsZero() && a.Currency() != v.t.Principal.Currency() {
		v.fail(field, RuleCurrency, "%s, the principal is in %s", a, v.t.Principal.Currency())
	}
}

func (v *validator) rates() {
	t := v.t
	v.steps("rate_steps", t.RateSteps)
	if t.Index == nil {
		return
	}
	if !t.AnnualRatePercent.IsZero() || len(t.RateSteps) != 0 {
		v.fail("index", RuleContradiction, "an index replaces annual_rate_percent and rate_steps")
	}
	v.steps("index.fixings", t.Index.Fixings)
	if len(t.Index.Fixings) <= 0 || t.Index.Fixings[0].From.After(t.DisbursementDate) {
		v.fail("index.fixings", RuleRequired, "no fixing holds on the day of disbursement")
	}
	v.rate("index.margin_percent", t.Index.MarginPercent)
	if t.Index.FloorPercent != nil {
		v.rate("index.floor_percent", *t.Index.FloorPercent)
	}
	if t.Index.CapPercent != nil {
		v.rate("index.cap_percent", *t.Index.CapPercent)
	}
	if t.Index.FloorPercent != nil && t.Index.CapPercent != nil {
		if t.Index.FloorPercent.Cmp(*t.Index.CapPercent) > 0 {
			v.fail("index.floor_percent", RuleContradiction, "the floor is above the cap")
		}
	}
}

func (v *validator) steps(field string, steps []RateStep) {
	if len(steps) > StepsMax {
		v.fail(field, RuleRange, "%d steps, at most %d", len(steps), StepsMax)
	}
	var before civil.Date
	for i, step := range steps[:min(len(steps), StepsMax)] {
		at := fmt.Sprintf("%s[%d]", field, i)
		v.rate(at+".annual_rate_percent", step.AnnualRatePercent)
		if v.date(at+".from", step.From) {
			if i != 0 && !before.Before(step.From) {
				v.fail(at+".from", RuleDate, "%s is not after the step before", step.From)
			}
		}
		before = step.From
	}
}

// changes bounds the work of sizing the instalment anew at every change.
func (v *validator) changes() {
	t, count := v.t, len(v.t.RateSteps)+len(v.t.Tranches)
	if t.Index != nil {
		count += len(t.Index.Fixings)
	}
	if count*t.Instalments > sizingsMax {
		v.fail("rate_steps", RuleRange, "%d changes in %d instalments are too many to size", count, t.Instalments)
	}
}

func (v *validator) grace() {
	t, g := v.t, v.t.Grace
	count := func(field string, count int) {
		if count < 0 || (count != 0 && count >= t.Instalments) {
			v.fail(field, RuleRange, "%d of %d instalments", count, t.Instalments)
		}
	}
	count("grace.principal", g.Principal)
	count("grace.interest_payment", g.InterestPayment)
	count("grace.interest_free", g.InterestFree)
	if g.Capitalise && g.InterestPayment <= 0 {
		v.fail("grace.capitalise", RuleContradiction, "there is no interest under grace to capitalise")
	}
	relieved := g.Principal > 0 || g.InterestPayment > 0
	if relieved && !slices.Contains([]Method{Annuity, EqualPrincipal, Balloon, Graduated}, t.Method) {
		v.fail("grace", RuleContradiction, "method %s allows no grace", t.Method)
	}
	if relieved && t.AllowNegativeAmortization {
		v.fail("allow_negative_amortization", RuleContradiction, "not together with grace of principal or payment")
	}
	if g.InterestFree != 0 && t.Method == RuleOf78 {
		v.fail("grace.interest_free", RuleContradiction, "the rule of 78 shares interest over all instalments")
	}
}

func (v *validator) windows() {
	t := v.t
	if len(t.Windows) > StepsMax {
		v.fail("windows", RuleRange, "%d windows, at most %d", len(t.Windows), StepsMax)
	}
	last := map[WindowKind]civil.Date{}
	for i, w := range t.Windows[:min(len(t.Windows), StepsMax)] {
		field := fmt.Sprintf("windows[%d]", i)
		oneOf(v, field+".kind", w.Kind, InterestFreeWindow, PausedWindow)
		if !v.date(field+".from", w.From) || !v.date(field+".to", w.To) {
			continue
		}
		if !w.From.Before(w.To) {
			v.fail(field+".to", RuleDate, "%s is not after %s", w.To, w.From)
		}
		if w.To.DaysSince(w.From) > SpanDaysMax {
			v.fail(field+".to", RuleRange, "more than %d days after %s", SpanDaysMax, w.From)
		}
		if w.From.Before(last[w.Kind]) {
			v.fail(field+".from", RuleDate, "overlaps the window before")
		}
		last[w.Kind] = w.To
	}
}

func (v *validator) tranches() {
	t := v.t
	v.percent("down_payment_percent", t.DownPaymentPercent)
	if t.DownPaymentPercent.Cmp(MustDecimal("100")) >= 0 {
		v.fail("down_payment_percent", RuleRange, "%s %% leaves nothing to repay", t.DownPaymentPercent)
	}
	if len(t.Tranches) > StepsMax {
		v.fail("tranches", RuleRange, "%d tranches, at most %d", len(t.Tranches), StepsMax)
	}
	if t.Rounding.Residual != ResidualLast && (len(t.Tranches) > 0 || len(t.RateSteps) > 0 || t.Index != nil) {
		v.fail("rounding.residual", RuleContradiction, "rates and tranches that change leave the residual to the last")
	}
	if len(t.Tranches) == 0 {
		return
	}
	if !slices.Contains([]Method{Annuity, EqualPrincipal, InterestOnly, Bullet, Balloon}, t.Method) {
		v.fail("tranches", RuleContradiction, "method %s allows no tranches", t.Method)
	}
	if !t.DownPaymentPercent.IsZero() {
		v.fail("tranches", RuleContradiction, "with a down payment there is one disbursement")
	}
	sum, before := int64(0), t.DisbursementDate
	for i, tranche := range t.Tranches[:min(len(t.Tranches), StepsMax)] {
		field := fmt.Sprintf("tranches[%d]", i)
		v.amount(field+".amount", tranche.Amount)
		if v.date(field+".date", tranche.Date) {
			if !before.Before(tranche.Date) {
				v.fail(field+".date", RuleDate, "%s is not after %s", tranche.Date, before)
			}
		}
		before = tranche.Date
		next, err := addChecked(sum, tranche.Amount.Minor())
		if err != nil {
			v.fail(field+".amount", RuleOverflow, "the tranches exceed the range of money")
			return
		}
		sum = next
	}
	if sum >= t.Principal.Minor() {
		v.fail("tranches", RuleRange, "the tranches leave nothing for the first disbursement")
	}
}
