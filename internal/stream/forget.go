package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

// Limits of forgetting.
const (
	// forgetEvery is how often a consumer goes through its inbox, the first time
	// within forgetFirst of its start, so that replicas do it at different times.
	forgetEvery = 24 * time.Hour
	forgetFirst = time.Hour
	// forgetPage bounds how many rows a transaction reads, or deletes.
	forgetPage  = 1_000
	forgetPause = 20 * time.Millisecond // between two pages
	// forgetSlack is how far the clocks of a publisher and a consumer may differ.
	forgetSlack = time.Hour
)

// ErrForgotten means that an event is older than the time for which its consumer
// remembers what it has handled: nobody can tell any more whether it was.
var ErrForgotten = errors.New("the event is older than the inbox remembers")

// refuseForgotten returns ErrForgotten if one of the events that are not in the
// inbox may have been there once.
func (c *Consumer) refuseForgotten(fresh map[uuid.UUID]bool, deliveries []delivery) error {
	if c.remember == 0 {
		return nil
	}
	since := c.now().Add(-c.remember)
	for i := range deliveries {
		if env := &deliveries[i].env; fresh[env.ID] && env.Time.Before(since) {
			return fmt.Errorf("%w: %s of %s", ErrForgotten, env.ID, env.Time.Format(time.RFC3339))
		}
	}
	return nil
}

// keepForgetting goes through the inbox now and then until ctx ends.
func (c *Consumer) keepForgetting(ctx context.Context) {
	if c.remember == 0 {
		return
	}
	for pause := rand.N(forgetFirst); pauseFor(ctx, pause); pause = forgetEvery { //nolint:gosec // not secret
		forgotten, err := Forget(ctx, c.db, c.name, c.now().Add(-c.remember-forgetSlack))
		if c.metrics != nil {
			c.metrics.forgotten.WithLabelValues(c.name).Add(float64(forgotten))
		}
		if err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "the inbox was not pruned, next try in a day", "error", err)
		}
	}
}

// Forget deletes what the consumer's inbox has of events that were handled before an
// instant, and returns how many rows that were. It goes through the inbox by its
// key, page by page: an index on the time would cost each event a write.
func Forget(ctx context.Context, db *database.DB, consumer string, before time.Time) (forgotten int64, err error) {
	for after, more := uuid.Nil, true; more; {
		var old []uuid.UUID
		if old, after, more, err = readInbox(ctx, db, consumer, after, before); err != nil {
			return forgotten, err
		}
		deleted, err := deleteInbox(ctx, db, consumer, old, before)
		forgotten += deleted
		if err != nil {
			return forgotten, err
		}
		if more && !pauseFor(ctx, forgetPause) {
			return forgotten, context.Cause(ctx)
		}
	}
	return forgotten, nil
}

// readInbox returns which of the next rows are old, the last of all of them, and
// whether there may be more.
func readInbox(
	ctx context.Context, db *database.DB, consumer string, after uuid.UUID, before time.Time,
) (old []uuid.UUID, last uuid.UUID, more bool, err error) {
	err = database.InReadTx(ctx, db, func(tx database.Tx) error {
		old, last = nil, after
		rows, err := tx.Query(ctx, `
			select event_id, handled_at from inbox where consumer = $1 and event_id > $2
			 order by event_id limit $3`, consumer, after, forgetPage)
		if err != nil {
			return err
		}
		var handled time.Time
		tag, err := pgx.ForEachRow(rows, []any{&last, &handled}, func() error {
			if handled.Before(before) {
				old = append(old, last)
			}
			return nil
		})
		more = tag.RowsAffected() == forgetPage
		return err
	})
	if err != nil {
		return nil, uuid.Nil, false, fmt.Errorf("reading the inbox of %s: %w", consumer, err)
	}
	return old, last, more, nil
}

func deleteInbox(
	ctx context.Context, db *database.DB, consumer string, ids []uuid.UUID, before time.Time,
) (deleted int64, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	err = database.InTx(ctx, db, func(tx database.Tx) error {
		tag, err := tx.Exec(ctx, `
			delete from inbox where consumer = $1 and event_id = any($2::uuid[]) and handled_at < $3`, consumer, ids, before)
		deleted = tag.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("pruning the inbox of %s: %w", consumer, err)
	}
	return deleted, nil
}
