package upload

import (
	"bufio"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"regexp"
)

// What a PDF must not have, by the names (ISO 32000-2) that it takes: scripts,
// programs to launch, actions on opening, other files inside, and encryption,
// which would hide all of these. Every name is long enough not to appear in
// compressed data by chance.
var forbiddenNames = map[string]string{
	"JavaScript":    "a script",
	"Launch":        "a program to launch",
	"OpenAction":    "an action on opening",
	"EmbeddedFile":  "another file inside",
	"EmbeddedFiles": "other files inside",
	"RichMedia":     "rich media",
	"Encrypt":       "encryption",
}

const (
	pdfTokenMax = 64
	// inflatedMax bounds what the compressed objects of a PDF may grow to.
	inflatedMax = 64 << 20
)

// pdfScan looks for forbidden names in a PDF while that is streamed elsewhere.
type pdfScan struct {
	pipe   *io.PipeWriter
	result chan error
}

func startPDFScan() *pdfScan {
	reader, writer := io.Pipe()
	s := &pdfScan{pipe: writer, result: make(chan error, 1)}
	go func() {
		err := scanPDF(reader)
		_ = reader.CloseWithError(io.ErrClosedPipe) // further writes return at once
		s.result <- err
	}()
	return s
}

func (s *pdfScan) write(p []byte) { _, _ = s.pipe.Write(p) } // a scan that has ended reports in finish

func (s *pdfScan) finish() error {
	_ = s.pipe.Close() // never fails
	return <-s.result
}

// abandon ends the scan of a file that is not read to its end.
func (s *pdfScan) abandon() { _ = s.pipe.CloseWithError(errAbandoned) }

var errAbandoned = errors.New("upload was given up")

// scanPDF reads a PDF to its end and returns ErrContent if it has a forbidden
// name, written plainly, with #xx escapes, or inside a compressed object
// stream. It does not follow references, so it errs on the side of refusing;
// compressed content other than objects is not looked into.
func scanPDF(r io.Reader) error {
	s := &pdfScanner{in: bufio.NewReader(r), budget: inflatedMax}
	return s.run()
}

type pdfScanner struct {
	in     *bufio.Reader
	budget int64 // bytes that compressed objects may still inflate to
	nested bool  // inside an object stream
	// What the dictionary of the current object has said so far.
	objects, flate, otherCoding bool
}

func (s *pdfScanner) run() error {
	for {
		c, err := s.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: it cannot be read: %w", ErrContent, err)
		}
		switch {
		case c == '/':
			err = s.name()
		case regular(c):
			err = s.keyword(c)
		}
		if err != nil {
			return err
		}
	}
}

// name reads a name after its slash.
func (s *pdfScanner) name() error {
	name := s.token(nil)
	plain := unescape(name)
	if what, found := forbiddenNames[plain]; found && (plain != "EmbeddedFiles" || !s.emptyTree()) {
		return fmt.Errorf("%w: the PDF has %s", ErrContent, what)
	}
	switch plain {
	case "ObjStm":
		s.objects = true
	case "FlateDecode", "Fl":
		s.flate = true
	case "LZWDecode", "ASCIIHexDecode", "ASCII85Decode", "RunLengthDecode", "Crypt", "DecodeParms":
		s.otherCoding = true
	}
	return nil
}

// noFiles is the list of embedded files that some writers put into every
// document although there are none.
var noFiles = regexp.MustCompile(`^\s*<<\s*/Names\s*\[\s*\]\s*>>`)

const noFilesMax = 64

func (s *pdfScanner) emptyTree() bool {
	next, _ := s.in.Peek(noFilesMax) // fewer bytes at the end of the file
	return noFiles.Match(next)
}

// keyword reads a word, of which it has the first byte.
func (s *pdfScanner) keyword(first byte) error {
	switch string(s.token([]byte{first})) {
	case "obj", "endobj":
		s.objects, s.flate, s.otherCoding = false, false, false
	case "stream":
		if s.objects && !s.nested {
			return s.objectStream()
		}
	}
	return nil
}

// objectStream looks into the objects that a stream holds.
func (s *pdfScanner) objectStream() error {
	if s.otherCoding {
		return fmt.Errorf("%w: the PDF hides its objects in an unusual way", ErrContent)
	}
	if !s.flate {
		return nil // plain text, read like everything else
	}
	c, err := s.in.ReadByte()
	if err == nil && c == '\r' {
		c, err = s.in.ReadByte()
	}
	if err != nil || c != '\n' {
		return fmt.Errorf("%w: the PDF is damaged", ErrContent)
	}
	inflated, err := zlib.NewReader(s.in) // reads no further than the compressed data
	if err != nil {
		return fmt.Errorf("%w: the PDF is damaged", ErrContent)
	}
	limited := &io.LimitedReader{R: inflated, N: s.budget}
	inner := &pdfScanner{in: bufio.NewReader(limited), nested: true}
	if err := inner.run(); err != nil {
		return err
	}
	s.budget = limited.N
	if s.budget <= 0 {
		return fmt.Errorf("%w: the PDF inflates to more than %d bytes", ErrContent, inflatedMax)
	}
	return nil
}

// token reads regular characters on from start; only the first ones are kept.
func (s *pdfScanner) token(start []byte) []byte {
	word := start
	for {
		c, err := s.in.ReadByte()
		if err != nil {
			return word // run meets the same error again
		}
		if !regular(c) {
			_ = s.in.UnreadByte() // directly after a ReadByte it cannot fail
			return word
		}
		if len(word) < pdfTokenMax {
			word = append(word, c)
		}
	}
}

// regular tells a character that is neither white space nor a delimiter.
func regular(c byte) bool {
	switch c {
	case 0, '\t', '\n', '\f', '\r', ' ', '(', ')', '<', '>', '[', ']', '{', '}', '/', '%':
		return false
	}
	return true
}

// unescape replaces the #xx of a name by the bytes that they stand for.
func unescape(name []byte) string {
	plain := make([]byte, 0, len(name))
	for i := 0; i < len(name); i++ {
		if name[i] == '#' && i+2 < len(name) {
			high, low := hexDigit(name[i+1]), hexDigit(name[i+2])
			if high >= 0 && low >= 0 {
				plain = append(plain, byte(high<<4|low))
				i += 2
				continue
			}
		}
		plain = append(plain, name[i])
	}
	return string(plain)
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
