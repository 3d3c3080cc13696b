package amortization

import (
	"errors"
	"fmt"
	"slices"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/money"
)

// Validate reports every fault in the terms that can be seen without building
// the schedule, joined; each is a *TermsError (see Faults). Nil means none.
func (t Terms) Validate() error {
	n := t.normalised()
	v := &validator{t: &n}
	v.amounts()
	v.names()
	v.dates()
	v.rounding()
	v.fees()
	return errors.Join(v.faults...)
}

type validator struct {
	t      *Terms
	faults []error
}

func (v *validator) check(ok bool, field string, rule Rule, format string, args ...any) {
	if !ok {
		v.faults = append(v.faults, fault(field, rule, format, args...))
	}
}

// oneOf checks that a name is among those defined.
func oneOf[T ~string](v *validator, field string, value T, known ...T) {
	v.check(slices.Contains(known, value), field, RuleUnknown, "%.40q is not one of %v", string(value), known)
}

func (v *validator) amounts() {
	t := v.t
	if t.Principal.Currency().IsZero() {
		v.check(false, "principal", RuleRequired, "the principal has no currency")
	}
	v.check(t.Principal.IsPositive(), "principal", RuleRange, "the principal must be above zero")
	v.rate("annual_rate_percent", t.AnnualRatePercent)
	v.check(t.Instalments >= 1 && t.Instalments <= InstalmentsMax, "instalments", RuleRange,
		"%d instalments, need 1 to %d", t.Instalments, InstalmentsMax)
}

func (v *validator) rate(field string, rate Decimal) {
	v.check(rate.Cmp(rateMin) > 0 && rate.Cmp(rateMax) <= 0, field, RuleRange,
		"%s %% is not above %s and up to %s", rate, rateMin, rateMax)
	v.check(rate.scale <= RateDecimalsMax, field, RuleRange, "%s has more than %d decimals", rate, RateDecimalsMax)
}

func (v *validator) names() {
	t := v.t
	oneOf(v, "method", t.Method, Annuity, EqualPrincipal, Flat, InterestOnly, Bullet)
	oneOf(v, "frequency.unit", t.Frequency.Unit, Day, Week, Month, Year)
	v.check(t.Frequency.Every >= 1 && t.Frequency.Every <= EveryMax, "frequency.every", RuleRange,
		"every %d, need 1 to %d", t.Frequency.Every, EveryMax)
	oneOf(v, "interest_basis", t.InterestBasis, ByDayCount, ByPeriod)
	oneOf(v, "day_count", t.DayCount, DayCounts()...)
	oneOf(v, "business_day_rule", t.BusinessDayRule, Unadjusted, Following, ModifiedFollowing, Preceding)
	if t.Calendar != nil {
		if err := t.Calendar.validate("calendar"); err != nil {
			v.faults = append(v.faults, err)
		}
		return
	}
	v.check(t.BusinessDayRule == Unadjusted, "calendar", RuleRequired, "rule %q needs a calendar", t.BusinessDayRule)
	v.check(t.DayCount != Bus252, "calendar", RuleRequired, "day count %s needs a calendar", t.DayCount)
}

func (v *validator) date(field string, d civil.Date) bool {
	ok := validDate(d)
	v.check(ok, field, RuleDate, "%v is not a date of the years %d to %d", d, yearMin, yearMax)
	return ok
}

func (v *validator) dates() {
	t := v.t
	if !v.date("disbursement_date", t.DisbursementDate) || t.FirstDueDate.IsZero() {
		return
	}
	if v.date("first_due_date", t.FirstDueDate) {
		v.check(t.DisbursementDate.Before(t.FirstDueDate), "first_due_date", RuleDate,
			"the first due date %s is not after the disbursement %s", t.FirstDueDate, t.DisbursementDate)
	}
}

func (v *validator) rounding() {
	r := &v.t.Rounding
	v.check(r.Mode.Valid(), "rounding.mode", RuleUnknown, "unknown rounding mode %.40q", string(r.Mode))
	v.check(r.InstalmentMode.Valid(), "rounding.instalment_mode", RuleUnknown,
		"unknown rounding mode %.40q", string(r.InstalmentMode))
	oneOf(v, "rounding.residual", r.Residual, ResidualLast)
	_, ok := minorUnits(r.InstalmentUnit, v.t.Principal.Currency())
	v.check(ok, "rounding.instalment_unit", RuleRange, "%s is not a positive number of minor units", r.InstalmentUnit)
}

// minorUnits converts a multiple in major units to minor units; zero means one.
func minorUnits(unit Decimal, currency money.Currency) (int64, bool) {
	if unit.IsZero() {
		return 1, true
	}
	amount, err := money.Parse(unit.String(), currency)
	return amount.Minor(), err == nil && amount.IsPositive()
}

func (v *validator) fees() {
	t := v.t
	v.check(len(t.Fees) <= FeesMax, "fees", RuleRange, "%d fees, at most %d", len(t.Fees), FeesMax)
	for i := range t.Fees[:min(len(t.Fees), FeesMax)] {
		v.fee(fmt.Sprintf("fees[%d]", i), &t.Fees[i])
	}
}

func (v *validator) fee(field string, f *Fee) {
	t := v.t
	v.check(f.Name != "" && len(f.Name) <= textMax, field+".name", RuleRequired, "needs 1 to %d characters", textMax)
	oneOf(v, field+".basis", f.Basis, OfPrincipal, OfInstalment)
	oneOf(v, field+".when", f.When, AtDisbursement, EachInstalment, OnDate)
	oneOf(v, field+".payee", f.Payee, Lender, ThirdParty)
	v.check(f.Amount.IsZero() != f.Percent.IsZero(), field, RuleContradiction, "give either amount or percent")
	v.check(!f.Amount.IsNegative(), field+".amount", RuleRange, "%s is negative", f.Amount)
	v.check(f.Amount.IsZero() || f.Amount.Currency() == t.Principal.Currency(), field+".amount", RuleCurrency,
		"%s, the principal is in %s", f.Amount, t.Principal.Currency())
	v.percent(field+".percent", f.Percent)
	v.percent(field+".tax_percent", f.TaxPercent)
	v.check(f.Basis == OfPrincipal || f.When == EachInstalment, field+".basis", RuleContradiction,
		"a percentage of the instalment is collected with each instalment")
	if f.When == OnDate {
		if v.date(field+".due", f.Due) {
			v.check(!f.Due.Before(t.DisbursementDate), field+".due", RuleDate, "%s is before the disbursement", f.Due)
		}
		return
	}
	v.check(f.Due.IsZero(), field+".due", RuleContradiction, "only a fee on a date has a due date")
}

func (v *validator) percent(field string, p Decimal) {
	v.check(p.Sign() >= 0 && p.Cmp(rateMax) <= 0 && p.scale <= RateDecimalsMax, field, RuleRange,
		"%s is not 0 to %s with at most %d decimals", p, rateMax, RateDecimalsMax)
}
