package kyc_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
)

// TestEvidenceIsNeeded withdraws a document before the officer looks.
func TestEvidenceIsNeeded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.created()
	identity := p.document("IDENTITY")
	b.deliver(identity, p.document("INCOME"), event.ApplicationSubmitted{
		OnApplication: p.on(), Amount: amount(), MonthlyIncome: amount(), MonthlyObligations: amount(),
	})
	withdrawn := event.DocumentDeleted{OnApplication: p.on(), DocumentID: identity.DocumentID, Kind: "IDENTITY"}
	b.deliver(withdrawn, identity) // told late once more: it stays withdrawn
	p.asManager.Post(p.path("assign"), assignTo(p.officer)).Want(http.StatusOK)
	b.unchanged(func() {
		p.asOfficer.Put(p.path("verify"), findings()).WantProblem(http.StatusConflict, "kyc-evidence-missing")
	})
	b.deliver(p.document("IDENTITY"))
	p.asOfficer.Put(p.path("verify"), findings()).Want(http.StatusOK)
}

// TestNewEvidenceVoidsFindings changes the documents under a verified review.
func TestNewEvidenceVoidsFindings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.verified(findings())
	b.deliver(p.document("OTHER"))
	b.unchanged(func() {
		p.asManager.Post(p.path("decision"), decide("APPROVE", "")).WantProblem(http.StatusConflict, "kyc-not-verified")
	})
	if got := b.queue(""); got[0].Status != "ASSIGNED" || len(got[0].Findings) != 0 || len(got[0].Evidence) != 3 {
		t.Errorf("after new evidence: %+v", got[0])
	}
	p.asOfficer.Put(p.path("verify"), findings()).Want(http.StatusOK)
	p.asManager.Post(p.path("decision"), decide("APPROVE", "")).Want(http.StatusOK)
	b.deliver(p.document("OTHER")) // after the decision it changes nothing
	if got := b.queue(""); got[0].Status != "APPROVED" || len(got[0].Findings) != 4 {
		t.Errorf("after the decision: %+v", got[0])
	}
}

// TestFindingsCanBeCorrected hands in other findings before the decision.
func TestFindingsCanBeCorrected(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.verified(failing("address"))
	p.asOfficer.Put(p.path("verify"), findings()).Want(http.StatusOK)
	for _, f := range b.queue("")[0].Findings {
		if f.Result != "PASS" || f.Notes == "Canary says otherwise" {
			t.Errorf("finding %+v is still there", f)
		}
	}
	p.asManager.Post(p.path("decision"), decide("APPROVE", "")).Want(http.StatusOK)
}

// TestQueue lists reviews of several ages, officers and statuses page by page.
func TestQueue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	officer := uuid.New()
	var oldestFirst []uuid.UUID
	for i := range 5 {
		p := b.created()
		submitted := streamtest.Envelope(t, event.ApplicationSubmitted{
			OnApplication: p.on(), Amount: amount(), MonthlyIncome: amount(), MonthlyObligations: amount(),
		})
		submitted.Time = later(i)
		if err := streamtest.TryDeliver(t, b.db, "kyc", b.component.Subscriptions, submitted); err != nil {
			t.Fatal(err)
		}
		if i%2 == 1 {
			p.asManager.Post(p.path("assign"), assignTo(officer)).Want(http.StatusOK)
		}
		oldestFirst = append(oldestFirst, p.application)
	}
	for query, want := range map[string][]uuid.UUID{
		"":                                oldestFirst,
		"&status=OPEN":                    {oldestFirst[0], oldestFirst[2], oldestFirst[4]},
		"&status=ASSIGNED":                {oldestFirst[1], oldestFirst[3]},
		"&officer_id=" + officer.String(): {oldestFirst[1], oldestFirst[3]},
		"&status=OPEN&officer_id=" + officer.String(): {},
	} {
		got := []uuid.UUID{}
		for _, i := range b.queue(query) {
			got = append(got, i.ApplicationID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", query, diff)
		}
	}
}

// TestSubmittedTwice opens one review however often it is told.
func TestSubmittedTwice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.assigned()
	b.unchanged(func() {
		b.deliver(event.ApplicationSubmitted{
			OnApplication: p.on(), Amount: amount(), MonthlyIncome: amount(), MonthlyObligations: amount(),
		})
	})
}

// TestErasure destroys a person's key: the notes are gone, the review stays.
func TestErasure(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.verified(findings())
	_, err := b.db.Pool().Exec(t.Context(), `delete from subject_key where customer_id = $1`, p.customer)
	if err != nil {
		t.Fatal(err)
	}
	got := b.queue("")
	if len(got) != 1 || got[0].Status != "VERIFIED" || len(got[0].Findings) != 4 {
		t.Fatalf("queue %+v", got)
	}
	for _, f := range got[0].Findings {
		if f.Notes != "" || f.Result != "PASS" {
			t.Errorf("finding %+v, want no notes", f)
		}
	}
}

// TestTwoApplicationsOfOneCustomer verify at once and share one key.
func TestTwoApplicationsOfOneCustomer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, second := b.submitted(), people{application: uuid.New(), officer: uuid.New()}
	second.customer = first.customer
	b.deliver(event.ApplicationCreated{OnApplication: second.on(), Amount: amount()},
		second.document("IDENTITY"), second.document("INCOME"),
		event.ApplicationSubmitted{
			OnApplication: second.on(), Amount: amount(), MonthlyIncome: amount(), MonthlyObligations: amount(),
		})
	statuses := make(chan int, 2)
	for _, p := range []people{first, second} {
		first.asManager.Post(p.path("assign"), assignTo(p.officer)).Want(http.StatusOK)
	}
	for _, p := range []people{first, second} {
		officer := b.server.As(p.officer, access.Officer).Patient()
		go func() { statuses <- officer.Put(p.path("verify"), findings()).Status }()
	}
	for range 2 {
		if status := <-statuses; status != http.StatusOK {
			t.Errorf("status %d", status)
		}
	}
	if keys := b.count()["subject_key"]; keys != 1 {
		t.Errorf("%d keys, want 1", keys)
	}
	for _, i := range b.queue("") {
		if len(i.Findings) != 4 || i.Findings[1].Notes == "" {
			t.Errorf("findings %+v", i.Findings)
		}
	}
}
