package reconcile

import (
	"cmp"
	"slices"
)

// relatedMax bounds the lines with a common reference that are looked at to
// explain a break.
const relatedMax = 50

// explainer says why lines were not matched.
type explainer struct {
	e *engine
	// bankByKey and booksByKey are all lines by their normalised references,
	// matched ones too.
	bankByKey, booksByKey map[string][]int32
	// textual are the bank lines in whose text a reference of a book line is.
	textual map[int32][]int32
	// free lines by amount.
	freeBank, freeBooks *bucket
	// matched lines by what makes others their duplicates.
	matchedBank, matchedBooks map[likeness]LineID
	rules                     []Rule
}

// likeness is what duplicates have in common.
type likeness struct {
	amount    int64
	day       int32 // zero when there is a reference
	reference string
}

func (e *engine) breaks() []Break {
	x := &explainer{e: e, bankByKey: byKey(e.bank), booksByKey: byKey(e.books), textual: map[int32][]int32{}}
	x.freeBank, x.freeBooks = newBucket(e.bank, free(e.bank)), newBucket(e.books, free(e.books))
	x.matchedBank, x.matchedBooks = matched(e.bank), matched(e.books)
	for _, rule := range e.rules.Rules {
		if rule.Shape == OneToOne {
			x.rules = append(x.rules, rule)
		}
	}
	breaks := []Break{}
	for i := range e.bank.lines {
		if !e.bank.taken[i] {
			breaks = append(breaks, x.explain(Bank, int32(i)))
		}
	}
	for k := range e.books.lines {
		if !e.books.taken[k] {
			breaks = append(breaks, x.explain(Books, int32(k)))
		}
	}
	return breaks
}

func byKey(h *half) map[string][]int32 {
	lines := make(map[string][]int32)
	for i := range h.lines {
		for _, key := range h.keys.normal[i] {
			if len(lines[key]) < relatedMax {
				lines[key] = append(lines[key], int32(i))
			}
		}
	}
	return lines
}

func free(h *half) []int32 {
	var lines []int32
	for i := range h.lines {
		if !h.taken[i] {
			lines = append(lines, int32(i))
		}
	}
	return lines
}

func matched(h *half) map[likeness]LineID {
	found := make(map[likeness]LineID)
	for i := range h.lines {
		if !h.taken[i] {
			continue
		}
		like := h.likeness(i)
		if _, known := found[like]; !known {
			found[like] = h.lines[i].ID
		}
	}
	return found
}

func (h *half) likeness(i int) likeness {
	if keys := h.keys.normal[i]; len(keys) > 0 {
		return likeness{amount: h.lines[i].Amount, reference: keys[0]}
	}
	return likeness{amount: h.lines[i].Amount, day: h.days[i], reference: h.lines[i].Text}
}

// explain makes the break of a line.
func (x *explainer) explain(side Side, at int32) Break {
	own, other, matchedLines, missing := x.e.bank, x.e.books, x.matchedBank, MissingInBooks
	if side == Books {
		own, other, matchedLines, missing = x.e.books, x.e.bank, x.matchedBooks, MissingInBank
	}
	line := own.lines[at]
	b := Break{Side: side, Line: line.ID, Kind: missing, Amount: line.Amount, Date: line.Date}
	related := x.related(side, at)
	for _, near := range related {
		if other.taken[near] || !sameSign(other.lines[near].Amount, line.Amount) {
			continue
		}
		if other.lines[near].Amount == line.Amount {
			b.Kind = DateDiffers
			break
		}
		b.Kind = AmountDiffers
	}
	if x.e.ambiguous[line.ID] {
		b.Kind = Ambiguous
	}
	if original, ok := matchedLines[own.likeness(int(at))]; ok {
		b.Kind, b.DuplicateOf = Duplicate, &original
	}
	b.Candidates = x.candidates(side, at, related)
	return b
}

// related returns the lines of the other side that share a reference.
func (x *explainer) related(side Side, at int32) []int32 {
	var found []int32
	add := func(lines []int32) {
		for _, line := range lines {
			if len(found) < relatedMax && !slices.Contains(found, line) {
				found = append(found, line)
			}
		}
	}
	if side == Books {
		for _, key := range x.e.books.keys.normal[at] {
			add(x.bankByKey[key])
		}
		add(x.textual[at])
		return found
	}
	for _, key := range x.e.bank.keys.normal[at] {
		add(x.booksByKey[key])
	}
	contained(x.e.bank.keys.wordsOf(int(at)), func(key string) { add(x.booksByKey[key]) })
	for _, book := range found {
		x.textual[book] = append(x.textual[book], at)
	}
	return found
}

// candidates returns the lines that come nearest: those that share a reference,
// then those with the same amount.
func (x *explainer) candidates(side Side, at int32, related []int32) []Candidate {
	own, other, bucket := x.e.bank, x.e.books, x.freeBooks
	if side == Books {
		own, other, bucket = x.e.books, x.e.bank, x.freeBank
	}
	line, day := own.lines[at], own.days[at]
	near := slices.Clone(related)
	slices.SortFunc(near, func(a, b int32) int {
		return cmp.Or(
			compareBools(other.taken[a], other.taken[b]),
			cmp.Compare(absolute(other.lines[a].Amount-line.Amount), absolute(other.lines[b].Amount-line.Amount)),
			cmp.Compare(absolute(int64(other.days[a]-day)), absolute(int64(other.days[b]-day))),
			cmp.Compare(a, b))
	})
	near = near[:min(len(near), CandidatesMax)]
	if len(near) < CandidatesMax {
		first, end := bucket.from(line.Amount), bucket.from(line.Amount+1)
		equal := bucket.nearestDay(first, end, day, func(int32) bool { return true })
		if equal >= 0 && !slices.Contains(near, equal) {
			near = append(near, equal)
		}
	}
	var list []Candidate
	for _, candidate := range near {
		bank, book := at, candidate
		if side == Books {
			bank, book = candidate, at
		}
		list = append(list, Candidate{
			Line: other.lines[candidate].ID, Rejections: x.reject(bank, book, other.taken[candidate]),
			Difference: x.e.bank.lines[bank].Amount - x.e.books.lines[book].Amount,
			Days:       int(x.e.bank.days[bank] - x.e.books.days[book]),
		})
	}
	return list
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// reject says for every rule for pairs why it did not match these two lines.
func (x *explainer) reject(bank, book int32, taken bool) []Rejection {
	rejections := []Rejection{}
	a, b := x.e.bank.lines[bank].Amount, x.e.books.lines[book].Amount
	for _, rule := range x.rules {
		why := WhyAmbiguous
		switch {
		case taken:
			why = WhyTaken
		case !x.share(rule.Reference, int(bank), int(book)):
			why = WhyReference
		case !sameSign(a, b) || absolute(a-b) > rule.tolerance(a):
			why = WhyAmount
		case !rule.inWindow(x.e.bank.days[bank], x.e.books.days[book]):
			why = WhyDate
		}
		rejections = append(rejections, Rejection{Rule: rule.Name, Why: why})
	}
	return rejections
}

// share tells whether a bank line and a book line share a reference under a test.
func (x *explainer) share(test ReferenceTest, bank, book int) bool {
	want := x.e.books.keys.of(book, test)
	if test != ContainedReference {
		return slices.ContainsFunc(x.e.bank.keys.of(bank, test), func(key string) bool { return slices.Contains(want, key) })
	}
	found := false
	contained(x.e.bank.keys.wordsOf(bank), func(key string) { found = found || slices.Contains(want, key) })
	return found
}
