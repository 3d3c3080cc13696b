package agreement_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/blob"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/internal/upload/uploadtest"
	"github.com/tenor-lending/tenor/origination/agreement"
)

var inr = money.MustCurrency("INR")

// suite is one agreement service with an application whose offer is accepted.
type suite struct {
	t        *testing.T
	db       *database.DB
	env      *app.Env
	dir      string
	now      time.Time
	server   *httpapitest.Server
	part     *app.Component
	on       event.OnApplication
	offer    event.Offer
	borrower *httpapitest.Client
	system   *httpapitest.Client
	officer  *httpapitest.Client
}

func newSuite(t *testing.T) *suite {
	t.Helper()
	s := &suite{t: t, db: dbtest.New(t, "agreement"), dir: t.TempDir(), now: time.Now().UTC().Truncate(time.Microsecond)}
	s.env = httpapitest.Env(t, "agreement", s.db)
	s.env.Blobs = blob.New("file://"+s.dir, s.env.Keyring, rand.Reader)
	s.env.Now = func() time.Time { return s.now }
	component, err := agreement.New(s.env)
	if err != nil {
		t.Fatal(err)
	}
	if err := component.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.part, s.server = component, httpapitest.New(t, component)
	s.on = event.OnApplication{ApplicationID: uuid.New(), CustomerID: uuid.New()}
	s.borrower = s.server.As(s.on.CustomerID, access.Customer)
	s.system = s.server.As(uuid.New(), access.System)
	s.officer = s.server.As(uuid.New(), access.Officer)
	s.offer = offerOf(t, 24)
	s.deliver(
		event.ApplicationCreated{OnApplication: s.on, Amount: money.New(20_000_00, inr), Instalments: 24},
		event.ApplicationStageChanged{OnApplication: s.on, From: event.StageInput, To: event.StageDiscussion},
		event.OfferAccepted{OnApplication: s.on, Offer: s.offer, OfficerID: uuid.New()},
		event.ApplicationStageChanged{OnApplication: s.on, From: event.StageDiscussion, To: event.StageApproval},
	)
	return s
}

// approvedSuite goes on until the agreement is made.
func approvedSuite(t *testing.T) *suite {
	t.Helper()
	s := newSuite(t)
	s.deliver(
		event.ApprovalGranted{OnApplication: s.on, OfferID: s.offer.OfferID},
		event.ApplicationStageChanged{OnApplication: s.on, From: event.StageApproval, To: event.StageAgreement},
	)
	return s
}

func offerOf(t *testing.T, instalments int) event.Offer {
	t.Helper()
	terms := amortization.Terms{
		Principal: money.New(20_000_00, inr), AnnualRatePercent: amortization.MustDecimal("15"), Instalments: instalments,
		DisbursementDate: civil.Date{Year: 2024, Month: 4, Day: 15},
		Fees:             []amortization.Fee{{Name: "processing", Amount: money.New(400_00, inr)}},
	}
	schedule, err := amortization.New(terms)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(terms)
	if err != nil {
		t.Fatal(err)
	}
	version := int64(1)
	return event.Offer{
		OfferID: uuid.New(), Product: "PERSONAL_LOAN", ProductVersion: &version,
		LateFee: event.LateFee{GraceDays: 3, Amount: money.New(100_00, inr)}, Terms: raw,
		ScheduleHash: schedule.Hash(), Principal: terms.Principal, Instalment: schedule.At(0).Total,
		APRPercent: "17.07", ValidUntil: civil.Date{Year: 2024, Month: 5, Day: 1},
	}
}

func (s *suite) deliver(events ...event.Event) {
	s.t.Helper()
	streamtest.Deliver(s.t, s.db, "agreement", s.part.Subscriptions, events...)
}

func (s *suite) path(rest string) string {
	return "/api/v1/agreement/" + s.on.ApplicationID.String() + rest
}

type view struct {
	ID           uuid.UUID `json:"id"`
	Status       string    `json:"status"`
	ScheduleHash string    `json:"schedule_hash"`
	SHA256       string    `json:"sha256"`
	Method       string    `json:"method"`
	SignedSHA256 string    `json:"signed_sha256"`
	Certificate  string    `json:"certificate_sha256"`
	Returned     string    `json:"returned_reason"`
}

func (s *suite) get() view {
	s.t.Helper()
	var v view
	s.borrower.Get(s.path("")).Want(http.StatusOK).Into(&v)
	return v
}

func (s *suite) document(version string) []byte {
	s.t.Helper()
	return s.borrower.Get(s.path("/document?version=" + version)).Want(http.StatusOK).Body
}

// code has a code sent and opens it, as the notification service does.
func (s *suite) code() string {
	s.t.Helper()
	s.borrower.Post(s.path("/esign/code"), nil).Want(http.StatusAccepted)
	sealed := streamtest.Last[event.SigningCodeIssued](s.t, s.db).SealedCode
	code, err := s.env.Keyring.Open(sealed, "agreement.code:"+s.on.CustomerID.String())
	if err != nil {
		s.t.Fatal(err)
	}
	return string(code)
}

func (s *suite) consent(code string) map[string]any {
	return map[string]any{"code": code, "consent": true, "schedule_hash": s.offer.ScheduleHash}
}

func (s *suite) send(as *httpapitest.Client, content []byte) *httpapitest.Answer {
	s.t.Helper()
	return as.Do(uploadtest.Form{Name: "signed.pdf", Content: content}.Request(s.t, s.server.URL()+s.path("/upload")))
}

// state is everything that a request may change.
type state struct {
	Statuses                                      string
	Contracts, Copies, Loose, Keys, Events, Audit int64
	Attempts                                      int64
	Blobs                                         int
}

func (s *suite) state() state {
	s.t.Helper()
	var at state
	err := s.db.Pool().QueryRow(s.t.Context(), `
		select coalesce((select string_agg(status, ',') from agreement), ''), (select count(*) from contract),
		       (select count(*) from signed_copy), (select count(*) from loose_blob), (select count(*) from idempotency),
		       (select count(*) from outbox), (select count(*) from audit),
		       coalesce((select sum(attempts_left)::bigint from signing_code), 0)::bigint`).
		Scan(&at.Statuses, &at.Contracts, &at.Copies, &at.Loose, &at.Keys, &at.Events, &at.Audit, &at.Attempts)
	if err != nil {
		s.t.Fatal(err)
	}
	err = filepath.WalkDir(s.dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			at.Blobs++
		}
		return err
	})
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

func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:])
}

func TestApprovalMakesTheAgreement(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	s.borrower.Get(s.path("")).WantProblem(http.StatusNotFound, "agreement-not-found")
	granted := streamtest.Envelope(t, event.ApprovalGranted{OnApplication: s.on, OfferID: s.offer.OfferID})
	for range 2 { // delivered twice, made once
		if err := streamtest.TryDeliver(t, s.db, "agreement", s.part.Subscriptions, granted); err != nil {
			t.Fatal(err)
		}
	}
	made := s.get()
	if made.Status != "GENERATED" || made.ScheduleHash != s.offer.ScheduleHash {
		t.Errorf("made %+v", made)
	}
	if got := sum(s.document("current")); got != made.SHA256 {
		t.Errorf("the document has hash %s, the agreement says %s", got, made.SHA256)
	}
	want := event.AgreementGenerated{
		OnApplication: s.on, AgreementID: made.ID, OfferID: s.offer.OfferID,
		ScheduleHash: s.offer.ScheduleHash, SHA256: made.SHA256,
	}
	if diff := cmp.Diff(want, streamtest.Last[event.AgreementGenerated](t, s.db)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	// Calling it is harmless: the same agreement, no second document or event.
	for range 2 {
		var again view
		s.system.Post(s.path("/generate"), nil).Want(http.StatusOK).Into(&again)
		if again != made {
			t.Errorf("generated again: %+v, want %+v", again, made)
		}
	}
	if diff := cmp.Diff([]string{"agreement.generated.v1"}, streamtest.Types(t, s.db)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestAnApprovalThatComesFirstWaits(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	other := event.OnApplication{ApplicationID: uuid.New(), CustomerID: uuid.New()}
	for name, e := range map[string]event.ApprovalGranted{
		"before the acceptance": {OnApplication: other, OfferID: uuid.New()},
		"of another offer":      {OnApplication: s.on, OfferID: uuid.New()},
	} {
		err := streamtest.TryDeliver(t, s.db, "agreement", s.part.Subscriptions, streamtest.Envelope(t, e))
		if !errors.Is(err, stream.ErrNotYet) {
			t.Errorf("%s: %v, want ErrNotYet", name, err)
		}
	}
}

func TestTermsThatDoNotGiveTheAcceptedScheduleMakeNoAgreement(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	for name, change := range map[string]func(*event.Offer){
		"another hash":     func(o *event.Offer) { o.ScheduleHash = strings.Repeat("0", 64) },
		"other terms":      func(o *event.Offer) { o.Terms = offerOf(t, 25).Terms },
		"impossible terms": func(o *event.Offer) { o.Terms = json.RawMessage(`{"instalments":-1}`) },
		"no terms at all":  func(o *event.Offer) { o.Terms = json.RawMessage(`"x"`) },
	} {
		s.on.ApplicationID, s.offer = uuid.New(), offerOf(t, 24)
		change(&s.offer)
		s.deliver(event.ApplicationStageChanged{OnApplication: s.on, To: event.StageApproval},
			event.OfferAccepted{OnApplication: s.on, Offer: s.offer, OfficerID: uuid.New()})
		before := s.state()
		err := streamtest.TryDeliver(t, s.db, "agreement", s.part.Subscriptions,
			streamtest.Envelope(t, event.ApprovalGranted{OnApplication: s.on, OfferID: s.offer.OfferID}))
		if !errors.Is(err, agreement.ErrTerms) {
			t.Errorf("%s: %v, want ErrTerms", name, err)
		}
		s.wantState(before)
		s.system.Post(s.path("/generate"), nil).WantProblem(http.StatusConflict, "wrong-stage")
	}
}

func TestStepsOutOfOrderNameTheStage(t *testing.T) {
	t.Parallel()
	s := newSuite(t)
	steps := func() []*httpapitest.Answer {
		return []*httpapitest.Answer{
			s.borrower.Post(s.path("/esign/code"), nil),
			s.borrower.Post(s.path("/esign"), s.consent("123456")), s.send(s.borrower, uploadtest.PDF("early", "")),
			s.officer.Post(s.path("/review"), map[string]string{"decision": "APPROVE"}),
		}
	}
	before := s.state()
	for i, answer := range append(steps(), s.system.Post(s.path("/generate"), nil)) {
		problem := answer.WantProblem(http.StatusConflict, "wrong-stage")
		if !strings.Contains(problem.Detail, "APPROVAL") || !strings.Contains(problem.Detail, "AGREEMENT") {
			t.Errorf("step %d does not name the stages: %s", i, problem.Detail)
		}
	}
	s.wantState(before)
	// The application may be ahead of the agreement by a moment.
	s.deliver(event.ApplicationStageChanged{OnApplication: s.on, To: event.StageAgreement})
	for _, answer := range append(steps(), s.system.Post(s.path("/generate"), nil)) {
		answer.WantProblem(http.StatusConflict, "wrong-state")
	}
	s.wantState(before)
	s.deliver(event.ApprovalGranted{OnApplication: s.on, OfferID: s.offer.OfferID},
		event.ApplicationStageChanged{OnApplication: s.on, To: event.StageClosed, Outcome: event.OutcomeExpired})
	before = s.state()
	for i, answer := range steps() {
		problem := answer.WantProblem(http.StatusConflict, "wrong-stage")
		if !strings.Contains(problem.Detail, "EXPIRED") {
			t.Errorf("step %d does not name the outcome: %s", i, problem.Detail)
		}
	}
	s.wantState(before)
}

func TestAgreementsOfOthersDoNotExist(t *testing.T) {
	t.Parallel()
	s := approvedSuite(t)
	stranger, partner := s.server.As(uuid.New(), access.Customer), s.server.As(uuid.New(), access.Partner)
	before := s.state()
	for _, client := range []*httpapitest.Client{stranger, partner} {
		client.Get(s.path("")).WantProblem(http.StatusNotFound, "application-not-found")
		client.Get(s.path("/document")).WantProblem(http.StatusNotFound, "application-not-found")
	}
	for _, client := range []*httpapitest.Client{stranger, partner, s.officer, s.system} {
		client.Post(s.path("/esign/code"), nil).WantProblem(http.StatusNotFound, "application-not-found")
		client.Post(s.path("/esign"), s.consent("123456")).WantProblem(http.StatusNotFound, "application-not-found")
		s.send(client, uploadtest.PDF("x", "")).WantProblem(http.StatusNotFound, "application-not-found")
	}
	for _, client := range []*httpapitest.Client{s.borrower, stranger, s.officer} {
		client.Post(s.path("/generate"), nil).WantProblem(http.StatusForbidden, "forbidden")
	}
	approval := map[string]string{"decision": "APPROVE"}
	for _, client := range []*httpapitest.Client{s.borrower, stranger, s.system} {
		client.Post(s.path("/review"), approval).WantProblem(http.StatusForbidden, "forbidden")
	}
	missing := "/api/v1/agreement/" + uuid.NewString()
	s.officer.Get(missing).WantProblem(http.StatusNotFound, "application-not-found")
	s.system.Post(missing+"/generate", nil).WantProblem(http.StatusNotFound, "application-not-found")
	s.officer.Post(missing+"/review", approval).WantProblem(http.StatusNotFound, "application-not-found")
	s.wantState(before)
	s.officer.Get(s.path("")).Want(http.StatusOK)
	s.officer.Get(s.path("/document")).Want(http.StatusOK)
}
