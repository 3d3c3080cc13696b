package agreement_test

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/internal/upload/uploadtest"
	"github.com/tenor-lending/tenor/origination/agreement"
)

func TestACopySignedByHandIsReviewed(t *testing.T) {
	t.Parallel()
	s := approvedSuite(t)
	scan := uploadtest.PDF("signed by hand, page 1", "")
	var waiting view
	upload := s.borrower.WithKey("the copy")
	s.send(upload, scan).Want(http.StatusOK).Into(&waiting)
	if waiting.Status != "UNDER_REVIEW" || !bytes.Equal(s.document("current"), scan) {
		t.Errorf("sent in: %+v", waiting)
	}
	if got := streamtest.Last[event.AgreementUploaded](t, s.db); got.SHA256 != sum(scan) {
		t.Errorf("announced %+v", got)
	}
	before := s.state()
	s.send(upload, scan).Want(http.StatusOK) // replayed: nothing stored twice
	s.send(upload, uploadtest.PDF("another", "")).WantProblem(http.StatusUnprocessableEntity, "idempotency-key-reused")
	s.send(s.borrower, scan).WantProblem(http.StatusConflict, "wrong-state")
	s.borrower.Post(s.path("/esign/code"), nil).WantProblem(http.StatusConflict, "wrong-state")
	s.officer.Post(s.path("/review"), map[string]string{"decision": "REJECT"}).
		WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, "body.reason")
	s.officer.Post(s.path("/review"), map[string]string{"decision": "MAYBE"}).
		WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, "body.decision")
	s.wantState(before)

	var returned view
	s.officer.Post(s.path("/review"), map[string]string{"decision": "REJECT", "reason": "page 2 is missing"}).
		Want(http.StatusOK).Into(&returned)
	if returned.Status != "GENERATED" || returned.Returned != "page 2 is missing" || returned != s.get() {
		t.Errorf("returned %+v, later %+v", returned, s.get())
	}
	announced := streamtest.Last[event.AgreementReturned](t, s.db)
	if announced.Reason != "page 2 is missing" || announced.SHA256 != sum(scan) {
		t.Errorf("announced %+v", announced)
	}

	whole := uploadtest.PDF("signed by hand, both pages", "")
	s.send(s.borrower, whole).Want(http.StatusOK)
	var signed view
	s.officer.Post(s.path("/review"), map[string]string{"decision": "APPROVE"}).Want(http.StatusOK).Into(&signed)
	if signed.Status != "SIGNED" || signed.Method != "UPLOAD" || signed.SignedSHA256 != sum(whole) {
		t.Errorf("signed %+v", signed)
	}
	want := event.AgreementSigned{
		OnApplication: s.on, Offer: s.offer, AgreementID: signed.ID, Method: "UPLOAD",
		SHA256: sum(whole), SignedAt: s.now,
	}
	if diff := cmp.Diff(want, streamtest.Last[event.AgreementSigned](t, s.db)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if !bytes.Equal(s.document("current"), whole) || sum(s.document("original")) != signed.SHA256 {
		t.Error("the documents are not those that were sent and presented")
	}
	s.officer.Post(s.path("/review"), map[string]string{"decision": "APPROVE"}).
		WantProblem(http.StatusConflict, "wrong-state")
}

// TestTheContractItselfPassesTheUpload: what we make is what borrowers print,
// sign and send back, at times without printing it.
func TestTheContractItselfPassesTheUpload(t *testing.T) {
	t.Parallel()
	s := approvedSuite(t)
	s.send(s.borrower, s.document("current")).Want(http.StatusOK)
}

func TestBadCopiesLeaveNoTrace(t *testing.T) {
	t.Parallel()
	s := approvedSuite(t)
	before := s.state()
	for name, c := range map[string]struct {
		content []byte
		status  int
		slug    string
	}{
		"a picture":     {uploadtest.PNG(t), 415, "file-type"},
		"an executable": {[]byte("\x7fELF\x02\x01\x01 and so on"), 415, "file-type"},
		"a script":      {uploadtest.PDF("x", "", "<</S/JavaScript>>"), 422, "file-content"},
		"empty":         {nil, 422, "file-content"},
		"too large":     {uploadtest.Padded(10<<20 + 1), 413, "body-too-large"},
	} {
		t.Log(name)
		s.send(s.borrower, c.content).WantProblem(c.status, c.slug)
		s.wantState(before)
	}
	for range agreement.CopiesMax {
		s.send(s.borrower, uploadtest.PDF("x", "")).Want(http.StatusOK)
		s.officer.Post(s.path("/review"), map[string]string{"decision": "REJECT", "reason": "no"}).Want(http.StatusOK)
	}
	before = s.state()
	s.send(s.borrower, uploadtest.PDF("x", "")).WantProblem(http.StatusConflict, "too-many-copies")
	s.wantState(before)
}
