package flow

import (
	"context"
	"fmt"

	"github.com/tenor-lending/tenor/internal/database"
)

// announced counts the events that were announced, and those not yet published.
func announced(ctx context.Context, db *database.DB) (all, unpublished int64, err error) {
	err = db.Pool().QueryRow(ctx, `
		select coalesce(sum(version), 0)::bigint, (select coalesce(sum(cardinality(versions)), 0)::bigint from outbox)
		  from stream_head`,
	).Scan(&all, &unpublished)
	if err != nil {
		return 0, 0, fmt.Errorf("counting the outbox: %w", err)
	}
	return all, unpublished, nil
}

// recorded counts the events in a consumer's inbox.
func recorded(ctx context.Context, db *database.DB, consumer string) (int64, error) {
	var count int64
	err := db.Pool().QueryRow(ctx, `select count(*)::bigint from inbox where consumer = $1`, consumer).Scan(&count)
	if err != nil {
		return 0, fmt.Errorf("counting the inbox: %w", err)
	}
	return count, nil
}
