package amortization

import (
	"cloud.google.com/go/civil"
)

// segment is a stretch of a period with one rate and one balance. Its interest
// is balance × rate × num / (den × 10^(scale+2)), where rate is the coefficient
// of the annual percentage at the engine's scale.
type segment struct {
	rate, num, den int64
	drawn          int64 // minor units paid out at the start of the segment
}

// period is the time between two due dates.
type period struct {
	from, due civil.Date
	segments  []segment
}

// dueDates returns the due dates after start, unmoved by any calendar.
func (t *Terms) dueDates() []civil.Date {
	dates := make([]civil.Date, t.Instalments)
	first := t.FirstDueDate
	if first.IsZero() {
		first = t.step(t.DisbursementDate, t.DisbursementDate.Day, 1)
	}
	for k := range dates {
		dates[k] = t.step(first, first.Day, k)
	}
	if t.FirstDueDate.IsZero() && (t.Frequency.Unit == Month || t.Frequency.Unit == Year) {
		for k := range dates { // the anchor is the day of disbursement, which the first month may not have
			dates[k] = t.step(t.DisbursementDate, t.DisbursementDate.Day, k+1)
		}
	}
	return dates
}

// step returns the date k periods after start, on the anchor day of the month.
func (t *Terms) step(start civil.Date, anchor, k int) civil.Date {
	n := k * t.Frequency.Every
	switch t.Frequency.Unit {
	case Day:
		return addDays(start, n)
	case Week:
		return addDays(start, 7*n)
	case Year:
		return addMonths(start, 12*n, anchor, false)
	}
	return addMonths(start, n, anchor, false)
}

// perYear returns the number of periods in a year as a fraction.
func (t *Terms) perYear() Fraction {
	every := int64(t.Frequency.Every)
	switch t.Frequency.Unit {
	case Day:
		return Fraction{365, every}
	case Week:
		return Fraction{52, every}
	case Year:
		return Fraction{1, every}
	}
	return Fraction{12, every}
}

// periods lays out the periods of normalised, valid terms.
func (t *Terms) periods() ([]period, error) {
	var business *businessDays
	if t.Calendar != nil {
		business = t.Calendar.compile()
	}
	dates := t.dueDates()
	if !validDate(dates[len(dates)-1]) {
		return nil, fault("instalments", RuleDate, "the last due date is after the year %d", yearMax)
	}
	periods := make([]period, len(dates))
	segments := make([]segment, len(dates))
	from := t.DisbursementDate
	in := dayCountInput{maturity: dates[len(dates)-1], calendar: business}
	in.perYear = max(1, int(t.perYear().Num/t.perYear().Den))
	for k, due := range dates {
		if business != nil {
			moved, ok := business.adjust(toDay(due), t.BusinessDayRule)
			if !ok {
				return nil, fault("calendar", RuleContradiction, "no business day near %s", due)
			}
			due = moved.date()
		}
		if !from.Before(due) {
			return nil, fault("business_day_rule", RuleDate, "instalment %d would be due on %s, not after %s", k+1, due, from)
		}
		in.periodDays = daysBetween(from, due)
		fraction := t.DayCount.fraction(from, due, &in)
		if t.InterestBasis == ByPeriod {
			perYear := t.perYear()
			fraction = Fraction{perYear.Den, perYear.Num}
		}
		segments[k] = segment{rate: t.AnnualRatePercent.coef, num: fraction.Num, den: fraction.Den}
		periods[k] = period{from: from, due: due, segments: segments[k : k+1 : k+1]}
		from = due
	}
	return periods, nil
}
