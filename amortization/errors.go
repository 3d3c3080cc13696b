package amortization

import (
	"errors"
	"fmt"
)

// Rule names the rule that a fault in terms breaks.
type Rule string

// The rules of terms.
const (
	// RuleRequired means a value is missing.
	RuleRequired Rule = "required"
	// RuleRange means a number is outside its range.
	RuleRange Rule = "range"
	// RuleUnknown means a name is not one of those defined.
	RuleUnknown Rule = "unknown"
	// RuleDate means a date is invalid or out of order.
	RuleDate Rule = "date"
	// RuleCurrency means an amount is not in the currency of the principal.
	RuleCurrency Rule = "currency"
	// RuleContradiction means two options exclude each other.
	RuleContradiction Rule = "contradiction"
	// RuleNegativeAmortization means an instalment does not cover its interest.
	RuleNegativeAmortization Rule = "negative_amortization"
	// RuleSyntax means a value cannot be read.
	RuleSyntax Rule = "syntax"
	// RuleOverflow means a figure exceeds the range of money.
	RuleOverflow Rule = "overflow"
)

// TermsError is one fault in terms: the field (a JSON path such as
// "fees[0].amount"), the rule it breaks, and a message for people.
type TermsError struct {
	Field   string
	Rule    Rule
	Message string
}

// Error returns the field and the message.
func (e *TermsError) Error() string { return e.Field + ": " + e.Message }

// FieldName returns the JSON path of the field.
func (e *TermsError) FieldName() string { return e.Field }

func fault(field string, rule Rule, format string, args ...any) error {
	return &TermsError{Field: field, Rule: rule, Message: fmt.Sprintf(format, args...)}
}

// Faults returns every *TermsError in err, in order.
func Faults(err error) []*TermsError {
	var one *TermsError
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*TermsError
		for _, e := range joined.Unwrap() {
			all = append(all, Faults(e)...)
		}
		return all
	}
	if errors.As(err, &one) {
		return []*TermsError{one}
	}
	return nil
}

// Errors of the functions over schedules.
var (
	// ErrDay means a date lies before the disbursement.
	ErrDay = errors.New("date before the disbursement")
	// ErrAmount means an amount is negative or of another currency.
	ErrAmount = errors.New("amount is negative or of another currency")
	// ErrOrder means an allocation order is malformed.
	ErrOrder = errors.New("malformed allocation order")
	// ErrNoRate means a rate does not exist for the cash flows; the message says why.
	ErrNoRate = errors.New("no rate")
)
