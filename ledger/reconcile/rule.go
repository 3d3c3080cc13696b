package reconcile

import (
	"errors"
	"fmt"
	"strings"
)

// Shape says how many lines of each side a match has.
type Shape string

// The shapes.
const (
	OneToOne Shape = "ONE_TO_ONE"
	// OneToMany is one bank line for several lines of the books.
	OneToMany Shape = "ONE_TO_MANY"
	// ManyToOne is several bank lines for one line of the books.
	ManyToOne Shape = "MANY_TO_ONE"
	// Reversal is a book line and the one that mirrors it, of which the bank
	// knows nothing.
	Reversal Shape = "REVERSAL"
)

// ReferenceTest says how references are compared.
type ReferenceTest string

// The tests.
const (
	// AnyReference does not look at references.
	AnyReference ReferenceTest = "ANY"
	// SameReference wants a reference of both sides to be equal, byte for byte.
	SameReference ReferenceTest = "EXACT"
	// NormalisedReference compares letters and digits only, in upper case.
	NormalisedReference ReferenceTest = "NORMALISED"
	// ContainedReference wants a reference of the books, normalised, among the
	// words of the bank line; words that the bank has cut apart are put together.
	ContainedReference ReferenceTest = "CONTAINED"
)

// Limits of rules.
const (
	RulesMax             = 30
	DaysMax              = 92
	GroupMax             = 20
	BasisPointsMax       = 1_000
	ToleranceMax   int64 = 1_000_000_000
	ruleNameMax          = 60
)

// Rule is one way in which lines are recognised as belonging together.
type Rule struct {
	Name      string        `json:"name"`
	Shape     Shape         `json:"shape"`
	Reference ReferenceTest `json:"reference"`
	// Tolerance is by how much amounts may differ, in minor units, and
	// ToleranceBasisPoints the same in hundredths of a percent of the bank's
	// amount. The larger one holds.
	Tolerance            int64 `json:"tolerance,omitempty"`
	ToleranceBasisPoints int64 `json:"tolerance_basis_points,omitempty"`
	// DaysBefore and DaysAfter are by how many days the bank may be before and
	// after the books.
	DaysBefore int `json:"days_before"`
	DaysAfter  int `json:"days_after"`
	// Unique matches only what is the one possibility: if several lines would do,
	// all are left as ambiguous.
	Unique bool `json:"unique,omitempty"`
	// GroupMax bounds the lines of the side that has several, when they are found
	// by trying sums. All lines that share a reference may be more.
	GroupMax int `json:"group_max,omitempty"`
}

// RuleSet is rules in the order in which they are tried.
type RuleSet struct {
	Rules []Rule `json:"rules"`
	// ByValueDate compares the bank's value date instead of its booking date.
	ByValueDate bool `json:"by_value_date,omitempty"`
	// BookReferences names the pairs of an entry's metadata that count as
	// references beside the entry's own.
	BookReferences []string `json:"book_references,omitempty"`
}

// RuleError names the field of a rule at fault.
type RuleError struct{ Field, Detail string }

// Error implements error.
func (e *RuleError) Error() string { return e.Field + " " + e.Detail }

// FieldName returns the path of the field: "rules[2].name".
func (e *RuleError) FieldName() string { return e.Field }

// ErrRules is matched by every RuleError.
var ErrRules = errors.New("the rules are not valid")

// Is reports whether target is ErrRules.
func (e *RuleError) Is(target error) bool { return target == ErrRules }

// bookReferencesMax bounds RuleSet.BookReferences.
const bookReferencesMax = 5

// Validate returns a *RuleError that names the first fault.
func (s RuleSet) Validate() error {
	if len(s.Rules) == 0 || len(s.Rules) > RulesMax {
		return &RuleError{"rules", fmt.Sprintf("must be 1 to %d", RulesMax)}
	}
	if len(s.BookReferences) > bookReferencesMax {
		return &RuleError{"book_references", fmt.Sprintf("must be at most %d", bookReferencesMax)}
	}
	names := map[string]bool{}
	for i, rule := range s.Rules {
		field, detail := rule.fault()
		if field == "" && names[rule.Name] {
			field, detail = "name", "must not be that of another rule"
		}
		if field != "" {
			return &RuleError{fmt.Sprintf("rules[%d].%s", i, field), detail}
		}
		names[rule.Name] = true
	}
	return nil
}

func (r Rule) fault() (field, detail string) {
	switch {
	case strings.TrimSpace(r.Name) == "" || len(r.Name) > ruleNameMax:
		return "name", fmt.Sprintf("must have 1 to %d bytes", ruleNameMax)
	case r.Shape != OneToOne && r.Shape != OneToMany && r.Shape != ManyToOne && r.Shape != Reversal:
		return "shape", "must be ONE_TO_ONE, ONE_TO_MANY, MANY_TO_ONE or REVERSAL"
	case r.Reference != AnyReference && r.Reference != SameReference && r.Reference != NormalisedReference &&
		r.Reference != ContainedReference:
		return "reference", "must be ANY, EXACT, NORMALISED or CONTAINED"
	case r.Tolerance < 0 || r.Tolerance > ToleranceMax:
		return "tolerance", fmt.Sprintf("must be 0 to %d minor units", ToleranceMax)
	case r.ToleranceBasisPoints < 0 || r.ToleranceBasisPoints > BasisPointsMax:
		return "tolerance_basis_points", fmt.Sprintf("must be 0 to %d", BasisPointsMax)
	case r.DaysBefore < 0 || r.DaysBefore > DaysMax:
		return "days_before", fmt.Sprintf("must be 0 to %d", DaysMax)
	case r.DaysAfter < 0 || r.DaysAfter > DaysMax:
		return "days_after", fmt.Sprintf("must be 0 to %d", DaysMax)
	case r.grouped() && (r.GroupMax < 2 || r.GroupMax > GroupMax):
		return "group_max", fmt.Sprintf("must be 2 to %d", GroupMax)
	case !r.grouped() && r.GroupMax != 0:
		return "group_max", "is for groups only"
	}
	return "", ""
}

func (r Rule) grouped() bool { return r.Shape == OneToMany || r.Shape == ManyToOne }

// tolerance is by how much amounts may differ from a bank amount.
func (r Rule) tolerance(bank int64) int64 {
	const one = 10_000
	// Split so that the largest amount does not overflow.
	v := absolute(bank)
	return max(r.Tolerance, v/one*r.ToleranceBasisPoints+v%one*r.ToleranceBasisPoints/one)
}

// inWindow tells whether the dates of a bank line and a book line may meet.
func (r Rule) inWindow(bankDay, bookDay int32) bool {
	gap := int(bankDay - bookDay)
	return gap >= -r.DaysBefore && gap <= r.DaysAfter
}

// DefaultRules are those of a lender that has not declared its own: what a
// reference proves first, what only amount and date suggest last and only when
// nothing else would do.
func DefaultRules() RuleSet {
	const days, near, group, basisPoints = 5, 2, 5, 200
	rule := func(name string, shape Shape, reference ReferenceTest) Rule {
		r := Rule{Name: name, Shape: shape, Reference: reference, DaysBefore: days, DaysAfter: days}
		if r.grouped() {
			r.GroupMax = group
		}
		return r
	}
	withFee := rule("same reference, less a charge", OneToOne, NormalisedReference)
	withFee.ToleranceBasisPoints = basisPoints
	guess := rule("amount and date, if nothing else fits", OneToOne, AnyReference)
	guess.DaysBefore, guess.DaysAfter, guess.Unique = near, near, true
	reversal := rule("reversed in the books", Reversal, AnyReference)
	reversal.DaysBefore, reversal.DaysAfter = DaysMax, DaysMax
	return RuleSet{
		BookReferences: []string{"payment_id", "end_to_end_id", "bank_reference"},
		Rules: []Rule{
			rule("same reference", OneToOne, NormalisedReference),
			rule("reference in the text", OneToOne, ContainedReference),
			rule("several book lines of a reference", OneToMany, NormalisedReference),
			rule("several bank lines of a reference", ManyToOne, NormalisedReference),
			rule("several book lines, reference in the text", OneToMany, ContainedReference),
			rule("several bank lines, reference in the text", ManyToOne, ContainedReference),
			withFee, reversal, guess,
		},
	}
}
