package servicing

import (
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing/posting"
)

// Product is how loans of one kind are serviced. It is data, agreed with the
// loan and kept in its first fact. The zero Product accrues on due dates,
// charges no late fees, never suspends income and keeps no provisions.
type Product struct {
	// Code and Version name the version of the catalogue that the settings are
	// from; no code means none.
	Code    string `json:"code,omitempty"`
	Version int64  `json:"version,omitempty"`
	// Accrual says when interest becomes receivable.
	Accrual Accrual `json:"accrual,omitempty"`
	// Excess says what a normal payment does that is more than what is due; ""
	// pays later instalments in the order of the loan.
	Excess amortization.PrepaymentEffect `json:"excess,omitempty"`
	// DeferFees lets the charges that the lender deducts at disbursement be earned
	// over the plan (IFRS 9, B5.4.2), not at once.
	DeferFees bool `json:"defer_fees,omitempty"`
	// LateFee is charged on what is overdue.
	LateFee LateFee `json:"late_fee,omitzero"`
	// Tolerance is how much may be past due without counting as such.
	Tolerance money.Amount `json:"tolerance,omitzero"`
	// Suspension says when interest stops to count as income.
	Suspension Suspension `json:"suspension,omitzero"`
	// Stages are the stages of impairment by days past due, rising, the first from
	// day 0; none means that no provisions are kept.
	Stages []Stage `json:"stages,omitempty"`
	// Posting replaces rows of the posting table.
	Posting []posting.Rule `json:"posting,omitempty"`
}

// Accrual says when interest becomes receivable.
type Accrual string

// The accruals. The zero value is on due dates.
const (
	// AtDueDate makes the interest of an instalment receivable on its due date.
	AtDueDate Accrual = ""
	// Daily makes interest receivable at the start of each day as it is earned: the
	// days of a period sum to its interest exactly.
	Daily Accrual = "daily"
)

// LateFee is a penalty on an overdue instalment. It is a part of the principal
// and interest that are overdue, never of fees or penalties; and nothing is
// charged where no more is overdue than was paid for penalties before, because
// then it is overdue for the sake of an earlier late fee (12 CFR 1026.36(c)(2)).
// A fee is never more than what is overdue.
type LateFee struct {
	// GraceDays are the days after the due date on which nothing is charged.
	GraceDays int `json:"grace_days,omitempty"`
	// Tolerance is how much may be overdue without a fee.
	Tolerance money.Amount `json:"tolerance,omitzero"`
	// Amount is charged, or Percent of what is overdue, rounded half-even.
	Amount  money.Amount         `json:"amount,omitzero"`
	Percent amortization.Decimal `json:"percent,omitzero"`
	// EveryDays charges it again after so many days; 0 means once an instalment.
	EveryDays int `json:"every_days,omitempty"`
	// Cap bounds the late fees of one instalment; zero means no bound.
	Cap money.Amount `json:"cap,omitzero"`
}

func (f *LateFee) none() bool { return f.Amount.IsZero() && f.Percent.IsZero() }

// Suspension stops the accrual of interest as income (non-accrual). What is
// earned meanwhile stays owed; it is income when it is paid.
type Suspension struct {
	// AfterDays past due interest is suspended; 0 means never.
	AfterDays int `json:"after_days,omitempty"`
	// Reverse takes back interest that is receivable and not paid.
	Reverse bool `json:"reverse,omitempty"`
	// ResumeDays is how many days past due the loan may at most be to resume.
	ResumeDays int `json:"resume_days,omitempty"`
}

// Stage is a stage of impairment (IFRS 9, 5.5): the provision is a part of what
// the books hold of the loan.
type Stage struct {
	// FromDays past due the loan is in the stage with the number.
	FromDays int `json:"from_days"`
	Number   int `json:"number"`
	// RatePercent is the expected loss.
	RatePercent amortization.Decimal `json:"rate_percent"`
}

// normalised returns the product with amounts of zero as no amount, as its
// JSON form has them.
func (p Product) normalised() Product {
	for _, a := range []*money.Amount{&p.Tolerance, &p.LateFee.Amount, &p.LateFee.Tolerance, &p.LateFee.Cap} {
		if a.IsZero() {
			*a = money.Amount{}
		}
	}
	return p
}

// Limits of a product.
const (
	codeMax   = 60
	daysMax   = 3_660
	stagesMax = 20
	rulesMax  = 200
)

// Validate returns an InvalidError that names the setting at fault.
func (p *Product) Validate(currency money.Currency) error {
	switch {
	case len(p.Code) > codeMax || p.Version < 0:
		return invalid("product.code", "must have at most %d characters, and a version that is not below zero", codeMax)
	case p.Accrual != AtDueDate && p.Accrual != Daily:
		return invalid("product.accrual", "must be daily or empty")
	case p.Excess != "" && p.Excess != amortization.ReduceTerm && p.Excess != amortization.ReduceInstalment:
		return invalid("product.excess", "must be reduce_term, reduce_instalment or empty")
	case !days(p.LateFee.GraceDays, p.LateFee.EveryDays, p.Suspension.AfterDays, p.Suspension.ResumeDays):
		return invalid("product", "must have days from 0 to %d", daysMax)
	case p.Suspension.AfterDays > 0 && p.Suspension.ResumeDays >= p.Suspension.AfterDays:
		return invalid("product.suspension.resume_days", "must be below the days that suspend")
	case len(p.Stages) > stagesMax || len(p.Posting) > rulesMax:
		return invalid("product", "must have at most %d stages and %d posting rules", stagesMax, rulesMax)
	case !p.LateFee.Amount.IsZero() && !p.LateFee.Percent.IsZero():
		return invalid("product.late_fee", "must be an amount or a percentage")
	case p.LateFee.Percent.Sign() < 0 || p.LateFee.Percent.Cmp(hundred) > 0:
		return invalid("product.late_fee.percent", "must be from 0 to 100")
	case p.LateFee.EveryDays > 0 && p.LateFee.Cap.IsZero():
		return invalid("product.late_fee.cap", "must be given for a fee that comes again")
	}
	for _, a := range []money.Amount{p.Tolerance, p.LateFee.Amount, p.LateFee.Tolerance, p.LateFee.Cap} {
		if a.IsNegative() || (!a.IsZero() && a.Currency() != currency) || a.Minor() > PaymentMax {
			return invalid("product", "must have amounts in %s, none below zero", currency)
		}
	}
	if err := p.validateStages(); err != nil {
		return err
	}
	return p.validatePosting()
}

var hundred = amortization.MustDecimal("100")

func days(list ...int) bool {
	for _, n := range list {
		if n < 0 || n > daysMax {
			return false
		}
	}
	return true
}

func (p *Product) validateStages() error {
	for i, s := range p.Stages {
		switch {
		case i == 0 && s.FromDays != 0:
			return invalid("product.stages", "must start at day 0")
		case i > 0 && (s.FromDays <= p.Stages[i-1].FromDays || s.Number < p.Stages[i-1].Number):
			return invalid("product.stages", "must rise")
		case s.FromDays > daysMax || s.Number < 1:
			return invalid("product.stages", "must be numbered from 1, within %d days", daysMax)
		case s.RatePercent.Sign() < 0 || s.RatePercent.Cmp(hundred) > 0:
			return invalid("product.stages", "must have rates from 0 to 100 percent")
		}
	}
	return nil
}

func (p *Product) validatePosting() error {
	for i, r := range p.Posting {
		if err := r.Validate(); err != nil {
			return invalid(fmt.Sprintf("product.posting.%d", i), "%v", err)
		}
	}
	return nil
}

// stageAt returns the index of the stage for days past due; -1 without stages.
func (p *Product) stageAt(daysPastDue int) int {
	stage := -1
	for i := range p.Stages {
		if p.Stages[i].FromDays <= daysPastDue {
			stage = i
		}
	}
	return stage
}

// Pause is a stretch of days that do not count as past due, From inclusive and
// To exclusive: a moratorium, a disaster, a dispute.
type Pause struct {
	ID   uuid.UUID  `json:"id"`
	On   civil.Date `json:"on"`
	From civil.Date `json:"from"`
	To   civil.Date `json:"to"`
}
