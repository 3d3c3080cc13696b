package identity

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

// The life of a signing key.
const (
	// keyLead is how long a new key is published before it signs: twice the
	// time after which every verifier has read the published keys again.
	keyLead = 10 * time.Minute
	// keyMargin is how long a key stays published after the last token that it
	// can have signed has expired.
	keyMargin = 5 * time.Minute
	// keyCacheTTL is how long a process may go on with the keys that it knows.
	keyCacheTTL = 10 * time.Second
)

// SigningKey is an Ed25519 key that signs access tokens.
type SigningKey struct {
	KID        string    `json:"kid"`
	Generation int64     `json:"generation"`
	CreatedAt  time.Time `json:"created_at"`
	SignsFrom  time.Time `json:"signs_from"`
	// PublishedUntil is the zero time as long as there is no newer key.
	PublishedUntil time.Time `json:"published_until"`
	Public         ed25519.PublicKey
	sealedPrivate  string
	private        ed25519.PrivateKey
}

func (k SigningKey) published(now time.Time) bool {
	return k.PublishedUntil.IsZero() || now.Before(k.PublishedUntil)
}

func keyPlace(kid string) string { return "identity.signing-key:" + kid }

// newKey draws a key. Its generation and times are for the caller to set.
func (s *Service) newKey() (SigningKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(s.random, seed); err != nil {
		return SigningKey{}, fmt.Errorf("drawing a signing key: %w", err)
	}
	key := SigningKey{KID: s.newID().String(), private: ed25519.NewKeyFromSeed(seed)}
	public, ok := key.private.Public().(ed25519.PublicKey)
	if !ok {
		return SigningKey{}, errors.New("an Ed25519 key has another kind of public key")
	}
	key.Public = public
	var err error
	key.sealedPrivate, err = s.keyring.Seal(seed, keyPlace(key.KID))
	if err != nil {
		return SigningKey{}, fmt.Errorf("sealing signing key %s: %w", key.KID, err)
	}
	return key, nil
}

// ensureKey makes the first key, which signs at once, and afterwards a new one
// keyLead before the newest has signed for the configured time.
func (s *Service) ensureKey(ctx context.Context) error {
	key, err := s.newKey()
	if err != nil {
		return err
	}
	err = database.InTx(ctx, s.db, func(tx database.Tx) error {
		now := s.instant()
		newest, known, err := newestKey(ctx, tx)
		if err != nil {
			return err
		}
		due := newest.SignsFrom.Add(s.cfg.KeyTTL - keyLead)
		if known && now.Before(due) {
			return nil
		}
		key.SignsFrom = now
		if known {
			key.SignsFrom = now.Add(keyLead)
		}
		if err := s.succeed(ctx, tx, &key, newest, now); err != nil {
			return err
		}
		return command.Audit(ctx, tx, command.Command{
			Name: "identity.rotate-key", Actor: access.Platform("identity"), Subject: keyStream,
			Detail: map[string]string{"kid": key.KID},
		}, now)
	})
	if errors.Is(err, errKeyRace) {
		return nil // another process made it
	}
	if err != nil {
		return fmt.Errorf("keeping a signing key: %w", err)
	}
	return nil
}

// keyStream names the audit chain of the signing keys.
var keyStream = uuid.NewSHA1(uuid.NameSpaceOID, []byte("tenor:identity:keys"))

// errKeyRace means another process made the key of this generation.
var errKeyRace = errors.New("another process has made this generation of the key")

// succeed stores key after newest and sets how long the older ones stay published.
func (s *Service) succeed(
	ctx context.Context, tx database.Tx, key *SigningKey, newest SigningKey, now time.Time,
) error {
	key.Generation, key.CreatedAt = newest.Generation+1, now
	if err := retireKeys(ctx, tx, key.SignsFrom.Add(s.cfg.AccessTTL+keyMargin)); err != nil {
		return err
	}
	return insertKey(ctx, tx, *key)
}

// RotateKey publishes a new key, which signs after keyLead. With compromised
// set it signs at once and every older key is withdrawn at once: all tokens
// that are out become worthless as verifiers read the keys again.
func (s *Service) RotateKey(
	ctx context.Context, actor access.Actor, key command.Key, compromised bool,
) (command.Result[SigningKey], error) {
	fresh, err := s.newKey()
	if err != nil {
		return command.Result[SigningKey]{}, err
	}
	result, err := command.Run(ctx, s.commands, command.Command{
		Name: "identity.rotate-key", Actor: actor, Subject: keyStream, Key: key,
		Detail: map[string]any{"kid": fresh.KID, "compromised": compromised},
	}, func(tx database.Tx, now time.Time) (SigningKey, error) {
		newest, _, err := newestKey(ctx, tx)
		if err != nil {
			return SigningKey{}, err
		}
		if compromised {
			fresh.SignsFrom = now
			if err := withdrawKeys(ctx, tx, now); err != nil {
				return SigningKey{}, err
			}
		} else {
			if now.Before(newest.SignsFrom) {
				return SigningKey{}, fmt.Errorf("%w: %s signs from %s", ErrRotationPending, newest.KID,
					newest.SignsFrom.Format(time.RFC3339))
			}
			fresh.SignsFrom = now.Add(keyLead)
		}
		return fresh, s.succeed(ctx, tx, &fresh, newest, now)
	})
	if err == nil {
		s.keys.forget()
	}
	return result, err
}

// loadKeys returns the published keys with their private halves, oldest first.
func (s *Service) loadKeys(ctx context.Context) ([]SigningKey, error) {
	var keys []SigningKey
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		var err error
		keys, err = listKeys(ctx, tx, s.instant())
		return err
	})
	return keys, err
}

// keyCache spares signing a look at the database.
type keyCache struct {
	load     func(context.Context) ([]SigningKey, error)
	mu       sync.Mutex
	keys     []SigningKey
	loadedAt time.Time
}

func (c *keyCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = nil
}

func (c *keyCache) get(ctx context.Context, now time.Time) ([]SigningKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age := now.Sub(c.loadedAt); c.keys != nil && age >= 0 && age < keyCacheTTL {
		return c.keys, nil
	}
	keys, err := c.load(ctx)
	if err != nil {
		return nil, err
	}
	c.keys, c.loadedAt = keys, now
	return keys, nil
}

// signer returns the newest key that may sign now.
func (s *Service) signer(ctx context.Context, now time.Time) (SigningKey, error) {
	keys, err := s.keys.get(ctx, now)
	if err != nil {
		return SigningKey{}, fmt.Errorf("reading signing keys: %w", err)
	}
	var current SigningKey
	for _, key := range keys {
		if !now.Before(key.SignsFrom) && key.published(now) && key.Generation > current.Generation {
			current = key
		}
	}
	if current.Generation == 0 {
		return SigningKey{}, errors.New("there is no signing key: the service has not started")
	}
	if current.private != nil {
		return current, nil
	}
	seed, err := s.keyring.Open(current.sealedPrivate, keyPlace(current.KID))
	if err != nil || len(seed) != ed25519.SeedSize {
		return SigningKey{}, fmt.Errorf("opening signing key %s: %w", current.KID, err)
	}
	current.private = ed25519.NewKeyFromSeed(seed)
	return current, nil
}

// loginClient is the client_id of tokens that a person's login gives.
const loginClient = "tenor-login"

// claims are those of every access token and the session that it belongs to.
type claims struct {
	httpapi.Claims
	SessionID string `json:"sid,omitempty"`
}

// issue signs an access token (RFC 9068). session is uuid.Nil for clients.
func (s *Service) issue(
	ctx context.Context, subject uuid.UUID, roles []access.Role, client string, session uuid.UUID,
) (string, error) {
	now := s.now().UTC()
	key, err := s.signer(ctx, now)
	if err != nil {
		return "", err
	}
	body := claims{Claims: httpapi.Claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: httpapi.TokenIssuer, Subject: subject.String(), Audience: jwt.ClaimStrings{httpapi.TokenAudience},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(s.cfg.AccessTTL)),
			ID: s.newID().String(),
		},
		ClientID: client, Roles: roles,
	}}
	if session != uuid.Nil {
		body.SessionID = session.String()
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, body)
	token.Header["typ"], token.Header["kid"] = httpapi.TokenType, key.KID
	signed, err := token.SignedString(key.private)
	if err != nil {
		return "", fmt.Errorf("signing an access token: %w", err)
	}
	return signed, nil
}
