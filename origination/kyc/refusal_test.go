package kyc_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/origination/kyc"
)

func TestBadInput(t *testing.T) {
	t.Parallel()
	b := setup(t)
	open, given, seen := b.submitted(), b.assigned(), b.verified(findings())
	long := strings.Repeat("x", kyc.NotesMax+1)
	noNotes := with("income", check("FAIL", "  "))
	unknown := with("horoscope", check("PASS", ""))
	endless := with("address", check("PASS", long))
	absent := with("sanctions", nil)
	tests := []struct {
		answer   func() *httpapitest.Answer
		location string
	}{
		{func() *httpapitest.Answer {
			return open.asManager.Post(open.path("assign"), map[string]any{"officer_id": "Bob"})
		}, "body.officer_id"},
		{
			func() *httpapitest.Answer { return open.asManager.Post(open.path("assign"), assignTo(uuid.Nil)) },
			"body.officer_id",
		},
		{
			func() *httpapitest.Answer { return open.asManager.Post("/api/v1/kyc/7/assign", assignTo(open.officer)) },
			"path.appId",
		},
		{
			func() *httpapitest.Answer { return given.asOfficer.Put(given.path("verify"), noNotes) },
			"body.checks.income.notes",
		},
		{
			func() *httpapitest.Answer { return given.asOfficer.Put(given.path("verify"), unknown) },
			"body.checks.horoscope",
		},
		{
			func() *httpapitest.Answer { return given.asOfficer.Put(given.path("verify"), endless) },
			"body.checks.address.notes",
		},
		{func() *httpapitest.Answer { return given.asOfficer.Put(given.path("verify"), absent) }, "body.checks.sanctions"},
		{
			func() *httpapitest.Answer { return seen.asManager.Post(seen.path("decision"), decide("MAYBE", "")) },
			"body.decision",
		},
		{
			func() *httpapitest.Answer { return seen.asManager.Post(seen.path("decision"), decide("REJECT", "")) },
			"body.reason",
		},
		{
			func() *httpapitest.Answer {
				return seen.asManager.Post(seen.path("decision"), decide("REJECT", "UGLY"))
			},
			"body.reason",
		},
		{
			func() *httpapitest.Answer {
				return seen.asManager.Post(seen.path("decision"), decide("APPROVE", "OTHER"))
			},
			"body.reason",
		},
		{func() *httpapitest.Answer {
			return seen.asManager.Post(seen.path("decision"), map[string]any{"decision": "APPROVE", "note": "a\x00b"})
		}, "body.note"},
	}
	b.unchanged(func() {
		for i, tc := range tests {
			t.Log(i, tc.location)
			tc.answer().WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, tc.location)
		}
		given.asManager.WithKey("-").Post(open.path("assign"), assignTo(open.officer)).
			WantProblem(http.StatusBadRequest, "idempotency-key-missing")
		for query, location := range map[string]string{
			"?status=LOST": "query.status", "?officer_id=7": "query.officer_id", "?cursor=x": "query.cursor",
		} {
			open.asOfficer.Get(queuePath+query).
				WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, location)
		}
	})
}

func TestRepeatedRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.verified(findings())
	manager := p.asManager.WithKey("decide-once")
	first := manager.Post(p.path("decision"), decide("APPROVE", "")).Want(http.StatusOK)
	before := b.count()
	again := manager.Post(p.path("decision"), decide("APPROVE", "")).Want(http.StatusOK)
	if string(first.Body) != string(again.Body) || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("repeated: %s, want %s", again.Body, first.Body)
	}
	changed := decide("APPROVE", "")
	changed["note"] = "another note"
	manager.Post(p.path("decision"), changed).WantProblem(http.StatusUnprocessableEntity, "idempotency-key-reused")
	if diff := cmp.Diff(before, b.count()); diff != "" {
		t.Errorf("repeating left traces (-before +after):\n%s", diff)
	}
}

// TestOneDecision lets managers decide at once: one of them does.
func TestOneDecision(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.verified(findings())
	const managers = 5
	statuses := make(chan int, managers)
	for i := range managers {
		body := decide("APPROVE", "")
		if i%2 == 1 {
			body = decide("REJECT", "OTHER")
		}
		manager := b.server.As(uuid.New(), access.Manager).Patient()
		go func() { statuses <- manager.Post(p.path("decision"), body).Status }()
	}
	got := make(map[int]int)
	for range managers {
		got[<-statuses]++
	}
	if diff := cmp.Diff(map[int]int{http.StatusOK: 1, http.StatusConflict: managers - 1}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	decided := slices.DeleteFunc(streamtest.Types(t, b.db), func(s string) bool {
		return s != "kyc.approved.v1" && s != "kyc.rejected.v1"
	})
	if len(decided) != 1 {
		t.Errorf("announced %q, want one decision", decided)
	}
}
