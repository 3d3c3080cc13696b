package stream_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

const day = 24 * time.Hour

// fill gives a consumer's inbox rows that were handled at an instant.
func fill(t *testing.T, db *database.DB, consumer string, count int, at time.Time) {
	t.Helper()
	ids := make([]uuid.UUID, count)
	for i := range ids {
		ids[i] = uuid.New()
	}
	err := database.InTx(t.Context(), db, func(tx database.Tx) error {
		_, err := tx.Exec(t.Context(), `
			insert into inbox (consumer, event_id, handled_at)
			select $1, u.id, $3 from unnest($2::uuid[]) as u (id)`, consumer, ids, at)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func known(t *testing.T, db *database.DB, consumer string) (count int) {
	t.Helper()
	err := db.Pool().QueryRow(t.Context(), `select count(*) from inbox where consumer = $1`, consumer).Scan(&count)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// TestForgetTakesWhatIsOldAndNothingElse has more rows than a transaction deletes,
// old and young ones mixed by their keys, and a neighbour.
func TestForgetTakesWhatIsOldAndNothingElse(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "shared")
	now := time.Now().UTC().Truncate(time.Microsecond)
	fill(t, db, "mine", 2_300, now.Add(-day-time.Microsecond))
	fill(t, db, "mine", 1_100, now.Add(-day))
	fill(t, db, "neighbour", 50, now.Add(-2*day))
	for _, want := range []int64{2_300, 0} {
		got, err := stream.Forget(t.Context(), db, "mine", now.Add(-day))
		if err != nil || got != want {
			t.Errorf("forgot %d, %v; want %d", got, err, want)
		}
	}
	if mine, other := known(t, db, "mine"), known(t, db, "neighbour"); mine != 1_100 || other != 50 {
		t.Errorf("%d and %d rows are left, want 1100 and 50", mine, other)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := stream.Forget(ctx, db, "neighbour", now); err == nil {
		t.Error("forgetting went on although it was to end")
	}
	if other := known(t, db, "neighbour"); other != 50 {
		t.Errorf("%d rows are left of 50", other)
	}
}

// TestAnEventThatComesAgainIsKnownOrRefused delivers an event again and again while
// time passes and the inbox is pruned: it is known for as long as it was said to be,
// and afterwards it becomes a dead letter and has no effect.
func TestAnEventThatComesAgainIsKnownOrRefused(t *testing.T) {
	t.Parallel()
	const remember = 10 * day
	b := setup(t)
	app, seen := uuid.New(), newRecorder()
	name, db := "forgetful-"+app.String(), dbtest.New(t, "shared")
	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	consumer, err := stream.NewConsumer(stream.ConsumerConfig{
		Name: name, DB: db, Seeds: b.seeds, Subscriptions: []stream.Subscription{onDeclined(app, seen)},
		Log: slog.New(slog.DiscardHandler), Now: now, Remember: remember,
		Metrics: stream.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- consumer.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	b.runRelay()
	b.announce(declined(app, "the event"))
	if got := seen.wait(t, 1); !slices.Equal(got, []string{"the event"}) {
		t.Fatalf("saw %v", got)
	}
	record := b.recordOf(app)
	forget := func() int64 {
		forgotten, err := stream.Forget(t.Context(), db, name, now().Add(-remember-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return forgotten
	}
	again := func() {
		if err := stream.Publish(t.Context(), b.producer, record()); err != nil {
			t.Fatal(err)
		}
	}
	ahead.Store(int64(remember - time.Hour))
	if got := forget(); got != 0 {
		t.Errorf("forgot %d events too soon", got)
	}
	again()
	b.announce(declined(app, "behind the first one"))
	if got := seen.wait(t, 1); !slices.Equal(got, []string{"the event", "behind the first one"}) {
		t.Errorf("within the time it had another effect: %v", got)
	}
	ahead.Store(int64(remember + 2*time.Hour))
	if got := forget(); got == 0 {
		t.Error("nothing was forgotten")
	}
	again()
	letters := b.awaitLetter(name, app, stream.ErrForgotten.Error())
	if len(letters) != 1 {
		t.Errorf("%d dead letters", len(letters))
	}
	if got := seen.wait(t, 0); len(got) != 2 {
		t.Errorf("after the time it had another effect: %v", got)
	}
}

// recordOf finds the first event of an application in its topic, and returns what
// makes a copy of it.
func (b *bundle) recordOf(app uuid.UUID) func() *kgo.Record {
	b.t.Helper()
	var found *stream.Record
	err := stream.Read(b.t.Context(), b.seeds, []string{event.TopicOrigination}, func(r stream.Record) error {
		if found == nil && strings.Contains(string(r.Value), app.String()) {
			found = &r
		}
		return nil
	})
	if err != nil || found == nil {
		b.t.Fatalf("the event is not in its topic: %v", err)
	}
	return func() *kgo.Record {
		return &kgo.Record{Topic: event.TopicOrigination, Key: []byte(found.Key), Value: found.Value}
	}
}

// awaitLetter waits for dead letters that a consumer made of an application's events,
// with a text in their errors.
func (b *bundle) awaitLetter(consumer string, app uuid.UUID, text string) (letters []stream.DeadLetter) {
	b.t.Helper()
	for end := time.Now().Add(deadline); len(letters) == 0; time.Sleep(20 * time.Millisecond) {
		err := stream.DeadLetters(b.t.Context(), b.seeds, func(l stream.DeadLetter) error {
			if l.Consumer == consumer && l.Key == app.String() && strings.Contains(l.Error, text) {
				letters = append(letters, l)
			}
			return nil
		})
		if err != nil || time.Now().After(end) {
			b.t.Fatalf("no dead letter came: %v", err)
		}
	}
	return letters
}
