package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

// setCredential stores a new credential of an account in place of the one that
// was read, and reports false when somebody else was faster.
func setCredential(ctx context.Context, tx database.Tx, account Account, sealed string) (bool, error) {
	tag, err := tx.Exec(ctx, `
		update account set sealed_credential = $3 where id = $1 and sealed_credential = $2`,
		account.ID, account.sealedCredential, sealed)
	if err != nil {
		return false, fmt.Errorf("changing the credential of account %s: %w", account.ID, err)
	}
	return tag.RowsAffected() == 1, nil
}

// resetIssuedAt is when the newest code of an account was issued; the zero time
// when there is none.
func resetIssuedAt(ctx context.Context, tx database.Tx, account uuid.UUID) (time.Time, error) {
	var at time.Time
	err := tx.QueryRow(ctx, `select issued_at from password_reset where account_id = $1`, account).Scan(&at)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, fmt.Errorf("reading the reset code of account %s: %w", account, err)
	}
	return at, nil
}

// putReset stores a code; it takes the place of the account's former one.
func putReset(ctx context.Context, tx database.Tx, account uuid.UUID, hash []byte, issued, expires time.Time) error {
	_, err := tx.Exec(ctx, `
		insert into password_reset (account_id, code_hash, issued_at, expires_at) values ($1, $2, $3, $4)
		on conflict (account_id) do update
		   set code_hash = excluded.code_hash, issued_at = excluded.issued_at, expires_at = excluded.expires_at`,
		account, hash, issued, expires)
	if err != nil {
		return fmt.Errorf("writing a reset code of account %s: %w", account, err)
	}
	return nil
}

// findReset returns the account that a code which is good at now belongs to.
func findReset(ctx context.Context, tx database.Tx, hash []byte, now time.Time) (uuid.UUID, bool, error) {
	var account uuid.UUID
	err := tx.QueryRow(ctx, `
		select account_id from password_reset where code_hash = $1 and expires_at > $2`, hash, now).Scan(&account)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, false, nil
	}
	if err != nil {
		return uuid.Nil, false, fmt.Errorf("looking up a reset code: %w", err)
	}
	return account, true, nil
}

func deleteReset(ctx context.Context, tx database.Tx, account uuid.UUID) error {
	if _, err := tx.Exec(ctx, `delete from password_reset where account_id = $1`, account); err != nil {
		return fmt.Errorf("deleting the reset code of account %s: %w", account, err)
	}
	return nil
}

// deleteResets deletes up to forgetMax codes that expired before an instant.
func deleteResets(ctx context.Context, tx database.Tx, before time.Time) (int64, error) {
	tag, err := tx.Exec(ctx, `
		delete from password_reset where account_id in (
			select account_id from password_reset where expires_at < $1 order by expires_at, account_id limit $2)`,
		before, forgetMax)
	if err != nil {
		return 0, fmt.Errorf("deleting reset codes: %w", err)
	}
	return tag.RowsAffected(), nil
}
