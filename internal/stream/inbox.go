package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/mutant"
)

type delivery struct {
	env    event.Envelope
	record *kgo.Record
}

// aggregate is what versions count within.
type aggregate struct {
	source  string
	subject uuid.UUID
}

// handle runs the handlers of the deliveries in one transaction, each event at
// most once in the life of the database. What has begun is finished even when
// ctx ends meanwhile.
func (c *Consumer) handle(ctx context.Context, deliveries []delivery) error {
	if c.turn != nil {
		c.turn.Lock()
		defer c.turn.Unlock()
	}
	var gaps []delivery
	ctx = context.WithoutCancel(ctx)
	err := database.InTx(ctx, c.db, func(tx database.Tx) error {
		gaps = gaps[:0]
		fresh, err := c.recordInbox(ctx, tx, deliveries)
		if err != nil {
			return err
		}
		if err := c.refuseForgotten(fresh, deliveries); err != nil {
			return err
		}
		heads, err := c.readHeads(ctx, tx, deliveries)
		if err != nil {
			return err
		}
		waiting := c.newWaiting()
		for _, d := range deliveries {
			key := aggregate{d.env.Source, d.env.Subject}
			head, known := heads[key]
			if known && d.env.Version > head+1 {
				gaps = append(gaps, d)
			}
			_, ours := c.handlers[d.env.Type]
			if ours || known {
				heads[key] = max(head, d.env.Version)
			}
			if !fresh[d.env.ID] && (!mutant.NoInbox || !ours) {
				continue
			}
			delete(fresh, d.env.ID) // the same event twice in one chunk
			if err := waiting.add(ctx, tx, d.env); err != nil {
				return err
			}
		}
		if err := waiting.flush(ctx, tx); err != nil {
			return err
		}
		c.writeHeads(tx, heads)
		return nil
	})
	if err != nil {
		return err
	}
	c.measure(ctx, deliveries, gaps)
	return nil
}

// recordInbox claims the events that this consumer handles and returns those
// that it had not handled before.
func (c *Consumer) recordInbox(ctx context.Context, tx database.Tx, deliveries []delivery) (map[uuid.UUID]bool, error) {
	var ids []uuid.UUID
	seen := make(map[uuid.UUID]bool)
	for _, d := range deliveries {
		if _, ours := c.handlers[d.env.Type]; ours && !seen[d.env.ID] {
			seen[d.env.ID] = true
			ids = append(ids, d.env.ID)
		}
	}
	fresh := make(map[uuid.UUID]bool, len(ids))
	if len(ids) == 0 {
		return fresh, nil
	}
	rows, err := tx.Query(ctx, `
		insert into inbox (consumer, event_id, handled_at)
		select $1, u.id, $3 from unnest($2::uuid[]) as u (id) order by u.id
		on conflict (consumer, event_id) do nothing
		returning event_id`, c.name, ids, c.now())
	if err != nil {
		return nil, fmt.Errorf("writing inbox: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id uuid.UUID
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("reading inbox: %w", err)
		}
		fresh[id] = true
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("writing inbox: %w", err)
	}
	return fresh, nil
}

func (c *Consumer) readHeads(ctx context.Context, tx database.Tx, deliveries []delivery) (map[aggregate]int64, error) {
	subjects, sources := make([]uuid.UUID, 0, len(deliveries)), make([]string, 0, len(deliveries))
	asked := make(map[aggregate]bool, len(deliveries))
	for _, d := range deliveries {
		if key := (aggregate{d.env.Source, d.env.Subject}); !asked[key] {
			asked[key] = true
			subjects, sources = append(subjects, key.subject), append(sources, key.source)
		}
	}
	// The limit keeps the database from reading the whole table: each is found by its key.
	rows, err := tx.Query(ctx, `
		select u.source, u.subject, h.version
		  from unnest($2::uuid[], $3::text[]) as u (subject, source)
		  join lateral (select version from inbox_head
		                 where consumer = $1 and subject = u.subject and source = u.source
		                 order by version limit 1) as h on true`, c.name, subjects, sources)
	if err != nil {
		return nil, fmt.Errorf("reading inbox heads: %w", err)
	}
	defer rows.Close()
	heads := make(map[aggregate]int64)
	for rows.Next() {
		var key aggregate
		var version int64
		if err := rows.Scan(&key.source, &key.subject, &version); err != nil {
			return nil, fmt.Errorf("reading inbox heads: %w", err)
		}
		heads[key] = version
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading inbox heads: %w", err)
	}
	return heads, nil
}

// writeHeads keeps how far the consumer has seen the aggregates of which it has
// handled an event; of the others no gap could hide anything from it.
func (c *Consumer) writeHeads(tx database.Tx, heads map[aggregate]int64) {
	if len(heads) == 0 {
		return
	}
	var sources []string
	var subjects []uuid.UUID
	var versions []int64
	for key, version := range heads {
		sources = append(sources, key.source)
		subjects = append(subjects, key.subject)
		versions = append(versions, version)
	}
	tx.Later(database.Write{
		What: "writing inbox heads", Rows: database.AnyRows, SQL: `
		insert into inbox_head (consumer, source, subject, version)
		select $1, u.source, u.subject, u.version
		  from unnest($2::text[], $3::uuid[], $4::bigint[]) as u (source, subject, version)
		 order by u.subject, u.source
		on conflict (consumer, subject, source) do update
		   set version = greatest(inbox_head.version, excluded.version)`,
		Args: []any{c.name, sources, subjects, versions},
	})
}

var tracer = otel.Tracer("github.com/tenor-lending/tenor/internal/stream")

// waiting holds events back that are handled together.
type waiting struct {
	consumer *Consumer
	lanes    []string // in the order of their first event
	envs     map[string][]event.Envelope
	subjects map[uuid.UUID]string // the lane in which events of the aggregate wait
}

func (c *Consumer) newWaiting() *waiting {
	return &waiting{consumer: c, envs: map[string][]event.Envelope{}, subjects: map[uuid.UUID]string{}}
}

// add handles the event, or holds it back to be handled with others of its
// lane. What waits of the same aggregate is handled before, or in its place of
// the same call.
func (w *waiting) add(ctx context.Context, tx database.Tx, env event.Envelope) error {
	sub := w.consumer.handlers[env.Type]
	lane, waits := w.subjects[env.Subject]
	inOrder := !waits || (sub.mixed && lane == sub.lane)
	if !inOrder || len(w.envs[sub.lane]) >= sub.together {
		if err := w.flush(ctx, tx); err != nil {
			return err
		}
	}
	if sub.together == 1 {
		return w.consumer.runHandler(ctx, tx, []event.Envelope{env})
	}
	if len(w.envs[sub.lane]) == 0 {
		w.lanes = append(w.lanes, sub.lane)
	}
	w.envs[sub.lane] = append(w.envs[sub.lane], env)
	w.subjects[env.Subject] = sub.lane
	return nil
}

func (w *waiting) flush(ctx context.Context, tx database.Tx) error {
	lanes, envs := w.lanes, w.envs
	*w = *w.consumer.newWaiting()
	for _, lane := range lanes {
		if err := w.consumer.runHandler(ctx, tx, envs[lane]); err != nil {
			return err
		}
	}
	return nil
}

// runHandler continues the trace that the event came from; for several, that of
// the first.
func (c *Consumer) runHandler(ctx context.Context, tx database.Tx, envs []event.Envelope) error {
	env := envs[0]
	ctx = traceParent.Extract(ctx, propagation.MapCarrier{traceParentKey: env.TraceParent})
	ctx, span := tracer.Start(ctx, c.name+" handle "+env.Type, trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attribute.String("messaging.message.id", env.ID.String()),
			attribute.Int("messaging.batch.message_count", len(envs)),
			attribute.String("messaging.consumer.group.name", c.name)))
	defer span.End()
	if err := c.guard(ctx, tx, envs); err != nil {
		span.SetStatus(codes.Error, "not handled")
		return fmt.Errorf("handling %d of %s from %s on: %w", len(envs), env.Type, env.ID, err)
	}
	return nil
}

// errPanic means that a handler panicked: a fault of the program that one event
// brought to light.
var errPanic = errors.New("handler panicked")

// guard makes a panic of a handler an error, so that the event becomes a dead
// letter and neither ends the process nor does so again after each restart.
func (c *Consumer) guard(ctx context.Context, tx database.Tx, envs []event.Envelope) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			c.log.ErrorContext(ctx, "panic", "event", envs[0].ID, "type", envs[0].Type, "cause", cause,
				"stack", string(debug.Stack()))
			err = errPanic
		}
	}()
	return c.handlers[envs[0].Type].handle(ctx, tx, envs)
}

func (c *Consumer) measure(ctx context.Context, deliveries, gaps []delivery) {
	for _, d := range gaps {
		c.log.ErrorContext(ctx, "events are missing before this one", "event", d.env.ID, "type", d.env.Type,
			"subject", d.env.Subject, "source", d.env.Source, "version", d.env.Version)
	}
	if c.metrics == nil {
		return
	}
	c.metrics.gaps.WithLabelValues(c.name).Add(float64(len(gaps)))
	for _, d := range deliveries {
		if _, ours := c.handlers[d.env.Type]; ours {
			c.metrics.latency.WithLabelValues(c.name).Observe(c.now().Sub(d.env.Time).Seconds())
		}
	}
}

// HandleOnce handles envelopes as a consumer of that name would, without a
// broker: in one transaction with their inbox rows. A type that nobody subscribes
// to is passed over. It serves tests and repairs.
func HandleOnce(
	ctx context.Context, db *database.DB, consumer string, subs []Subscription, now time.Time, envs ...event.Envelope,
) error {
	c, err := NewConsumer(ConsumerConfig{
		Name: consumer, DB: db, Subscriptions: subs, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return now },
	})
	if err != nil {
		return err
	}
	deliveries := make([]delivery, len(envs))
	for i := range envs {
		deliveries[i].env = envs[i]
	}
	return c.handle(ctx, deliveries)
}
