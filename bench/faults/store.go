package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

// waitingEvents counts the events that are not published, and when the oldest
// was recorded.
func waitingEvents(ctx context.Context, db *database.DB) (count int64, oldest time.Time, err error) {
	err = db.Pool().QueryRow(ctx, `
		select coalesce(sum(cardinality(versions)), 0)::bigint,
		       coalesce(min(recorded_at), '0001-01-01 00:00:00+00'::timestamptz)
		  from outbox`).Scan(&count, &oldest)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("reading the outbox: %w", err)
	}
	if count == 0 {
		oldest = time.Time{}
	}
	return count, oldest, nil
}

// readEffects counts the effects of each payment's event: the events that the
// drill's own consumer announced.
func readEffects(ctx context.Context, db *database.DB) (map[string]int, error) {
	times := map[string]int{}
	err := stream.Waiting(ctx, db, func(env event.Envelope) error {
		var effect struct {
			PaymentID string `json:"payment_id"`
		}
		err := json.Unmarshal(env.Data, &effect)
		times[effect.PaymentID]++
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading effects: %w", err)
	}
	return times, nil
}

// countEffects counts all of them.
func countEffects(ctx context.Context, db *database.DB) (count int64, err error) {
	if err := db.Pool().QueryRow(ctx, `
		select coalesce(sum(cardinality(versions)), 0)::bigint from outbox`).Scan(&count); err != nil {
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
