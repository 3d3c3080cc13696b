package amortization_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
)

// TestRowsTileTheTime changes loans on any day: each row starts on the due date
// of the one before, and the first where the loan starts.
func TestRowsTileTheTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, err := amortization.New(anyTerms(t))
		if err != nil {
			return
		}
		days := s.MaturityDate().DaysSince(s.Terms.DisbursementDate)
		on := s.Terms.DisbursementDate.AddDays(rapid.IntRange(0, days-1).Draw(t, "on"))
		if r, err := amortization.Reschedule(s, on, amortization.Rescheduling{}); err == nil {
			if r.Schedule.At(0).From != s.At(0).From {
				t.Fatalf("after a change on %s it starts on %s, before on %s", on, r.Schedule.At(0).From, s.At(0).From)
			}
			s = r.Schedule
		}
		for i, row := range s.All() {
			if row.Number != i+1 || row.Due.Before(row.From) || (row.Due == row.From && row.Kind == amortization.Regular) {
				t.Fatalf("row %d is number %d, from %s to %s", i, row.Number, row.From, row.Due)
			}
			if i > 0 && row.From != s.At(i-1).Due && s.At(i-1).Kind != amortization.DownPayment {
				t.Fatalf("row %d starts on %s, the one before ends on %s", i, row.From, s.At(i-1).Due)
			}
		}
	})
}

func TestAllStopsWhenAsked(t *testing.T) {
	t.Parallel()
	seen := 0
	for i := range build(t, mortgage()).All() {
		if seen++; i == 2 {
			break
		}
	}
	if seen != 3 {
		t.Errorf("saw %d rows, want 3", seen)
	}
}

// TestScheduleOfBadJSON reads schedules that no engine has written.
func TestScheduleOfBadJSON(t *testing.T) {
	t.Parallel()
	terms := mortgage()
	terms.Instalments = 3
	data, err := json.Marshal(build(t, terms))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		old, new string
		rule     amortization.Rule
	}{
		"a closing balance that does not follow": {
			`"closing":{"amount":"0.00"`, `"closing":{"amount":"0.01"`, amortization.RuleContradiction,
		},
		"a gap between rows":  {`"from":"2024-03-15"`, `"from":"2024-03-16"`, amortization.RuleContradiction},
		"a date out of range": {`"due":"2024-04-15"`, `"due":"0001-01-01"`, amortization.RuleDate},
		"a kind that is none": {`"number":2,`, `"number":2,"kind":"gift",`, amortization.RuleUnknown},
	} {
		text := strings.Replace(string(data), test.old, test.new, 1)
		if text == string(data) {
			t.Fatalf("%s: %s is not in %s", name, test.old, data)
		}
		var s amortization.Schedule
		err := json.Unmarshal([]byte(text), &s)
		var fault *amortization.TermsError
		if !errors.As(err, &fault) || fault.Rule != test.rule {
			t.Errorf("%s: %v, want rule %s", name, err, test.rule)
		}
		if s.Len() != 0 {
			t.Errorf("%s: the schedule was changed", name)
		}
	}
}
