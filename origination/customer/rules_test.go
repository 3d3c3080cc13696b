package customer

import (
	"errors"
	"strings"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
)

func TestCompletedYears(t *testing.T) {
	t.Parallel()
	tests := []struct {
		birth, today string
		want         int
	}{
		{"2008-03-02", "2026-03-02", 18},
		{"2008-03-03", "2026-03-02", 17},
		{"2008-02-29", "2026-02-28", 17},
		{"2008-02-29", "2026-03-01", 18},
		{"2008-02-29", "2028-02-29", 20},
		{"2026-03-02", "2026-03-02", 0},
		{"2026-03-03", "2026-03-02", -1},
	}
	for _, tc := range tests {
		birth, err := civil.ParseDate(tc.birth)
		if err != nil {
			t.Fatal(err)
		}
		today, err := civil.ParseDate(tc.today)
		if err != nil {
			t.Fatal(err)
		}
		if got := completedYears(birth, today); got != tc.want {
			t.Errorf("completedYears(%s, %s) = %d, want %d", birth, today, got, tc.want)
		}
	}
}

func TestCountries(t *testing.T) {
	t.Parallel()
	const assigned = 249 // ISO 3166-1
	if len(countries) != assigned {
		t.Errorf("%d countries, want %d", len(countries), assigned)
	}
	for _, code := range []string{"IN", "US", "GB", "XX", "UK", "EU", ""} {
		want := code == "IN" || code == "US" || code == "GB"
		if isCountry(code) != want {
			t.Errorf("isCountry(%q) = %t", code, !want)
		}
	}
}

// TestCheckNamesEveryField finds all faults at once and quotes none of the values.
func TestCheckNamesEveryField(t *testing.T) {
	t.Parallel()
	const secret = "\x01leaked-value"
	r := Registration{Email: secret, Phone: secret, Name: secret, Password: "\x01short"}
	err := r.check(civil.Date{Year: 2026, Month: 3, Day: 2})
	if !errors.Is(err, ErrInvalid) {
		t.Fatalf("%v is not ErrInvalid", err)
	}
	if text := err.Error(); strings.Contains(text, "leaked") || strings.Contains(text, "short") {
		t.Errorf("the error repeats a value: %s", text)
	}
	named := make(map[string]bool)
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		t.Fatalf("%v is not joined of several", err)
	}
	for _, fault := range joined.Unwrap() {
		var field *FieldError
		if errors.As(fault, &field) {
			named[field.FieldName()] = true
		}
	}
	want := map[string]bool{"email": true, "phone": true, "full_name": true, "date_of_birth": true, "password": true}
	if diff := cmp.Diff(want, named); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}
