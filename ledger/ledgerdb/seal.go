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

// SealBatchesMax bounds the batches that one transaction seals.
const SealBatchesMax = 500

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
	return h.Sum(nil)
}

// Head returns the end of the chain; of an empty chain it is the zero Seq and
// no hash.
func Head(ctx context.Context, tx database.Tx) (ChainHead, error) {
	var head ChainHead
	err := tx.QueryRow(ctx, `
		select seq, chain_hash from ledger_batch where seq is not null order by seq desc limit 1`).
		Scan(&head.Seq, &head.Hash)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return ChainHead{}, fmt.Errorf("reading the head of the chain: %w", err)
	}
	return head, nil
}

// Seal appends committed batches to the chain, SealBatchesMax at most, and
// returns how many it took and the new head. It takes batches by their state,
// so that one whose transaction commits late is sealed later, not passed over.
// Of two that seal at once one does it again.
func Seal(ctx context.Context, tx database.Tx) (int, ChainHead, error) {
	head, err := Head(ctx, tx)
	if err != nil {
		return 0, ChainHead{}, err
	}
	rows, err := tx.Query(ctx, `
		select id, recorded_at, entries, hash
		  from ledger_batch where seq is null order by recorded_at, id limit $1`, SealBatchesMax)
	if err != nil {
		return 0, ChainHead{}, fmt.Errorf("reading batches to seal: %w", err)
	}
	batches, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (sealedBatch, error) {
		var b sealedBatch
		return b, row.Scan(&b.ID, &b.RecordedAt, &b.Entries, &b.Hash)
	})
	if err != nil {
		return 0, ChainHead{}, fmt.Errorf("reading batches to seal: %w", err)
	}
	if len(batches) == 0 {
		return 0, head, nil
	}
	ids, seqs, hashes := make([]uuid.UUID, len(batches)), make([]int64, len(batches)), make([][]byte, len(batches))
	for i, b := range batches {
		b.Seq = head.Seq + 1
		head = ChainHead{Seq: b.Seq, Hash: b.link(head.Hash)}
		ids[i], seqs[i], hashes[i] = b.ID, head.Seq, head.Hash
	}
	tag, err := tx.Exec(ctx, `
		update ledger_batch set seq = u.seq, chain_hash = u.chain_hash
		  from unnest($1::uuid[], $2::bigint[], $3::bytea[]) as u (id, seq, chain_hash)
		 where ledger_batch.id = u.id and ledger_batch.seq is null`, ids, seqs, hashes)
	if err != nil {
		return 0, ChainHead{}, fmt.Errorf("sealing batches: %w", err)
	}
	if tag.RowsAffected() != int64(len(batches)) {
		return 0, ChainHead{}, fmt.Errorf("sealing batches: %d of %d were there", tag.RowsAffected(), len(batches))
	}
	return len(batches), head, nil
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
		if err != nil || taken < SealBatchesMax {
			return head, err
		}
	}
}
