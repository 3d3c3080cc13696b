package books

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

// journal is the size of a journal, and its sums in minor units.
type journal struct{ entries, lines, debits, credits int64 }

func readJournal(ctx context.Context, db *database.DB) (journal, error) {
	var j journal
	err := db.Pool().QueryRow(ctx, `
		select (select count(*)::bigint from ledger_entry), count(*)::bigint,
		       coalesce(sum(debit), 0)::bigint, coalesce(sum(credit), 0)::bigint from ledger_line`).
		Scan(&j.entries, &j.lines, &j.debits, &j.credits)
	if err != nil {
		return journal{}, fmt.Errorf("summing the journal: %w", err)
	}
	return j, nil
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
			debit, credit := sides(line)
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

// openBalances gives every account a row of totals, as a ledger has them that
// does not sum lines. Tenor has such rows for accounts with a limit only.
func openBalances(ctx context.Context, db *database.DB) error {
	_, err := db.Pool().Exec(ctx, `
		insert into ledger_limit (account_id, debits, credits, pending_debits, pending_credits)
		select id, 0, 0, 0, 0 from ledger_account`)
	if err != nil {
		return fmt.Errorf("opening balances: %w", err)
	}
	return nil
}

// insertWithBalances writes one entry as the usual SQL ledger does: it moves the
// balance of each account in its row, which locks the hot ones until the commit,
// and inserts the rows, all in one round trip.
func insertWithBalances(ctx context.Context, db *database.DB, now time.Time, e ledger.JournalEntry) error {
	id, hash, batch := e.ID(), e.Hash(), uuid.New()
	lines := slices.Clone(e.Lines)
	slices.SortFunc(lines, func(a, b ledger.Line) int { return bytes.Compare(a.AccountID[:], b.AccountID[:]) })
	var statements pgx.Batch
	for _, line := range lines {
		debit, credit := sides(line)
		statements.Queue(`
			update ledger_limit set debits = debits + $2, credits = credits + $3 where account_id = $1`,
			line.AccountID, debit, credit)
	}
	statements.Queue(`
		insert into ledger_entry
		       (id, key, hash, kind, effective_date, booking_date, recorded_at, reference, description, posted_by, metadata,
		        batch_id, batch_pos)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0)`, id, e.Key, hash[:], e.Kind, e.EffectiveDate,
		e.EffectiveDate, now, e.Reference, e.Description, e.PostedBy, e.Metadata, batch)
	for n, line := range e.Lines {
		debit, credit := sides(line)
		statements.Queue(`
			insert into ledger_line (batch_id, batch_pos, line_no, account_id, effective_date, recorded_at, debit, credit)
			values ($1, 0, $2, $3, $4, $5, $6, $7)`, batch, int64(n), line.AccountID, e.EffectiveDate, now, debit, credit)
	}
	err := pgx.BeginTxFunc(ctx, db.Pool(), pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		return tx.SendBatch(ctx, &statements).Close()
	})
	if err != nil {
		return fmt.Errorf("writing an entry with its balances: %w", err)
	}
	return nil
}

// sides returns what a line debits and credits, in minor units.
func sides(line ledger.Line) (debit, credit int64) {
	if line.Side == ledger.Debit {
		return line.Amount.Minor(), 0
	}
	return 0, line.Amount.Minor()
}

// refreshStatistics has the database look at what it holds, as it does by itself some
// time after a large load.
func refreshStatistics(ctx context.Context, db *database.DB) error {
	for _, statement := range []string{
		"analyze ledger_line", "analyze ledger_entry", "analyze ledger_account", "analyze ledger_gl",
		"analyze ledger_batch", "analyze ledger_block", "analyze ledger_block_sum",
	} {
		if _, err := db.Pool().Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
