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

// Audit appends a row for each command to the audit chain of its Subject in the
// caller's transaction, for state changes that do not go through Run: those
// caused by events.
func Audit(ctx context.Context, tx database.Tx, c Command, now time.Time) error {
	return appendAudit(ctx, tx, now, c)
}

// AuditAll is Audit for several commands.
func AuditAll(ctx context.Context, tx database.Tx, now time.Time, commands ...Command) error {
	return appendAudit(ctx, tx, now, commands...)
}

// auditColumns are rows to insert, as arrays.
type auditColumns struct {
	streams                  []uuid.UUID
	seqs                     []int64
	actors, actions, details []string
	prevHashes, hashes       [][]byte
}

func (a *auditColumns) add(row *AuditRow) {
	a.streams, a.seqs = append(a.streams, row.Stream), append(a.seqs, row.Seq)
	a.actors, a.actions = append(a.actors, row.Actor), append(a.actions, row.Action)
	a.details = append(a.details, row.Detail)
	a.prevHashes, a.hashes = append(a.prevHashes, row.PrevHash), append(a.hashes, row.Hash)
}

func appendAudit(ctx context.Context, tx database.Tx, now time.Time, commands ...Command) error {
	if len(commands) == 0 {
		return nil
	}
	now = now.UTC().Truncate(time.Microsecond)
	heads, err := auditHeads(ctx, tx, commands)
	if err != nil {
		return err
	}
	var columns auditColumns
	for i := range commands {
		c := &commands[i]
		actor, err := json.Marshal(c.Actor)
		if err != nil {
			return fmt.Errorf("encoding actor: %w", err)
		}
		detail, err := json.Marshal(c.Detail)
		if err != nil {
			return fmt.Errorf("encoding audit detail of %s: %w", c.Name, err)
		}
		head, known := heads[c.Subject]
		if !known {
			head.Hash = []byte{}
		}
		row := AuditRow{
			Stream: c.Subject, Seq: head.Seq + 1, RecordedAt: now, Actor: string(actor), Action: c.Name,
			Detail: string(detail), PrevHash: head.Hash,
		}
		row.Hash = row.sum()
		heads[c.Subject] = auditHead{Stream: c.Subject, Seq: row.Seq, Hash: row.Hash}
		columns.add(&row)
	}
	tx.Later(database.Write{
		What: "appending to audit chains", Rows: database.AnyRows, SQL: `
		insert into audit (stream, seq, recorded_at, actor, action, detail, prev_hash, hash)
		select u.stream, u.seq, $8, u.actor, u.action, u.detail, u.prev_hash, u.hash
		  from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bytea[], $7::bytea[])
		       as u (stream, seq, actor, action, detail, prev_hash, hash)`,
		Args: []any{
			columns.streams, columns.seqs, columns.actors, columns.actions, columns.details, columns.prevHashes,
			columns.hashes, now,
		},
	})
	return nil
}

// auditHead is the last row of a chain.
type auditHead struct {
	Stream uuid.UUID
	Seq    int64
	Hash   []byte
}

// auditHeads returns the ends of the chains of the commands, of those that have
// a row.
func auditHeads(ctx context.Context, tx database.Tx, commands []Command) (map[uuid.UUID]auditHead, error) {
	heads := make(map[uuid.UUID]auditHead, len(commands))
	seen := make(map[uuid.UUID]bool, len(commands))
	var streams []uuid.UUID
	for i := range commands {
		if subject := commands[i].Subject; !seen[subject] {
			seen[subject] = true
			streams = append(streams, subject)
		}
	}
	rows, err := tx.Query(ctx, `
		select u.stream, a.seq, a.hash
		  from unnest($1::uuid[]) as u (stream)
		  join lateral (select seq, hash from audit where stream = u.stream order by seq desc limit 1) as a on true`,
		streams)
	if err != nil {
		return nil, fmt.Errorf("reading audit chains: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[auditHead])
	if err != nil {
		return nil, fmt.Errorf("reading audit chains: %w", err)
	}
	for _, head := range list {
		heads[head.Stream] = head
	}
	return heads, nil
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
