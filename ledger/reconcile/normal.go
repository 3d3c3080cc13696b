package reconcile

import (
	"slices"
	"strings"
	"unicode"
)

// Limits of the search for a reference in a text.
const (
	// containedMin is how short a reference may be to be looked for in a text:
	// shorter ones are found everywhere.
	containedMin = 5
	// containedMax is the longest one, in normalised characters.
	containedMax = 80
	// wordsJoined is how many words a bank may have cut a reference into.
	wordsJoined = 8
	// wordsMax bounds the words of a text that are looked at.
	wordsMax = 200
)

// NormalReference returns the form in which references are compared: their
// letters and digits, in upper case.
func NormalReference(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, text)
}

// words splits a text at what is neither letter nor digit, in upper case.
func words(text string) []string {
	found := strings.FieldsFunc(strings.ToUpper(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	return found[:min(len(found), wordsMax)]
}

// normalised holds the references of a side in the forms that are compared.
type normalised struct {
	exact, normal [][]string
	words         [][]string // of references and text together, made when first asked for
	lines         []Line
}

func newNormalised(lines []Line) normalised {
	n := normalised{
		exact: make([][]string, len(lines)), normal: make([][]string, len(lines)), lines: lines,
	}
	for i, line := range lines {
		for _, reference := range line.References {
			clean := strings.TrimSpace(reference)
			if clean == "" || slices.Contains(n.exact[i], clean) {
				continue
			}
			n.exact[i] = append(n.exact[i], clean)
			if key := NormalReference(clean); key != "" && !slices.Contains(n.normal[i], key) {
				n.normal[i] = append(n.normal[i], key)
			}
		}
	}
	return n
}

// wordsOf returns the words of a line, those of its references first.
func (n *normalised) wordsOf(i int) []string {
	if n.words == nil {
		n.words = make([][]string, len(n.lines))
	}
	if n.words[i] == nil {
		n.words[i] = words(strings.Join(append(slices.Clone(n.lines[i].References), n.lines[i].Text), " | "))
		if n.words[i] == nil {
			n.words[i] = []string{}
		}
	}
	return n.words[i]
}

// contained calls fn with every run of up to wordsJoined words, put together.
func contained(words []string, fn func(key string)) {
	for i := range words {
		key := ""
		for _, word := range words[i:min(i+wordsJoined, len(words))] {
			key += word
			if len(key) > containedMax {
				break
			}
			if len(key) >= containedMin {
				fn(key)
			}
		}
	}
}

// links tells which lines may belong together by their references: both sides'
// lines by the keys that they share. Keys are numbers.
type links struct {
	names       []string
	bank, books [][]int32 // the keys of each line
}

// link finds the keys that lines of both sides have, under a rule's test.
func (e *engine) link(test ReferenceTest) *links {
	l := &links{bank: make([][]int32, len(e.bank.lines)), books: make([][]int32, len(e.books.lines))}
	numbers := map[string]int32{}
	number := func(key string) int32 {
		n, ok := numbers[key]
		if !ok {
			n = int32(len(l.names))
			numbers[key] = n
			l.names = append(l.names, key)
		}
		return n
	}
	for k := range e.books.lines {
		if !e.books.taken[k] {
			for _, key := range e.books.keys.of(k, test) {
				l.books[k] = append(l.books[k], number(key))
			}
		}
	}
	for i := range e.bank.lines {
		if e.bank.taken[i] {
			continue
		}
		add := func(key string) {
			if n, ok := numbers[key]; ok && !slices.Contains(l.bank[i], n) {
				l.bank[i] = append(l.bank[i], n)
			}
		}
		if test == ContainedReference {
			contained(e.bank.keys.wordsOf(i), add)
			continue
		}
		for _, key := range e.bank.keys.of(i, test) {
			add(key)
		}
	}
	return l
}

// of returns the keys of a line under a test; as a line of the books, for the
// test of a reference in a text.
func (n *normalised) of(i int, test ReferenceTest) []string {
	switch test {
	case SameReference:
		return n.exact[i]
	case NormalisedReference:
		return n.normal[i]
	case ContainedReference:
		long := slices.Clone(n.normal[i])
		return slices.DeleteFunc(long, func(key string) bool { return len(key) < containedMin || len(key) > containedMax })
	}
	return []string{""}
}

// invert returns the lines of each key, in their order.
func invert(keys [][]int32, names int) [][]int32 {
	lines := make([][]int32, names)
	for i, list := range keys {
		for _, key := range list {
			lines[key] = append(lines[key], int32(i))
		}
	}
	return lines
}
