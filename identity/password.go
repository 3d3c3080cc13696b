package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/tenor-lending/tenor/internal/privacy"
)

// Bounds of a password, in bytes.
const (
	passwordBytesMin = 12
	passwordBytesMax = 128
)

// hashParams cost about 19 MiB and 20 ms: the second choice of the OWASP
// Password Storage Cheat Sheet, which lets several run at once in a small
// container.
var hashParams = argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// decoyHash costs as much to check as a real hash and fits no password that
// anybody could find. Checking it makes an unknown e-mail as slow as a known one.
const decoyHash = "$argon2id$v=19$m=19456,t=2,p=1$dGVub3ItZGVjb3ktc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

const (
	// hashesAtOnce bounds the memory that logins can take.
	hashesAtOnce = 4
	hashWait     = 5 * time.Second
)

// hasher makes and checks password hashes, a bounded number at once.
type hasher struct{ slots chan struct{} }

func newHasher() *hasher { return &hasher{slots: make(chan struct{}, hashesAtOnce)} }

func (h *hasher) enter(ctx context.Context) error {
	timer := time.NewTimer(hashWait)
	defer timer.Stop()
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return ErrBusy
	case <-ctx.Done():
		return fmt.Errorf("waiting to check a password: %w", ctx.Err())
	}
}

func (h *hasher) leave() { <-h.slots }

// hash returns the argon2id hash of a new password, or ErrPassword for the field
// of the request that it came in.
func (h *hasher) hash(ctx context.Context, field string, password privacy.Text) (string, error) {
	if n := len(password.Reveal()); n < passwordBytesMin || n > passwordBytesMax {
		return "", fieldError{field: field, err: fmt.Errorf("%w: want %d to %d bytes",
			ErrPassword, passwordBytesMin, passwordBytesMax)}
	}
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	hash, err := argon2id.CreateHash(password.Reveal(), &hashParams)
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	return hash, nil
}

// fits reports whether the password is the one behind the hash.
func (h *hasher) fits(ctx context.Context, password privacy.Text, hash string) (bool, error) {
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	ok, err := argon2id.ComparePasswordAndHash(password.Reveal(), hash)
	if err != nil {
		return false, fmt.Errorf("checking a password: %w", err)
	}
	return ok, nil
}

// Bounds of a hash that another service made: what is checked at each login
// must not be a way to exhaust memory.
const (
	hashMemoryMax     = 256 << 10 // KiB
	hashIterationsMax = 10
	hashBytesMax      = 64
)

// checkHash refuses what is not an argon2id hash of bounded cost.
func checkHash(hash string) error {
	params, salt, key, err := argon2id.DecodeHash(hash)
	if err != nil {
		return fmt.Errorf("reading a password hash: %w", err)
	}
	if params.Memory > hashMemoryMax || params.Iterations > hashIterationsMax ||
		len(salt) > hashBytesMax || len(key) > hashBytesMax || len(key) < 16 {
		return fmt.Errorf("reading a password hash: cost or length is out of bounds")
	}
	return nil
}

// fieldError names the field of a request that breaks a rule.
type fieldError struct {
	field string
	err   error
}

// Error implements error.
func (e fieldError) Error() string { return e.err.Error() }

// Unwrap gives the rule that is broken.
func (e fieldError) Unwrap() error { return e.err }

// FieldName implements httpapi.FieldError.
func (e fieldError) FieldName() string { return e.field }
