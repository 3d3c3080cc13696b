package upload

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"

	"github.com/tenor-lending/tenor/internal/blob"
)

// Limits of a form.
const (
	// FileBytesMax is the largest file, in bytes: 10 MiB.
	FileBytesMax = 10 << 20
	// FormBytesMax bounds the body of a request: a file and what is around it.
	FormBytesMax  = FileBytesMax + 64<<10
	fieldBytesMax = 1 << 10
	fileField     = "file"
)

// ErrForm means that the request is not the multipart form it should be.
var ErrForm = errors.New("malformed upload form")

// FieldError is a field of the form at fault.
type FieldError struct {
	Field  string
	Reason string
}

// Error implements error.
func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

// FieldName returns the name of the field.
func (e *FieldError) FieldName() string { return e.Field }

// Unwrap makes a FieldError an ErrForm.
func (e *FieldError) Unwrap() error { return ErrForm }

// Form is a multipart form whose text fields come before its one file.
type Form struct {
	reader *multipart.Reader
	fields map[string]string
	file   *File
}

// Open reads the text fields of a form up to the file; names lists those that
// it must have, each once. The file is read later, by whoever stores it. Close
// the form in the end.
func Open(contentType string, body io.Reader, names ...string) (*Form, error) {
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || media != "multipart/form-data" || parameters["boundary"] == "" {
		return nil, fmt.Errorf("%w: want Content-Type multipart/form-data with a boundary", ErrForm)
	}
	f := &Form{reader: multipart.NewReader(body, parameters["boundary"]), fields: make(map[string]string)}
	for range len(names) + 1 {
		part, err := f.reader.NextPart()
		if err != nil {
			return nil, readError(err)
		}
		if part.FormName() == fileField {
			f.file = &File{
				source: bufio.NewReaderSize(part, headBytes), name: part.FileName(),
				declared: part.Header.Get("Content-Type"),
			}
			break
		}
		if err := f.readField(part, names); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		if _, given := f.fields[name]; !given {
			return nil, &FieldError{name, "is required, before the file"}
		}
	}
	if f.file == nil {
		return nil, &FieldError{fileField, "is required"}
	}
	return f, nil
}

func (f *Form) readField(part *multipart.Part, names []string) error {
	name := part.FormName()
	if !slices.Contains(names, name) {
		return &FieldError{fmt.Sprintf("%.40q", name), "is no field of this form"}
	}
	if _, twice := f.fields[name]; twice {
		return &FieldError{name, "is given twice"}
	}
	value, err := io.ReadAll(io.LimitReader(part, fieldBytesMax+1))
	if err != nil {
		return readError(err)
	}
	if len(value) > fieldBytesMax {
		return &FieldError{name, "is too long"}
	}
	f.fields[name] = string(value)
	return nil
}

// Field returns the value of a text field that Open was told of.
func (f *Form) Field(name string) string { return f.fields[name] }

// File returns the file.
func (f *Form) File() *File { return f.file }

// Finish makes sure that nothing follows the file, once that has been read.
func (f *Form) Finish() error {
	part, err := f.reader.NextPart()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return readError(err)
	}
	return &FieldError{fmt.Sprintf("%.40q", part.FormName()), "follows the file, which must come last"}
}

// Close gives up what is unread.
func (f *Form) Close() { f.file.close() }

// readError says what it means that a request's body cannot be read on.
func readError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return fmt.Errorf("%w: the form has more than %d bytes", blob.ErrTooLarge, tooLarge.Limit)
	}
	if errors.Is(err, io.EOF) {
		return &FieldError{fileField, "is required"}
	}
	return fmt.Errorf("%w: it ends early or breaks its own boundaries", ErrForm)
}
