package amortization

import (
	"slices"
	"time"

	"cloud.google.com/go/civil"
)

// holidaysMax bounds a calendar: thirty holidays a year for three centuries.
const holidaysMax = 10_000

// Calendar says which days are business days: all but the weekend days and
// the holidays.
type Calendar struct {
	// Name is for people, such as "Mumbai 2024".
	Name string `json:"name,omitempty"`
	// Weekend lists the days of the week without business, 0 Sunday to 6
	// Saturday. Nil means Saturday and Sunday; an empty list means none.
	Weekend []time.Weekday `json:"weekend"`
	// Holidays lists the dates without business, in any order.
	Holidays []civil.Date `json:"holidays,omitempty"`
}

// BusinessDayRule says how a due date that is no business day moves.
type BusinessDayRule string

// The rules, by their ISDA names (2006 ISDA Definitions, section 4.12).
const (
	// Unadjusted leaves due dates where they are.
	Unadjusted BusinessDayRule = ""
	// Following moves to the next business day.
	Following BusinessDayRule = "following"
	// ModifiedFollowing moves to the next business day, or to the one before when the next is in another month.
	ModifiedFollowing BusinessDayRule = "modified_following"
	// Preceding moves to the business day before.
	Preceding BusinessDayRule = "preceding"
)

func (c *Calendar) validate(field string) error {
	weekend := 0
	for _, day := range c.Weekend {
		if day < time.Sunday || day > time.Saturday {
			return fault(field+".weekend", RuleRange, "day of the week %d is not 0 to 6", day)
		}
		weekend |= 1 << day
	}
	if weekend == 1<<7-1 {
		return fault(field+".weekend", RuleContradiction, "the calendar has no business day")
	}
	if len(c.Holidays) > holidaysMax {
		return fault(field+".holidays", RuleRange, "%d holidays, at most %d", len(c.Holidays), holidaysMax)
	}
	for _, d := range c.Holidays {
		if !validDate(d) {
			return fault(field+".holidays", RuleDate, "%v is not a date", d)
		}
	}
	return nil
}

// businessDays is a calendar compiled for look-ups.
type businessDays struct {
	weekend  [7]bool
	holidays []dayNumber // sorted
}

func (c *Calendar) compile() *businessDays {
	b := &businessDays{holidays: make([]dayNumber, len(c.Holidays))}
	if c.Weekend == nil {
		b.weekend[time.Saturday], b.weekend[time.Sunday] = true, true
	}
	for _, day := range c.Weekend {
		b.weekend[day] = true
	}
	for i, d := range c.Holidays {
		b.holidays[i] = toDay(d)
	}
	slices.Sort(b.holidays)
	return b
}

func (b *businessDays) isBusiness(n dayNumber) bool {
	if b.weekend[n.weekday()] {
		return false
	}
	_, holiday := slices.BinarySearch(b.holidays, n)
	return !holiday
}

// count returns the business days from one day (inclusive) to another (exclusive).
func (b *businessDays) count(from, to dayNumber) int {
	days := 0
	for n := from; n < to; n++ {
		if b.isBusiness(n) {
			days++
		}
	}
	return days
}

// moveMax bounds a move to a business day: a whole year of holidays in a row
// is a calendar without business days.
const moveMax = 366

// adjust moves n by the rule; ok is false when no business day is near.
func (b *businessDays) adjust(n dayNumber, rule BusinessDayRule) (moved dayNumber, ok bool) {
	switch rule {
	case Following:
		return b.move(n, 1)
	case Preceding:
		return b.move(n, -1)
	case ModifiedFollowing:
		next, found := b.move(n, 1)
		if next == n || found && next.date().Month == n.date().Month {
			return next, true
		}
		return b.move(n, -1)
	}
	return n, true
}

func (b *businessDays) move(n dayNumber, step dayNumber) (dayNumber, bool) {
	for range moveMax {
		if b.isBusiness(n) {
			return n, true
		}
		n += step
	}
	return n, false
}
