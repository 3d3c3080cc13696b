package kyc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
)

// errNoReview means that this application has no review.
var errNoReview = errors.New("no such review")

// errOvertaken cannot happen while the row is locked in a serializable
// transaction; it is said rather than assumed.
var errOvertaken = errors.New("review was changed meanwhile")

// insertReview stores a new review and tells whether there was none before.
func insertReview(ctx context.Context, tx database.Tx, r Review) (bool, error) {
	tag, err := tx.Exec(ctx, `
		insert into review (application_id, customer_id, product, currency, amount_minor, status, opened_at)
		values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (application_id) do nothing`,
		r.ApplicationID, r.CustomerID, r.Product, r.Amount.Currency().Code(), r.Amount.Minor(), r.Status, r.OpenedAt)
	if err != nil {
		return false, fmt.Errorf("inserting review %s: %w", r.ApplicationID, err)
	}
	return tag.RowsAffected() == 1, nil
}

// scanReview reads the columns that every query of reviews lists in the same order.
func scanReview(row pgx.CollectableRow) (Review, error) {
	var r Review
	var code string
	var amount int64
	err := row.Scan(&r.ApplicationID, &r.CustomerID, &r.Product, &code, &amount, &r.Status, &r.OfficerID, &r.VerifiedBy,
		&r.Passed, &r.DecidedBy, &r.Reason, &r.OpenedAt, &r.AssignedAt, &r.VerifiedAt, &r.DecidedAt)
	if err != nil {
		return Review{}, err
	}
	currency, err := money.ParseCurrency(code)
	r.Amount = money.New(amount, currency)
	return r, err
}

// lockReview reads a review that is going to change, or returns errNoReview.
func lockReview(ctx context.Context, tx database.Tx, id uuid.UUID) (Review, error) {
	rows, err := tx.Query(ctx, `
		select application_id, customer_id, product, currency, amount_minor, status, officer_id, verified_by, passed,
		       decided_by, reason, opened_at, assigned_at, verified_at, decided_at
		  from review where application_id = $1 for update`, id)
	if err != nil {
		return Review{}, fmt.Errorf("reading review %s: %w", id, err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, scanReview)
	if errors.Is(err, pgx.ErrNoRows) {
		return Review{}, fmt.Errorf("%w: %s", errNoReview, id)
	}
	if err != nil {
		return Review{}, fmt.Errorf("reading review %s: %w", id, err)
	}
	return found, nil
}

func listReviews(ctx context.Context, tx database.Tx, f Filter, after Position, limit int) ([]Review, error) {
	rows, err := tx.Query(ctx, `
		select application_id, customer_id, product, currency, amount_minor, status, officer_id, verified_by, passed,
		       decided_by, reason, opened_at, assigned_at, verified_at, decided_at
		  from review
		 where (opened_at > $1 or (opened_at = $1 and application_id > $2))
		   and ($3::text = '' or status = $3) and ($4::uuid = $5 or officer_id = $4)
		 order by opened_at, application_id limit $6`,
		after.OpenedAt, after.ID, f.Status, f.Officer, uuid.Nil, limit)
	if err != nil {
		return nil, fmt.Errorf("listing reviews: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanReview)
	if err != nil {
		return nil, fmt.Errorf("listing reviews: %w", err)
	}
	return list, nil
}

// changed turns the result of a conditional update into an error.
func changed(what string, id uuid.UUID, rows int64, err error) error {
	if err != nil {
		return fmt.Errorf("%s review %s: %w", what, id, err)
	}
	if rows != 1 {
		return fmt.Errorf("%s review %s: %w", what, id, errOvertaken)
	}
	return nil
}

func updateAssigned(ctx context.Context, tx database.Tx, id, officer, manager uuid.UUID, now time.Time) error {
	tag, err := tx.Exec(ctx, `
		update review set status = $2, officer_id = $3, assigned_by = $4, assigned_at = $5
		 where application_id = $1 and status in ($6, $2)`, id, Assigned, officer, manager, now, Open)
	return changed("assigning", id, tag.RowsAffected(), err)
}

func updateVerified(ctx context.Context, tx database.Tx, id, officer uuid.UUID, passed bool, now time.Time) error {
	tag, err := tx.Exec(ctx, `
		update review set status = $2, verified_by = $3, passed = $4, verified_at = $5
		 where application_id = $1 and officer_id = $3 and status in ($6, $2)`, id, Verified, officer, passed, now, Assigned)
	return changed("verifying", id, tag.RowsAffected(), err)
}

func updateDecided(
	ctx context.Context, tx database.Tx, id uuid.UUID, status Status, manager uuid.UUID, reason Reason, note string,
	now time.Time,
) error {
	tag, err := tx.Exec(ctx, `
		update review set status = $2, decided_by = $3, reason = $4, note = $5, decided_at = $6
		 where application_id = $1 and status = $7 and verified_by <> $3`,
		id, status, manager, reason, note, now, Verified)
	return changed("deciding", id, tag.RowsAffected(), err)
}

// updateUnverified takes a verified review back to its officer, without the
// findings, and tells whether there was one.
func updateUnverified(ctx context.Context, tx database.Tx, id uuid.UUID) (bool, error) {
	tag, err := tx.Exec(ctx, `
		update review set status = $2, verified_by = null, passed = false, verified_at = null
		 where application_id = $1 and status = $3`, id, Assigned, Verified)
	if err != nil {
		return false, fmt.Errorf("reopening review %s: %w", id, err)
	}
	if tag.RowsAffected() == 0 {
		return false, nil
	}
	_, err = tx.Exec(ctx, `delete from review_check where application_id = $1`, id)
	if err != nil {
		return false, fmt.Errorf("dropping findings on %s: %w", id, err)
	}
	return true, nil
}

// putCheck stores a finding with its sealed notes in place of an earlier one.
func putCheck(ctx context.Context, tx database.Tx, id uuid.UUID, c Check, notes string) error {
	result := "FAIL"
	if c.Passed {
		result = "PASS"
	}
	_, err := tx.Exec(ctx, `
		insert into review_check (application_id, name, result, notes) values ($1, $2, $3, $4)
		on conflict (application_id, name) do update set result = excluded.result, notes = excluded.notes`,
		id, c.Name, result, notes)
	if err != nil {
		return fmt.Errorf("storing check %s of %s: %w", c.Name, id, err)
	}
	return nil
}

// putEvidence notes a document. One that was deleted stays so, whatever comes later.
func putEvidence(ctx context.Context, tx database.Tx, application uuid.UUID, e Evidence, deleted bool) error {
	_, err := tx.Exec(ctx, `
		insert into evidence (document_id, application_id, kind, content_type, sha256, size, uploaded_at, deleted)
		values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (document_id) do update set deleted = evidence.deleted or excluded.deleted`,
		e.DocumentID, application, e.Kind, e.ContentType, e.SHA256, e.Size, e.UploadedAt, deleted)
	if err != nil {
		return fmt.Errorf("noting document %s: %w", e.DocumentID, err)
	}
	return nil
}

// evidenceMax bounds the documents of one review that are shown.
const evidenceMax = 200

func listEvidence(ctx context.Context, tx database.Tx, id uuid.UUID) ([]Evidence, error) {
	rows, err := tx.Query(ctx, `
		select document_id, kind, content_type, sha256, size, uploaded_at
		  from evidence where application_id = $1 and not deleted order by uploaded_at, document_id limit $2`,
		id, evidenceMax)
	if err != nil {
		return nil, fmt.Errorf("listing evidence of %s: %w", id, err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Evidence])
	if err != nil {
		return nil, fmt.Errorf("listing evidence of %s: %w", id, err)
	}
	return list, nil
}

// readDetails fills in evidence and findings of a page of reviews, and returns
// what their notes are opened with.
func readDetails(ctx context.Context, tx database.Tx, reviews []Review) (sealedTexts, error) {
	texts := sealedTexts{keys: map[uuid.UUID]string{}, notes: map[noteOf]string{}}
	for i := range reviews { // a page: two short queries each
		r := &reviews[i]
		var err error
		if r.Evidence, err = listEvidence(ctx, tx, r.ApplicationID); err != nil {
			return sealedTexts{}, err
		}
		if r.Checks, err = listChecks(ctx, tx, r.ApplicationID, texts.notes); err != nil {
			return sealedTexts{}, err
		}
		if len(r.Checks) == 0 || texts.keys[r.CustomerID] != "" {
			continue
		}
		if texts.keys[r.CustomerID], err = readKey(ctx, tx, r.CustomerID); err != nil {
			return sealedTexts{}, err
		}
	}
	return texts, nil
}

// listChecks reads the findings of a review, and its sealed notes into notes.
func listChecks(ctx context.Context, tx database.Tx, id uuid.UUID, notes map[noteOf]string) ([]Check, error) {
	rows, err := tx.Query(ctx, `
		select name, result = 'PASS', notes from review_check where application_id = $1 order by name`, id)
	if err != nil {
		return nil, fmt.Errorf("listing checks of %s: %w", id, err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Check, error) {
		var check Check
		var text string
		err := row.Scan(&check.Name, &check.Passed, &text)
		notes[noteOf{id, check.Name}] = text
		return check, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing checks of %s: %w", id, err)
	}
	return list, nil
}

// readKey returns a customer's wrapped key, "" if there is none.
func readKey(ctx context.Context, tx database.Tx, customer uuid.UUID) (string, error) {
	var wrapped string
	err := tx.QueryRow(ctx, `select wrapped from subject_key where customer_id = $1`, customer).Scan(&wrapped)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading key of %s: %w", customer, err)
	}
	return wrapped, nil
}

// insertKey stores a new key and tells whether there was none before.
func insertKey(ctx context.Context, tx database.Tx, customer uuid.UUID, wrapped string) (bool, error) {
	tag, err := tx.Exec(ctx, `
		insert into subject_key (customer_id, wrapped) values ($1, $2)
		on conflict (customer_id) do nothing`, customer, wrapped)
	if err != nil {
		return false, fmt.Errorf("inserting key of %s: %w", customer, err)
	}
	return tag.RowsAffected() == 1, nil
}
