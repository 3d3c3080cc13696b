package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/failpoint"
	"github.com/tenor-lending/tenor/internal/mutant"
)

// Limits of the relay.
const (
	// RelayBatchMax bounds how many events one drain publishes.
	RelayBatchMax = 1_000
	// relayPoll finds what a crashed process left behind, or what another
	// process committed while its own relay was not draining.
	relayPoll = 250 * time.Millisecond
	// relayBusyPause is how soon to look again while another relay drains.
	relayBusyPause  = 10 * time.Millisecond
	relayErrorFirst = 50 * time.Millisecond
	relayErrorLimit = 5 * time.Second
	// envelopeRoom is about what an envelope has beside its data, in bytes.
	envelopeRoom     = 384
	outboxSome       = 1
	outboxNothing    = 0
	relayLockMissing = -1
)

// Relay publishes one database's outbox. Any number of relays may run on a
// database: a row lock lets one drain at a time, so that an aggregate's events
// leave in the order of their versions.
type Relay struct {
	db     *database.DB
	client *kgo.Client
	log    *slog.Logger
	now    func() time.Time
	wake   chan struct{}
}

// NewRelay returns a relay that publishes through client. Run starts it.
func NewRelay(db *database.DB, client *kgo.Client, log *slog.Logger, now func() time.Time) *Relay {
	return &Relay{db: db, client: client, log: log, now: now, wake: make(chan struct{}, 1)}
}

// Wake makes the relay look at once; it never blocks.
func (r *Relay) Wake() {
	select {
	case r.wake <- struct{}{}:
	default: // it is going to look anyway
	}
}

// Run publishes until ctx ends; then it drains what is committed, as far as
// that succeeds at once.
func (r *Relay) Run(ctx context.Context) error {
	poll := time.NewTicker(relayPoll)
	defer poll.Stop()
	backoff := relayErrorFirst
	for {
		published, err := r.drain(ctx)
		pause := time.Duration(0)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			r.log.WarnContext(ctx, "outbox not published", "error", err)
			pause, backoff = backoff, min(2*backoff, relayErrorLimit)
		case published == relayLockMissing:
			pause = relayBusyPause
		case published == RelayBatchMax:
			continue
		default:
			backoff = relayErrorFirst
		}
		if pause > 0 {
			if !pauseFor(ctx, pause) {
				return nil
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		case <-poll.C:
		}
	}
}

func pauseFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Drain publishes everything that is committed, for an orderly stop and for tests.
func (r *Relay) Drain(ctx context.Context) error {
	for {
		published, err := r.drain(ctx)
		if err != nil {
			return err
		}
		if published == outboxNothing {
			return nil
		}
		if published == relayLockMissing && !pauseFor(ctx, relayBusyPause) {
			return context.Cause(ctx)
		}
	}
}

// headerType repeats the event's type, as the Kafka binding of CloudEvents allows:
// whom it does not concern need not read the event.
const headerType = "ce_type"

type pending struct {
	ID          uuid.UUID
	Topic       string
	Key         string
	Type        string
	Source      string
	Subject     uuid.UUID
	Version     int64
	RecordedAt  time.Time
	OccurredAt  time.Time
	TraceParent string
	Data        []byte
}

// drain publishes one batch while holding the relay's row, and takes it out of
// the outbox in the same transaction. A crash in between publishes again:
// consumers know by the event's id.
func (r *Relay) drain(ctx context.Context) (int, error) {
	published := 0
	err := database.InTx(ctx, r.db, func(tx database.Tx) error {
		locked, err := lockOutbox(ctx, tx)
		published = locked
		if err != nil || locked != outboxSome {
			return err
		}
		rows, err := tx.Query(ctx, `
			select id, topic, partition_key, type, source, subject, version, recorded_at, occurred_at, trace_parent, data
			  from outbox order by recorded_at, subject, version limit $1`, RelayBatchMax)
		if err != nil {
			return fmt.Errorf("reading outbox: %w", err)
		}
		batch, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (pending, error) {
			var p pending
			return p, row.Scan(&p.ID, &p.Topic, &p.Key, &p.Type, &p.Source, &p.Subject, &p.Version, &p.RecordedAt,
				&p.OccurredAt, &p.TraceParent, &p.Data)
		})
		if err != nil {
			return fmt.Errorf("reading outbox: %w", err)
		}
		if mutant.CursorOutbox {
			batch = slices.DeleteFunc(batch, func(p pending) bool { return mutant.Passed(p.OccurredAt) })
		}
		published = len(batch)
		if published == outboxNothing {
			return nil
		}
		failpoint.Hit(failpoint.Drained)
		return r.publish(ctx, tx, batch)
	})
	if err == nil && published > outboxNothing {
		failpoint.Hit(failpoint.Marked)
	}
	return published, err
}

// lockOutbox takes the relay's row if there is something to publish. To look into
// an empty outbox, which every relay does several times a second, writes nothing.
// It looks at the first row of the order of publication, which leads over its
// index: the table itself is full of rows that are taken out already.
func lockOutbox(ctx context.Context, tx database.Tx) (int, error) {
	var id int64
	err := tx.QueryRow(ctx, `
		select id from outbox_relay
		 where id = 1
		   and (select recorded_at from outbox order by recorded_at, subject, version limit 1) is not null
		   for update skip locked`).Scan(&id)
	if err == nil {
		return outboxSome, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return outboxNothing, fmt.Errorf("locking outbox: %w", err)
	}
	var first time.Time
	err = tx.QueryRow(ctx, `
		select recorded_at from outbox order by recorded_at, subject, version limit 1`).Scan(&first)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return outboxNothing, nil
	case err != nil:
		return outboxNothing, fmt.Errorf("reading outbox: %w", err)
	}
	return relayLockMissing, nil
}

func (r *Relay) publish(ctx context.Context, tx database.Tx, batch []pending) error {
	records := make([]*kgo.Record, len(batch))
	for i, p := range batch {
		envelope := event.Envelope{
			SpecVersion: event.SpecVersion, ID: p.ID, Source: p.Source, Type: p.Type, Subject: p.Subject,
			Time: p.OccurredAt.UTC(), DataContentType: "application/json", Version: p.Version,
			TraceParent: p.TraceParent, Data: p.Data,
		}
		value, err := envelope.Append(make([]byte, 0, envelopeRoom+len(p.Data)))
		if err != nil {
			return err
		}
		records[i] = &kgo.Record{
			Topic: p.Topic, Key: []byte(p.Key), Value: value,
			Headers: []kgo.RecordHeader{
				{Key: "content-type", Value: []byte("application/cloudevents+json")}, {Key: headerType, Value: []byte(p.Type)},
			},
		}
	}
	if mutant.MarkFirst {
		tx.AfterCommit(func() { _ = Publish(ctx, r.client, records...) })
	} else if err := Publish(ctx, r.client, records...); err != nil {
		return fmt.Errorf("publishing %d events: %w", len(records), err)
	}
	failpoint.Hit(failpoint.Published)
	// What was read is exactly what this transaction sees up to the last of it.
	last := &batch[len(batch)-1]
	tx.Later(database.Write{
		What: "taking published events out", Rows: int64(len(batch)), Otherwise: errDrained,
		SQL:  `delete from outbox where (recorded_at, subject, version) <= ($1::timestamptz, $2::uuid, $3::bigint)`,
		Args: []any{last.RecordedAt, last.Subject, last.Version},
	})
	return nil
}

// errDrained would mean that the outbox changed while it was drained.
var errDrained = errors.New("other events were taken out than were published")
