package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

// newestKey reports false when there is no key at all.
func newestKey(ctx context.Context, tx database.Tx) (SigningKey, bool, error) {
	rows, err := tx.Query(ctx, `
		select kid, generation, public_key, sealed_private, created_at, signs_from, published_until
		  from signing_key order by generation desc limit 1`)
	if err != nil {
		return SigningKey{}, false, fmt.Errorf("reading the newest signing key: %w", err)
	}
	key, err := pgx.CollectExactlyOneRow(rows, scanKey)
	if errors.Is(err, pgx.ErrNoRows) {
		return SigningKey{}, false, nil
	}
	if err != nil {
		return SigningKey{}, false, fmt.Errorf("reading the newest signing key: %w", err)
	}
	return key, true, nil
}

// listKeys returns the keys that are published at now, oldest first.
func listKeys(ctx context.Context, tx database.Tx, now time.Time) ([]SigningKey, error) {
	rows, err := tx.Query(ctx, `
		select kid, generation, public_key, sealed_private, created_at, signs_from, published_until
		  from signing_key where published_until is null or published_until > $1 order by generation`, now)
	if err != nil {
		return nil, fmt.Errorf("reading signing keys: %w", err)
	}
	keys, err := pgx.CollectRows(rows, scanKey)
	if err != nil {
		return nil, fmt.Errorf("reading signing keys: %w", err)
	}
	return keys, nil
}

func scanKey(row pgx.CollectableRow) (SigningKey, error) {
	var k SigningKey
	var until *time.Time
	err := row.Scan(&k.KID, &k.Generation, (*[]byte)(&k.Public), &k.sealedPrivate, &k.CreatedAt, &k.SignsFrom, &until)
	k.CreatedAt, k.SignsFrom = k.CreatedAt.UTC(), k.SignsFrom.UTC()
	if until != nil {
		k.PublishedUntil = until.UTC()
	}
	return k, err
}

func insertKey(ctx context.Context, tx database.Tx, k SigningKey) error {
	_, err := tx.Exec(ctx, `
		insert into signing_key (kid, generation, public_key, sealed_private, created_at, signs_from, published_until)
		values ($1, $2, $3, $4, $5, $6, null)`,
		k.KID, k.Generation, []byte(k.Public), k.sealedPrivate, k.CreatedAt, k.SignsFrom)
	if database.IsUnique(err, "signing_key_generation_unique") {
		return errKeyRace
	}
	if err != nil {
		return fmt.Errorf("writing signing key %s: %w", k.KID, err)
	}
	return nil
}

// retireKeys sets how long the keys before the next one stay published.
func retireKeys(ctx context.Context, tx database.Tx, until time.Time) error {
	_, err := tx.Exec(ctx, `update signing_key set published_until = $1 where published_until is null`, until)
	if err != nil {
		return fmt.Errorf("retiring signing keys: %w", err)
	}
	return nil
}

// withdrawKeys ends the publication of every key.
func withdrawKeys(ctx context.Context, tx database.Tx, now time.Time) error {
	_, err := tx.Exec(ctx, `
		update signing_key set published_until = $1 where published_until is null or published_until > $1`, now)
	if err != nil {
		return fmt.Errorf("withdrawing signing keys: %w", err)
	}
	return nil
}

// deleteKeys deletes up to forgetMax keys whose publication ended before the given time.
func deleteKeys(ctx context.Context, tx database.Tx, before time.Time) (int64, error) {
	tag, err := tx.Exec(ctx, `
		delete from signing_key where kid in (
			select kid from signing_key where published_until < $1 order by kid limit $2)`, before, forgetMax)
	if err != nil {
		return 0, fmt.Errorf("deleting signing keys: %w", err)
	}
	return tag.RowsAffected(), nil
}
