package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/devstack"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

// deadline bounds every wait of these tests.
const deadline = 5 * time.Minute

type bundle struct {
	t        *testing.T
	db       *database.DB
	seeds    []string
	producer *kgo.Client
	relay    *stream.Relay
	outbox   *stream.Outbox
}

// setup gives a test its own database and its own embedded broker, or a shared
// broker when one is given: there, consumer names must differ by test.
func setup(t *testing.T) *bundle {
	t.Helper()
	seeds := strings.FieldsFunc(os.Getenv("TENOR_TEST_KAFKA_SEEDS"), func(r rune) bool { return r == ',' })
	broker, err := devstack.StartBroker(t.Context(), devstack.BrokerOptions{Seeds: seeds})
	if err != nil {
		t.Fatalf("starting broker: %v", err)
	}
	t.Cleanup(func() { _ = broker.Stop() })
	return setupOn(t, broker.Seeds)
}

func setupOn(t *testing.T, seeds []string) *bundle {
	t.Helper()
	if err := stream.EnsureTopics(t.Context(), seeds, devstack.BrokerPartitions, 1); err != nil {
		t.Fatalf("creating topics: %v", err)
	}
	producer, err := stream.NewProducer(seeds, "test")
	if err != nil {
		t.Fatalf("making producer: %v", err)
	}
	t.Cleanup(producer.Close)
	db := dbtest.New(t, "shared")
	relay := stream.NewRelay(db, producer, slog.New(slog.DiscardHandler), time.Now)
	return &bundle{
		t: t, db: db, seeds: seeds, producer: producer, relay: relay,
		outbox: stream.NewOutbox("/tenor/test", uuid.New, relay.Wake),
	}
}

func (b *bundle) announce(events ...event.Event) {
	b.t.Helper()
	err := database.InTx(b.t.Context(), b.db, func(tx database.Tx) error {
		return b.outbox.Append(b.t.Context(), tx, time.Now(), events...)
	})
	if err != nil {
		b.t.Fatalf("announcing: %v", err)
	}
}

func (b *bundle) runRelay() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.relay.Run(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("relay: %v", err)
		}
	})
}

// run starts a consumer on its own database and returns how to stop it.
func (b *bundle) run(name string, db *database.DB, subs ...stream.Subscription) (stop func()) {
	b.t.Helper()
	consumer, err := stream.NewConsumer(stream.ConsumerConfig{
		Name: name, DB: db, Seeds: b.seeds, Subscriptions: subs, Log: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		b.t.Fatalf("making consumer: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- consumer.Run(ctx) }()
	select {
	case <-consumer.Ready():
	case <-time.After(deadline):
		b.t.Fatal("consumer did not join")
	}
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("consumer: %v", err)
		}
	})
	b.t.Cleanup(stop)
	return stop
}

// recorder collects what a handler saw, after commit only.
type recorder struct {
	mu   sync.Mutex
	seen []string
	more chan struct{}
}

func newRecorder() *recorder { return &recorder{more: make(chan struct{}, 10_000)} }

func (r *recorder) add(tx database.Tx, text string) {
	tx.AfterCommit(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen = append(r.seen, text)
		r.more <- struct{}{}
	})
}

func (r *recorder) wait(t *testing.T, n int) []string {
	t.Helper()
	for range n {
		select {
		case <-r.more:
		case <-time.After(deadline):
			r.mu.Lock()
			defer r.mu.Unlock()
			t.Fatalf("saw %d of %d events: %v", len(r.seen), n, r.seen)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}

func declined(app uuid.UUID, reason string) event.OfferDeclined {
	return event.OfferDeclined{OnApplication: event.OnApplication{ApplicationID: app, CustomerID: app}, Reason: reason}
}

// onDeclined records the reasons of one application: on a shared broker others
// send events too.
func onDeclined(app uuid.UUID, r *recorder) stream.Subscription {
	return stream.On(func(_ context.Context, tx database.Tx, _ event.Envelope, e event.OfferDeclined) error {
		if e.ApplicationID == app {
			r.add(tx, e.Reason)
		}
		return nil
	})
}

func TestEventsArriveOnceAndInOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, seen := uuid.New(), newRecorder()
	b.runRelay()
	b.run("order-"+app.String(), dbtest.New(t, "shared"), onDeclined(app, seen))
	var want []string
	for i := range 50 {
		reason := string(rune('A' + i))
		want = append(want, reason)
		b.announce(declined(app, reason))
	}
	if diff := cmp.Diff(want, seen.wait(t, len(want))); diff != "" {
		t.Errorf("order of events (-want +got):\n%s", diff)
	}
}

// TestTogetherKeepsTheOrder: events of one aggregate keep their order where some
// types share a handler and another has its own.
func TestTogetherKeepsTheOrder(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, seen := uuid.New(), newRecorder()
	on := event.OnApplication{ApplicationID: app, CustomerID: app}
	subs := stream.Together(func(_ context.Context, tx database.Tx, envs []event.Envelope) error {
		for _, env := range envs {
			if env.Subject == app {
				seen.add(tx, env.Type+" "+string(env.Data))
			}
		}
		return nil
	}, event.OfferDeclined{}, event.RiskRejected{})
	subs = append(subs, stream.On(
		func(_ context.Context, tx database.Tx, env event.Envelope, _ event.ApplicationStageChanged) error {
			if env.Subject == app {
				seen.add(tx, env.Type+" "+string(env.Data))
			}
			return nil
		}))
	var events []event.Event
	var want []string
	for i := range 40 {
		var e event.Event = declined(app, strconv.Itoa(i))
		switch {
		case i%4 == 1:
			e = event.RiskRejected{OnApplication: on, Reasons: []string{strconv.Itoa(i)}}
		case i%7 == 2:
			e = event.ApplicationStageChanged{OnApplication: on, From: event.Stage(strconv.Itoa(i))}
		}
		data, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		events, want = append(events, e), append(want, e.Type()+" "+string(data))
	}
	b.announce(events...)
	if err := b.relay.Drain(t.Context()); err != nil { // all at once: the consumer is to find several together
		t.Fatal(err)
	}
	b.run("together-"+app.String(), dbtest.New(t, "shared"), subs...)
	if diff := cmp.Diff(want, seen.wait(t, len(want))); diff != "" {
		t.Errorf("order of events (-want +got):\n%s", diff)
	}
}

func TestRolledBackEventIsNeverPublished(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, seen := uuid.New(), newRecorder()
	failure := errors.New("changed my mind")
	err := database.InTx(t.Context(), b.db, func(tx database.Tx) error {
		if err := b.outbox.Append(t.Context(), tx, time.Now(), declined(app, "never")); err != nil {
			return err
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Fatalf("InTx: %v, want %v", err, failure)
	}
	b.runRelay()
	b.run("rollback-"+app.String(), dbtest.New(t, "shared"), onDeclined(app, seen))
	b.announce(declined(app, "real"))
	if diff := cmp.Diff([]string{"real"}, seen.wait(t, 1)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestSlowTransactionIsNotSkipped is the case in which a poller with a cursor
// over ids loses the event of the transaction that commits late.
func TestSlowTransactionIsNotSkipped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	slow, fast, seen := uuid.New(), uuid.New(), newRecorder()
	b.runRelay()
	db := dbtest.New(t, "shared")
	b.run("slow-"+slow.String(), db, stream.On(
		func(_ context.Context, tx database.Tx, _ event.Envelope, e event.OfferDeclined) error {
			if e.ApplicationID == slow || e.ApplicationID == fast {
				seen.add(tx, e.Reason)
			}
			return nil
		}))
	inside, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- database.InTx(context.Background(), b.db, func(tx database.Tx) error {
			err := b.outbox.Append(context.Background(), tx, time.Now(), declined(slow, "slow"))
			close(inside)
			<-release
			return err
		})
	}()
	<-inside
	b.announce(declined(fast, "fast"))
	if diff := cmp.Diff([]string{"fast"}, seen.wait(t, 1)); diff != "" {
		t.Fatalf("first event (-want +got):\n%s", diff)
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatalf("slow transaction: %v", err)
	}
	if diff := cmp.Diff([]string{"fast", "slow"}, seen.wait(t, 1)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestRedeliveryHasNoSecondEffect(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, seen := uuid.New(), newRecorder()
	b.announce(declined(app, "once"))
	columns := []string{"recorded_at", "id", "part", "places", "versions", "events"}
	rows, err := b.db.Pool().Query(t.Context(), `select recorded_at, id, part, places, versions, events from outbox`)
	if err != nil {
		t.Fatal(err)
	}
	pending, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
	if err != nil || len(pending) != 1 {
		t.Fatalf("%d events wait, %v", len(pending), err)
	}
	if err := b.relay.Drain(t.Context()); err != nil {
		t.Fatalf("draining: %v", err)
	}
	// A relay that crashed between publishing and its commit publishes again.
	_, err = b.db.Pool().CopyFrom(t.Context(), pgx.Identifier{"outbox"}, columns, pgx.CopyFromRows(pending))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.relay.Drain(t.Context()); err != nil {
		t.Fatalf("draining again: %v", err)
	}
	b.announce(declined(app, "after"))
	b.runRelay()
	db := dbtest.New(t, "shared")
	name := "redelivery-" + app.String()
	b.run(name, db, onDeclined(app, seen))
	if diff := cmp.Diff([]string{"once", "after"}, seen.wait(t, 2)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
}

func TestPoisonEventBecomesADeadLetterAndCanBeReplayed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, seen := uuid.New(), newRecorder()
	name := "poison-" + app.String()
	db := dbtest.New(t, "shared")
	var broken sync.Map
	broken.Store("bad", true)
	var mu sync.Mutex
	attempts := 0
	b.runRelay()
	b.run(name, db, stream.On(
		func(_ context.Context, tx database.Tx, _ event.Envelope, e event.OfferDeclined) error {
			if e.ApplicationID != app {
				return nil
			}
			if _, bad := broken.Load(e.Reason); bad {
				mu.Lock()
				defer mu.Unlock()
				attempts++
				return errors.New("cannot handle this")
			}
			seen.add(tx, e.Reason)
			return nil
		}))
	garbage := &kgo.Record{Topic: event.TopicOrigination, Key: []byte(app.String()), Value: []byte("{not an event")}
	if err := stream.Publish(t.Context(), b.producer, garbage); err != nil {
		t.Fatal(err)
	}
	b.announce(declined(app, "bad"), declined(app, "good"))
	if diff := cmp.Diff([]string{"good"}, seen.wait(t, 1)); diff != "" {
		t.Fatalf("events behind the poison (-want +got):\n%s", diff)
	}
	letters := 0
	err := stream.DeadLetters(t.Context(), b.seeds, func(letter stream.DeadLetter) error {
		if letter.Consumer == name && letter.Key == app.String() {
			letters++
		}
		return nil
	})
	if err != nil || letters != 2 {
		t.Fatalf("dead letters: %d, %v; want 2", letters, err)
	}
	mu.Lock()
	// Tries together with other events may come before those by itself.
	if attempts < stream.HandleAttemptsMax || attempts > stream.HandleAttemptsMax+2 {
		t.Errorf("the poison was tried %d times, want %d", attempts, stream.HandleAttemptsMax)
	}
	mu.Unlock()
	broken.Delete("bad")
	if _, err := stream.ReplayDeadLetters(t.Context(), b.seeds, name); err != nil {
		t.Fatalf("replaying: %v", err)
	}
	if diff := cmp.Diff([]string{"good", "bad"}, seen.wait(t, 1)); diff != "" {
		t.Errorf("after the replay (-want +got):\n%s", diff)
	}
}

func TestConsumerGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, first, second := uuid.New(), newRecorder(), newRecorder()
	name := "resume-" + app.String()
	db := dbtest.New(t, "shared")
	b.runRelay()
	stop := b.run(name, db, onDeclined(app, first))
	b.announce(declined(app, "1"), declined(app, "2"))
	first.wait(t, 2)
	stop()
	b.announce(declined(app, "3"))
	b.run(name, db, onDeclined(app, second))
	if diff := cmp.Diff([]string{"3"}, second.wait(t, 1)); diff != "" {
		t.Errorf("after the restart (-want +got):\n%s", diff)
	}
}

// batches counts the batches of records that a producer sends.
type batches struct{ sent, records atomic.Int64 }

func (b *batches) OnProduceBatchWritten(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.ProduceBatchMetrics) {
	b.sent.Add(1)
	b.records.Add(int64(m.NumRecords))
}

// What is drained at once travels as one batch in each partition: a broker that
// was killed once took a later event of an aggregate without the earlier one.
func TestEventsOfADrainTravelTogether(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var count batches
	producer, err := stream.NewProducer(b.seeds, "counted", kgo.WithHooks(&count))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	relay := stream.NewRelay(b.db, producer, slog.New(slog.DiscardHandler), time.Now)
	const drains, each = 10, 300
	for range drains {
		app, events := uuid.New(), make([]event.Event, each)
		for i := range events {
			events[i] = declined(app, "x")
		}
		b.announce(events...)
		if err := relay.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if count.records.Load() != drains*each || count.sent.Load() != drains {
		t.Errorf("%d events were drained %d times and sent in %d batches", count.records.Load(), drains, count.sent.Load())
	}
}

func TestManyRelaysKeepTheOrderOfEachAggregate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	seen := make(map[uuid.UUID]*recorder)
	var apps []uuid.UUID
	for range 8 {
		app := uuid.New()
		apps = append(apps, app)
		seen[app] = newRecorder()
	}
	b.runRelay()
	other := &bundle{t: t, relay: stream.NewRelay(b.db, b.producer, slog.New(slog.DiscardHandler), time.Now)}
	other.runRelay()
	b.run("relays-"+apps[0].String(), dbtest.New(t, "shared"), stream.On(
		func(_ context.Context, tx database.Tx, env event.Envelope, e event.OfferDeclined) error {
			if r, ours := seen[e.ApplicationID]; ours {
				r.add(tx, string(rune('a'+env.Version)))
			}
			return nil
		}))
	var wait sync.WaitGroup
	for _, app := range apps {
		wait.Go(func() {
			for range 20 {
				b.announce(declined(app, "x"))
			}
		})
	}
	wait.Wait()
	for _, app := range apps {
		got := seen[app].wait(t, 20)
		if !slices.IsSorted(got) {
			t.Errorf("versions of %s out of order: %q", app, got)
		}
	}
}
