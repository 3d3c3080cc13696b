package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/privacy"
)

// Limits on guessing a password. After attemptsFree attempts in a row without
// success each further one has to wait, twice as long as the one before, up to
// attemptPauseMax. The wait is bounded so that nobody can shut out somebody
// else for long by guessing badly.
const (
	attemptsFree     = 10
	attemptPauseMin  = time.Second
	attemptPauseMax  = 5 * time.Minute
	attemptsRemember = time.Hour
)

// AttemptsError says until when a login name has to wait; it is ErrTooManyAttempts.
type AttemptsError struct{ Until time.Time }

// Error implements error.
func (e AttemptsError) Error() string { return ErrTooManyAttempts.Error() }

// Unwrap implements errors.Is.
func (e AttemptsError) Unwrap() error { return ErrTooManyAttempts }

// Login checks an e-mail and a password and starts a session. An unknown
// e-mail is counted, delayed and refused exactly as a wrong password is.
func (s *Service) Login(ctx context.Context, email, password privacy.Text) (Tokens, error) {
	key, err := s.loginKey(email)
	if err != nil {
		return Tokens{}, err
	}
	if err := s.countAttempt(ctx, key); err != nil {
		return Tokens{}, err
	}
	account, err := s.authenticate(ctx, key, password)
	if err != nil {
		return Tokens{}, err
	}
	return s.startSession(ctx, account)
}

// countAttempt counts an attempt before its password is checked, so that many
// at once cannot slip through; success forgets the count.
func (s *Service) countAttempt(ctx context.Context, key []byte) error {
	return database.InTx(ctx, s.db, func(tx database.Tx) error {
		now := s.instant()
		attempts, err := findAttempts(ctx, tx, key)
		if err != nil {
			return err
		}
		if now.Before(attempts.blockedUntil) {
			return AttemptsError{Until: attempts.blockedUntil}
		}
		if now.Sub(attempts.lastAt) > attemptsRemember {
			attempts.failures = 0
		}
		attempts.failures++
		attempts.lastAt, attempts.blockedUntil = now, now.Add(attemptPause(attempts.failures))
		return saveAttempts(ctx, tx, key, attempts)
	})
}

// attemptPause is how long the login name waits after its n-th attempt in a
// row without success.
func attemptPause(n int64) time.Duration {
	if n < attemptsFree {
		return 0
	}
	pause := attemptPauseMin
	for range n - attemptsFree {
		if pause >= attemptPauseMax {
			break
		}
		pause *= 2
	}
	return min(pause, attemptPauseMax)
}

// A refusal takes as long whatever its cause, so that its time does not tell
// which e-mails exist. The while serves a purpose: the event of a registration
// a moment ago may still be on its way, and is looked for until the end.
const (
	refusalTime  = 300 * time.Millisecond
	refusalPause = 25 * time.Millisecond
)

// authenticate returns the active account that the password opens.
func (s *Service) authenticate(ctx context.Context, key []byte, password privacy.Text) (Account, error) {
	end := time.NewTimer(s.refusalTime)
	defer end.Stop()
	account, known, err := s.findLogin(ctx, key)
	if err != nil {
		return Account{}, err
	}
	if !known {
		// The decoy costs what a real check costs.
		if _, err := s.hasher.fits(ctx, password, decoyHash); err != nil {
			return Account{}, err
		}
		account, known, err = s.awaitLogin(ctx, key, end.C)
		if err != nil {
			return Account{}, err
		}
		if !known {
			return Account{}, ErrLoginRefused
		}
	}
	fits, err := s.opens(ctx, account, password)
	if err != nil {
		return Account{}, err
	}
	if fits && account.Status == StatusActive {
		return account, nil
	}
	select {
	case <-end.C:
	case <-ctx.Done():
	}
	return Account{}, ErrLoginRefused
}

// opens reports whether the password is that of the account.
func (s *Service) opens(ctx context.Context, account Account, password privacy.Text) (bool, error) {
	hash, err := s.keyring.Open(account.sealedCredential, credentialPlace(account.ID))
	if err != nil {
		return false, fmt.Errorf("opening credential of account %s: %w", account.ID, err)
	}
	fits, err := s.hasher.fits(ctx, password, string(hash))
	if err != nil {
		return false, fmt.Errorf("account %s: %w", account.ID, err)
	}
	return fits, nil
}

// awaitLogin looks for an account until end, and once more then.
func (s *Service) awaitLogin(ctx context.Context, key []byte, end <-chan time.Time) (Account, bool, error) {
	pause := time.NewTicker(refusalPause)
	defer pause.Stop()
	for last := false; ; {
		account, known, err := s.findLogin(ctx, key)
		if err != nil || known || last {
			return account, known, err
		}
		select {
		case <-pause.C:
		case <-end:
			last = true
		case <-ctx.Done():
			return Account{}, false, fmt.Errorf("waiting for an account: %w", ctx.Err())
		}
	}
}

func (s *Service) findLogin(ctx context.Context, key []byte) (Account, bool, error) {
	var account Account
	var known bool
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		var err error
		account, known, err = findAccountByLogin(ctx, tx, key)
		return err
	})
	return account, known, err
}

// sessionsMax bounds the sessions that one account has at a time; a new one
// ends the oldest.
const sessionsMax = 100

func (s *Service) startSession(ctx context.Context, account Account) (Tokens, error) {
	session := session{
		ID: s.newID(), AccountID: account.ID, StartedAt: s.instant(),
	}
	session.ExpiresAt = session.StartedAt.Add(s.cfg.RefreshTTL)
	refresh, hash, err := s.newRefreshToken()
	if err != nil {
		return Tokens{}, err
	}
	self := access.Actor{ID: account.ID, Roles: account.Roles}
	err = database.InTx(ctx, s.db, func(tx database.Tx) error {
		current, err := findAccount(ctx, tx, account.ID)
		if err != nil {
			return err
		}
		if current.Status != StatusActive {
			return ErrLoginRefused
		}
		if err := forgetAttempts(ctx, tx, account.loginKey); err != nil {
			return err
		}
		old, err := endSessions(ctx, tx, account.ID, sessionsMax-1)
		if err != nil {
			return err
		}
		if err := s.announceEnds(ctx, tx, session.StartedAt, account.ID, old, self, ReasonSuperseded); err != nil {
			return err
		}
		if err := insertSession(ctx, tx, session); err != nil {
			return err
		}
		if err := insertRefreshToken(ctx, tx, hash, session.ID, session.StartedAt); err != nil {
			return err
		}
		err = command.Audit(ctx, tx, command.Command{
			Name: "identity.login", Actor: self, Subject: session.ID,
		}, session.StartedAt)
		if err != nil {
			return err
		}
		return s.outbox.Append(ctx, tx, session.StartedAt,
			event.SessionStarted{OnUser: event.OnUser{UserID: account.ID}, FamilyID: session.ID})
	})
	if err != nil {
		return Tokens{}, err
	}
	return s.tokens(ctx, account, session, refresh)
}
