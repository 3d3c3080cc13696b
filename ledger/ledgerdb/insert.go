package ledgerdb

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

// insert writes what check left open. Entries come first: an entry that another
// transaction posted in the meantime is not inserted twice but answered like
// any replay, and only the lines of those that are new follow.
func (b *batch) insert(ctx context.Context, tx database.Tx) error {
	var statements pgx.Batch
	open := b.open()
	if len(open) > 0 {
		batchID := b.id(open)
		fresh, err := b.insertEntries(ctx, tx, batchID, open)
		if err != nil {
			return err
		}
		if len(fresh) > 0 {
			if err := b.queueRest(&statements, batchID, fresh); err != nil {
				return err
			}
		}
	}
	if b.remember {
		b.queueRejections(&statements)
	}
	if statements.Len() > 0 {
		if err := tx.SendBatch(ctx, &statements).Close(); err != nil {
			return fmt.Errorf("inserting lines: %w", err)
		}
	}
	b.answerRepeats()
	return nil
}

// answerRepeats gives items that repeat a key of their group the answer of the
// first one.
func (b *batch) answerRepeats() {
	for _, it := range b.items {
		if it.first == nil || it.err != nil {
			continue
		}
		it.err, it.posted = it.first.err, it.first.posted
		it.posted.Replayed = true
	}
}

// id derives the batch's id from its entries: no two batches can share one,
// since an entry is in one batch only.
func (b *batch) id(items []*item) uuid.UUID {
	h := sha256.New()
	for _, it := range items {
		h.Write(it.id[:]) // a hash.Hash never fails
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, h.Sum(nil))
}

// entryColumns are the rows to insert, as arrays.
type entryColumns struct {
	ids                                                 []uuid.UUID
	reverses                                            []*uuid.UUID
	keys, kinds, references, descriptions, by, metadata []string
	hashes                                              [][]byte
	effective, booking                                  []civil.Date
	positions                                           []int64
}

// orNull makes no id null.
func orNull(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

func columnsOf(items []*item) (entryColumns, error) {
	var c entryColumns
	for i, it := range items {
		it.pos = int64(i)
		e := it.entry
		metadata, err := encodeMetadata(e.Metadata)
		if err != nil {
			return entryColumns{}, err
		}
		c.ids = append(c.ids, it.id)
		c.keys = append(c.keys, e.Key)
		c.hashes = append(c.hashes, it.hash[:])
		c.kinds = append(c.kinds, e.Kind)
		c.effective = append(c.effective, e.EffectiveDate)
		c.booking = append(c.booking, e.BookingDate)
		c.references = append(c.references, e.Reference)
		c.descriptions = append(c.descriptions, e.Description)
		c.by = append(c.by, e.PostedBy)
		c.metadata = append(c.metadata, metadata)
		c.reverses = append(c.reverses, orNull(e.Reverses))
		c.positions = append(c.positions, it.pos)
	}
	return c, nil
}

// errTorn means that an entry turned out to be refused after others of its
// group had been inserted: the transaction must be run again, carefully.
var errTorn = errors.New("an entry was posted differently at the same time")

func (b *batch) torn(conflicting map[uuid.UUID]*item) bool {
	return slices.ContainsFunc(b.groups, func(group []*item) bool {
		return len(group) > 1 && slices.ContainsFunc(group, func(it *item) bool {
			return conflicting[it.id] == it && it.err != nil
		})
	})
}

// insertEntries returns the items that are new. They nearly always are.
func (b *batch) insertEntries(ctx context.Context, tx database.Tx, batchID uuid.UUID, items []*item) ([]*item, error) {
	c, err := columnsOf(items)
	if err != nil {
		return nil, err
	}
	tag, err := tx.Exec(ctx, `
		insert into ledger_entry
		       (id, key, hash, kind, effective_date, booking_date, recorded_at, reference, description, posted_by,
		        metadata, reverses, batch_id, batch_pos)
		select u.id, u.key, u.hash, u.kind, u.effective_date, u.booking_date, $12, u.reference, u.description,
		       u.posted_by, u.metadata::jsonb, u.reverses, $13, u.pos
		  from unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[], $5::date[], $6::date[], $7::text[], $8::text[],
		              $9::text[], $10::text[], $11::uuid[], $14::bigint[])
		       as u (id, key, hash, kind, effective_date, booking_date, reference, description, posted_by, metadata,
		             reverses, pos)
		on conflict (id) do nothing`,
		c.ids, c.keys, c.hashes, c.kinds, c.effective, c.booking, c.references, c.descriptions, c.by, c.metadata,
		c.reverses, b.now, batchID, c.positions)
	if err != nil {
		return nil, fmt.Errorf("inserting entries: %w", err)
	}
	inserted := make(map[uuid.UUID]bool, len(items))
	switch tag.RowsAffected() {
	case int64(len(items)):
		for _, id := range c.ids {
			inserted[id] = true
		}
	case 0: // the batch may have been posted before as it is, under the same id
	default:
		if inserted, err = entriesOf(ctx, tx, batchID); err != nil {
			return nil, err
		}
	}
	return b.splitFresh(ctx, tx, items, inserted)
}

// entriesOf returns the entries of a batch.
func entriesOf(ctx context.Context, tx database.Tx, batchID uuid.UUID) (map[uuid.UUID]bool, error) {
	rows, err := tx.Query(ctx, `select id from ledger_entry where batch_id = $1`, batchID)
	if err != nil {
		return nil, fmt.Errorf("looking for the entries that are new: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("looking for the entries that are new: %w", err)
	}
	return setOf(ids), nil
}

// splitFresh returns the items that were inserted and answers the others from
// what is stored.
func (b *batch) splitFresh(
	ctx context.Context, tx database.Tx, items []*item, inserted map[uuid.UUID]bool,
) ([]*item, error) {
	var fresh []*item
	var others []uuid.UUID
	byID := map[uuid.UUID]*item{}
	for _, it := range items {
		if inserted[it.id] {
			it.posted.ID, it.posted.RecordedAt = it.id, b.now
			fresh = append(fresh, it)
			continue
		}
		byID[it.id] = it
		others = append(others, it.id)
	}
	err := b.matchStored(ctx, tx, others, byID)
	if err != nil {
		return nil, err
	}
	for _, it := range byID {
		if !it.done {
			return nil, fmt.Errorf("posting entry %q: it neither was inserted nor is there", it.entry.Key)
		}
	}
	if b.torn(byID) {
		return nil, errTorn
	}
	return fresh, nil
}

// queueRest adds lines, totals, reversals and the batch, for one round trip.
func (b *batch) queueRest(statements *pgx.Batch, batchID uuid.UUID, fresh []*item) error {
	totals, err := encodeTotals(b.totals(fresh))
	if err != nil {
		return err
	}
	queueLines(statements, batchID, b.now, fresh)
	b.queueLimits(statements)
	queueReversals(statements, fresh)
	hash := batchHash(batchID, b.now, fresh)
	statements.Queue(`
		insert into ledger_batch (id, recorded_at, entries, hash, totals) values ($1, $2, $3, $4, $5::jsonb)`,
		batchID, b.now, int64(len(fresh)), hash[:], totals)
	statements.Queue(`insert into ledger_unsealed (recorded_at, batch_id) values ($1, $2)`, b.now, batchID)
	return nil
}

// queueRejections keeps the answers that depended on the books.
func (b *batch) queueRejections(statements *pgx.Batch) {
	var ids []uuid.UUID
	var keys, codes, fields, details []string
	var hashes, rowHashes [][]byte
	var lines []int64
	for _, it := range b.items {
		rejection, ok := ledger.AsRejection(it.err)
		if !ok || it.old || it.first != nil || rejection.Permanent() {
			continue
		}
		row := rejectionRow{
			ID: it.id, Key: it.entry.Key, Hash: it.hash[:], Code: string(rejection.Code), Line: int64(rejection.Line),
			Field: rejection.Field, Detail: rejection.Detail, RecordedAt: b.now,
		}
		ids, keys, hashes = append(ids, row.ID), append(keys, row.Key), append(hashes, row.Hash)
		codes, lines = append(codes, row.Code), append(lines, row.Line)
		fields, details = append(fields, row.Field), append(details, row.Detail)
		rowHashes = append(rowHashes, row.rowHash())
	}
	if len(ids) == 0 {
		return
	}
	statements.Queue(`
		with kept as (
			insert into ledger_rejection (entry_id, key, hash, code, line, field, detail, recorded_at, row_hash)
			select u.entry_id, u.key, u.hash, u.code, u.line, u.field, u.detail, $8, u.row_hash
			  from unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[], $5::bigint[], $6::text[], $7::text[],
			              $9::bytea[])
			       as u (entry_id, key, hash, code, line, field, detail, row_hash)
			on conflict (entry_id) do nothing
			returning entry_id, row_hash)
		insert into ledger_unsealed_record (kind, subject, number, hash)
		select $10, k.entry_id, 0, k.row_hash from kept k`,
		ids, keys, hashes, codes, lines, fields, details, b.now, rowHashes, rejectionRecord)
}

func queueLines(statements *pgx.Batch, batchID uuid.UUID, now time.Time, items []*item) {
	count := 0
	for _, it := range items {
		count += len(it.entry.Lines)
	}
	accounts, effective := make([]uuid.UUID, 0, count), make([]civil.Date, 0, count)
	places, numbers := make([]int64, 0, count), make([]int64, 0, count)
	debits, credits := make([]int64, 0, count), make([]int64, 0, count)
	for _, it := range items {
		for i, line := range it.entry.Lines {
			debit, credit := sidesOf(line)
			accounts, effective = append(accounts, line.AccountID), append(effective, it.entry.EffectiveDate)
			places, numbers = append(places, it.pos), append(numbers, int64(i))
			debits, credits = append(debits, debit), append(credits, credit)
		}
	}
	statements.Queue(`
		insert into ledger_line (batch_id, batch_pos, line_no, account_id, effective_date, recorded_at, debit, credit)
		select $7, u.batch_pos, u.line_no, u.account_id, u.effective_date, $8, u.debit, u.credit
		  from unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::date[], $5::bigint[], $6::bigint[])
		       as u (batch_pos, line_no, account_id, effective_date, debit, credit)`,
		places, numbers, accounts, effective, debits, credits, batchID, now)
}

// sidesOf returns what a line debits and credits, in minor units; one is zero.
func sidesOf(line ledger.Line) (debit, credit int64) {
	if line.Side == ledger.Debit {
		return line.Amount.Minor(), 0
	}
	return 0, line.Amount.Minor()
}

// queueLimits adds what this batch posted to the totals that check has locked.
func (b *batch) queueLimits(statements *pgx.Batch) {
	var ids []uuid.UUID
	for id, t := range b.limits {
		if t.postedDebits > 0 || t.postedCredits > 0 {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return
	}
	slices.SortFunc(ids, compareIDs)
	debits, credits := make([]int64, len(ids)), make([]int64, len(ids))
	for i, id := range ids {
		debits[i], credits[i] = b.limits[id].postedDebits, b.limits[id].postedCredits
	}
	statements.Queue(`
		update ledger_limit
		   set debits = ledger_limit.debits + u.debits, credits = ledger_limit.credits + u.credits
		  from unnest($1::uuid[], $2::bigint[], $3::bigint[]) as u (id, debits, credits)
		 where ledger_limit.account_id = u.id`, ids, debits, credits)
}

func queueReversals(statements *pgx.Batch, items []*item) {
	var targets, by []uuid.UUID
	for _, it := range items {
		if it.entry.Reverses != uuid.Nil {
			targets, by = append(targets, it.entry.Reverses), append(by, it.id)
		}
	}
	if len(targets) == 0 {
		return
	}
	statements.Queue(`
		insert into ledger_reversal (reverses, entry_id)
		select u.reverses, u.entry_id from unnest($1::uuid[], $2::uuid[]) as u (reverses, entry_id)
		 order by u.reverses`, targets, by)
}

// batchHash covers the entries of a batch, each by its place and its own hash.
func batchHash(id uuid.UUID, recorded time.Time, items []*item) [sha256.Size]byte {
	const headSize, entrySize = 32, 56
	b := make([]byte, 0, headSize+entrySize*len(items))
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(recorded.UnixMicro()))
	b = binary.BigEndian.AppendUint64(b, uint64(len(items)))
	for _, it := range items {
		b = binary.BigEndian.AppendUint64(b, uint64(it.pos))
		b = append(b, it.id[:]...)
		b = append(b, it.hash[:]...)
	}
	return sha256.Sum256(b)
}
