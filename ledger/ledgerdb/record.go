package ledgerdb

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

// SealRecordsMax bounds the records of one place in the chain. What is left
// waits for the next batch.
const SealRecordsMax = 5_000

// The kinds of records: what is done to the books beside posting. Whoever does
// it queues the record in the same statement.
const (
	headingRecord   = "HEADING"   // of a general ledger account, by the id that headingSubject gives
	accountRecord   = "ACCOUNT"   // of an account that is opened
	rejectionRecord = "REJECTION" // of an answer that is kept, by the entry
	pendingRecord   = "PENDING"   // of an entry that is announced
	endRecord       = "END"       // of the end of a pending entry
	periodRecord    = "PERIOD"    // of an event of the periods
	closedRecord    = "CLOSED"    // of an account that is closed; nothing is hashed
	reopenedRecord  = "REOPENED"  // of one that is opened again; nothing is hashed
)

// record is one of them as the chain covers it.
type record struct {
	Kind    string
	Subject uuid.UUID
	Number  int64
	Hash    []byte
}

// recordsHash covers the records of a place, in the order of their keys. No
// records have no hash.
func recordsHash(records []record) []byte {
	if len(records) == 0 {
		return nil
	}
	h := sha256.New()
	for _, r := range records {
		h.Write(rowHash(r.Kind, r.Subject.String(), strconv.FormatInt(r.Number, 10), string(r.Hash))) // it never fails
	}
	return h.Sum(nil)
}

// takeRecords moves waiting records to the place seq and returns the hash over
// them.
func takeRecords(ctx context.Context, tx database.Tx, seq int64) ([]byte, error) {
	rows, err := tx.Query(ctx, `
		select kind, subject, number, hash from ledger_unsealed_record order by kind, subject, number limit $1`,
		SealRecordsMax)
	if err != nil {
		return nil, fmt.Errorf("reading records to seal: %w", err)
	}
	records, err := pgx.CollectRows(rows, pgx.RowToStructByPos[record])
	if err != nil {
		return nil, fmt.Errorf("reading records to seal: %w", err)
	}
	if len(records) == 0 {
		return nil, nil
	}
	kinds, subjects := make([]string, len(records)), make([]uuid.UUID, len(records))
	numbers, hashes := make([]int64, len(records)), make([][]byte, len(records))
	for i, r := range records {
		kinds[i], subjects[i], numbers[i], hashes[i] = r.Kind, r.Subject, r.Number, r.Hash
	}
	tag, err := tx.Exec(ctx, `
		delete from ledger_unsealed_record
		 where (kind, subject, number) in
		       (select u.kind, u.subject, u.number
		          from unnest($1::text[], $2::uuid[], $3::bigint[]) as u (kind, subject, number))`, kinds, subjects, numbers)
	if err != nil {
		return nil, fmt.Errorf("taking records to seal: %w", err)
	}
	if tag.RowsAffected() != int64(len(records)) {
		return nil, fmt.Errorf("sealing records: %d of %d were there", tag.RowsAffected(), len(records))
	}
	_, err = tx.Exec(ctx, `
		insert into ledger_record (seq, kind, subject, number, hash)
		select $1, u.kind, u.subject, u.number, u.hash
		  from unnest($2::text[], $3::uuid[], $4::bigint[], $5::bytea[]) as u (kind, subject, number, hash)`,
		seq, kinds, subjects, numbers, hashes)
	if err != nil {
		return nil, fmt.Errorf("sealing records: %w", err)
	}
	return recordsHash(records), nil
}

// pendingHash covers when a pending entry was announced, and by its own hash
// what was.
func pendingHash(hash []byte, recorded time.Time) []byte {
	return rowHash("ledger_pending", string(hash), instantField(recorded))
}

// endHash covers how a pending entry ended.
func (p PendingEntry) endHash() []byte {
	return rowHash("ledger_pending end", p.ID().String(), string(p.State), instantField(p.ResolvedAt), p.ResolvedBy,
		p.EntryID.String())
}

// hash covers an event of the periods, given its totals as JSON.
func (e PeriodEvent) hash(totals []byte) ([]byte, error) {
	canonical, err := canonicalJSON(totals)
	if err != nil {
		return nil, fmt.Errorf("hashing the totals of a closing: %w", err)
	}
	return rowHash("ledger_period_event", e.ID.String(), string(e.Action), e.Through.String(), instantField(e.RecordedAt),
		e.By, e.Reason, string(canonical)), nil
}

// canonicalJSON gives what databases may write in several ways one form.
func canonicalJSON(data []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}
