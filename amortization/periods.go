package amortization

import (
	"slices"

	"cloud.google.com/go/civil"
)

// segment is a stretch of a period with one rate and one balance. Its interest
// is balance × rate × num / (den × 10^(scale+2)), where rate is the coefficient
// of the annual percentage at the engine's scale.
type segment struct {
	rate, num, den int64
	drawn          int64 // minor units paid out at the start of the segment
	day            dayNumber
}

// period is the time between two due dates.
type period struct {
	due       shortDate // as shown, moved to business days
	start     shortDate // interest runs from here
	end       shortDate // to here
	low, high int       // its segments
}

// rateFrom is a rate from a day on, at the engine's scale.
type rateFrom struct {
	day  dayNumber
	coef int64
}

// layout fills the periods and their segments.
func (e *engine) layout() error {
	e.grid = newGrid(&e.terms)
	e.loadRates()
	e.loadCuts()
	e.periods = slices.Grow(e.periods, e.count)
	e.segments = slices.Grow(e.segments, e.count)
	if e.layoutPlain() {
		return nil
	}
	if err := e.loadDates(); err != nil {
		return err
	}
	last := e.periods[len(e.periods)-1].end.civil()
	for i := range e.terms.Tranches {
		if date := e.terms.Tranches[i].Date; date.Before(e.periods[0].start.civil()) || !date.Before(last) {
			return fault("tranches", RuleDate, "the tranche of %s is not within the periods from %s to %s",
				date, e.periods[0].start.civil(), last)
		}
	}
	in := dayCountInput{maturity: last, calendar: e.business}
	perYear := e.terms.perYear()
	in.perYear = max(1, int(perYear.Num/perYear.Den))
	for k := range e.periods {
		e.cut(&e.periods[k], &in)
	}
	return nil
}

// loadDates fills the dates of the periods: the grid, without what lies in a
// paused window, moved to business days.
func (e *engine) loadDates() error {
	t := &e.terms
	if t.Calendar != nil {
		e.business = t.Calendar.compile()
	}
	shown, start := e.firstDay(), e.firstDay()
	for index := 0; len(e.periods) < e.count; index++ {
		end := e.grid.at(index)
		if end.Year > yearMax {
			return fault("instalments", RuleDate, "the last due date is after the year %d", yearMax)
		}
		if t.paused(end) {
			continue
		}
		due := end
		if e.business != nil && t.BusinessDayRule != Unadjusted {
			day := toDay(end)
			moved, ok := e.business.adjust(day, t.BusinessDayRule)
			if !ok {
				return fault("calendar", RuleContradiction, "no business day near %s", end)
			}
			if moved != day {
				due = moved.date()
			}
			if !t.KeepInterestDates {
				end = due
			}
		}
		if !shown.Before(due) || !start.Before(end) {
			return fault("business_day_rule", RuleDate, "instalment %d would be due on %s, not after %s",
				len(e.periods)+1, due, shown)
		}
		e.periods = append(e.periods, period{due: shorten(due), start: shorten(start), end: shorten(end)})
		shown, start = due, end
	}
	return nil
}

// firstDay returns the day from which the first period runs: the disbursement,
// or the end of a broken period that is charged on its own.
func (e *engine) firstDay() civil.Date {
	if e.brokenDays() {
		return e.grid.at(-1)
	}
	return e.terms.DisbursementDate
}

// paused reports whether a due date lies in a paused window.
func (t *Terms) paused(due civil.Date) bool {
	for i := range t.Windows {
		w := &t.Windows[i]
		if w.Kind == PausedWindow && !due.Before(w.From) && due.Before(w.To) {
			return true
		}
	}
	return false
}

// loadRates brings every rate to one scale.
func (e *engine) loadRates() {
	t := &e.terms
	steps := t.RateSteps
	if t.Index != nil {
		steps = t.Index.steps()
	}
	e.scale = t.AnnualRatePercent.scale
	for i := range steps {
		e.scale = max(e.scale, steps[i].AnnualRatePercent.scale)
	}
	e.rates = append(e.rates, rateFrom{day: toDay(t.DisbursementDate), coef: t.AnnualRatePercent.atScale(e.scale)})
	for i := range steps {
		step := rateFrom{day: toDay(steps[i].From), coef: steps[i].AnnualRatePercent.atScale(e.scale)}
		if step.day <= e.rates[0].day {
			e.rates[0].coef = step.coef
			continue
		}
		e.rates = append(e.rates, step)
	}
}

// steps returns the rates that follow from the fixings.
func (x *IndexedRate) steps() []RateStep {
	steps := slices.Clone(x.Fixings)
	for i := range steps {
		rate := &steps[i].AnnualRatePercent
		sum := Decimal{coef: rate.atScale(RateDecimalsMax) + x.MarginPercent.atScale(RateDecimalsMax), scale: RateDecimalsMax}
		*rate = sum.trimmed()
		if x.FloorPercent != nil && rate.Cmp(*x.FloorPercent) < 0 {
			*rate = *x.FloorPercent
		}
		if x.CapPercent != nil && rate.Cmp(*x.CapPercent) > 0 {
			*rate = *x.CapPercent
		}
	}
	return steps
}

// loadCuts lists the days on which a rate, the balance or an interest-free
// window changes.
func (e *engine) loadCuts() {
	t := &e.terms
	for _, r := range e.rates[1:] {
		e.cuts = append(e.cuts, r.day)
	}
	for i := range t.Tranches {
		e.cuts = append(e.cuts, toDay(t.Tranches[i].Date))
	}
	for i := range t.Windows {
		if t.Windows[i].Kind == InterestFreeWindow {
			e.cuts = append(e.cuts, toDay(t.Windows[i].From), toDay(t.Windows[i].To))
		}
	}
	if len(e.cuts) > 1 {
		slices.Sort(e.cuts)
		e.cuts = slices.Compact(e.cuts)
	}
}

// cut divides a period into segments. Each is weighed by the difference of the
// day counts from the start of the period, so that the weights add up to the
// day count of the whole.
func (e *engine) cut(p *period, in *dayCountInput) {
	p.low = len(e.segments)
	dc := e.terms.DayCount
	if dc == ActualActualICMA && e.terms.InterestBasis == ByDayCount {
		e.cutICMA(p, in)
		return
	}
	start, end := p.start.civil(), p.end.civil()
	if len(e.cuts) == 0 {
		whole := e.weigh(start, end, start, end, in)
		e.segments = append(e.segments, segment{rate: e.rates[0].coef, num: whole.Num, den: whole.Den})
		p.high = len(e.segments)
		return
	}
	from := start
	for {
		to := e.nextCut(from, end)
		e.segment(from, e.weigh(start, end, from, to, in))
		if to == end {
			break
		}
		from = to
	}
	p.high = len(e.segments)
}

// cutICMA cuts at the regular dates as well: a long period is several regular
// ones and a rest, each weighed by its own length (ICMA rule 251.1). A period
// moved by a calendar is its own regular period.
func (e *engine) cutICMA(p *period, in *dayCountInput) {
	start, end := p.start.civil(), p.end.civil()
	regular := []civil.Date{end}
	if e.terms.BusinessDayRule == Unadjusted {
		index := 0
		for e.grid.at(index).Before(end) {
			index++
		}
		for regular[len(regular)-1].After(start) {
			index--
			regular = append(regular, e.grid.at(index))
		}
	} else {
		regular = append(regular, start)
	}
	from := start
	for i := len(regular) - 1; i > 0; i-- {
		in.periodDays = daysBetween(regular[i], regular[i-1])
		for from.Before(regular[i-1]) {
			to := e.nextCut(from, regular[i-1])
			e.segment(from, ActualActualICMA.fraction(from, to, in))
			from = to
		}
	}
	p.high = len(e.segments)
}

func (e *engine) nextCut(from, end civil.Date) civil.Date {
	at, found := slices.BinarySearch(e.cuts, toDay(from))
	if found {
		at++
	}
	if at < len(e.cuts) && e.cuts[at] < toDay(end) {
		return e.cuts[at].date()
	}
	return end
}

// weigh returns the part of a year of a span inside the period from start to end.
func (e *engine) weigh(start, end, from, to civil.Date, in *dayCountInput) Fraction {
	if e.terms.InterestBasis == ByPeriod {
		perYear, regular := e.terms.perYear(), start
		if first := e.terms.PeriodStart; !first.IsZero() && start == e.terms.DisbursementDate {
			regular = first
		}
		if from == regular && to == end {
			return Fraction{perYear.Den, perYear.Num}
		}
		days := int64(daysBetween(regular, end))
		return Fraction{int64(daysBetween(from, to)) * perYear.Den, perYear.Num * days}
	}
	dc := e.terms.DayCount
	if from == start || dc == ActualActualAFB {
		return dc.fraction(from, to, in)
	}
	whole, before := dc.fraction(start, to, in), dc.fraction(start, from, in)
	return Fraction{whole.Num - before.Num, whole.Den}
}

// segment appends a segment with the rate and the disbursement of its first day.
func (e *engine) segment(from civil.Date, weight Fraction) {
	day := toDay(from)
	s := segment{num: weight.Num, den: weight.Den, day: day}
	for i := range e.rates {
		if e.rates[i].day <= day {
			s.rate = e.rates[i].coef
		}
	}
	t := &e.terms
	for i := range t.Windows {
		w := &t.Windows[i]
		if w.Kind == InterestFreeWindow && !from.Before(w.From) && from.Before(w.To) {
			s.num = 0
		}
	}
	for i := range t.Tranches {
		if t.Tranches[i].Date == from {
			s.drawn = t.Tranches[i].Amount.Minor()
		}
	}
	e.segments = append(e.segments, s)
}
