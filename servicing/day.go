package servicing

import (
	"fmt"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// StartDay brings the loan to the start of the business date, step by step
// through the days on which something happens: income becomes receivable,
// instalments become overdue, late fees are charged, the stage, the suspension
// and the provision follow. It has no effect on a loan whose AttentionOn lies
// later, and none when repeated.
func (l *Loan) StartDay(business civil.Date) (Change, error) {
	e := engine{loan: l.clone()}
	if err := e.advance(business); err != nil {
		return Change{}, err
	}
	return l.change(&e, business)
}

// AttentionOn returns the first business date whose start will change the loan
// (see StartDay) if nothing else happens; the zero date if none will.
func (l *Loan) AttentionOn() civil.Date {
	e := engine{loan: *l}
	return e.attention()
}

// DailyAccrual returns the interest that becomes receivable at the start of a
// day if that is all that happens to the loan on it, and false otherwise: then
// StartDay is needed. It is for batches that book many loans at once.
func (l *Loan) DailyAccrual(on civil.Date) (money.Amount, bool) {
	e := engine{loan: *l}
	e.loan.Product.Accrual = AtDueDate
	other, err := e.nextDay()
	if err != nil || l.Product.Accrual != Daily || (!other.IsZero() && !other.After(on)) {
		return money.Zero(l.Currency()), false
	}
	sum, err := e.earnedUnaccrued(on, nil)
	return money.New(sum, l.Currency()), err == nil
}

// nextDay returns the first day on which something happens by itself; the zero
// date if there is none. What is dear to find is looked for only before the day
// that is known already: the day itself looks at all.
func (e *engine) nextDay() (civil.Date, error) {
	l := &e.loan
	if l.Status != Active {
		return civil.Date{}, nil
	}
	next := soonest{floor: l.DisbursedOn} // nothing counts before the money was lent
	for i := range l.Instalments {
		row := &l.Instalments[i]
		if next.before(row.Due) {
			continue // nothing happens to it before it is due
		}
		if l.dueIncome(row) {
			next.note(row.Due)
		} else if row.OverdueOn.IsZero() && row.isOpen() {
			next.note(row.Due.AddDays(1))
		}
	}
	if l.Product.Accrual == Daily {
		on, err := e.nextAccrual(next.on)
		if err != nil {
			return civil.Date{}, err
		}
		next.note(on)
	}
	for i := range l.Instalments {
		row := &l.Instalments[i]
		if next.before(row.Due) {
			continue
		}
		if on := l.lateFeeOn(row); !on.IsZero() && !next.before(on) {
			fee, err := l.lateFee(row)
			if err != nil {
				return civil.Date{}, err
			}
			if !fee.IsZero() {
				next.note(on)
			}
		}
	}
	next.note(l.nextEarning())
	next.note(l.nextGrade(l.Through.On.AddDays(1), next.on))
	if on := l.provisionDay(); !on.IsZero() && !next.before(on) {
		off, err := l.provisionOff()
		if err != nil {
			return civil.Date{}, err
		}
		if off {
			next.note(on)
		}
	}
	return next.on, nil
}

// soonest keeps the earliest of some days, none before the floor.
type soonest struct{ floor, on civil.Date }

func (s *soonest) note(on civil.Date) {
	if on.IsZero() {
		return
	}
	if on = later(on, s.floor); s.on.IsZero() || on.Before(s.on) {
		s.on = on
	}
}

// before reports whether the earliest so far is not after a day.
func (s *soonest) before(on civil.Date) bool { return !s.on.IsZero() && !on.Before(s.on) }

// dueIncome reports whether income of the row becomes receivable on its due date.
func (l *Loan) dueIncome(row *Instalment) bool {
	if !l.InBooks() {
		return false
	}
	if row.Charged.Fees.Minor() != row.Accrued.Fees.Minor() ||
		row.Charged.Penalties.Minor() != row.Accrued.Penalties.Minor() {
		return true
	}
	return !l.Suspended && row.Charged.Interest.Minor() != row.Accrued.Interest.Minor()
}

// day lets happen what the start of a day brings.
func (e *engine) day(on civil.Date) error {
	l := &e.loan
	e.accrue(on, func(row *Instalment) Parts {
		if row.Due.After(on) || !l.dueIncome(row) {
			return e.none()
		}
		missing := row.unaccrued()
		if l.Suspended {
			missing.Interest = e.minor(0)
		}
		return missing
	})
	if err := e.accrueDaily(on); err != nil {
		return err
	}
	for i := range l.Instalments {
		row := &l.Instalments[i]
		if row.Due.Before(on) && row.OverdueOn.IsZero() && row.isOpen() {
			row.OverdueOn = on
			e.add(WentOverdue{
				On: on, Number: row.Number, Due: row.Due, Open: row.Open().Total(), DaysPastDue: on.DaysSince(row.Due),
			})
		}
	}
	if err := e.lateFees(on); err != nil {
		return err
	}
	e.earnDeferred(on)
	return e.regrade(on)
}

// schedule returns the plan of the loan, computed once in a run.
func (e *engine) schedule() (*amortization.Schedule, error) {
	if e.plan == nil {
		plan, err := e.loan.Schedule()
		if err != nil {
			return nil, err
		}
		e.plan = plan
	}
	return e.plan, nil
}

// earnedUnaccrued returns the interest earned by the start of a day that is not
// receivable yet, and gives it to each with its row. The interest earned fills
// the instalments in their order, so that the days of a period sum to what the
// instalment charges.
func (e *engine) earnedUnaccrued(on civil.Date, each func(row *Instalment, minor int64)) (int64, error) {
	l, sum := &e.loan, int64(0)
	if l.Suspended || !l.InBooks() || on.Before(l.Terms.DisbursementDate) {
		return 0, nil
	}
	plan, err := e.schedule()
	if err != nil {
		return 0, err
	}
	earned, err := amortization.Accrued(plan, on)
	if err != nil {
		return 0, fmt.Errorf("interest earned by loan %s: %w", l.ID, err)
	}
	left := earned.Minor()
	for i := range min(l.Planned, plan.Len()) {
		row := &l.Instalments[i]
		fill := min(left, plan.At(i).Interest.Minor())
		left -= fill
		if missing := min(fill, row.Charged.Interest.Minor()) - row.Accrued.Interest.Minor(); missing > 0 {
			sum += missing
			if each != nil {
				each(row, missing)
			}
		}
		if left <= 0 {
			break
		}
	}
	return sum, nil
}

func (e *engine) accrueDaily(on civil.Date) error {
	if e.loan.Product.Accrual != Daily {
		return nil
	}
	sum, err := e.earnedUnaccrued(on, func(row *Instalment, minor int64) {
		row.Accrued.Interest = shift(row.Accrued.Interest, minor)
	})
	if err != nil || sum == 0 {
		return err
	}
	parts := e.none()
	parts.Interest = e.minor(sum)
	e.book(on, posting.Accrual, parts, 0)
	return nil
}

// nextAccrual returns the first day, before another one if that is given, at
// whose start interest is earned that is not receivable.
func (e *engine) nextAccrual(before civil.Date) (civil.Date, error) {
	l := &e.loan
	if l.Suspended || !l.InBooks() || l.Planned == 0 {
		return civil.Date{}, nil
	}
	last := l.Instalments[l.Planned-1].Due
	on := later(l.Through.On, l.Terms.DisbursementDate)
	if l.Through.Rank == rankDay {
		on = on.AddDays(1)
	}
	for ; !on.After(last) && (before.IsZero() || on.Before(before)); on = on.AddDays(1) {
		if sum, err := e.earnedUnaccrued(on, nil); err != nil || sum > 0 {
			return on, err
		}
	}
	return civil.Date{}, nil
}

// lateFeeOn returns the day on which the next late fee on the row is due, if
// there is anything to charge it on then; the zero date if there is none.
func (l *Loan) lateFeeOn(row *Instalment) civil.Date {
	rule := &l.Product.LateFee
	if rule.none() || !l.InBooks() || (row.LateFees > 0 && rule.EveryDays == 0) || !row.isOpen() {
		return civil.Date{}
	}
	return l.pastDueOn(row.Due, 1+rule.GraceDays+row.LateFees*rule.EveryDays)
}

// lateFee returns the fee for what is overdue of the row; zero if none is due.
func (l *Loan) lateFee(row *Instalment) (money.Amount, error) {
	rule, open := &l.Product.LateFee, row.Open()
	base := open.Principal.Minor() + open.Interest.Minor()
	if base <= rule.Tolerance.Minor() || base <= l.penaltiesPaid() {
		return money.Zero(l.Currency()), nil
	}
	fee := rule.Amount
	if fee.IsZero() {
		var err error
		if fee, err = amortization.PercentOf(money.New(base, l.Currency()), rule.Percent, money.HalfEven); err != nil {
			return money.Amount{}, err
		}
	}
	minor := min(fee.Minor(), base)
	if !rule.Cap.IsZero() {
		minor = min(minor, rule.Cap.Minor()-row.LateCharged.Minor())
	}
	return money.New(max(0, minor), l.Currency()), nil
}

func (l *Loan) penaltiesPaid() int64 {
	sum := int64(0)
	for i := range l.Instalments {
		sum += l.Instalments[i].Paid.Penalties.Minor()
	}
	return sum
}

func (e *engine) lateFees(on civil.Date) error {
	l := &e.loan
	charged := false
	for i := range l.Instalments {
		row := &l.Instalments[i]
		if !row.Due.Before(on) {
			continue
		}
		if due := l.lateFeeOn(row); due.IsZero() || due.After(on) {
			continue
		}
		fee, err := l.lateFee(row)
		if err != nil {
			return err
		}
		if fee.IsZero() {
			continue
		}
		row.LateFees++
		row.LateCharged = shift(row.LateCharged, fee.Minor())
		row.Charged.Penalties = shift(row.Charged.Penalties, fee.Minor())
		e.add(LateFeeCharged{
			On: on, Number: row.Number, Due: row.Due, Count: row.LateFees, Amount: fee, DaysPastDue: on.DaysSince(row.Due),
		})
		charged = true
	}
	if charged {
		e.accrue(on, func(row *Instalment) Parts {
			missing := e.none()
			if !row.Due.After(on) {
				missing.Penalties = row.unaccrued().Penalties
			}
			return missing
		})
	}
	return nil
}

// regrade follows the days past due with stage, suspension and provision.
func (e *engine) regrade(on civil.Date) error {
	l := &e.loan
	stage, suspended := l.grade(on)
	if stage != l.Stage {
		e.add(StageChanged{On: on, From: l.stageNumber(l.Stage), To: l.stageNumber(stage), DaysPastDue: l.DaysPastDue(on)})
	}
	if suspended != l.Suspended {
		e.suspend(on, suspended)
	}
	measure := stage != l.Stage || on.Day == 1
	l.Stage = stage
	if !measure || len(l.Product.Stages) == 0 {
		return nil
	}
	provision, err := l.expectedLoss(stage)
	if err != nil {
		return err
	}
	e.provide(on, provision)
	l.ProvisionedOn = on
	return nil
}

func (l *Loan) stageNumber(stage int) int {
	if stage == 0 {
		return 0
	}
	return l.Product.Stages[stage-1].Number
}

func (e *engine) suspend(on civil.Date, suspended bool) {
	l := &e.loan
	l.Suspended = suspended
	e.add(Suspended{On: on, Suspended: suspended, DaysPastDue: l.DaysPastDue(on)})
	if !suspended || !l.Product.Suspension.Reverse {
		return
	}
	taken := e.none()
	for i := range l.Instalments {
		row := &l.Instalments[i]
		back := row.Accrued.Interest.Minor() - row.Paid.Interest.Minor() - row.Waived.Interest.Minor()
		row.Accrued.Interest = shift(row.Accrued.Interest, -back)
		taken.Interest = shift(taken.Interest, back)
	}
	e.book(on, posting.Suspension, taken, 0)
}

// StageNumber returns the stage of impairment (IFRS 9) that the loan is in; 0 if
// none was found yet, or none any more.
func (l *Loan) StageNumber() int { return l.stageNumber(l.Stage) }

// SuspendedInterest returns the interest that is due and not income yet,
// because income is suspended: the memorandum of non-accrual.
func (l *Loan) SuspendedInterest(on civil.Date) money.Amount {
	sum := int64(0)
	for i := range l.Instalments {
		row := &l.Instalments[i]
		if l.Suspended && !row.Due.After(on) {
			sum += row.unaccrued().Interest.Minor()
		}
	}
	return money.New(sum, l.Currency())
}

// expectedLoss returns the provision in a stage: a part of what the books hold.
func (l *Loan) expectedLoss(stage int) (money.Amount, error) {
	if stage == 0 || l.Status != Active {
		return money.Zero(l.Currency()), nil
	}
	return amortization.PercentOf(l.Receivable().Total(), l.Product.Stages[stage-1].RatePercent, money.HalfEven)
}

// provisionDay returns the first day of the month after what happened last: then
// the provision is measured; the zero date if none is kept.
func (l *Loan) provisionDay() civil.Date {
	if l.Stage == 0 {
		return civil.Date{}
	}
	on := l.Through.On
	return civil.Date{Year: on.Year, Month: on.Month, Day: 1}.AddMonths(1)
}

// provisionOff reports whether the provision is not what it should be.
func (l *Loan) provisionOff() (bool, error) {
	provision, err := l.expectedLoss(l.Stage)
	return provision != l.Provision, err
}

// provide brings the provision to an amount and books the difference.
func (e *engine) provide(on civil.Date, provision money.Amount) {
	l := &e.loan
	difference := shift(provision, -l.Provision.Minor())
	l.Provision = provision
	e.bookOther(on, posting.Provision, difference)
}
