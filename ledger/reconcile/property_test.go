package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/ledger/reconcile"
)

// Values are drawn from few, so that lines collide in every way.
var (
	someReferences = []string{"INV-1001", "inv 1001", "INV1002", "A-7", "E2E/77/88", " INV-1001 ", "", "--"}
	someTexts      = []string{"", "payment INV-1001 thanks", "INV-10 01 and E2E 77 88", "INV1002INV1001", "transfer"}
	someAmounts    = []int64{100, 101, 200, 300, 301, -100, -101, -200, 1_000, 1_010}
)

func lineGen(side byte, entries []uuid.UUID) *rapid.Generator[[]reconcile.Line] {
	return rapid.Custom(func(t *rapid.T) []reconcile.Line {
		lines := make([]reconcile.Line, rapid.IntRange(0, 7).Draw(t, "lines"))
		for i := range lines {
			l := reconcile.Line{
				ID:         reconcile.LineID{ID: uuid.UUID{side, byte(rapid.IntRange(0, 255).Draw(t, "spread")), byte(i)}},
				Date:       civil.Date{Year: 2026, Month: time.March, Day: rapid.IntRange(1, 9).Draw(t, "day")},
				Amount:     rapid.SampledFrom(someAmounts).Draw(t, "amount"),
				Text:       rapid.SampledFrom(someTexts).Draw(t, "text"),
				References: rapid.SliceOfN(rapid.SampledFrom(someReferences), 0, 2).Draw(t, "references"),
				Claimed:    rapid.IntRange(0, 9).Draw(t, "claimed") == 0,
			}
			if entries != nil {
				l.Entry = entries[i]
				if i > 0 && rapid.IntRange(0, 3).Draw(t, "mirror") == 0 {
					l.Reverses = entries[rapid.IntRange(0, i-1).Draw(t, "mirrored")]
				}
			}
			lines[i] = l
		}
		return lines
	})
}

func bookGen() *rapid.Generator[[]reconcile.Line] {
	entries := make([]uuid.UUID, 7)
	for i := range entries {
		entries[i] = uuid.UUID{3, byte(i)}
	}
	return lineGen(2, entries)
}

func ruleGen() *rapid.Generator[reconcile.RuleSet] {
	return rapid.Custom(func(t *rapid.T) reconcile.RuleSet {
		if rapid.IntRange(0, 4).Draw(t, "defaults") == 0 {
			return reconcile.DefaultRules()
		}
		rules := make([]reconcile.Rule, rapid.IntRange(1, 4).Draw(t, "rules"))
		for i := range rules {
			r := reconcile.Rule{
				Name: fmt.Sprintf("rule %d", i),
				Shape: rapid.SampledFrom([]reconcile.Shape{
					reconcile.OneToOne, reconcile.OneToOne, reconcile.OneToMany, reconcile.ManyToOne, reconcile.Reversal,
				}).Draw(t, "shape"),
				Reference: rapid.SampledFrom([]reconcile.ReferenceTest{
					reconcile.AnyReference, reconcile.SameReference, reconcile.NormalisedReference, reconcile.ContainedReference,
				}).Draw(t, "reference"),
				Tolerance:            rapid.SampledFrom([]int64{0, 0, 1, 5, 150}).Draw(t, "tolerance"),
				ToleranceBasisPoints: rapid.SampledFrom([]int64{0, 0, 100, 1_000}).Draw(t, "basis points"),
				DaysBefore:           rapid.IntRange(0, 4).Draw(t, "before"), DaysAfter: rapid.IntRange(0, 4).Draw(t, "after"),
				Unique: rapid.Bool().Draw(t, "unique"),
			}
			if r.Shape == reconcile.OneToMany || r.Shape == reconcile.ManyToOne {
				r.GroupMax = rapid.IntRange(2, 5).Draw(t, "group")
			}
			rules[i] = r
		}
		return reconcile.RuleSet{Rules: rules}
	})
}

func run(t *rapid.T, bank, books []reconcile.Line, rules reconcile.RuleSet) reconcile.Result {
	result, err := reconcile.Run(bank, books, rules)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// TestAgainstNaive compares every match with an implementation that looks at
// every pair and subset.
func TestAgainstNaive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bank, books := lineGen(1, nil).Draw(t, "bank"), bookGen().Draw(t, "books")
		rules := ruleGen().Draw(t, "rules")
		got := run(t, bank, books, rules)
		want := naiveRun(bank, books, rules)
		ignored := cmpopts.IgnoreFields(reconcile.Match{}, "Reference")
		if diff := cmp.Diff(want, got.Matches, ignored, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("matches (-naive +engine):\n%s", diff)
		}
	})
}

// TestEveryLineOnce holds that each line is in exactly one match or break, that
// a match's difference is what its lines make, and that the sums of both sides
// are those of matches and breaks.
func TestEveryLineOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bank, books := lineGen(1, nil).Draw(t, "bank"), bookGen().Draw(t, "books")
		result := run(t, bank, books, ruleGen().Draw(t, "rules"))
		amounts, seen := map[reconcile.LineID]int64{}, map[reconcile.LineID]int{}
		var difference int64 // of the free lines: bank less books
		for _, l := range bank {
			amounts[l.ID] = l.Amount
			if !l.Claimed {
				difference += l.Amount
			}
		}
		for _, l := range books {
			amounts[l.ID] = l.Amount
			if !l.Claimed {
				difference -= l.Amount
			}
		}
		for _, m := range result.Matches {
			var sum int64
			for _, id := range m.Bank {
				seen[id]++
				sum += amounts[id]
			}
			for _, id := range m.Books {
				seen[id]++
				sum -= amounts[id]
			}
			if sum != m.Difference {
				t.Fatalf("difference %d, the lines make %d: %+v", m.Difference, sum, m)
			}
			difference -= sum
		}
		for _, b := range result.Breaks {
			seen[b.Line]++
			if b.Amount != amounts[b.Line] || !slices.Contains(reconcile.Kinds, b.Kind) {
				t.Fatalf("break %+v", b)
			}
			if b.Side == reconcile.Bank {
				difference -= b.Amount
			} else {
				difference += b.Amount
			}
		}
		for _, l := range slices.Concat(bank, books) {
			want := 1
			if l.Claimed {
				want = 0
			}
			if seen[l.ID] != want {
				t.Fatalf("line %v is in %d matches and breaks, want %d", l, seen[l.ID], want)
			}
		}
		if difference != 0 {
			t.Fatalf("%d is in neither matches nor breaks", difference)
		}
	})
}

// TestOrderDoesNotMatter permutes the lines.
func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bank, books := lineGen(1, nil).Draw(t, "bank"), bookGen().Draw(t, "books")
		rules := ruleGen().Draw(t, "rules")
		first := run(t, bank, books, rules)
		seed := rapid.Uint64().Draw(t, "seed")
		random := rand.New(rand.NewPCG(seed, seed))
		random.Shuffle(len(bank), func(i, j int) { bank[i], bank[j] = bank[j], bank[i] })
		random.Shuffle(len(books), func(i, j int) { books[i], books[j] = books[j], books[i] })
		second := run(t, bank, books, rules)
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatalf("(-first +permuted):\n%s", diff)
		}
		a, errA := first.Digest()
		b, errB := second.Digest()
		if a != b || errA != nil || errB != nil {
			t.Fatalf("digests %x and %x, %v, %v", a, b, errA, errB)
		}
	})
}

// TestAgainFindsNothing runs again on what the first run left.
func TestAgainFindsNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bank, books := lineGen(1, nil).Draw(t, "bank"), bookGen().Draw(t, "books")
		rules := ruleGen().Draw(t, "rules")
		first := run(t, bank, books, rules)
		claimed := map[reconcile.LineID]bool{}
		for _, m := range first.Matches {
			for _, id := range slices.Concat(m.Bank, m.Books) {
				claimed[id] = true
			}
		}
		for _, side := range [][]reconcile.Line{bank, books} {
			for i := range side {
				side[i].Claimed = side[i].Claimed || claimed[side[i].ID]
			}
		}
		second := run(t, bank, books, rules)
		if len(second.Matches) != 0 {
			t.Fatalf("the second run matched %+v", second.Matches)
		}
		if diff := cmp.Diff(first.Breaks, second.Breaks); diff != "" {
			t.Fatalf("breaks (-first +second):\n%s", diff)
		}
	})
}
