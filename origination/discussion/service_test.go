package discussion_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/origination/discussion"
)

func TestOfferShowsPublishedKeyFacts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	o := b.offer(illustration())
	facts := o.KeyFacts
	got := []string{
		facts.NetDisbursed.Amount, facts.Instalment.Amount, facts.TotalCharges.Amount, facts.LenderCharges.Amount,
		facts.ThirdPartyCharges.Amount, facts.APRPercent, facts.Effective, o.Disbursement, o.ValidUntil, o.Status,
	}
	want := []string{
		"19600.00", "969.73", "400.00", "240.00", "160.00", "17.07", "18.47", "2026-11-23", "2026-12-07", "OPEN",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("key facts (-want +got):\n%s", diff)
	}
	last := o.Schedule[len(o.Schedule)-1]
	if len(o.Schedule) != 24 || o.Schedule[0].DueDate != "2026-12-23" || last.DueDate != "2028-11-23" ||
		last.Balance.Amount != "0.00" {
		t.Errorf("schedule of %d rows, last %+v", len(o.Schedule), last)
	}
	if diff := cmp.Diff(o, b.current()); diff != "" {
		t.Errorf("read again (-made +read):\n%s", diff)
	}
	made := streamtest.Last[event.OfferMade](t, b.db)
	if made.OfferID != o.ID || made.Instalment != rupees(969_73) || made.APRPercent != "17.07" ||
		made.OnApplication != b.on {
		t.Errorf("event %+v", made)
	}
	var terms amortization.Terms
	if err := json.Unmarshal(made.Terms, &terms); err != nil {
		t.Fatal(err)
	}
	schedule, err := amortization.New(terms)
	if err != nil {
		t.Fatal(err)
	}
	if schedule.Hash() != made.ScheduleHash || made.ScheduleHash != o.ScheduleHash {
		t.Errorf("terms of the event give %s, offer %s", schedule.Hash(), o.ScheduleHash)
	}
}

func TestAccept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	o := b.offer(illustration())
	owner := b.asOwner().WithKey("yes")
	first := owner.Post(b.path("accept"), acceptance(o)).Want(http.StatusOK)
	again := owner.Post(b.path("accept"), acceptance(o)).Want(http.StatusOK)
	if string(first.Body) != string(again.Body) || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("same key: %s\nfirst: %s", again.Body, first.Body)
	}
	accepted := streamtest.Last[event.OfferAccepted](t, b.db)
	if accepted.OfferID != o.ID || accepted.OfficerID != b.officer || accepted.ScheduleHash != o.ScheduleHash ||
		accepted.Principal != rupees(20_000_00) || accepted.OnApplication != b.on || accepted.Product != "PERSONAL_LOAN" {
		t.Errorf("event %+v", accepted)
	}
	if diff := cmp.Diff([]string{"offer.made.v1", "offer.accepted.v1"}, streamtest.Types(t, b.db)); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
	if status := b.current().Status; status != "ACCEPTED" {
		t.Errorf("status %s", status)
	}
	for _, answer := range []*httpapitest.Answer{
		b.asOwner().Post(b.path("accept"), acceptance(o)),
		b.asOwner().Post(b.path("decline"), object{"reason": "OTHER"}),
		b.asOfficer().Post(b.path("offer"), illustration()),
	} {
		problem := answer.WantProblem(http.StatusConflict, "wrong-stage")
		if !strings.Contains(problem.Detail, "ACCEPTED") || !strings.Contains(problem.Detail, "DISCUSSION") {
			t.Errorf("detail %q names not what happened", problem.Detail)
		}
	}
	err := database.InReadTx(context.Background(), b.db, func(tx database.Tx) error {
		rows, err := command.VerifyAudit(context.Background(), tx, b.on.ApplicationID)
		if rows != 3 {
			t.Errorf("%d audit rows, want opening, offer and acceptance", rows)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestDecline(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	o := b.offer(illustration())
	b.asOwner().Post(b.path("decline"), object{"offer_id": uuid.New(), "reason": "RATE_TOO_HIGH"}).
		WantProblem(http.StatusConflict, "offer-not-current")
	b.asOwner().Post(b.path("decline"), object{"reason": "RATE_TOO_HIGH"}).Want(http.StatusOK)
	want := event.OfferDeclined{OnApplication: b.on, OfferID: o.ID, Reason: "RATE_TOO_HIGH"}
	if diff := cmp.Diff(want, streamtest.Last[event.OfferDeclined](t, b.db)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	b.asOwner().Post(b.path("accept"), acceptance(o)).WantProblem(http.StatusConflict, "wrong-stage")
}

func TestNewOfferSupersedes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	first := b.offer(illustration())
	second := b.offer(changed("annual_rate_percent", "14.5"))
	if second.Version != 2 || second.ScheduleHash == first.ScheduleHash {
		t.Errorf("second offer: version %d, hash %s", second.Version, second.ScheduleHash)
	}
	b.asOwner().Post(b.path("accept"), acceptance(first)).WantProblem(http.StatusConflict, "offer-not-current")
	mixed := object{"offer_id": second.ID, "schedule_hash": first.ScheduleHash}
	b.asOwner().Post(b.path("accept"), mixed).
		WantProblem(http.StatusUnprocessableEntity, "invalid-value").WantField(t, "body.schedule_hash")
	if got := b.current(); got.ID != second.ID || got.Status != "OPEN" {
		t.Errorf("current offer %+v", got)
	}
	b.asOwner().Post(b.path("accept"), acceptance(second)).Want(http.StatusOK)
	var superseded int
	err := b.db.Pool().QueryRow(context.Background(),
		`select count(*) from offer where status = 'SUPERSEDED' and closed_at is not null`).Scan(&superseded)
	if err != nil || superseded != 1 {
		t.Errorf("%d superseded offers (%v), want 1", superseded, err)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	o := b.offer(illustration()) // valid until 2026-12-07
	lastDay := civil.Date{Year: 2026, Month: 12, Day: 7}
	b.closeDay(lastDay.AddDays(-1), lastDay)
	b.deliver(event.BusinessDayClosed{ // another book's calendar is not ours
		BookID: uuid.New(), Book: "elsewhere", Closed: lastDay.AddDays(8), Next: lastDay.AddDays(9),
	})
	b.asOwner().Post(b.path("accept"), object{"offer_id": o.ID, "schedule_hash": strings.Repeat("0", 64)}).
		WantProblem(http.StatusUnprocessableEntity, "invalid-value") // still open: only the hash is wrong
	closing := streamtest.Envelope(t, event.BusinessDayClosed{
		BookID: uuid.New(), Book: "main", Closed: lastDay, Next: lastDay.AddDays(1),
	})
	for range 2 {
		if err := streamtest.TryDeliver(t, b.db, "discussion", b.component.Subscriptions, closing); err != nil {
			t.Fatal(err)
		}
		// From this commit on it cannot be accepted, although the expirer does not run yet.
		b.asOwner().Post(b.path("accept"), acceptance(o)).WantProblem(http.StatusConflict, "offer-expired")
	}
	if status := b.current().Status; status != "OPEN" {
		t.Errorf("status %s before the expirer runs", status)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.component.Tasks[0].Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	deadline := time.Now().Add(5 * time.Minute)
	for b.current().Status != "EXPIRED" {
		if time.Now().After(deadline) {
			t.Fatal("the offer did not expire")
		}
		time.Sleep(10 * time.Millisecond)
	}
	want := event.OfferExpired{OnApplication: b.on, OfferID: o.ID}
	if diff := cmp.Diff(want, streamtest.Last[event.OfferExpired](t, b.db)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"offer.made.v1", "offer.expired.v1"}, streamtest.Types(t, b.db)); diff != "" {
		t.Errorf("announced (-want +got):\n%s", diff)
	}
	b.asOwner().Post(b.path("decline"), object{"reason": "OTHER"}).WantProblem(http.StatusConflict, "offer-expired")
	b.asOfficer().Post(b.path("offer"), illustration()).WantProblem(http.StatusConflict, "wrong-stage")
}

func TestBusinessDateNeverGoesBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	day := civil.Date{Year: 2027, Month: 1, Day: 15}
	b.closeDay(day.AddDays(-1), day)
	b.closeDay(day.AddDays(-5), day.AddDays(-4)) // an old announcement, delivered late
	o := b.offer(illustration())
	if o.Disbursement != "2027-01-15" || o.ValidUntil != "2027-01-29" {
		t.Errorf("disbursement %s, valid until %s", o.Disbursement, o.ValidUntil)
	}
	b.asOfficer().Post(b.path("offer"), changed("disbursement_date", "2027-01-14")).
		WantProblem(http.StatusUnprocessableEntity, "invalid-value").WantField(t, "body.disbursement_date")
}

func TestOfferDates(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	body := changed("disbursement_date", "2026-12-01")
	body["first_due_date"] = "2027-01-05"
	o := b.offer(body)
	if o.Disbursement != "2026-12-01" || o.Schedule[0].DueDate != "2027-01-05" || o.Schedule[1].DueDate != "2027-02-05" {
		t.Errorf("disbursement %s, due %s and %s", o.Disbursement, o.Schedule[0].DueDate, o.Schedule[1].DueDate)
	}
}

func TestOutOfOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.asOfficer().Post(b.path("offer"), illustration()).WantProblem(http.StatusNotFound, "application-not-found")
	b.submit()
	some := object{"offer_id": uuid.New(), "schedule_hash": strings.Repeat("a", 64)}
	for _, answer := range []*httpapitest.Answer{
		b.asOfficer().Post(b.path("offer"), illustration()),
		b.asOwner().Post(b.path("accept"), some),
		b.asOwner().Post(b.path("decline"), object{"reason": "OTHER"}),
	} {
		problem := answer.WantProblem(http.StatusConflict, "wrong-stage")
		want := "application is at another stage: it is at RISK_ASSESSMENT, this step needs DISCUSSION"
		if problem.Detail != want {
			t.Errorf("detail %q, want %q", problem.Detail, want)
		}
	}
	b.open()
	b.asOwner().Post(b.path("accept"), some).WantProblem(http.StatusNotFound, "offer-not-found")
}

// TestDeclineReasons keeps the list of the rules and that of the API the same.
func TestDeclineReasons(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	b.offer(illustration())
	b.asOwner().Post(b.path("decline"), object{"reason": "because"}).
		WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, "body.reason")
	for _, reason := range discussion.DeclineReasons {
		b.asOwner().Post(b.path("decline"), object{"reason": reason, "offer_id": uuid.New()}).
			WantProblem(http.StatusConflict, "offer-not-current")
	}
}

func TestOwnership(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	o := b.offer(illustration())
	stranger := b.server.As(uuid.New(), access.Customer)
	stranger.Get(b.path("offer")).WantProblem(http.StatusNotFound, "application-not-found")
	stranger.Post(b.path("accept"), acceptance(o)).WantProblem(http.StatusNotFound, "application-not-found")
	stranger.Post(b.path("decline"), object{"reason": "OTHER"}).WantProblem(http.StatusNotFound, "application-not-found")
	b.server.Anonymous().Get(b.path("offer")).WantProblem(http.StatusUnauthorized, "unauthenticated")
	for _, role := range access.Roles {
		client := b.server.As(uuid.New(), role)
		want := http.StatusNotFound
		if slices.Contains(access.Staff, role) {
			want = http.StatusOK
		}
		if got := client.Get(b.path("offer")).Status; got != want {
			t.Errorf("read as %s: status %d, want %d", role, got, want)
		}
		// Nobody answers for the borrower, and only officers make offers.
		client.Post(b.path("accept"), acceptance(o)).WantProblem(http.StatusNotFound, "application-not-found")
		if role != access.Officer {
			client.Post(b.path("offer"), illustration()).WantProblem(http.StatusForbidden, "forbidden")
		}
	}
	if got := b.current(); got.Status != "OPEN" || got.Version != 1 {
		t.Errorf("offer %+v", got)
	}
}

// TestAcceptAgainstNewOffer has the borrower accept while the officer changes
// the offer: whoever comes first wins, and never do both.
func TestAcceptAgainstNewOffer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.open()
	o := b.offer(illustration())
	officer, owner := b.asOfficer().Patient(), b.asOwner().Patient()
	var offered, accepted int
	var wait sync.WaitGroup
	wait.Go(func() { offered = officer.Post(b.path("offer"), changed("instalments", 12)).Status })
	wait.Go(func() { accepted = owner.Post(b.path("accept"), acceptance(o)).Status })
	wait.Wait()
	current := b.current()
	switch {
	case offered == http.StatusCreated && accepted == http.StatusConflict:
		if current.Status != "OPEN" || current.Version != 2 {
			t.Errorf("offered, but current is %+v", current)
		}
	case offered == http.StatusConflict && accepted == http.StatusOK:
		if current.Status != "ACCEPTED" || current.ID != o.ID {
			t.Errorf("accepted, but current is %+v", current)
		}
	default:
		t.Errorf("offer %d, acceptance %d", offered, accepted)
	}
}

func TestReplayedEventsHaveOneEffect(t *testing.T) {
	t.Parallel()
	b := setup(t)
	early := streamtest.Envelope(t, b.riskApproved())
	err := streamtest.TryDeliver(t, b.db, "discussion", b.component.Subscriptions, early)
	if !errors.Is(err, stream.ErrNotYet) {
		t.Errorf("risk approved before submission: %v, want ErrNotYet", err)
	}
	b.open()
	o := b.offer(illustration())
	b.deliver(b.riskApproved()) // announced again under another id
	b.submit()
	b.asOwner().Post(b.path("accept"), acceptance(o)).Want(http.StatusOK)
	b.deliver(b.riskApproved())
	if status := b.current().Status; status != "ACCEPTED" {
		t.Errorf("status %s", status)
	}
	b.asOfficer().Post(b.path("offer"), illustration()).WantProblem(http.StatusConflict, "wrong-stage")
}
