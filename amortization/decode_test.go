package amortization_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/amortization"
)

func TestDecodeTermsNamesFieldAndRule(t *testing.T) {
	t.Parallel()
	const good = `{"principal":{"amount":"100","currency":"EUR"},"annual_rate_percent":"5","instalments":3,` +
		`"disbursement_date":"2024-01-01"}`
	terms, err := amortization.DecodeTerms([]byte(good))
	if err != nil || terms.Instalments != 3 || terms.Principal.Text() != "100.00" {
		t.Fatalf("good terms: %+v, %v", terms, err)
	}
	for name, test := range map[string]struct {
		old, with string
		want      []string // field and rule
	}{
		"beyond int64":      {`"100"`, `"99999999999999999999"`, []string{"principal overflow"}},
		"unknown currency":  {"EUR", "EUX", []string{"principal unknown"}},
		"unknown field":     {"{", `{"colour":"red",`, []string{"colour unknown"}},
		"no rate":           {`"5"`, `"five"`, []string{"annual_rate_percent syntax"}},
		"no such date":      {"2024-01-01", "2024-02-30", []string{"disbursement_date syntax"}},
		"a number, no text": {"3", `"3"`, []string{"instalments syntax"}},
		"two at once": {`"5","instalments":3`, `5,"instalments":1.5`, []string{
			"annual_rate_percent syntax", "instalments syntax",
		}},
		"in a list":     {"{", `{"rate_steps":[{"from":"x"}],`, []string{"rate_steps syntax"}},
		"no object":     {good, `[1]`, []string{"terms syntax"}},
		"nothing":       {good, ``, []string{"terms syntax"}},
		"more than one": {good, good + good, []string{"terms syntax"}},
	} {
		_, err := amortization.DecodeTerms([]byte(strings.Replace(good, test.old, test.with, 1)))
		var found []string
		for _, f := range amortization.Faults(err) {
			found = append(found, f.FieldName()+" "+string(f.Rule))
		}
		if diff := cmp.Diff(test.want, found); diff != "" {
			t.Errorf("%s (-want +got):\n%s%v", name, diff, err)
		}
	}
}
