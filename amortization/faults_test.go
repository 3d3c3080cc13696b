package amortization_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

// TestFaultsNameFieldAndRule breaks one term at a time.
func TestFaultsNameFieldAndRule(t *testing.T) {
	t.Parallel()
	eur := money.New(5, money.MustCurrency("EUR"))
	many := make([]amortization.RateStep, amortization.StepsMax+1)
	for name, test := range map[string]struct {
		change func(*amortization.Terms)
		want   string // field and rule
	}{
		"no principal": {func(x *amortization.Terms) { x.Principal = inr(0) }, "principal range"},
		"no currency":  {func(x *amortization.Terms) { x.Principal = money.Amount{} }, "principal required"},
		"beyond money": {func(x *amortization.Terms) { x.Principal = inr(1<<62 + 1) }, "principal range"},
		"rate of -100": {func(x *amortization.Terms) {
			x.AnnualRatePercent = amortization.MustDecimal("-100")
		}, "annual_rate_percent range"},
		"rate below -100": {func(x *amortization.Terms) {
			x.AnnualRatePercent = amortization.MustDecimal("-100.0001")
		}, "annual_rate_percent range"},
		"absurd rate": {func(x *amortization.Terms) {
			x.AnnualRatePercent = amortization.MustDecimal("10000.1")
		}, "annual_rate_percent range"},
		"too many decimals": {func(x *amortization.Terms) {
			x.AnnualRatePercent = amortization.MustDecimal("1.00000000001")
		}, "annual_rate_percent range"},
		"no instalments":     {func(x *amortization.Terms) { x.Instalments = 0 }, "instalments range"},
		"10,001 instalments": {func(x *amortization.Terms) { x.Instalments = 10_001 }, "instalments range"},
		"unknown method":     {func(x *amortization.Terms) { x.Method = "magic" }, "method unknown"},
		"unknown unit":       {func(x *amortization.Terms) { x.Frequency.Unit = "moon" }, "frequency.unit unknown"},
		"every 0 units":      {func(x *amortization.Terms) { x.Frequency.Every = -1 }, "frequency.every range"},
		"no date":            {func(x *amortization.Terms) { x.DisbursementDate = civil.Date{} }, "disbursement_date date"},
		"30 February": {func(x *amortization.Terms) {
			x.DisbursementDate = civil.Date{Year: 2024, Month: 2, Day: 30}
		}, "disbursement_date date"},
		"due before paid out": {func(x *amortization.Terms) {
			x.FirstDueDate = x.DisbursementDate.AddDays(-1)
		}, "first_due_date date"},
		"due when paid out": {func(x *amortization.Terms) {
			x.FirstDueDate = x.DisbursementDate
		}, "first_due_date date"},
		"principal below zero": {func(x *amortization.Terms) { x.Principal = inr(-1) }, "principal range"},
		"due in 20 years": {func(x *amortization.Terms) {
			x.FirstDueDate = x.DisbursementDate.AddDays(7000)
		}, "first_due_date range"},
		"beyond the calendar": {func(x *amortization.Terms) { x.DisbursementDate.Year = 9999 }, "instalments date"},
		"anchor day":          {func(x *amortization.Terms) { x.AnchorDay = 31 }, "anchor_day range"},
		"unknown day count":   {func(x *amortization.Terms) { x.DayCount = "ACTUAL/999" }, "day_count unknown"},
		"no calendar":         {func(x *amortization.Terms) { x.DayCount = amortization.Bus252 }, "calendar required"},
		"rule, no calendar": {func(x *amortization.Terms) {
			x.BusinessDayRule = amortization.Following
		}, "calendar required"},
		"no business day": {func(x *amortization.Terms) {
			x.Calendar = &amortization.Calendar{Weekend: week()}
		}, "calendar.weekend contradiction"},
		"weekday 9": {func(x *amortization.Terms) {
			x.Calendar = &amortization.Calendar{Weekend: week()[6:]}
			x.Calendar.Weekend[0] = 9
		}, "calendar.weekend range"},
		"year of holidays": {func(x *amortization.Terms) {
			x.Calendar, x.BusinessDayRule = allHolidays(x.DisbursementDate), amortization.Following
		}, "calendar contradiction"},
		"false holiday": {func(x *amortization.Terms) {
			x.Calendar = &amortization.Calendar{Holidays: make([]civil.Date, 1)}
		}, "calendar.holidays date"},
		"too many holidays": {func(x *amortization.Terms) {
			x.Calendar = &amortization.Calendar{Holidays: make([]civil.Date, 10_001)}
		}, "calendar.holidays range"},
		"days without month": {func(x *amortization.Terms) {
			x.Frequency = amortization.Frequency{Unit: amortization.Week, DaysOfMonth: []int{1}}
		}, "frequency.days_of_month contradiction"},
		"falling days": {func(x *amortization.Terms) {
			x.Frequency.DaysOfMonth = []int{9, 5}
		}, "frequency.days_of_month range"},
		"day 32": {func(x *amortization.Terms) {
			x.Frequency.DaysOfMonth = []int{32}
		}, "frequency.days_of_month range"},
		"two late days": {func(x *amortization.Terms) {
			x.Frequency.DaysOfMonth = []int{30, 31}
		}, "frequency.days_of_month range"},
		"late day rolled": {func(x *amortization.Terms) {
			x.Frequency.DaysOfMonth, x.MonthEnd = []int{31}, amortization.Roll
		}, "frequency.days_of_month contradiction"},
		"three half months": {func(x *amortization.Terms) {
			x.Frequency = amortization.Frequency{Unit: amortization.SemiMonth, DaysOfMonth: []int{1, 2, 3}}
		}, "frequency.days_of_month range"},
		"several every 2": {func(x *amortization.Terms) {
			x.Frequency = amortization.Frequency{Every: 2, DaysOfMonth: []int{1, 2, 3}}
		}, "frequency.days_of_month contradiction"},
		"broken nothing": {func(x *amortization.Terms) {
			x.BrokenPeriod = amortization.BrokenFirst
		}, "broken_period contradiction"},
		"rounding mode": {func(x *amortization.Terms) { x.Rounding.Mode = "SIDEWAYS" }, "rounding.mode unknown"},
		"rounding unit": {func(x *amortization.Terms) {
			x.Rounding.InstalmentUnit = amortization.MustDecimal("0.001")
		}, "rounding.instalment_unit range"},
		"precision": {func(x *amortization.Terms) { x.Rounding.Precision = 3 }, "rounding.precision range"},
		"coarse unit": {func(x *amortization.Terms) {
			x.Rounding.InstalmentUnit, x.Rounding.InstalmentMode = amortization.MustDecimal("700"), money.Up
		}, "rounding.instalment_unit range"},
		"residual with steps": {func(x *amortization.Terms) {
			x.Rounding.Residual = amortization.ResidualFirst
			x.RateSteps = []amortization.RateStep{{From: x.DisbursementDate.AddDays(50)}}
		}, "rounding.residual contradiction"},
		"residual of a bullet": {func(x *amortization.Terms) {
			x.Rounding.Residual, x.Method = amortization.ResidualFirst, amortization.Bullet
		}, "rounding.residual contradiction"},
		"fee without name": {func(x *amortization.Terms) {
			x.Fees = []amortization.Fee{{Amount: inr(1)}}
		}, "fees[0].name required"},
		"fee of both": {func(x *amortization.Terms) {
			x.Fees = []amortization.Fee{{Name: "a", Amount: inr(1), Percent: amortization.MustDecimal("1")}}
		}, "fees[0] contradiction"},
		"fee below zero": {func(x *amortization.Terms) {
			x.Fees = []amortization.Fee{{Name: "a", Amount: inr(-1)}}
		}, "fees[0].amount range"},
		"fee in euro": {func(x *amortization.Terms) {
			x.Fees = []amortization.Fee{{Name: "a", Amount: eur}}
		}, "fees[0].amount currency"},
		"fee basis": {func(x *amortization.Terms) {
			x.Fees = []amortization.Fee{{Name: "a", Percent: amortization.MustDecimal("1"), Basis: amortization.OfInstalment}}
		}, "fees[0].basis contradiction"},
		"fee too early": {func(x *amortization.Terms) {
			x.Fees = []amortization.Fee{{
				Name: "a", Amount: inr(1), When: amortization.OnDate,
				Due: x.DisbursementDate.AddDays(-1),
			}}
		}, "fees[0].due date"},
		"fee too late": {func(x *amortization.Terms) {
			x.Fees = []amortization.Fee{{
				Name: "a", Amount: inr(1), When: amortization.OnDate,
				Due: x.DisbursementDate.AddDays(9000),
			}}
		}, "fees[0].due date"},
		"fee with a date": {func(x *amortization.Terms) {
			x.Fees = []amortization.Fee{{Name: "a", Amount: inr(1), Due: x.DisbursementDate}}
		}, "fees[0].due contradiction"},
		"negative percent": {func(x *amortization.Terms) {
			x.Fees = []amortization.Fee{{Name: "a", Percent: amortization.MustDecimal("-1")}}
		}, "fees[0].percent range"},
		"fees eat the loan": {func(x *amortization.Terms) {
			x.Fees = []amortization.Fee{{Name: "a", Amount: x.Principal}}
		}, "fees range"},
		"too many fees":     {func(x *amortization.Terms) { x.Fees = make([]amortization.Fee, 101) }, "fees range"},
		"balloon elsewhere": {func(x *amortization.Terms) { x.Balloon = inr(5) }, "balloon contradiction"},
		"no balloon":        {func(x *amortization.Terms) { x.Method = amortization.Balloon }, "balloon required"},
		"whole balloon": {func(x *amortization.Terms) {
			x.Method, x.Balloon = amortization.Balloon, x.Principal
		}, "balloon range"},
		"no graduation": {func(x *amortization.Terms) { x.Method = amortization.Graduated }, "graduation.every range"},
		"wild graduation": {func(x *amortization.Terms) {
			x.Method, x.Graduation = amortization.Graduated, amortization.Graduation{
				Every:       1,
				StepPercent: amortization.MustDecimal("-100"),
			}
		}, "graduation.step_percent range"},
		"count of a fixed instalment": {func(x *amortization.Terms) {
			x.Method, x.Instalment = amortization.FixedInstalment, inr(50_000)
		}, "instalments contradiction"},
		"small fixed instalment": {func(x *amortization.Terms) {
			x.Method, x.Instalment, x.Instalments = amortization.FixedInstalment, inr(1_000), 0
		}, "instalment negative_amortization"},
		"endless fixed instalment": {func(x *amortization.Terms) {
			x.Method, x.Instalment, x.Instalments, x.AnnualRatePercent = amortization.FixedInstalment, inr(1), 0,
				amortization.Decimal{}
			x.Frequency.Unit = amortization.Day
		}, "instalment range"},
		"short plan": {func(x *amortization.Terms) {
			x.Method, x.PrincipalPlan = amortization.PrincipalPlan, []money.Amount{x.Principal}
		}, "principal_plan contradiction"},
		"plan in euro": {func(x *amortization.Terms) {
			x.Method, x.Instalments, x.PrincipalPlan = amortization.PrincipalPlan, 1, []money.Amount{eur}
		}, "principal_plan currency"},
		"plan below zero": {func(x *amortization.Terms) {
			x.Method, x.Instalments, x.PrincipalPlan = amortization.PrincipalPlan, 2, []money.Amount{
				inr(-5),
				inr(x.Principal.Minor() + 5),
			}
		}, "principal_plan[0] range"},
		"plan of too much": {func(x *amortization.Terms) {
			x.Method, x.Instalments, x.PrincipalPlan = amortization.PrincipalPlan, 1, []money.Amount{inr(5)}
		}, "principal_plan contradiction"},
		"grace throughout": {func(x *amortization.Terms) { x.Grace.Principal = 24 }, "grace.principal range"},
		"nothing to add":   {func(x *amortization.Terms) { x.Grace.Capitalise = true }, "grace.capitalise contradiction"},
		"grace of a bullet": {func(x *amortization.Terms) {
			x.Method, x.Grace.Principal = amortization.Bullet, 1
		}, "grace contradiction"},
		"free rule of 78": {func(x *amortization.Terms) {
			x.Method, x.Grace.InterestFree = amortization.RuleOf78, 1
		}, "grace.interest_free contradiction"},
		"window kind": {func(x *amortization.Terms) {
			x.Windows = []amortization.Window{{From: x.DisbursementDate, To: x.DisbursementDate.AddDays(1), Kind: "odd"}}
		}, "windows[0].kind unknown"},
		"window backwards": {func(x *amortization.Terms) {
			x.Windows = []amortization.Window{{
				From: x.DisbursementDate, To: x.DisbursementDate,
				Kind: amortization.PausedWindow,
			}}
		}, "windows[0].to date"},
		"long window": {func(x *amortization.Terms) {
			x.Windows = []amortization.Window{{
				From: x.DisbursementDate, To: x.DisbursementDate.AddDays(9999),
				Kind: amortization.PausedWindow,
			}}
		}, "windows[0].to range"},
		"tranche on day 1": {func(x *amortization.Terms) {
			x.Tranches = []amortization.Tranche{{Date: x.DisbursementDate, Amount: inr(1)}}
		}, "tranches[0].date date"},
		"late tranche": {func(x *amortization.Terms) {
			x.Tranches = []amortization.Tranche{{Date: x.DisbursementDate.AddDays(9999), Amount: inr(1)}}
		}, "tranches date"},
		"only tranches": {func(x *amortization.Terms) {
			x.Tranches = []amortization.Tranche{{Date: x.DisbursementDate.AddDays(9), Amount: x.Principal}}
		}, "tranches range"},
		"tranche and flat": {func(x *amortization.Terms) {
			x.Method, x.Tranches = amortization.Flat,
				[]amortization.Tranche{{Date: x.DisbursementDate.AddDays(9), Amount: inr(1)}}
		}, "tranches contradiction"},
		"tranches overflow": {func(x *amortization.Terms) {
			x.Tranches = []amortization.Tranche{
				{Date: x.DisbursementDate.AddDays(9), Amount: inr(1<<63 - 1)},
				{Date: x.DisbursementDate.AddDays(10), Amount: inr(1<<63 - 1)},
			}
		}, "tranches[1].amount overflow"},
		"all paid down": {func(x *amortization.Terms) {
			x.DownPaymentPercent = amortization.MustDecimal("100")
		}, "down_payment_percent range"},
		"index without value": {func(x *amortization.Terms) {
			x.AnnualRatePercent, x.Index = amortization.Decimal{}, &amortization.IndexedRate{}
		}, "index.fixings required"},
		"index and rate": {func(x *amortization.Terms) {
			x.Index = &amortization.IndexedRate{Fixings: []amortization.RateStep{{From: x.DisbursementDate}}}
		}, "index contradiction"},
		"floor above cap": {func(x *amortization.Terms) {
			x.AnnualRatePercent = amortization.Decimal{}
			high, low := amortization.MustDecimal("9"), amortization.MustDecimal("2")
			x.Index = &amortization.IndexedRate{
				FloorPercent: &high, CapPercent: &low,
				Fixings: []amortization.RateStep{{From: x.DisbursementDate}},
			}
		}, "index.floor_percent contradiction"},
		"steps not rising": {func(x *amortization.Terms) {
			x.RateSteps = []amortization.RateStep{{From: x.DisbursementDate.AddDays(9)}, {From: x.DisbursementDate.AddDays(9)}}
		}, "rate_steps[1].from date"},
		"too many steps": {func(x *amortization.Terms) { x.RateSteps = many }, "rate_steps range"},
		"uncovered interest": {func(x *amortization.Terms) {
			x.AnnualRatePercent, x.FirstDueDate, x.Instalments = amortization.MustDecimal("90"),
				x.DisbursementDate.AddDays(400), 100
		}, "method negative_amortization"},
		"interest without end": {func(x *amortization.Terms) {
			x.Method, x.CompoundInterest, x.AnnualRatePercent = amortization.Bullet, true, amortization.MustDecimal("10000")
			x.Frequency.Unit, x.Instalments = amortization.Year, 100
		}, "principal overflow"},
	} {
		terms := rbiTerms(t)
		terms.Fees = nil
		test.change(&terms)
		_, err := amortization.New(terms)
		var found []string
		for _, f := range amortization.Faults(err) {
			found = append(found, f.FieldName()+" "+string(f.Rule))
			if !strings.Contains(f.Error(), f.Field) || f.Message == "" {
				t.Errorf("%s: fault %+v says nothing", name, f)
			}
		}
		if !contains(found, test.want) {
			t.Errorf("%s: faults %q, want %q", name, found, test.want)
		}
	}
	if got := amortization.Faults(errors.New("something else")); got != nil {
		t.Errorf("faults of another error: %v", got)
	}
}

func contains(list []string, want string) bool {
	for _, s := range list {
		if s == want {
			return true
		}
	}
	return false
}

// week lists every day of the week.
func week() []time.Weekday {
	return []time.Weekday{0, 1, 2, 3, 4, 5, 6}
}

// allHolidays has no business day for three years.
func allHolidays(from civil.Date) *amortization.Calendar {
	c := &amortization.Calendar{}
	for day := range 1100 {
		c.Holidays = append(c.Holidays, from.AddDays(day))
	}
	return c
}
