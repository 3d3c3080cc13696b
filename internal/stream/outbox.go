// Package stream owns how events travel: the outbox that a transaction writes,
// the relay that publishes it to Kafka, and the consumer that handles each
// event once, with its inbox, retries and dead letters. It owns the tables
// outbox, outbox_relay, stream_head, inbox and inbox_head, and it is the only
// builder of Kafka clients.
//
// It must not know what any event means.
package stream

import (
	"bytes"
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

// outboxRows are the columns of the rows to insert, as arrays.
type outboxRows struct {
	ids, subjects             []uuid.UUID
	topics, keys, types, data []string
	traces                    []string
	versions                  []int64
	recorded                  []time.Time
}

// Append announces events that happened at the instant at. They are published,
// in this order per subject, if and only if tx commits.
func (o *Outbox) Append(ctx context.Context, tx database.Tx, at time.Time, events ...event.Event) error {
	if len(events) == 0 {
		return nil
	}
	heads, err := o.advance(ctx, tx, at, events)
	if err != nil {
		return err
	}
	var rows outboxRows
	ownTrace := traceOf(ctx)
	for _, e := range events {
		trace := ownTrace
		if traced, ok := e.(tracedEvent); ok {
			e, trace = traced.Event, traced.parent
		}
		data, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", e.Type(), err)
		}
		if len(data) > EventBytesMax {
			return fmt.Errorf("%w: %s of %s has %d bytes", ErrTooLarge, e.Type(), e.Subject(), len(data))
		}
		head := heads[e.Subject()]
		head.next++
		rows.ids = append(rows.ids, o.newID())
		rows.subjects = append(rows.subjects, e.Subject())
		rows.topics = append(rows.topics, e.Topic())
		rows.keys = append(rows.keys, e.Key())
		rows.types = append(rows.types, e.Type())
		rows.data = append(rows.data, string(data))
		rows.versions = append(rows.versions, head.next)
		rows.recorded = append(rows.recorded, head.recordedAt)
		rows.traces = append(rows.traces, trace)
	}
	_, err = tx.Exec(ctx, `
		insert into outbox
		       (id, topic, partition_key, type, source, subject, version, occurred_at, recorded_at, trace_parent, data)
		select u.id, u.topic, u.partition_key, u.type, $9, u.subject, u.version, $10, u.recorded_at,
		       u.trace_parent, u.data
		  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::timestamptz[],
		              $8::text[], $11::text[])
		       as u (id, topic, partition_key, type, subject, version, recorded_at, data, trace_parent)`,
		rows.ids, rows.topics, rows.keys, rows.types, rows.subjects, rows.versions, rows.recorded, rows.data,
		o.source, at, rows.traces)
	if err != nil {
		return fmt.Errorf("writing outbox: %w", err)
	}
	tx.AfterCommit(o.wake)
	return nil
}

type streamHead struct {
	next       int64 // the version before the first one of this transaction
	recordedAt time.Time
}

// advance takes as many versions for each subject as it has events, in key
// order. The row that it updates makes transactions of one aggregate commit
// one after the other, and recorded_at never goes back within an aggregate.
func (o *Outbox) advance(
	ctx context.Context, tx database.Tx, at time.Time, events []event.Event,
) (map[uuid.UUID]*streamHead, error) {
	counts := make(map[uuid.UUID]int64)
	var subjects []uuid.UUID
	for _, e := range events {
		if counts[e.Subject()] == 0 {
			subjects = append(subjects, e.Subject())
		}
		counts[e.Subject()]++
	}
	slices.SortFunc(subjects, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	taken := make([]int64, len(subjects))
	for i, subject := range subjects {
		taken[i] = counts[subject]
	}
	rows, err := tx.Query(ctx, `
		insert into stream_head (subject, version, recorded_at)
		select u.subject, u.taken, $3 from unnest($1::uuid[], $2::bigint[]) as u (subject, taken) order by u.subject
		on conflict (subject) do update
		   set version = stream_head.version + excluded.version,
		       recorded_at = greatest(stream_head.recorded_at, excluded.recorded_at)
		returning subject, version, recorded_at`, subjects, taken, at)
	if err != nil {
		return nil, fmt.Errorf("advancing stream versions: %w", err)
	}
	defer rows.Close()
	heads := make(map[uuid.UUID]*streamHead, len(subjects))
	for rows.Next() {
		var subject uuid.UUID
		var version int64
		var recordedAt time.Time
		if err := rows.Scan(&subject, &version, &recordedAt); err != nil {
			return nil, fmt.Errorf("reading stream versions: %w", err)
		}
		heads[subject] = &streamHead{next: version - counts[subject], recordedAt: recordedAt}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("advancing stream versions: %w", err)
	}
	return heads, nil
}
