package document_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/blob"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/internal/upload"
	"github.com/tenor-lending/tenor/internal/upload/uploadtest"
	"github.com/tenor-lending/tenor/origination/document"
)

// suite is one document service with an application of one borrower.
type suite struct {
	t        *testing.T
	db       *database.DB
	dir      string
	server   *httpapitest.Server
	part     *app.Component
	on       event.OnApplication
	borrower *httpapitest.Client
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	s := &suite{t: t, db: dbtest.New(t, "document"), dir: t.TempDir()}
	env := httpapitest.Env(t, "document", s.db)
	env.Blobs = blob.New("file://"+s.dir, env.Keyring, rand.Reader)
	component, err := document.New(env)
	if err != nil {
		t.Fatal(err)
	}
	if err := component.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.part, s.server = component, httpapitest.New(t, component)
	s.on = event.OnApplication{ApplicationID: uuid.New(), CustomerID: uuid.New()}
	s.borrower = s.server.As(s.on.CustomerID, access.Customer)
	s.deliver(event.ApplicationCreated{
		OnApplication: s.on, Product: "PERSONAL", Amount: money.New(2_000_000, money.MustCurrency("INR")), Instalments: 24,
	})
	return s
}

func (s *suite) deliver(events ...event.Event) {
	s.t.Helper()
	streamtest.Deliver(s.t, s.db, "document", s.part.Subscriptions, events...)
}

func (s *suite) stage(to event.Stage) {
	s.t.Helper()
	s.deliver(event.ApplicationStageChanged{OnApplication: s.on, To: to})
}

func (s *suite) form(kind, name string, content []byte) uploadtest.Form {
	return uploadtest.Form{
		Fields: [][2]string{{"application_id", s.on.ApplicationID.String()}, {"kind", kind}}, Name: name, Content: content,
	}
}

func (s *suite) send(as *httpapitest.Client, form uploadtest.Form) *httpapitest.Answer {
	s.t.Helper()
	return as.Do(form.Request(s.t, s.server.URL()+"/api/v1/documents/upload"))
}

type answer struct {
	ID          uuid.UUID `json:"id"`
	Kind        string    `json:"kind"`
	ContentType string    `json:"content_type"`
	Size        int       `json:"size"`
	SHA256      string    `json:"sha256"`
}

// upload sends a PDF of its own for each text.
func (s *suite) upload(kind, text string) answer {
	s.t.Helper()
	var a answer
	s.send(s.borrower, s.form(kind, "scan.pdf", uploadtest.PDF(text, ""))).Want(http.StatusCreated).Into(&a)
	return a
}

// blobs counts the files in the store.
func (s *suite) blobs() int {
	s.t.Helper()
	count := 0
	err := filepath.WalkDir(s.dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			count++
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return count
}

// state is everything that a request may change.
type state struct {
	Documents, Loose, Audit, Keys, Events int64
	Blobs                                 int
}

func (s *suite) state() state {
	s.t.Helper()
	at := state{Blobs: s.blobs()}
	err := s.db.Pool().QueryRow(s.t.Context(), `
		select (select count(*) from document), (select count(*) from loose_blob), (select count(*) from audit),
		       (select count(*) from idempotency), (select count(*) from outbox)`).
		Scan(&at.Documents, &at.Loose, &at.Audit, &at.Keys, &at.Events)
	if err != nil {
		s.t.Fatal(err)
	}
	return at
}

func (s *suite) wantState(want state) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.state()); diff != "" {
		s.t.Errorf("state (-want +got):\n%s", diff)
	}
}

func TestUploadListReadDelete(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	content := uploadtest.PDF("passport", "")
	first := s.upload("IDENTITY", "passport")
	if first.Size != len(content) || first.ContentType != upload.PDF || first.Kind != "IDENTITY" {
		t.Errorf("uploaded %+v", first)
	}
	announced := streamtest.Last[event.DocumentUploaded](t, s.db)
	want := event.DocumentUploaded{
		OnApplication: s.on, DocumentID: first.ID, Kind: "IDENTITY", ContentType: upload.PDF,
		SHA256: first.SHA256, Size: int64(len(content)),
	}
	if diff := cmp.Diff(want, announced); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	s.wantState(state{Documents: 1, Audit: 1, Keys: 1, Events: 1, Blobs: 1})
	second := answer{}
	s.send(s.borrower, s.form("INCOME", "photo.PNG", uploadtest.PNG(t))).Want(http.StatusCreated).Into(&second)

	officer := s.server.As(uuid.New(), access.Officer)
	for _, client := range []*httpapitest.Client{s.borrower, officer} {
		var listed struct {
			Documents []answer `json:"documents"`
		}
		client.Get("/api/v1/documents/" + s.on.ApplicationID.String() + "/list").Want(http.StatusOK).Into(&listed)
		if diff := cmp.Diff([]answer{first, second}, listed.Documents); diff != "" {
			t.Errorf("list (-want +got):\n%s", diff)
		}
		got := client.Get("/api/v1/documents/" + first.ID.String() + "/content").Want(http.StatusOK)
		if !bytes.Equal(got.Body, content) {
			t.Errorf("downloaded %d bytes, want the %d uploaded", len(got.Body), len(content))
		}
		for header, want := range map[string]string{
			"Content-Type": upload.PDF, "X-Content-Type-Options": "nosniff",
			"Content-Security-Policy": "sandbox; default-src 'none'",
			"Content-Disposition":     `attachment; filename="document-` + first.ID.String() + `.pdf"`,
		} {
			if got := got.Header.Get(header); got != want {
				t.Errorf("%s: %q, want %q", header, got, want)
			}
		}
	}

	s.borrower.Delete("/api/v1/documents/" + first.ID.String()).Want(http.StatusNoContent)
	if got := streamtest.Last[event.DocumentDeleted](t, s.db); got.DocumentID != first.ID {
		t.Errorf("announced the deletion of %s, want %s", got.DocumentID, first.ID)
	}
	s.wantState(state{Documents: 1, Audit: 3, Keys: 2, Events: 3, Blobs: 1})
	path := "/api/v1/documents/" + first.ID.String()
	s.borrower.Delete(path).WantProblem(http.StatusNotFound, "document-not-found")
	s.borrower.Get(path+"/content").WantProblem(http.StatusNotFound, "document-not-found")
}

func TestSameKeySameFileIsOneDocument(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	client := s.borrower.WithKey("first try")
	form := s.form("IDENTITY", "scan.pdf", uploadtest.PDF("passport", ""))
	var first, again answer
	s.send(client, form).Want(http.StatusCreated).Into(&first)
	before := s.state()
	// The client retries after the review has moved on: the first answer, not a refusal.
	s.stage(event.StageRisk)
	replay := s.send(client, form).Want(http.StatusCreated).Into(&again)
	if first != again || replay.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("first %+v, again %+v, headers %v", first, again, replay.Header)
	}
	for _, other := range []uploadtest.Form{
		s.form("ADDRESS", "scan.pdf", uploadtest.PDF("passport", "")),
		s.form("IDENTITY", "scan.pdf", uploadtest.PDF("else", "")),
	} {
		s.send(client, other).WantProblem(http.StatusUnprocessableEntity, "idempotency-key-reused")
	}
	s.wantState(before)
}

func TestSameContentTwiceIsRefused(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	s.upload("IDENTITY", "passport")
	before := s.state()
	s.send(s.borrower, s.form("IDENTITY", "other-name.pdf", uploadtest.PDF("passport", ""))).
		WantProblem(http.StatusConflict, "document-exists")
	s.wantState(before)
}

func TestBadUploadsLeaveNoTrace(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	good := uploadtest.PDF("x", "")
	with := func(change func(*uploadtest.Form)) uploadtest.Form {
		f := s.form("OTHER", "a.pdf", good)
		change(&f)
		return f
	}
	app := [2]string{"application_id", s.on.ApplicationID.String()}
	cases := []struct {
		name   string
		form   uploadtest.Form
		status int
		slug   string
		field  string
	}{
		{"an executable", s.form("OTHER", "a.pdf", []byte("\x7fELF\x02\x01\x01 and so on")), 415, "file-type", ""},
		{"the wrong extension", s.form("OTHER", "a.exe", good), 415, "file-type", ""},
		{"a script inside", s.form("OTHER", "a.pdf", uploadtest.PDF("x", "", "<</S/JavaScript>>")), 422, "file-content", ""},
		{"empty", s.form("OTHER", "a.pdf", nil), 422, "file-content", ""},
		{
			"one byte over the limit", s.form("OTHER", "a.pdf", uploadtest.Padded(upload.FileBytesMax+1)),
			413, "body-too-large", "",
		},
		{"cut", with(func(f *uploadtest.Form) { f.Cut = true }), 422, "validation", ""},
		{"two files", with(func(f *uploadtest.Form) { f.Twice = true }), 422, "validation", `body."file"`},
		{"the file first", with(func(f *uploadtest.Form) { f.FileFirst = true }), 422, "validation", "body.application_id"},
		{"no such kind", s.form("SELFIE", "a.pdf", good), 422, "validation", "body.kind"},
		{"no UUID", with(func(f *uploadtest.Form) {
			f.Fields = [][2]string{{"application_id", "../../1"}, {"kind", "OTHER"}}
		}), 422, "validation", "body.application_id"},
		{"an unknown field", with(func(f *uploadtest.Form) {
			f.Fields = [][2]string{app, {"owner", "me"}}
		}), 422, "validation", `body."owner"`},
		{"no such application", with(func(f *uploadtest.Form) {
			f.Fields = [][2]string{{"application_id", uuid.NewString()}, {"kind", "OTHER"}}
		}), 404, "application-not-found", ""},
	}
	before := s.state()
	for _, c := range cases {
		t.Log(c.name)
		problem := s.send(s.borrower, c.form).WantProblem(c.status, c.slug)
		if c.field != "" {
			problem.WantField(t, c.field)
		}
		s.wantState(before)
	}
	s.send(s.borrower.WithKey("-"), s.form("OTHER", "a.pdf", good)).
		WantProblem(http.StatusBadRequest, "idempotency-key-missing")
	s.borrower.Post("/api/v1/documents/upload", map[string]string{"kind": "OTHER"}).
		WantProblem(http.StatusUnprocessableEntity, "validation")
	s.wantState(before)
	s.send(s.borrower, s.form("OTHER", "a.pdf", uploadtest.Padded(upload.FileBytesMax))).Want(http.StatusCreated)
}

func TestNamesAreNotKept(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	var a answer
	s.send(s.borrower, s.form("OTHER", `../../../canary\..\evil.pdf`, uploadtest.PDF("x", ""))).Want(201).Into(&a)
	outside, err := filepath.Glob(filepath.Join(s.dir, "..", "*canary*"))
	if err != nil || len(outside) > 0 {
		t.Errorf("outside of the store: %v, %v", outside, err)
	}
	got := s.borrower.Get("/api/v1/documents/" + a.ID.String() + "/content").Want(http.StatusOK)
	if name := got.Header.Get("Content-Disposition"); strings.Contains(name, "canary") {
		t.Errorf("the download is called %s", name)
	}
}

func TestDocumentsOfOthersDoNotExist(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	mine := s.upload("IDENTITY", "passport")
	stranger := s.server.As(uuid.New(), access.Customer)
	partner := s.server.As(uuid.New(), access.Partner)
	officer := s.server.As(uuid.New(), access.Officer)
	content, one := "/api/v1/documents/"+mine.ID.String()+"/content", "/api/v1/documents/"+mine.ID.String()
	list := "/api/v1/documents/" + s.on.ApplicationID.String() + "/list"
	before := s.state()
	for _, client := range []*httpapitest.Client{stranger, partner} {
		client.Get(content).WantProblem(http.StatusNotFound, "document-not-found")
		client.Get(list).WantProblem(http.StatusNotFound, "application-not-found")
	}
	for _, client := range []*httpapitest.Client{stranger, partner, officer} {
		client.Delete(one).WantProblem(http.StatusNotFound, "document-not-found")
		s.send(client, s.form("OTHER", "a.pdf", uploadtest.PDF("x", ""))).
			WantProblem(http.StatusNotFound, "application-not-found")
	}
	s.server.Anonymous().Get(content).WantProblem(http.StatusUnauthorized, "unauthenticated")
	s.send(s.server.Anonymous(), s.form("OTHER", "a.pdf", uploadtest.PDF("x", ""))).
		WantProblem(http.StatusUnauthorized, "unauthenticated")
	s.borrower.Get("/api/v1/documents/"+uuid.NewString()+"/content").WantProblem(http.StatusNotFound, "document-not-found")
	s.wantState(before)
}

func TestEvidenceIsFrozenWithTheDecision(t *testing.T) {
	t.Parallel()
	steps := map[string]func(*suite){
		"approved, before the stage follows": func(s *suite) { s.deliver(event.KYCApproved{OnApplication: s.on}) },
		"rejected, before the stage follows": func(s *suite) { s.deliver(event.KYCRejected{OnApplication: s.on}) },
		"at a later stage":                   func(s *suite) { s.stage(event.StageDiscussion) },
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSuite(t)
			s.stage(event.StageKYC)
			kept := s.upload("IDENTITY", "given during the review")
			step(s)
			before := s.state()
			for _, refused := range []*httpapitest.Answer{
				s.send(s.borrower, s.form("OTHER", "a.pdf", uploadtest.PDF("late", ""))),
				s.borrower.Delete("/api/v1/documents/" + kept.ID.String()),
			} {
				problem := refused.WantProblem(http.StatusConflict, "wrong-stage")
				if !strings.Contains(problem.Detail, "INPUT") || !strings.Contains(problem.Detail, "KYC_REVIEW") {
					t.Errorf("the problem does not name the stages: %s", problem.Detail)
				}
			}
			s.wantState(before)
		})
	}
}

func TestAnApplicationHasALimitOfDocuments(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for i := range document.PerApplicationMax {
		s.upload("OTHER", fmt.Sprint("page ", i))
	}
	before := s.state()
	s.send(s.borrower, s.form("OTHER", "a.pdf", uploadtest.PDF("one more", ""))).
		WantProblem(http.StatusConflict, "too-many-documents")
	s.wantState(before)
}

// endless gives n bytes of a file that looks like a PDF, and counts how many were taken.
type endless struct{ left, taken int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), e.left)
	for i := range p[:n] {
		p[i] = ' '
	}
	e.left, e.taken = e.left-n, e.taken+n
	return int(n), nil
}

// TestAHugeUploadIsCutEarly sends a gigabyte, announced and chunked.
func TestAHugeUploadIsCutEarly(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	const gigabyte = 1 << 30
	before := s.state()
	for _, announced := range []bool{true, false} {
		head, contentType := s.form("OTHER", "a.pdf", []byte("%PDF-1.4\n")).Encode(t)
		head, _, _ = bytes.Cut(head, []byte("\r\n--"+contentType[strings.Index(contentType, "=")+1:]+"--"))
		rest := &endless{left: gigabyte}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.server.URL()+"/api/v1/documents/upload",
			io.MultiReader(bytes.NewReader(head), rest))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", contentType)
		if announced {
			request.ContentLength = int64(len(head)) + gigabyte
		}
		var old, now runtime.MemStats
		runtime.ReadMemStats(&old)
		s.borrower.Do(request).WantProblem(http.StatusRequestEntityTooLarge, "body-too-large")
		runtime.ReadMemStats(&now)
		limit := int64(2 * upload.FormBytesMax)
		if announced {
			limit = 8 << 20 // what the connection may have in flight
		}
		if rest.taken > limit {
			t.Errorf("announced %v: %d bytes were taken, want less than %d", announced, rest.taken, limit)
		}
		t.Logf("announced %v: %d bytes taken, heap %d -> %d", announced, rest.taken, old.HeapAlloc, now.HeapAlloc)
	}
	s.wantState(before)
	s.upload("OTHER", "the connection and the service still work")
}
