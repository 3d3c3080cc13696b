package amortization

import (
	"cmp"
	"fmt"
	"slices"

	"cloud.google.com/go/civil"
	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/internal/money"
)

// CashFlow is money on a day: positive to the borrower (an advance), negative
// from him (a payment).
type CashFlow struct {
	Date   civil.Date   `json:"date"`
	Amount money.Amount `json:"amount"`
}

// CashFlows returns the flows of a schedule from the borrower's side: what he
// receives after deductions, the later tranches, and what he pays.
func (s *Schedule) CashFlows() []CashFlow {
	t, first := &s.Terms, s.Totals.NetDisbursed.Minor()
	flows := make([]CashFlow, 1, len(s.rows)+len(t.Tranches)+1)
	for i := range t.Tranches {
		first -= t.Tranches[i].Amount.Minor()
		flows = append(flows, CashFlow{Date: t.Tranches[i].Date, Amount: t.Tranches[i].Amount})
	}
	for i := range s.rows {
		r, net := &s.rows[i], -s.total(i)
		if r.kind == Change { // a further disbursement on the day of the change
			net += s.side(i).disbursed
			first -= s.side(i).disbursed
		}
		flows = append(flows, CashFlow{Date: r.due.civil(), Amount: s.money(net)})
	}
	flows[0] = CashFlow{Date: t.DisbursementDate, Amount: s.money(first)}
	slices.SortStableFunc(flows, func(x, y CashFlow) int { return x.Date.Compare(y.Date) })
	return flows
}

// checkCashFlows sorts a copy of flows of one currency.
func checkCashFlows(flows []CashFlow) ([]CashFlow, error) {
	if len(flows) < 2 || len(flows) > flowsMax {
		return nil, fmt.Errorf("%w: %d flows, need 2 to %d", ErrNoRate, len(flows), flowsMax)
	}
	sorted := slices.Clone(flows)
	slices.SortStableFunc(sorted, func(x, y CashFlow) int { return x.Date.Compare(y.Date) })
	for i := range sorted {
		if !validDate(sorted[i].Date) {
			return nil, fmt.Errorf("%w: %v is not a date", ErrNoRate, sorted[i].Date)
		}
		if sorted[i].Amount.Currency() != sorted[0].Amount.Currency() {
			return nil, fmt.Errorf("%w: %w", ErrNoRate, money.ErrCurrencyMismatch)
		}
	}
	return sorted, nil
}

// APR is an annual percentage rate and how it was found.
type APR struct {
	// Percent has two decimals and Exact ten.
	Percent Decimal `json:"percent"`
	Exact   Decimal `json:"exact"`
	// UnitPeriod and UnitsPerYear are those of Appendix J; empty for other rates.
	UnitPeriod   string   `json:"unit_period,omitempty"`
	UnitsPerYear Fraction `json:"units_per_year,omitzero"`
}

func newAPR(rate *apd.Decimal) (APR, error) {
	exactly, err := percentDecimal(rate)
	return APR{Percent: exactly.Round(2), Exact: exactly}, err
}

// unitPeriod is a unit of time of Appendix J: some days (kind 'd'), weeks
// ('w'), halves of a month ('s') or months ('m').
type unitPeriod struct {
	kind  byte
	count int
}

func (u unitPeriod) days() int {
	return u.count * map[byte]int{'d': 1, 'w': 7, 's': 15, 'm': 30}[u.kind]
}

func (u unitPeriod) String() string {
	name := map[byte]string{'d': "day", 'w': "week", 's': "semi-month", 'm': "month"}[u.kind]
	if u.count == 1 {
		return name
	}
	return fmt.Sprintf("%d %ss", u.count, name)
}

func (u unitPeriod) perYear() Fraction {
	return Fraction{map[byte]int64{'d': 365, 'w': 52, 's': 24, 'm': 12}[u.kind], int64(u.count)}
}

// RegulationZ returns the annual percentage rate of the actuarial method of
// Regulation Z, 12 CFR 1026 Appendix J: the rate i per unit-period solves
// Σ A/((1+e·i)(1+i)^q) = Σ P/((1+f·i)(1+i)^t), and the APR is i times the
// unit-periods of a year. The unit-period is the interval between flows that
// occurs most often, of a year at most; (b)(4). Whole unit-periods are counted
// back from each flow, and the odd days are a fraction; (b)(5). The error is
// ErrNoRate.
func RegulationZ(flows []CashFlow) (APR, error) {
	sorted, err := checkCashFlows(flows)
	if err != nil {
		return APR{}, err
	}
	if len(sorted) == 2 {
		return singlePayment(sorted)
	}
	unit := commonInterval(sorted)
	timed := make([]flow, len(sorted))
	for i := range sorted {
		timed[i] = unit.time(sorted[0].Date, sorted[i].Date)
		timed[i].amount = sorted[i].Amount.Minor()
	}
	return annualise(timed, unit.perYear(), unit.String())
}

func annualise(timed []flow, perYear Fraction, name string) (APR, error) {
	i, err := unitRate(timed)
	if err != nil {
		return APR{}, fmt.Errorf("annual percentage rate: %w", err)
	}
	c := calc{ctx: exact}
	apr, err := newAPR(c.quo(c.mul(i, apd.New(perYear.Num, 0)), apd.New(perYear.Den, 0)))
	apr.UnitPeriod, apr.UnitsPerYear = name, perYear
	return apr, err
}

// singlePayment treats one advance and one payment: the unit-period is the term
// itself, or a year where the term is longer; (b)(4)(iii) and (c)(5).
func singlePayment(sorted []CashFlow) (APR, error) {
	from, to := sorted[0].Date, sorted[1].Date
	timed := []flow{{amount: sorted[0].Amount.Minor()}, {amount: sorted[1].Amount.Minor(), units: 1, den: 1}}
	months, odd := monthsBack(from, to)
	if months >= 12 {
		year := unitPeriod{'m', 12}
		back := year.time(from, to)
		timed[1].units, timed[1].odd, timed[1].den = back.units, back.odd, back.den
		return annualise(timed, year.perYear(), year.String())
	}
	if odd == 0 && months > 0 {
		return annualise(timed, Fraction{12, int64(months)}, unitPeriod{'m', months}.String())
	}
	days := daysBetween(from, to)
	if days == 0 {
		return APR{}, fmt.Errorf("%w: all flows on one day", ErrNoRate)
	}
	return annualise(timed, Fraction{365, int64(days)}, unitPeriod{'d', days}.String())
}

// monthsBack counts whole months back from a date to an earlier one, and the
// days that are left.
func monthsBack(from, to civil.Date) (months, days int) {
	months = (to.Year-from.Year)*12 + int(to.Month-from.Month)
	at := addMonths(to, -months, to.Day, false)
	if at.Before(from) {
		months--
		at = addMonths(to, -months, to.Day, false)
	}
	return months, daysBetween(from, at)
}

// time measures from one date to another in unit-periods, counted back from the
// later one, and the odd rest. In a unit of months the rest is whole months of 30
// days and days over the days of the unit; 12 CFR 1026 App. J (b)(5)(ii) to (v).
func (u unitPeriod) time(from, to civil.Date) flow {
	switch u.kind {
	case 'd', 'w':
		days, length := int64(daysBetween(from, to)), int64(u.days())
		return flow{units: days / length, odd: days % length, den: length}
	case 's':
		months, days := monthsBack(from, to)
		return flow{units: int64(2*months + days/15), odd: int64(days % 15), den: 15}
	}
	months, days := monthsBack(from, to)
	rest := months % u.count
	if u.count == 12 && days != 0 { // the rest of a year that is not whole months: its days over 365
		start := addMonths(to, -(months - rest), to.Day, false)
		return flow{units: int64(months / 12), odd: int64(daysBetween(from, start)), den: 365}
	}
	return flow{units: int64(months / u.count), odd: int64(30*rest + days), den: int64(30 * u.count)}
}

// commonInterval returns the interval between consecutive flows that occurs most
// often, the shorter one of equals; without a common one, the average.
func commonInterval(sorted []CashFlow) unitPeriod {
	counts := map[unitPeriod]int{}
	best, most := unitPeriod{}, 0
	for i := 1; i < len(sorted); i++ {
		from, to := sorted[i-1].Date, sorted[i].Date
		if from == to {
			continue
		}
		unit := interval(from, to)
		if unit.kind == 'd' && semiMonthly(sorted, i) {
			unit = unitPeriod{'s', 1}
		}
		counts[unit]++
		if n := counts[unit]; n > most || (n == most && unit.days() < best.days()) {
			best, most = unit, n
		}
	}
	if most <= 1 && len(sorted) > 3 {
		return averageInterval(sorted)
	}
	if best.kind == 0 {
		return unitPeriod{'d', 1}
	}
	return best
}

// interval names the time between two dates: months where the day of the month
// is the same or the month too short for it, weeks, or days; a year at most.
func interval(from, to civil.Date) unitPeriod {
	days := daysBetween(from, to)
	months := (to.Year-from.Year)*12 + int(to.Month-from.Month)
	sameDay := from.Day == to.Day ||
		(to.Day < from.Day && to.Day == daysInMonth(to.Year, to.Month)) ||
		(from.Day < to.Day && from.Day == daysInMonth(from.Year, from.Month))
	switch {
	case months > 0 && sameDay:
		return unitPeriod{'m', min(months, 12)}
	case days > 365:
		return unitPeriod{'m', 12}
	case days%7 == 0:
		return unitPeriod{'w', days / 7}
	}
	return unitPeriod{'d', days}
}

// semiMonthly reports whether a flow and the one two before it, or two after the
// one before it, are a month apart, and the flow is about half a month after the last.
func semiMonthly(sorted []CashFlow, i int) bool {
	days := daysBetween(sorted[i-1].Date, sorted[i].Date)
	if days < 12 || days > 18 {
		return false
	}
	month := unitPeriod{'m', 1}
	return (i >= 2 && interval(sorted[i-2].Date, sorted[i].Date) == month) ||
		(i+1 < len(sorted) && interval(sorted[i-1].Date, sorted[i+1].Date) == month)
}

// averageInterval rounds the average interval to whole months, weeks or days.
func averageInterval(sorted []CashFlow) unitPeriod {
	gaps := len(sorted) - 1
	days := (daysBetween(sorted[0].Date, sorted[gaps].Date) + gaps/2) / gaps
	switch {
	case days >= 28:
		return unitPeriod{'m', cmp.Or(min(12, (days*2+30)/61), 1)}
	case days >= 7:
		return unitPeriod{'w', (days + 3) / 7}
	}
	return unitPeriod{'d', max(1, days)}
}

// WithinTolerance reports whether a disclosed APR is accurate: within 1/8 of a
// percentage point for a regular transaction and 1/4 for an irregular one,
// 12 CFR 1026.22(a)(2) and (3).
func WithinTolerance(disclosed, actual Decimal, regular bool) bool {
	c := calc{ctx: exact}
	difference, tolerance := c.sub(disclosed.Apd(), actual.Apd()), apd.New(25, -2)
	if regular {
		tolerance = apd.New(125, -3)
	}
	difference.Negative = false
	return difference.Cmp(tolerance) <= 0
}

// EUTimes says how EU measures time; the Directives leave both open.
type EUTimes string

// The measures of time.
const (
	// EqualPeriods counts whole months back from each flow as twelfths of a year,
	// or whole weeks as 1/52, and the days left over 365, in leap years 366.
	EqualPeriods EUTimes = "equal_periods"
	// CalendarDays counts days over 365.
	CalendarDays EUTimes = "calendar_days"
)

// EU returns the annual percentage rate of charge of the European Union
// (Directive 2008/48/EC, Annex I; Directive (EU) 2023/2225, Annex III): X solves
// Σ C·(1+X)^-t = Σ D·(1+X)^-s with times in years. The error is ErrNoRate.
func EU(flows []CashFlow, times EUTimes) (APR, error) {
	if times == CalendarDays {
		return XIRR(flows)
	}
	if times != EqualPeriods {
		return APR{}, fmt.Errorf("%w: unknown measure of time %.40q", ErrNoRate, string(times))
	}
	sorted, err := checkCashFlows(flows)
	if err != nil {
		return APR{}, err
	}
	// One unit makes months, weeks, and days of both years whole numbers.
	const year = 12 * 13 * 365 * 366
	timed := make([]flow, len(sorted))
	for i := range sorted {
		from, to := sorted[0].Date, sorted[i].Date
		months, days := monthsBack(from, to)
		units := int64(months) * (year / 12)
		switch whole := daysBetween(from, to); {
		case days != 0 && whole%7 == 0:
			units = int64(whole/7) * (year / 52)
		case isLeap(addDays(from, days).Year):
			units += int64(days) * (year / 366)
		default:
			units += int64(days) * (year / 365)
		}
		timed[i] = flow{amount: sorted[i].Amount.Minor(), units: units}
	}
	return effective(timed, year)
}

// XIRR returns the effective annual rate of dated flows, Σ C·(1+r)^(-d/365) = 0,
// as spreadsheets define it. The error is ErrNoRate.
func XIRR(flows []CashFlow) (APR, error) {
	sorted, err := checkCashFlows(flows)
	if err != nil {
		return APR{}, err
	}
	timed := make([]flow, len(sorted))
	for i := range sorted {
		timed[i] = flow{amount: sorted[i].Amount.Minor(), units: int64(daysBetween(sorted[0].Date, sorted[i].Date))}
	}
	return effective(timed, 365)
}

// effective solves for the rate of a unit and compounds it over a year.
func effective(timed []flow, unitsPerYear int64) (APR, error) {
	common := unitsPerYear // the largest unit that all times share loses the fewest digits
	for i := range timed {
		common = gcd(common, timed[i].units)
	}
	for i := range timed {
		timed[i].units /= common
	}
	unitsPerYear /= common
	i, err := unitRate(timed)
	if err != nil {
		return APR{}, fmt.Errorf("effective annual rate: %w", err)
	}
	annual, err := compound(i, Fraction{unitsPerYear, 1})
	if err != nil {
		return APR{}, fmt.Errorf("effective annual rate: %w: %w", ErrNoRate, err)
	}
	return newAPR(annual)
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
