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

// outboxRows are the rows to insert, as arrays. Of each event there is the row, its
// place in it, its subject, and behind: how many events of the same subject follow
// in the same transaction.
type outboxRows struct {
	packed                [][]byte
	numbers               []int64 // of the rows
	parts, places, behind []int64
	subjects              []uuid.UUID
}

// Append announces events that happened at the instant at. They are published,
// in this order per subject, if and only if tx commits.
//
// The statement takes as many versions for each subject as it has events, in
// key order. The rows of stream_head that it updates make transactions of one
// aggregate commit one after the other, and recorded_at grows with each.
func (o *Outbox) Append(ctx context.Context, tx database.Tx, at time.Time, events ...event.Event) error {
	if len(events) == 0 {
		return nil
	}
	rows, err := o.rowsOf(ctx, at, events)
	if err != nil {
		return err
	}
	subjects, taken := rows.count()
	tx.Later(database.Write{
		What: "writing outbox", Rows: database.AnyRows, SQL: `
		with head as (
		       insert into stream_head (subject, version, recorded_at)
		       select s.subject, s.taken, $3 from unnest($1::uuid[], $2::bigint[]) as s (subject, taken)
		        order by s.subject
		       on conflict (subject) do update
		          set version = stream_head.version + excluded.version,
		              recorded_at = greatest(stream_head.recorded_at + '1 microsecond'::interval, excluded.recorded_at)
		       returning subject, version, recorded_at),
		     row as (
		       select head.recorded_at, u.part, array_agg(u.place order by u.part, u.place) as places,
		              array_agg(head.version - u.behind order by u.part, u.place) as versions
		         from unnest($4::bigint[], $5::bigint[], $6::uuid[], $7::bigint[]) as u (part, place, subject, behind)
		         join head on head.subject = u.subject
		        group by head.recorded_at, u.part)
		insert into outbox (recorded_at, id, part, places, versions, events)
		select row.recorded_at, $8, row.part, row.places, row.versions, p.events
		  from row
		  join unnest($9::bigint[], $10::bytea[]) as p (part, events) on p.part = row.part`,
		Args: []any{
			subjects, taken, at, rows.parts, rows.places, rows.subjects, rows.behind, o.newID(), rows.numbers, rows.packed,
		},
	})
	tx.AfterCommit(o.wake)
	return nil
}

// rowsOf packs the events, in their order.
func (o *Outbox) rowsOf(ctx context.Context, at time.Time, events []event.Event) (*outboxRows, error) {
	rows := &outboxRows{}
	ownTrace := traceOf(ctx)
	row := newPacking(len(events))
	for i, e := range events {
		a := announced{env: event.Envelope{ID: o.newID(), Source: o.source, Time: at, TraceParent: ownTrace}}
		if traced, ok := e.(tracedEvent); ok {
			e, a.env.TraceParent = traced.Event, traced.parent
		}
		a.topic, a.key, a.env.Type, a.env.Subject = e.Topic(), e.Key(), e.Type(), e.Subject()
		var err error
		if a.env.Data, err = json.Marshal(e); err != nil {
			return nil, fmt.Errorf("encoding %s: %w", e.Type(), err)
		}
		if len(a.env.Data) > EventBytesMax {
			return nil, fmt.Errorf("%w: %s of %s has %d bytes", ErrTooLarge, e.Type(), e.Subject(), len(a.env.Data))
		}
		if row.full() {
			if err := rows.close(&row); err != nil {
				return nil, err
			}
			row = newPacking(len(events) - i)
		}
		rows.parts = append(rows.parts, int64(len(rows.packed)))
		rows.places = append(rows.places, row.count)
		rows.subjects = append(rows.subjects, a.env.Subject)
		row.add(&a)
	}
	return rows, rows.close(&row)
}

// close ends a row.
func (r *outboxRows) close(row *packing) error {
	packed, err := row.packed()
	if err != nil {
		return err
	}
	r.numbers = append(r.numbers, int64(len(r.packed)))
	r.packed = append(r.packed, packed)
	return nil
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
