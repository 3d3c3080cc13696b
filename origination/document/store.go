package document

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/blob"
	"github.com/tenor-lending/tenor/internal/database"
)

func insert(ctx context.Context, tx database.Tx, d Document, ref blob.Ref) error {
	_, err := tx.Exec(ctx, `
		insert into document (id, application_id, customer_id, kind, content_type, size, sha256, blob_key, wrapped_key,
		                      uploaded_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		d.ID, d.ApplicationID, d.CustomerID, d.Kind, d.ContentType, d.Size, d.SHA256, ref.Key, ref.WrappedKey, d.UploadedAt)
	if database.IsUnique(err, "document_content_unique") {
		return fmt.Errorf("%w, as %s", ErrDuplicate, d.Kind)
	}
	if err != nil {
		return fmt.Errorf("storing document %s: %w", d.ID, err)
	}
	return nil
}

func countOf(ctx context.Context, tx database.Tx, applicationID uuid.UUID) (int64, error) {
	var count int64
	err := tx.QueryRow(ctx, `select count(*) from document where application_id = $1`, applicationID).Scan(&count)
	if err != nil {
		return 0, fmt.Errorf("counting documents of %s: %w", applicationID, err)
	}
	return count, nil
}

func list(ctx context.Context, tx database.Tx, applicationID uuid.UUID) ([]Document, error) {
	rows, err := tx.Query(ctx, `
		select id, application_id, customer_id, kind, content_type, size, sha256, uploaded_at
		  from document where application_id = $1 order by uploaded_at, id limit $2`, applicationID, PerApplicationMax)
	if err != nil {
		return nil, fmt.Errorf("listing documents of %s: %w", applicationID, err)
	}
	documents, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Document])
	if err != nil {
		return nil, fmt.Errorf("listing documents of %s: %w", applicationID, err)
	}
	return documents, nil
}

func find(ctx context.Context, tx database.Tx, id uuid.UUID) (Document, blob.Ref, error) {
	var d Document
	var ref blob.Ref
	err := tx.QueryRow(ctx, `
		select id, application_id, customer_id, kind, content_type, size, sha256, uploaded_at, blob_key, wrapped_key
		  from document where id = $1`, id).Scan(&d.ID, &d.ApplicationID, &d.CustomerID, &d.Kind, &d.ContentType,
		&d.Size, &d.SHA256, &d.UploadedAt, &ref.Key, &ref.WrappedKey)
	if errors.Is(err, pgx.ErrNoRows) {
		return Document{}, blob.Ref{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if err != nil {
		return Document{}, blob.Ref{}, fmt.Errorf("reading document %s: %w", id, err)
	}
	return d, ref, nil
}

// remove deletes a document's row and returns the key of its blob.
func remove(ctx context.Context, tx database.Tx, id uuid.UUID) (string, error) {
	var key string
	err := tx.QueryRow(ctx, `delete from document where id = $1 returning blob_key`, id).Scan(&key)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if err != nil {
		return "", fmt.Errorf("deleting document %s: %w", id, err)
	}
	return key, nil
}

func isClosed(ctx context.Context, tx database.Tx, applicationID uuid.UUID) (bool, error) {
	var closed bool
	err := tx.QueryRow(ctx, `
		select exists (select 1 from evidence_closed where application_id = $1)`, applicationID).Scan(&closed)
	if err != nil {
		return false, fmt.Errorf("reading whether evidence of %s is closed: %w", applicationID, err)
	}
	return closed, nil
}

func closeEvidence(ctx context.Context, tx database.Tx, applicationID uuid.UUID, at time.Time) error {
	_, err := tx.Exec(ctx, `
		insert into evidence_closed (application_id, closed_at) values ($1, $2)
		on conflict (application_id) do nothing`, applicationID, at)
	if err != nil {
		return fmt.Errorf("closing evidence of %s: %w", applicationID, err)
	}
	return nil
}
