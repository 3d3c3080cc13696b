package bankfile

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// guard reads a source within limits: of the whole file, and of how far a
// parser may read ahead of what it has handed on. Parsers buffer a record as a
// whole, so that a file without line ends would otherwise be held in memory.
type guard struct {
	source io.Reader
	room   int64 // what the file may still have
	read   int64
	ahead  int64 // read must not pass it; zero is no limit
	where  func() *Fault
	failed error
}

// Read implements io.Reader.
func (g *guard) Read(p []byte) (int, error) {
	if g.failed != nil {
		return 0, g.failed
	}
	if g.ahead > 0 && g.read >= g.ahead {
		g.failed = g.where()
		return 0, g.failed
	}
	if g.ahead > 0 {
		p = p[:min(int64(len(p)), g.ahead-g.read)]
	}
	n, err := g.source.Read(p)
	g.read += int64(n)
	g.room -= int64(n)
	if g.room < 0 {
		g.failed = fmt.Errorf("%w: more than %d bytes", ErrTooLarge, BytesMax)
		return 0, g.failed
	}
	if err != nil && !errors.Is(err, io.EOF) {
		g.failed = fmt.Errorf("reading the file: %w", err)
		return n, g.failed
	}
	return n, err
}

// allow lets a parser read one more record beyond the offset that it has reached.
func (g *guard) allow(offset, record int64, where func() *Fault) {
	g.ahead, g.where = offset+record+bufferBytes, where
}

// bufferBytes is what the readers of the standard library read ahead at most.
const bufferBytes = 4 << 10

// charset returns a reader of UTF-8 for text in the named character set.
func charset(name string, in io.Reader) (io.Reader, bool) {
	switch strings.ToUpper(name) {
	case "", "UTF-8", "UTF8", "US-ASCII", "ASCII":
		return in, true
	case "ISO-8859-1", "LATIN1":
		return charmap.ISO8859_1.NewDecoder().Reader(in), true
	case "ISO-8859-15":
		return charmap.ISO8859_15.NewDecoder().Reader(in), true
	case "WINDOWS-1252", "CP1252":
		return charmap.Windows1252.NewDecoder().Reader(in), true
	}
	return nil, false
}

const (
	markUTF8    = "\xef\xbb\xbf"
	markUTF16LE = "\xff\xfe"
	markUTF16BE = "\xfe\xff"
)

// utf16Mark tells whether the first bytes say that the file is UTF-16.
func utf16Mark(head string) bool {
	return strings.HasPrefix(head, markUTF16LE) || strings.HasPrefix(head, markUTF16BE)
}

// tidy makes one line of a text of the bank: white space and control characters
// become single spaces, and what exceeds the limit is left out.
func tidy(text string) string {
	clean := strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	if len(clean) <= TextBytesMax {
		return clean
	}
	cut := TextBytesMax
	for cut > 0 && !utf8.RuneStart(clean[cut]) {
		cut--
	}
	return clean[:cut]
}

// noReference are the words with which banks say that there is none.
var noReference = []string{"NONREF", "NOTPROVIDED", "NOT PROVIDED"}

// reference checks a reference; those that say that there is none become "".
func reference(place, field, text string) (string, error) {
	clean := tidy(text)
	if len(clean) > ReferenceBytesMax {
		return "", fault(place, field, "must have at most %d bytes", ReferenceBytesMax)
	}
	for _, none := range noReference {
		if strings.EqualFold(clean, none) {
			return "", nil
		}
	}
	return clean, nil
}
