package amortization_test

import (
	"testing"

	"github.com/tenor-lending/tenor/amortization"
)

// FuzzTerms feeds JSON terms: whatever they say, New answers with a sound
// schedule or with typed faults, and never panics.
func FuzzTerms(f *testing.F) {
	for _, seed := range fuzzSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		terms, err := amortization.DecodeTerms(data)
		if err != nil {
			if len(amortization.Faults(err)) == 0 {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		s, err := amortization.New(terms)
		if err != nil {
			if len(amortization.Faults(err)) == 0 {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		principal, last := int64(0), s.At(s.Len()-1)
		for _, row := range s.All() {
			principal += row.Principal.Minor()
		}
		if !last.Closing.IsZero() || principal != s.Totals.Principal.Minor() {
			t.Fatalf("closing %s, principal %d of %s", last.Closing, principal, s.Totals.Principal)
		}
		if _, err := amortization.Payoff(s, s.DueItems(), s.Terms.DisbursementDate); err != nil {
			t.Fatalf("payoff on the first day: %v", err)
		}
		reference, err := amortization.NewReference(terms)
		if err != nil || reference.Hash() != s.Hash() {
			t.Fatalf("reference %v, %v", reference, err)
		}
	})
}

var fuzzSeeds = []string{
	`{"principal":{"amount":"20000","currency":"INR"},"annual_rate_percent":"15","instalments":24,
"disbursement_date":"2024-04-15"}`,
	`{"principal":{"amount":"100","currency":"JPY"},"annual_rate_percent":"-99.5","method":"flat","instalments":3,
"disbursement_date":"2024-01-31","frequency":{"every":2,"unit":"week"}}`,
	`{"principal":{"amount":"92233720368547758.07","currency":"USD"},"annual_rate_percent":"10000",
"instalments":10000,"disbursement_date":"9998-12-31"}`,
	`{"principal":{"amount":"5000","currency":"EUR"},"annual_rate_percent":"9","method":"graduated",
"graduation":{"step_percent":"-5","every":3},"instalments":9,"disbursement_date":"2024-02-29",
"day_count":"BUS/252","calendar":{"weekend":[0,6],"holidays":["2024-05-01"]},
"business_day_rule":"modified_following"}`,
	`{"principal":{"amount":"5000","currency":"EUR"},"annual_rate_percent":"9","method":"fixed_instalment",
"instalment":{"amount":"333","currency":"EUR"},"instalments":0,"disbursement_date":"2024-02-29",
"rate_steps":[{"from":"2024-06-01","annual_rate_percent":"11"}],"windows":[{"from":"2024-07-01",
"to":"2024-08-01","kind":"paused"}]}`,
	`{"principal":{"amount":"5000","currency":"KWD"},"annual_rate_percent":"9","method":"balloon",
"balloon":{"amount":"1000","currency":"KWD"},"instalments":12,"disbursement_date":"2024-02-29",
"first_due_date":"2024-05-31","broken_period":"spread","grace":{"principal":2,"interest_payment":1},
"rounding":{"residual":"spread","instalment_unit":"0.050"},"fees":[{"name":"a","percent":"1",
"when":"each_instalment","basis":"instalment"}]}`,
	`{"principal":{"amount":"5000","currency":"INR"},"annual_rate_percent":"0","index":{"margin_percent":"2",
"cap_percent":"6","fixings":[{"from":"2024-01-01","annual_rate_percent":"5"}]},"method":"rule_of_78",
"instalments":12,"disbursement_date":"2024-01-01"}`,
	`{"principal":{"amount":"5000","currency":"INR"},"annual_rate_percent":"7","tranches":[{"date":"2024-03-10",
"amount":{"amount":"1000","currency":"INR"}}],"change_policy":"level","instalments":6,
"disbursement_date":"2024-01-01","day_count":"ACTUAL/ACTUAL ICMA"}`,
}
