package stream_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
)

// TestOrderOfSubjectsThatAreAhead has one subject of a transaction recorded later
// than the transaction's own time, as another process's clock may do it: each
// subject's events keep their order, also those of transactions at one instant.
func TestOrderOfSubjectsThatAreAhead(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "shared")
	outbox := stream.NewOutbox("/tenor/test", uuid.New, func() {})
	ahead, other, now := uuid.New(), uuid.New(), time.Now()
	for _, tx := range []struct {
		at     time.Time
		events []event.Event
	}{
		{now.Add(time.Hour), []event.Event{declined(ahead, "1")}},
		{now, []event.Event{declined(other, "1"), declined(ahead, "2"), declined(other, "2"), declined(ahead, "3")}},
		{now, []event.Event{declined(other, "3")}},
		{now.Add(-time.Hour), []event.Event{declined(ahead, "4"), declined(other, "4")}},
	} {
		err := database.InTx(t.Context(), db, func(in database.Tx) error {
			return outbox.Append(t.Context(), in, tx.at, tx.events...)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	got := map[uuid.UUID][]int64{}
	for _, env := range streamtest.Announced(t, db) {
		e, err := event.Decode[event.OfferDeclined](env)
		if err != nil || e.Reason != strconv.FormatInt(env.Version, 10) {
			t.Errorf("version %d is that of %q, %v", env.Version, e.Reason, err)
		}
		got[env.Subject] = append(got[env.Subject], env.Version)
	}
	want := map[uuid.UUID][]int64{ahead: {1, 2, 3, 4}, other: {1, 2, 3, 4}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("versions in the order of publication (-want +got):\n%s", diff)
	}
}

// TestManyEventsOfATransaction are more than a row takes, by number and by size.
func TestManyEventsOfATransaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app := uuid.New()
	var events []event.Event
	var want []string
	for i := range 700 {
		reason := strconv.Itoa(i)
		if i%100 == 0 {
			reason += strings.Repeat("x", stream.EventBytesMax/2)
		}
		events, want = append(events, declined(app, reason)), append(want, reason)
	}
	b.announce(events...)
	var got []string
	for i, env := range streamtest.Announced(t, b.db) {
		e, err := event.Decode[event.OfferDeclined](env)
		if err != nil || env.Version != int64(i+1) {
			t.Fatalf("event %d has version %d, %v", i, env.Version, err)
		}
		got = append(got, e.Reason)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if err := b.relay.Drain(t.Context()); err != nil {
		t.Fatalf("draining: %v", err)
	}
	if left := streamtest.Announced(t, b.db); len(left) != 0 {
		t.Errorf("%d events are left", len(left))
	}
}
