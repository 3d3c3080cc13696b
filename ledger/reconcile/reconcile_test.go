package reconcile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/ledger/reconcile"
)

func on(day int) civil.Date {
	return civil.Date{Year: 2026, Month: time.March, Day: 1}.AddDays(day - 1)
}

func id(n byte) reconcile.LineID { return reconcile.LineID{ID: uuid.UUID{n}} }

func bankLine(n byte, day int, amount int64, text string, references ...string) reconcile.Line {
	return reconcile.Line{ID: id(n), Date: on(day), Amount: amount, Text: text, References: references}
}

func bookLine(n byte, day int, amount int64, references ...string) reconcile.Line {
	return reconcile.Line{
		ID: id(100 + n), Date: on(day), Amount: amount, References: references, Entry: uuid.UUID{100 + n},
	}
}

// short writes a result as text: matches with their rule, breaks with their kind.
func short(r reconcile.Result) []string {
	names := func(ids []reconcile.LineID) string {
		var list []string
		for _, line := range ids {
			list = append(list, fmt.Sprint(line.ID[0]))
		}
		return strings.Join(list, "+")
	}
	var lines []string
	for _, m := range r.Matches {
		lines = append(lines, fmt.Sprintf("%s = %s by %s, differs %d, %d days [%s]", names(m.Bank), names(m.Books), m.Rule,
			m.Difference, m.Days, m.Reference))
	}
	for _, b := range r.Breaks {
		text := fmt.Sprintf("%d %s %d", b.Line.ID[0], b.Kind, b.Amount)
		if b.DuplicateOf != nil {
			text += fmt.Sprintf(" of %d", b.DuplicateOf.ID[0])
		}
		for _, c := range b.Candidates {
			why := c.Rejections[0].Why
			for _, r := range c.Rejections[1:] {
				if !strings.HasSuffix(string(why), string(r.Why)) {
					why += "," + r.Why
				}
			}
			text += fmt.Sprintf("; %d: %d, %d days: %s", c.Line.ID[0], c.Difference, c.Days, why)
		}
		lines = append(lines, text)
	}
	return lines
}

func TestDefaultRules(t *testing.T) {
	t.Parallel()
	mirrored := bookLine(2, 4, -700)
	mirrored.Reverses = uuid.UUID{101}
	for name, test := range map[string]struct {
		bank, books []reconcile.Line
		want        []string
	}{
		"reference written in another way": {
			[]reconcile.Line{bankLine(1, 3, 500, "", "inv 10/01")},
			[]reconcile.Line{bookLine(1, 1, 500, "INV-1001")},
			[]string{"1 = 101 by same reference, differs 0, 2 days [INV1001]"},
		},
		"reference in a text that the bank cut": {
			[]reconcile.Line{bankLine(1, 1, 500, "PAYMENT OF LOAN-20 26-0017, THANKS")},
			[]reconcile.Line{bookLine(1, 1, 500, "LOAN-2026-0017")},
			[]string{"1 = 101 by reference in the text, differs 0, 0 days [LOAN20260017]"},
		},
		"reference inside a longer word": {
			[]reconcile.Line{bankLine(1, 1, 500, "XLOAN20260017X")},
			[]reconcile.Line{bookLine(1, 20, 500, "LOAN20260017")},
			[]string{
				"1 MISSING_IN_BOOKS 500; 101: 0, -19 days: REFERENCE,DATE",
				"101 MISSING_IN_BANK 500; 1: 0, -19 days: REFERENCE,DATE",
			},
		},
		"one bank line for a batch": {
			[]reconcile.Line{bankLine(1, 3, 600, "settlement", "BATCH-1")},
			[]reconcile.Line{bookLine(1, 1, 100, "BATCH-1"), bookLine(2, 1, 200, "BATCH-1"), bookLine(3, 2, 300, "BATCH-1")},
			[]string{"1 = 101+102+103 by several book lines of a reference, differs 0, 2 days [BATCH1]"},
		},
		"two bank lines for one booking, a third is not of it": {
			[]reconcile.Line{
				bankLine(1, 2, 100, "", "PAY-77"), bankLine(2, 2, 250, "", "PAY-77"), bankLine(3, 2, 77, "", "PAY-77"),
			},
			[]reconcile.Line{bookLine(1, 1, 350, "PAY-77")},
			[]string{
				"1+2 = 101 by several bank lines of a reference, differs 0, 1 days [PAY77]",
				"3 MISSING_IN_BOOKS 77; 101: -273, 1 days: TAKEN",
			},
		},
		"less a charge": {
			[]reconcile.Line{bankLine(1, 1, 9_900, "", "PAY-1")},
			[]reconcile.Line{bookLine(1, 1, 10_000, "PAY-1")},
			[]string{"1 = 101 by same reference, less a charge, differs -100, 0 days [PAY1]"},
		},
		"another amount": {
			[]reconcile.Line{bankLine(1, 1, 9_000, "", "PAY-1")},
			[]reconcile.Line{bookLine(1, 1, 10_000, "PAY-1")},
			[]string{
				"1 AMOUNT_DIFFERS 9000; 101: -1000, 0 days: AMOUNT,REFERENCE,AMOUNT",
				"101 AMOUNT_DIFFERS 10000; 1: -1000, 0 days: AMOUNT,REFERENCE,AMOUNT",
			},
		},
		"too late": {
			[]reconcile.Line{bankLine(1, 10, 500, "", "PAY-1")},
			[]reconcile.Line{bookLine(1, 1, 500, "PAY-1")},
			[]string{
				"1 DATE_DIFFERS 500; 101: 0, 9 days: DATE,REFERENCE,DATE",
				"101 DATE_DIFFERS 500; 1: 0, 9 days: DATE,REFERENCE,DATE",
			},
		},
		"paid twice": {
			[]reconcile.Line{bankLine(1, 1, 500, "", "PAY-1"), bankLine(2, 2, 500, "", "PAY-1")},
			[]reconcile.Line{bookLine(1, 1, 500, "PAY-1")},
			[]string{
				"1 = 101 by same reference, differs 0, 0 days [PAY1]",
				"2 DUPLICATE 500 of 1; 101: 0, 1 days: TAKEN",
			},
		},
		"booked twice": {
			[]reconcile.Line{bankLine(1, 1, 500, "", "PAY-1")},
			[]reconcile.Line{bookLine(1, 1, 500, "PAY-1"), bookLine(2, 1, 500, "PAY-1")},
			[]string{
				"1 = 101 by same reference, differs 0, 0 days [PAY1]",
				"102 DUPLICATE 500 of 101; 1: 0, 0 days: TAKEN",
			},
		},
		"nothing but the amount, once": {
			[]reconcile.Line{bankLine(1, 2, 500, "fee")},
			[]reconcile.Line{bookLine(1, 1, 500)},
			[]string{"1 = 101 by amount and date, if nothing else fits, differs 0, 1 days []"},
		},
		"nothing but the amount, twice": {
			[]reconcile.Line{bankLine(1, 2, 500, "fee")},
			[]reconcile.Line{bookLine(1, 1, 500), bookLine(2, 3, 500)},
			[]string{
				"1 AMBIGUOUS 500; 101: 0, 1 days: REFERENCE,AMBIGUOUS",
				"101 AMBIGUOUS 500; 1: 0, 1 days: REFERENCE,AMBIGUOUS",
				"102 AMBIGUOUS 500; 1: 0, -1 days: REFERENCE,AMBIGUOUS",
			},
		},
		"in and out are not the same": {
			[]reconcile.Line{bankLine(1, 1, -500, "", "PAY-1")},
			[]reconcile.Line{bookLine(1, 1, 500, "PAY-1")},
			[]string{
				"1 MISSING_IN_BOOKS -500; 101: -1000, 0 days: AMOUNT,REFERENCE,AMOUNT",
				"101 MISSING_IN_BANK 500; 1: -1000, 0 days: AMOUNT,REFERENCE,AMOUNT",
			},
		},
		"reversed before the bank knew": {
			nil,
			[]reconcile.Line{bookLine(1, 1, 700), mirrored},
			[]string{" = 101+102 by reversed in the books, differs 0, 0 days []"},
		},
		"nothing at all": {nil, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result, err := reconcile.Run(test.bank, test.books, reconcile.DefaultRules())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, short(result)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRulesAreTriedInTheirOrder(t *testing.T) {
	t.Parallel()
	bank := []reconcile.Line{bankLine(1, 1, 500, "", "A-1")}
	books := []reconcile.Line{bookLine(1, 1, 500), bookLine(2, 2, 500, "A-1")}
	byAmount := reconcile.Rule{Name: "amount", Shape: reconcile.OneToOne, Reference: reconcile.AnyReference, DaysBefore: 3}
	byReference := byAmount
	byReference.Name, byReference.Reference = "reference", reconcile.SameReference
	for want, rules := range map[string][]reconcile.Rule{
		"1 = 101 by amount, differs 0, 0 days []":       {byAmount, byReference},
		"1 = 102 by reference, differs 0, 1 days [A-1]": {byReference, byAmount},
	} {
		result, err := reconcile.Run(bank, books, reconcile.RuleSet{Rules: rules})
		if err != nil || short(result)[0] != want {
			t.Errorf("%v, %v; want %s", short(result), err, want)
		}
	}
}

func TestRuleFaults(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*reconcile.RuleSet){
		"rules":                           func(s *reconcile.RuleSet) { s.Rules = nil },
		"book_references":                 func(s *reconcile.RuleSet) { s.BookReferences = make([]string, 6) },
		"rules[0].name":                   func(s *reconcile.RuleSet) { s.Rules[0].Name = " " },
		"rules[1].name":                   func(s *reconcile.RuleSet) { s.Rules[1].Name = s.Rules[0].Name },
		"rules[0].shape":                  func(s *reconcile.RuleSet) { s.Rules[0].Shape = "MANY_TO_MANY" },
		"rules[0].reference":              func(s *reconcile.RuleSet) { s.Rules[0].Reference = "SIMILAR" },
		"rules[0].tolerance":              func(s *reconcile.RuleSet) { s.Rules[0].Tolerance = -1 },
		"rules[0].tolerance_basis_points": func(s *reconcile.RuleSet) { s.Rules[0].ToleranceBasisPoints = 1_001 },
		"rules[0].days_before":            func(s *reconcile.RuleSet) { s.Rules[0].DaysBefore = 93 },
		"rules[0].days_after":             func(s *reconcile.RuleSet) { s.Rules[0].DaysAfter = -1 },
		"rules[2].group_max":              func(s *reconcile.RuleSet) { s.Rules[2].GroupMax = 1 },
		"rules[0].group_max":              func(s *reconcile.RuleSet) { s.Rules[0].GroupMax = 3 },
	} {
		rules := reconcile.DefaultRules()
		change(&rules)
		_, err := reconcile.Run(nil, nil, rules)
		var fault *reconcile.RuleError
		if !errors.As(err, &fault) || fault.FieldName() != field || !errors.Is(err, reconcile.ErrRules) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	many := make([]reconcile.Line, reconcile.LinesMax+1)
	if _, err := reconcile.Run(many, nil, reconcile.DefaultRules()); !errors.Is(err, reconcile.ErrTooMany) {
		t.Errorf("error %v", err)
	}
	twice := []reconcile.Line{bankLine(1, 1, 5, ""), bankLine(1, 2, 5, "")}
	if _, err := reconcile.Run(twice, nil, reconcile.DefaultRules()); err == nil {
		t.Error("a line was accepted twice")
	}
	// A hundred lines of which no few make the sum: the search must end, and say
	// that it was cut short.
	var books []reconcile.Line
	for i := range 100 {
		books = append(books, bookLine(byte(i), 1, int64(1_000+2*i), "BATCH-1"))
	}
	rules := reconcile.RuleSet{Rules: []reconcile.Rule{
		{Name: "sum", Shape: reconcile.OneToMany, Reference: reconcile.SameReference, GroupMax: reconcile.GroupMax},
	}}
	result, err := reconcile.Run([]reconcile.Line{bankLine(255, 1, 10_001, "", "BATCH-1")}, books, rules)
	if err != nil || !result.LimitReached || len(result.Matches) != 0 {
		t.Errorf("limit reached %t, %d matches, %v", result.LimitReached, len(result.Matches), err)
	}
}

// TestUnfriendlyLines holds that lines which all look the same cost no more
// than a few seconds: a comparison of all pairs would take hours.
func TestUnfriendlyLines(t *testing.T) {
	t.Parallel()
	const n = 30_000
	lines := func(side byte, amount func(i int) int64, reference string) []reconcile.Line {
		list := make([]reconcile.Line, n)
		for i := range list {
			list[i] = reconcile.Line{
				ID:   reconcile.LineID{ID: uuid.UUID{side, byte(i >> 16), byte(i >> 8), byte(i)}},
				Date: on(1 + i%28), Amount: amount(i), References: []string{reference}, Text: "the same words every day",
			}
		}
		return list
	}
	equal := func(int) int64 { return 500 }
	spread := func(i int) int64 { return int64(1_000_000 + i) }
	apart := func(i int) int64 { return spread(i) + n }
	for name, test := range map[string]struct{ bank, books []reconcile.Line }{
		"equal, one reference":        {lines(1, equal, "REF-1"), lines(2, equal, "REF-1")},
		"equal, no common reference":  {lines(1, equal, "REF-1"), lines(2, equal, "REF-2")},
		"spread, one reference":       {lines(1, spread, "REF-1"), lines(2, apart, "REF-1")},
		"spread, no common reference": {lines(1, spread, "REF-1"), lines(2, spread, "REF-2")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			result, err := reconcile.Run(test.bank, test.books, reconcile.DefaultRules())
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d matches, %d breaks, %s", len(result.Matches), len(result.Breaks), time.Since(start))
			if spent := time.Since(start); spent > time.Minute {
				t.Errorf("it took %s", spent)
			}
		})
	}
}
