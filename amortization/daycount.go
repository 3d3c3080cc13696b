package amortization

import (
	"time"

	"cloud.google.com/go/civil"
	"github.com/cockroachdb/apd/v3"
)

// DayCount names the rule by which a span of days becomes a part of a year,
// by its name in the 2006 ISDA Definitions, section 4.16, where it has one.
type DayCount string

// The day counts. The zero value lets the terms choose: Thirty360 for periods
// in months and years, Actual365Fixed for periods in days and weeks.
const (
	// Actual365Fixed is days/365; ISDA 4.16(d).
	Actual365Fixed DayCount = "ACTUAL/365F"
	// Actual360 is days/360; ISDA 4.16(e).
	Actual360 DayCount = "ACTUAL/360"
	// Actual364 is days/364: a year of 52 whole weeks.
	Actual364 DayCount = "ACTUAL/364"
	// ActualActualISDA is days in leap years/366 + other days/365; ISDA 4.16(b).
	ActualActualISDA DayCount = "ACTUAL/ACTUAL ISDA"
	// ActualActualICMA is days/(periods a year × days of the regular period);
	// ISDA 4.16(c), ICMA rule 251.
	ActualActualICMA DayCount = "ACTUAL/ACTUAL ICMA"
	// ActualActualAFB is the whole years counted back from the end, plus the days
	// left over 366 if they hold a 29 February and over 365 otherwise (AFB, 1994).
	ActualActualAFB DayCount = "ACTUAL/ACTUAL AFB"
	// Thirty360 is the US bond basis (BB): the start's day 31 becomes 30, and the
	// end's day 31 becomes 30 if the start's day is 30 or 31; ISDA 4.16(f).
	Thirty360 DayCount = "30/360"
	// ThirtyU360 is Thirty360 with the US end-of-February rule: a start on the
	// last day of February counts as day 30, and so does an end then.
	ThirtyU360 DayCount = "30U/360"
	// ThirtyE360 is the Eurobond basis: day 31 becomes 30 on both sides; ISDA 4.16(g).
	ThirtyE360 DayCount = "30E/360"
	// ThirtyE360ISDA is ThirtyE360 with the end of February moved to day 30,
	// except where it is the maturity date; ISDA 4.16(h).
	ThirtyE360ISDA DayCount = "30E/360 ISDA"
	// Bus252 is business days/252; it needs a calendar.
	Bus252 DayCount = "BUS/252"
)

// DayCounts lists every day count.
func DayCounts() []DayCount {
	return []DayCount{
		Actual365Fixed, Actual360, Actual364, ActualActualISDA, ActualActualICMA, ActualActualAFB,
		Thirty360, ThirtyU360, ThirtyE360, ThirtyE360ISDA, Bus252,
	}
}

func (dc DayCount) valid() bool {
	for _, known := range DayCounts() {
		if dc == known {
			return true
		}
	}
	return false
}

// Fraction is an exact part of a year, Num/Den with Den > 0; it is not reduced.
type Fraction struct{ Num, Den int64 }

// Decimal returns the fraction with 34 significant digits.
func (f Fraction) Decimal() *apd.Decimal {
	var quotient apd.Decimal
	if _, err := exact.Quo(&quotient, apd.New(f.Num, 0), apd.New(f.Den, 0)); err != nil {
		return apd.New(0, 0) // cannot happen: Den > 0
	}
	return &quotient
}

// DayCountContext is what some day counts need beside the two dates.
type DayCountContext struct {
	// PeriodStart and PeriodEnd are the regular period that holds the span, and
	// PeriodsPerYear how many make a year; ActualActualICMA needs the three.
	PeriodStart, PeriodEnd civil.Date
	PeriodsPerYear         int
	// Maturity is the last due date; ThirtyE360ISDA treats it on its own.
	Maturity civil.Date
	// Calendar says which days are business days; Bus252 needs it.
	Calendar *Calendar
}

// Fraction returns the part of a year from one date (inclusive) to another
// (exclusive). It fails with a *TermsError when a date is invalid, the dates
// are reversed, or the day count lacks the context that it needs.
func (dc DayCount) Fraction(from, to civil.Date, context DayCountContext) (Fraction, error) {
	if !validDate(from) || !validDate(to) || to.Before(from) {
		return Fraction{}, fault("day_count", RuleDate, "no span of days from %s to %s", from, to)
	}
	if !dc.valid() {
		return Fraction{}, fault("day_count", RuleUnknown, "unknown day count %.40q", string(dc))
	}
	in := dayCountInput{maturity: context.Maturity}
	if dc == ActualActualICMA {
		if !validDate(context.PeriodStart) || !validDate(context.PeriodEnd) || context.PeriodsPerYear < 1 ||
			!context.PeriodStart.Before(context.PeriodEnd) {
			return Fraction{}, fault("day_count", RuleRequired, "%s needs the regular period and its frequency", dc)
		}
		in.periodDays = daysBetween(context.PeriodStart, context.PeriodEnd)
		in.perYear = context.PeriodsPerYear
	}
	if dc == Bus252 {
		if context.Calendar == nil {
			return Fraction{}, fault("day_count", RuleRequired, "%s needs a calendar", dc)
		}
		if err := context.Calendar.validate("calendar"); err != nil {
			return Fraction{}, err
		}
		in.calendar = context.Calendar.compile()
	}
	return dc.fraction(from, to, &in), nil
}

// dayCountInput is DayCountContext, checked and in the form for calculation.
type dayCountInput struct {
	maturity   civil.Date
	periodDays int
	perYear    int
	calendar   *businessDays
}

// fraction is Fraction for arguments that are known to be valid.
func (dc DayCount) fraction(from, to civil.Date, in *dayCountInput) Fraction {
	switch dc {
	case Thirty360, ThirtyU360, ThirtyE360, ThirtyE360ISDA:
		return Fraction{int64(dc.thirtyDays(from, to, in.maturity)), 360}
	case ActualActualISDA:
		return actualISDA(from, to)
	case ActualActualAFB:
		return actualAFB(from, to)
	}
	days := int64(daysBetween(from, to))
	switch dc {
	case Actual360:
		return Fraction{days, 360}
	case Actual364:
		return Fraction{days, 364}
	case ActualActualICMA:
		return Fraction{days, int64(in.perYear) * int64(in.periodDays)}
	case Bus252:
		return Fraction{int64(in.calendar.count(toDay(from), toDay(to))), 252}
	}
	return Fraction{days, 365}
}

func lastOfFebruary(d civil.Date) bool {
	return d.Month == time.February && d.Day == daysInMonth(d.Year, d.Month)
}

// thirtyDays counts days with months of 30 days.
func (dc DayCount) thirtyDays(from, to, maturity civil.Date) int {
	d1, d2 := from.Day, to.Day
	switch dc {
	case Thirty360:
		if d1 == 31 {
			d1 = 30
		}
		if d2 == 31 && d1 == 30 {
			d2 = 30
		}
	case ThirtyU360:
		if lastOfFebruary(from) {
			if lastOfFebruary(to) {
				d2 = 30
			}
			d1 = 30
		}
		if d2 == 31 && d1 >= 30 {
			d2 = 30
		}
		d1 = min(d1, 30)
	case ThirtyE360:
		d1, d2 = min(d1, 30), min(d2, 30)
	case ThirtyE360ISDA:
		if lastOfFebruary(from) || d1 == 31 {
			d1 = 30
		}
		if (lastOfFebruary(to) && to != maturity) || d2 == 31 {
			d2 = 30
		}
	}
	return 360*(to.Year-from.Year) + 30*int(to.Month-from.Month) + d2 - d1
}

// isdaDenominator is the least common multiple of 365 and 366.
const isdaDenominator = 365 * 366

// actualISDA weighs each day by the length of its year: a day of a common
// year is 366/133590 and a day of a leap year 365/133590.
func actualISDA(from, to civil.Date) Fraction {
	if from.Year == to.Year {
		return Fraction{int64(daysBetween(from, to)) * dayWeight(from.Year), isdaDenominator}
	}
	first := daysBetween(from, civil.Date{Year: from.Year + 1, Month: time.January, Day: 1})
	last := daysBetween(civil.Date{Year: to.Year, Month: time.January, Day: 1}, to)
	num := int64(first)*dayWeight(from.Year) + int64(last)*dayWeight(to.Year)
	num += int64(to.Year-from.Year-1) * isdaDenominator
	return Fraction{num, isdaDenominator}
}

func dayWeight(year int) int64 {
	if isLeap(year) {
		return 365
	}
	return 366
}

// actualAFB counts whole years back from the end (29 February when the end is
// the last of February and the year is a leap year, as the AFB master
// agreement of 1994 reads), then the stub.
func actualAFB(from, to civil.Date) Fraction {
	years, end := int64(0), to
	for {
		back := civil.Date{Year: end.Year - 1, Month: end.Month, Day: end.Day}
		if back.Month == time.February && (lastOfFebruary(to) || back.Day == 29) {
			back.Day = daysInMonth(back.Year, time.February)
		}
		if back.Before(from) {
			break
		}
		years, end = years+1, back
	}
	den := int64(365)
	for year := from.Year; year <= end.Year; year++ {
		leapDay := civil.Date{Year: year, Month: time.February, Day: 29}
		if isLeap(year) && !leapDay.Before(from) && leapDay.Before(end) {
			den = 366
		}
	}
	return Fraction{years*den + int64(daysBetween(from, end)), den}
}

// String returns the name.
func (dc DayCount) String() string { return string(dc) }
