package reconciledb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

// ConfigKind is what a stored declaration is about.
type ConfigKind string

// The kinds of declarations.
const (
	Rules ConfigKind = "RULES"
	CSV   ConfigKind = "CSV"
)

// VersionsMax bounds the versions of one declaration.
const VersionsMax = 10_000

// Config is one version of a declaration.
type Config struct {
	Kind       ConfigKind
	Name       string
	Version    int64
	RecordedAt time.Time
	RecordedBy string
}

// SaveConfig adds a version of a declaration, unless the latest one says the
// same already. body must marshal to JSON.
func SaveConfig(
	ctx context.Context, tx database.Tx, now time.Time, kind ConfigKind, name, by string, body any,
) (Config, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return Config{}, fmt.Errorf("encoding %s %q: %w", kind, name, err)
	}
	config := Config{Kind: kind, Name: name}
	var same bool
	err = tx.QueryRow(ctx, `
		select version, recorded_at, recorded_by, body = $3::jsonb from reconcile_config
		 where kind = $1 and name = $2 order by version desc limit 1`, string(kind), name, string(data)).
		Scan(&config.Version, &config.RecordedAt, &config.RecordedBy, &same)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Config{}, fmt.Errorf("reading %s %q: %w", kind, name, err)
	}
	if same {
		config.RecordedAt = config.RecordedAt.UTC()
		return config, nil
	}
	config.Version, config.RecordedAt, config.RecordedBy = config.Version+1, now, by
	_, err = tx.Exec(ctx, `
		insert into reconcile_config (kind, name, version, body, recorded_at, recorded_by)
		values ($1, $2, $3, $4, $5, $6)`, string(kind), name, config.Version, string(data), now, by)
	if err != nil {
		return Config{}, fmt.Errorf("saving %s %q: %w", kind, name, err)
	}
	return config, nil
}

// LoadConfig reads a version of a declaration into body; version zero is the
// latest. The error is ErrNotFound if there is none.
func LoadConfig(
	ctx context.Context, tx database.Tx, kind ConfigKind, name string, version int64, body any,
) (Config, error) {
	config := Config{Kind: kind, Name: name}
	var data []byte
	err := tx.QueryRow(ctx, `
		select version, recorded_at, recorded_by, body from reconcile_config
		 where kind = $1 and name = $2 and ($3 = 0 or version = $3) order by version desc limit 1`,
		string(kind), name, version).Scan(&config.Version, &config.RecordedAt, &config.RecordedBy, &data)
	if errors.Is(err, pgx.ErrNoRows) {
		return Config{}, fmt.Errorf("%s %q: %w", kind, name, ErrNotFound)
	}
	if err != nil {
		return Config{}, fmt.Errorf("reading %s %q: %w", kind, name, err)
	}
	if err := json.Unmarshal(data, body); err != nil {
		return Config{}, fmt.Errorf("decoding %s %q: %w", kind, name, err)
	}
	config.RecordedAt = config.RecordedAt.UTC()
	return config, nil
}
