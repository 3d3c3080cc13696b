package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
)

// Reasons for the end of a session, as event.SessionEnded tells them.
const (
	ReasonLogout     = "LOGOUT"
	ReasonReuse      = "REUSE_DETECTED"
	ReasonDisabled   = "DISABLED"
	ReasonSuperseded = "SUPERSEDED"
	ReasonPassword   = "PASSWORD_CHANGED"
)

// session is one login: the family of all refresh tokens that follow from it.
type session struct {
	ID        uuid.UUID
	AccountID uuid.UUID
	Active    bool
	StartedAt time.Time
	ExpiresAt time.Time
}

// Tokens is what a login or a refresh gives.
type Tokens struct {
	Access    string
	AccessTTL time.Duration
	Refresh   string
	// RefreshUntil is the end of the session, however often it is refreshed.
	RefreshUntil time.Time
}

const refreshTokenBytes = 32

// newRefreshToken draws a token and the hash by which it is stored. 256 random
// bits need no salt and no slow hash.
func (s *Service) newRefreshToken() (token string, hash []byte, err error) {
	raw := make([]byte, refreshTokenBytes)
	if _, err := io.ReadFull(s.random, raw); err != nil {
		return "", nil, fmt.Errorf("drawing a refresh token: %w", err)
	}
	token = base64.RawURLEncoding.EncodeToString(raw)
	return token, hashToken(token), nil
}

func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

func (s *Service) tokens(ctx context.Context, account Account, session session, refresh string) (Tokens, error) {
	token, err := s.issue(ctx, account.ID, account.Roles, loginClient, session.ID)
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{
		Access: token, AccessTTL: s.cfg.AccessTTL, Refresh: refresh, RefreshUntil: session.ExpiresAt,
	}, nil
}

// refreshed is the state behind a refresh token.
type refreshed struct {
	session session
	account Account
	used    bool
}

// Refresh exchanges a refresh token for a new one and an access token. Each
// token is good for one use: a second use means that it was copied, and ends
// the session for whoever holds it. There is no period of grace, so a client
// that lost the answer has to log in again.
func (s *Service) Refresh(ctx context.Context, token string) (Tokens, error) {
	next, nextHash, err := s.newRefreshToken()
	if err != nil {
		return Tokens{}, err
	}
	hash := hashToken(token)
	var found refreshed
	var accepted bool
	err = database.InTx(ctx, s.db, func(tx database.Tx) error {
		now := s.instant()
		var known bool
		var err error
		found, known, err = findRefreshToken(ctx, tx, hash)
		accepted = known && found.session.Active && now.Before(found.session.ExpiresAt) &&
			found.account.Status == StatusActive
		if err != nil || !accepted {
			return err
		}
		if !found.used {
			found.used, err = useRefreshToken(ctx, tx, hash, now)
			if err != nil {
				return err
			}
		}
		if found.used {
			accepted = false
			return s.endSession(ctx, tx, now, found.session, access.Platform("identity"), ReasonReuse)
		}
		if err := insertRefreshToken(ctx, tx, nextHash, found.session.ID, now); err != nil {
			return err
		}
		return command.Audit(ctx, tx, command.Command{
			Name: "identity.refresh", Subject: found.session.ID,
			Actor: access.Actor{ID: found.account.ID, Roles: found.account.Roles},
		}, now)
	})
	if err != nil {
		return Tokens{}, err
	}
	if !accepted {
		return Tokens{}, ErrRefreshRefused
	}
	return s.tokens(ctx, found.account, found.session, next)
}

// Logout ends the session that the actor's token belongs to; uuid.Nil stands
// for a token without one, as clients have. Ending it twice is harmless.
func (s *Service) Logout(ctx context.Context, actor access.Actor, sessionID uuid.UUID) error {
	if sessionID == uuid.Nil {
		return nil
	}
	return database.InTx(ctx, s.db, func(tx database.Tx) error {
		found, known, err := findSession(ctx, tx, sessionID)
		if err != nil || !known || found.AccountID != actor.ID {
			return err
		}
		return s.endSession(ctx, tx, s.instant(), found, actor, ReasonLogout)
	})
}

// endSession ends one session, records who did it and announces it.
func (s *Service) endSession(
	ctx context.Context, tx database.Tx, now time.Time, ending session, actor access.Actor, reason string,
) error {
	ended, err := endSession(ctx, tx, ending.ID)
	if err != nil || !ended {
		return err
	}
	return s.announceEnds(ctx, tx, now, ending.AccountID, []uuid.UUID{ending.ID}, actor, reason)
}

// announceEnds records and announces that sessions of an account have ended.
func (s *Service) announceEnds(
	ctx context.Context, tx database.Tx, now time.Time, account uuid.UUID, ended []uuid.UUID, actor access.Actor,
	reason string,
) error {
	events := make([]event.Event, 0, len(ended))
	for _, id := range ended {
		err := command.Audit(ctx, tx, command.Command{
			Name: "identity.end-session", Actor: actor, Subject: id, Detail: map[string]string{"reason": reason},
		}, now)
		if err != nil {
			return err
		}
		events = append(events, event.SessionEnded{OnUser: event.OnUser{UserID: account}, FamilyID: id, Reason: reason})
	}
	return s.outbox.Append(ctx, tx, now, events...)
}
