package ledgerdb

import (
	"context"
	"fmt"
	"math"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

// EntryFilter selects entries; zero fields select all.
type EntryFilter struct {
	// Account is one that a line of the entry is on.
	Account   uuid.UUID
	Kind      string
	Reference string
	// PostedBy is who caused the entry.
	PostedBy string
	// Metadata are pairs that an entry must all have.
	Metadata map[string]string
	// From and To bound the effective date, BookingFrom and BookingTo the booking
	// date, all inclusive.
	From, To, BookingFrom, BookingTo civil.Date
	// RecordedFrom leaves out what was recorded earlier, Known what was recorded
	// later.
	RecordedFrom, Known time.Time
	// Currency is one that a line of the entry is in. AmountMin and AmountMax, in
	// its minor units, bound such a line, both inclusive; zero is unbounded. With
	// an Account it is that account's line.
	Currency             string
	AmountMin, AmountMax int64
	// Snapshot is the place in the chain to list at; 0 is everything.
	Snapshot int64
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
	f.To = At{Effective: f.To}.Or().Effective
	f.BookingTo = At{Effective: f.BookingTo}.Or().Effective
	for _, date := range []*civil.Date{&f.From, &f.BookingFrom, &f.After.Effective} {
		if *date == (civil.Date{}) {
			*date = firstDay
		}
	}
	if f.AmountMax == 0 {
		f.AmountMax = math.MaxInt64
	}
	return f
}

const entryColumnList = `
	e.id, e.key, e.kind, e.effective_date, e.booking_date, e.recorded_at, e.reference, e.description, e.posted_by,
	e.metadata, e.reverses, e.batch_id, e.batch_pos, r.entry_id`

// Entries returns entries with their lines, in the order of effective date and
// recording; those that one transaction posted in the order of the call.
func Entries(ctx context.Context, tx database.Tx, f EntryFilter) ([]Entry, error) {
	heads, err := entryHeads(ctx, tx, f)
	if err != nil {
		return nil, err
	}
	return withLines(ctx, tx, heads)
}

// entryHeads returns entries without their lines.
func entryHeads(ctx context.Context, tx database.Tx, f EntryFilter) ([]Entry, error) {
	f = f.filled()
	view, err := ViewAt(ctx, tx, f.Snapshot, f.Known)
	if err != nil {
		return nil, err
	}
	metadata, err := encodeMetadata(f.Metadata)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, f.query(),
		f.From, f.To, view.Known, f.Kind, f.Reference, metadata,
		f.After.Effective, f.After.Recorded, f.After.Batch, f.After.Pos, f.Limit,
		f.PostedBy, f.BookingFrom, f.BookingTo, f.RecordedFrom, view.leftOut(), f.Currency, f.AmountMin, f.AmountMax,
		f.Account)
	if err != nil {
		return nil, fmt.Errorf("listing entries: %w", err)
	}
	entries, err := pgx.CollectRows(rows, entryOf)
	if err != nil {
		return nil, fmt.Errorf("listing entries: %w", err)
	}
	return entries, nil
}

// query is the way into the journal that promises the fewest entries.
func (f EntryFilter) query() string {
	switch {
	case f.Reference != "":
		return selectEntriesOfReference
	case f.Account != uuid.Nil:
		return selectEntriesOfAccount
	case len(f.Metadata) > 0:
		return selectEntriesOfMetadata
	case f.Kind != "":
		return selectEntriesOfKind
	}
	return selectEntries
}

// The ways into the journal share their conditions; each has the index that
// fits its leading one. The rest is looked at entry by entry. That of an account
// walks along its lines and takes each entry at the first of them.
const (
	entryRange = `
		 where e.effective_date >= $1 and e.effective_date <= $2 and e.recorded_at <= $3
		   and (e.effective_date, e.recorded_at, e.batch_id, e.batch_pos)
		       > ($7::date, $8::timestamptz, $9::uuid, $10::bigint)`
	entryConditions = `
		   and ($12 = '' or e.posted_by = $12) and e.booking_date >= $13 and e.booking_date <= $14
		   and e.recorded_at >= $15 and e.batch_id <> all($16::uuid[])
		   and ($17 = '' or exists (
		        select 1 from ledger_line f join ledger_account a on a.id = f.account_id
		         where f.batch_id = e.batch_id and f.batch_pos = e.batch_pos
		           and a.currency = $17 and f.debit + f.credit >= $18 and f.debit + f.credit <= $19
		           and ($20::uuid = '00000000-0000-0000-0000-000000000000' or f.account_id = $20::uuid)))`
	perhapsOnAccount = `
		   and ($20::uuid = '00000000-0000-0000-0000-000000000000' or exists (
		        select 1 from ledger_line f
		         where f.batch_id = e.batch_id and f.batch_pos = e.batch_pos and f.account_id = $20::uuid))`
	perhapsKind      = ` and ($4 = '' or e.kind = $4)`
	perhapsReference = ` and ($5 = '' or e.reference = $5)`
	withMetadata     = ` and e.metadata @> $6::jsonb`
	entryOrder       = `
		 order by e.effective_date, e.recorded_at, e.batch_id, e.batch_pos limit $11`
	entrySource = `
		select ` + entryColumnList + `
		  from ledger_entry e left join ledger_reversal r on r.reverses = e.id`

	// Without metadata to look for, $6 is the empty object: saying so spares the
	// comparison with each entry.
	selectEntries = entrySource + entryRange + entryConditions + perhapsKind + perhapsReference + perhapsOnAccount +
		` and $6::jsonb = '{}'::jsonb` + entryOrder
	selectEntriesOfReference = entrySource + entryRange + entryConditions + perhapsKind + perhapsOnAccount +
		withMetadata + ` and e.reference = $5` + entryOrder
	selectEntriesOfMetadata = entrySource + entryRange + entryConditions + perhapsKind + perhapsReference +
		perhapsOnAccount + withMetadata + ` and e.metadata <> '{}'::jsonb` + entryOrder
	selectEntriesOfKind = entrySource + entryRange + entryConditions + perhapsReference + perhapsOnAccount +
		withMetadata + ` and e.kind = $4` + entryOrder
	selectEntriesOfAccount = `
		select ` + entryColumnList + `
		  from ledger_line l
		  join ledger_entry e on e.batch_id = l.batch_id and e.batch_pos = l.batch_pos
		  left join ledger_reversal r on r.reverses = e.id
		 where l.account_id = $20 and l.effective_date >= $1 and l.effective_date <= $2 and l.recorded_at <= $3
		   and (l.effective_date, l.recorded_at, l.batch_id, l.batch_pos)
		       > ($7::date, $8::timestamptz, $9::uuid, $10::bigint)
		   and not exists (select 1 from ledger_line f
		                    where f.batch_id = l.batch_id and f.batch_pos = l.batch_pos and f.line_no < l.line_no
		                      and f.account_id = l.account_id)` + entryConditions + perhapsKind + perhapsReference +
		withMetadata + `
		 order by l.effective_date, l.recorded_at, l.batch_id, l.batch_pos limit $11`
)
