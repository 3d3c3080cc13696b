package approval_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/civil"
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
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/origination/approval"
)

// bench is the service on a database of its own, with one application and the
// persons who deal with it.
type bench struct {
	t         *testing.T
	db        *database.DB
	component *app.Component
	server    *httpapitest.Server
	on        event.OnApplication
	accepted  event.OfferAccepted
	persons   map[string]uuid.UUID
}

var roleOf = map[string]access.Role{
	"internal": access.Internal, "management": access.Manager, "final": access.CreditHead,
}

func setup(t *testing.T) *bench {
	t.Helper()
	db := dbtest.New(t, "approval")
	component, err := approval.New(httpapitest.Env(t, "approval", db))
	if err != nil {
		t.Fatal(err)
	}
	inr := money.MustCurrency("INR")
	on := event.OnApplication{ApplicationID: uuid.New(), CustomerID: uuid.New()}
	return &bench{
		t: t, db: db, component: component, server: httpapitest.New(t, component), on: on,
		persons: map[string]uuid.UUID{"internal": uuid.New(), "management": uuid.New(), "final": uuid.New()},
		accepted: event.OfferAccepted{
			OnApplication: on, OfficerID: uuid.New(),
			Offer: event.Offer{
				OfferID: uuid.New(), Terms: json.RawMessage(`{}`), ScheduleHash: strings.Repeat("ab", 32),
				Principal: money.New(20_000_00, inr), Instalment: money.New(969_73, inr), APRPercent: "17.07",
				ValidUntil: civil.Date{Year: 2026, Month: 12, Day: 1},
			},
		},
	}
}

func (b *bench) deliver(events ...event.Event) {
	b.t.Helper()
	streamtest.Deliver(b.t, b.db, "approval", b.component.Subscriptions, events...)
}

func (b *bench) create() {
	b.deliver(event.ApplicationCreated{OnApplication: b.on, Amount: b.accepted.Principal},
		event.ApplicationStageChanged{OnApplication: b.on, From: event.StageRisk, To: event.StageDiscussion})
}

func (b *bench) open() {
	b.create()
	b.deliver(b.accepted,
		event.ApplicationStageChanged{OnApplication: b.on, From: event.StageDiscussion, To: event.StageApproval})
}

func (b *bench) path(level string) string {
	return "/api/v1/approval/" + b.on.ApplicationID.String() + "/" + level
}

// decide has the level's own person decide.
func (b *bench) decide(level, verdict string) *httpapitest.Answer {
	b.t.Helper()
	return b.decideAs(level, b.persons[level], verdict)
}

func (b *bench) decideAs(level string, person uuid.UUID, verdict string) *httpapitest.Answer {
	b.t.Helper()
	body := map[string]string{"decision": verdict, "comment": "looked at it"}
	return b.server.As(person, roleOf[level]).Post(b.path(level), body)
}

type caseView struct {
	OfferID   uuid.UUID `json:"offer_id"`
	Stage     string    `json:"stage"`
	Principal struct {
		Amount string `json:"amount"`
	} `json:"principal"`
	Decisions []struct {
		Level     string    `json:"level"`
		Decision  string    `json:"decision"`
		DecidedBy uuid.UUID `json:"decided_by"`
	} `json:"decisions"`
}

func (b *bench) view() caseView {
	b.t.Helper()
	var view caseView
	path := "/api/v1/approval/" + b.on.ApplicationID.String()
	b.server.As(uuid.New(), access.Officer).Get(path).Want(http.StatusOK).Into(&view)
	return view
}

// wantUntouched fails the test unless the case stands where it stood when it was opened.
func (b *bench) wantUntouched() {
	b.t.Helper()
	view := b.view()
	if view.Stage != "INTERNAL" || len(view.Decisions) != 0 {
		b.t.Errorf("case moved: %+v", view)
	}
	if types := streamtest.Types(b.t, b.db); len(types) != 0 {
		b.t.Errorf("announced %v", types)
	}
	var audits int
	err := b.db.Pool().QueryRow(context.Background(), `select count(*) from audit`).Scan(&audits)
	if err != nil || audits != 1 {
		b.t.Errorf("%d audit rows (%v), want the opening alone", audits, err)
	}
}

func TestThreeLevelsGrant(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	for i, level := range []string{"internal", "management", "final"} {
		var view caseView
		b.decide(level, "APPROVE").Want(http.StatusOK).Into(&view)
		if want := []string{"MANAGEMENT", "FINAL", "GRANTED"}[i]; view.Stage != want {
			t.Errorf("stage after %s: %s, want %s", level, view.Stage, want)
		}
	}
	want := []string{"approval.recorded.v1", "approval.recorded.v1", "approval.recorded.v1", "approval.granted.v1"}
	if diff := cmp.Diff(want, streamtest.Types(t, b.db)); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
	granted := event.ApprovalGranted{OnApplication: b.on, OfferID: b.accepted.OfferID}
	if diff := cmp.Diff(granted, streamtest.Last[event.ApprovalGranted](t, b.db)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	view := b.view()
	if len(view.Decisions) != 3 || view.Decisions[2].DecidedBy != b.persons["final"] ||
		view.Principal.Amount != "20000.00" || view.OfferID != b.accepted.OfferID {
		t.Errorf("case %+v", view)
	}
	problem := b.decideAs("final", uuid.New(), "REJECT").WantProblem(http.StatusConflict, "wrong-level")
	if !strings.Contains(problem.Detail, "GRANTED") {
		t.Errorf("detail %q does not name the stage", problem.Detail)
	}
	err := database.InReadTx(context.Background(), b.db, func(tx database.Tx) error {
		rows, err := command.VerifyAudit(context.Background(), tx, b.on.ApplicationID)
		if rows != 4 {
			t.Errorf("%d audit rows, want the opening and three decisions", rows)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAnyRejectionEnds(t *testing.T) {
	t.Parallel()
	levels := []string{"internal", "management", "final"}
	for last := range levels {
		t.Run(levels[last], func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.open()
			for _, level := range levels[:last] {
				b.decide(level, "APPROVE").Want(http.StatusOK)
			}
			b.decide(levels[last], "REJECT").Want(http.StatusOK)
			want := event.ApprovalRejected{
				OnApplication: b.on, Level: strings.ToUpper(levels[last]), ApproverID: b.persons[levels[last]],
				Reason: "looked at it",
			}
			if diff := cmp.Diff(want, streamtest.Last[event.ApprovalRejected](t, b.db)); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
			for _, level := range levels {
				b.decideAs(level, uuid.New(), "APPROVE").WantProblem(http.StatusConflict, "wrong-level")
			}
			if stage := b.view().Stage; stage != "REJECTED" {
				t.Errorf("stage %s", stage)
			}
			if got := len(streamtest.Types(t, b.db)); got != last+1 {
				t.Errorf("%d events, want %d", got, last+1)
			}
		})
	}
}

func TestOutOfOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.decide("internal", "APPROVE").WantProblem(http.StatusNotFound, "application-not-found")
	b.create()
	problem := b.decide("internal", "APPROVE").WantProblem(http.StatusConflict, "wrong-stage")
	want := "application is at another stage: it is at DISCUSSION, this step needs APPROVAL"
	if problem.Detail != want {
		t.Errorf("detail %q, want %q", problem.Detail, want)
	}
	b.server.As(uuid.New(), access.Officer).Get("/api/v1/approval/"+b.on.ApplicationID.String()).
		WantProblem(http.StatusNotFound, "approval-not-found")
	b.open()
	for _, level := range []string{"management", "final"} {
		problem := b.decide(level, "APPROVE").WantProblem(http.StatusConflict, "wrong-level")
		if !strings.Contains(problem.Detail, strings.ToUpper(level)) || !strings.Contains(problem.Detail, "INTERNAL") {
			t.Errorf("detail %q names not level and stage", problem.Detail)
		}
	}
	b.wantUntouched()
}

func TestFourEyes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	b.decideAs("internal", b.accepted.OfficerID, "APPROVE").WantProblem(http.StatusForbidden, "four-eyes")
	b.decideAs("internal", b.on.CustomerID, "APPROVE").WantProblem(http.StatusForbidden, "four-eyes")
	b.wantUntouched()
	b.decide("internal", "APPROVE").Want(http.StatusOK)
	b.decideAs("management", b.persons["internal"], "APPROVE").WantProblem(http.StatusForbidden, "four-eyes")
	b.decideAs("management", b.persons["internal"], "REJECT").WantProblem(http.StatusForbidden, "four-eyes")
	b.decide("management", "APPROVE").Want(http.StatusOK)
	b.decideAs("final", b.persons["internal"], "APPROVE").WantProblem(http.StatusForbidden, "four-eyes")
	b.decideAs("final", b.accepted.OfficerID, "APPROVE").WantProblem(http.StatusForbidden, "four-eyes")
	if got := len(b.view().Decisions); got != 2 {
		t.Errorf("%d decisions, want 2", got)
	}
}

func TestRepeats(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	client := b.server.As(b.persons["internal"], access.Internal).WithKey("once")
	body := map[string]string{"decision": "APPROVE"}
	first := client.Post(b.path("internal"), body).Want(http.StatusOK)
	again := client.Post(b.path("internal"), body).Want(http.StatusOK)
	if string(first.Body) != string(again.Body) || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("same key: %s, first %s", again.Body, first.Body)
	}
	client.Post(b.path("internal"), map[string]string{"decision": "REJECT", "comment": "no"}).
		WantProblem(http.StatusUnprocessableEntity, "idempotency-key-reused")
	b.decide("internal", "APPROVE").WantProblem(http.StatusConflict, "wrong-level")
	if got := len(streamtest.Types(t, b.db)); got != 1 {
		t.Errorf("%d events, want 1", got)
	}
}

// TestOneOfManyWins has many persons decide at once: one does.
func TestOneOfManyWins(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	const persons = 8
	var wait sync.WaitGroup
	statuses := make([]int, persons)
	clients := make([]*httpapitest.Client, persons)
	for i := range clients {
		clients[i] = b.server.As(uuid.New(), access.Internal).Patient()
	}
	for i := range persons {
		wait.Go(func() {
			statuses[i] = clients[i].Post(b.path("internal"), map[string]string{"decision": "APPROVE"}).Status
		})
	}
	wait.Wait()
	counts := map[int]int{}
	for _, status := range statuses {
		counts[status]++
	}
	if diff := cmp.Diff(map[int]int{http.StatusOK: 1, http.StatusConflict: persons - 1}, counts); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if got := len(b.view().Decisions); got != 1 {
		t.Errorf("%d decisions, want 1", got)
	}
}

func TestAcceptanceDeliveredTwiceOpensOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.create()
	envelope := streamtest.Envelope(t, b.accepted)
	for range 2 {
		if err := streamtest.TryDeliver(t, b.db, "approval", b.component.Subscriptions, envelope); err != nil {
			t.Fatal(err)
		}
	}
	b.decide("internal", "APPROVE").Want(http.StatusOK)
	b.deliver(b.accepted) // announced again under another id
	if view := b.view(); view.Stage != "MANAGEMENT" || len(view.Decisions) != 1 {
		t.Errorf("case %+v", view)
	}
}

func TestBadInputLeavesNoTrace(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	client := b.server.As(b.persons["internal"], access.Internal)
	post := func(body any) *httpapitest.Answer { return client.Post(b.path("internal"), body) }
	post(map[string]any{"decision": "REJECT"}).
		WantProblem(http.StatusUnprocessableEntity, "invalid-value").WantField(t, "body.comment")
	post(map[string]any{"decision": "REJECT", "comment": "  "}).
		WantProblem(http.StatusUnprocessableEntity, "invalid-value").WantField(t, "body.comment")
	post(map[string]any{"decision": "PERHAPS"}).
		WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, "body.decision")
	post(map[string]any{"decision": "APPROVE", "by": "me"}).
		WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, "body.by")
	post(map[string]any{"decision": "REJECT", "comment": strings.Repeat("x", 1001)}).
		WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, "body.comment")
	post(`{"decision":`).Want(http.StatusBadRequest)
	client.WithKey("-").Post(b.path("internal"), map[string]string{"decision": "APPROVE"}).
		WantProblem(http.StatusBadRequest, "idempotency-key-missing")
	b.wantUntouched()
}

func TestRoles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	for level, allowed := range roleOf {
		b.server.Anonymous().Post(b.path(level), map[string]string{"decision": "APPROVE"}).
			WantProblem(http.StatusUnauthorized, "unauthenticated")
		for _, role := range access.Roles {
			if role == allowed {
				continue
			}
			b.server.As(uuid.New(), role).Post(b.path(level), map[string]string{"decision": "APPROVE"}).
				WantProblem(http.StatusForbidden, "forbidden")
		}
	}
	path := "/api/v1/approval/" + b.on.ApplicationID.String()
	for _, role := range access.Roles {
		want := http.StatusForbidden
		for _, staff := range access.Staff {
			if role == staff {
				want = http.StatusOK
			}
		}
		if got := b.server.As(uuid.New(), role).Get(path).Status; got != want {
			t.Errorf("read as %s: status %d, want %d", role, got, want)
		}
	}
	b.wantUntouched()
	missing := fmt.Sprintf("/api/v1/approval/%s/internal", uuid.New())
	b.server.As(uuid.New(), access.Internal).Post(missing, map[string]string{"decision": "APPROVE"}).
		WantProblem(http.StatusNotFound, "application-not-found")
}
