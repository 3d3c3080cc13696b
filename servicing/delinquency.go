package servicing

import (
	"slices"

	"cloud.google.com/go/civil"
)

// PastDueSince returns the due date of the oldest instalment that is open and
// due before on; the zero date if there is none, or if no more is past due than
// the product tolerates.
func (l *Loan) PastDueSince(on civil.Date) civil.Date {
	since, sum := civil.Date{}, int64(0)
	if !l.owes() {
		return since
	}
	for i := range l.Instalments {
		row := &l.Instalments[i]
		if !row.Due.Before(on) || !row.isOpen() {
			continue
		}
		sum += row.Open().Total().Minor()
		if since.IsZero() || row.Due.Before(since) {
			since = row.Due
		}
	}
	if sum <= l.Product.Tolerance.Minor() {
		return civil.Date{}
	}
	return since
}

// DaysPastDue returns the days from PastDueSince to on, less the days on which
// the count was paused; 0 if nothing is past due. It is about the state as it
// is: for a past day as it looks today, see DaysPastDueAsOf.
func (l *Loan) DaysPastDue(on civil.Date) int {
	since := l.PastDueSince(on)
	if since.IsZero() {
		return 0
	}
	days := on.DaysSince(since)
	l.eachPause(func(p Pause) {
		from, to := later(p.From, since), earlier(p.To, on)
		days -= max(0, to.DaysSince(from))
	})
	return days
}

// Bucket is a range of days past due, by which lenders report what is late. The
// ranges are those in which the Reserve Bank of India classifies special mention
// accounts (SMA-0, SMA-1, SMA-2) and non-performing assets.
type Bucket string

// The buckets.
const (
	BucketCurrent Bucket = "CURRENT"
	Bucket30      Bucket = "DPD_1_30"
	Bucket60      Bucket = "DPD_31_60"
	Bucket90      Bucket = "DPD_61_90"
	BucketOver90  Bucket = "DPD_OVER_90"
)

// BucketOf returns the bucket of days past due.
func BucketOf(days int) Bucket {
	const month = 30
	switch {
	case days <= 0:
		return BucketCurrent
	case days <= month:
		return Bucket30
	case days <= 2*month:
		return Bucket60
	case days <= 3*month:
		return Bucket90
	}
	return BucketOver90
}

// DaysPastDueAsOf returns the days past due at the start of a day, from the
// facts of a loan: what came in late counts as if it had come in time. The
// error is ErrCorrupt.
func DaysPastDueAsOf(facts []Fact, on civil.Date) (int, error) {
	e, err := foldUntil(facts, on.AddDays(-1)) // what is done on the day comes after its start
	if err != nil {
		return 0, err
	}
	return e.loan.DaysPastDue(on), nil
}

// eachPause calls visit for the paused stretches, rising, none overlapping.
func (l *Loan) eachPause(visit func(Pause)) {
	if len(l.Pauses) == 0 {
		return
	}
	sorted := slices.Clone(l.Pauses)
	slices.SortFunc(sorted, func(a, b Pause) int { return a.From.Compare(b.From) })
	end := civil.Date{}
	for _, p := range sorted {
		p.From = later(p.From, end)
		if p.From.Before(p.To) {
			visit(p)
			end = p.To
		}
	}
}

// pastDueOn returns the day at whose start something due on a date is so many
// days past due.
func (l *Loan) pastDueOn(due civil.Date, days int) civil.Date {
	on := due.AddDays(days)
	l.eachPause(func(p Pause) {
		from := later(p.From, due)
		if from.Before(on) {
			on = on.AddDays(max(0, p.To.DaysSince(from)))
		}
	})
	return on
}

// nextGrade returns the first day from a date on, and before another one if
// that is given, on whose start the stage or the suspension changes, if nothing
// else happens; the zero date if none.
func (l *Loan) nextGrade(from, before civil.Date) civil.Date {
	p := &l.Product
	if len(p.Stages) == 0 && p.Suspension.AfterDays == 0 {
		return civil.Date{}
	}
	possible := func(on civil.Date) bool { return !on.Before(from) && (before.IsZero() || on.Before(before)) }
	var days []civil.Date
	if possible(from) {
		days = append(days, from)
	}
	for i := range l.Instalments {
		row := &l.Instalments[i]
		if !row.isOpen() || (!before.IsZero() && !row.Due.Before(before)) {
			continue
		}
		for _, n := range p.thresholds() {
			if on := l.pastDueOn(row.Due, n); possible(on) {
				days = append(days, on)
			}
		}
	}
	slices.SortFunc(days, civil.Date.Compare)
	for _, day := range days {
		if stage, suspended := l.grade(day); stage != l.Stage || suspended != l.Suspended {
			return day
		}
	}
	return civil.Date{}
}

// thresholds are the days past due at which something changes.
func (p *Product) thresholds() []int {
	list := make([]int, 0, 2+len(p.Stages))
	list = append(list, 1)
	if p.Suspension.AfterDays > 0 {
		list = append(list, p.Suspension.AfterDays+1)
	}
	for _, s := range p.Stages {
		if s.FromDays > 1 {
			list = append(list, s.FromDays)
		}
	}
	return list
}

// grade returns the stage and the suspension at the start of a day.
func (l *Loan) grade(on civil.Date) (stage int, suspended bool) {
	past := l.DaysPastDue(on)
	stage, suspended = l.Product.stageAt(past)+1, l.Suspended
	switch rule := l.Product.Suspension; {
	case rule.AfterDays == 0 || !l.InBooks():
		suspended = false
	case past > rule.AfterDays:
		suspended = true
	case past <= rule.ResumeDays:
		suspended = false
	}
	return stage, suspended
}

func later(a, b civil.Date) civil.Date {
	if a.Before(b) {
		return b
	}
	return a
}

func earlier(a, b civil.Date) civil.Date {
	if b.Before(a) {
		return b
	}
	return a
}
