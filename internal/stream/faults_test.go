package stream_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/database/pgfault"
	"github.com/tenor-lending/tenor/internal/devstack"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

// letters counts what the consumer buried of one application: a shared broker
// has other tests' letters too.
func (b *bundle) letters(consumer string, app uuid.UUID) int {
	b.t.Helper()
	n := 0
	err := stream.DeadLetters(b.t.Context(), b.seeds, func(letter stream.DeadLetter) error {
		if letter.Consumer == consumer && letter.Key == app.String() {
			n++
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// TestPanickingHandlerCostsOneEvent has a handler with a fault that one event
// brings to light: the process, and the events behind it, must go on.
func TestPanickingHandlerCostsOneEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, seen := uuid.New(), newRecorder()
	name := "panic-" + app.String()
	b.runRelay()
	b.run(name, dbtest.New(t, "shared"), stream.On(
		func(_ context.Context, tx database.Tx, _ event.Envelope, e event.OfferDeclined) error {
			if e.ApplicationID == app && e.Reason == "bad" {
				panic("a fault of the handler")
			}
			if e.ApplicationID == app {
				seen.add(tx, e.Reason)
			}
			return nil
		}))
	b.announce(declined(app, "bad"), declined(app, "good"))
	if diff := cmp.Diff([]string{"good"}, seen.wait(t, 1)); diff != "" {
		t.Errorf("events behind the panic (-want +got):\n%s", diff)
	}
	if n := b.letters(name, app); n != 1 {
		t.Errorf("%d dead letters, want 1", n)
	}
}

// TestOutageOfTheDatabaseIsWaitedOut cuts every statement of the consumer for
// longer than an event is tried: nothing may become a dead letter.
func TestOutageOfTheDatabaseIsWaitedOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, seen := uuid.New(), newRecorder()
	name := "outage-" + app.String()
	dsn, err := url.Parse(dbtest.DSN(t, "shared"))
	if err != nil {
		t.Fatal(err)
	}
	if dsn.Port() == "" {
		dsn.Host = net.JoinHostPort(dsn.Hostname(), "5432")
	}
	proxy, err := pgfault.Start(t.Context(), dsn.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	dsn.Host = proxy.Addr()
	db, err := database.Open(t.Context(), database.Config{DSN: dsn.String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	b.runRelay()
	b.run(name, db, onDeclined(app, seen))
	var cuts atomic.Int64
	proxy.SetPlan(func(pgfault.Point) pgfault.Fault {
		cuts.Add(1)
		return pgfault.CutBefore
	})
	var want []string
	for i := range 10 {
		want = append(want, strconv.Itoa(i))
		b.announce(declined(app, want[i]))
	}
	for end := time.Now().Add(deadline); cuts.Load() <= 2*stream.HandleAttemptsMax; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("only %d statements were cut", cuts.Load())
		}
	}
	proxy.SetPlan(func(pgfault.Point) pgfault.Fault { return pgfault.None })
	if diff := cmp.Diff(want, seen.wait(t, len(want))); diff != "" {
		t.Errorf("after the outage (-want +got):\n%s", diff)
	}
	if n := b.letters(name, app); n != 0 {
		t.Errorf("the outage made %d dead letters", n)
	}
}

// TestRelayGoesOnAfterAnOutageOfTheBroker stops the broker, announces, and
// starts it again on the same address and data.
func TestRelayGoesOnAfterAnOutageOfTheBroker(t *testing.T) {
	t.Parallel()
	ports, err := devstack.FreePorts(t.Context(), 1) // so that nobody else is given it during the outage
	if err != nil {
		t.Fatal(err)
	}
	where := devstack.BrokerOptions{Dir: t.TempDir(), Port: ports[0]}
	broker, err := devstack.StartBroker(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	stop := func() {
		if err := broker.Stop(); err != nil {
			t.Errorf("stopping the broker: %v", err)
		}
	}
	t.Cleanup(func() { stop() })
	b := setupOn(t, broker.Seeds)
	app, seen := uuid.New(), newRecorder()
	b.runRelay()
	b.run("broker-"+app.String(), dbtest.New(t, "shared"), onDeclined(app, seen))
	b.announce(declined(app, "before"))
	seen.wait(t, 1)
	stop()
	b.announce(declined(app, "during 1"), declined(app, "during 2"))
	if broker, err = devstack.StartBroker(t.Context(), where); err != nil {
		t.Fatal(err)
	}
	b.announce(declined(app, "after"))
	want := []string{"before", "during 1", "during 2", "after"}
	if diff := cmp.Diff(want, seen.wait(t, 3)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// TestPartitionsMoveWithoutLossOrRepetition stops one of two consumers of a
// group while events come in.
func TestPartitionsMoveWithoutLossOrRepetition(t *testing.T) {
	t.Parallel()
	b := setup(t)
	db := dbtest.New(t, "shared")
	group, both := "share-"+uuid.NewString(), newRecorder()
	var first, second atomic.Int64
	ours := make(map[uuid.UUID]bool)
	handler := func(mine *atomic.Int64) stream.Subscription {
		return stream.On(func(_ context.Context, tx database.Tx, env event.Envelope, e event.OfferDeclined) error {
			if ours[e.ApplicationID] {
				tx.AfterCommit(func() { mine.Add(1) })
				both.add(tx, fmt.Sprintf("%s %06d", e.ApplicationID, env.Version))
			}
			return nil
		})
	}
	var apps []uuid.UUID
	for range 24 {
		app := uuid.New()
		apps, ours[app] = append(apps, app), true
	}
	b.runRelay()
	stop := b.run(group, db, handler(&first))
	b.run(group, db, handler(&second))
	const rounds = 12
	for round := range rounds {
		for _, app := range apps {
			b.announce(declined(app, "x"))
		}
		if round == rounds/2 {
			for end := time.Now().Add(deadline); first.Load() == 0 || second.Load() == 0; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("the group does not share: %d and %d", first.Load(), second.Load())
				}
				b.announce(declined(apps[0], "x"))
			}
			go stop()
		}
	}
	var announced int
	err := b.db.Pool().QueryRow(t.Context(), `select sum(version)::bigint from stream_head`).Scan(&announced)
	if err != nil {
		t.Fatal(err)
	}
	got := both.wait(t, announced)
	sorted := slices.Sorted(slices.Values(got))
	if distinct := slices.Compact(slices.Clone(sorted)); len(distinct) != announced {
		t.Errorf("%d effects of %d events", len(distinct), announced)
	}
	perApp := make(map[string][]string)
	for _, text := range got {
		id, version, _ := strings.Cut(text, " ")
		perApp[id] = append(perApp[id], version)
	}
	for id, versions := range perApp {
		if !slices.IsSorted(versions) {
			t.Errorf("%s was handled out of order: %v", id, versions)
		}
	}
}

// TestMissingVersionIsNoticed takes an event out of the outbox before it is
// published.
func TestMissingVersionIsNoticed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, seen := uuid.New(), newRecorder()
	registry := prometheus.NewRegistry()
	consumer, err := stream.NewConsumer(stream.ConsumerConfig{
		Name: "gap-" + app.String(), DB: dbtest.New(t, "shared"), Seeds: b.seeds, Log: slog.New(slog.DiscardHandler),
		Subscriptions: []stream.Subscription{onDeclined(app, seen)}, Now: time.Now, Metrics: stream.NewMetrics(registry),
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		b.announce(declined(app, strconv.Itoa(n+1)))
	}
	tag, err := b.db.Pool().Exec(t.Context(), `delete from outbox where versions = $1`, []int64{2})
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("%d rows of version 2, %v", tag.RowsAffected(), err)
	}
	b.runRelay()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- consumer.Run(ctx) }()
	seen.wait(t, 3)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == "tenor_event_gaps_total" {
			if got := family.GetMetric()[0].GetCounter().GetValue(); got != 1 {
				t.Errorf("%v gaps are counted, want 1", got)
			}
			return
		}
	}
	t.Error("no gaps are counted")
}

func TestReplaySendsEachEventOnceAndNoGarbage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, seen := uuid.New(), newRecorder()
	name := "replay-" + app.String()
	b.runRelay()
	b.run(name, dbtest.New(t, "shared"), onDeclined(app, seen), stream.On(
		func(context.Context, database.Tx, event.Envelope, event.OfferExpired) error {
			return errors.New("still broken")
		}))
	garbage := &kgo.Record{Topic: event.TopicOrigination, Key: []byte(app.String()), Value: []byte("{not an event")}
	if err := stream.Publish(t.Context(), b.producer, garbage); err != nil {
		t.Fatal(err)
	}
	b.announce(event.OfferExpired{OnApplication: event.OnApplication{ApplicationID: app, CustomerID: app}})
	b.announce(declined(app, "mark 0"))
	seen.wait(t, 1)
	for replay := range 3 {
		sent, err := stream.ReplayDeadLetters(t.Context(), b.seeds, name)
		if err != nil || sent != 1 {
			t.Fatalf("replay %d sent %d, %v; want the one event that can be read", replay+1, sent, err)
		}
		b.announce(declined(app, "mark"))
		seen.wait(t, 1)
		if n := b.letters(name, app); n != 3+replay { // garbage, the event, and one more for each replay
			t.Fatalf("%d dead letters after replay %d, want %d", n, replay+1, 3+replay)
		}
	}
}

func TestEventThatNoBrokerTakesIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	err := database.InTx(t.Context(), b.db, func(tx database.Tx) error {
		return b.outbox.Append(t.Context(), tx, time.Now(), declined(uuid.New(), strings.Repeat("x", stream.EventBytesMax)))
	})
	if !errors.Is(err, stream.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
	b.announce(declined(uuid.New(), strings.Repeat("x", stream.EventBytesMax-1000)))
	if err := b.relay.Drain(t.Context()); err != nil {
		t.Errorf("the largest event cannot be published: %v", err)
	}
}
