package amortization_test

import (
	"errors"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

func TestAccrualPartitionsSumToTheInterest(t *testing.T) {
	t.Parallel()
	s := build(t, rbiTerms(t))
	before := int64(0)
	for day := s.Terms.DisbursementDate; !day.After(s.MaturityDate()); day = day.AddDays(1) {
		accrued, err := amortization.Accrued(s, day)
		if err != nil {
			t.Fatal(err)
		}
		if accrued.Minor() < before {
			t.Fatalf("accrued falls to %s on %s", accrued, day)
		}
		before = accrued.Minor()
	}
	if before != s.Totals.Interest.Minor() {
		t.Errorf("accrued to maturity %d, interest %s", before, s.Totals.Interest)
	}
	// Half of the first period, by 30/360: half of 250.00.
	accrued, err := amortization.Accrued(s, date(t, "2024-04-30"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := accrued, amount(t, "125.00", "INR"); got != want {
		t.Errorf("accrued %s, want %s", got, want)
	}
	if _, err := amortization.Accrued(s, date(t, "2024-04-14")); !errors.Is(err, amortization.ErrDay) {
		t.Errorf("accrual before the disbursement: %v", err)
	}
}

func TestPayoffInTheMiddleOfAPeriod(t *testing.T) {
	t.Parallel()
	s := build(t, rbiTerms(t))
	// One instalment paid; half of the second period is earned: 241.00/2.
	quote, err := amortization.Payoff(s, s.DueItems()[1:], date(t, "2024-05-30"))
	if err != nil {
		t.Fatal(err)
	}
	want := amortization.Quote{
		On: date(t, "2024-05-30"), Principal: amount(t, "19280.27", "INR"), Interest: amount(t, "120.50", "INR"),
		Fees: amount(t, "0", "INR"), Penalties: amount(t, "0", "INR"), Total: amount(t, "19400.77", "INR"),
		PerDiem: amount(t, "8.03", "INR"),
	}
	equal := cmp.Comparer(func(a, b money.Amount) bool { return a == b })
	if diff := cmp.Diff(want, quote, equal); diff != "" {
		t.Errorf("quote (-want +got):\n%s", diff)
	}
}

func TestPayoffAtMaturityIsAllThatIsOpen(t *testing.T) {
	t.Parallel()
	s := build(t, rbiTerms(t))
	quote, err := amortization.Payoff(s, s.DueItems(), s.MaturityDate())
	if err != nil {
		t.Fatal(err)
	}
	if quote.Total != s.Totals.Total {
		t.Errorf("payoff %s, schedule %s", quote.Total, s.Totals.Total)
	}
}

func inr(minor int64) money.Amount { return money.New(minor, money.MustCurrency("INR")) }

func threeItems() []amortization.DueItem {
	day := civil.Date{Year: 2024, Month: 1, Day: 31}
	items := make([]amortization.DueItem, 3)
	for i := range items {
		items[i] = amortization.DueItem{
			Number: i + 1, Due: civil.Date{Year: 2024, Month: day.Month, Day: 10 * (i + 1)},
			Penalty: inr(0), Fee: inr(5), Interest: inr(10), Principal: inr(100),
		}
	}
	items[0].Penalty = inr(7)
	return items
}

func TestAllocate(t *testing.T) {
	t.Parallel()
	rule := func(when amortization.Timing, c amortization.Component) amortization.AllocationRule {
		return amortization.AllocationRule{When: when, Component: c}
	}
	advance := []amortization.AllocationRule{
		rule(amortization.PastDue, amortization.PartInterest), rule(amortization.PastDue, amortization.PartPrincipal),
		rule(amortization.DueToday, amortization.PartInterest), rule(amortization.InAdvance, amortization.PartPrincipal),
	}
	tests := []struct {
		name      string
		payment   int64
		order     amortization.Order
		want      [3][4]int64 // penalty, fee, interest, principal of each instalment
		remainder int64
	}{
		{name: "usual order stops inside", payment: 30, want: [3][4]int64{{7, 5, 10, 8}}},
		{name: "usual order crosses", payment: 130, want: [3][4]int64{{7, 5, 10, 100}, {0, 5, 3, 0}}},
		{name: "overpayment remains", payment: 400, want: [3][4]int64{{7, 5, 10, 100}, {0, 5, 10, 100}, {
			0, 5,
			10, 100,
		}}, remainder: 48},
		{
			name: "principal first", payment: 120,
			order: amortization.ComponentOrder(amortization.PartPrincipal, amortization.PartInterest),
			want:  [3][4]int64{{0, 0, 10, 100}, {0, 0, 0, 10}},
		},
		{
			name: "vertical takes every interest first", payment: 45,
			order: amortization.Order{Processing: amortization.Vertical, Rules: amortization.ComponentOrder(
				amortization.PartInterest, amortization.PartPrincipal).Rules},
			want: [3][4]int64{{0, 0, 10, 15}, {0, 0, 10, 0}, {0, 0, 10, 0}},
		},
		{
			name: "by timing", payment: 125, order: amortization.Order{Rules: advance},
			want: [3][4]int64{{0, 0, 10, 100}, {0, 0, 10, 0}, {0, 0, 0, 5}},
		},
		{
			name: "what no rule names remains", payment: 300, order: amortization.Order{Rules: advance},
			want: [3][4]int64{{0, 0, 10, 100}, {0, 0, 10, 0}, {0, 0, 0, 100}}, remainder: 80,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := amortization.Allocate(inr(test.payment), date(t, "2024-01-20"), threeItems(), test.order)
			if err != nil {
				t.Fatal(err)
			}
			var split [3][4]int64
			for _, p := range got.Paid {
				split[p.Number-1] = [4]int64{p.Penalty.Minor(), p.Fee.Minor(), p.Interest.Minor(), p.Principal.Minor()}
			}
			if diff := cmp.Diff(test.want, split); diff != "" {
				t.Errorf("split (-want +got):\n%s", diff)
			}
			if got.Remainder.Minor() != test.remainder {
				t.Errorf("remainder %s, want %d", got.Remainder, test.remainder)
			}
		})
	}
}

func TestAllocateFutureRules(t *testing.T) {
	t.Parallel()
	for future, want := range map[amortization.FutureRule][3]int64{
		amortization.NextInstalment:    {100, 1, 0},
		amortization.LastInstalment:    {0, 1, 100},
		amortization.SpreadInstalments: {33, 33, 35},
	} {
		order := amortization.Order{Future: future, Rules: []amortization.AllocationRule{
			{When: amortization.InAdvance, Component: amortization.PartPrincipal},
		}}
		got, err := amortization.Allocate(inr(101), date(t, "2024-01-01"), threeItems(), order)
		if err != nil {
			t.Fatal(err)
		}
		var split [3]int64
		for _, p := range got.Paid {
			split[p.Number-1] = p.Principal.Minor()
		}
		if diff := cmp.Diff(want, split); diff != "" {
			t.Errorf("%s (-want +got):\n%s", future, diff)
		}
	}
}

func TestAllocateConservesThePayment(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var items []amortization.DueItem
		open := int64(0)
		for i := range rapid.IntRange(0, 8).Draw(t, "items") {
			parts := rapid.SliceOfN(rapid.Int64Range(0, 1000), 4, 4).Draw(t, "parts")
			items = append(items, amortization.DueItem{
				Number: i + 1, Due: civil.Date{Year: 2024, Month: 1, Day: rapid.IntRange(1, 31).Draw(t, "due")},
				Penalty: inr(parts[0]), Fee: inr(parts[1]), Interest: inr(parts[2]), Principal: inr(parts[3]),
			})
			open += parts[0] + parts[1] + parts[2] + parts[3]
		}
		var rules []amortization.AllocationRule
		for _, when := range []amortization.Timing{amortization.PastDue, amortization.DueToday, amortization.InAdvance} {
			for _, c := range []amortization.Component{
				amortization.PartPenalty, amortization.PartFee,
				amortization.PartInterest, amortization.PartPrincipal,
			} {
				rules = append(rules, amortization.AllocationRule{When: when, Component: c})
			}
		}
		order := amortization.Order{
			Processing: rapid.SampledFrom([]amortization.Processing{
				amortization.Horizontal,
				amortization.Vertical,
			}).Draw(t, "processing"),
			Rules: rapid.Permutation(rules).Draw(t, "rules"),
			Future: rapid.SampledFrom([]amortization.FutureRule{
				amortization.NextInstalment,
				amortization.LastInstalment, amortization.SpreadInstalments,
			}).Draw(t, "future"),
		}
		payment := rapid.Int64Range(0, 20_000).Draw(t, "payment")
		got, err := amortization.Allocate(inr(payment), civil.Date{Year: 2024, Month: 1, Day: 15}, items, order)
		if err != nil {
			t.Fatal(err)
		}
		covered := got.Penalty.Minor() + got.Fee.Minor() + got.Interest.Minor() + got.Principal.Minor()
		if covered+got.Remainder.Minor() != payment {
			t.Fatalf("covered %d and remainder %s of %d", covered, got.Remainder, payment)
		}
		if want := max(0, payment-open); got.Remainder.Minor() != want {
			t.Fatalf("remainder %s, want %d: every component has a rule", got.Remainder, want)
		}
	})
}
