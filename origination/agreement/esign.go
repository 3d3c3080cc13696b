package agreement

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
)

// Limits of one-time codes. A guesser has at most 25 tries in a million an hour.
const (
	// CodeDigits is the length of a code.
	CodeDigits = 6
	// CodeAttemptsMax is how often one code may be tried.
	CodeAttemptsMax = 5
	// CodesPerHourMax is how many codes an agreement may have within an hour.
	CodesPerHourMax = 5
	codeRange       = 1_000_000
)

// Errors of signing, for errors.Is.
var (
	// ErrCodeWrong means that the code is not the one that was sent.
	ErrCodeWrong = errors.New("the signing code is not right")
	// ErrCodeVoid means that there is no code that could be right: none was
	// sent, it is too old, or it was tried too often.
	ErrCodeVoid = errors.New("there is no valid signing code, request a new one")
	// ErrTooManyCodes means that CodesPerHourMax codes were sent within an hour.
	ErrTooManyCodes = fmt.Errorf("at most %d signing codes are sent within an hour", CodesPerHourMax)
)

// IssuedCode says what may be told about a code that was sent.
type IssuedCode struct {
	ExpiresAt time.Time
	Attempts  int64
}

// IssueCode sends the borrower a one-time code, which voids the one before.
func (s *Service) IssueCode(
	ctx context.Context, actor access.Actor, key command.Key, applicationID uuid.UUID,
) (command.Result[IssuedCode], error) {
	code, err := s.drawCode()
	if err != nil {
		return command.Result[IssuedCode]{}, err
	}
	id := s.newID()
	return command.Run(ctx, s.commands, command.Command{
		Name: "agreement.issue-code", Actor: actor, Subject: applicationID, Key: key,
	}, func(tx database.Tx, now time.Time) (IssuedCode, error) {
		agreement, offer, err := s.open(ctx, tx, actor, applicationID)
		if err != nil {
			return IssuedCode{}, err
		}
		count, err := codesSince(ctx, tx, agreement.ID, now.Add(-time.Hour))
		if err != nil {
			return IssuedCode{}, err
		}
		if count >= CodesPerHourMax {
			return IssuedCode{}, ErrTooManyCodes
		}
		last, _, err := lastCode(ctx, tx, agreement.ID)
		if err != nil {
			return IssuedCode{}, err
		}
		kept := signingCode{
			ID: id, AgreementID: agreement.ID, Number: last.Number + 1, Fingerprint: s.codeFingerprint(code, id), IssuedAt: now,
			ExpiresAt: now.Add(s.config.CodeTTL), AttemptsLeft: CodeAttemptsMax,
		}
		if err := insertCode(ctx, tx, kept); err != nil {
			return IssuedCode{}, err
		}
		sealed, err := s.keyring.Seal([]byte(code), "agreement.code:"+agreement.CustomerID.String())
		if err != nil {
			return IssuedCode{}, fmt.Errorf("sealing a signing code: %w", err)
		}
		return IssuedCode{ExpiresAt: kept.ExpiresAt, Attempts: kept.AttemptsLeft}, s.outbox.Append(ctx, tx, now,
			event.SigningCodeIssued{
				OnApplication: offer.On, AgreementID: agreement.ID, SealedCode: sealed, ExpiresAt: kept.ExpiresAt,
			})
	})
}

func (s *Service) drawCode() (string, error) {
	number, err := rand.Int(s.random, big.NewInt(codeRange))
	if err != nil {
		return "", fmt.Errorf("drawing a signing code: %w", err)
	}
	return fmt.Sprintf("%0*d", CodeDigits, number), nil
}

// codeFingerprint is all that is kept of a code: a million hashes could be
// tried in a moment, but not without the platform's key.
func (s *Service) codeFingerprint(code string, id uuid.UUID) string {
	return s.keyring.Index([]byte(code), "agreement.signing_code:"+id.String())
}

// Consent is what the borrower says when signing.
type Consent struct {
	// Code is the one-time code.
	Code string
	// ScheduleHash names the schedule that the borrower consents to.
	ScheduleHash string
}

// signing is the recorded outcome of an attempt to sign: a wrong code must be
// counted, so it is no error of the transaction.
type signing struct {
	View *View `json:",omitempty"`
	// Without a View the code was wrong, and so many attempts remain.
	AttemptsLeft int64
}

// Sign concludes the agreement if the code is right: the platform signs the
// document that was presented. ErrCodeWrong uses up an attempt.
func (s *Service) Sign(
	ctx context.Context, actor access.Actor, key command.Key, applicationID uuid.UUID, consent Consent,
) (command.Result[View], error) {
	signer, err := s.signers.get(ctx, s.now())
	if err != nil {
		return command.Result[View]{}, err
	}
	result, err := command.Run(ctx, s.commands, command.Command{
		Name: "agreement.esign", Actor: actor, Subject: applicationID, Key: key,
		Detail: map[string]string{"schedule_hash": consent.ScheduleHash},
	}, func(tx database.Tx, now time.Time) (signing, error) {
		agreement, offer, err := s.open(ctx, tx, actor, applicationID)
		if err != nil {
			return signing{}, err
		}
		if consent.ScheduleHash != agreement.ScheduleHash {
			return signing{}, fmt.Errorf("%w: the agreement has schedule %s", ErrTerms, agreement.ScheduleHash)
		}
		left, right, err := s.tryCode(ctx, tx, now, agreement.ID, consent.Code)
		if err != nil {
			return signing{}, err
		}
		if !right {
			return signing{AttemptsLeft: left}, nil
		}
		agreement, err = s.seal(ctx, tx, now, signer, agreement, offer)
		if err != nil {
			return signing{}, err
		}
		view := viewOf(agreement, offer.Offer)
		return signing{View: &view}, nil
	})
	if err != nil {
		return command.Result[View]{}, err
	}
	if result.Value.View == nil {
		return command.Result[View]{}, fmt.Errorf("%w: %d attempts are left", ErrCodeWrong, result.Value.AttemptsLeft)
	}
	return command.Result[View]{Value: *result.Value.View, Replayed: result.Replayed}, nil
}

// tryCode uses up one attempt with the last code, all of them if it is right.
func (s *Service) tryCode(
	ctx context.Context, tx database.Tx, now time.Time, agreementID uuid.UUID, code string,
) (left int64, right bool, err error) {
	last, found, err := lastCode(ctx, tx, agreementID)
	if err != nil {
		return 0, false, err
	}
	if !found || last.AttemptsLeft == 0 || !now.Before(last.ExpiresAt) {
		return 0, false, ErrCodeVoid
	}
	given := s.codeFingerprint(code, last.ID)
	right = subtle.ConstantTimeCompare([]byte(given), []byte(last.Fingerprint)) == 1
	left = last.AttemptsLeft - 1
	if right {
		left = 0
	}
	return left, right, setAttempts(ctx, tx, last.ID, left)
}

// seal signs the document that was presented and concludes the agreement.
func (s *Service) seal(
	ctx context.Context, tx database.Tx, now time.Time, by *signer, agreement Agreement, offer accepted,
) (Agreement, error) {
	presented, err := findContract(ctx, tx, agreement.ID, versionOriginal)
	if err != nil {
		return Agreement{}, err
	}
	if sum := sha256.Sum256(presented); hex.EncodeToString(sum[:]) != agreement.SHA256 {
		return Agreement{}, fmt.Errorf("agreement %s: its stored document was changed", agreement.ID)
	}
	signed, err := by.sign(presented, signature{
		At: now, Name: s.config.Lender,
		Reason: "Consent of borrower " + agreement.CustomerID.String() + " by one-time code",
	})
	if err != nil {
		return Agreement{}, err
	}
	info, err := VerifySignature(signed)
	if err != nil {
		return Agreement{}, fmt.Errorf("agreement %s: signed, but: %w", agreement.ID, err)
	}
	if err := insertContract(ctx, tx, agreement.ID, versionSigned, signed); err != nil {
		return Agreement{}, err
	}
	sum := sha256.Sum256(signed)
	agreement.SignedSHA256, agreement.Certificate = hex.EncodeToString(sum[:]), info.Fingerprint
	return s.conclude(ctx, tx, now, Generated, MethodESign, agreement, offer)
}

// conclude makes an agreement signed and tells everybody.
func (s *Service) conclude(
	ctx context.Context, tx database.Tx, now time.Time, from Status, method string, agreement Agreement, offer accepted,
) (Agreement, error) {
	agreement.Status, agreement.Method, agreement.SignedAt = Signed, method, &now
	if err := conclude(ctx, tx, from, agreement); err != nil {
		return Agreement{}, err
	}
	return agreement, s.outbox.Append(ctx, tx, now, event.AgreementSigned{
		OnApplication: offer.On, Offer: offer.Offer, AgreementID: agreement.ID, Method: method,
		SHA256: agreement.SignedSHA256, SignedAt: now,
	})
}
