package amortization

import (
	"time"

	"cloud.google.com/go/civil"
)

// dayNumber counts days since 1970-01-01 in the proleptic Gregorian calendar.
// Integer days make date arithmetic exact, fast and free of time zones.
type dayNumber int32

// toDay converts a date; the algorithm is days_from_civil of H. Hinnant,
// "chrono-Compatible Low-Level Date Algorithms".
func toDay(d civil.Date) dayNumber {
	y, m := d.Year, int(d.Month)
	if m <= 2 {
		y--
	}
	era := floorDiv(y, 400)
	yearOfEra := y - era*400
	shifted := m - 3
	if m <= 2 {
		shifted = m + 9
	}
	dayOfYear := (153*shifted+2)/5 + d.Day - 1
	dayOfEra := yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear
	return dayNumber(era*146097 + dayOfEra - 719468)
}

// date converts back; civil_from_days of the same source.
func (n dayNumber) date() civil.Date {
	z := int(n) + 719468
	era := floorDiv(z, 146097)
	dayOfEra := z - era*146097
	yearOfEra := (dayOfEra - dayOfEra/1460 + dayOfEra/36524 - dayOfEra/146096) / 365
	dayOfYear := dayOfEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	mp := (5*dayOfYear + 2) / 153
	day := dayOfYear - (153*mp+2)/5 + 1
	month := mp + 3
	if mp >= 10 {
		month = mp - 9
	}
	year := yearOfEra + era*400
	if month <= 2 {
		year++
	}
	return civil.Date{Year: year, Month: time.Month(month), Day: day}
}

// weekday returns the day of the week; day 0 was a Thursday.
func (n dayNumber) weekday() time.Weekday {
	return time.Weekday(((int(n)+4)%7 + 7) % 7)
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func isLeap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

var monthLengths = [13]int{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

func daysInMonth(year int, month time.Month) int {
	if month == time.February && isLeap(year) {
		return 29
	}
	return monthLengths[month]
}

func daysInYear(year int) int {
	if isLeap(year) {
		return 366
	}
	return 365
}

// addMonths returns the date months later, on day anchor of the month. A month
// that is too short gives its last day, or the first of the next month when
// roll is set; the anchor is kept by the caller, so that dates never drift.
func addMonths(d civil.Date, months, anchor int, roll bool) civil.Date {
	index := d.Year*12 + int(d.Month) - 1 + months
	year, month := floorDiv(index, 12), time.Month(index-floorDiv(index, 12)*12+1)
	length := daysInMonth(year, month)
	if anchor <= length {
		return civil.Date{Year: year, Month: month, Day: anchor}
	}
	if !roll {
		return civil.Date{Year: year, Month: month, Day: length}
	}
	if month == time.December {
		return civil.Date{Year: year + 1, Month: time.January, Day: 1}
	}
	return civil.Date{Year: year, Month: month + 1, Day: 1}
}

// addDays returns the date days later.
func addDays(d civil.Date, days int) civil.Date { return (toDay(d) + dayNumber(days)).date() }

// daysBetween returns the number of days from a to b.
func daysBetween(a, b civil.Date) int { return int(toDay(b) - toDay(a)) }

// yearMin and yearMax bound every date: four digits, as ISO 8601 writes them.
const (
	yearMin = 1583 // the first whole year of the Gregorian calendar
	yearMax = 9999
)

func validDate(d civil.Date) bool {
	return d.Month >= 1 && d.Month <= 12 && d.Year >= yearMin && d.Year <= yearMax &&
		d.Day >= 1 && d.Day <= daysInMonth(d.Year, d.Month)
}

// AddMonths returns the date months later on day anchor of the month, or on its
// last day when the month is shorter. The caller keeps the anchor, so that a
// loan due on the 31st is due on 28 February and then on 31 March again.
func AddMonths(d civil.Date, months, anchor int) civil.Date {
	return addMonths(d, months, anchor, false)
}

// DaysInMonth returns the length of a month.
func DaysInMonth(year int, month time.Month) int { return daysInMonth(year, month) }

// DaysInYear returns 366 for leap years and 365 for others.
func DaysInYear(year int) int { return daysInYear(year) }
