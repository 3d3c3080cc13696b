// Package history is a loan of an older core as it comes: its terms, how money is
// laid and interest recalculated, and its dated events in the order of entry.
//
// It reads and checks; it must not compute.
package history

import (
	"errors"
	"fmt"
	"slices"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/amortization"
	plan "github.com/tenor-lending/tenor/amortization/legacy"
	"github.com/tenor-lending/tenor/servicing/legacy/table"
)

// ErrHistory means the terms or the events of a loan are malformed or contradict each other.
var ErrHistory = errors.New("legacy history")

// EventsMax is the largest number of events of a loan.
const EventsMax = 10_000

// The modes of allocation: instalment by instalment in one order, or by rules
// that look at when an instalment is due.
const (
	PerInstallment = "per_installment"
	Advanced       = "advanced"
)

// Allocation says how money is laid on instalments.
type Allocation struct {
	// Mode is PerInstallment with Order, or Advanced with Rules and Processing.
	Mode string `json:"mode"`
	// Order names the components, such as penalty_fee_interest_principal; or those
	// of due and of early money, due_…_then_advance_…; or overdue_…_then_principal,
	// which pays charges and interest of every due instalment before any principal.
	Order string `json:"order,omitempty"`
	// Processing is "horizontal", by instalment, or "vertical", by component.
	Processing string `json:"processing,omitempty"`
	// Rules are by transaction type; "default" is the rule of those without one.
	Rules map[string]Rule `json:"rules,omitempty"`
	// CreditRules, by transaction type, order the components that a chargeback takes back.
	CreditRules map[string][]string `json:"credit_rules,omitempty"`
}

// Rule is the order of one type of transaction.
type Rule struct {
	// Order lists past_due, due and in_advance, each with penalty, fee, interest and principal.
	Order []string `json:"order"`
	// Future is "next_installment", "last_installment" or "reamortization".
	Future string `json:"future"`
}

// Recalculation says how interest follows payments.
type Recalculation struct {
	// Rest is "daily" or "same_as_repayment": from when money cuts the balance.
	Rest      string `json:"rest"`
	RestEvery int    `json:"rest_every"`
	// Compounding is "none", "interest", "fee" or "interest_and_fee", also in the
	// plural: what of the overdue bears interest beside principal.
	Compounding          string `json:"compounding"`
	CompoundingFrequency string `json:"compounding_frequency,omitempty"`
	// AdvancePayment is "smaller_installments", "fewer_installments",
	// "skip_next_installments" or, for progressive loans, "adjust_last_installment".
	AdvancePayment string `json:"advance_payment"`
	// EarlyCloseInterest is "until_payment_date" or "until_period_end".
	EarlyCloseInterest string `json:"early_close_interest"`
}

// Event is one thing that happened to a loan. Which fields it needs depends on its type.
type Event struct {
	// Seq counts from 1 in the order in which events were recorded.
	Seq  int    `json:"seq"`
	Type string `json:"type"`
	// Date is when the event takes effect, RecordedOn the business date of its entry.
	Date       *civil.Date           `json:"date,omitempty"`
	RecordedOn civil.Date            `json:"recorded_on"`
	Amount     *amortization.Decimal `json:"amount,omitempty"`
	Channel    string                `json:"channel,omitempty"`
	// Target is the event that a reverse undoes, Of the one that a chargeback takes
	// back; TargetPart and OfPart "down_payment" mean the down payment of a disbursement.
	Target     int    `json:"target,omitempty"`
	TargetPart string `json:"target_part,omitempty"`
	Of         int    `json:"of,omitempty"`
	OfPart     string `json:"of_part,omitempty"`
	// Charge is the event that added the charge which a waiver or an adjustment concerns.
	Charge int `json:"charge,omitempty"`
	// These describe the charge of an add_charge, see the planner's Charge.
	Kind    string                `json:"kind,omitempty"`
	When    string                `json:"when,omitempty"`
	Basis   string                `json:"basis,omitempty"`
	Value   *amortization.Decimal `json:"value,omitempty"`
	DueDate *civil.Date           `json:"due_date,omitempty"`
	// These describe a reschedule: from a due date on, move it, add instalments, add
	// principal grace, or charge another rate.
	FromDueDate         *civil.Date           `json:"from_due_date,omitempty"`
	NewDueDate          *civil.Date           `json:"new_due_date,omitempty"`
	Submitted           *civil.Date           `json:"submitted,omitempty"`
	ExtraInstallments   int                   `json:"extra_installments,omitempty"`
	ExtraPrincipalGrace int                   `json:"extra_principal_grace,omitempty"`
	NewRatePercent      *amortization.Decimal `json:"new_annual_rate_percent,omitempty"`
	// These describe a re_age: so many instalments, every so many units from FirstDueDate on.
	Every        int         `json:"every,omitempty"`
	Unit         string      `json:"unit,omitempty"`
	Installments int         `json:"installments,omitempty"`
	FirstDueDate *civil.Date `json:"first_due_date,omitempty"`
}

// On returns when the event takes effect.
func (e *Event) On() civil.Date {
	if e.Date != nil {
		return *e.Date
	}
	return e.RecordedOn
}

// Rule returns the rule of a type of transaction.
func (a *Allocation) Rule(kind string) Rule {
	if rule, ok := a.Rules[kind]; ok {
		return rule
	}
	return a.Rules["default"]
}

// Loan is a loan with its history.
type Loan struct {
	plan.Terms

	Allocation    Allocation     `json:"allocation"`
	Recalculation *Recalculation `json:"interest_recalculation"`
	// AccrueChargesOn is "due_date" or "recorded_date".
	AccrueChargesOn string `json:"accrue_charges_on,omitempty"`
	// AccrueRestAtClose is true unless it is given: what was not accrued is when the loan closes.
	AccrueRestAtClose *bool `json:"accrue_rest_at_close,omitempty"`
	// Accounts are account names by role, and FundSourceByChannel the accounts of
	// payment channels that do not use the fund source.
	Accounts            map[string]string `json:"accounts,omitempty"`
	FundSourceByChannel map[string]string `json:"fund_source_by_channel,omitempty"`
	Events              []Event           `json:"events"`
}

// Validate returns every fault, joined; each wraps ErrHistory or the planner's ErrTerms.
func (l *Loan) Validate() error {
	faults := []error{l.Terms.Validate()}
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("%w: %s", ErrHistory, fmt.Sprintf(format, args...)))
		}
	}
	oneOf := func(field, value string, known ...string) {
		check(slices.Contains(known, value), "%s %.40q is not one of %v", field, value, known)
	}
	a := &l.Allocation
	oneOf("allocation.mode", a.Mode, PerInstallment, Advanced)
	if a.Mode == PerInstallment {
		_, err := table.ParseOrder(a.Order)
		check(err == nil, "allocation.order: %v", err)
	} else {
		oneOf("allocation.processing", a.Processing, "horizontal", "vertical")
		_, ok := a.Rules["default"]
		check(ok, "allocation.rules has no default")
		for name, rule := range a.Rules {
			oneOf("allocation.rules."+name+".future", rule.Future, "next_installment", "last_installment", "reamortization")
			_, err := table.ParseSteps(rule.Order)
			check(err == nil, "allocation.rules.%s: %v", name, err)
		}
	}
	for name, order := range a.CreditRules {
		for _, component := range order {
			oneOf("allocation.credit_rules."+name, component, "penalty", "fee", "interest", "principal")
		}
	}
	if r := l.Recalculation; r != nil {
		check(l.Algorithm == plan.Progressive || a.Mode == PerInstallment, "recalculation with %s allocation", a.Mode)
		oneOf("rest", r.Rest, "daily", "same_as_repayment", "weekly", "monthly")
		oneOf("compounding", r.Compounding, "none", "interest", "fee", "fees", "interest_and_fee", "interest_and_fees")
		oneOf("advance_payment", r.AdvancePayment, "smaller_installments", "fewer_installments",
			"skip_next_installments", "adjust_last_installment")
		oneOf("early_close_interest", r.EarlyCloseInterest, "until_payment_date", "until_period_end")
	}
	oneOf("accrue_charges_on", l.AccrueChargesOn, "", "due_date", "recorded_date")
	check(len(l.Events) <= EventsMax, "%d events", len(l.Events))
	for i := range l.Events {
		e := &l.Events[i]
		check(e.Seq == i+1, "event %d has seq %d", i+1, e.Seq)
		check(e.RecordedOn.IsValid() && e.On().IsValid(), "event %d has an invalid date", e.Seq)
		check(e.Amount == nil || e.Amount.Sign() >= 0, "event %d has a negative amount", e.Seq)
	}
	return errors.Join(faults...)
}
