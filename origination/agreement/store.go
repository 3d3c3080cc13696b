package agreement

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/blob"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
)

// accepted is an offer that the borrower accepted.
type accepted struct {
	On       event.OnApplication
	Offer    event.Offer
	Approved bool
}

func insertAccepted(ctx context.Context, tx database.Tx, a accepted) error {
	offer, err := json.Marshal(a.Offer)
	if err != nil {
		return fmt.Errorf("encoding offer %s: %w", a.Offer.OfferID, err)
	}
	_, err = tx.Exec(ctx, `
		insert into accepted_offer (application_id, customer_id, offer_id, offer, approved) values ($1, $2, $3, $4, false)
		on conflict (application_id) do nothing`,
		a.On.ApplicationID, a.On.CustomerID, a.Offer.OfferID, string(offer))
	if err != nil {
		return fmt.Errorf("keeping offer %s: %w", a.Offer.OfferID, err)
	}
	return nil
}

// approve marks the offer of an application approved; false means that this
// offer has not been accepted.
func approve(ctx context.Context, tx database.Tx, applicationID, offerID uuid.UUID) (bool, error) {
	tag, err := tx.Exec(ctx, `
		update accepted_offer set approved = true where application_id = $1 and offer_id = $2`, applicationID, offerID)
	if err != nil {
		return false, fmt.Errorf("approving offer %s: %w", offerID, err)
	}
	return tag.RowsAffected() == 1, nil
}

func findAccepted(ctx context.Context, tx database.Tx, applicationID uuid.UUID) (accepted, bool, error) {
	a := accepted{On: event.OnApplication{ApplicationID: applicationID}}
	var offer string
	err := tx.QueryRow(ctx, `
		select customer_id, offer, approved from accepted_offer where application_id = $1`, applicationID).
		Scan(&a.On.CustomerID, &offer, &a.Approved)
	if errors.Is(err, pgx.ErrNoRows) {
		return accepted{}, false, nil
	}
	if err != nil {
		return accepted{}, false, fmt.Errorf("reading the accepted offer of %s: %w", applicationID, err)
	}
	if err := json.Unmarshal([]byte(offer), &a.Offer); err != nil {
		return accepted{}, false, fmt.Errorf("decoding the accepted offer of %s: %w", applicationID, err)
	}
	return a, true, nil
}

func insertAgreement(ctx context.Context, tx database.Tx, a Agreement) error {
	_, err := tx.Exec(ctx, `
		insert into agreement (id, application_id, customer_id, offer_id, schedule_hash, status, sha256, generated_at,
		                       method, signed_sha256, certificate, signed_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, '', '', '', null)`,
		a.ID, a.ApplicationID, a.CustomerID, a.OfferID, a.ScheduleHash, a.Status, a.SHA256, a.GeneratedAt)
	if err != nil {
		return fmt.Errorf("storing agreement %s: %w", a.ID, err)
	}
	return nil
}

func findAgreement(ctx context.Context, tx database.Tx, applicationID uuid.UUID) (Agreement, bool, error) {
	var a Agreement
	err := tx.QueryRow(ctx, `
		select id, application_id, customer_id, offer_id, schedule_hash, status, sha256, generated_at, method,
		       signed_sha256, certificate, signed_at
		  from agreement where application_id = $1`, applicationID).Scan(&a.ID, &a.ApplicationID, &a.CustomerID,
		&a.OfferID, &a.ScheduleHash, &a.Status, &a.SHA256, &a.GeneratedAt, &a.Method, &a.SignedSHA256, &a.Certificate,
		&a.SignedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return Agreement{}, false, nil
	}
	if err != nil {
		return Agreement{}, false, fmt.Errorf("reading the agreement of %s: %w", applicationID, err)
	}
	return a, true, nil
}

// setStatus moves an agreement that is not signed; ErrState means that it was not at from.
func setStatus(ctx context.Context, tx database.Tx, id uuid.UUID, from, to Status) error {
	tag, err := tx.Exec(ctx, `update agreement set status = $3 where id = $1 and status = $2`, id, from, to)
	return moved(tag.RowsAffected(), err, id, from)
}

// conclude records how an agreement was signed.
func conclude(ctx context.Context, tx database.Tx, from Status, a Agreement) error {
	tag, err := tx.Exec(ctx, `
		update agreement set status = $3, method = $4, signed_sha256 = $5, certificate = $6, signed_at = $7
		 where id = $1 and status = $2`, a.ID, from, a.Status, a.Method, a.SignedSHA256, a.Certificate, a.SignedAt)
	return moved(tag.RowsAffected(), err, a.ID, from)
}

func moved(rows int64, err error, id uuid.UUID, from Status) error {
	if err != nil {
		return fmt.Errorf("changing agreement %s: %w", id, err)
	}
	if rows != 1 {
		return fmt.Errorf("%w: agreement %s is not %s any more", ErrState, id, from)
	}
	return nil
}

// The versions of the documents that the platform makes.
const (
	versionOriginal = "ORIGINAL"
	versionSigned   = "SIGNED"
)

func insertContract(ctx context.Context, tx database.Tx, agreementID uuid.UUID, version string, content []byte) error {
	_, err := tx.Exec(ctx, `
		insert into contract (agreement_id, version, content) values ($1, $2, $3)`, agreementID, version, content)
	if err != nil {
		return fmt.Errorf("storing the %s contract of %s: %w", version, agreementID, err)
	}
	return nil
}

func findContract(ctx context.Context, tx database.Tx, agreementID uuid.UUID, version string) ([]byte, error) {
	var content []byte
	err := tx.QueryRow(ctx, `
		select content from contract where agreement_id = $1 and version = $2`, agreementID, version).Scan(&content)
	if err != nil {
		return nil, fmt.Errorf("reading the %s contract of %s: %w", version, agreementID, err)
	}
	return content, nil
}

// signingCode is a one-time code as it is kept.
type signingCode struct {
	ID           uuid.UUID
	AgreementID  uuid.UUID
	Number       int64 // counts from 1 within the agreement
	Fingerprint  string
	IssuedAt     time.Time
	ExpiresAt    time.Time
	AttemptsLeft int64
}

func insertCode(ctx context.Context, tx database.Tx, c signingCode) error {
	_, err := tx.Exec(ctx, `
		insert into signing_code (id, agreement_id, number, fingerprint, issued_at, expires_at, attempts_left)
		values ($1, $2, $3, $4, $5, $6, $7)`,
		c.ID, c.AgreementID, c.Number, c.Fingerprint, c.IssuedAt, c.ExpiresAt, c.AttemptsLeft)
	if err != nil {
		return fmt.Errorf("storing a signing code of %s: %w", c.AgreementID, err)
	}
	return nil
}

func codesSince(ctx context.Context, tx database.Tx, agreementID uuid.UUID, since time.Time) (int64, error) {
	var count int64
	err := tx.QueryRow(ctx, `
		select count(*) from signing_code where agreement_id = $1 and issued_at > $2`, agreementID, since).Scan(&count)
	if err != nil {
		return 0, fmt.Errorf("counting signing codes of %s: %w", agreementID, err)
	}
	return count, nil
}

// lastCode returns the one code that may still count; false means there is none.
func lastCode(ctx context.Context, tx database.Tx, agreementID uuid.UUID) (signingCode, bool, error) {
	var c signingCode
	err := tx.QueryRow(ctx, `
		select id, agreement_id, number, fingerprint, issued_at, expires_at, attempts_left
		  from signing_code where agreement_id = $1 order by number desc limit 1`, agreementID).
		Scan(&c.ID, &c.AgreementID, &c.Number, &c.Fingerprint, &c.IssuedAt, &c.ExpiresAt, &c.AttemptsLeft)
	if errors.Is(err, pgx.ErrNoRows) {
		return signingCode{}, false, nil
	}
	if err != nil {
		return signingCode{}, false, fmt.Errorf("reading the signing code of %s: %w", agreementID, err)
	}
	return c, true, nil
}

func setAttempts(ctx context.Context, tx database.Tx, id uuid.UUID, left int64) error {
	_, err := tx.Exec(ctx, `update signing_code set attempts_left = $2 where id = $1`, id, left)
	if err != nil {
		return fmt.Errorf("counting an attempt with signing code %s: %w", id, err)
	}
	return nil
}

// signedCopy is a copy signed by hand, without the way to read it.
type signedCopy struct {
	ID          uuid.UUID
	AgreementID uuid.UUID
	Number      int64 // counts from 1 within the agreement
	Size        int64
	SHA256      string
	UploadedAt  time.Time
	Decision    string
	Reason      string
}

func insertCopy(ctx context.Context, tx database.Tx, c signedCopy, ref blob.Ref) error {
	_, err := tx.Exec(ctx, `
		insert into signed_copy (id, agreement_id, number, size, sha256, blob_key, wrapped_key, uploaded_at, decision,
		                         reason, reviewed_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', null)`,
		c.ID, c.AgreementID, c.Number, c.Size, c.SHA256, ref.Key, ref.WrappedKey, c.UploadedAt, c.Decision)
	if err != nil {
		return fmt.Errorf("storing a signed copy of %s: %w", c.AgreementID, err)
	}
	return nil
}

// lastCopy returns the copy that came last; false means there is none.
func lastCopy(ctx context.Context, tx database.Tx, agreementID uuid.UUID) (signedCopy, blob.Ref, bool, error) {
	var c signedCopy
	var ref blob.Ref
	err := tx.QueryRow(ctx, `
		select id, agreement_id, number, size, sha256, uploaded_at, decision, reason, blob_key, wrapped_key
		  from signed_copy where agreement_id = $1 order by number desc limit 1`, agreementID).
		Scan(&c.ID, &c.AgreementID, &c.Number, &c.Size, &c.SHA256, &c.UploadedAt, &c.Decision, &c.Reason, &ref.Key,
			&ref.WrappedKey)
	if errors.Is(err, pgx.ErrNoRows) {
		return signedCopy{}, blob.Ref{}, false, nil
	}
	if err != nil {
		return signedCopy{}, blob.Ref{}, false, fmt.Errorf("reading the signed copy of %s: %w", agreementID, err)
	}
	return c, ref, true, nil
}

func decideCopy(ctx context.Context, tx database.Tx, c signedCopy, at time.Time) error {
	tag, err := tx.Exec(ctx, `
		update signed_copy set decision = $2, reason = $3, reviewed_at = $4 where id = $1 and decision = 'PENDING'`,
		c.ID, c.Decision, c.Reason, at)
	if err != nil {
		return fmt.Errorf("deciding on signed copy %s: %w", c.ID, err)
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("%w: signed copy %s is decided", ErrState, c.ID)
	}
	return nil
}

func insertSigner(ctx context.Context, tx database.Tx, certificate []byte, sealedKey string, at time.Time) error {
	_, err := tx.Exec(ctx, `
		insert into signer (id, certificate, sealed_key, created_at) values (1, $1, $2, $3)
		on conflict (id) do nothing`, certificate, sealedKey, at)
	if err != nil {
		return fmt.Errorf("storing the signing certificate: %w", err)
	}
	return nil
}

func findSigner(ctx context.Context, tx database.Tx) (certificate []byte, sealedKey string, found bool, err error) {
	err = tx.QueryRow(ctx, `select certificate, sealed_key from signer where id = 1`).Scan(&certificate, &sealedKey)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, "", false, nil
	}
	if err != nil {
		return nil, "", false, fmt.Errorf("reading the signing certificate: %w", err)
	}
	return certificate, sealedKey, true, nil
}
