package casefile_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
)

func TestCasefileFollowsTheStage(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "shared")
	on := event.OnApplication{ApplicationID: uuid.New(), CustomerID: uuid.New()}
	owner := access.Actor{ID: on.CustomerID, Roles: []access.Role{access.Customer}}
	stranger := access.Actor{ID: uuid.New(), Roles: []access.Role{access.Customer}}
	// The id alone is not ownership: an officer is nobody's borrower.
	namesake := access.Actor{ID: on.CustomerID, Roles: []access.Role{access.Partner}}
	officer := access.Actor{ID: uuid.New(), Roles: []access.Role{access.Officer}}
	see := func(actor access.Actor) (found casefile.Case, err error) {
		err = database.InReadTx(t.Context(), db, func(tx database.Tx) error {
			var err error
			found, err = casefile.Visible(t.Context(), tx, actor, on.ApplicationID, access.Officer)
			return err
		})
		return found, err
	}
	if _, err := see(owner); !errors.Is(err, casefile.ErrNotFound) {
		t.Fatalf("before the event: %v, want ErrNotFound", err)
	}
	subs := casefile.Subscriptions()
	streamtest.Deliver(t, db, "test", subs, event.ApplicationCreated{
		OnApplication: on, Amount: money.New(100, money.MustCurrency("INR")),
	})
	for _, c := range []struct {
		name  string
		actor access.Actor
		sees  bool
	}{{"owner", owner, true}, {"officer", officer, true}, {"stranger", stranger, false}, {"namesake", namesake, false}} {
		if _, err := see(c.actor); (err == nil) != c.sees || (err != nil && !errors.Is(err, casefile.ErrNotFound)) {
			t.Errorf("%s: %v, want visible %t", c.name, err, c.sees)
		}
	}
	found, err := see(owner)
	if err != nil || found.Need(event.StageInput) != nil {
		t.Fatalf("new application: %+v, %v", found, err)
	}
	streamtest.Deliver(t, db, "test", subs, event.ApplicationStageChanged{
		OnApplication: on, From: event.StageInput, To: event.StageClosed, Outcome: event.OutcomeDeclined,
	})
	found, err = see(owner)
	if err != nil {
		t.Fatal(err)
	}
	err = found.Need(event.StageApproval)
	if !errors.Is(err, casefile.ErrWrongStage) {
		t.Fatalf("closed application: %v, want ErrWrongStage", err)
	}
	for _, word := range []string{"CLOSED", "DECLINED", "APPROVAL"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not name %s", err, word)
		}
	}
}

// TestLateEventDoesNotPutACaseBack delivers the creation after the closing, as
// when it had been a dead letter.
func TestLateEventDoesNotPutACaseBack(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "shared")
	on := event.OnApplication{ApplicationID: uuid.New(), CustomerID: uuid.New()}
	closed := streamtest.Envelope(t, event.ApplicationStageChanged{
		OnApplication: on, From: event.StageInput, To: event.StageClosed, Outcome: event.OutcomeDeclined,
	})
	closed.Version = 2
	created := streamtest.Envelope(t, event.ApplicationCreated{
		OnApplication: on, Amount: money.New(100, money.MustCurrency("INR")),
	})
	for _, env := range []event.Envelope{closed, created} {
		if err := stream.HandleOnce(t.Context(), db, "test", casefile.Subscriptions(), time.Now(), env); err != nil {
			t.Fatal(err)
		}
	}
	err := database.InReadTx(t.Context(), db, func(tx database.Tx) error {
		found, err := casefile.Find(t.Context(), tx, on.ApplicationID)
		if err == nil && (found.Stage != event.StageClosed || found.Outcome != event.OutcomeDeclined) {
			t.Errorf("the case went back to %s %s", found.Stage, found.Outcome)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestEventsTogether keeps the last of what several events of a case say.
func TestEventsTogether(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "shared")
	stages := []event.Stage{event.StageKYC, event.StageRisk, event.StageDiscussion}
	var events []event.Event
	var ids []uuid.UUID
	for _, stage := range stages {
		on := event.OnApplication{ApplicationID: uuid.New(), CustomerID: uuid.New()}
		ids = append(ids, on.ApplicationID)
		events = append(events, event.ApplicationCreated{
			OnApplication: on, Amount: money.New(100, money.MustCurrency("INR")),
		})
		for _, next := range stages {
			events = append(events, event.ApplicationStageChanged{OnApplication: on, To: next})
			if next == stage {
				break
			}
		}
	}
	streamtest.DeliverTogether(t, db, "test", casefile.Subscriptions(), events...)
	err := database.InReadTx(t.Context(), db, func(tx database.Tx) error {
		for i, id := range ids {
			found, err := casefile.Find(t.Context(), tx, id)
			if err != nil {
				return err
			}
			if found.Stage != stages[i] {
				t.Errorf("case %d is at %s, want %s", i, found.Stage, stages[i])
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
