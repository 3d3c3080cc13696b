package activation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
)

// latestMax bounds how many products and currencies a list has.
const latestMax = 1_000

func insertVersion(ctx context.Context, tx database.Tx, v *Version) error {
	settings, err := json.Marshal(v.Settings)
	if err != nil {
		return fmt.Errorf("encoding loan product %s: %w", v.Code, err)
	}
	_, err = tx.Exec(ctx, `
		insert into loan_product
		       (code, currency, version, effective_from, settings, reason, recorded_at, recorded_by)
		values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		v.Code, v.Currency.Code(), v.Version, v.EffectiveFrom, string(settings), v.Reason, v.RecordedAt, v.RecordedBy)
	if err != nil {
		return fmt.Errorf("saving loan product %s: %w", v.Code, err)
	}
	return nil
}

// latestVersion returns the number of the latest version; 0 if there is none.
func latestVersion(ctx context.Context, tx database.Tx, code string, currency money.Currency) (int64, error) {
	var version int64
	err := tx.QueryRow(ctx, `
		select version from loan_product where code = $1 and currency = $2 order by version desc limit 1`,
		code, currency.Code()).Scan(&version)
	if err != nil && !errors.Is(err, database.ErrNoRows) {
		return 0, fmt.Errorf("reading loan product %s: %w", code, err)
	}
	return version, nil
}

// findVersion returns a version by its number.
func findVersion(
	ctx context.Context, tx database.Tx, code string, currency money.Currency, number int64,
) (Version, bool, error) {
	rows, err := tx.Query(ctx, `
		select code, currency, version, effective_from, settings, reason, recorded_at, recorded_by
		  from loan_product where code = $1 and currency = $2 and version = $3`, code, currency.Code(), number)
	return oneVersion(rows, err, code)
}

// findInForce returns the version that took effect last by a business date.
func findInForce(
	ctx context.Context, tx database.Tx, code string, currency money.Currency, on civil.Date,
) (Version, bool, error) {
	rows, err := tx.Query(ctx, `
		select code, currency, version, effective_from, settings, reason, recorded_at, recorded_by
		  from loan_product where code = $1 and currency = $2 and effective_from <= $3
		 order by effective_from desc, version desc limit 1`, code, currency.Code(), on)
	return oneVersion(rows, err, code)
}

func oneVersion(rows pgx.Rows, err error, code string) (Version, bool, error) {
	if err != nil {
		return Version{}, false, fmt.Errorf("reading loan product %s: %w", code, err)
	}
	version, err := pgx.CollectExactlyOneRow(rows, scanVersion)
	if errors.Is(err, database.ErrNoRows) {
		return Version{}, false, nil
	}
	if err != nil {
		return Version{}, false, fmt.Errorf("reading loan product %s: %w", code, err)
	}
	return version, true, nil
}

func latestVersions(ctx context.Context, tx database.Tx) ([]Version, error) {
	rows, err := tx.Query(ctx, `
		select p.code, p.currency, p.version, p.effective_from, p.settings, p.reason, p.recorded_at, p.recorded_by
		  from loan_product as p
		 where not exists (select 1 from loan_product as later
		                    where later.code = p.code and later.currency = p.currency and later.version > p.version)
		 order by p.code, p.currency limit $1`, latestMax)
	if err != nil {
		return nil, fmt.Errorf("reading loan products: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanVersion)
	if err != nil {
		return nil, fmt.Errorf("reading loan products: %w", err)
	}
	return list, nil
}

func versionsOf(ctx context.Context, tx database.Tx, code string, currency money.Currency) ([]Version, error) {
	rows, err := tx.Query(ctx, `
		select code, currency, version, effective_from, settings, reason, recorded_at, recorded_by
		  from loan_product where code = $1 and currency = $2 order by version desc limit $3`,
		code, currency.Code(), VersionsMax)
	if err != nil {
		return nil, fmt.Errorf("reading loan product %s: %w", code, err)
	}
	list, err := pgx.CollectRows(rows, scanVersion)
	if err != nil {
		return nil, fmt.Errorf("reading loan product %s: %w", code, err)
	}
	return list, nil
}

func scanVersion(row pgx.CollectableRow) (Version, error) {
	var v Version
	var currency, settings string
	err := row.Scan(&v.Code, &currency, &v.Version, &v.EffectiveFrom, &settings, &v.Reason, &v.RecordedAt, &v.RecordedBy)
	if err != nil {
		return v, err
	}
	v.RecordedAt = v.RecordedAt.UTC()
	if v.Currency, err = money.ParseCurrency(currency); err != nil {
		return v, err
	}
	return v, json.Unmarshal([]byte(settings), &v.Settings)
}
