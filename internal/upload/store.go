package upload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tenor-lending/tenor/internal/database"
)

// ErrExpired means that an upload took so long that its blob is being removed.
var ErrExpired = errors.New("the upload took too long")

// reserve notes a blob that is about to be written: from due on it counts as
// forgotten.
func reserve(ctx context.Context, tx database.Tx, key string, due time.Time) error {
	_, err := tx.Exec(ctx, `
		insert into loose_blob (key, due_at, claimed) values ($1, $2, false)`, key, due)
	if err != nil {
		return fmt.Errorf("reserving blob %s: %w", key, err)
	}
	return nil
}

// Keep says, in the transaction that stores the reference to a received blob,
// that it is not loose any more. ErrExpired means it is too late for that.
func Keep(ctx context.Context, tx database.Tx, key string) error {
	tag, err := tx.Exec(ctx, `delete from loose_blob where key = $1 and claimed = false`, key)
	if err != nil {
		return fmt.Errorf("keeping blob %s: %w", key, err)
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("%w: blob %s", ErrExpired, key)
	}
	return nil
}

// Release says, in the transaction that removes the reference to a blob, that
// the blob is to be removed. Call Intake.Drop after the commit to have that now.
func Release(ctx context.Context, tx database.Tx, key string, now time.Time) error {
	_, err := tx.Exec(ctx, `insert into loose_blob (key, due_at, claimed) values ($1, $2, true)`, key, now)
	if err != nil {
		return fmt.Errorf("releasing blob %s: %w", key, err)
	}
	return nil
}

// claim takes a loose blob for removal; false means that it is not loose.
func claim(ctx context.Context, tx database.Tx, key string) (bool, error) {
	tag, err := tx.Exec(ctx, `update loose_blob set claimed = true where key = $1`, key)
	if err != nil {
		return false, fmt.Errorf("claiming blob %s: %w", key, err)
	}
	return tag.RowsAffected() == 1, nil
}

func forget(ctx context.Context, tx database.Tx, key string) error {
	_, err := tx.Exec(ctx, `delete from loose_blob where key = $1`, key)
	if err != nil {
		return fmt.Errorf("forgetting blob %s: %w", key, err)
	}
	return nil
}

// due returns keys of blobs to remove, the oldest first, at most limit.
func due(ctx context.Context, tx database.Tx, now time.Time, limit int) ([]string, error) {
	rows, err := tx.Query(ctx, `
		select key from loose_blob where due_at <= $1 order by due_at, key limit $2`, now, limit)
	if err != nil {
		return nil, fmt.Errorf("reading loose blobs: %w", err)
	}
	defer rows.Close()
	var keys []string
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, fmt.Errorf("reading loose blobs: %w", err)
		}
		keys = append(keys, key)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading loose blobs: %w", err)
	}
	return keys, nil
}
