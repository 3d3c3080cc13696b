package command

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

// ErrTampered means an audit chain does not verify.
var ErrTampered = errors.New("audit chain is broken")

// AuditRow is one entry of an aggregate's audit chain.
type AuditRow struct {
	Stream     uuid.UUID
	Seq        int64
	RecordedAt time.Time
	Actor      string
	Action     string
	Detail     string
	PrevHash   []byte
	Hash       []byte
}

// auditPageMax bounds one read of a chain during verification.
const auditPageMax = 500

// Audit appends a row to the audit chain of c.Subject in the caller's
// transaction, for state changes that do not go through Run: those caused by
// events.
func Audit(ctx context.Context, tx database.Tx, c Command, now time.Time) error {
	return appendAudit(ctx, tx, c, now)
}

func appendAudit(ctx context.Context, tx database.Tx, c Command, now time.Time) error {
	actor, err := json.Marshal(c.Actor)
	if err != nil {
		return fmt.Errorf("encoding actor: %w", err)
	}
	detail, err := json.Marshal(c.Detail)
	if err != nil {
		return fmt.Errorf("encoding audit detail of %s: %w", c.Name, err)
	}
	row := AuditRow{
		Stream: c.Subject, Seq: 1, RecordedAt: now.UTC().Truncate(time.Microsecond),
		Actor: string(actor), Action: c.Name, Detail: string(detail), PrevHash: []byte{},
	}
	var last int64
	err = tx.QueryRow(ctx, `
		select seq, hash from audit where stream = $1 order by seq desc limit 1`, c.Subject).Scan(&last, &row.PrevHash)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("reading audit chain %s: %w", c.Subject, err)
	}
	row.Seq = last + 1
	row.Hash = row.sum()
	_, err = tx.Exec(ctx, `
		insert into audit (stream, seq, recorded_at, actor, action, detail, prev_hash, hash)
		values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		row.Stream, row.Seq, row.RecordedAt, row.Actor, row.Action, row.Detail, row.PrevHash, row.Hash)
	if err != nil {
		return fmt.Errorf("appending to audit chain %s: %w", c.Subject, err)
	}
	return nil
}

// sum hashes every field with its length before it, so that no two different
// rows can have the same bytes.
func (row AuditRow) sum() []byte {
	h := sha256.New()
	writeField(h, row.PrevHash)
	writeField(h, row.Stream[:])
	writeField(h, binary.BigEndian.AppendUint64(nil, uint64(row.Seq)))
	writeField(h, binary.BigEndian.AppendUint64(nil, uint64(row.RecordedAt.UnixMicro())))
	writeField(h, []byte(row.Actor))
	writeField(h, []byte(row.Action))
	writeField(h, []byte(row.Detail))
	return h.Sum(nil)
}

func writeField(h hash.Hash, field []byte) {
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(field)))) // a hash.Hash never fails
	h.Write(field)
}

// VerifyAudit walks the audit chain of one aggregate and returns its length, or
// ErrTampered naming the first row that does not fit.
func VerifyAudit(ctx context.Context, tx database.Tx, stream uuid.UUID) (int64, error) {
	prev, last := []byte{}, int64(0)
	for {
		rows, err := tx.Query(ctx, `
			select stream, seq, recorded_at, actor, action, detail, prev_hash, hash
			  from audit where stream = $1 and seq > $2 order by seq limit $3`, stream, last, auditPageMax)
		if err != nil {
			return 0, fmt.Errorf("reading audit chain %s: %w", stream, err)
		}
		page, err := pgx.CollectRows(rows, pgx.RowToStructByPos[AuditRow])
		if err != nil {
			return 0, fmt.Errorf("reading audit chain %s: %w", stream, err)
		}
		for _, row := range page {
			if row.Seq != last+1 || string(row.PrevHash) != string(prev) || string(row.sum()) != string(row.Hash) {
				return last, fmt.Errorf("%w: stream %s, row %d", ErrTampered, stream, row.Seq)
			}
			prev, last = row.Hash, row.Seq
		}
		if len(page) < auditPageMax {
			return last, nil
		}
	}
}
