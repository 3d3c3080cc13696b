package upload

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"path"
	"slices"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

// Errors of a file, for errors.Is.
var (
	// ErrType means that the content is of no accepted type, or of another
	// type than the name or the declaration of the file says.
	ErrType = errors.New("file type not accepted")
	// ErrContent means that the content is empty, damaged, or could act by
	// itself when opened.
	ErrContent = errors.New("file content not accepted")
)

const (
	headBytes = 4 << 10 // what the type is told by
	// tailBytes covers the end of central directory of a ZIP archive with the
	// longest comment: where an archive hides behind another type.
	tailBytes     = 22 + 1<<16
	pdfTrailerMax = 1 << 10
)

// PDF, JPEG and PNG are the accepted types.
const (
	PDF  = "application/pdf"
	JPEG = "image/jpeg"
	PNG  = "image/png"
)

// extensions lists the file name extensions of each accepted type; the first
// is the one that a download gets.
var extensions = map[string][]string{
	PDF: {".pdf"}, JPEG: {".jpg", ".jpeg"}, PNG: {".png"},
}

// Extension returns the file name extension of an accepted type, with its dot.
func Extension(contentType string) string {
	if known := extensions[contentType]; known != nil {
		return known[0]
	}
	return ""
}

// File is the content of an uploaded file, examined while it is read: Read
// gives an error instead of the end if the file must not be kept.
type File struct {
	source   *bufio.Reader
	name     string
	declared string
	accepted []string

	contentType string
	tail        []byte
	scan        *pdfScan
	checked     error
}

// Accept limits the types to those given; without it all are accepted.
func (f *File) Accept(types ...string) { f.accepted = types }

// Type returns the type of the content once it has been read.
func (f *File) Type() string { return f.contentType }

// Read implements io.Reader.
func (f *File) Read(p []byte) (int, error) {
	if f.checked != nil {
		return 0, f.checked
	}
	if f.contentType == "" {
		if err := f.recognise(); err != nil {
			f.checked = err
			return 0, err
		}
	}
	n, err := f.source.Read(p)
	f.observe(p[:n])
	switch {
	case errors.Is(err, io.EOF):
		f.checked = f.finish()
	case err != nil:
		f.checked = readError(err)
	}
	return n, f.checked
}

// recognise tells the type by the first bytes and compares it with what the
// sender says it is.
func (f *File) recognise() error {
	head, err := f.source.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return readError(err)
	}
	if len(head) == 0 {
		return fmt.Errorf("%w: the file is empty", ErrContent)
	}
	found, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	known, ok := extensions[found]
	if ok && f.accepted != nil {
		ok = slices.Contains(f.accepted, found)
	}
	if !ok || found == PDF && !bytes.HasPrefix(head, []byte("%PDF-")) {
		return fmt.Errorf("%w: the content is %s", ErrType, found)
	}
	if extension := strings.ToLower(path.Ext(f.name)); !slices.Contains(known, extension) {
		return fmt.Errorf("%w: the content is %s, its name must end in %s", ErrType, found, strings.Join(known, " or "))
	}
	if f.declared != "" {
		declared, _, err := mime.ParseMediaType(f.declared)
		if err != nil || declared != found && declared != "application/octet-stream" {
			return fmt.Errorf("%w: the content is %s, but declared as another type", ErrType, found)
		}
	}
	f.contentType = found
	if found == PDF {
		f.scan = startPDFScan()
	}
	return nil
}

// observe keeps the last bytes and hands all of them to the scan.
func (f *File) observe(p []byte) {
	if f.scan != nil {
		f.scan.write(p)
	}
	f.tail = append(f.tail, p...)
	if surplus := len(f.tail) - tailBytes; surplus > 0 {
		f.tail = append(f.tail[:0], f.tail[surplus:]...)
	}
}

// finish judges the file as a whole; io.EOF means that it is accepted.
func (f *File) finish() error {
	if hasArchive(f.tail) {
		return fmt.Errorf("%w: an archive is hidden in it", ErrContent)
	}
	if f.scan == nil {
		return io.EOF
	}
	if !bytes.Contains(f.tail[max(0, len(f.tail)-pdfTrailerMax):], []byte("%%EOF")) {
		return fmt.Errorf("%w: the PDF is not complete", ErrContent)
	}
	if err := f.scan.finish(); err != nil {
		return err
	}
	return io.EOF
}

func (f *File) close() {
	if f.scan != nil {
		f.scan.abandon()
	}
}

// hasArchive finds the end of central directory of a single-disk ZIP archive
// (also of Java archives and office documents), which may have a comment after it.
func hasArchive(tail []byte) bool {
	return bytes.Contains(tail, []byte("PK\x05\x06\x00\x00\x00\x00"))
}
