package closeofday

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
)

// insertTieOut keeps a tie-out; the first of a day stays.
func insertTieOut(ctx context.Context, tx database.Tx, t *TieOut) error {
	text, err := json.Marshal(report{t.Components, t.Differences})
	if err != nil {
		return fmt.Errorf("encoding the tie-out of %s: %w", t.Day, err)
	}
	_, err = tx.Exec(ctx, `
		insert into tie_out (book_id, day, report, agrees, made_at, signed_by, signed_at, comment)
		values ($1, $2, $3, $4, $5, '', null, '')
		on conflict (book_id, day) do nothing`, t.BookID, t.Day, string(text), t.Agrees, t.MadeAt)
	if err != nil {
		return fmt.Errorf("recording the tie-out of %s: %w", t.Day, err)
	}
	return nil
}

// signTieOut stores the signature; ErrSigned if somebody was faster.
func signTieOut(ctx context.Context, tx database.Tx, t *TieOut) error {
	tag, err := tx.Exec(ctx, `
		update tie_out set signed_by = $3, signed_at = $4, comment = $5
		 where book_id = $1 and day = $2 and signed_at is null`, t.BookID, t.Day, t.SignedBy, t.SignedAt, t.Comment)
	if err != nil {
		return fmt.Errorf("signing the tie-out of %s: %w", t.Day, err)
	}
	if tag.RowsAffected() != 1 {
		return ErrSigned
	}
	return nil
}

func findTieOut(ctx context.Context, tx database.Tx, book uuid.UUID, day civil.Date) (TieOut, error) {
	t := TieOut{BookID: book}
	var text string
	var wanted *civil.Date
	if !day.IsZero() {
		wanted = &day
	}
	err := tx.QueryRow(ctx, `
		select day, report, agrees, made_at, signed_by, signed_at, comment from tie_out
		 where book_id = $1 and ($2::date is null or day = $2)
		 order by day desc limit 1`, book, wanted).
		Scan(&t.Day, &text, &t.Agrees, &t.MadeAt, &t.SignedBy, &t.SignedAt, &t.Comment)
	if errors.Is(err, database.ErrNoRows) {
		return TieOut{}, ErrNoTieOut
	}
	if err != nil {
		return TieOut{}, fmt.Errorf("reading a tie-out: %w", err)
	}
	var r report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return TieOut{}, fmt.Errorf("reading the tie-out of %s: %w", t.Day, err)
	}
	t.Components, t.Differences, t.MadeAt = r.Components, r.Differences, t.MadeAt.UTC()
	return t, nil
}
