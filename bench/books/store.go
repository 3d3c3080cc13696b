package books

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

func journalSize(ctx context.Context, db *database.DB) (entries, lines int64, err error) {
	err = db.Pool().QueryRow(ctx, `
		select count(*)::bigint, (select count(*)::bigint from ledger_line) from ledger_entry`).Scan(&entries, &lines)
	if err != nil {
		return 0, 0, fmt.Errorf("counting the journal: %w", err)
	}
	return entries, lines, nil
}

var (
	entryColumns = []string{
		"id", "key", "hash", "kind", "effective_date", "booking_date", "recorded_at", "reference", "description",
		"posted_by", "metadata", "batch_id", "batch_pos",
	}
	lineColumns = []string{
		"batch_id", "batch_pos", "line_no", "account_id", "effective_date", "recorded_at", "debit", "credit",
	}
)

// copyRows writes the rows of entries with COPY and does nothing else: no check,
// no key looked up, no hash chain. It is what no ledger can be faster than.
func copyRows(ctx context.Context, db *database.DB, now time.Time, entries []ledger.JournalEntry) error {
	batch := uuid.New()
	var entryRows, lineRows [][]any
	for i, e := range entries {
		id, hash := e.ID(), e.Hash()
		entryRows = append(entryRows, []any{
			id, e.Key, hash[:], e.Kind, e.EffectiveDate, e.EffectiveDate, now, e.Reference, e.Description, e.PostedBy,
			e.Metadata, batch, int64(i),
		})
		for n, line := range e.Lines {
			debit, credit := line.Amount.Minor(), int64(0)
			if line.Side == ledger.Credit {
				debit, credit = credit, debit
			}
			lineRows = append(lineRows, []any{
				batch, int64(i), int64(n), line.AccountID, e.EffectiveDate, now, debit, credit,
			})
		}
	}
	return database.InTx(ctx, db, func(tx database.Tx) error {
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"ledger_entry"}, entryColumns, pgx.CopyFromRows(entryRows))
		if err != nil {
			return fmt.Errorf("copying entries: %w", err)
		}
		_, err = tx.CopyFrom(ctx, pgx.Identifier{"ledger_line"}, lineColumns, pgx.CopyFromRows(lineRows))
		if err != nil {
			return fmt.Errorf("copying lines: %w", err)
		}
		return nil
	})
}

// refreshStatistics has the database look at what it holds, as it does by itself some
// time after a large load.
func refreshStatistics(ctx context.Context, db *database.DB) error {
	for _, statement := range []string{
		"analyze ledger_line", "analyze ledger_entry", "analyze ledger_account", "analyze ledger_gl",
	} {
		if _, err := db.Pool().Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
