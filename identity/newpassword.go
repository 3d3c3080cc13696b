package identity

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/privacy"
)

// Errors of setting a new password, for errors.Is.
var (
	// ErrPasswordWrong means the password that was to be changed is not right.
	ErrPasswordWrong = errors.New("the password is not right")
	// ErrPasswordSame means the new password is the old one.
	ErrPasswordSame = errors.New("the new password is the old one")
	// ErrPasswordChanged means the password was changed by somebody else meanwhile.
	ErrPasswordChanged = errors.New("the password was changed meanwhile")
	// ErrResetRefused means a reset code is unknown, used, replaced or expired.
	ErrResetRefused = errors.New("reset code is not accepted")
)

// Reset codes.
const (
	// resetCodeBytes is 128 bits: nobody guesses a code, so that it needs no
	// count of attempts and no e-mail beside it.
	resetCodeBytes = 16
	resetTTL       = 30 * time.Minute
	// resetPause is how long an account waits for its next code, so that nobody
	// can flood somebody else's inbox.
	resetPause = 5 * time.Minute
)

// resetPlace is what a sealed code is bound to; the recipient's messages open it.
func resetPlace(account uuid.UUID) string { return "identity.reset_code:" + account.String() }

// ChangePassword sets a new password for who knows the present one, ends every
// session of the account and starts a new one. A wrong password counts as an
// attempt to log in.
func (s *Service) ChangePassword(
	ctx context.Context, actor access.Actor, present, next privacy.Text,
) (Tokens, error) {
	account, err := s.accountOf(ctx, actor.ID)
	if err != nil {
		return Tokens{}, err
	}
	if err := s.countAttempt(ctx, account.loginKey); err != nil {
		return Tokens{}, err
	}
	right, err := s.opens(ctx, account, present)
	if err != nil {
		return Tokens{}, err
	}
	if !right || account.Status != StatusActive {
		return Tokens{}, fieldError{field: "current_password", err: ErrPasswordWrong}
	}
	if present == next {
		return Tokens{}, fieldError{field: "new_password", err: ErrPasswordSame}
	}
	sealed, err := s.credential(ctx, account.ID, "new_password", next)
	if err != nil {
		return Tokens{}, err
	}
	err = database.InTx(ctx, s.db, func(tx database.Tx) error {
		now := s.instant()
		if err := s.replaceCredential(ctx, tx, now, account, sealed, actor); err != nil {
			return err
		}
		return command.Audit(ctx, tx, command.Command{
			Name: "identity.change-password", Actor: actor, Subject: account.ID,
		}, now)
	})
	if err != nil {
		return Tokens{}, err
	}
	return s.startSession(ctx, account)
}

func (s *Service) accountOf(ctx context.Context, id uuid.UUID) (Account, error) {
	var account Account
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		var err error
		account, err = findAccount(ctx, tx, id)
		return err
	})
	return account, err
}

// credential hashes a password that came in a field of a request, and seals it.
func (s *Service) credential(
	ctx context.Context, account uuid.UUID, field string, password privacy.Text,
) (string, error) {
	hash, err := s.hasher.hash(ctx, field, password)
	if err != nil {
		return "", err
	}
	sealed, err := s.keyring.Seal([]byte(hash), credentialPlace(account))
	if err != nil {
		return "", fmt.Errorf("sealing credential of account %s: %w", account, err)
	}
	return sealed, nil
}

// replaceCredential stores the new credential of an account as it was read, or
// returns ErrPasswordChanged. Whoever was logged in with the old one is no
// longer, a code to set a new one is void, and the owner is told.
func (s *Service) replaceCredential(
	ctx context.Context, tx database.Tx, now time.Time, account Account, sealed string, actor access.Actor,
) error {
	changed, err := setCredential(ctx, tx, account, sealed)
	if err != nil {
		return err
	}
	if !changed {
		return ErrPasswordChanged
	}
	if err := deleteReset(ctx, tx, account.ID); err != nil {
		return err
	}
	if err := forgetAttempts(ctx, tx, account.loginKey); err != nil {
		return err
	}
	ended, err := endSessions(ctx, tx, account.ID, 0)
	if err != nil {
		return err
	}
	if err := s.announceEnds(ctx, tx, now, account.ID, ended, actor, ReasonPassword); err != nil {
		return err
	}
	return s.outbox.Append(ctx, tx, now, event.PasswordChanged{OnUser: event.OnUser{UserID: account.ID}})
}

// ForgotPassword sends the borrower of this e-mail a code to set a new password
// with. It takes as long and says as much whether or not there is one. Staff
// have no messages: an administrator sets their password, see [Service.SetPassword].
func (s *Service) ForgotPassword(ctx context.Context, email privacy.Text) error {
	end := time.NewTimer(s.refusalTime)
	defer end.Stop()
	key, err := s.loginKey(email)
	if err != nil {
		return err
	}
	code, hash, err := s.newResetCode()
	if err != nil {
		return err
	}
	if err := s.issueReset(ctx, key, code, hash); err != nil {
		return err
	}
	select {
	case <-end.C:
	case <-ctx.Done():
	}
	return nil
}

func (s *Service) newResetCode() (code string, hash []byte, err error) {
	raw := make([]byte, resetCodeBytes)
	if _, err := io.ReadFull(s.random, raw); err != nil {
		return "", nil, fmt.Errorf("drawing a reset code: %w", err)
	}
	code = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)
	return code, hashToken(code), nil
}

func (s *Service) issueReset(ctx context.Context, key []byte, code string, hash []byte) error {
	return database.InTx(ctx, s.db, func(tx database.Tx) error {
		account, known, err := findAccountByLogin(ctx, tx, key)
		if err != nil || !known || account.Kind != KindCustomer || account.Status != StatusActive {
			return err
		}
		now := s.instant()
		last, err := resetIssuedAt(ctx, tx, account.ID)
		if err != nil || now.Before(last.Add(resetPause)) {
			return err
		}
		expires := now.Add(resetTTL)
		if err := putReset(ctx, tx, account.ID, hash, now, expires); err != nil {
			return err
		}
		sealed, err := s.keyring.Seal([]byte(code), resetPlace(account.ID))
		if err != nil {
			return fmt.Errorf("sealing a reset code: %w", err)
		}
		err = command.Audit(ctx, tx, command.Command{
			Name: "identity.issue-reset-code", Actor: access.Platform("identity"), Subject: account.ID,
		}, now)
		if err != nil {
			return err
		}
		return s.outbox.Append(ctx, tx, now, event.ResetCodeIssued{
			OnUser: event.OnUser{UserID: account.ID}, SealedCode: sealed, ExpiresAt: expires,
		})
	})
}

// ResetPassword sets a new password for who has the code that was sent, and
// starts a session; all others of the account end. Case and spaces of the code
// do not count, as it may be typed.
func (s *Service) ResetPassword(ctx context.Context, code string, next privacy.Text) (Tokens, error) {
	hash := hashToken(strings.ToUpper(strings.Join(strings.Fields(code), "")))
	account, err := s.resetting(ctx, hash)
	if err != nil {
		return Tokens{}, err
	}
	sealed, err := s.credential(ctx, account.ID, "new_password", next)
	if err != nil {
		return Tokens{}, err
	}
	self := access.Actor{ID: account.ID, Roles: account.Roles}
	err = database.InTx(ctx, s.db, func(tx database.Tx) error {
		now := s.instant()
		id, good, err := findReset(ctx, tx, hash, now)
		if err != nil {
			return err
		}
		if !good || id != account.ID {
			return fieldError{field: "code", err: ErrResetRefused}
		}
		if err := s.replaceCredential(ctx, tx, now, account, sealed, self); err != nil {
			return err
		}
		return command.Audit(ctx, tx, command.Command{
			Name: "identity.reset-password", Actor: self, Subject: account.ID,
		}, now)
	})
	if err != nil {
		return Tokens{}, err
	}
	return s.startSession(ctx, account)
}

// resetting returns the active account that a code is good for.
func (s *Service) resetting(ctx context.Context, hash []byte) (Account, error) {
	var account Account
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		id, good, err := findReset(ctx, tx, hash, s.instant())
		if err != nil {
			return err
		}
		if good {
			account, err = findAccount(ctx, tx, id)
		}
		return err
	})
	if err == nil && account.Status != StatusActive {
		err = fieldError{field: "code", err: ErrResetRefused}
	}
	return account, err
}

// SetPassword gives a staff account a password that its owner is then told, and
// ends its sessions. Borrowers' accounts are not found: they set their own.
func (s *Service) SetPassword(
	ctx context.Context, actor access.Actor, key command.Key, id uuid.UUID, next privacy.Text,
) (command.Result[Account], error) {
	sealed, err := s.credential(ctx, id, "password", next)
	if err != nil {
		return command.Result[Account]{}, err
	}
	return command.Run(ctx, s.commands, command.Command{
		Name: "identity.set-password", Actor: actor, Subject: id, Key: key,
	}, func(tx database.Tx, now time.Time) (Account, error) {
		account, err := findAccount(ctx, tx, id)
		if err != nil {
			return Account{}, err
		}
		if account.Kind != KindStaff {
			return Account{}, fmt.Errorf("%w: %s", ErrNotFound, id)
		}
		return account, s.replaceCredential(ctx, tx, now, account, sealed, actor)
	})
}
