// Package stream owns how events travel: the outbox that a transaction writes,
// the relay that publishes it to Kafka, and the consumer that handles each
// event once, with its inbox, retries and dead letters. It owns the tables
// outbox, outbox_relay, stream_head, inbox and inbox_head, and it is the only
// builder of Kafka clients.
//
// It must not know what any event means.
package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/propagation"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
)

// EventBytesMax bounds the JSON of an event: with its envelope, and as a dead
// letter, it must fit into what a broker takes (1 MiB), or it would block the
// outbox behind it for ever.
const EventBytesMax = 512 << 10

// ErrTooLarge means an event has more than EventBytesMax bytes.
var ErrTooLarge = errors.New("event is too large")

// Outbox announces events in the transaction of the facts that they report.
type Outbox struct {
	source string
	newID  func() uuid.UUID
	wake   func()
}

// NewOutbox returns the outbox of one database. source names the database as
// CloudEvents wants it ("/tenor/kyc"): versions of an aggregate count per
// source. wake is called after each commit that has something to publish.
func NewOutbox(source string, newID func() uuid.UUID, wake func()) *Outbox {
	return &Outbox{source: source, newID: newID, wake: wake}
}

// traceParent carries a trace through the outbox (W3C Trace Context).
var traceParent = propagation.TraceContext{}

const traceParentKey = "traceparent"

// Traced binds an event to the trace of ctx, for transactions in which several
// requests announce theirs.
func Traced(ctx context.Context, e event.Event) event.Event {
	return tracedEvent{Event: e, parent: traceOf(ctx)}
}

type tracedEvent struct {
	event.Event
	parent string
}

func traceOf(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	traceParent.Inject(ctx, carrier)
	return carrier.Get(traceParentKey)
}

// outboxRows are the columns of the rows to insert, as arrays. behind is how many
// events of the same subject follow in the same transaction.
type outboxRows struct {
	ids, subjects                     []uuid.UUID
	topics, keys, types, data, traces []string
	behind                            []int64
}

// Append announces events that happened at the instant at. They are published,
// in this order per subject, if and only if tx commits.
//
// The statement takes as many versions for each subject as it has events, in
// key order. The rows of stream_head that it updates make transactions of one
// aggregate commit one after the other, and recorded_at never goes back within
// an aggregate.
func (o *Outbox) Append(ctx context.Context, tx database.Tx, at time.Time, events ...event.Event) error {
	if len(events) == 0 {
		return nil
	}
	rows, err := o.rowsOf(ctx, events)
	if err != nil {
		return err
	}
	subjects, taken := rows.count()
	tx.Later(database.Write{
		What: "writing outbox", Rows: int64(len(events)), Otherwise: errHeads, SQL: `
		with head as (
		       insert into stream_head (subject, version, recorded_at)
		       select s.subject, s.taken, $11 from unnest($9::uuid[], $10::bigint[]) as s (subject, taken)
		        order by s.subject
		       on conflict (subject) do update
		          set version = stream_head.version + excluded.version,
		              recorded_at = greatest(stream_head.recorded_at, excluded.recorded_at)
		       returning subject, version, recorded_at)
		insert into outbox
		       (id, topic, partition_key, type, source, subject, version, occurred_at, recorded_at, trace_parent, data)
		select u.id, u.topic, u.partition_key, u.type, $12, u.subject, head.version - u.behind, $11, head.recorded_at,
		       u.trace_parent, u.data
		  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::text[], $8::text[])
		       as u (id, topic, partition_key, type, subject, behind, trace_parent, data)
		  join head on head.subject = u.subject`,
		Args: []any{
			rows.ids, rows.topics, rows.keys, rows.types, rows.subjects, rows.behind, rows.traces, rows.data,
			subjects, taken, at, o.source,
		},
	})
	tx.AfterCommit(o.wake)
	return nil
}

// errHeads would mean that a subject got no versions.
var errHeads = errors.New("events without a version")

func (o *Outbox) rowsOf(ctx context.Context, events []event.Event) (*outboxRows, error) {
	rows := &outboxRows{}
	ownTrace := traceOf(ctx)
	for _, e := range events {
		trace := ownTrace
		if traced, ok := e.(tracedEvent); ok {
			e, trace = traced.Event, traced.parent
		}
		data, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", e.Type(), err)
		}
		if len(data) > EventBytesMax {
			return nil, fmt.Errorf("%w: %s of %s has %d bytes", ErrTooLarge, e.Type(), e.Subject(), len(data))
		}
		rows.ids = append(rows.ids, o.newID())
		rows.subjects = append(rows.subjects, e.Subject())
		rows.topics = append(rows.topics, e.Topic())
		rows.keys = append(rows.keys, e.Key())
		rows.types = append(rows.types, e.Type())
		rows.data = append(rows.data, string(data))
		rows.traces = append(rows.traces, trace)
	}
	return rows, nil
}

// count fills in behind, and returns each subject with its number of events.
func (r *outboxRows) count() (subjects []uuid.UUID, taken []int64) {
	counts := make(map[uuid.UUID]int64, len(r.subjects))
	r.behind = make([]int64, len(r.subjects))
	for i, subject := range slices.Backward(r.subjects) {
		r.behind[i] = counts[subject]
		counts[subject]++
	}
	for _, subject := range r.subjects {
		if counts[subject] > 0 {
			subjects, taken = append(subjects, subject), append(taken, counts[subject])
			counts[subject] = 0
		}
	}
	return subjects, taken
}
