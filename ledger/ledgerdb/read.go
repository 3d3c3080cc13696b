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

// EntryFilter selects entries; zero fields select all.
type EntryFilter struct {
	Account   uuid.UUID
	Kind      string
	Reference string
	// Metadata are pairs that an entry must all have.
	Metadata map[string]string
	// From and To bound the effective date, both inclusive.
	From, To civil.Date
	// Known leaves out what was recorded later.
	Known time.Time
	// After is the entry behind which the page begins.
	After EntryPosition
	// Limit is the number of entries at most, at least 1.
	Limit int
}

// EntryPosition is a place in the order of the journal.
type EntryPosition struct {
	Effective civil.Date `json:"e"`
	Recorded  time.Time  `json:"r"`
	Batch     uuid.UUID  `json:"b"`
	Pos       int64      `json:"p"`
}

// Position returns the place of e in the order of the journal.
func (e Entry) Position() EntryPosition {
	return EntryPosition{Effective: e.EffectiveDate, Recorded: e.RecordedAt, Batch: e.BatchID, Pos: e.BatchPos}
}

func (f EntryFilter) filled() EntryFilter {
	at := At{Effective: f.To, Known: f.Known}.Or()
	f.To, f.Known = at.Effective, at.Known
	if f.From == (civil.Date{}) {
		f.From = civil.Date{Year: 1, Month: time.January, Day: 1}
	}
	if f.After.Effective == (civil.Date{}) {
		f.After.Effective = civil.Date{Year: 1, Month: time.January, Day: 1}
	}
	return f
}

const entryColumnList = `
	e.id, e.key, e.kind, e.effective_date, e.booking_date, e.recorded_at, e.reference, e.description, e.posted_by,
	e.metadata, e.reverses, e.batch_id, e.batch_pos, r.entry_id`

// Entries returns entries with their lines, in the order of effective date and
// recording; those that one transaction posted in the order of the call.
func Entries(ctx context.Context, tx database.Tx, f EntryFilter) ([]Entry, error) {
	f = f.filled()
	metadata, err := encodeMetadata(f.Metadata)
	if err != nil {
		return nil, err
	}
	args := []any{
		f.From, f.To, f.Known, f.Kind, f.Reference, metadata,
		f.After.Effective, f.After.Recorded, f.After.Batch, f.After.Pos, f.Limit,
	}
	query := selectEntries
	switch {
	case f.Account != uuid.Nil:
		query = selectEntriesOfAccount
		args = append(args, f.Account)
	case f.Reference != "":
		query = selectEntriesOfReference
	}
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("listing entries: %w", err)
	}
	entries, err := pgx.CollectRows(rows, scanEntry)
	if err != nil {
		return nil, fmt.Errorf("listing entries: %w", err)
	}
	return withLines(ctx, tx, entries)
}

// The three ways into the journal share their conditions; each has the index
// that fits its leading one. That of an account walks along its lines and takes
// each entry at the first of them.
const (
	entryConditions = `
		   and ($4 = '' or e.kind = $4) and e.metadata @> $6::jsonb`
	entryOrder = `
		 order by e.effective_date, e.recorded_at, e.batch_id, e.batch_pos limit $11`
	entryRange = `
		 where e.effective_date >= $1 and e.effective_date <= $2 and e.recorded_at <= $3
		   and (e.effective_date, e.recorded_at, e.batch_id, e.batch_pos)
		       > ($7::date, $8::timestamptz, $9::uuid, $10::bigint)`
	selectEntries = `
		select ` + entryColumnList + `
		  from ledger_entry e left join ledger_reversal r on r.reverses = e.id` + entryRange + entryConditions + `
		   and ($5 = '' or e.reference = $5)` + entryOrder
	selectEntriesOfReference = `
		select ` + entryColumnList + `
		  from ledger_entry e left join ledger_reversal r on r.reverses = e.id` + entryRange + entryConditions + `
		   and e.reference = $5` + entryOrder
	selectEntriesOfAccount = `
		select ` + entryColumnList + `
		  from ledger_line l
		  join ledger_entry e on e.batch_id = l.batch_id and e.batch_pos = l.batch_pos
		  left join ledger_reversal r on r.reverses = e.id
		 where l.account_id = $12 and l.effective_date >= $1 and l.effective_date <= $2 and l.recorded_at <= $3
		   and (l.effective_date, l.recorded_at, l.batch_id, l.batch_pos)
		       > ($7::date, $8::timestamptz, $9::uuid, $10::bigint)
		   and not exists (select 1 from ledger_line f
		                    where f.batch_id = l.batch_id and f.batch_pos = l.batch_pos and f.line_no < l.line_no
		                      and f.account_id = l.account_id)` + entryConditions + `
		   and ($5 = '' or e.reference = $5)
		 order by l.effective_date, l.recorded_at, l.batch_id, l.batch_pos limit $11`
)

func scanEntry(row pgx.CollectableRow) (Entry, error) {
	var id uuid.UUID
	var reverses, reversedBy *uuid.UUID
	var e Entry
	err := row.Scan(&id, &e.Key, &e.Kind, &e.EffectiveDate, &e.BookingDate, &e.RecordedAt, &e.Reference, &e.Description,
		&e.PostedBy, &e.Metadata, &reverses, &e.BatchID, &e.BatchPos, &reversedBy)
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
	entries, err := pgx.CollectRows(rows, scanEntry)
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
