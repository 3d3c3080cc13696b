package agreement_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/internal/upload/uploadtest"
	"github.com/tenor-lending/tenor/origination/agreement"
)

func TestESign(t *testing.T) {
	t.Parallel()
	s := approvedSuite(t)
	presented := s.document("current")
	code := s.code()
	signing := s.borrower.WithKey("sign once")
	var signed view
	s.now = s.now.Add(9 * time.Minute)
	signing.Post(s.path("/esign"), s.consent(code)).Want(http.StatusOK).Into(&signed)
	if signed.Status != "SIGNED" || signed.Method != "ESIGN" || signed != s.get() {
		t.Errorf("signed %+v, later %+v", signed, s.get())
	}
	pdf := s.document("current")
	info, err := agreement.VerifySignature(pdf)
	if err != nil {
		t.Fatal(err)
	}
	if info.Fingerprint != signed.Certificate || sum(pdf) != signed.SignedSHA256 {
		t.Errorf("signed by %s with hash %s; the agreement says %+v", info.Fingerprint, sum(pdf), signed)
	}
	if !bytes.HasPrefix(pdf, presented) || !bytes.Equal(s.document("original"), presented) {
		t.Error("what was signed is not what was presented")
	}
	want := event.AgreementSigned{
		OnApplication: s.on, Offer: s.offer, AgreementID: signed.ID, Method: "ESIGN",
		SHA256: signed.SignedSHA256, SignedAt: s.now,
	}
	if diff := cmp.Diff(want, streamtest.Last[event.AgreementSigned](t, s.db)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}

	// The same request again is the first answer; a new one is too late.
	before := s.state()
	var again view
	replay := signing.Post(s.path("/esign"), s.consent(code)).Want(http.StatusOK).Into(&again)
	if again != signed || replay.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("replayed %+v with %v", again, replay.Header)
	}
	s.borrower.Post(s.path("/esign"), s.consent(code)).WantProblem(http.StatusConflict, "wrong-state")
	s.borrower.Post(s.path("/esign/code"), nil).WantProblem(http.StatusConflict, "wrong-state")
	s.send(s.borrower, uploadtest.PDF("late", "")).WantProblem(http.StatusConflict, "wrong-state")
	s.officer.Post(s.path("/review"), map[string]string{"decision": "APPROVE"}).
		WantProblem(http.StatusConflict, "wrong-state")
	s.wantState(before)
}

func TestCodesAreKeptSecret(t *testing.T) {
	t.Parallel()
	s := approvedSuite(t)
	code := s.code()
	wrong := other(code)
	s.borrower.Post(s.path("/esign"), s.consent(wrong)).WantProblem(http.StatusUnprocessableEntity, "signing-code-wrong")
	s.borrower.Post(s.path("/esign"), s.consent(code)).Want(http.StatusOK)
	var rows string
	err := s.db.Pool().QueryRow(t.Context(), `
		select coalesce((select string_agg(detail, ' ') from audit), '') ||
		       coalesce((select string_agg(outcome, ' ') from idempotency), '') ||
		       coalesce((select string_agg(fingerprint, ' ') from signing_code), '')`).Scan(&rows)
	if err != nil {
		t.Fatal(err)
	}
	for _, env := range streamtest.Announced(t, s.db) {
		rows += " " + string(env.Data)
	}
	for _, secret := range []string{code, wrong} {
		if strings.Contains(rows, `"`+secret+`"`) || strings.Contains(rows, sum([]byte(secret))) {
			t.Errorf("code %s can be read in the database", secret)
		}
	}
}

// other returns a code that is not the right one.
func other(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

func TestWrongCodesUseUpTheAttempts(t *testing.T) {
	t.Parallel()
	s := approvedSuite(t)
	code := s.code()
	for left := agreement.CodeAttemptsMax - 1; left >= 0; left-- {
		key := fmt.Sprint("attempt ", left)
		for range 2 { // repeated with its key, an attempt counts once
			problem := s.borrower.WithKey(key).Post(s.path("/esign"), s.consent(other(code))).
				WantProblem(http.StatusUnprocessableEntity, "signing-code-wrong")
			if !strings.Contains(problem.Detail, fmt.Sprint(left, " attempts")) {
				t.Errorf("with %d attempts left: %s", left, problem.Detail)
			}
		}
	}
	before := s.state()
	s.borrower.Post(s.path("/esign"), s.consent(code)).WantProblem(http.StatusConflict, "signing-code-void")
	s.wantState(before)
	if got := s.get().Status; got != "GENERATED" {
		t.Errorf("status %s", got)
	}
	// A new code works; the one before it is void.
	fresh := s.code()
	s.borrower.Post(s.path("/esign"), s.consent(fresh)).Want(http.StatusOK)
}

func TestCodesExpireAndAreReplaced(t *testing.T) {
	t.Parallel()
	s := approvedSuite(t)
	s.borrower.Post(s.path("/esign"), s.consent("123456")).WantProblem(http.StatusConflict, "signing-code-void")
	first := s.code()
	s.now = s.now.Add(s.env.Config.Agreement.CodeTTL)
	s.borrower.Post(s.path("/esign"), s.consent(first)).WantProblem(http.StatusConflict, "signing-code-void")
	s.code()
	s.now = s.now.Add(time.Second)
	second := s.code()
	s.borrower.Post(s.path("/esign"), s.consent(first)).WantProblem(http.StatusUnprocessableEntity, "signing-code-wrong")
	s.borrower.Post(s.path("/esign"), s.consent(second)).Want(http.StatusOK)
}

func TestCodesAreBounded(t *testing.T) {
	t.Parallel()
	s := approvedSuite(t)
	once := s.borrower.WithKey("only one")
	for range 3 { // the same request sends one code
		once.Post(s.path("/esign/code"), nil).Want(http.StatusAccepted)
	}
	for range agreement.CodesPerHourMax - 1 {
		s.now = s.now.Add(time.Minute)
		s.code()
	}
	before := s.state()
	s.borrower.Post(s.path("/esign/code"), nil).WantProblem(http.StatusTooManyRequests, "too-many-codes")
	s.wantState(before)
	s.now = s.now.Add(time.Hour)
	s.code()
}

func TestBadConsentLeavesNoTrace(t *testing.T) {
	t.Parallel()
	s := approvedSuite(t)
	code := s.code()
	with := func(field string, value any) map[string]any {
		body := s.consent(code)
		body[field] = value
		return body
	}
	before := s.state()
	for name, c := range map[string]struct {
		body   any
		status int
		slug   string
		field  string
	}{
		"no consent":       {with("consent", false), 422, "validation", "body.consent"},
		"letters":          {with("code", "12345x"), 422, "validation", "body.code"},
		"too short":        {with("code", "12345"), 422, "validation", "body.code"},
		"a number":         {with("code", 123456), 422, "validation", "body.code"},
		"an unknown field": {with("admin", true), 422, "validation", "body.admin"},
		"no hash":          {with("schedule_hash", ""), 422, "validation", "body.schedule_hash"},
		"other terms":      {with("schedule_hash", strings.Repeat("a", 64)), 409, "terms-differ", ""},
	} {
		t.Log(name)
		problem := s.borrower.Post(s.path("/esign"), c.body).WantProblem(c.status, c.slug)
		if c.field != "" {
			problem.WantField(t, c.field)
		}
		s.wantState(before)
	}
	s.borrower.WithKey("-").Post(s.path("/esign"), s.consent(code)).
		WantProblem(http.StatusBadRequest, "idempotency-key-missing")
	s.wantState(before)
	s.borrower.Post(s.path("/esign"), s.consent(code)).Want(http.StatusOK)
}
