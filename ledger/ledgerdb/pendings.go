package ledgerdb

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

// PendingFilter selects pending entries; zero fields select all.
type PendingFilter struct {
	State     ledger.PendingState
	Kind      string
	Reference string
	// Account is one that a line is on.
	Account uuid.UUID
	// After is the pending entry behind which the page begins.
	After PendingPosition
	// Limit is the number of pending entries at most, at least 1.
	Limit int
}

// PendingPosition is a place in the order of announcing.
type PendingPosition struct {
	Recorded time.Time `json:"r"`
	ID       uuid.UUID `json:"i"`
}

// Position returns the place of p in the order of announcing.
func (p PendingEntry) Position() PendingPosition {
	return PendingPosition{Recorded: p.RecordedAt, ID: p.ID()}
}

// PendingEntries returns pending entries with their lines, in the order in
// which they were announced.
func PendingEntries(ctx context.Context, tx database.Tx, f PendingFilter) ([]PendingEntry, error) {
	rows, err := tx.Query(ctx, `
		select p.id
		  from ledger_pending p
		 where ($1 = '' or p.state = $1) and ($2 = '' or p.kind = $2) and ($3 = '' or p.reference = $3)
		   and ($4::uuid = '00000000-0000-0000-0000-000000000000' or exists (
		        select 1 from ledger_pending_line l where l.account_id = $4::uuid and l.pending_id = p.id))
		   and (p.recorded_at, p.id) > ($5::timestamptz, $6::uuid)
		 order by p.recorded_at, p.id limit $7`,
		string(f.State), f.Kind, f.Reference, f.Account, f.After.Recorded, f.After.ID, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("listing pending entries: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("listing pending entries: %w", err)
	}
	list := make([]PendingEntry, len(ids))
	for i, id := range ids {
		if list[i], err = PendingByID(ctx, tx, id); err != nil {
			return nil, err
		}
	}
	return list, nil
}
