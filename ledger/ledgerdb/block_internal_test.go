package ledgerdb

import (
	"math"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
)

// pureRounds is how many times -rapid.checks (100) the pure properties are
// tried.
const pureRounds = 50

// TestCoverHasEachBlockOnce: the sums of a cover stand for the first n blocks,
// each once, and are few.
func TestCoverHasEachBlockOnce(t *testing.T) {
	t.Parallel()
	for range pureRounds {
		rapid.Check(t, func(t *rapid.T) {
			n := rapid.Int64Range(0, 1<<40).Draw(t, "blocks")
			refs := cover(n)
			next := n // from the newest, level 0, to the oldest
			for i := len(refs) - 1; i >= 0; i-- {
				next = min(next, refs[i].number<<(levelBits*refs[i].level))
			}
			if n > 0 && next != 0 {
				t.Fatalf("the first %d blocks begin at %d", n, next)
			}
			var sum int64
			levels := map[int64]int{}
			for _, ref := range refs {
				sum += 1 << (levelBits * ref.level)
				levels[ref.level]++
				if levels[ref.level] >= 1<<levelBits {
					t.Fatalf("%d sums of level %d", levels[ref.level], ref.level)
				}
				if (ref.number+1)<<(levelBits*ref.level) > n {
					t.Fatalf("sum %d of level %d goes beyond %d blocks", ref.number, ref.level, n)
				}
			}
			if sum != n {
				t.Fatalf("stand for %d of %d blocks", sum, n)
			}
		})
	}
}

// TestTotalsAreTheSumsOfLines: whatever lines a batch has, its totals add up to
// them by heading and date, also beyond the range of one sum.
func TestTotalsAreTheSumsOfLines(t *testing.T) {
	t.Parallel()
	date := func(n int) civil.Date { return civil.Date{Year: 2026, Month: 1, Day: 1 + n} }
	for range pureRounds {
		rapid.Check(t, func(t *rapid.T) {
			var sums totaller
			want := map[totalKey][2]uint64{}
			for range rapid.IntRange(0, 30).Draw(t, "lines") {
				account := ledger.Account{
					GLCode:   rapid.SampledFrom([]string{"1000", "2000"}).Draw(t, "code"),
					Currency: money.MustCurrency(rapid.SampledFrom([]string{"EUR", "JPY"}).Draw(t, "currency")),
				}
				line := ledger.Line{
					Side:   rapid.SampledFrom([]ledger.Side{ledger.Debit, ledger.Credit}).Draw(t, "side"),
					Amount: money.New(rapid.Int64Range(1, math.MaxInt64/4).Draw(t, "amount"), account.Currency),
				}
				effective, booking := date(rapid.IntRange(0, 2).Draw(t, "effective")), date(rapid.IntRange(0, 2).Draw(t, "booking"))
				sums.add(account, effective, booking, line)
				key := totalKey{heading{account.GLCode, account.Currency.Code()}, effective, booking}
				debit, credit := sidesOf(line)
				want[key] = [2]uint64{want[key][0] + uint64(debit), want[key][1] + uint64(credit)}
			}
			for _, total := range sums.list {
				key := totalKey{total.heading(), total.Effective, total.Booking}
				want[key] = [2]uint64{want[key][0] - uint64(total.Debits), want[key][1] - uint64(total.Credits)}
			}
			for key, left := range want {
				if left != [2]uint64{} {
					t.Fatalf("%v: %v is missing", key, left)
				}
			}
		})
	}
}

// TestSlicesMergeInAnyGrouping: sums by date do not depend on how a history is
// cut.
func TestSlicesMergeInAnyGrouping(t *testing.T) {
	t.Parallel()
	owner := uuid.New()
	for range pureRounds {
		rapid.Check(t, func(t *rapid.T) {
			whole, left, right := newSlice(owner, beginning), newSlice(owner, beginning), newSlice(owner, beginning)
			cut := rapid.IntRange(0, 20).Draw(t, "cut")
			for i := range rapid.IntRange(0, 20).Draw(t, "lines") {
				day := civil.Date{Year: 2026, Month: 1, Day: 1 + rapid.IntRange(0, 9).Draw(t, "day")}
				sum := totals{rapid.Int64Range(0, 1<<61).Draw(t, "debit"), rapid.Int64Range(0, 9).Draw(t, "credit")}
				whole.add(owner, day, sum)
				part := &left
				if i >= cut {
					part = &right
				}
				part.add(owner, day, sum)
			}
			left.merge(right)
			if left.broken != whole.broken {
				t.Fatalf("broken %t in parts, %t as a whole", left.broken, whole.broken)
			}
			for day, sum := range whole.sums[owner] {
				if !whole.broken && left.sums[owner][day] != sum {
					t.Fatalf("%s: %v in parts, %v as a whole", day, left.sums[owner][day], sum)
				}
			}
		})
	}
}
