package amortization

import (
	"fmt"
	"slices"

	"cloud.google.com/go/civil"
	"github.com/cockroachdb/apd/v3"

	"github.com/tenor-lending/tenor/internal/money"
)

// Accrued returns the interest earned from the disbursement to the start of
// day on: on a due date, exactly the sum of Earned up to that row. It never
// falls from one day to the next (for rates of zero and more), and the
// accruals of any days that make up a period sum to the period's interest.
// After the last due date nothing accrues. The error is ErrDay.
func Accrued(s *Schedule, on civil.Date) (money.Amount, error) {
	if err := s.checkDay(on); err != nil {
		return money.Amount{}, err
	}
	sum := int64(0)
	for i := range s.rows {
		from := s.from(i)
		if from.after(on) {
			break
		}
		if s.rows[i].due.after(on) {
			part, err := s.earnedPart(i, from.civil(), on)
			if err != nil {
				return money.Amount{}, err
			}
			earned, err := minorOf(part, 1, s.Terms.Rounding.Mode)
			if err != nil {
				return money.Amount{}, err
			}
			return s.money(sum + earned), nil
		}
		sum += s.earned(i)
	}
	return s.money(sum), nil
}

func (s *Schedule) checkDay(on civil.Date) error {
	if !validDate(on) || on.Before(s.Terms.DisbursementDate) {
		return fmt.Errorf("%w: %v, disbursed on %s", ErrDay, on, s.Terms.DisbursementDate)
	}
	return nil
}

// earnedPart returns the unrounded interest of a row between two days of its
// period, in minor units: its Earned in proportion to what balance, rate and day
// count weigh.
func (s *Schedule) earnedPart(i int, from, to civil.Date) (*apd.Decimal, error) {
	first, earned := s.from(i).civil(), s.earned(i)
	if from.Before(first) || earned == 0 { // odd days whose interest was paid upfront, or none
		return apd.New(0, 0), nil
	}
	t, c := s.phase(first), calc{ctx: exact}
	part, whole := s.weigh(t, i, from, to)
	if whole.Sign() == 0 { // no weight in the whole period: go by calendar days
		days := daysBetween(first, s.rows[i].due.civil())
		part, whole = apd.New(int64(daysBetween(from, to)), 0), apd.New(int64(days), 0)
	}
	interest := c.quo(c.mul(apd.New(earned, 0), part), whole)
	c.keep(wide.Quantize(interest, interest, -accrualDecimals)) // what 34 digits lost must not round up
	if c.err != nil {
		return nil, fmt.Errorf("accruing instalment %d: %w", i+1, c.err)
	}
	return interest, nil
}

// accrualDecimals are the decimals of a minor unit that accrual keeps.
const accrualDecimals = 12

// weigh returns the weight of a span inside the period of a row, and that of
// the whole period.
func (s *Schedule) weigh(t *Terms, i int, from, to civil.Date) (part, whole *apd.Decimal) {
	first, due := s.from(i).civil(), s.rows[i].due.civil()
	e := &engine{terms: *t}
	e.grid = newGrid(t)
	if t.Calendar != nil {
		e.business = t.Calendar.compile()
	}
	e.loadRates()
	e.loadCuts()
	in := dayCountInput{maturity: s.MaturityDate(), calendar: e.business, perYear: 1, periodDays: 1}
	if len(e.cuts) == 0 {
		measure := func(to civil.Date) int64 {
			if t.InterestBasis == ByPeriod || t.DayCount == ActualActualAFB || t.DayCount == ActualActualICMA {
				return int64(daysBetween(first, to))
			}
			return t.DayCount.fraction(first, to, &in).Num
		}
		return apd.New(measure(to)-measure(from), 0), apd.New(measure(due), 0)
	}
	p := period{start: s.from(i), end: s.rows[i].due}
	e.cuts = append(e.cuts, toDay(from), toDay(to))
	slices.Sort(e.cuts)
	e.cuts = slices.Compact(e.cuts)
	e.periods = append(e.periods, p)
	e.cut(&p, &in)
	return e.sumWeights(&p, s.rows[i].opening, from, to)
}

// sumWeights sums balance × rate × part of a year over the segments of a period,
// those of a span apart.
func (e *engine) sumWeights(p *period, balance int64, from, to civil.Date) (part, whole *apd.Decimal) {
	c := calc{ctx: exact}
	part, whole = apd.New(0, 0), apd.New(0, 0)
	for i := p.low; i < p.high; i++ {
		seg := &e.segments[i]
		balance += seg.drawn
		weight := c.quo(product(balance, seg.rate, seg.num), apd.New(seg.den, 0))
		whole = c.add(whole, weight)
		if seg.day >= toDay(from) && seg.day < toDay(to) {
			part = c.add(part, weight)
		}
	}
	if c.err != nil {
		return apd.New(0, 0), apd.New(0, 0) // cannot happen: few digits
	}
	return part, whole
}

// Outstanding returns the principal outstanding by plan at the end of day on,
// when every instalment due by then has been paid. The error is ErrDay.
func Outstanding(s *Schedule, on civil.Date) (money.Amount, error) {
	if err := s.checkDay(on); err != nil {
		return money.Amount{}, err
	}
	balance := s.rows[0].opening
	for i := range s.rows {
		if s.rows[i].due.after(on) {
			break
		}
		balance = s.closing(i)
	}
	return s.money(balance), nil
}

// DueItem is what is open of one instalment, or what a payment covers of it.
type DueItem struct {
	// Number is the instalment, and Due its due date.
	Number int        `json:"number"`
	Due    civil.Date `json:"due"`
	// Penalty, Fee, Interest and Principal are the parts, none below zero.
	Penalty   money.Amount `json:"penalty"`
	Fee       money.Amount `json:"fee"`
	Interest  money.Amount `json:"interest"`
	Principal money.Amount `json:"principal"`
}

// DueItems returns the instalments as if nothing had been paid yet.
func (s *Schedule) DueItems() []DueItem {
	items := make([]DueItem, len(s.rows))
	for i := range s.rows {
		r := &s.rows[i]
		items[i] = DueItem{
			Number: i + 1, Due: r.due.civil(), Penalty: s.money(0),
			Fee: s.money(s.side(i).fees), Interest: s.money(r.interest), Principal: s.money(r.principal),
		}
	}
	return items
}

// Quote is the amount that pays a loan off on a day.
type Quote struct {
	// On is the day for which the quote is good.
	On civil.Date `json:"on"`
	// Principal is all that is open; Interest what is earned and unpaid; Fees
	// what is open of the instalments due by On; Penalties all that are open.
	Principal money.Amount `json:"principal"`
	Interest  money.Amount `json:"interest"`
	Fees      money.Amount `json:"fees"`
	Penalties money.Amount `json:"penalties"`
	// Total is the sum.
	Total money.Amount `json:"total"`
	// PerDiem is the interest that the next day adds, rounded on its own.
	PerDiem money.Amount `json:"per_diem"`
}

// Payoff returns what closes the loan on a day, given what is open of each
// instalment; an instalment without an item is paid in full. Interest is what
// has been earned by the day (see Accrued) less what has been paid, and never
// below zero. The errors are ErrDay, ErrAmount and money.ErrOverflow.
func Payoff(s *Schedule, open []DueItem, on civil.Date) (Quote, error) {
	accrued, err := Accrued(s, on)
	if err != nil {
		return Quote{}, err
	}
	currency := s.Totals.Interest.Currency()
	if err := checkItems(open, currency, s.Totals.Interest.IsNegative()); err != nil {
		return Quote{}, err
	}
	sum := totalOf(open, func(item *DueItem) bool { return true })
	due := totalOf(open, func(item *DueItem) bool { return !item.Due.After(on) })
	interest := accrued.Minor() - (s.Totals.Interest.Minor() - sum.interest)
	perDiem, err := s.perDiem(on)
	if err != nil {
		return Quote{}, err
	}
	quote := Quote{
		On: on, Principal: money.New(sum.principal, currency), Interest: money.New(max(0, interest), currency),
		Fees: money.New(due.fee, currency), Penalties: money.New(sum.penalty, currency), PerDiem: perDiem,
	}
	quote.Total, err = money.Sum(currency, quote.Principal, quote.Interest, quote.Fees, quote.Penalties)
	return quote, err
}

// perDiem returns the interest that the day adds; after maturity, nothing.
func (s *Schedule) perDiem(on civil.Date) (money.Amount, error) {
	for i := range s.rows {
		if s.rows[i].due.after(on) {
			part, err := s.earnedPart(i, on, addDays(on, 1))
			if err != nil {
				return money.Amount{}, err
			}
			minor, err := minorOf(part, 1, s.Terms.Rounding.Mode)
			return s.money(minor), err
		}
	}
	return s.money(0), nil
}

type itemTotals struct{ penalty, fee, interest, principal int64 }

func totalOf(items []DueItem, want func(*DueItem) bool) itemTotals {
	var sum itemTotals
	for i := range items {
		if item := &items[i]; want(item) {
			sum.penalty += item.Penalty.Minor()
			sum.fee += item.Fee.Minor()
			sum.interest += item.Interest.Minor()
			sum.principal += item.Principal.Minor()
		}
	}
	return sum
}

// checkItems refuses items with negative parts, of another currency, or whose
// sum exceeds the range of money. Interest may be negative where the rate is.
func checkItems(items []DueItem, currency money.Currency, negativeInterest bool) error {
	sum := int64(0)
	for i := range items {
		item := &items[i]
		for _, part := range [...]money.Amount{item.Penalty, item.Fee, item.Interest, item.Principal} {
			negative := part.IsNegative() && (!negativeInterest || part != item.Interest)
			if negative || (!part.IsZero() && part.Currency() != currency) {
				return fmt.Errorf("instalment %d: %w: %s", item.Number, ErrAmount, part)
			}
			var err error
			if sum, err = addChecked(sum, part.Minor()); err != nil {
				return fmt.Errorf("instalment %d: %w", item.Number, money.ErrOverflow)
			}
		}
	}
	return nil
}
