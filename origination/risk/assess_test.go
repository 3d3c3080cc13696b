package risk

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/money"
)

var (
	inr       = money.MustCurrency("INR")
	someone   = uuid.MustParse("6f3f64a4-6a52-4d5c-9d0a-0c3a3f7f0b11")
	someTime  = time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC)
	reference = Inputs{
		ApplicationID: someone, Product: "PERSONAL_LOAN", Amount: rupees("20000"), Instalments: 24,
		MonthlyIncome: rupees("50000"), MonthlyObligations: rupees("5000"),
	}
)

func rupees(text string) money.Amount {
	amount, err := money.Parse(text, inr)
	if err != nil {
		panic(err)
	}
	return amount
}

func TestAssess(t *testing.T) {
	t.Parallel()
	with := func(change func(*Inputs)) Inputs {
		in := reference
		change(&in)
		return in
	}
	type outcome struct {
		Instalment, Affordable string
		Values                 []int64
		Points                 []int
		Score                  int
		Band                   string
		Recommendation         Recommendation
		Reasons                []Reason
	}
	tests := map[string]struct {
		in   Inputs
		want outcome
	}{
		// (5,000 + 969.73) / 50,000 = 11.94 %; 20,000 / 600,000 = 3.34 %.
		"comfortable": {reference, outcome{
			"969.73", "20000.00",
			[]int64{1194, 1000, 334, 24},
			[]int{400, 200, 250, 120},
			970, "A", RecommendApprove,
			[]Reason{TermTooLong},
		}},
		// (800 + 969.73) / 4,000 = 44.25 %; 800 / 4,000 = 20 %; 20,000 / 48,000 = 41.67 %.
		"tight": {with(func(in *Inputs) {
			in.MonthlyIncome, in.MonthlyObligations = rupees("4000"), rupees("800")
		}), outcome{
			"969.73", "20000.00",
			[]int64{4425, 2000, 4167, 24},
			[]int{120, 140, 200, 120},
			580, "C", RecommendRefer,
			[]Reason{DebtToIncomeTooHigh, ObligationsTooHigh, IncomeTooLowForAmount, TermTooLong},
		}},
		// Exactly half of the income is still within the cut-off.
		"at the cut-off": {with(func(in *Inputs) {
			in.MonthlyIncome, in.MonthlyObligations = rupees("3939.46"), rupees("1000")
		}), outcome{
			"969.73", "20000.00",
			[]int64{5000, 2539, 4231, 24},
			[]int{120, 60, 200, 120},
			500, "C", RecommendRefer,
			[]Reason{DebtToIncomeTooHigh, ObligationsTooHigh, IncomeTooLowForAmount, TermTooLong},
		}},
		// One paisa less of income is not; 969.72 is the instalment of 19,999.83, and 969.73 that of a paisa more.
		"beyond the cut-off": {with(func(in *Inputs) {
			in.MonthlyIncome, in.MonthlyObligations = rupees("3939.45"), rupees("1000")
		}), outcome{
			"969.73", "19999.83",
			[]int64{5001, 2539, 4231, 24},
			[]int{0, 60, 200, 120},
			380, "E", RecommendReject,
			[]Reason{DebtToIncomeTooHigh, ObligationsTooHigh, IncomeTooLowForAmount, TermTooLong},
		}},
		"no income": {with(func(in *Inputs) {
			in.MonthlyIncome, in.MonthlyObligations = rupees("0"), rupees("0")
		}), outcome{
			"969.73", "0.00",
			[]int64{ratioMax, 0, ratioMax, 24},
			[]int{0, 200, 0, 120},
			320, "E", RecommendReject,
			[]Reason{IncomeNotStated, DebtToIncomeTooHigh, IncomeTooLowForAmount, TermTooLong},
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := Assess(test.in, policyVersion, someTime)
			if err != nil {
				t.Fatal(err)
			}
			got := outcome{
				Instalment: a.ReferenceInstalment.Text(), Affordable: a.AffordableAmount.Text(), Score: a.Score,
				Band: a.Band, Recommendation: a.Recommendation, Reasons: a.Reasons,
			}
			for _, f := range a.Factors {
				got.Values = append(got.Values, f.Value)
				got.Points = append(got.Points, f.Points)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("assessment (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAssessRefusesUnknownPolicy(t *testing.T) {
	t.Parallel()
	if _, err := Assess(reference, "1999-01", someTime); err == nil {
		t.Error("an unknown policy version assessed an application")
	}
}

func TestAssessUsesReferenceRateOfProduct(t *testing.T) {
	t.Parallel()
	for product, want := range map[string]string{"PERSONAL_LOAN": "15", "MICRO_LOAN": "24", "SOMETHING_ELSE": "18"} {
		in := reference
		in.Product = product
		a, err := Assess(in, policyVersion, someTime)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.ReferenceRatePercent.String(); got != want {
			t.Errorf("reference rate of %s: %s, want %s", product, got, want)
		}
	}
}

// TestPolicies keeps every version of the table well-formed.
func TestPolicies(t *testing.T) {
	t.Parallel()
	if _, ok := policies[policyVersion]; !ok {
		t.Fatalf("the current version %s is not in the table", policyVersion)
	}
	for version, p := range policies {
		if p.version != version {
			t.Errorf("policy %s calls itself %s", version, p.version)
		}
		if _, ok := p.referenceRates[""]; !ok {
			t.Errorf("policy %s has no reference rate for other products", version)
		}
		for _, f := range p.factors {
			for i := 1; i < len(f.steps); i++ {
				if f.steps[i].upTo <= f.steps[i-1].upTo || f.steps[i].points >= f.steps[i-1].points {
					t.Errorf("policy %s: steps of %s are out of order", version, f.name)
				}
			}
			if ReasonTexts[f.reason] == "" {
				t.Errorf("policy %s: reason %s of %s has no text", version, f.reason, f.name)
			}
		}
		for i := 1; i < len(p.bands); i++ {
			if p.bands[i].min >= p.bands[i-1].min {
				t.Errorf("policy %s: band %s is out of order", version, p.bands[i].name)
			}
		}
		if last := p.bands[len(p.bands)-1]; last.min != 0 || last.recommendation != RecommendReject {
			t.Errorf("policy %s: the worst band is %+v", version, last)
		}
	}
}

func drawInputs(t *rapid.T) Inputs {
	amount := func(label string, low, high int64) money.Amount {
		return money.New(rapid.Int64Range(low, high).Draw(t, label), inr)
	}
	return Inputs{
		ApplicationID: someone,
		Product:       rapid.SampledFrom([]string{"PERSONAL_LOAN", "MICRO_LOAN", "OTHER"}).Draw(t, "product"),
		Amount:        amount("amount", 1_000_00, 10_000_000_00), Instalments: rapid.IntRange(1, 120).Draw(t, "instalments"),
		MonthlyIncome:      amount("income", 0, 1_000_000_00),
		MonthlyObligations: amount("obligations", 0, 1_000_000_00),
	}
}

func TestAssessProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInputs(t)
		a := mustAssess(t, in)
		if diff := cmp.Diff(a, mustAssess(t, in)); diff != "" {
			t.Fatalf("assessed twice, differently:\n%s", diff)
		}
		total := 0
		for _, f := range a.Factors {
			total += f.Points
		}
		if total != a.Score || a.Score < 0 || a.Score > 1000 {
			t.Fatalf("score %d, factors give %d", a.Score, total)
		}
		if len(a.Reasons) > ReasonsMax || (a.Recommendation == RecommendReject && len(a.Reasons) == 0) {
			t.Fatalf("%s for reasons %v", a.Recommendation, a.Reasons)
		}
		richer := in
		richer.MonthlyIncome = money.New(in.MonthlyIncome.Minor()+rapid.Int64Range(0, 1_000_000_00).Draw(t, "raise"), inr)
		if better := mustAssess(t, richer); better.Score < a.Score || better.Band > a.Band {
			t.Fatalf("more income made %d %s into %d %s", a.Score, a.Band, better.Score, better.Band)
		}
	})
}

// TestAffordableAmountIsAffordable assesses the affordable amount itself: its
// instalment fits into the room that income leaves, and that of a paisa more
// does not.
func TestAffordableAmountIsAffordable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := drawInputs(t)
		a := mustAssess(t, in)
		if a.AffordableAmount.IsNegative() || a.AffordableAmount.Minor() > in.Amount.Minor() {
			t.Fatalf("affordable %s of %s", a.AffordableAmount, in.Amount)
		}
		if a.AffordableAmount.Minor() < 100*int64(in.Instalments) {
			return // so little that there is no schedule of so many instalments
		}
		smaller := in
		smaller.Amount = a.AffordableAmount
		again := mustAssess(t, smaller)
		room := in.MonthlyIncome.Minor()/2 - in.MonthlyObligations.Minor()
		if again.ReferenceInstalment.Minor() > room {
			t.Fatalf("instalment %s of affordable %s, room for %d", again.ReferenceInstalment, a.AffordableAmount, room)
		}
		if a.AffordableAmount == in.Amount {
			return
		}
		smaller.Amount = money.New(a.AffordableAmount.Minor()+1, inr)
		if more := mustAssess(t, smaller); more.ReferenceInstalment.Minor() <= room {
			t.Fatalf("a paisa more than %s pays %s, room for %d", a.AffordableAmount, more.ReferenceInstalment, room)
		}
	})
}

func mustAssess(t *rapid.T, in Inputs) Assessment {
	a, err := Assess(in, policyVersion, someTime)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
