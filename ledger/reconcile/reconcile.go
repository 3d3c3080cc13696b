// Package reconcile compares the lines of a bank account with the lines of the
// account that stands for it in the books: declared rules decide which belong
// together, every line is matched at most once, and every line that is left is
// a break with its reason. The same lines and rules give the same result, in
// whatever order the lines come.
//
// It must not know files, databases, HTTP or the clock, and it decides about
// lines of one account in one currency only.
package reconcile

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
)

// LinesMax bounds the lines of either side.
const LinesMax = 500_000

// ErrTooMany means that a side has more than LinesMax lines.
var ErrTooMany = fmt.Errorf("more than %d lines to reconcile", LinesMax)

// Side is one of the two that are compared.
type Side string

// The sides.
const (
	Bank  Side = "BANK"
	Books Side = "BOOKS"
)

// LineID names a line: of the bank by its id, of the books by its entry's id
// and its place there.
type LineID struct {
	ID uuid.UUID `json:"id"`
	No int64     `json:"no"`
}

func compareIDs(a, b LineID) int {
	if c := bytes.Compare(a.ID[:], b.ID[:]); c != 0 {
		return c
	}
	return cmp.Compare(a.No, b.No)
}

// Line is a line of either side.
type Line struct {
	ID LineID
	// Date is the day that date windows and ages count from: of a bank line the
	// booking or value date, of the books the effective date.
	Date civil.Date
	// Amount is in minor units, positive when money came in, and never zero.
	Amount int64
	// References are what may name the payment, such as the end-to-end id; empty
	// ones do not count.
	References []string
	// Text is what is said in words.
	Text string
	// Entry is the journal entry of a line of the books, and Reverses the entry
	// that it mirrors, or uuid.Nil.
	Entry, Reverses uuid.UUID
	// Claimed says that the line is matched already. It is not matched again, and
	// tells which of the others may be its duplicates.
	Claimed bool
}

// Match is lines that belong together.
type Match struct {
	// Rule is the name of the rule that found it.
	Rule  string   `json:"rule"`
	Bank  []LineID `json:"bank"`
	Books []LineID `json:"books"`
	// Difference is the sum of the bank lines less that of the book lines, in
	// minor units: within the tolerance of the rule, and a break if not zero.
	Difference int64 `json:"difference"`
	// Days is the largest distance between a bank line and a book line.
	Days int `json:"days"`
	// Reference is what the lines have in common, as it was compared; "" when
	// the rule looks at none.
	Reference string `json:"reference,omitempty"`
}

// Kind says what a break is.
type Kind string

// The kinds of breaks.
const (
	// MissingInBooks is a bank line that the books do not have.
	MissingInBooks Kind = "MISSING_IN_BOOKS"
	// MissingInBank is a book line that the bank does not have.
	MissingInBank Kind = "MISSING_IN_BANK"
	// AmountDiffers means that a line with the same reference has another amount.
	AmountDiffers Kind = "AMOUNT_DIFFERS"
	// DateDiffers means that a line with the same reference and amount is too far away.
	DateDiffers Kind = "DATE_DIFFERS"
	// Duplicate means that a line like this one, of the same side, is matched.
	Duplicate Kind = "DUPLICATE"
	// Ambiguous means that several lines would do and nothing tells which.
	Ambiguous Kind = "AMBIGUOUS"
)

// Kinds lists every kind of break.
var Kinds = []Kind{MissingInBooks, MissingInBank, AmountDiffers, DateDiffers, Duplicate, Ambiguous}

// Why says which test of a rule a candidate failed.
type Why string

// The reasons.
const (
	WhyReference Why = "REFERENCE"
	WhyAmount    Why = "AMOUNT"
	WhyDate      Why = "DATE"
	WhyTaken     Why = "TAKEN"
	WhyAmbiguous Why = "AMBIGUOUS"
)

// Rejection says why a rule did not match a candidate.
type Rejection struct {
	Rule string `json:"rule"`
	Why  Why    `json:"why"`
}

// Candidate is a line of the other side that comes near, and why it is no match.
type Candidate struct {
	Line LineID `json:"line"`
	// Difference is the bank's amount less that of the books; Days is the bank's
	// date less that of the books.
	Difference int64       `json:"difference"`
	Days       int         `json:"days"`
	Rejections []Rejection `json:"rejections"`
}

// CandidatesMax bounds the candidates that a break names.
const CandidatesMax = 3

// Break is a line that is not matched.
type Break struct {
	Side       Side        `json:"side"`
	Line       LineID      `json:"line"`
	Kind       Kind        `json:"kind"`
	Amount     int64       `json:"amount"`
	Date       civil.Date  `json:"date"`
	Candidates []Candidate `json:"candidates,omitempty"`
	// DuplicateOf is the matched line that this one is like.
	DuplicateOf *LineID `json:"duplicate_of,omitempty"`
}

// Result is what came of comparing.
type Result struct {
	Matches []Match `json:"matches"`
	Breaks  []Break `json:"breaks"`
	// LimitReached says that a search was cut short by its limit, so that a match
	// may have been missed.
	LimitReached bool `json:"limit_reached,omitempty"`
}

// Digest is SHA-256 over the result: two results are the same if it is.
func (r Result) Digest() ([sha256.Size]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return [sha256.Size]byte{}, fmt.Errorf("hashing the result: %w", err)
	}
	return sha256.Sum256(data), nil
}

// half is one side at work: its lines in their canonical order.
type half struct {
	lines []Line
	days  []int32 // date of each line, as a number
	taken []bool
	keys  normalised
}

// newHalf sorts lines by date, amount and id, an order that does not depend on
// how they came.
func newHalf(lines []Line) *half {
	sorted := slices.Clone(lines)
	slices.SortFunc(sorted, func(a, b Line) int {
		return cmp.Or(a.Date.Compare(b.Date), cmp.Compare(a.Amount, b.Amount), compareIDs(a.ID, b.ID))
	})
	h := &half{lines: sorted, days: make([]int32, len(sorted)), taken: make([]bool, len(sorted))}
	for i, line := range sorted {
		h.days[i] = dayNumber(line.Date)
		h.taken[i] = line.Claimed
	}
	h.keys = newNormalised(sorted)
	return h
}

func dayNumber(d civil.Date) int32 {
	return int32(d.DaysSince(civil.Date{Year: 1970, Month: time.January, Day: 1}))
}

// engine is one reconciliation at work.
type engine struct {
	bank, books *half
	rules       RuleSet
	matches     []Match
	ambiguous   map[LineID]bool
	steps       int    // of the search for groups, in all: sums tried,
	scans       int    // and lines looked at
	probes      budget // of the search for amounts
	cut         bool
}

// Run compares the lines. Rules are tried in their order, again and again until
// none finds anything, so that running on what is left finds nothing more. The
// errors are ErrTooMany and those of RuleSet.Validate.
func Run(bank, books []Line, rules RuleSet) (Result, error) {
	if err := rules.Validate(); err != nil {
		return Result{}, err
	}
	if len(bank) > LinesMax || len(books) > LinesMax {
		return Result{}, ErrTooMany
	}
	e := &engine{
		bank: newHalf(bank), books: newHalf(books), rules: rules, ambiguous: map[LineID]bool{},
		probes: budget{left: allProbesMax},
	}
	if err := errors.Join(distinct(e.bank.lines), distinct(e.books.lines)); err != nil {
		return Result{}, err
	}
	for range passesMax {
		before := len(e.matches)
		clear(e.ambiguous)
		for _, rule := range rules.Rules {
			e.apply(rule)
		}
		if len(e.matches) == before {
			break
		}
	}
	slices.SortFunc(e.matches, func(a, b Match) int { return compareMatches(&a, &b) })
	return Result{Matches: e.matches, Breaks: e.breaks(), LimitReached: e.cut}, nil
}

// passesMax bounds how often the rules are tried.
const passesMax = 20

var errTwice = errors.New("a line is given twice")

func distinct(lines []Line) error {
	seen := make(map[LineID]bool, len(lines))
	for _, line := range lines {
		if seen[line.ID] {
			return fmt.Errorf("%w: %s", errTwice, line.ID.ID)
		}
		seen[line.ID] = true
	}
	return nil
}

func compareMatches(a, b *Match) int {
	return cmp.Or(slices.CompareFunc(a.Bank, b.Bank, compareIDs), slices.CompareFunc(a.Books, b.Books, compareIDs))
}

func (e *engine) apply(rule Rule) {
	switch rule.Shape {
	case OneToOne:
		if rule.Unique {
			e.matchUnique(rule)
		} else {
			e.matchNearest(rule)
		}
	case OneToMany, ManyToOne:
		e.matchGroups(rule)
	case Reversal:
		e.matchReversals(rule)
	}
}

// take records a match of the lines with these indices.
func (e *engine) take(rule Rule, bank, books []int32, reference string) {
	m := Match{Rule: rule.Name, Reference: reference, Bank: []LineID{}, Books: []LineID{}}
	for _, i := range bank {
		e.bank.taken[i] = true
		m.Bank = append(m.Bank, e.bank.lines[i].ID)
		m.Difference += e.bank.lines[i].Amount
		for _, k := range books {
			m.Days = max(m.Days, int(absolute(int64(e.bank.days[i]-e.books.days[k]))))
		}
	}
	for _, k := range books {
		e.books.taken[k] = true
		m.Books = append(m.Books, e.books.lines[k].ID)
		m.Difference -= e.books.lines[k].Amount
	}
	slices.SortFunc(m.Bank, compareIDs)
	slices.SortFunc(m.Books, compareIDs)
	e.matches = append(e.matches, m)
}

func absolute(v int64) int64 {
	if v < 0 {
		return -v
	}
	return v
}
