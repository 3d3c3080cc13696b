// Package streamtest helps tests of services to announce and to handle events
// without a broker: it reads what a service left in its outbox and delivers
// events to its subscriptions the way a consumer does.
//
// It is for tests only.
package streamtest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

// Deliver hands events to the subscriptions of consumer, each in its own
// transaction with its inbox row, in the given order and once: delivering an
// event that was announced with the same id has no second effect. It fails the
// test when a handler fails.
func Deliver(t testing.TB, db *database.DB, consumer string, subs []stream.Subscription, events ...event.Event) {
	t.Helper()
	for _, e := range events {
		if err := TryDeliver(t, db, consumer, subs, Envelope(t, e)); err != nil {
			t.Fatalf("delivering %s: %v", e.Type(), err)
		}
	}
}

// DeliverTogether hands events to the subscriptions in one transaction, as a
// consumer does with what it finds together.
func DeliverTogether(
	t testing.TB, db *database.DB, consumer string, subs []stream.Subscription, events ...event.Event,
) {
	t.Helper()
	envs := make([]event.Envelope, len(events))
	for i, e := range events {
		envs[i] = Envelope(t, e)
		envs[i].Version = int64(i) + 1
	}
	if err := stream.HandleOnce(context.Background(), db, consumer, subs, time.Now().UTC(), envs...); err != nil {
		t.Fatalf("delivering %d events: %v", len(events), err)
	}
}

// TryDeliver hands one envelope to the subscriptions and returns the handler's error.
func TryDeliver(t testing.TB, db *database.DB, consumer string, subs []stream.Subscription, env event.Envelope) error {
	t.Helper()
	return stream.HandleOnce(context.Background(), db, consumer, subs, time.Now().UTC(), env)
}

// Envelope wraps an event as if some other service had published it now, with
// a new id.
func Envelope(t testing.TB, e event.Event) event.Envelope {
	t.Helper()
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatalf("encoding %s: %v", e.Type(), err)
	}
	return event.Envelope{
		SpecVersion: event.SpecVersion, ID: uuid.New(), Source: "/tenor/test", Type: e.Type(), Subject: e.Subject(),
		Time: time.Now().UTC().Truncate(time.Microsecond), DataContentType: "application/json", Version: 1, Data: data,
	}
}

// Announced returns the envelopes in the outbox of db, in the order of their
// publication, without taking them.
func Announced(t testing.TB, db *database.DB) []event.Envelope {
	t.Helper()
	var list []event.Envelope
	err := stream.Waiting(context.Background(), db, func(env event.Envelope) error {
		list = append(list, env)
		return nil
	})
	if err != nil {
		t.Fatalf("reading outbox: %v", err)
	}
	return list
}

// Types returns the types of Announced, in order.
func Types(t testing.TB, db *database.DB) []string {
	t.Helper()
	var types []string
	for _, env := range Announced(t, db) {
		types = append(types, env.Type)
	}
	return types
}

// Last returns the last announced event of type E; it fails the test if there is none.
func Last[E event.Event](t testing.TB, db *database.DB) E {
	t.Helper()
	var found E
	ok := false
	for _, env := range Announced(t, db) {
		if env.Type != found.Type() {
			continue
		}
		decoded, err := event.Decode[E](env)
		if err != nil {
			t.Fatalf("decoding %s: %v", env.Type, err)
		}
		found, ok = decoded, true
	}
	if !ok {
		t.Fatalf("no %s was announced", found.Type())
	}
	return found
}
