package amortization

import (
	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/money"
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
	// Bullet pays principal and all interest with the last instalment; the
	// interest bears none itself unless CompoundInterest is set.
	Bullet Method = "bullet"
	// Balloon repays as an annuity down to Balloon, which is due with the last instalment.
	Balloon Method = "balloon"
	// Graduated is an annuity whose instalment grows by a percentage every few instalments.
	Graduated Method = "graduated"
	// RuleOf78 pays the instalment of the annuity and shares its total interest by
	// the sum of the digits: I(k) = FC·(n-k+1)/(n(n+1)/2).
	RuleOf78 Method = "rule_of_78"
	// FixedInstalment pays Instalment until the loan is repaid; the number of
	// instalments follows, and the last one is smaller.
	FixedInstalment Method = "fixed_instalment"
	// PrincipalPlan repays the principal as listed, and the interest on the balance.
	PrincipalPlan Method = "principal_plan"
)

// Methods lists every method.
func Methods() []Method {
	return []Method{
		Annuity, EqualPrincipal, Flat, InterestOnly, Bullet, Balloon, Graduated, RuleOf78,
		FixedInstalment, PrincipalPlan,
	}
}

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
	// SemiMonth is twice a month, on DaysOfMonth, or the 1st and the 16th.
	SemiMonth Unit = "semi_month"
)

// Frequency is the distance between due dates: every k units. The zero value
// is monthly.
type Frequency struct {
	// Every is the number of units, 1 to EveryMax; 0 means 1.
	Every int `json:"every,omitempty"`
	// Unit is the unit; "" means Month.
	Unit Unit `json:"unit,omitempty"`
	// DaysOfMonth are the due days of every month, rising, for Month and SemiMonth
	// with Every 1; at most one of them is beyond the 28th. Nil means the anchor day.
	DaysOfMonth []int `json:"days_of_month,omitempty"`
}

// MonthEnd says where a due date falls whose day the month does not have.
type MonthEnd string

// The month-end rules. The zero value means Clamp.
const (
	// Clamp takes the last day of the month.
	Clamp MonthEnd = "clamp"
	// Roll takes the first day of the next month.
	Roll MonthEnd = "roll"
)

// BrokenPeriod says how the odd days are charged that lie between the
// disbursement and one regular period before the first due date.
type BrokenPeriod string

// The broken-period rules.
const (
	// BrokenNatural makes them part of a long first period, for which the instalment is sized.
	BrokenNatural BrokenPeriod = ""
	// BrokenUpfront deducts their interest from the money paid out.
	BrokenUpfront BrokenPeriod = "upfront"
	// BrokenFirst adds their interest to the first instalment.
	BrokenFirst BrokenPeriod = "first_instalment"
	// BrokenSpread adds their interest to all instalments in equal parts.
	BrokenSpread BrokenPeriod = "spread"
)

// RateStep is a rate from a date on.
type RateStep struct {
	From              civil.Date `json:"from"`
	AnnualRatePercent Decimal    `json:"annual_rate_percent"`
}

// IndexedRate is an index with a margin: rate = clamp(index + margin, floor, cap).
type IndexedRate struct {
	// MarginPercent is added to the index.
	MarginPercent Decimal `json:"margin_percent"`
	// FloorPercent and CapPercent bound the sum; nil means no bound.
	FloorPercent *Decimal `json:"floor_percent,omitempty"`
	CapPercent   *Decimal `json:"cap_percent,omitempty"`
	// Fixings are the values of the index, rising by date; the first holds at the disbursement.
	Fixings []RateStep `json:"fixings"`
}

// ChangePolicy says what a change of rate or a further disbursement, known from
// the terms, does to the instalment.
type ChangePolicy string

// The change policies. The zero value means Resize.
const (
	// Resize sizes the instalment anew from the first due date after the change.
	Resize ChangePolicy = "resize"
	// Level sizes one instalment that repays the loan through all changes.
	Level ChangePolicy = "level"
)

// Grace relieves the first instalments.
type Grace struct {
	// Principal counts instalments without principal.
	Principal int `json:"principal,omitempty"`
	// InterestPayment counts instalments whose interest is paid with the first one
	// after them, or becomes principal when Capitalise is set.
	InterestPayment int `json:"interest_payment,omitempty"`
	// InterestFree counts instalments whose period bears no interest.
	InterestFree int `json:"interest_free,omitempty"`
	// Capitalise turns interest under grace into principal; nothing is paid meanwhile.
	Capitalise bool `json:"capitalise,omitempty"`
}

// WindowKind says what a window does.
type WindowKind string

// The kinds of window.
const (
	// InterestFreeWindow charges no interest for its days.
	InterestFreeWindow WindowKind = "interest_free"
	// PausedWindow has no due dates: those in it are skipped, and the loan ends later.
	PausedWindow WindowKind = "paused"
)

// Window is a stretch of days, From inclusive and To exclusive.
type Window struct {
	From civil.Date `json:"from"`
	To   civil.Date `json:"to"`
	Kind WindowKind `json:"kind"`
}

// Tranche is a later disbursement.
type Tranche struct {
	Date   civil.Date   `json:"date"`
	Amount money.Amount `json:"amount"`
}

// Graduation is the growth of a graduated instalment.
type Graduation struct {
	// StepPercent is the growth of each step in percent; it may be negative.
	StepPercent Decimal `json:"step_percent"`
	// Every is the number of instalments of a step.
	Every int `json:"every"`
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
	// ResidualFirst gives it to the first instalment that repays principal; what
	// the unit cannot express there (less than one unit grown to maturity) stays in the last.
	ResidualFirst Residual = "first"
	// ResidualSpread changes instalments by one unit, the latest first, until the
	// last one is as the others; what the unit cannot express stays in the last.
	ResidualSpread Residual = "spread"
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
	// InterestUnit is the multiple, in major units, to which interest is rounded; zero means the minor unit.
	InterestUnit Decimal `json:"interest_unit,omitzero"`
	// Precision is the number of significant digits of factors, 9 to 34; 0 means 34.
	Precision int `json:"precision,omitempty"`
	// Residual says which instalment takes the residual; "" means ResidualLast.
	Residual Residual `json:"residual,omitempty"`
}
