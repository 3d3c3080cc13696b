package ledgerdb

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

// verifyRows bounds the rows of one page.
const verifyRows = 500

// rowPage verifies the rows after an id and returns the last one.
type rowPage func(ctx context.Context, tx database.Tx, after uuid.UUID) (last uuid.UUID, more bool, err error)

// eachPage calls page with the id after which to go on until it is told that
// nothing is left.
func eachPage(read reader, page rowPage) error {
	for after, more := uuid.Nil, true; more; {
		err := read(func(ctx context.Context, tx database.Tx) error {
			var err error
			after, more, err = page(ctx, tx, after)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// verifyRejections holds the kept answers against the hashes of their rows.
func verifyRejections(ctx context.Context, tx database.Tx, after uuid.UUID) (uuid.UUID, bool, error) {
	rows, err := tx.Query(ctx, `
		select entry_id, key, hash, code, line, field, detail, recorded_at, row_hash
		  from ledger_rejection where entry_id > $1 order by entry_id limit $2`, after, verifyRows)
	if err != nil {
		return after, false, fmt.Errorf("reading rejections to verify: %w", err)
	}
	var r rejectionRow
	var stored []byte
	count := 0
	targets := []any{&r.ID, &r.Key, &r.Hash, &r.Code, &r.Line, &r.Field, &r.Detail, &r.RecordedAt, &stored}
	_, err = pgx.ForEachRow(rows, targets, func() error {
		count++
		if r.ID != ledger.EntryID(r.Key) || !bytes.Equal(r.rowHash(), stored) {
			return &Tampered{Entry: r.ID, What: "its rejection is not as it was answered"}
		}
		return nil
	})
	return r.ID, count == verifyRows, err
}

// verifyHeadings holds the general ledger accounts against the hashes of their
// rows and against their records. They are few.
func verifyHeadings(ctx context.Context, tx database.Tx) error {
	sealed, err := headingRecords(ctx, tx)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, `select code, name, type, normal_side, created_at, row_hash from ledger_gl order by code`)
	if err != nil {
		return fmt.Errorf("reading general ledger accounts to verify: %w", err)
	}
	var gl ledger.GLAccount
	var created time.Time
	var stored []byte
	targets := []any{&gl.Code, &gl.Name, &gl.Type, &gl.NormalSide, &created, &stored}
	_, err = pgx.ForEachRow(rows, targets, func() error {
		subject := headingSubject(gl.Code)
		if !bytes.Equal(headingHash(gl, created), stored) || !bytes.Equal(stored, sealed[subject]) {
			return &Tampered{Entry: subject, What: "is the heading " + gl.Code + ", which is not as it was opened"}
		}
		delete(sealed, subject)
		return nil
	})
	if err != nil {
		return err
	}
	for subject := range sealed {
		return &Tampered{Entry: subject, What: "is a heading that was opened and is gone"}
	}
	return nil
}

// headingRecords returns the hashes of the headings that were opened.
func headingRecords(ctx context.Context, tx database.Tx) (map[uuid.UUID][]byte, error) {
	rows, err := tx.Query(ctx, everyRecord(`
		select e.subject, e.hash from ledger_record e where e.kind = $1 order by e.subject`), headingRecord)
	if err != nil {
		return nil, fmt.Errorf("reading records of headings: %w", err)
	}
	sealed := map[uuid.UUID][]byte{}
	var subject uuid.UUID
	var hash []byte
	_, err = pgx.ForEachRow(rows, []any{&subject, &hash}, func() error {
		sealed[subject] = bytes.Clone(hash)
		return nil
	})
	return sealed, err
}

// verifyOpened holds accounts against the hashes of their rows.
func verifyOpened(ctx context.Context, tx database.Tx, after uuid.UUID) (uuid.UUID, bool, error) {
	rows, err := tx.Query(ctx, `
		select `+accountColumns+`, created_at, row_hash from ledger_account where id > $1 order by id limit $2`,
		after, verifyRows)
	if err != nil {
		return after, false, fmt.Errorf("reading accounts to verify: %w", err)
	}
	defer rows.Close()
	count := 0
	for rows.Next() {
		count++
		var a ledger.Account
		var currency string
		var created time.Time
		var stored []byte
		err := rows.Scan(&after, &a.Code, &a.Name, &a.GLCode, &a.Type, &a.NormalSide, &currency, &a.Limit, &a.Closed,
			&a.Metadata, &created, &stored)
		if err != nil {
			return after, false, fmt.Errorf("reading accounts to verify: %w", err)
		}
		metadata, err := encodeMetadata(a.Metadata)
		if err != nil {
			return after, false, err
		}
		fault := &Tampered{Entry: after, What: "is an account that is not as it was opened"}
		if a.Currency, err = ledger.ParseCurrency(currency); err != nil {
			return after, false, fault
		}
		if a.ID() != after || !bytes.Equal(accountHash(a, metadata, created), stored) {
			return after, false, fault
		}
	}
	if err := rows.Err(); err != nil {
		return after, false, fmt.Errorf("reading accounts to verify: %w", err)
	}
	return after, count == verifyRows, nil
}

// verifyPending holds announced entries against their own hashes, lines and
// expiry included, and against how they ended.
func verifyPending(ctx context.Context, tx database.Tx, after uuid.UUID) (uuid.UUID, bool, error) {
	rows, err := tx.Query(ctx, `
		select id, hash, row_hash, end_hash from ledger_pending where id > $1 order by id limit $2`, after, verifyRows)
	if err != nil {
		return after, false, fmt.Errorf("reading pending entries to verify: %w", err)
	}
	type stored struct {
		ID                 uuid.UUID
		Hash, RowHash, End []byte
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[stored])
	if err != nil {
		return after, false, fmt.Errorf("reading pending entries to verify: %w", err)
	}
	for _, s := range list {
		after = s.ID
		p, err := PendingByID(ctx, tx, s.ID)
		if err != nil {
			return after, false, err
		}
		if hash := p.Hash(); p.ID() != s.ID || !bytes.Equal(hash[:], s.Hash) ||
			!bytes.Equal(pendingHash(s.Hash, p.RecordedAt), s.RowHash) {
			return after, false, &Tampered{Entry: s.ID, What: "is a pending entry that is not as it was announced"}
		}
		ended := p.State != ledger.PendingOpen
		if (ended && !bytes.Equal(p.endHash(), s.End)) || (!ended && p.ResolvedBy != "") {
			return after, false, &Tampered{Entry: s.ID, What: "is a pending entry that did not end as it says"}
		}
	}
	return after, len(list) == verifyRows, nil
}
