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

func insertSession(ctx context.Context, tx database.Tx, s session) error {
	_, err := tx.Exec(ctx, `
		insert into login_session (id, account_id, status, started_at, expires_at) values ($1, $2, 'ACTIVE', $3, $4)`,
		s.ID, s.AccountID, s.StartedAt, s.ExpiresAt)
	if err != nil {
		return fmt.Errorf("writing session %s: %w", s.ID, err)
	}
	return nil
}

func findSession(ctx context.Context, tx database.Tx, id uuid.UUID) (session, bool, error) {
	found := session{ID: id}
	err := tx.QueryRow(ctx, `
		select account_id, status = 'ACTIVE', started_at, expires_at from login_session where id = $1`,
		id).Scan(&found.AccountID, &found.Active, &found.StartedAt, &found.ExpiresAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return session{}, false, nil
	}
	if err != nil {
		return session{}, false, fmt.Errorf("reading session %s: %w", id, err)
	}
	return found, true, nil
}

// endSession ends a session and reports false when it had ended before.
func endSession(ctx context.Context, tx database.Tx, id uuid.UUID) (bool, error) {
	tag, err := tx.Exec(ctx, `update login_session set status = 'ENDED' where id = $1 and status = 'ACTIVE'`, id)
	if err != nil {
		return false, fmt.Errorf("ending session %s: %w", id, err)
	}
	return tag.RowsAffected() == 1, nil
}

// endSessions ends all active sessions of an account but the newest keep, and
// returns their ids.
func endSessions(ctx context.Context, tx database.Tx, account uuid.UUID, keep int) ([]uuid.UUID, error) {
	rows, err := tx.Query(ctx, `
		select id from login_session where account_id = $1 and status = 'ACTIVE'
		 order by started_at desc, id desc limit $2 offset $3`, account, sessionsMax, keep)
	if err != nil {
		return nil, fmt.Errorf("listing sessions of %s: %w", account, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("listing sessions of %s: %w", account, err)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	_, err = tx.Exec(ctx, `update login_session set status = 'ENDED' where id = any($1::uuid[])`, ids)
	if err != nil {
		return nil, fmt.Errorf("ending sessions of %s: %w", account, err)
	}
	return ids, nil
}

func insertRefreshToken(ctx context.Context, tx database.Tx, hash []byte, session uuid.UUID, now time.Time) error {
	_, err := tx.Exec(ctx, `
		insert into refresh_token (token_hash, session_id, issued_at, used_at) values ($1, $2, $3, null)`,
		hash, session, now)
	if err != nil {
		return fmt.Errorf("writing a refresh token of session %s: %w", session, err)
	}
	return nil
}

func findRefreshToken(ctx context.Context, tx database.Tx, hash []byte) (refreshed, bool, error) {
	var r refreshed
	err := tx.QueryRow(ctx, `
		select t.used_at is not null, s.id, s.account_id, s.status = 'ACTIVE', s.started_at, s.expires_at,
		       a.id, a.kind, a.roles, a.status
		  from refresh_token as t
		  join login_session as s on s.id = t.session_id
		  join account as a on a.id = s.account_id
		 where t.token_hash = $1`, hash).Scan(
		&r.used, &r.session.ID, &r.session.AccountID, &r.session.Active, &r.session.StartedAt, &r.session.ExpiresAt,
		&r.account.ID, &r.account.Kind, &r.account.Roles, &r.account.Status)
	if errors.Is(err, pgx.ErrNoRows) {
		return refreshed{}, false, nil
	}
	if err != nil {
		return refreshed{}, false, fmt.Errorf("reading a refresh token: %w", err)
	}
	return r, true, nil
}

// useRefreshToken marks a token as used and reports true when it was before.
func useRefreshToken(ctx context.Context, tx database.Tx, hash []byte, now time.Time) (bool, error) {
	tag, err := tx.Exec(ctx, `
		update refresh_token set used_at = $2 where token_hash = $1 and used_at is null`, hash, now)
	if err != nil {
		return false, fmt.Errorf("using a refresh token: %w", err)
	}
	return tag.RowsAffected() == 0, nil
}

// deleteSessions deletes up to forgetMax sessions that expired before the given
// time, with their tokens.
func deleteSessions(ctx context.Context, tx database.Tx, before time.Time) (int64, error) {
	rows, err := tx.Query(ctx, `
		select id from login_session where expires_at < $1 order by expires_at, id limit $2`, before, forgetMax)
	if err != nil {
		return 0, fmt.Errorf("listing expired sessions: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	if _, err := tx.Exec(ctx, `delete from refresh_token where session_id = any($1::uuid[])`, ids); err != nil {
		return 0, fmt.Errorf("deleting refresh tokens: %w", err)
	}
	tag, err := tx.Exec(ctx, `delete from login_session where id = any($1::uuid[])`, ids)
	if err != nil {
		return 0, fmt.Errorf("deleting sessions: %w", err)
	}
	return tag.RowsAffected(), nil
}
