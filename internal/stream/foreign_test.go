package stream_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

// TestForeignEventsAreNotRead: a record whose header says that it is about
// something else is passed over, whatever is in it; one without the header is read.
func TestForeignEventsAreNotRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, seen := uuid.New(), newRecorder()
	name := "foreign-" + app.String()
	garbage := func(typ string) *kgo.Record {
		r := &kgo.Record{Topic: event.TopicOrigination, Key: []byte(app.String()), Value: []byte("no event of " + typ)}
		if typ != "" {
			r.Headers = []kgo.RecordHeader{{Key: "ce_type", Value: []byte(typ)}}
		}
		return r
	}
	err := stream.Publish(t.Context(), b.producer, garbage(event.LoanActivated{}.Type()),
		garbage(event.RiskRejected{}.Type()), garbage("unheard.of.v1"), garbage(""))
	if err != nil {
		t.Fatal(err)
	}
	b.announce(declined(app, "read"))
	if err := b.relay.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.run(name, dbtest.New(t, "shared"), onDeclined(app, seen))
	seen.wait(t, 1)
	if n := b.letters(name, app); n != 3 {
		t.Errorf("%d dead letters, want those of the aggregate that is followed, of an unknown type and of none", n)
	}
}
