package reconciledb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/reconcile"
)

// State is how far a break has come.
type State string

// The states. An explained break still stands between bank and books; a closed
// one does not.
const (
	Open      State = "OPEN"
	Explained State = "EXPLAINED"
	Closed    State = "CLOSED"
)

// Resolution says what ended a break, or explained it.
type Resolution string

// The resolutions.
const (
	ByMatch       Resolution = "MATCH"
	ByEntry       Resolution = "ENTRY"
	ByExplanation Resolution = "EXPLANATION"
)

// Reason is why a line is a break, as reconcile found it.
type Reason struct {
	Candidates  []reconcile.Candidate `json:"candidates,omitempty"`
	DuplicateOf *reconcile.LineID     `json:"duplicate_of,omitempty"`
}

// Break is a break as it is kept.
type Break struct {
	ID   uuid.UUID
	Side reconcile.Side
	// Line is the line, or the match whose difference it is.
	Line reconcile.LineID
	Kind reconcile.Kind
	// Amount is what the bank has more than the books because of it.
	Amount     money.Amount
	Day        civil.Date
	Reason     Reason
	OpenedAt   time.Time
	State      State
	Resolution Resolution
	Note       string
	ResolvedAt time.Time
	ResolvedBy string
	MatchID    uuid.UUID
	EntryID    uuid.UUID
}

// newBreak is a break on its way into the database.
type newBreak struct {
	side   reconcile.Side
	line   reconcile.LineID
	kind   reconcile.Kind
	amount int64
	day    civil.Date
	reason Reason
}

// putBreaks opens breaks. One that is open or explained keeps its state and
// takes the new kind and reason; a closed one is opened again.
func putBreaks(ctx context.Context, tx database.Tx, now time.Time, account uuid.UUID, breaks []newBreak) error {
	for part := range slices.Chunk(breaks, chunk) {
		var c struct {
			ids, lines           []uuid.UUID
			sides, kinds, reason []string
			numbers, amounts     []int64
			days                 []civil.Date
		}
		for i := range part {
			b := &part[i]
			reason, err := json.Marshal(b.reason)
			if err != nil {
				return fmt.Errorf("encoding the reason of a break: %w", err)
			}
			c.ids, c.lines = append(c.ids, BreakID(b.side, b.line)), append(c.lines, b.line.ID)
			c.sides, c.kinds = append(c.sides, string(b.side)), append(c.kinds, string(b.kind))
			c.reason, c.numbers = append(c.reason, string(reason)), append(c.numbers, b.line.No)
			c.amounts, c.days = append(c.amounts, b.amount), append(c.days, b.day)
		}
		_, err := tx.Exec(ctx, `
			insert into reconcile_break
			       (id, account_id, side, line_id, line_no, kind, amount, line_date, reason, opened_at, state, resolution, note,
			        resolved_by)
			select u.id, $9, u.side, u.line_id, u.line_no, u.kind, u.amount, u.line_date, u.reason::jsonb, $10, 'OPEN', '',
			       '', ''
			  from unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::bigint[], $7::date[], $8::text[])
			       as u (id, side, line_id, line_no, kind, amount, line_date, reason)
			on conflict (id) do update
			   set kind = excluded.kind, reason = excluded.reason, amount = excluded.amount,
			       opened_at = case when reconcile_break.state = 'CLOSED' then excluded.opened_at
			                        else reconcile_break.opened_at end,
			       resolution = case when reconcile_break.state = 'CLOSED' then '' else reconcile_break.resolution end,
			       note = case when reconcile_break.state = 'CLOSED' then '' else reconcile_break.note end,
			       resolved_by = case when reconcile_break.state = 'CLOSED' then '' else reconcile_break.resolved_by end,
			       resolved_at = case when reconcile_break.state = 'CLOSED' then null else reconcile_break.resolved_at end,
			       match_id = case when reconcile_break.state = 'CLOSED' then null else reconcile_break.match_id end,
			       entry_id = case when reconcile_break.state = 'CLOSED' then null else reconcile_break.entry_id end,
			       state = case when reconcile_break.state = 'CLOSED' then 'OPEN' else reconcile_break.state end
			 where reconcile_break.state = 'CLOSED' or reconcile_break.kind <> excluded.kind
			    or reconcile_break.reason <> excluded.reason or reconcile_break.amount <> excluded.amount`,
			c.ids, c.sides, c.lines, c.numbers, c.kinds, c.amounts, c.days, c.reason, account, now)
		if err != nil {
			return fmt.Errorf("opening breaks: %w", err)
		}
	}
	return nil
}

// reopen makes breaks of lines that were freed.
func reopen(ctx context.Context, tx database.Tx, now time.Time, account uuid.UUID, claims []claim) error {
	breaks := make([]newBreak, len(claims))
	for i, c := range claims {
		b := newBreak{side: c.side, line: c.id, kind: reconcile.MissingInBooks, amount: c.amount, day: c.day}
		if c.side == reconcile.Books {
			b.kind, b.amount = reconcile.MissingInBank, -c.amount
		}
		breaks[i] = b
	}
	return putBreaks(ctx, tx, now, account, breaks)
}

// openDifferences makes breaks of what matches leave between bank and books.
func openDifferences(
	ctx context.Context, tx database.Tx, now time.Time, account uuid.UUID, matches []newMatch,
) error {
	var breaks []newBreak
	for i := range matches {
		if m := &matches[i]; m.difference != 0 {
			breaks = append(breaks, newBreak{
				side: SideMatch, line: reconcile.LineID{ID: m.id}, kind: reconcile.AmountDiffers, amount: m.difference,
				day: m.last(),
			})
		}
	}
	return putBreaks(ctx, tx, now, account, breaks)
}

// closeBreaks ends the breaks of the lines of matches. entry says that it was
// an entry that made them fit.
func closeBreaks(
	ctx context.Context, tx database.Tx, now time.Time, by string, matches []newMatch, entry uuid.UUID,
) error {
	resolution, entryID := ByMatch, (*uuid.UUID)(nil)
	if entry != uuid.Nil {
		resolution, entryID = ByEntry, &entry
	}
	for part := range slices.Chunk(ownedClaims(matches), chunk) {
		ids, owners := make([]uuid.UUID, len(part)), make([]uuid.UUID, len(part))
		for i, c := range part {
			ids[i], owners[i] = BreakID(c.side, c.id), c.match
		}
		_, err := tx.Exec(ctx, `
			update reconcile_break b
			   set state = 'CLOSED', resolution = $3, resolved_at = $4, resolved_by = $5, match_id = u.match_id, entry_id = $6
			  from unnest($1::uuid[], $2::uuid[]) as u (id, match_id)
			 where b.id = u.id and b.state <> 'CLOSED'`, ids, owners, string(resolution), now, by, entryID)
		if err != nil {
			return fmt.Errorf("closing breaks: %w", err)
		}
	}
	return nil
}

const breakColumns = `
	id, side, line_id, line_no, kind, amount, line_date, reason, opened_at, state, resolution, note, resolved_at,
	resolved_by, match_id, entry_id`

func scanBreak(currency money.Currency) pgx.RowToFunc[Break] {
	return func(row pgx.CollectableRow) (Break, error) {
		var b Break
		var amount int64
		var resolved *time.Time
		var match, entry *uuid.UUID
		err := row.Scan(&b.ID, &b.Side, &b.Line.ID, &b.Line.No, &b.Kind, &amount, &b.Day, &b.Reason, &b.OpenedAt, &b.State,
			&b.Resolution, &b.Note, &resolved, &b.ResolvedBy, &match, &entry)
		b.Amount, b.OpenedAt = money.New(amount, currency), b.OpenedAt.UTC()
		if resolved != nil {
			b.ResolvedAt = resolved.UTC()
		}
		if match != nil {
			b.MatchID = *match
		}
		if entry != nil {
			b.EntryID = *entry
		}
		return b, err
	}
}

// BreakAccount returns the account of a break, or ErrNotFound.
func BreakAccount(ctx context.Context, tx database.Tx, id uuid.UUID) (uuid.UUID, error) {
	return accountOf(ctx, tx, `select account_id from reconcile_break where id = $1`, id)
}

// MatchAccount returns the account of a match, or ErrNotFound.
func MatchAccount(ctx context.Context, tx database.Tx, id uuid.UUID) (uuid.UUID, error) {
	return accountOf(ctx, tx, `select account_id from reconcile_match where id = $1`, id)
}

// RunAccount returns the account of a run, or ErrNotFound.
func RunAccount(ctx context.Context, tx database.Tx, id uuid.UUID) (uuid.UUID, error) {
	return accountOf(ctx, tx, `select account_id from reconcile_run where id = $1`, id)
}

func accountOf(ctx context.Context, tx database.Tx, query string, id uuid.UUID) (uuid.UUID, error) {
	var account uuid.UUID
	err := tx.QueryRow(ctx, query, id).Scan(&account)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, fmt.Errorf("%s: %w", id, ErrNotFound)
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("looking for the account of %s: %w", id, err)
	}
	return account, nil
}

// BreakByID returns a break, or ErrNotFound.
func BreakByID(ctx context.Context, tx database.Tx, currency money.Currency, id uuid.UUID) (Break, error) {
	rows, err := tx.Query(ctx, `select `+breakColumns+` from reconcile_break where id = $1`, id)
	if err != nil {
		return Break{}, fmt.Errorf("reading break %s: %w", id, err)
	}
	b, err := pgx.CollectExactlyOneRow(rows, scanBreak(currency))
	if errors.Is(err, pgx.ErrNoRows) {
		return Break{}, fmt.Errorf("break %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Break{}, fmt.Errorf("reading break %s: %w", id, err)
	}
	return b, nil
}

// BreakFilter selects breaks; zero fields select all.
type BreakFilter struct {
	States  []State
	Kind    reconcile.Kind
	Through civil.Date
	After   Position
	Limit   int
}

// Breaks lists the breaks of an account, the oldest first.
func Breaks(ctx context.Context, tx database.Tx, account ledger.Account, f BreakFilter) ([]Break, error) {
	states := make([]string, 0, len(f.States))
	for _, state := range f.States {
		states = append(states, string(state))
	}
	if f.After.Day.IsZero() {
		f.After.Day = civil.Date{Year: 1, Month: time.January, Day: 1}
	}
	if f.Through.IsZero() {
		f.Through = civil.Date{Year: 9999, Month: time.December, Day: 31}
	}
	rows, err := tx.Query(ctx, `
		select `+breakColumns+` from reconcile_break
		 where account_id = $1 and state = any($2) and ($3 = '' or kind = $3) and line_date <= $4
		   and (line_date, id) > ($5::date, $6::uuid)
		 order by line_date, id limit $7`,
		account.ID(), states, string(f.Kind), f.Through, f.After.Day, f.After.ID, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("listing breaks: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanBreak(account.Currency))
	if err != nil {
		return nil, fmt.Errorf("listing breaks: %w", err)
	}
	return list, nil
}

// Explain says why a break stands, without ending it. The errors are
// ErrNotFound and ErrResolved.
func Explain(ctx context.Context, tx database.Tx, now time.Time, id uuid.UUID, by, note string) error {
	tag, err := tx.Exec(ctx, `
		update reconcile_break
		   set state = 'EXPLAINED', resolution = 'EXPLANATION', note = $4, resolved_at = $2, resolved_by = $3
		 where id = $1 and state <> 'CLOSED'`, id, now, by, note)
	if err != nil {
		return fmt.Errorf("explaining break %s: %w", id, err)
	}
	if tag.RowsAffected() == 1 {
		return nil
	}
	if _, err := BreakAccount(ctx, tx, id); err != nil {
		return err
	}
	return fmt.Errorf("break %s: %w", id, ErrResolved)
}

// SettleDifference adds the line of an entry that was posted for it to a match,
// so that no difference is left, and closes the break. The error is ErrResolved
// when the match has another difference by now, or none.
func SettleDifference(
	ctx context.Context, tx database.Tx, now time.Time, account ledger.Account, b Break, line reconcile.LineID, by string,
) error {
	m, err := MatchByID(ctx, tx, account.Currency, b.Line.ID)
	if err != nil {
		return err
	}
	k := kept{Lines: m.Lines, Days: m.Days, Reference: m.Reference}
	k.Books = append(k.Books, line)
	data, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("encoding a match: %w", err)
	}
	tag, err := tx.Exec(ctx, `
		update reconcile_match set difference = 0, lines = $3::jsonb
		 where id = $1 and state = 'ACTIVE' and difference = $2`, m.ID, b.Amount.Minor(), string(data))
	if err != nil {
		return fmt.Errorf("settling match %s: %w", m.ID, err)
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("break %s: %w", b.ID, ErrResolved)
	}
	added := newMatch{id: m.ID}
	in := ManualMatch{Account: account, Lines: Lines{Books: []reconcile.LineID{line}}}
	if err := added.findLines(ctx, tx, in); err != nil {
		return err
	}
	if err := insertClaims(ctx, tx, account.ID(), ownedClaims([]newMatch{added})); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		update reconcile_break
		   set state = 'CLOSED', resolution = 'ENTRY', resolved_at = $2, resolved_by = $3, match_id = $4, entry_id = $5
		 where id = $1`, b.ID, now, by, m.ID, line.ID)
	if err != nil {
		return fmt.Errorf("closing break %s: %w", b.ID, err)
	}
	return nil
}
