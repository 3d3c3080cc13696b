package ledgerdb

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

// Bounds of what one transaction seals.
const (
	SealBatchesMax = 500
	// sealEntriesMax bounds the entries of the batches, unless the first has more.
	sealEntriesMax = 20_000
)

// ChainHead is the end of the chain: it stands for every entry sealed so far.
// Whoever keeps it elsewhere can prove later that nothing before it changed.
type ChainHead struct {
	// Seq is the number of sealed batches.
	Seq  int64
	Hash []byte
}

// sealedBatch is a batch as the chain covers it.
type sealedBatch struct {
	ID         uuid.UUID
	RecordedAt time.Time
	Entries    int64
	Hash       []byte
	Seq        int64
	ChainHash  []byte
	// KnownThrough is the latest instant of recording in the chain up to here.
	KnownThrough time.Time
	// Late says that an earlier place had reached this batch's instant already.
	Late bool
	// Totals are the sums of the batch as stored; only verifying reads them.
	Totals []byte
	// records is the hash over what was done beside the journal and is sealed at
	// this place.
	records []byte
}

// link is the hash of the chain at this batch, given the one before.
func (b sealedBatch) link(prev []byte) []byte {
	h := sha256.New()
	part := func(field []byte) { // a hash.Hash never fails
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(field))))
		h.Write(field)
	}
	part(prev)
	part(binary.BigEndian.AppendUint64(nil, uint64(b.Seq)))
	part(b.ID[:])
	part(binary.BigEndian.AppendUint64(nil, uint64(b.RecordedAt.UnixMicro())))
	part(binary.BigEndian.AppendUint64(nil, uint64(b.Entries)))
	part(b.Hash)
	part(b.records)
	return h.Sum(nil)
}

// Head returns the end of the chain; of an empty chain it is the zero Seq and
// no hash.
func Head(ctx context.Context, tx database.Tx) (ChainHead, error) {
	head, _, err := chainEnd(ctx, tx)
	return head, err
}

// chainEnd returns the head and the latest instant of recording up to it.
func chainEnd(ctx context.Context, tx database.Tx) (ChainHead, time.Time, error) {
	var head ChainHead
	var through time.Time
	err := tx.QueryRow(ctx, `
		select seq, chain_hash, known_through from ledger_seal order by seq desc limit 1`).
		Scan(&head.Seq, &head.Hash, &through)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return ChainHead{}, time.Time{}, fmt.Errorf("reading the head of the chain: %w", err)
	}
	return head, through.UTC(), nil
}

// Seal appends committed batches to the chain, SealBatchesMax at most, and
// returns how many it took and the new head. It takes batches from a queue, so
// that one whose transaction commits late is sealed later, not passed over. Of
// two that seal at once the second waits, and starts again.
//
// What else was done to the books (record) is sealed with the first batch of the
// step, and waits while there is none.
//
// The same step brings the blocks up to date, of which balances and reports are
// summed.
func Seal(ctx context.Context, tx database.Tx) (int, ChainHead, error) {
	return seal(ctx, tx, blockShape)
}

func seal(ctx context.Context, tx database.Tx, blocks shape) (int, ChainHead, error) {
	_, err := tx.Exec(ctx, `select id from ledger_sealer where id = 1 for update`)
	if err != nil {
		return 0, ChainHead{}, fmt.Errorf("waiting to seal: %w", err)
	}
	head, through, err := chainEnd(ctx, tx)
	if err != nil {
		return 0, ChainHead{}, err
	}
	batches, rest, err := batchesToSeal(ctx, tx)
	if err != nil {
		return 0, ChainHead{}, err
	}
	if len(batches) == 0 {
		return 0, head, nil
	}
	if batches[0].records, err = takeRecords(ctx, tx, head.Seq+1); err != nil {
		return 0, ChainHead{}, err
	}
	for i := range batches {
		head, through = batches[i].seal(head, through)
	}
	if err := insertSeals(ctx, tx, batches); err != nil {
		return 0, ChainHead{}, err
	}
	bound := through
	if !rest.IsZero() && !rest.After(through) {
		bound = rest.Add(-time.Microsecond)
	}
	return len(batches), head, blocks.roll(ctx, tx, batches, bound)
}

// batchesToSeal returns the batches of one step and the instant of the first
// that is left, zero when none is.
func batchesToSeal(ctx context.Context, tx database.Tx) ([]sealedBatch, time.Time, error) {
	rows, err := tx.Query(ctx, `
		select b.id, b.recorded_at, b.entries, b.hash
		  from ledger_unsealed u join ledger_batch b on b.id = u.batch_id
		 order by u.recorded_at, u.batch_id limit $1`, SealBatchesMax+1)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading batches to seal: %w", err)
	}
	batches, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (sealedBatch, error) {
		var b sealedBatch
		return b, row.Scan(&b.ID, &b.RecordedAt, &b.Entries, &b.Hash)
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading batches to seal: %w", err)
	}
	var entries int64
	for i, b := range batches {
		entries += b.Entries
		if i == SealBatchesMax || (i > 0 && entries > sealEntriesMax) {
			return batches[:i], b.RecordedAt, nil
		}
	}
	return batches, time.Time{}, nil
}

// seal gives b the place after head and returns the new head.
func (b *sealedBatch) seal(head ChainHead, through time.Time) (ChainHead, time.Time) {
	b.Seq = head.Seq + 1
	b.ChainHash = b.link(head.Hash)
	b.Late, b.KnownThrough = !b.RecordedAt.After(through), through
	if !b.Late {
		b.KnownThrough = b.RecordedAt.UTC()
	}
	return ChainHead{Seq: b.Seq, Hash: b.ChainHash}, b.KnownThrough
}

// insertSeals moves the batches from the queue to the chain.
func insertSeals(ctx context.Context, tx database.Tx, batches []sealedBatch) error {
	ids, seqs, hashes := make([]uuid.UUID, len(batches)), make([]int64, len(batches)), make([][]byte, len(batches))
	recorded, through := make([]time.Time, len(batches)), make([]time.Time, len(batches))
	late := make([]bool, len(batches))
	for i, b := range batches {
		ids[i], seqs[i], hashes[i] = b.ID, b.Seq, b.ChainHash
		recorded[i], through[i], late[i] = b.RecordedAt, b.KnownThrough, b.Late
	}
	tag, err := tx.Exec(ctx, `
		delete from ledger_unsealed
		 where (recorded_at, batch_id) in
		       (select u.recorded_at, u.batch_id from unnest($1::timestamptz[], $2::uuid[]) as u (recorded_at, batch_id))`,
		recorded, ids)
	if err != nil {
		return fmt.Errorf("taking batches to seal: %w", err)
	}
	if tag.RowsAffected() != int64(len(batches)) {
		return fmt.Errorf("sealing batches: %d of %d were there", tag.RowsAffected(), len(batches))
	}
	_, err = tx.Exec(ctx, `
		insert into ledger_seal (seq, batch_id, recorded_at, chain_hash, known_through, late)
		select u.seq, u.batch_id, u.recorded_at, u.chain_hash, u.known_through, u.late
		  from unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $4::bytea[], $5::timestamptz[], $6::boolean[])
		       as u (seq, batch_id, recorded_at, chain_hash, known_through, late)`,
		seqs, ids, recorded, hashes, through, late)
	if err != nil {
		return fmt.Errorf("sealing batches: %w", err)
	}
	return nil
}

// SealAll seals until nothing is left, each step in its own transaction, and
// returns the head.
func SealAll(ctx context.Context, db *database.DB) (ChainHead, error) {
	for {
		var taken int
		var head ChainHead
		err := database.InTx(ctx, db, func(tx database.Tx) error {
			var err error
			taken, head, err = Seal(ctx, tx)
			return err
		})
		if err != nil || taken == 0 {
			return head, err
		}
	}
}
