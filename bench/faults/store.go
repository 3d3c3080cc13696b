package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
)

// waitingEvents counts the events that are not published, and when the oldest
// was recorded.
func waitingEvents(ctx context.Context, db *database.DB) (count int64, oldest time.Time, err error) {
	err = db.Pool().QueryRow(ctx, `
		select count(*)::bigint, coalesce(min(recorded_at), '0001-01-01 00:00:00+00'::timestamptz)
		  from outbox`).Scan(&count, &oldest)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("reading the outbox: %w", err)
	}
	if count == 0 {
		oldest = time.Time{}
	}
	return count, oldest, nil
}

const effectsPage = 10_000

// readEffects counts the effects of each payment's event: the rows that the
// drill's own consumer announced.
func readEffects(ctx context.Context, db *database.DB) (map[string]int, error) {
	times := map[string]int{}
	var at time.Time
	var subject uuid.UUID
	var version int64
	for {
		rows, err := db.Pool().Query(ctx, `
			select recorded_at, subject, version, data from outbox where (recorded_at, subject, version) > ($1, $2, $3)
			 order by recorded_at, subject, version limit $4`, at, subject, version, effectsPage)
		if err != nil {
			return nil, fmt.Errorf("reading effects: %w", err)
		}
		count := 0
		var data string
		_, err = pgx.ForEachRow(rows, []any{&at, &subject, &version, &data}, func() error {
			count++
			var effect struct {
				PaymentID string `json:"payment_id"`
			}
			err := json.Unmarshal([]byte(data), &effect)
			times[effect.PaymentID]++
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("reading effects: %w", err)
		}
		if count < effectsPage {
			return times, nil
		}
	}
}

// countEffects counts all of them.
func countEffects(ctx context.Context, db *database.DB) (count int64, err error) {
	if err := db.Pool().QueryRow(ctx, `select count(*)::bigint from outbox`).Scan(&count); err != nil {
		return 0, fmt.Errorf("counting effects: %w", err)
	}
	return count, nil
}

// auditOf verifies the chain of an aggregate and counts its rows of an action. A
// chain that is broken is told in words.
func auditOf(
	ctx context.Context, db *database.DB, stream uuid.UUID, action string,
) (rows int64, fault string, err error) {
	err = database.InReadTx(ctx, db, func(tx database.Tx) error {
		fault = ""
		if _, err := command.VerifyAudit(ctx, tx, stream); errors.Is(err, command.ErrTampered) {
			fault = err.Error()
		} else if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `select count(*)::bigint from audit where stream = $1 and action = $2`,
			stream, action).Scan(&rows)
	})
	if err != nil {
		return 0, "", fmt.Errorf("reading the audit trail of %s: %w", stream, err)
	}
	return rows, fault, nil
}
