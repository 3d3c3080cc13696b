package reconcile_test

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/ledger/reconcile"
)

// naive reconciles as the documentation says, by looking at every pair and
// every subset: slow, short, and written apart from the engine.
type naive struct {
	bank, books []reconcile.Line
	used        map[reconcile.LineID]bool
	matches     []reconcile.Match
}

func naiveRun(bank, books []reconcile.Line, rules reconcile.RuleSet) []reconcile.Match {
	n := &naive{bank: canonical(bank), books: canonical(books), used: map[reconcile.LineID]bool{}}
	for _, line := range slices.Concat(bank, books) {
		n.used[line.ID] = line.Claimed
	}
	for before := -1; before != len(n.matches); {
		before = len(n.matches)
		for _, rule := range rules.Rules {
			switch {
			case rule.Shape == reconcile.Reversal:
				n.reversals(rule)
			case rule.Shape != reconcile.OneToOne:
				n.groups(rule)
			case rule.Unique:
				n.unique(rule)
			default:
				n.nearest(rule)
			}
		}
	}
	slices.SortFunc(n.matches, func(a, b reconcile.Match) int {
		return cmp.Or(slices.CompareFunc(a.Bank, b.Bank, compareIDs), slices.CompareFunc(a.Books, b.Books, compareIDs))
	})
	return n.matches
}

func canonical(lines []reconcile.Line) []reconcile.Line {
	sorted := slices.Clone(lines)
	slices.SortFunc(sorted, func(a, b reconcile.Line) int {
		return cmp.Or(a.Date.Compare(b.Date), cmp.Compare(a.Amount, b.Amount), compareIDs(a.ID, b.ID))
	})
	return sorted
}

func compareIDs(a, b reconcile.LineID) int {
	return cmp.Or(bytes.Compare(a.ID[:], b.ID[:]), cmp.Compare(a.No, b.No))
}

func abs(v int64) int64 { return max(v, -v) }

func tolerance(r reconcile.Rule, bank int64) int64 {
	return max(r.Tolerance, abs(bank)*r.ToleranceBasisPoints/10_000)
}

func days(a, b reconcile.Line) int { return a.Date.DaysSince(b.Date) }

func (n *naive) fits(r reconcile.Rule, a, b reconcile.Line) bool {
	return !n.used[a.ID] && !n.used[b.ID] && len(shared(r, a, b)) > 0 && (a.Amount < 0) == (b.Amount < 0) &&
		abs(a.Amount-b.Amount) <= tolerance(r, a.Amount) && inWindow(r, a, b)
}

func inWindow(r reconcile.Rule, bank, book reconcile.Line) bool {
	return days(bank, book) >= -r.DaysBefore && days(bank, book) <= r.DaysAfter
}

func letters(text string) string {
	return strings.ToUpper(strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), ""))
}

// shared returns the keys that two lines have in common, in the bank's order.
func shared(r reconcile.Rule, bank, book reconcile.Line) []string {
	if r.Reference == reconcile.AnyReference {
		return []string{""}
	}
	var own, other []string
	for _, reference := range bank.References {
		own = append(own, strings.TrimSpace(reference))
	}
	for _, reference := range book.References {
		other = append(other, strings.TrimSpace(reference))
	}
	if r.Reference != reconcile.SameReference {
		for i := range other {
			other[i] = letters(other[i])
		}
		for i := range own {
			own[i] = letters(own[i])
		}
	}
	if r.Reference == reconcile.ContainedReference {
		own = nil
		all := strings.FieldsFunc(strings.Join(append(slices.Clone(bank.References), bank.Text), " | "), func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r)
		})
		for i := range all {
			for j := i + 1; j <= min(len(all), i+8); j++ {
				if run := letters(strings.Join(all[i:j], "")); len(run) >= 5 {
					own = append(own, run)
				}
			}
		}
	}
	var keys []string
	for _, key := range own {
		if key != "" && slices.Contains(other, key) && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

func (n *naive) take(r reconcile.Rule, bank, books []reconcile.Line) {
	m := reconcile.Match{Rule: r.Name, Bank: []reconcile.LineID{}, Books: []reconcile.LineID{}}
	for _, a := range bank {
		m.Bank, m.Difference, n.used[a.ID] = append(m.Bank, a.ID), m.Difference+a.Amount, true
		for _, b := range books {
			m.Days = max(m.Days, days(a, b), -days(a, b))
		}
	}
	for _, b := range books {
		m.Books, m.Difference, n.used[b.ID] = append(m.Books, b.ID), m.Difference-b.Amount, true
	}
	slices.SortFunc(m.Bank, compareIDs)
	slices.SortFunc(m.Books, compareIDs)
	n.matches = append(n.matches, m)
}

func (n *naive) nearest(r reconcile.Rule) {
	for {
		var a, b reconcile.Line
		best := []int64{1 << 62}
		for i := range n.bank {
			for k := range n.books {
				if !n.fits(r, n.bank[i], n.books[k]) {
					continue
				}
				score := []int64{
					abs(n.bank[i].Amount - n.books[k].Amount), abs(int64(days(n.bank[i], n.books[k]))), int64(i), int64(k),
				}
				if slices.Compare(score, best) < 0 {
					best, a, b = score, n.bank[i], n.books[k]
				}
			}
		}
		if len(best) == 1 {
			return
		}
		n.take(r, []reconcile.Line{a}, []reconcile.Line{b})
	}
}

func (n *naive) unique(r reconcile.Rule) {
	ofBank, ofBooks := map[int][]int{}, map[int][]int{}
	for i := range n.bank {
		for k := range n.books {
			if n.fits(r, n.bank[i], n.books[k]) {
				ofBank[i], ofBooks[k] = append(ofBank[i], k), append(ofBooks[k], i)
			}
		}
	}
	for i := range n.bank {
		if books := ofBank[i]; len(books) == 1 && len(ofBooks[books[0]]) == 1 {
			n.take(r, n.bank[i:i+1], n.books[books[0]:books[0]+1])
		}
	}
}

func (n *naive) reversals(r reconcile.Rule) {
	for _, mirror := range n.books {
		for _, original := range n.books {
			if mirror.Reverses != uuid.Nil && original.Entry == mirror.Reverses && original.Amount == -mirror.Amount &&
				!n.used[mirror.ID] && !n.used[original.ID] &&
				abs(int64(days(mirror, original))) <= int64(max(r.DaysBefore, r.DaysAfter)) {
				n.take(r, nil, []reconcile.Line{original, mirror})
			}
		}
	}
}

// groups looks at every subset, one line of a side at a time.
func (n *naive) groups(r reconcile.Rule) {
	ones, many := n.bank, n.books
	if r.Shape == reconcile.ManyToOne {
		ones, many = n.books, n.bank
	}
	for _, one := range ones {
		if !n.used[one.ID] {
			n.group(r, one, many)
		}
	}
}

func (n *naive) group(r reconcile.Rule, one reconcile.Line, many []reconcile.Line) {
	sides := func(other reconcile.Line) (bank, book reconcile.Line) {
		if r.Shape == reconcile.ManyToOne {
			return other, one
		}
		return one, other
	}
	byKey := map[string][]reconcile.Line{}
	var keys []string
	var all []reconcile.Line
	for _, other := range many {
		bank, book := sides(other)
		if n.used[other.ID] || !inWindow(r, bank, book) || (other.Amount < 0) != (one.Amount < 0) ||
			abs(other.Amount) > abs(one.Amount)+tolerance(r, one.Amount) {
			continue
		}
		common := shared(r, bank, book)
		for _, key := range common {
			byKey[key] = append(byKey[key], other)
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
		if len(common) > 0 {
			all = append(all, other)
		}
	}
	order := keysInOrder(r, one, keys)
	for _, key := range order {
		if group := byKey[key]; r.Reference != reconcile.AnyReference && len(group) > 1 && n.sums(r, one, group) >= 0 {
			n.takeGroup(r, one, group)
			return
		}
	}
	slices.SortStableFunc(all, func(a, b reconcile.Line) int {
		return cmp.Compare(abs(int64(days(a, one))), abs(int64(days(b, one))))
	})
	for size := 2; size <= r.GroupMax; size++ {
		var best []reconcile.Line
		found := 0
		for mask := range 1 << len(all) {
			var group []reconcile.Line
			for i := range all { // the first line is the highest bit, so that masks come in order
				if mask>>(len(all)-1-i)&1 == 1 {
					group = append(group, all[i])
				}
			}
			if len(group) != size || n.sums(r, one, group) < 0 {
				continue
			}
			found++
			// Higher masks hold earlier lines: among equals the last one seen is first in order.
			if best == nil || n.sums(r, one, group) <= n.sums(r, one, best) {
				best = group
			}
		}
		if best != nil {
			if !r.Unique || found == 1 {
				n.takeGroup(r, one, best)
			}
			return
		}
	}
}

// keysInOrder returns keys in the order in which the line has them.
func keysInOrder(r reconcile.Rule, one reconcile.Line, keys []string) []string {
	asBook := one
	var order []string
	if r.Shape == reconcile.ManyToOne {
		for _, reference := range one.References {
			key := letters(reference)
			if r.Reference == reconcile.SameReference {
				key = strings.TrimSpace(reference)
			}
			if slices.Contains(keys, key) && !slices.Contains(order, key) {
				order = append(order, key)
			}
		}
		return order
	}
	asBook.References = keys
	if r.Reference == reconcile.AnyReference {
		return keys
	}
	return shared(r, one, asBook)
}

// sums returns by how much a group differs from the one line, -1 if too much.
func (n *naive) sums(r reconcile.Rule, one reconcile.Line, group []reconcile.Line) int64 {
	var sum int64
	for _, line := range group {
		sum += line.Amount
	}
	bank := one.Amount
	if r.Shape == reconcile.ManyToOne {
		bank = sum
	}
	if difference := abs(one.Amount - sum); difference <= tolerance(r, bank) {
		return difference
	}
	return -1
}

func (n *naive) takeGroup(r reconcile.Rule, one reconcile.Line, group []reconcile.Line) {
	if r.Shape == reconcile.ManyToOne {
		n.take(r, group, []reconcile.Line{one})
		return
	}
	n.take(r, []reconcile.Line{one}, group)
}
