package reconcile

import (
	"cmp"
	"slices"
	"sort"
)

// bucket is the lines of one side that share a key, by amount and then in their
// canonical order, which is by date. Lines that are taken are skipped in close
// to constant time.
type bucket struct {
	side *half
	at   []int32 // indices of lines
	// right[i] is a place behind i up to which all are known to be taken; left[i]
	// is the same in the other direction.
	right, left []int32
}

func newBucket(side *half, lines []int32) *bucket {
	b := &bucket{side: side, at: slices.Clone(lines), right: make([]int32, len(lines)), left: make([]int32, len(lines))}
	slices.SortFunc(b.at, func(x, y int32) int {
		return cmp.Or(cmp.Compare(side.lines[x].Amount, side.lines[y].Amount), cmp.Compare(x, y))
	})
	for i := range b.at {
		b.right[i], b.left[i] = int32(i)+1, int32(i)-1
	}
	return b
}

func (b *bucket) amount(place int) int64 { return b.side.lines[b.at[place]].Amount }

func (b *bucket) day(place int) int32 { return b.side.days[b.at[place]] }

// next returns the first free place at or behind a place, or len(b.at).
func (b *bucket) next(place int) int {
	end := place
	for end < len(b.at) && b.side.taken[b.at[end]] {
		end = int(b.right[end])
	}
	for place < end && place < len(b.at) { // shorten the way for those who come after
		step := int(b.right[place])
		b.right[place] = int32(end)
		place = step
	}
	return end
}

// prev returns the last free place at or before a place, or -1.
func (b *bucket) prev(place int) int {
	end := place
	for end >= 0 && b.side.taken[b.at[end]] {
		end = int(b.left[end])
	}
	for place > end && place >= 0 {
		step := int(b.left[place])
		b.left[place] = int32(end)
		place = step
	}
	return end
}

// from returns the first place whose line has at least the amount.
func (b *bucket) from(amount int64) int {
	return sort.Search(len(b.at), func(i int) bool { return b.amount(i) >= amount })
}

// nearestDay returns the free line of a stretch of equal amounts that is nearest
// to a day, the earlier one of two, and the first of its day; -1 if none is in
// the window.
func (b *bucket) nearestDay(first, end int, day int32, window func(day int32) bool) int32 {
	middle := first + sort.Search(end-first, func(i int) bool { return b.day(first+i) >= day })
	best := int32(-1)
	if left := b.prev(middle - 1); left >= first && window(b.day(left)) {
		start := first + sort.Search(end-first, func(i int) bool { return b.day(first+i) >= b.day(left) })
		best = b.at[b.next(start)]
	}
	if right := b.next(middle); right < end && window(b.day(right)) {
		if best < 0 || b.day(right)-day < day-b.side.days[best] {
			best = b.at[right]
		}
	}
	return best
}

// Limits of looking for amounts within a tolerance.
const (
	// probesMax bounds the different amounts that are looked at for one line, and
	// allProbesMax those beyond the first probesFree of each line in the whole
	// reconciliation.
	probesMax    = 2_000
	probesFree   = 8
	allProbesMax = 5_000_000
)

// budget is what is left of allProbesMax.
type budget struct{ left int }

// allows tells whether a search may look at another amount, the n-th.
func (b *budget) allows(n int) bool {
	if n < probesFree {
		return true
	}
	b.left--
	return n < probesMax && b.left > 0
}

// search calls fn with the nearest free line of every amount within tolerance,
// nearest amounts first, until fn wants no more. It returns false if the limit
// ended it.
func (b *bucket) search(
	probes *budget, amount, tolerance int64, day int32, window func(day int32) bool,
	fn func(line int32, difference int64) bool,
) bool {
	up := b.next(b.from(amount))
	down := b.prev(b.from(amount) - 1)
	for n := 0; probes.allows(n); n++ {
		above, below := up < len(b.at), down >= 0
		if above && b.amount(up)-amount > tolerance {
			above = false
		}
		if below && amount-b.amount(down) > tolerance {
			below = false
		}
		switch {
		case !above && !below:
			return true
		case above && (!below || b.amount(up)-amount <= amount-b.amount(down)):
			value := b.amount(up)
			first, end := b.from(value), b.from(value+1)
			if line := b.nearestDay(first, end, day, window); line >= 0 && !fn(line, value-amount) {
				return true
			}
			up = b.next(end)
		default:
			value := b.amount(down)
			first, end := b.from(value), b.from(value+1)
			if line := b.nearestDay(first, end, day, window); line >= 0 && !fn(line, amount-value) {
				return true
			}
			down = b.prev(first - 1)
		}
	}
	return false
}

// within calls fn with the free lines of amounts within reach and of days from
// first to last, until fn wants no more. It returns false if the limit ended it.
func (b *bucket) within(
	probes *budget, amount, reach int64, first, last int, fn func(line int32) bool,
) bool {
	place := b.next(b.from(amount - reach))
	for n := 0; probes.allows(n); n++ {
		if place >= len(b.at) || b.amount(place) > amount+reach {
			return true
		}
		value := b.amount(place)
		end := b.from(value + 1)
		start := place + sort.Search(end-place, func(i int) bool { return int(b.day(place+i)) >= first })
		for place = b.next(start); place < end && int(b.day(place)) <= last; place = b.next(place + 1) {
			if !fn(b.at[place]) {
				return true
			}
		}
		place = b.next(end)
	}
	return false
}
