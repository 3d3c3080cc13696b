package legacy

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"cloud.google.com/go/civil"
	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/amortization"
)

// ErrTerms means the terms are malformed or contradict each other.
var ErrTerms = errors.New("legacy terms")

// Limits of terms.
const (
	// InstalmentsMax is the largest number of instalments.
	InstalmentsMax = 10_000
	// ChargesMax is the largest number of charges.
	ChargesMax = 1_000
	// everyMax bounds the units of a period.
	everyMax = 3_660
	// decimalsMax bounds the decimals of a currency.
	decimalsMax = 4
)

// The algorithms.
const (
	Cumulative  = "cumulative"
	Progressive = "progressive"
)

// DayCount is the pair of month and year lengths by which days are weighed.
type DayCount struct {
	// DaysInMonth is "30" or "actual".
	DaysInMonth string `json:"days_in_month"`
	// DaysInYear is "360", "364", "365" or "actual".
	DaysInYear string `json:"days_in_year"`
}

// Grace counts instalments without principal, whose interest is carried to the
// next one, and without interest.
type Grace struct {
	Principal       int `json:"principal"`
	InterestPayment int `json:"interest_payment"`
	InterestFree    int `json:"interest_free"`
}

// DownPayment is the part of a disbursement that is due on its day.
type DownPayment struct {
	Percent amortization.Decimal `json:"percent"`
	// AutoPay pays it at once; the schedule is the same.
	AutoPay bool `json:"auto_pay"`
}

// Charge is a fee or a penalty.
type Charge struct {
	// Kind is "fee" or "penalty".
	Kind string `json:"kind"`
	// When is "on_date", "each_installment" or "disbursement".
	When string `json:"when"`
	// Basis is "flat", or a percentage: "percent_of_principal", "percent_of_interest"
	// or "percent_of_principal_and_interest".
	Basis string `json:"basis"`
	// Value is an amount, or a percentage.
	Value amortization.Decimal `json:"value"`
	// DueDate is the date of an "on_date" charge; RecordedOn is when it was entered.
	DueDate    civil.Date `json:"due_date,omitzero"`
	RecordedOn civil.Date `json:"recorded_on,omitzero"`
}

// Terms are the terms of a loan in the vocabulary of the systems they come from.
type Terms struct {
	// Algorithm is Cumulative or Progressive.
	Algorithm string `json:"algorithm"`
	// Principal is disbursed; ApprovedAmount may be more and changes nothing here.
	Principal         amortization.Decimal  `json:"principal"`
	ApprovedAmount    *amortization.Decimal `json:"approved_amount,omitempty"`
	AnnualRatePercent amortization.Decimal  `json:"annual_rate_percent"`
	// CurrencyDecimals are the decimals kept, and CurrencyMultiple a multiple for
	// every amount of a currency without decimals.
	CurrencyDecimals int                   `json:"currency_decimals"`
	CurrencyMultiple *amortization.Decimal `json:"currency_multiple,omitempty"`
	// RoundingMode is "half_even", and CalcPrecision the significant digits of rates and factors.
	RoundingMode  string `json:"rounding_mode"`
	CalcPrecision int    `json:"calc_precision"`
	// InterestType is "declining" or "flat".
	InterestType string `json:"interest_type"`
	// Amortization is "equal_installments" or "equal_principal", the latter
	// perhaps with FixedPrincipalPercent of the principal in each.
	Amortization          string                `json:"amortization"`
	FixedPrincipalPercent *amortization.Decimal `json:"fixed_principal_percent,omitempty"`
	// InterestPeriod is "daily" or "same_as_repayment"; in the latter odd parts of
	// periods count pro rata when PartialPeriodInterest is set.
	InterestPeriod        string   `json:"interest_period"`
	PartialPeriodInterest bool     `json:"partial_period_interest"`
	DayCount              DayCount `json:"day_count"`
	// NumberOfInstallments are due every RepaymentEvery RepaymentUnits: "days", "weeks" or "months".
	NumberOfInstallments int    `json:"number_of_installments"`
	RepaymentEvery       int    `json:"repayment_every"`
	RepaymentUnit        string `json:"repayment_unit"`
	// Due dates count from the disbursement or the submission, as DueDatesCountedFrom says.
	SubmittedDate         civil.Date            `json:"submitted_date"`
	DisbursementDate      civil.Date            `json:"disbursement_date"`
	DueDatesCountedFrom   string                `json:"due_dates_counted_from"`
	FirstDueDate          *civil.Date           `json:"first_due_date"`
	MinimumDaysToFirstDue int                   `json:"minimum_days_to_first_due,omitempty"`
	ExplicitPeriods       [][2]civil.Date       `json:"explicit_periods,omitempty"`
	FixedLength           *int                  `json:"fixed_length,omitempty"`
	Grace                 Grace                 `json:"grace"`
	DownPayment           *DownPayment          `json:"down_payment,omitempty"`
	InstallmentMultiple   *amortization.Decimal `json:"installment_multiple"`
	// MultiDisbursement says that more disbursements may follow; the plan of the first is the same.
	MultiDisbursement bool     `json:"multi_disbursement"`
	Charges           []Charge `json:"charges,omitempty"`
}

// Validate returns every fault, joined; each wraps ErrTerms.
func (t *Terms) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("%w: %s", ErrTerms, fmt.Sprintf(format, args...)))
		}
	}
	oneOf := func(field, value string, known ...string) {
		check(slices.Contains(known, value), "%s %.40q is not one of %v", field, value, known)
	}
	oneOf("algorithm", t.Algorithm, Cumulative, Progressive)
	oneOf("rounding_mode", t.RoundingMode, "half_even")
	oneOf("interest_type", t.InterestType, "declining", "flat")
	oneOf("amortization", t.Amortization, "equal_installments", "equal_principal")
	oneOf("interest_period", t.InterestPeriod, "daily", "same_as_repayment")
	oneOf("day_count.days_in_month", t.DayCount.DaysInMonth, "30", "actual")
	oneOf("day_count.days_in_year", t.DayCount.DaysInYear, "360", "364", "365", "actual")
	oneOf("repayment_unit", t.RepaymentUnit, "days", "weeks", "months")
	oneOf("due_dates_counted_from", t.DueDatesCountedFrom, "disbursement", "submission")
	check(t.Principal.Sign() > 0, "principal %s is not above zero", t.Principal)
	check(t.AnnualRatePercent.Sign() >= 0, "annual rate %s is negative", t.AnnualRatePercent)
	check(t.CurrencyDecimals >= 0 && t.CurrencyDecimals <= decimalsMax, "currency_decimals %d", t.CurrencyDecimals)
	check(t.CalcPrecision >= 1 && t.CalcPrecision <= 34, "calc_precision %d", t.CalcPrecision)
	check(t.NumberOfInstallments >= 1 && t.NumberOfInstallments <= InstalmentsMax,
		"number_of_installments %d", t.NumberOfInstallments)
	check(t.RepaymentEvery >= 1 && t.RepaymentEvery <= everyMax, "repayment_every %d", t.RepaymentEvery)
	check(t.MinimumDaysToFirstDue >= 0 && t.MinimumDaysToFirstDue <= everyMax,
		"minimum_days_to_first_due %d", t.MinimumDaysToFirstDue)
	check(t.DisbursementDate.IsValid() && t.SubmittedDate.IsValid(), "invalid date")
	check(len(t.ExplicitPeriods) == 0 || len(t.ExplicitPeriods) == t.NumberOfInstallments,
		"%d explicit periods for %d installments", len(t.ExplicitPeriods), t.NumberOfInstallments)
	t.checkProgressive(check)
	check(t.FixedLength == nil || (*t.FixedLength >= 1 && *t.FixedLength <= everyMax), "fixed_length")
	for _, grace := range []int{t.Grace.Principal, t.Grace.InterestPayment, t.Grace.InterestFree} {
		check(grace >= 0 && grace < t.NumberOfInstallments, "grace of %d installments", grace)
	}
	for _, multiple := range []*amortization.Decimal{t.InstallmentMultiple, t.CurrencyMultiple} {
		check(multiple == nil || multiple.Sign() > 0, "a multiple is not above zero")
	}
	if t.DownPayment != nil {
		p := t.DownPayment.Percent
		check(p.Sign() > 0 && p.Cmp(hundred) < 0, "down payment of %s %%", p)
	}
	check(len(t.Charges) <= ChargesMax, "%d charges", len(t.Charges))
	for _, c := range t.Charges {
		oneOf("charge kind", c.Kind, "fee", "penalty")
		oneOf("charge when", c.When, "on_date", "each_installment", "disbursement")
		oneOf("charge basis", c.Basis, "flat", "percent_of_principal", "percent_of_interest",
			"percent_of_principal_and_interest")
		check(c.Value.Sign() >= 0, "charge of %s", c.Value)
		check(c.When != "on_date" || c.DueDate.IsValid(), "charge on a date without date")
	}
	return errors.Join(faults...)
}

// checkProgressive refuses what only cumulative loans know.
func (t *Terms) checkProgressive(check func(ok bool, format string, args ...any)) {
	if t.Algorithm != Progressive {
		return
	}
	free := t.AnnualRatePercent.IsZero()
	check(free || t.InterestType == "declining", "a progressive loan has no %s interest", t.InterestType)
	check(free || t.Amortization == "equal_installments", "a progressive loan has no %s", t.Amortization)
	check(t.Grace == Grace{}, "a progressive loan has no grace")
	check(t.FixedPrincipalPercent == nil, "a progressive loan has no fixed_principal_percent")
}

var hundred = amortization.MustDecimal("100")

// Row is one line of a schedule. Amounts have the decimals of the currency.
type Row struct {
	// Number counts from 1, down payments included.
	Number int
	// From and Due bound the period; a down payment has no days.
	From, Due civil.Date
	// The parts, all in minor units, and the balance after the row.
	Principal, Interest, Fees, Penalties, Balance int64
	// Factors are the rate factors of the segments of a progressive period.
	Factors []*apd.Decimal
	// DownPayment and Extra mark rows that are no regular instalment.
	DownPayment, Extra bool
}

// Days returns the length of the period.
func (r *Row) Days() int { return r.Due.DaysSince(r.From) }

// TotalDue returns the sum of the parts, in minor units.
func (r *Row) TotalDue() int64 { return r.Principal + r.Interest + r.Fees + r.Penalties }

// Table is a schedule: its rows, and the fees and penalties that are due with the disbursement.
type Table struct {
	Rows             []Row
	DisbursementFees int64
	// Decimals are those of the currency.
	Decimals int
}

// Text writes an amount of minor units with the decimals of the table.
func (t *Table) Text(minor int64) string {
	if t.Decimals == 0 {
		return strconv.FormatInt(minor, 10)
	}
	d, err := amortization.NewDecimal(minor, t.Decimals)
	if err != nil {
		return strconv.FormatInt(minor, 10) // cannot happen: decimals are at most four
	}
	return d.Fixed(t.Decimals)
}

// Build returns the schedule of the terms. It fails with ErrTerms.
func Build(t Terms) (*Table, error) {
	b, err := newBuilder(&t)
	if err != nil {
		return nil, err
	}
	switch {
	case t.Algorithm == Progressive && t.AnnualRatePercent.IsZero():
		b.evenly()
	case t.Algorithm == Progressive:
		b.progressive()
	case t.InterestType == "flat":
		b.flat()
	default:
		b.declining()
	}
	b.charges()
	if b.n.err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTerms, b.n.err)
	}
	return &Table{Rows: b.rows, DisbursementFees: b.upfront, Decimals: t.CurrencyDecimals}, nil
}

// builder builds one table.
type builder struct {
	t         *Terms
	n         *numbers
	down      int64 // down payment
	amortized int64 // principal to amortize
	periods   []span
	seed      int // day of the month that the due dates keep
	rows      []Row
	disbursed bool // the rows have reached the disbursement
	upfront   int64
}

func newBuilder(t *Terms) (*builder, error) {
	if err := t.Validate(); err != nil {
		return nil, err
	}
	b := &builder{t: t, n: newNumbers(t)}
	b.down, b.amortized = b.split()
	b.periods = b.layout()
	for i, p := range b.periods {
		if !p.from.Before(p.due) {
			return nil, fmt.Errorf("%w: period %d runs from %s to %s", ErrTerms, i+1, p.from, p.due)
		}
	}
	if last := b.periods[len(b.periods)-1].due; last.Before(t.DisbursementDate) {
		return nil, fmt.Errorf("%w: nothing is due after the disbursement on %s", ErrTerms, t.DisbursementDate)
	}
	return b, nil
}

// split divides the principal into down payment and the rest.
func (b *builder) split() (down, rest int64) {
	principal := b.n.money(b.t.Principal.Apd())
	if b.t.DownPayment != nil {
		share := b.n.mul(b.t.Principal.Apd(), b.n.percent(b.t.DownPayment.Percent))
		down = b.n.toMultiple(b.n.money(share))
	}
	return down, principal - down
}

// disburse returns the balance from which a period repays. The disbursement, with
// the row of its down payment, comes before the period in which it lies; on a due
// date, cumulative loans put it before that period and progressive ones after.
func (b *builder) disburse(p span, balance int64) int64 {
	day := b.t.DisbursementDate
	reached := day.Before(p.due) || (b.t.Algorithm == Cumulative && day == p.due) || p == b.periods[len(b.periods)-1]
	if b.disbursed || !reached {
		return balance
	}
	b.disbursed = true
	if b.down > 0 {
		b.rows = append(b.rows, Row{
			Number: len(b.rows) + 1, From: day, Due: day, Principal: b.down, Balance: b.amortized, DownPayment: true,
		})
	}
	return b.amortized
}

// add appends a regular row and returns the balance after it.
func (b *builder) add(p span, balance, principal, interest int64, factors ...*apd.Decimal) int64 {
	balance -= principal
	b.rows = append(b.rows, Row{
		Number: len(b.rows) + 1, From: p.from, Due: p.due,
		Principal: principal, Interest: interest, Balance: balance, Factors: factors,
	})
	return balance
}
