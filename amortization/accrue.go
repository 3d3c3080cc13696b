package amortization

import (
	"fmt"

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
	for i := range s.Instalments {
		row := &s.Instalments[i]
		if on.Before(row.From) {
			break
		}
		if row.Due.After(on) {
			part, err := s.earnedPart(row, row.From, on)
			if err != nil {
				return money.Amount{}, err
			}
			earned, err := minorOf(part, 1, s.Terms.Rounding.Mode)
			if err != nil {
				return money.Amount{}, err
			}
			return money.New(sum+earned, row.Earned.Currency()), nil
		}
		sum += row.Earned.Minor()
	}
	return money.New(sum, s.Totals.Interest.Currency()), nil
}

func (s *Schedule) checkDay(on civil.Date) error {
	if !validDate(on) || on.Before(s.Terms.DisbursementDate) {
		return fmt.Errorf("%w: %v, disbursed on %s", ErrDay, on, s.Terms.DisbursementDate)
	}
	return nil
}

// earnedPart returns the unrounded interest of a row between two days of its
// period, in minor units: its Earned in proportion to the day count.
func (s *Schedule) earnedPart(row *Instalment, from, to civil.Date) (*apd.Decimal, error) {
	if from.Before(row.From) { // odd days whose interest was paid upfront
		return apd.New(0, 0), nil
	}
	num, den := s.weight(row, from, to), s.weight(row, row.From, row.Due)
	if den == 0 { // the day count sees no day in the period: go by calendar days
		num, den = int64(daysBetween(from, to)), int64(daysBetween(row.From, row.Due))
	}
	part := new(apd.Decimal)
	if _, err := exact.Quo(part, product(row.Earned.Minor(), num), apd.New(den, 0)); err != nil {
		return nil, fmt.Errorf("accruing instalment %d: %w", row.Number, err)
	}
	return part, nil
}

// weight measures a span inside a period in the numerator of the day count,
// whose denominator is the same for every span of one period.
func (s *Schedule) weight(row *Instalment, from, to civil.Date) int64 {
	dc := s.Terms.DayCount
	if s.Terms.InterestBasis == ByPeriod || dc == ActualActualAFB {
		return int64(daysBetween(from, to))
	}
	in := dayCountInput{maturity: s.MaturityDate(), periodDays: daysBetween(row.From, row.Due), perYear: 1}
	if dc == Bus252 {
		in.calendar = s.Terms.Calendar.compile()
	}
	start := dc.fraction(row.From, from, &in).Num
	return dc.fraction(row.From, to, &in).Num - start
}

// Outstanding returns the principal outstanding by plan at the end of day on,
// when every instalment due by then has been paid. The error is ErrDay.
func Outstanding(s *Schedule, on civil.Date) (money.Amount, error) {
	if err := s.checkDay(on); err != nil {
		return money.Amount{}, err
	}
	balance := s.Instalments[0].Opening
	for i := range s.Instalments {
		if s.Instalments[i].Due.After(on) {
			break
		}
		balance = s.Instalments[i].Closing
	}
	return balance, nil
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
	items := make([]DueItem, len(s.Instalments))
	for i := range s.Instalments {
		row := &s.Instalments[i]
		items[i] = DueItem{
			Number: row.Number, Due: row.Due, Penalty: money.Zero(row.Fees.Currency()),
			Fee: row.Fees, Interest: row.Interest, Principal: row.Principal,
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
	if err := checkItems(open, currency); err != nil {
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
	for i := range s.Instalments {
		row := &s.Instalments[i]
		if row.Due.After(on) {
			part, err := s.earnedPart(row, on, addDays(on, 1))
			if err != nil {
				return money.Amount{}, err
			}
			minor, err := minorOf(part, 1, s.Terms.Rounding.Mode)
			return money.New(minor, row.Earned.Currency()), err
		}
	}
	return money.Zero(s.Totals.Interest.Currency()), nil
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
// sum exceeds the range of money.
func checkItems(items []DueItem, currency money.Currency) error {
	sum := int64(0)
	for i := range items {
		item := &items[i]
		for _, part := range [...]money.Amount{item.Penalty, item.Fee, item.Interest, item.Principal} {
			if part.IsNegative() || (!part.IsZero() && part.Currency() != currency) {
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
