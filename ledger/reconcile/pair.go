package reconcile

import (
	"cmp"
	"container/heap"
	"slices"
)

// pair is a bank line with a book line that would do.
type pair struct {
	difference int64 // between the amounts, without a sign
	gap        int32 // between the dates, without a sign
	bank, book int32
	key        int32
}

// compare orders pairs from the best to the worst: nearest amount, nearest
// date, then the canonical order of the lines.
func (p pair) compare(q pair) int {
	return cmp.Or(cmp.Compare(p.difference, q.difference), cmp.Compare(p.gap, q.gap), cmp.Compare(p.bank, q.bank),
		cmp.Compare(p.book, q.book), cmp.Compare(p.key, q.key))
}

// queue is a heap of pairs, the best on top.
type queue []pair

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].compare(q[j]) < 0 }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *queue) Push(x any) { *q = append(*q, x.(pair)) } //nolint:errcheck,forcetypeassert // only pairs

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// pairing is the search for pairs under one rule.
type pairing struct {
	e      *engine
	rule   Rule
	links  *links
	bank   []*bucket // by key, made when first needed
	books  []*bucket
	inBank [][]int32 // lines of each key
	inBook [][]int32
}

func (e *engine) pairing(rule Rule) *pairing {
	l := e.link(rule.Reference)
	return &pairing{
		e: e, rule: rule, links: l, bank: make([]*bucket, len(l.names)), books: make([]*bucket, len(l.names)),
		inBank: invert(l.bank, len(l.names)), inBook: invert(l.books, len(l.names)),
	}
}

func (p *pairing) booksOf(key int32) *bucket {
	if p.books[key] == nil {
		p.books[key] = newBucket(p.e.books, p.inBook[key])
	}
	return p.books[key]
}

func (p *pairing) bankOf(key int32) *bucket {
	if p.bank[key] == nil {
		p.bank[key] = newBucket(p.e.bank, p.inBank[key])
	}
	return p.bank[key]
}

// best returns the best free book line for a bank line.
func (p *pairing) best(bank int32) (pair, bool) {
	line, day := p.e.bank.lines[bank], p.e.bank.days[bank]
	var best pair
	found := false
	for _, key := range p.links.bank[bank] {
		window := func(bookDay int32) bool { return p.rule.inWindow(day, bookDay) }
		complete := p.booksOf(key).search(&p.e.probes, line.Amount, p.rule.tolerance(line.Amount), day, window,
			func(book int32, difference int64) bool {
				candidate := pair{difference: difference, gap: day - p.e.books.days[book], bank: bank, book: book, key: key}
				if candidate.gap < 0 {
					candidate.gap = -candidate.gap
				}
				if !sameSign(line.Amount, p.e.books.lines[book].Amount) {
					return true
				}
				if found && difference > best.difference {
					return false
				}
				if !found || candidate.compare(best) < 0 {
					best, found = candidate, true
				}
				return true // the amount on the other side may be as near
			})
		p.e.cut = p.e.cut || !complete
	}
	return best, found
}

func sameSign(a, b int64) bool { return (a < 0) == (b < 0) }

// matchNearest takes the best pair of all, then the best of what is left, and
// so on. A bank line's best pair only gets worse as others are taken, so that
// it is looked up again only when it comes to the top.
func (e *engine) matchNearest(rule Rule) {
	p := e.pairing(rule)
	var q queue
	for i := range e.bank.lines {
		if e.bank.taken[i] {
			continue
		}
		if best, ok := p.best(int32(i)); ok {
			q = append(q, best)
		}
	}
	heap.Init(&q)
	for len(q) > 0 {
		top := q[0]
		now, ok := top, true
		if e.books.taken[top.book] {
			now, ok = p.best(top.bank)
		}
		switch {
		case !ok:
			heap.Pop(&q)
		case now != top:
			q[0] = now
			heap.Fix(&q, 0)
		default:
			heap.Pop(&q)
			e.take(rule, []int32{top.bank}, []int32{top.book}, p.links.names[top.key])
		}
	}
}

// matchUnique matches a bank line and a book line that are each other's only
// possibility. What has several is noted as ambiguous.
func (e *engine) matchUnique(rule Rule) {
	p := e.pairing(rule)
	var only []pair
	for i := range e.bank.lines {
		if e.bank.taken[i] {
			continue
		}
		bank := int32(i)
		books, key := p.fitting(bank, true)
		if len(books) == 0 {
			continue
		}
		back, _ := p.fitting(books[0], false)
		if len(books) == 1 && len(back) == 1 {
			only = append(only, pair{bank: bank, book: books[0], key: key})
			continue
		}
		e.ambiguous[e.bank.lines[bank].ID] = true
		for _, book := range books {
			e.ambiguous[e.books.lines[book].ID] = true
		}
	}
	for _, found := range only {
		e.take(rule, []int32{found.bank}, []int32{found.book}, p.links.names[found.key])
	}
}

// fitting returns up to two free lines of the other side that would do for a
// line, and the key that it shares with the last of them.
func (p *pairing) fitting(line int32, ofBank bool) ([]int32, int32) {
	own, links, buckets := p.e.bank, p.links.bank, p.booksOf
	before, after := p.rule.DaysAfter, p.rule.DaysBefore // of the books, seen from the bank
	if !ofBank {
		own, links, buckets = p.e.books, p.links.books, p.bankOf
		before, after = p.rule.DaysBefore, p.rule.DaysAfter
	}
	amount, day := own.lines[line].Amount, own.days[line]
	reach := p.rule.tolerance(amount)
	if !ofBank && p.rule.ToleranceBasisPoints > 0 {
		reach += reach/4 + 1 // the bank's amount, which decides, may be the larger one
	}
	var fits []int32
	var shared int32
	for _, key := range links[line] {
		complete := buckets(key).within(&p.e.probes, amount, reach, int(day)-before, int(day)+after, func(other int32) bool {
			bank, book := line, other
			if !ofBank {
				bank, book = other, line
			}
			if p.fits(bank, book) && !slices.Contains(fits, other) {
				fits, shared = append(fits, other), key
			}
			return len(fits) < 2
		})
		p.e.cut = p.e.cut || !complete
		if len(fits) > 1 {
			break
		}
	}
	return fits, shared
}

// fits tells whether two lines agree in amount and date.
func (p *pairing) fits(bank, book int32) bool {
	a, b := p.e.bank.lines[bank].Amount, p.e.books.lines[book].Amount
	return sameSign(a, b) && absolute(a-b) <= p.rule.tolerance(a) &&
		p.rule.inWindow(p.e.bank.days[bank], p.e.books.days[book])
}
