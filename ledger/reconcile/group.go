package reconcile

import (
	"cmp"
	"slices"
	"sort"
)

// Limits of the search for groups.
const (
	// groupLinesMax bounds the lines that belong together because they share a
	// reference.
	groupLinesMax = 1_000
	// groupScanMax bounds the lines that are looked at for one group, and
	// allScansMax those of the whole reconciliation.
	groupScanMax = 2_000
	allScansMax  = 20_000_000
	// groupCandidatesMax bounds the lines of which sums are tried, the nearest in
	// time first.
	groupCandidatesMax = 24
	// groupStepsMax bounds the sums tried for one line, and allStepsMax those of
	// the whole reconciliation.
	groupStepsMax = 50_000
	allStepsMax   = 20_000_000
)

// grouping is the search for groups under one rule: one line of a side and
// several of the other.
type grouping struct {
	*pairing
	one, many         *half
	keysOfOne         [][]int32
	linesOfKey        [][]int32
	daysBack, daysOut int // how far before and after the one the many may be
	oneIsBank         bool
}

func (e *engine) matchGroups(rule Rule) {
	p := e.pairing(rule)
	g := &grouping{
		pairing: p, one: e.bank, many: e.books, keysOfOne: p.links.bank, linesOfKey: p.inBook, oneIsBank: true,
		daysBack: rule.DaysAfter, daysOut: rule.DaysBefore,
	}
	if rule.Shape == ManyToOne {
		g.one, g.many, g.keysOfOne, g.linesOfKey, g.oneIsBank = e.books, e.bank, p.links.books, p.inBank, false
		g.daysBack, g.daysOut = rule.DaysBefore, rule.DaysAfter
	}
	for i := range g.one.lines {
		if !g.one.taken[i] {
			g.match(int32(i))
		}
	}
}

// match looks for the group of one line: all that share a reference with it, or
// else the smallest number of them whose sum fits.
func (g *grouping) match(one int32) {
	var candidates []int32
	var shared int32
	for _, key := range g.keysOfOne[one] {
		found := g.near(one, g.linesOfKey[key])
		if g.rule.Reference != AnyReference && len(found) > 1 && len(found) <= groupLinesMax {
			if _, fits := g.fit(one, found); fits {
				g.book(one, found, key)
				return
			}
		}
		if len(found) > 0 {
			candidates, shared = append(candidates, found...), key
		}
	}
	if len(candidates) < 2 {
		return
	}
	if len(g.keysOfOne[one]) > 1 { // a line may share several keys
		slices.Sort(candidates)
		candidates = slices.Compact(candidates)
	}
	day := g.one.days[one]
	slices.SortFunc(candidates, func(a, b int32) int {
		gapA, gapB := absolute(int64(g.many.days[a]-day)), absolute(int64(g.many.days[b]-day))
		return cmp.Or(cmp.Compare(gapA, gapB), cmp.Compare(a, b))
	})
	if len(candidates) > groupCandidatesMax {
		candidates = candidates[:groupCandidatesMax]
		g.e.cut = true
	}
	group, unique := g.subset(one, candidates)
	switch {
	case group == nil:
	case g.rule.Unique && !unique:
		g.e.ambiguous[g.one.lines[one].ID] = true
	default:
		g.book(one, group, shared)
	}
}

func (g *grouping) book(one int32, group []int32, key int32) {
	group = slices.Clone(group)
	slices.Sort(group)
	if g.oneIsBank {
		g.e.take(g.rule, []int32{one}, group, g.links.names[key])
		return
	}
	g.e.take(g.rule, group, []int32{one}, g.links.names[key])
}

// near returns the free lines of a list, which is in canonical order, that are
// in the window and no larger than the one.
func (g *grouping) near(one int32, list []int32) []int32 {
	target, day := g.one.lines[one].Amount, int(g.one.days[one])
	reach := absolute(target) + g.rule.tolerance(target)
	start := sort.Search(len(list), func(i int) bool { return int(g.many.days[list[i]]) >= day-g.daysBack })
	var found []int32
	for scanned, line := range list[start:] {
		if int(g.many.days[line]) > day+g.daysOut {
			break
		}
		g.e.scans++
		if scanned == groupScanMax || g.e.scans > allScansMax {
			g.e.cut = true
			break
		}
		amount := g.many.lines[line].Amount
		if !g.many.taken[line] && sameSign(amount, target) && absolute(amount) <= reach {
			found = append(found, line)
		}
	}
	return found
}

// fit returns by how much the sum of a group differs from the one, and whether
// the tolerance allows it.
func (g *grouping) fit(one int32, group []int32) (int64, bool) {
	var sum int64 // at most groupLinesMax amounts of at most 10^15
	for _, line := range group {
		sum += g.many.lines[line].Amount
	}
	return g.sumFits(one, sum)
}

func (g *grouping) sumFits(one int32, sum int64) (int64, bool) {
	bank := g.one.lines[one].Amount
	difference := absolute(bank - sum)
	if !g.oneIsBank {
		bank = sum
	}
	return difference, difference <= g.rule.tolerance(bank)
}

// subsetSearch tries sums of a fixed number of candidates.
type subsetSearch struct {
	g          *grouping
	one        int32
	candidates []int32
	largest    []int64 // of the candidates from a place on
	reach      int64
	chosen     []int32
	best       []int32
	difference int64
	found      int
	steps      int
}

// subset returns the smallest group whose sum fits, the one with the smallest
// difference among several, and whether it is the only one of its size.
func (g *grouping) subset(one int32, candidates []int32) (group []int32, unique bool) {
	target := g.one.lines[one].Amount
	s := &subsetSearch{
		g: g, one: one, candidates: candidates, largest: make([]int64, len(candidates)+1),
		reach: absolute(target) + g.rule.tolerance(target),
	}
	if !g.oneIsBank {
		s.reach += g.rule.tolerance(target)/4 + 1
	}
	for i := len(candidates) - 1; i >= 0; i-- {
		s.largest[i] = max(s.largest[i+1], absolute(g.many.lines[candidates[i]].Amount))
	}
	for size := 2; size <= min(g.rule.GroupMax, len(candidates)); size++ {
		complete := s.try(0, size, 0)
		if !complete {
			g.e.cut = true
		}
		if s.best != nil || !complete {
			return s.best, s.found == 1 && complete
		}
	}
	return nil, false
}

// try chooses left more candidates from a place on; sum is that of those chosen.
// It returns false when a limit ended it.
func (s *subsetSearch) try(from, left int, sum int64) bool {
	if left == 0 {
		difference, fits := s.g.sumFits(s.one, sum)
		if !fits {
			return true
		}
		s.found++
		if s.best == nil || difference < s.difference {
			s.best, s.difference = slices.Clone(s.chosen), difference
		}
		return true
	}
	for i := from; i+left <= len(s.candidates); i++ {
		s.steps++
		s.g.e.steps++
		if s.steps > groupStepsMax || s.g.e.steps > allStepsMax {
			return false
		}
		next := sum + s.g.many.lines[s.candidates[i]].Amount
		if absolute(next) > s.reach {
			continue
		}
		reachable := absolute(next) + int64(left-1)*s.largest[i+1]
		if reachable < 2*absolute(s.g.one.lines[s.one].Amount)-s.reach {
			continue
		}
		s.chosen = append(s.chosen, s.candidates[i])
		complete := s.try(i+1, left-1, next)
		s.chosen = s.chosen[:len(s.chosen)-1]
		if !complete {
			return false
		}
	}
	return true
}

// matchReversals matches a book line with the line of the entry that it mirrors.
func (e *engine) matchReversals(rule Rule) {
	type place struct {
		entry  string
		amount int64
	}
	originals := map[place][]int32{}
	for k, line := range e.books.lines {
		if !e.books.taken[k] {
			at := place{string(line.Entry[:]), line.Amount}
			originals[at] = append(originals[at], int32(k))
		}
	}
	for k, line := range e.books.lines {
		if e.books.taken[k] || line.Reverses == ([16]byte{}) {
			continue
		}
		for _, original := range originals[place{string(line.Reverses[:]), -line.Amount}] {
			gap := absolute(int64(e.books.days[original] - e.books.days[k]))
			if !e.books.taken[original] && gap <= int64(max(rule.DaysBefore, rule.DaysAfter)) {
				e.take(rule, nil, []int32{original, int32(k)}, "")
				break
			}
		}
	}
}
