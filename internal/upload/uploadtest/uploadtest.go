// Package uploadtest helps tests to send files: small real files of every
// accepted type, and the forms that carry them.
//
// It is for tests only.
package uploadtest

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"testing"
)

// PDF returns a minimal document whose page says text; objects are put in as
// further indirect objects and root into the catalogue.
func PDF(text, root string, objects ...string) []byte {
	var out bytes.Buffer
	var offsets []int
	object := func(content string) {
		offsets = append(offsets, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", len(offsets), content)
	}
	out.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	page := "BT /F1 24 Tf 72 720 Td (" + text + ") Tj ET"
	object("<</Type/Catalog/Pages 2 0 R" + root + ">>")
	object("<</Type/Pages/Kids[3 0 R]/Count 1>>")
	object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R" +
		"/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>")
	object(fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(page), page))
	for _, content := range objects {
		object(content)
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, offset := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&out, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, start)
	return out.Bytes()
}

// Padded returns a PDF of exactly size bytes.
func Padded(size int) []byte {
	pdf := PDF("padded", "")
	head := len("%PDF-1.4\n")
	padding := bytes.Repeat([]byte("% padding padding padding padding\n"), size/34+1)[:size-len(pdf)]
	if n := len(padding); n > 0 {
		padding[0], padding[n-1] = '%', '\n'
	}
	return append(append(append([]byte{}, pdf[:head]...), padding...), pdf[head:]...)
}

// JPEG returns a picture of one pixel.
func JPEG(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, image.NewGray(image.Rect(0, 0, 1, 1)), nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// PNG returns a picture of one pixel.
func PNG(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Form is a multipart form with one file.
type Form struct {
	// Fields are name and value of the text fields, in order.
	Fields [][2]string
	// Name is the file's name, and ContentType what it is declared as, "" for nothing.
	Name, ContentType string
	Content           []byte
	// FileFirst puts the file before the fields; Twice sends it two times; Cut
	// leaves out the end of the form; NoFile sends none.
	FileFirst, Twice, Cut, NoFile bool
}

// Encode returns the body of the form and its content type.
func (f Form) Encode(t testing.TB) (body []byte, contentType string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	file := func() {
		header := textproto.MIMEHeader{}
		header.Set("Content-Disposition", fmt.Sprintf(`form-data; name="file"; filename="%s"`, f.Name))
		if f.ContentType != "" {
			header.Set("Content-Type", f.ContentType)
		}
		part, err := w.CreatePart(header)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write(f.Content) // a bytes.Buffer never fails
	}
	if f.FileFirst {
		file()
	}
	for _, field := range f.Fields {
		if err := w.WriteField(field[0], field[1]); err != nil {
			t.Fatal(err)
		}
	}
	if !f.FileFirst && !f.NoFile {
		file()
	}
	if f.Twice {
		file()
	}
	if !f.Cut {
		_ = w.Close() // a bytes.Buffer never fails
	}
	return out.Bytes(), w.FormDataContentType()
}

// Request returns the POST of the form to url.
func (f Form) Request(t testing.TB, url string) *http.Request {
	t.Helper()
	body, contentType := f.Encode(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	return request
}
