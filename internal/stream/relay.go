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
	// relayRowsMax bounds what one drain publishes: the events of so many rows, of
	// which each has one event to packMax.
	relayRowsMax = 100
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
		case published == relayRowsMax:
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

// waitingRow is a row of the outbox.
type waitingRow struct {
	recordedAt       time.Time
	id               uuid.UUID
	part             int64
	places, versions []int64
	packed           []byte
}

// readOutbox returns the rows after one, in the order of publication.
func readOutbox(ctx context.Context, tx database.Tx, after *waitingRow, limit int) ([]waitingRow, error) {
	rows, err := tx.Query(ctx, `
		select recorded_at, id, part, places, versions, events from outbox
		 where (recorded_at, id, part) > ($1::timestamptz, $2::uuid, $3::bigint)
		 order by recorded_at, id, part limit $4`, after.recordedAt, after.id, after.part, limit)
	if err != nil {
		return nil, fmt.Errorf("reading outbox: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (waitingRow, error) {
		var w waitingRow
		return w, row.Scan(&w.recordedAt, &w.id, &w.part, &w.places, &w.versions, &w.packed)
	})
	if err != nil {
		return nil, fmt.Errorf("reading outbox: %w", err)
	}
	return list, nil
}

// Waiting hands the events that wait in the outbox of db to fn, in the order of
// their publication, and leaves them there.
func Waiting(ctx context.Context, db *database.DB, fn func(event.Envelope) error) error {
	var last waitingRow
	for {
		var rows []waitingRow
		err := database.InReadTx(ctx, db, func(tx database.Tx) (err error) {
			rows, err = readOutbox(ctx, tx, &last, relayRowsMax)
			return err
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		last = rows[len(rows)-1]
		for i := range rows {
			list, err := unpack(rows[i].packed, rows[i].places, rows[i].versions)
			if err != nil {
				return err
			}
			for j := range list {
				if err := fn(list[j].env); err != nil {
					return err
				}
			}
		}
	}
}

// drain publishes some rows while holding the relay's own, and takes them out of
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
		batch, err := readOutbox(ctx, tx, &waitingRow{}, relayRowsMax)
		if err != nil {
			return err
		}
		if mutant.CursorOutbox {
			batch = slices.DeleteFunc(batch, func(w waitingRow) bool { return mutant.Passed(w.recordedAt) })
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
		   and (select recorded_at from outbox order by recorded_at, id, part limit 1) is not null
		   for update skip locked`).Scan(&id)
	if err == nil {
		return outboxSome, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return outboxNothing, fmt.Errorf("locking outbox: %w", err)
	}
	var first time.Time
	err = tx.QueryRow(ctx, `
		select recorded_at from outbox order by recorded_at, id, part limit 1`).Scan(&first)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return outboxNothing, nil
	case err != nil:
		return outboxNothing, fmt.Errorf("reading outbox: %w", err)
	}
	return relayLockMissing, nil
}

// recordsOf returns what is to be published of a row.
func recordsOf(row *waitingRow) ([]*kgo.Record, error) {
	list, err := unpack(row.packed, row.places, row.versions)
	if err != nil {
		return nil, err
	}
	records := make([]*kgo.Record, len(list))
	for i := range list {
		a := &list[i]
		value, err := a.env.Append(make([]byte, 0, envelopeRoom+len(a.env.Data)))
		if err != nil {
			return nil, err
		}
		records[i] = &kgo.Record{
			Topic: a.topic, Key: []byte(a.key), Value: value,
			Headers: []kgo.RecordHeader{
				{Key: "content-type", Value: []byte("application/cloudevents+json")},
				{Key: headerType, Value: []byte(a.env.Type)},
			},
		}
	}
	return records, nil
}

func (r *Relay) publish(ctx context.Context, tx database.Tx, batch []waitingRow) error {
	var records []*kgo.Record
	for i := range batch {
		some, err := recordsOf(&batch[i])
		if err != nil {
			return err
		}
		records = append(records, some...)
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
		SQL:  `delete from outbox where (recorded_at, id, part) <= ($1::timestamptz, $2::uuid, $3::bigint)`,
		Args: []any{last.recordedAt, last.id, last.part},
	})
	return nil
}

// errDrained would mean that the outbox changed while it was drained.
var errDrained = errors.New("other events were taken out than were published")
