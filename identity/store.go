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

// keepLookupKey stores the sealed key unless there is one, and returns the one
// that is stored.
func keepLookupKey(ctx context.Context, tx database.Tx, sealed string) (string, error) {
	_, err := tx.Exec(ctx, `insert into lookup_key (id, sealed) values (1, $1) on conflict (id) do nothing`, sealed)
	if err != nil {
		return "", fmt.Errorf("writing lookup key: %w", err)
	}
	var stored string
	if err := tx.QueryRow(ctx, `select sealed from lookup_key where id = 1`).Scan(&stored); err != nil {
		return "", fmt.Errorf("reading lookup key: %w", err)
	}
	return stored, nil
}

func insertAccount(ctx context.Context, tx database.Tx, a Account) error {
	_, err := tx.Exec(ctx, `
		insert into account
		       (id, kind, login_key, sealed_email, sealed_credential, roles, status, created_at, created_by)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		a.ID, a.Kind, a.loginKey, a.SealedEmail, a.sealedCredential, a.Roles, a.Status, a.CreatedAt, a.CreatedBy)
	if database.IsUnique(err, "account_login_unique") {
		return fieldError{field: "email", err: fmt.Errorf("%w: e-mail", ErrNameTaken)}
	}
	if err != nil {
		return fmt.Errorf("writing account %s: %w", a.ID, err)
	}
	return nil
}

// insertAccountIfFree reports false when the login name is somebody else's.
func insertAccountIfFree(ctx context.Context, tx database.Tx, a Account) (bool, error) {
	tag, err := tx.Exec(ctx, `
		insert into account
		       (id, kind, login_key, sealed_email, sealed_credential, roles, status, created_at, created_by)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		on conflict (login_key) do nothing`,
		a.ID, a.Kind, a.loginKey, a.SealedEmail, a.sealedCredential, a.Roles, a.Status, a.CreatedAt, a.CreatedBy)
	if err != nil {
		return false, fmt.Errorf("writing account %s: %w", a.ID, err)
	}
	return tag.RowsAffected() == 1, nil
}

func findAccount(ctx context.Context, tx database.Tx, id uuid.UUID) (Account, error) {
	rows, err := tx.Query(ctx, `
		select id, kind, login_key, sealed_email, sealed_credential, roles, status, created_at, created_by
		  from account where id = $1`, id)
	if err != nil {
		return Account{}, fmt.Errorf("reading account %s: %w", id, err)
	}
	account, err := pgx.CollectExactlyOneRow(rows, scanAccount)
	if errors.Is(err, pgx.ErrNoRows) {
		return Account{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if err != nil {
		return Account{}, fmt.Errorf("reading account %s: %w", id, err)
	}
	return account, nil
}

func findAccountByLogin(ctx context.Context, tx database.Tx, key []byte) (Account, bool, error) {
	rows, err := tx.Query(ctx, `
		select id, kind, login_key, sealed_email, sealed_credential, roles, status, created_at, created_by
		  from account where login_key = $1`, key)
	if err != nil {
		return Account{}, false, fmt.Errorf("looking up a login name: %w", err)
	}
	account, err := pgx.CollectExactlyOneRow(rows, scanAccount)
	if errors.Is(err, pgx.ErrNoRows) {
		return Account{}, false, nil
	}
	if err != nil {
		return Account{}, false, fmt.Errorf("looking up a login name: %w", err)
	}
	return account, true, nil
}

func listStaff(ctx context.Context, tx database.Tx, after uuid.UUID, limit int) ([]Account, error) {
	rows, err := tx.Query(ctx, `
		select id, kind, login_key, sealed_email, sealed_credential, roles, status, created_at, created_by
		  from account where kind = 'STAFF' and id > $1 order by id limit $2`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing staff: %w", err)
	}
	page, err := pgx.CollectRows(rows, scanAccount)
	if err != nil {
		return nil, fmt.Errorf("listing staff: %w", err)
	}
	return page, nil
}

func scanAccount(row pgx.CollectableRow) (Account, error) {
	var a Account
	err := row.Scan(&a.ID, &a.Kind, &a.loginKey, &a.SealedEmail, &a.sealedCredential, &a.Roles, &a.Status,
		&a.CreatedAt, &a.CreatedBy)
	a.CreatedAt = a.CreatedAt.UTC()
	return a, err
}

func setAccountStatus(ctx context.Context, tx database.Tx, id uuid.UUID, status Status) error {
	if _, err := tx.Exec(ctx, `update account set status = $2 where id = $1`, id, status); err != nil {
		return fmt.Errorf("changing account %s: %w", id, err)
	}
	return nil
}

func countActiveAdmins(ctx context.Context, tx database.Tx) (int64, error) {
	var count int64
	err := tx.QueryRow(ctx, `
		select count(*) from account
		 where kind = 'STAFF' and status = 'ACTIVE' and roles @> '["ADMIN"]'::jsonb`).Scan(&count)
	if err != nil {
		return 0, fmt.Errorf("counting administrators: %w", err)
	}
	return count, nil
}

// attempts are what is remembered of a login name's attempts without success.
type attempts struct {
	failures             int64
	blockedUntil, lastAt time.Time
}

func findAttempts(ctx context.Context, tx database.Tx, key []byte) (attempts, error) {
	var a attempts
	err := tx.QueryRow(ctx, `
		select failures, blocked_until, last_at from login_attempt where login_key = $1`,
		key).Scan(&a.failures, &a.blockedUntil, &a.lastAt)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return attempts{}, fmt.Errorf("reading login attempts: %w", err)
	}
	return a, nil
}

func saveAttempts(ctx context.Context, tx database.Tx, key []byte, a attempts) error {
	_, err := tx.Exec(ctx, `
		insert into login_attempt (login_key, failures, blocked_until, last_at) values ($1, $2, $3, $4)
		on conflict (login_key) do update
		   set failures = excluded.failures, blocked_until = excluded.blocked_until, last_at = excluded.last_at`,
		key, a.failures, a.blockedUntil, a.lastAt)
	if err != nil {
		return fmt.Errorf("writing login attempts: %w", err)
	}
	return nil
}

func forgetAttempts(ctx context.Context, tx database.Tx, key []byte) error {
	if _, err := tx.Exec(ctx, `delete from login_attempt where login_key = $1`, key); err != nil {
		return fmt.Errorf("forgetting login attempts: %w", err)
	}
	return nil
}

// deleteAttempts deletes up to forgetMax rows that have not changed since before.
func deleteAttempts(ctx context.Context, tx database.Tx, before time.Time) (int64, error) {
	tag, err := tx.Exec(ctx, `
		delete from login_attempt where login_key in (
			select login_key from login_attempt where last_at < $1 order by last_at, login_key limit $2)`, before, forgetMax)
	if err != nil {
		return 0, fmt.Errorf("deleting login attempts: %w", err)
	}
	return tag.RowsAffected(), nil
}

func insertClient(ctx context.Context, tx database.Tx, c Client) error {
	_, err := tx.Exec(ctx, `
		insert into oauth_client (id, name, secret_hash, roles, status, created_at, created_by)
		values ($1, $2, $3, $4, $5, $6, $7)`,
		c.ID, c.Name, c.secretHash, c.Roles, c.Status, c.CreatedAt, c.CreatedBy)
	if database.IsUnique(err, "oauth_client_name_unique") {
		return fieldError{field: "name", err: fmt.Errorf("%w: name", ErrNameTaken)}
	}
	if err != nil {
		return fmt.Errorf("writing client %s: %w", c.ID, err)
	}
	return nil
}

func findClient(ctx context.Context, tx database.Tx, id uuid.UUID) (Client, bool, error) {
	rows, err := tx.Query(ctx, `
		select id, name, secret_hash, roles, status, created_at, created_by from oauth_client where id = $1`, id)
	if err != nil {
		return Client{}, false, fmt.Errorf("reading client %s: %w", id, err)
	}
	client, err := pgx.CollectExactlyOneRow(rows, scanClient)
	if errors.Is(err, pgx.ErrNoRows) {
		return Client{}, false, nil
	}
	if err != nil {
		return Client{}, false, fmt.Errorf("reading client %s: %w", id, err)
	}
	return client, true, nil
}

func listClients(ctx context.Context, tx database.Tx, after uuid.UUID, limit int) ([]Client, error) {
	rows, err := tx.Query(ctx, `
		select id, name, secret_hash, roles, status, created_at, created_by
		  from oauth_client where id > $1 order by id limit $2`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("listing clients: %w", err)
	}
	page, err := pgx.CollectRows(rows, scanClient)
	if err != nil {
		return nil, fmt.Errorf("listing clients: %w", err)
	}
	return page, nil
}

func scanClient(row pgx.CollectableRow) (Client, error) {
	var c Client
	err := row.Scan(&c.ID, &c.Name, &c.secretHash, &c.Roles, &c.Status, &c.CreatedAt, &c.CreatedBy)
	c.CreatedAt = c.CreatedAt.UTC()
	return c, err
}

func disableClient(ctx context.Context, tx database.Tx, id uuid.UUID) error {
	if _, err := tx.Exec(ctx, `update oauth_client set status = 'DISABLED' where id = $1`, id); err != nil {
		return fmt.Errorf("changing client %s: %w", id, err)
	}
	return nil
}
