package kyc_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/privacy/privacytest"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/origination/kyc"
)

const queuePath = "/api/v1/kyc/queue"

// bundle is the service under test on a database of its own.
type bundle struct {
	t         *testing.T
	db        *database.DB
	env       *app.Env
	component *app.Component
	server    *httpapitest.Server
}

func setup(t *testing.T) *bundle {
	t.Helper()
	db := dbtest.New(t, "kyc")
	env := httpapitest.Env(t, "kyc", db)
	component, err := kyc.New(env)
	if err != nil {
		t.Fatal(err)
	}
	return &bundle{t: t, db: db, env: env, component: component, server: httpapitest.New(t, component)}
}

// people are a borrower with an application and the staff around it.
type people struct {
	application, customer, officer, manager uuid.UUID
	asOfficer, asManager                    *httpapitest.Client
}

// created is an application that is not handed in yet.
func (b *bundle) created() people {
	b.t.Helper()
	p := people{application: uuid.New(), customer: uuid.New(), officer: uuid.New(), manager: uuid.New()}
	p.asOfficer, p.asManager = b.server.As(p.officer, access.Officer), b.server.As(p.manager, access.Manager)
	b.deliver(event.ApplicationCreated{OnApplication: p.on(), Product: "MICRO_LOAN", Amount: amount()})
	return p
}

// submitted is an application with its documents, handed in for review.
func (b *bundle) submitted() people {
	b.t.Helper()
	p := b.created()
	b.deliver(p.document("IDENTITY"), p.document("INCOME"),
		event.ApplicationSubmitted{
			OnApplication: p.on(), Product: "MICRO_LOAN", Amount: amount(), Instalments: 24, Purpose: "BUSINESS",
			MonthlyIncome: amount(), MonthlyObligations: amount(),
		},
		event.ApplicationStageChanged{OnApplication: p.on(), From: event.StageInput, To: event.StageKYC})
	return p
}

// assigned and verified are submitted applications that have come further.
func (b *bundle) assigned() people {
	b.t.Helper()
	p := b.submitted()
	p.asManager.Post(p.path("assign"), assignTo(p.officer)).Want(http.StatusOK)
	return p
}

func (b *bundle) verified(checks any) people {
	b.t.Helper()
	p := b.assigned()
	p.asOfficer.Put(p.path("verify"), checks).Want(http.StatusOK)
	return p
}

func (b *bundle) deliver(events ...event.Event) {
	b.t.Helper()
	streamtest.Deliver(b.t, b.db, "kyc", b.component.Subscriptions, events...)
}

func (p people) on() event.OnApplication {
	return event.OnApplication{ApplicationID: p.application, CustomerID: p.customer}
}

func (p people) path(step string) string { return "/api/v1/kyc/" + p.application.String() + "/" + step }

func (p people) document(kind string) event.DocumentUploaded {
	return event.DocumentUploaded{
		OnApplication: p.on(), DocumentID: uuid.New(), Kind: kind, ContentType: "application/pdf", SHA256: "ab", Size: 7,
	}
}

func amount() money.Amount { return money.New(20_000_00, money.MustCurrency("INR")) }

func assignTo(officer uuid.UUID) map[string]any { return map[string]any{"officer_id": officer} }

func check(result, notes string) map[string]any {
	return map[string]any{"result": result, "notes": notes}
}

// findings have notes with canaries that must stay sealed.
func findings() map[string]any {
	return map[string]any{"checks": map[string]any{
		"identity": check("PASS", "Passport of Canary Asha matches"), "address": check("PASS", ""),
		"income": check("PASS", "Earns 31337 at Canary Tailors"), "sanctions": check("PASS", ""),
	}}
}

// with has another result for one check, none for nil.
func with(name string, result any) map[string]any {
	body := findings()
	checks, _ := body["checks"].(map[string]any)
	checks[name] = result
	if result == nil {
		delete(checks, name)
	}
	return body
}

func failing(name string) map[string]any { return with(name, check("FAIL", "Canary says otherwise")) }

func decide(verdict, reason string) map[string]any {
	body := map[string]any{"decision": verdict, "note": "Canary note of the manager"}
	if reason != "" {
		body["reason"] = reason
	}
	return body
}

func (b *bundle) count() map[string]int64 {
	b.t.Helper()
	counts := make(map[string]int64)
	for _, table := range []string{"review", "review_check", "subject_key", "outbox", "audit", "idempotency"} {
		var n int64
		err := b.db.Pool().QueryRow(context.Background(), "select count(*) from "+table).Scan(&n)
		if err != nil {
			b.t.Fatal(err)
		}
		counts[table] = n
	}
	return counts
}

// unchanged fails the test if the steps leave a trace.
func (b *bundle) unchanged(steps func()) {
	b.t.Helper()
	before, status := b.count(), b.statuses()
	steps()
	if diff := cmp.Diff(before, b.count()); diff != "" {
		b.t.Errorf("refused steps left traces (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(status, b.statuses()); diff != "" {
		b.t.Errorf("refused steps changed reviews (-before +after):\n%s", diff)
	}
}

type finding struct {
	Check  string `json:"check"`
	Result string `json:"result"`
	Notes  string `json:"notes"`
}

type item struct {
	ApplicationID uuid.UUID  `json:"application_id"`
	CustomerID    uuid.UUID  `json:"customer_id"`
	Status        string     `json:"status"`
	OfficerID     *uuid.UUID `json:"officer_id"`
	Reason        string     `json:"reason"`
	Evidence      []struct {
		Kind string `json:"kind"`
	} `json:"evidence"`
	Findings []finding `json:"findings"`
}

type page struct {
	Items []item `json:"items"`
	Next  string `json:"next_cursor"`
}

// queue reads all pages of the queue.
func (b *bundle) queue(query string) []item {
	b.t.Helper()
	officer := b.server.As(uuid.New(), access.Officer)
	items := []item{}
	for next := ""; ; {
		var got page
		officer.Get(queuePath + "?limit=2" + query + "&cursor=" + next).Want(http.StatusOK).Into(&got)
		items = append(items, got.Items...)
		if next = got.Next; next == "" {
			return items
		}
	}
}

func (b *bundle) statuses() map[uuid.UUID]string {
	b.t.Helper()
	statuses := make(map[uuid.UUID]string)
	for _, i := range b.queue("") {
		statuses[i.ApplicationID] = i.Status
	}
	return statuses
}

func TestReviewIsApproved(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.submitted()
	var outcome struct {
		Status   string `json:"status"`
		Passed   *bool  `json:"passed"`
		Evidence []struct {
			Kind string `json:"kind"`
		} `json:"evidence"`
	}
	p.asManager.Post(p.path("assign"), assignTo(p.officer)).Want(http.StatusOK).Into(&outcome)
	if outcome.Status != "ASSIGNED" || len(outcome.Evidence) != 2 {
		t.Errorf("assigned: %+v, want two pieces of evidence", outcome)
	}
	p.asOfficer.Put(p.path("verify"), findings()).Want(http.StatusOK).Into(&outcome)
	if outcome.Status != "VERIFIED" || outcome.Passed == nil || !*outcome.Passed {
		t.Errorf("verified: %+v", outcome)
	}
	got := b.queue("")
	want := []finding{
		{"ADDRESS", "PASS", ""},
		{"IDENTITY", "PASS", "Passport of Canary Asha matches"},
		{"INCOME", "PASS", "Earns 31337 at Canary Tailors"},
		{"SANCTIONS", "PASS", ""},
	}
	if diff := cmp.Diff(want, got[0].Findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	p.asManager.Post(p.path("decision"), decide("APPROVE", "")).Want(http.StatusOK).Into(&outcome)
	if outcome.Status != "APPROVED" {
		t.Errorf("decided: %+v", outcome)
	}
	types := []string{"kyc.assigned.v1", "kyc.verified.v1", "kyc.approved.v1"}
	if diff := cmp.Diff(types, streamtest.Types(t, b.db)); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
	wantVerified := event.KYCVerified{OnApplication: p.on(), OfficerID: p.officer, Passed: true}
	if diff := cmp.Diff(wantVerified, streamtest.Last[event.KYCVerified](t, b.db)); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
	wantApproved := event.KYCApproved{OnApplication: p.on(), ManagerID: p.manager}
	if diff := cmp.Diff(wantApproved, streamtest.Last[event.KYCApproved](t, b.db)); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
	var rows int64
	err := database.InReadTx(t.Context(), b.db, func(tx database.Tx) error {
		var err error
		rows, err = command.VerifyAudit(t.Context(), tx, p.application)
		return err
	})
	if err != nil || rows != 4 { // opened, assigned, verified, decided
		t.Errorf("audit chain has %d rows (%v), want 4", rows, err)
	}
	privacytest.WantAbsent(t, b.db, "Canary")
}

func TestReviewIsRejected(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.verified(failing("sanctions"))
	b.unchanged(func() {
		p.asManager.Post(p.path("decision"), decide("APPROVE", "")).WantProblem(http.StatusConflict, "kyc-check-failed")
	})
	p.asManager.Post(p.path("decision"), decide("REJECT", "SANCTIONS_MATCH")).Want(http.StatusOK)
	want := event.KYCRejected{OnApplication: p.on(), ManagerID: p.manager, Reason: "SANCTIONS_MATCH"}
	if diff := cmp.Diff(want, streamtest.Last[event.KYCRejected](t, b.db)); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
	if got := b.queue("&status=REJECTED"); len(got) != 1 || got[0].Reason != "SANCTIONS_MATCH" {
		t.Errorf("queue %+v", got)
	}
	privacytest.WantAbsent(t, b.db, "Canary")
}

// TestStepsOutOfOrder takes every step at every point where it is not due.
func TestStepsOutOfOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	early, open, given, seen := b.created(), b.submitted(), b.assigned(), b.verified(findings())
	done := b.verified(findings())
	done.asManager.Post(done.path("decision"), decide("APPROVE", "")).Want(http.StatusOK)
	b.unchanged(func() {
		for _, answer := range []*httpapitest.Answer{
			early.asManager.Post(early.path("assign"), assignTo(early.officer)),
			early.asOfficer.Put(early.path("verify"), findings()),
			early.asManager.Post(early.path("decision"), decide("APPROVE", "")),
		} {
			problem := answer.WantProblem(http.StatusConflict, "wrong-stage")
			if !strings.Contains(problem.Detail, "INPUT") || !strings.Contains(problem.Detail, "KYC_REVIEW") {
				t.Errorf("the problem does not name the stages: %s", problem.Detail)
			}
		}
		open.asOfficer.Put(open.path("verify"), findings()).WantProblem(http.StatusConflict, "kyc-not-assigned")
		for _, p := range []people{open, given} {
			p.asManager.Post(p.path("decision"), decide("APPROVE", "")).WantProblem(http.StatusConflict, "kyc-not-verified")
			p.asManager.Post(p.path("decision"), decide("REJECT", "OTHER")).
				WantProblem(http.StatusConflict, "kyc-not-verified")
		}
		seen.asManager.Post(seen.path("assign"), assignTo(uuid.New())).WantProblem(http.StatusConflict, "kyc-verified")
		done.asManager.Post(done.path("assign"), assignTo(uuid.New())).WantProblem(http.StatusConflict, "kyc-decided")
		done.asOfficer.Put(done.path("verify"), findings()).WantProblem(http.StatusConflict, "kyc-decided")
		done.asManager.Post(done.path("decision"), decide("REJECT", "OTHER")).
			WantProblem(http.StatusConflict, "kyc-decided")
	})
}

func TestHands(t *testing.T) {
	t.Parallel()
	b := setup(t)
	given, seen := b.assigned(), b.verified(findings())
	both := b.server.As(seen.officer, access.Officer, access.Manager)
	b.unchanged(func() {
		b.server.As(uuid.New(), access.Officer).Put(given.path("verify"), findings()).
			WantProblem(http.StatusForbidden, "kyc-not-your-review")
		both.Post(seen.path("decision"), decide("APPROVE", "")).WantProblem(http.StatusForbidden, "four-eyes")
		both.Post(seen.path("decision"), decide("REJECT", "OTHER")).WantProblem(http.StatusForbidden, "four-eyes")
	})
	// Given to somebody else, the first officer has nothing more to say.
	next := uuid.New()
	given.asManager.Post(given.path("assign"), assignTo(next)).Want(http.StatusOK)
	given.asOfficer.Put(given.path("verify"), findings()).WantProblem(http.StatusForbidden, "kyc-not-your-review")
	b.server.As(next, access.Officer).Put(given.path("verify"), findings()).Want(http.StatusOK)
}

func TestRoles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p, missing := b.submitted(), people{application: uuid.New()}
	steps := map[string]struct {
		role access.Role
		call func(*httpapitest.Client, people) *httpapitest.Answer
	}{
		"queue": {access.Officer, func(c *httpapitest.Client, _ people) *httpapitest.Answer { return c.Get(queuePath) }},
		"assign": {access.Manager, func(c *httpapitest.Client, p people) *httpapitest.Answer {
			return c.Post(p.path("assign"), assignTo(uuid.New()))
		}},
		"verify": {access.Officer, func(c *httpapitest.Client, p people) *httpapitest.Answer {
			return c.Put(p.path("verify"), findings())
		}},
		"decision": {access.Manager, func(c *httpapitest.Client, p people) *httpapitest.Answer {
			return c.Post(p.path("decision"), decide("APPROVE", ""))
		}},
	}
	b.unchanged(func() {
		for name, step := range steps {
			for _, role := range access.Roles {
				if role != step.role {
					step.call(b.server.As(p.customer, role), p).WantProblem(http.StatusForbidden, "forbidden")
				}
			}
			step.call(b.server.Anonymous(), p).WantProblem(http.StatusUnauthorized, "unauthenticated")
			if name != "queue" {
				step.call(b.server.As(uuid.New(), step.role), missing).
					WantProblem(http.StatusNotFound, "application-not-found")
			}
		}
	})
}

// TestDocumentation makes the API as the documentation does: without a database.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	component, err := kyc.New(httpapitest.Env(t, "kyc", nil))
	if err != nil {
		t.Fatal(err)
	}
	httpapitest.New(t, component)
}

// later is an instant after the begin of a test's story.
func later(n int) time.Time { return time.Unix(1_700_000_000+int64(n), 0).UTC() }
