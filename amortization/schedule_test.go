package amortization_test

import (
	"encoding/json"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

func amount(t testing.TB, text, code string) money.Amount {
	t.Helper()
	a, err := money.Parse(text, money.MustCurrency(code))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func date(t testing.TB, text string) civil.Date {
	t.Helper()
	d, err := civil.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func build(t testing.TB, terms amortization.Terms) *amortization.Schedule {
	t.Helper()
	s, err := amortization.New(terms)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rbiTerms is the illustration of the key facts statement of the Reserve Bank
// of India (circular of 15 April 2024; Microfinance Master Direction, Annex II).
func rbiTerms(t testing.TB) amortization.Terms {
	return amortization.Terms{
		Principal: amount(t, "20000", "INR"), AnnualRatePercent: amortization.MustDecimal("15"), Instalments: 24,
		DisbursementDate: date(t, "2024-04-15"),
		Fees: []amortization.Fee{
			{Name: "processing", Amount: amount(t, "240", "INR")},
			{Name: "insurance", Amount: amount(t, "160", "INR"), Payee: amortization.ThirdParty},
		},
	}
}

func TestRBIKeyFactsIllustration(t *testing.T) {
	t.Parallel()
	s := build(t, rbiTerms(t))
	facts, err := amortization.Disclose(s)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := facts.Instalment, amount(t, "969.73", "INR"); got != want {
		t.Errorf("instalment %s, want %s", got, want)
	}
	if got, want := facts.NetDisbursed, amount(t, "19600", "INR"); got != want {
		t.Errorf("net disbursed %s, want %s", got, want)
	}
	if got, want := facts.APRPercent.Fixed(2), "17.07"; got != want {
		t.Errorf("APR %s, want %s", got, want)
	}
	if got, want := facts.EffectiveAnnualPercent.Fixed(2), "18.47"; got != want {
		t.Errorf("effective annual rate %s, want %s", got, want)
	}
	if got, want := facts.LenderCharges, amount(t, "240", "INR"); got != want {
		t.Errorf("lender charges %s, want %s", got, want)
	}
	if got, want := facts.ThirdPartyCharges, amount(t, "160", "INR"); got != want {
		t.Errorf("third-party charges %s, want %s", got, want)
	}
	// Every row of the published table, which shows whole rupees.
	published := [][3]int64{{20000, 720, 250}, {19280, 729, 241}, {18552, 738, 232}}
	for i, want := range published {
		row := s.At(i)
		got := [3]int64{rupees(row.Opening), rupees(row.Principal), rupees(row.Interest)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("row %d (-want +got):\n%s", i+1, diff)
		}
	}
	last := s.At(23)
	if got := [3]int64{rupees(last.Opening), rupees(last.Principal), rupees(last.Interest)}; got != [3]int64{
		958,
		958, 12,
	} {
		t.Errorf("last row %v", got)
	}
}

func rupees(a money.Amount) int64 { return (a.Minor() + 50) / 100 }

func TestTermsTravelThroughJSON(t *testing.T) {
	t.Parallel()
	s := build(t, rbiTerms(t))
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back amortization.Schedule
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if got, want := back.Hash(), s.Hash(); got != want {
		t.Errorf("hash after JSON %s, want %s", got, want)
	}
	again := build(t, back.Terms)
	if got, want := again.Hash(), s.Hash(); got != want {
		t.Errorf("hash after rebuilding %s, want %s", got, want)
	}
}

func drawTerms(t *rapid.T) amortization.Terms {
	methods := []amortization.Method{
		amortization.Annuity, amortization.EqualPrincipal, amortization.Flat,
		amortization.InterestOnly, amortization.Bullet,
	}
	return amortization.Terms{
		Principal: money.New(rapid.Int64Range(100_000, 1_000_000_000).Draw(t, "principal"),
			money.MustCurrency("INR")),
		AnnualRatePercent: amortization.MustDecimal(rapid.StringMatching(`[0-9]{1,2}(\.[0-9]{1,4})?`).Draw(t, "rate")),
		Method:            rapid.SampledFrom(methods).Draw(t, "method"),
		Instalments:       rapid.IntRange(1, 120).Draw(t, "instalments"),
		Frequency: amortization.Frequency{
			Every: rapid.IntRange(1, 3).Draw(t, "every"),
			Unit: rapid.SampledFrom([]amortization.Unit{
				amortization.Day, amortization.Week, amortization.Month,
				amortization.Year,
			}).Draw(t, "unit"),
		},
		DisbursementDate: civil.Date{Year: 2024, Month: 1, Day: 1}.AddDays(rapid.IntRange(0, 800).Draw(t, "day")),
		DayCount: rapid.SampledFrom([]amortization.DayCount{
			"", amortization.Actual365Fixed, amortization.Actual360,
			amortization.ActualActualISDA, amortization.ThirtyE360,
		}).Draw(t, "dayCount"),
	}
}

func refused(err error, field string, rule amortization.Rule) bool {
	faults := amortization.Faults(err)
	return len(faults) == 1 && faults[0].Rule == rule && faults[0].FieldName() == field
}

func refusedForInterest(err error) bool {
	return refused(err, "method", amortization.RuleNegativeAmortization)
}

func refusedForRounding(err error) bool {
	return refused(err, "rounding.instalment_unit", amortization.RuleRange)
}

func TestScheduleProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		terms := drawTerms(t)
		s, err := amortization.New(terms)
		if refusedForRounding(err) && terms.Method == amortization.Annuity {
			terms.Rounding.Residual = amortization.ResidualSpread // what this policy is for
			s, err = amortization.New(terms)
		}
		if refusedForInterest(err) && terms.Method == amortization.Annuity {
			return // a long first period at a high rate: refused, as it should be
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, want := s.Len(), terms.Instalments; got != want {
			t.Fatalf("%d instalments, want %d", got, want)
		}
		principal, earned := int64(0), int64(0)
		for i, row := range s.All() {
			for _, part := range []money.Amount{row.Principal, row.Interest, row.Fees, row.Total, row.Closing, row.Earned} {
				if part.IsNegative() {
					t.Fatalf("row %d has the negative amount %s", i+1, part)
				}
			}
			if row.Total.Minor() != row.Principal.Minor()+row.Interest.Minor()+row.Fees.Minor() {
				t.Fatalf("row %d does not add up", i+1)
			}
			if row.Closing.Minor() != row.Opening.Minor()-row.Principal.Minor() {
				t.Fatalf("row %d does not carry its balance", i+1)
			}
			principal += row.Principal.Minor()
			earned += row.Earned.Minor()
		}
		if principal != terms.Principal.Minor() || s.Totals.Principal != terms.Principal {
			t.Fatalf("principal repaid %d, disbursed %s", principal, terms.Principal)
		}
		if earned != s.Totals.Interest.Minor() {
			t.Fatalf("interest earned %d, charged %s", earned, s.Totals.Interest)
		}
		if last := s.At(s.Len() - 1); !last.Closing.IsZero() {
			t.Fatalf("last closing balance %s", last.Closing)
		}
	})
}
