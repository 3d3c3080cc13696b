package ledgerdb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

// AccountLine is a line of an account with all that its entry says, for those
// who compare it with the outside world.
type AccountLine struct {
	Position LinePosition
	// Amount is the debit less the credit, in minor units of the account.
	Amount      int64
	Kind        string
	Reference   string
	Description string
	Metadata    map[string]string
	// Reverses is the entry that this line's entry mirrors, or uuid.Nil.
	Reverses uuid.UUID
}

// AccountLines returns lines of an account with effective dates from..to, both
// inclusive, in the order of its statement; after is where the page before
// ended, zero for the first one. limit is at least 1.
func AccountLines(
	ctx context.Context, tx database.Tx, account ledger.Account, from, to civil.Date, after LinePosition, limit int,
) ([]AccountLine, error) {
	if after == (LinePosition{}) {
		after.Effective = firstDay
	}
	rows, err := tx.Query(ctx, `
		select l.effective_date, l.recorded_at, l.batch_id, l.batch_pos, e.id, l.line_no, l.debit, l.credit,
		       e.kind, e.reference, e.description, e.metadata, e.reverses
		  from ledger_line l join ledger_entry e on e.batch_id = l.batch_id and e.batch_pos = l.batch_pos
		 where l.account_id = $1 and l.effective_date >= $2 and l.effective_date <= $3
		   and (l.effective_date, l.recorded_at, l.batch_id, l.batch_pos, l.line_no)
		       > ($4::date, $5::timestamptz, $6::uuid, $7::bigint, $8::bigint)
		 order by l.effective_date, l.recorded_at, l.batch_id, l.batch_pos, l.line_no limit $9`,
		account.ID(), from, to, after.Effective, after.Recorded, after.Batch, after.Pos, after.Line, limit)
	if err != nil {
		return nil, fmt.Errorf("reading lines of account %q: %w", account.Code, err)
	}
	lines, err := pgx.CollectRows(rows, scanAccountLine)
	if err != nil {
		return nil, fmt.Errorf("reading lines of account %q: %w", account.Code, err)
	}
	return lines, nil
}

// EntryLinesOn returns the lines that entries have on an account.
func EntryLinesOn(
	ctx context.Context, tx database.Tx, account ledger.Account, entries ...uuid.UUID,
) ([]AccountLine, error) {
	rows, err := tx.Query(ctx, `
		select l.effective_date, l.recorded_at, l.batch_id, l.batch_pos, e.id, l.line_no, l.debit, l.credit,
		       e.kind, e.reference, e.description, e.metadata, e.reverses
		  from ledger_entry e join ledger_line l on l.batch_id = e.batch_id and l.batch_pos = e.batch_pos
		 where e.id = any($1) and l.account_id = $2 order by e.id, l.line_no`, entries, account.ID())
	if err != nil {
		return nil, fmt.Errorf("reading lines of entries on account %q: %w", account.Code, err)
	}
	lines, err := pgx.CollectRows(rows, scanAccountLine)
	if err != nil {
		return nil, fmt.Errorf("reading lines of entries on account %q: %w", account.Code, err)
	}
	return lines, nil
}

func scanAccountLine(row pgx.CollectableRow) (AccountLine, error) {
	var l AccountLine
	var debit, credit int64
	var recorded time.Time
	var reverses *uuid.UUID
	p := &l.Position
	err := row.Scan(&p.Effective, &recorded, &p.Batch, &p.Pos, &p.Entry, &p.Line, &debit, &credit, &l.Kind, &l.Reference,
		&l.Description, &l.Metadata, &reverses)
	p.Recorded, l.Amount = recorded.UTC(), debit-credit
	if reverses != nil {
		l.Reverses = *reverses
	}
	return l, err
}
