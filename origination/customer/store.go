package customer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

// row is a customer as it is stored; Profile and Identity are sealed.
type row struct {
	ID             uuid.UUID
	EmailIndex     string
	Profile        string
	Identity       string // "" until it was handed in
	KYCStatus      KYCStatus
	RegisteredAt   time.Time
	KYCSubmittedAt *time.Time
	WrappedKey     string // "" once the key was destroyed
}

// insertCustomer stores a new customer with its key, or returns ErrEmailTaken.
func insertCustomer(ctx context.Context, tx database.Tx, r row, now time.Time) error {
	_, err := tx.Exec(ctx, `
		insert into customer (id, email_index, profile, identity, kyc_status, registered_at)
		values ($1, $2, $3, '', $4, $5)`, r.ID, r.EmailIndex, r.Profile, KYCNone, now)
	if database.IsUnique(err, "customer_email_unique") {
		return ErrEmailTaken
	}
	if err != nil {
		return fmt.Errorf("inserting customer %s: %w", r.ID, err)
	}
	_, err = tx.Exec(ctx, `insert into subject_key (customer_id, wrapped) values ($1, $2)`, r.ID, r.WrappedKey)
	if err != nil {
		return fmt.Errorf("inserting key of customer %s: %w", r.ID, err)
	}
	return nil
}

// findCustomer reads a customer with its key, or returns ErrNotFound.
func findCustomer(ctx context.Context, tx database.Tx, id uuid.UUID) (row, error) {
	var r row
	err := tx.QueryRow(ctx, `
		select c.id, c.email_index, c.profile, c.identity, c.kyc_status, c.registered_at, c.kyc_submitted_at,
		       coalesce(k.wrapped, '')
		  from customer c left join subject_key k on k.customer_id = c.id
		 where c.id = $1`, id).
		Scan(&r.ID, &r.EmailIndex, &r.Profile, &r.Identity, &r.KYCStatus, &r.RegisteredAt, &r.KYCSubmittedAt,
			&r.WrappedKey)
	if errors.Is(err, pgx.ErrNoRows) {
		return row{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if err != nil {
		return row{}, fmt.Errorf("reading customer %s: %w", id, err)
	}
	return r, nil
}

// updateIdentity replaces the identity data of a customer who is not verified
// yet, or returns ErrIdentityFixed.
func updateIdentity(ctx context.Context, tx database.Tx, id uuid.UUID, identity string, now time.Time) error {
	tag, err := tx.Exec(ctx, `
		update customer set identity = $2, kyc_status = $3, kyc_submitted_at = $4
		 where id = $1 and kyc_status <> $5`, id, identity, KYCSubmitted, now, KYCVerified)
	if err != nil {
		return fmt.Errorf("updating identity of customer %s: %w", id, err)
	}
	if tag.RowsAffected() == 0 {
		return ErrIdentityFixed
	}
	return nil
}

// markVerified fixes the identity data; doing it again changes nothing.
func markVerified(ctx context.Context, tx database.Tx, id uuid.UUID) error {
	tag, err := tx.Exec(ctx, `update customer set kyc_status = $2 where id = $1`, id, KYCVerified)
	if err != nil {
		return fmt.Errorf("verifying customer %s: %w", id, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("verifying: %w: %s", ErrNotFound, id)
	}
	return nil
}
