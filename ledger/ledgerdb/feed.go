package ledgerdb

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

// ChangePosition is a place in the change feed: an entry's place in its batch,
// and the batch's place in the chain. A position that was seen never moves, and
// nothing appears before it later: the chain takes batches in the order in which
// it sees them committed, not in that of their instants or ids. The zero
// position is before the first entry.
type ChangePosition struct {
	Seq int64 `json:"s"`
	Pos int64 `json:"p"`
}

// Change is one entry of the feed.
type Change struct {
	Position ChangePosition
	Entry    Entry
}

// EndOfFeed returns the position behind everything that is sealed by now.
func EndOfFeed(ctx context.Context, tx database.Tx) (ChangePosition, error) {
	head, err := Head(ctx, tx)
	return ChangePosition{Seq: head.Seq + 1, Pos: -1}, err
}

// Changes returns the sealed entries behind a position with their lines, limit
// at most, in the order of the feed. Each entry is in the feed once; posting it
// again under its key, or one that is rejected, adds nothing.
func Changes(ctx context.Context, tx database.Tx, after ChangePosition, limit int) ([]Change, error) {
	rows, err := tx.Query(ctx, `
		select s.seq, e.batch_pos,`+entryColumnList+`
		  from ledger_seal s
		  join ledger_entry e on e.batch_id = s.batch_id
		  left join ledger_reversal r on r.reverses = e.id
		 where s.seq >= $1 and (s.seq > $1 or e.batch_pos > $2)
		 order by s.seq, e.batch_pos limit $3`, after.Seq, after.Pos, limit)
	if err != nil {
		return nil, fmt.Errorf("reading the change feed: %w", err)
	}
	var changes []Change
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Entry, error) {
		var at ChangePosition
		e, err := scanEntry(row, &at.Seq, &at.Pos)
		changes = append(changes, Change{Position: at})
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the change feed: %w", err)
	}
	entries, err = withLines(ctx, tx, entries)
	if err != nil {
		return nil, err
	}
	for i, e := range entries {
		changes[i].Entry = e
	}
	return changes, nil
}
