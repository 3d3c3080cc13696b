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
	// textMax bounds every name.
	textMax = 200
)

// Bounds of a nominal annual rate in percent.
var (
	rateMin = MustDecimal("-100")
	rateMax = MustDecimal("10000")
)

// Method names how a loan is repaid.
type Method string

// The methods. The zero value means Annuity.
const (
	// Annuity repays in equal instalments (EMI): A = P·∏(1+f)/Σ∏(1+f).
	Annuity Method = "annuity"
	// EqualPrincipal repays equal parts of the principal, and the interest on the balance.
	EqualPrincipal Method = "equal_principal"
	// Flat charges interest on the whole principal for the whole term, in equal parts.
	Flat Method = "flat"
	// InterestOnly pays the interest of each period, and the principal with the last instalment.
	InterestOnly Method = "interest_only"
	// Bullet pays principal and all interest with the last instalment; the interest bears none itself.
	Bullet Method = "bullet"
)

// Unit is the unit of a frequency.
type Unit string

// The units. The zero value means Month.
const (
	// Day is one day.
	Day Unit = "day"
	// Week is seven days.
	Week Unit = "week"
	// Month is a calendar month, on the day of the month of the anchor.
	Month Unit = "month"
	// Year is twelve calendar months.
	Year Unit = "year"
)

// Frequency is the distance between due dates: every k units. The zero value
// is monthly.
type Frequency struct {
	// Every is the number of units, 1 to EveryMax; 0 means 1.
	Every int `json:"every,omitempty"`
	// Unit is the unit; "" means Month.
	Unit Unit `json:"unit,omitempty"`
}

// InterestBasis says how the interest of a period is measured.
type InterestBasis string

// The interest bases. The zero value means ByDayCount.
const (
	// ByDayCount measures each period by the day count.
	ByDayCount InterestBasis = "day_count"
	// ByPeriod charges each period the same part of the annual rate (1/12 for a
	// month), however many days it has.
	ByPeriod InterestBasis = "period"
)

// Residual says which instalment takes what rounding leaves over.
type Residual string

// The residual policies. The zero value means ResidualLast.
const (
	// ResidualLast gives it to the last instalment.
	ResidualLast Residual = "last"
)

// Rounding is the policy by which calculated values become money. The zero
// value rounds every amount half-even to the minor unit and lets the last
// instalment take the residual.
type Rounding struct {
	// Mode rounds interest and fees, and instalments unless InstalmentMode is set; "" means HALF_EVEN.
	Mode money.Rounding `json:"mode,omitempty"`
	// InstalmentUnit is the multiple, in major units, to which the instalment is
	// rounded, such as "1" or "0.05"; zero means the minor unit.
	InstalmentUnit Decimal `json:"instalment_unit,omitzero"`
	// InstalmentMode rounds the instalment; "" means Mode.
	InstalmentMode money.Rounding `json:"instalment_mode,omitempty"`
	// Residual says which instalment takes the residual; "" means ResidualLast.
	Residual Residual `json:"residual,omitempty"`
}

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
	// Principal is the amount of the loan, above zero.
	Principal money.Amount `json:"principal"`
	// AnnualRatePercent is the nominal annual rate in percent, -100 to 10000.
	AnnualRatePercent Decimal `json:"annual_rate_percent"`
	// Method is the repayment method; "" means Annuity.
	Method Method `json:"method,omitempty"`
	// Instalments is the number of instalments, 1 to InstalmentsMax.
	Instalments int `json:"instalments"`
	// Frequency is the distance between due dates; zero means monthly.
	Frequency Frequency `json:"frequency,omitzero"`
	// DisbursementDate is the day on which the money is paid out.
	DisbursementDate civil.Date `json:"disbursement_date"`
	// FirstDueDate is the first due date and the anchor of all later ones; zero
	// means one period after the disbursement.
	FirstDueDate civil.Date `json:"first_due_date,omitzero"`
	// InterestBasis says whether interest follows the days or the periods.
	InterestBasis InterestBasis `json:"interest_basis,omitempty"`
	// DayCount turns days into parts of a year; "" means Thirty360 for periods
	// of months and years and Actual365Fixed for periods of days and weeks.
	DayCount DayCount `json:"day_count,omitempty"`
	// Calendar lists the business days; nil means that every day is one.
	Calendar *Calendar `json:"calendar,omitempty"`
	// BusinessDayRule moves due dates to business days.
	BusinessDayRule BusinessDayRule `json:"business_day_rule,omitempty"`
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
	setDefault(&t.InterestBasis, ByDayCount)
	if t.DayCount == "" {
		t.DayCount = Thirty360
		if t.Frequency.Unit == Day || t.Frequency.Unit == Week {
			t.DayCount = Actual365Fixed
		}
	}
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
