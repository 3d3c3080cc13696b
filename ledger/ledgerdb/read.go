package ledgerdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
)

// At is a point of both times: what counted by the end of the Effective day,
// as far as it was recorded by the instant Known.
type At struct {
	Effective civil.Date
	Known     time.Time
}

// Ever is the point that leaves nothing out.
var Ever = At{
	Effective: civil.Date{Year: 9999, Month: time.December, Day: 31},
	Known:     time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC),
}

// Or returns at with its zero fields taken from Ever.
func (at At) Or() At {
	if at.Effective == (civil.Date{}) {
		at.Effective = Ever.Effective
	}
	if at.Known.IsZero() {
		at.Known = Ever.Known
	}
	return at
}

// Entry is an entry of the journal with what the ledger added to it.
type Entry struct {
	ledger.JournalEntry
	RecordedAt time.Time
	// BatchID and BatchPos are its place among what one transaction posted.
	BatchID  uuid.UUID
	BatchPos int64
	// ReversedBy is the id of the entry that mirrors this one, or uuid.Nil.
	ReversedBy uuid.UUID
}

// entryOf reads an entry of a query that selects entryColumnList.
func entryOf(row pgx.CollectableRow) (Entry, error) { return scanEntry(row) }

// scanEntry reads an entry, and what a query selects before it.
func scanEntry(row pgx.CollectableRow, before ...any) (Entry, error) {
	var id uuid.UUID
	var reverses, reversedBy *uuid.UUID
	var e Entry
	err := row.Scan(append(before, &id, &e.Key, &e.Kind, &e.EffectiveDate, &e.BookingDate, &e.RecordedAt, &e.Reference,
		&e.Description, &e.PostedBy, &e.Metadata, &reverses, &e.BatchID, &e.BatchPos, &reversedBy)...)
	if err != nil {
		return Entry{}, err
	}
	if e.ID() != id {
		return Entry{}, fmt.Errorf("%w: %s", errStoredEntry, id)
	}
	e.RecordedAt = e.RecordedAt.UTC()
	if reverses != nil {
		e.Reverses = *reverses
	}
	if reversedBy != nil {
		e.ReversedBy = *reversedBy
	}
	return e, nil
}

var errStoredEntry = errors.New("stored entry does not fit its id")

// EntriesByID returns the entries with the ids that exist, by id.
func EntriesByID(ctx context.Context, tx database.Tx, ids ...uuid.UUID) (map[uuid.UUID]Entry, error) {
	rows, err := tx.Query(ctx, `
		select `+entryColumnList+`
		  from ledger_entry e left join ledger_reversal r on r.reverses = e.id
		 where e.id = any($1) order by e.id`, ids)
	if err != nil {
		return nil, fmt.Errorf("reading entries: %w", err)
	}
	entries, err := pgx.CollectRows(rows, entryOf)
	if err != nil {
		return nil, fmt.Errorf("reading entries: %w", err)
	}
	entries, err = withLines(ctx, tx, entries)
	if err != nil {
		return nil, err
	}
	byID := make(map[uuid.UUID]Entry, len(entries))
	for _, e := range entries {
		byID[e.ID()] = e
	}
	return byID, nil
}

// EntryByID returns one entry with its lines, or ErrNotFound.
func EntryByID(ctx context.Context, tx database.Tx, id uuid.UUID) (Entry, error) {
	found, err := EntriesByID(ctx, tx, id)
	if err != nil {
		return Entry{}, err
	}
	e, ok := found[id]
	if !ok {
		return Entry{}, fmt.Errorf("entry %s: %w", id, ErrNotFound)
	}
	return e, nil
}

func withLines(ctx context.Context, tx database.Tx, entries []Entry) ([]Entry, error) {
	if len(entries) == 0 {
		return entries, nil
	}
	ids := make([]uuid.UUID, len(entries))
	for i, e := range entries {
		ids[i] = e.ID()
	}
	lines, err := linesOf(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		entries[i].Lines = lines[ids[i]]
	}
	return entries, nil
}

// linesOf returns the lines of entries in their order, by entry.
func linesOf(ctx context.Context, tx database.Tx, ids []uuid.UUID) (map[uuid.UUID][]ledger.Line, error) {
	rows, err := tx.Query(ctx, `
		select e.id, l.account_id, l.debit, l.credit, a.currency
		  from ledger_entry e
		  join ledger_line l on l.batch_id = e.batch_id and l.batch_pos = e.batch_pos
		  join ledger_account a on a.id = l.account_id
		 where e.id = any($1) order by e.id, l.line_no`, ids)
	if err != nil {
		return nil, fmt.Errorf("reading lines: %w", err)
	}
	defer rows.Close()
	lines := make(map[uuid.UUID][]ledger.Line, len(ids))
	for rows.Next() {
		var entry uuid.UUID
		var line ledger.Line
		var debit, credit int64
		var code string
		if err := rows.Scan(&entry, &line.AccountID, &debit, &credit, &code); err != nil {
			return nil, fmt.Errorf("reading lines: %w", err)
		}
		currency, err := money.ParseCurrency(code)
		if err != nil {
			return nil, fmt.Errorf("reading lines of entry %s: %w", entry, err)
		}
		line.Side, line.Amount = ledger.Debit, money.New(debit, currency)
		if credit > 0 {
			line.Side, line.Amount = ledger.Credit, money.New(credit, currency)
		}
		lines[entry] = append(lines[entry], line)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading lines: %w", err)
	}
	return lines, nil
}
