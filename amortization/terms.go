package amortization

import (
	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/money"
)

// Amount, Currency and the rounding modes belong to Tenor's money package;
// they are named here for users outside of Tenor.
type (
	// Amount is an exact sum of money in minor units of a currency.
	Amount = money.Amount
	// Currency is an ISO 4217 currency.
	Currency = money.Currency
)

// Limits of terms.
const (
	// InstalmentsMax is the largest number of instalments.
	InstalmentsMax = 10_000
	// FeesMax is the largest number of fees.
	FeesMax = 100
	// EveryMax is the largest number of units in a period.
	EveryMax = 3_660
	// RateDecimalsMax is the largest number of decimals of a rate.
	RateDecimalsMax = 10
	// SpanDaysMax is the largest number of days of a first period or a window.
	SpanDaysMax = 3_660
	// StepsMax is the largest number of rate steps, fixings, windows or tranches.
	StepsMax = 1_000
	// sizingsMax bounds the rows that sizings at changes go through.
	sizingsMax = 500_000
	// minorMax bounds every amount in minor units, so that two of them add up safely.
	minorMax = 1 << 61
	// precisionMin and precisionMax bound the significant digits of factors.
	precisionMin, precisionMax = 9, 34
	// textMax bounds every name.
	textMax = 200
)

// Bounds of a nominal annual rate in percent.
var (
	rateMin = MustDecimal("-100")
	rateMax = MustDecimal("10000")
)

// FeeTiming says when a fee is collected.
type FeeTiming string

// The fee timings. The zero value means AtDisbursement.
const (
	// AtDisbursement deducts the fee from the money paid out.
	AtDisbursement FeeTiming = "at_disbursement"
	// EachInstalment collects the fee with every instalment.
	EachInstalment FeeTiming = "each_instalment"
	// OnDate collects the fee with the instalment in whose period the date lies.
	OnDate FeeTiming = "on_date"
)

// FeeBasis says what a percentage fee is a percentage of.
type FeeBasis string

// The fee bases. The zero value means OfPrincipal.
const (
	// OfPrincipal is a percentage of the principal of the loan.
	OfPrincipal FeeBasis = "principal"
	// OfInstalment is a percentage of principal and interest of the instalment.
	OfInstalment FeeBasis = "instalment"
)

// Payee says who receives a fee.
type Payee string

// The payees. The zero value means Lender.
const (
	// Lender is the lender itself.
	Lender Payee = "lender"
	// ThirdParty is anyone else, such as an insurer or a registrar.
	ThirdParty Payee = "third_party"
)

// Fee is a charge beside interest: an amount, or a percentage.
type Fee struct {
	// Name is for people, such as "processing fee".
	Name string `json:"name"`
	// Amount is the fee; zero when Percent is given.
	Amount money.Amount `json:"amount,omitzero"`
	// Percent is the fee in percent of Basis; zero when Amount is given.
	Percent Decimal `json:"percent,omitzero"`
	// Basis is what Percent refers to; OfInstalment only with EachInstalment.
	Basis FeeBasis `json:"basis,omitempty"`
	// When says when the fee is collected.
	When FeeTiming `json:"when,omitempty"`
	// Due is the date of an OnDate fee.
	Due civil.Date `json:"due,omitzero"`
	// Payee receives the fee.
	Payee Payee `json:"payee,omitempty"`
	// TaxPercent is the tax on the fee, in percent, added to it.
	TaxPercent Decimal `json:"tax_percent,omitzero"`
}

// Terms are what lender and borrower agree on. The zero value of every
// optional field is a sound default; Principal, Instalments and
// DisbursementDate are required.
type Terms struct {
	// Principal is the amount of the loan, above zero, further disbursements included.
	Principal money.Amount `json:"principal"`
	// AnnualRatePercent is the nominal annual rate in percent, -100 to 10000.
	AnnualRatePercent Decimal `json:"annual_rate_percent"`
	// Method is the repayment method; "" means Annuity.
	Method Method `json:"method,omitempty"`
	// Instalments is the number of instalments, 1 to InstalmentsMax; 0 for FixedInstalment.
	Instalments int `json:"instalments"`
	// Frequency is the distance between due dates; zero means monthly.
	Frequency Frequency `json:"frequency,omitzero"`
	// DisbursementDate is the day on which the money is paid out.
	DisbursementDate civil.Date `json:"disbursement_date"`
	// FirstDueDate is the first due date and the anchor of all later ones; zero
	// means one period after the disbursement.
	FirstDueDate civil.Date `json:"first_due_date,omitzero"`
	// AnchorDay is the day of the month that due dates keep, where FirstDueDate
	// falls short of it; 0 means the day of FirstDueDate.
	AnchorDay int `json:"anchor_day,omitempty"`
	// PeriodStart is the first day of the regular period in which the disbursement
	// lies, where it lies inside one: by period, the first instalment then bears
	// interest for its share of the days. Zero means the day of disbursement.
	PeriodStart civil.Date `json:"period_start,omitzero"`
	// InterestBasis says whether interest follows the days or the periods.
	InterestBasis InterestBasis `json:"interest_basis,omitempty"`
	// DayCount turns days into parts of a year; "" means Thirty360 for periods
	// of months and years and Actual365Fixed for periods of days and weeks.
	DayCount DayCount `json:"day_count,omitempty"`
	// Calendar lists the business days; nil means that every day is one.
	Calendar *Calendar `json:"calendar,omitempty"`
	// BusinessDayRule moves due dates to business days.
	BusinessDayRule BusinessDayRule `json:"business_day_rule,omitempty"`
	// KeepInterestDates lets interest run to the due date before it was moved to a business day.
	KeepInterestDates bool `json:"keep_interest_dates,omitempty"`
	// MonthEnd says where a due date falls whose day the month does not have.
	MonthEnd MonthEnd `json:"month_end,omitempty"`
	// RateSteps change the annual rate at dates, rising.
	RateSteps []RateStep `json:"rate_steps,omitempty"`
	// Index replaces AnnualRatePercent, which then is zero, and RateSteps.
	Index *IndexedRate `json:"index,omitempty"`
	// ChangePolicy says what rate steps and tranches do to the instalment.
	ChangePolicy ChangePolicy `json:"change_policy,omitempty"`
	// BrokenPeriod says how odd days before the first regular period are charged.
	BrokenPeriod BrokenPeriod `json:"broken_period,omitempty"`
	// Grace relieves the first instalments.
	Grace Grace `json:"grace,omitzero"`
	// Windows are interest-free or paused stretches of days, rising, not overlapping within a kind.
	Windows []Window `json:"windows,omitempty"`
	// Tranches are the disbursements after the first, rising by date; together they are less than Principal.
	Tranches []Tranche `json:"tranches,omitempty"`
	// DownPaymentPercent of Principal is due on the day of disbursement, in a row of its own.
	DownPaymentPercent Decimal `json:"down_payment_percent,omitzero"`
	// Balloon is the part of the principal due with the last instalment; for Method Balloon.
	Balloon money.Amount `json:"balloon,omitzero"`
	// Graduation is the growth of the instalment; for Method Graduated.
	Graduation Graduation `json:"graduation,omitzero"`
	// Instalment is the amount paid each time; for Method FixedInstalment.
	Instalment money.Amount `json:"instalment,omitzero"`
	// PrincipalPlan lists the principal of each instalment; for Method PrincipalPlan.
	PrincipalPlan []money.Amount `json:"principal_plan,omitempty"`
	// CompoundInterest lets unpaid interest bear interest from period to period; for Method Bullet.
	CompoundInterest bool `json:"compound_interest,omitempty"`
	// AllowNegativeAmortization lets an instalment be smaller than its interest; the rest becomes principal.
	AllowNegativeAmortization bool `json:"allow_negative_amortization,omitempty"`
	// Rounding is the rounding policy.
	Rounding Rounding `json:"rounding,omitzero"`
	// Fees are the charges beside interest.
	Fees []Fee `json:"fees,omitempty"`
}

// normalised returns the terms with every default written out.
func (t Terms) normalised() Terms {
	setDefault(&t.Method, Annuity)
	setDefault(&t.Frequency.Every, 1)
	setDefault(&t.Frequency.Unit, Month)
	if t.Frequency.Unit == SemiMonth && len(t.Frequency.DaysOfMonth) == 0 {
		t.Frequency.DaysOfMonth = []int{1, 16}
	}
	setDefault(&t.InterestBasis, ByDayCount)
	if t.DayCount == "" {
		t.DayCount = Thirty360
		if t.Frequency.Unit == Day || t.Frequency.Unit == Week {
			t.DayCount = Actual365Fixed
		}
	}
	setDefault(&t.MonthEnd, Clamp)
	setDefault(&t.ChangePolicy, Resize)
	setDefault(&t.Rounding.Precision, precisionMax)
	setDefault(&t.Rounding.Mode, money.HalfEven)
	setDefault(&t.Rounding.InstalmentMode, t.Rounding.Mode)
	setDefault(&t.Rounding.Residual, ResidualLast)
	if len(t.Fees) > 0 {
		t.Fees = append([]Fee(nil), t.Fees...)
		for i := range t.Fees {
			setDefault(&t.Fees[i].Basis, OfPrincipal)
			setDefault(&t.Fees[i].When, AtDisbursement)
			setDefault(&t.Fees[i].Payee, Lender)
		}
	}
	return t
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
