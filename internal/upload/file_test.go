package upload_test

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/blob"
	"github.com/tenor-lending/tenor/internal/upload"
	"github.com/tenor-lending/tenor/internal/upload/uploadtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// judge sends a file through a form and returns its type and the verdict.
func judge(t testing.TB, f uploadtest.Form) (string, error) {
	t.Helper()
	body, contentType := f.Encode(t)
	form, err := upload.Open(contentType, iotest.HalfReader(bytes.NewReader(body)), names(f)...)
	if err != nil {
		return "", err
	}
	defer form.Close()
	if _, err := io.Copy(io.Discard, form.File()); err != nil {
		return "", err
	}
	return form.File().Type(), form.Finish()
}

func names(f uploadtest.Form) []string {
	var list []string
	for _, field := range f.Fields {
		list = append(list, field[0])
	}
	return list
}

func objectStream(t testing.TB, dictionary, content string) string {
	t.Helper()
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("<<%s/Type/ObjStm/N 1/First 4/Length %d>>\nstream\r\n%s\nendstream",
		dictionary, packed.Len(), packed.String())
}

func archive(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	if _, err := w.Create("evil.class"); err != nil {
		t.Fatal(err)
	}
	if err := w.SetComment("an archive may end in a comment %%EOF"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestFilesAreWhatTheySay(t *testing.T) {
	t.Parallel()
	pdf, jpeg, png := uploadtest.PDF("hello", ""), uploadtest.JPEG(t), uploadtest.PNG(t)
	elf := append([]byte("\x7fELF\x02\x01\x01\x00"), make([]byte, 4096)...)
	bomb := objectStream(t, "/Filter/FlateDecode", strings.Repeat("0", 65<<20))
	deep := "<</S/JavaScript/JS(app.alert(1))>>"
	cases := []struct {
		name, file, declared string
		content              []byte
		want                 error
	}{
		{"a PDF", "a.pdf", "application/pdf", pdf, nil},
		{"a PDF, undeclared", "a.PDF", "", pdf, nil},
		{"a PDF, declared as bytes", "a.pdf", "application/octet-stream", pdf, nil},
		{"a JPEG", "photo.jpeg", "image/jpeg", jpeg, nil},
		{"a PNG", "photo.png", "image/png", png, nil},
		{"a path in the name", "../../etc/cron.d/a.pdf", "application/pdf", pdf, nil},
		{
			"a small object stream", "a.pdf", "",
			uploadtest.PDF("x", "", objectStream(t, "/Filter /FlateDecode", "5 0 <<>>")), nil,
		},
		{"empty", "a.pdf", "application/pdf", nil, upload.ErrContent},
		{"an executable renamed", "a.pdf", "application/pdf", elf, upload.ErrType},
		{
			"a Windows executable renamed", "a.pdf", "application/pdf",
			append([]byte("MZ"), make([]byte, 512)...), upload.ErrType,
		},
		{"a script renamed", "a.pdf", "application/pdf", []byte("#!/bin/sh\nrm -rf /\n"), upload.ErrType},
		{
			"SVG as picture", "a.png", "image/png",
			[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>`), upload.ErrType,
		},
		{"HTML", "a.html", "text/html", []byte("<html><script>alert(1)</script></html>"), upload.ErrType},
		{"a GIF", "a.gif", "image/gif", []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"), upload.ErrType},
		{"an archive", "a.pdf", "application/pdf", archive(t), upload.ErrType},
		{"the wrong extension", "a.png", "", pdf, upload.ErrType},
		{"no extension", "a", "application/pdf", pdf, upload.ErrType},
		{"two extensions", "a.pdf.exe", "application/pdf", pdf, upload.ErrType},
		{"declared as another type", "a.pdf", "image/png", pdf, upload.ErrType},
		{"a PDF that starts late", "a.pdf", "", append([]byte("GIF89a "), pdf...), upload.ErrType},
		{"a PDF that is an archive too", "a.pdf", "", append(bytes.Clone(pdf), archive(t)...), upload.ErrContent},
		{"a JPEG that is an archive too", "a.jpg", "", append(bytes.Clone(jpeg), archive(t)...), upload.ErrContent},
		{"a PDF cut short", "a.pdf", "", pdf[:len(pdf)/2], upload.ErrContent},
		{"a script", "a.pdf", "", uploadtest.PDF("x", "", deep), upload.ErrContent},
		{
			"a script by an escaped name", "a.pdf", "",
			uploadtest.PDF("x", "", "<</S/J#61va#53cript/JS(1)>>"), upload.ErrContent,
		},
		{"an action on opening", "a.pdf", "", uploadtest.PDF("x", "/OpenAction 5 0 R", "<<>>"), upload.ErrContent},
		{"a program to launch", "a.pdf", "", uploadtest.PDF("x", "", "<</S/Launch/F(cmd.exe)>>"), upload.ErrContent},
		{"a file inside", "a.pdf", "", uploadtest.PDF("x", "", "<</Type/EmbeddedFile/Length 0>>"), upload.ErrContent},
		{"a list of no files", "a.pdf", "", uploadtest.PDF("x", "/Names<</EmbeddedFiles << /Names [\n ] >>>>"), nil},
		{
			"a list of files", "a.pdf", "", uploadtest.PDF("x", "/Names<</EmbeddedFiles << /Names [(a) 5 0 R] >>>>", "<<>>"),
			upload.ErrContent,
		},
		{"encryption", "a.pdf", "", uploadtest.PDF("x", "/Encrypt 5 0 R", "<<>>"), upload.ErrContent},
		{
			"a script in an object stream", "a.pdf", "",
			uploadtest.PDF("x", "", objectStream(t, "/Filter/FlateDecode", "5 0 "+deep)), upload.ErrContent,
		},
		{
			"a script in an object stream, filter by its short name", "a.pdf", "",
			uploadtest.PDF("x", "", objectStream(t, "/Filter[/Fl]", "5 0 "+deep)), upload.ErrContent,
		},
		{"a script in a plain object stream", "a.pdf", "", uploadtest.PDF("x", "",
			"<</Type/ObjStm/N 1/First 4/Length 40>>\nstream\n5 0 "+deep+"\nendstream"), upload.ErrContent},
		{
			"objects coded in an unusual way", "a.pdf", "",
			uploadtest.PDF("x", "", objectStream(t, "/Filter[/ASCIIHexDecode/FlateDecode]", "5 0 "+deep)), upload.ErrContent,
		},
		{
			"objects that are damaged", "a.pdf", "",
			uploadtest.PDF("x", "", "<</Type/ObjStm/Filter/FlateDecode>>\nstream\nxxxx\nendstream"), upload.ErrContent,
		},
		{"objects that inflate without end", "a.pdf", "", uploadtest.PDF("x", "", bomb), upload.ErrContent},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := judge(t, uploadtest.Form{Name: c.file, ContentType: c.declared, Content: c.content})
			if !errors.Is(err, c.want) {
				t.Errorf("verdict %v, want %v", err, c.want)
			}
		})
	}
}

// TestObjectStreamsOfARealWriter lets qpdf pack a script into object streams.
func TestObjectStreamsOfARealWriter(t *testing.T) {
	t.Parallel()
	qpdf, err := exec.LookPath("qpdf")
	if err != nil {
		t.Skip("NOT TESTED against qpdf: it is not installed (Debian package qpdf)")
	}
	dir := t.TempDir()
	for name, c := range map[string]struct {
		root string
		want error
	}{"harmless": {"", nil}, "script": {"/Names<</X 5 0 R>>", upload.ErrContent}} {
		plain, packed := filepath.Join(dir, name+".pdf"), filepath.Join(dir, name+"-packed.pdf")
		content := uploadtest.PDF("x", c.root, "<</S/JavaScript/JS(app.alert(1))>>")
		if err := os.WriteFile(plain, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(qpdf, "--object-streams=generate", plain, packed).CombinedOutput(); err != nil {
			t.Fatalf("qpdf: %v\n%s", err, out)
		}
		content, err := os.ReadFile(packed)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte("JavaScript")) {
			t.Fatal("qpdf left the script readable: this proves nothing")
		}
		if _, err := judge(t, uploadtest.Form{Name: "a.pdf", Content: content}); !errors.Is(err, c.want) {
			t.Errorf("%s: verdict %v, want %v", name, err, c.want)
		}
	}
}

// TestNoBytesBreakTheScan feeds damaged documents: a verdict, never a hang or a panic.
func TestNoBytesBreakTheScan(t *testing.T) {
	t.Parallel()
	seed := uploadtest.PDF("x", "/A#", objectStream(t, "/Filter/FlateDecode", "5 0 <<>>"))
	rapid.Check(t, func(t *rapid.T) {
		content := bytes.Clone(seed)
		for range rapid.IntRange(0, 20).Draw(t, "changes") {
			content[rapid.IntRange(5, len(content)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		var out bytes.Buffer
		out.WriteString("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\n")
		out.Write(content)
		out.WriteString("\r\n--b--\r\n")
		form, err := upload.Open("multipart/form-data; boundary=b", &out)
		if err != nil {
			t.Fatal(err)
		}
		defer form.Close()
		_, err = io.Copy(io.Discard, form.File())
		if err != nil && !errors.Is(err, upload.ErrContent) && !errors.Is(err, upload.ErrType) {
			t.Fatalf("neither a verdict nor acceptance: %v", err)
		}
	})
}

func TestForms(t *testing.T) {
	t.Parallel()
	fields := [][2]string{{"kind", "OTHER"}}
	good := uploadtest.Form{Fields: fields, Name: "a.pdf", Content: uploadtest.PDF("x", "")}
	with := func(change func(*uploadtest.Form)) uploadtest.Form { f := good; change(&f); return f }
	cases := []struct {
		name  string
		form  uploadtest.Form
		field string
	}{
		{"the file first", with(func(f *uploadtest.Form) { f.FileFirst = true }), "kind"},
		{"no file", with(func(f *uploadtest.Form) { f.NoFile = true }), "file"},
		{"two files", with(func(f *uploadtest.Form) { f.Twice = true }), `"file"`},
		{"a field twice", with(func(f *uploadtest.Form) { f.Fields = append(fields, fields[0]) }), "kind"},
		{"a field too long", with(func(f *uploadtest.Form) {
			f.Fields = [][2]string{{"kind", strings.Repeat("x", 1025)}}
		}), "kind"},
		{"a strange field", with(func(f *uploadtest.Form) { f.Fields = [][2]string{{"role", "ADMIN"}} }), `"role"`},
		{"no field", with(func(f *uploadtest.Form) { f.Fields = nil }), "kind"},
		{"cut", with(func(f *uploadtest.Form) { f.Cut = true }), ""},
	}
	for _, c := range cases {
		body, contentType := c.form.Encode(t)
		form, err := upload.Open(contentType, bytes.NewReader(body), "kind")
		if err == nil {
			_, err = io.Copy(io.Discard, form.File())
			err = errors.Join(err, form.Finish())
			form.Close()
		}
		var fault *upload.FieldError
		if !errors.Is(err, upload.ErrForm) {
			t.Errorf("%s: %v, want ErrForm", c.name, err)
		} else if c.field != "" && (!errors.As(err, &fault) || fault.FieldName() != c.field) {
			t.Errorf("%s: %v, want field %s", c.name, err, c.field)
		}
	}
	for _, contentType := range []string{"", "application/json", "multipart/form-data", "multipart/mixed; boundary=x"} {
		if _, err := upload.Open(contentType, strings.NewReader(""), "kind"); !errors.Is(err, upload.ErrForm) {
			t.Errorf("content type %q: %v, want ErrForm", contentType, err)
		}
	}
	body, contentType := good.Encode(t)
	limited := http.MaxBytesReader(nil, io.NopCloser(bytes.NewReader(body)), int64(len(body))/2)
	form, err := upload.Open(contentType, limited, "kind")
	if err == nil {
		_, err = io.Copy(io.Discard, form.File())
		form.Close()
	}
	if !errors.Is(err, blob.ErrTooLarge) {
		t.Errorf("a body over its limit: %v, want ErrTooLarge", err)
	}
}

func TestAcceptNarrowsTheTypes(t *testing.T) {
	t.Parallel()
	body, contentType := uploadtest.Form{Name: "a.png", Content: uploadtest.PNG(t)}.Encode(t)
	form, err := upload.Open(contentType, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer form.Close()
	form.File().Accept(upload.PDF)
	if _, err := io.Copy(io.Discard, form.File()); !errors.Is(err, upload.ErrType) {
		t.Errorf("a picture where only PDF is accepted: %v", err)
	}
}
