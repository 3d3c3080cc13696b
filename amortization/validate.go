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
	return n.faults()
}

// faults is Validate for terms with every default written out.
func (t *Terms) faults() error {
	v := &validator{t: t}
	v.amounts()
	v.names()
	v.dates()
	v.rounding()
	v.fees()
	v.method()
	v.rates()
	v.changes()
	v.grace()
	v.windows()
	v.tranches()
	return errors.Join(v.faults...)
}

type validator struct {
	t      *Terms
	faults []error
}

func (v *validator) fail(field string, rule Rule, format string, args ...any) {
	v.faults = append(v.faults, fault(field, rule, format, args...))
}

// oneOf checks that a name is among those defined.
func oneOf[T ~string](v *validator, field string, value T, known ...T) {
	if !slices.Contains(known, value) { // the clone keeps the list off the heap for good terms
		v.fail(field, RuleUnknown, "%.40q is not one of %q", string(value), slices.Clone(known))
	}
}

func (v *validator) amounts() {
	t := v.t
	if t.Principal.Currency().IsZero() {
		v.fail("principal", RuleRequired, "the principal has no currency")
	}
	if !t.Principal.IsPositive() {
		v.fail("principal", RuleRange, "the principal must be above zero")
	}
	if t.Principal.Minor() > minorMax {
		v.fail("principal", RuleRange, "%s exceeds the range of money", t.Principal)
	}
	v.rate("annual_rate_percent", t.AnnualRatePercent)
	if t.Method == FixedInstalment {
		if t.Instalments != 0 {
			v.fail("instalments", RuleContradiction, "a fixed instalment decides the number of instalments: leave it 0")
		}
		return
	}
	if t.Instalments < 1 || t.Instalments > InstalmentsMax {
		v.fail("instalments", RuleRange, "%d instalments, need 1 to %d", t.Instalments, InstalmentsMax)
	}
}

func (v *validator) rate(field string, rate Decimal) {
	if rate.Cmp(rateMin) <= 0 || rate.Cmp(rateMax) > 0 {
		v.fail(field, RuleRange, "%s %% is not above %s and up to %s", rate, rateMin, rateMax)
	}
	if rate.scale > RateDecimalsMax {
		v.fail(field, RuleRange, "%s has more than %d decimals", rate, RateDecimalsMax)
	}
}

func (v *validator) names() {
	t := v.t
	oneOf(v, "method", t.Method, Methods()...)
	oneOf(v, "frequency.unit", t.Frequency.Unit, Day, Week, Month, Year, SemiMonth)
	v.daysOfMonth()
	oneOf(v, "month_end", t.MonthEnd, Clamp, Roll)
	oneOf(v, "change_policy", t.ChangePolicy, Resize, Level)
	oneOf(v, "broken_period", t.BrokenPeriod, BrokenNatural, BrokenUpfront, BrokenFirst, BrokenSpread)
	if t.BrokenPeriod != BrokenNatural && t.FirstDueDate.IsZero() {
		v.fail("broken_period", RuleContradiction, "without a first due date there are no odd days")
	}
	if t.Frequency.Every < 1 || t.Frequency.Every > EveryMax {
		v.fail("frequency.every", RuleRange, "every %d, need 1 to %d", t.Frequency.Every, EveryMax)
	}
	oneOf(v, "interest_basis", t.InterestBasis, ByDayCount, ByPeriod)
	oneOf(v, "day_count", t.DayCount, DayCounts()...)
	oneOf(v, "business_day_rule", t.BusinessDayRule, Unadjusted, Following, ModifiedFollowing, Preceding)
	if t.Calendar != nil {
		if err := t.Calendar.validate("calendar"); err != nil {
			v.faults = append(v.faults, err)
		}
		return
	}
	if t.BusinessDayRule != Unadjusted {
		v.fail("calendar", RuleRequired, "rule %q needs a calendar", t.BusinessDayRule)
	}
	if t.DayCount == Bus252 {
		v.fail("calendar", RuleRequired, "day count %s needs a calendar", t.DayCount)
	}
}

func (v *validator) date(field string, d civil.Date) bool {
	ok := validDate(d)
	if !ok {
		v.fail(field, RuleDate, "%v is not a date of the years %d to %d", d, yearMin, yearMax)
	}
	return ok
}

func (v *validator) dates() {
	t := v.t
	if t.AnchorDay != 0 && (t.AnchorDay < t.FirstDueDate.Day || t.AnchorDay > 31 || t.FirstDueDate.IsZero()) {
		v.fail("anchor_day", RuleRange, "%d is not between the day of the first due date and 31", t.AnchorDay)
	}
	if !t.PeriodStart.IsZero() && v.date("period_start", t.PeriodStart) && t.PeriodStart.After(t.DisbursementDate) {
		v.fail("period_start", RuleDate, "%s is after the disbursement %s", t.PeriodStart, t.DisbursementDate)
	}
	if !v.date("disbursement_date", t.DisbursementDate) || t.FirstDueDate.IsZero() {
		return
	}
	if v.date("first_due_date", t.FirstDueDate) {
		if !t.DisbursementDate.Before(t.FirstDueDate) {
			v.fail("first_due_date", RuleDate, "the first due date %s is not after the disbursement %s",
				t.FirstDueDate, t.DisbursementDate)
		}
		if t.FirstDueDate.DaysSince(t.DisbursementDate) > SpanDaysMax {
			v.fail("first_due_date", RuleRange, "more than %d days after the disbursement", SpanDaysMax)
		}
	}
}

func (v *validator) rounding() {
	r := &v.t.Rounding
	if !r.Mode.Valid() {
		v.fail("rounding.mode", RuleUnknown, "unknown rounding mode %.40q", string(r.Mode))
	}
	if !r.InstalmentMode.Valid() {
		v.fail("rounding.instalment_mode", RuleUnknown, "unknown rounding mode %.40q", string(r.InstalmentMode))
	}
	oneOf(v, "rounding.residual", r.Residual, ResidualLast, ResidualFirst, ResidualSpread)
	v.unit("rounding.instalment_unit", r.InstalmentUnit)
	v.unit("rounding.interest_unit", r.InterestUnit)
	if r.Precision < precisionMin || r.Precision > precisionMax {
		v.fail("rounding.precision", RuleRange, "%d digits, need %d to %d", r.Precision, precisionMin, precisionMax)
	}
}

func (v *validator) unit(field string, unit Decimal) {
	_, ok := minorUnits(unit, v.t.Principal.Currency())
	if !ok {
		v.fail(field, RuleRange, "%s is not a positive number of minor units", unit)
	}
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
	if len(t.Fees) > FeesMax {
		v.fail("fees", RuleRange, "%d fees, at most %d", len(t.Fees), FeesMax)
	}
	for i := range t.Fees[:min(len(t.Fees), FeesMax)] {
		v.fee(fmt.Sprintf("fees[%d]", i), &t.Fees[i])
	}
}

func (v *validator) fee(field string, f *Fee) {
	t := v.t
	if f.Name == "" || len(f.Name) > textMax {
		v.fail(field+".name", RuleRequired, "needs 1 to %d characters", textMax)
	}
	oneOf(v, field+".basis", f.Basis, OfPrincipal, OfInstalment)
	oneOf(v, field+".when", f.When, AtDisbursement, EachInstalment, OnDate)
	oneOf(v, field+".payee", f.Payee, Lender, ThirdParty)
	if f.Amount.IsZero() == f.Percent.IsZero() {
		v.fail(field, RuleContradiction, "give either amount or percent")
	}
	if f.Amount.IsNegative() {
		v.fail(field+".amount", RuleRange, "%s is negative", f.Amount)
	}
	if !f.Amount.IsZero() && f.Amount.Currency() != t.Principal.Currency() {
		v.fail(field+".amount", RuleCurrency, "%s, the principal is in %s", f.Amount, t.Principal.Currency())
	}
	v.percent(field+".percent", f.Percent)
	v.percent(field+".tax_percent", f.TaxPercent)
	if f.Basis != OfPrincipal && f.When != EachInstalment {
		v.fail(field+".basis", RuleContradiction, "a percentage of the instalment is collected with each instalment")
	}
	if f.When == OnDate {
		if v.date(field+".due", f.Due) {
			if f.Due.Before(t.DisbursementDate) {
				v.fail(field+".due", RuleDate, "%s is before the disbursement", f.Due)
			}
		}
		return
	}
	if !f.Due.IsZero() {
		v.fail(field+".due", RuleContradiction, "only a fee on a date has a due date")
	}
}

func (v *validator) percent(field string, p Decimal) {
	if p.Sign() < 0 || p.Cmp(rateMax) > 0 || p.scale > RateDecimalsMax {
		v.fail(field, RuleRange, "%s is not 0 to %s with at most %d decimals", p, rateMax, RateDecimalsMax)
	}
}
