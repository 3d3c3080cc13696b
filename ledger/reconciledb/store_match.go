package reconciledb

import (
	"bytes"
	"cmp"
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
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/ledger/reconcile"
)

// Names of the rules of matches that no rule set made.
const (
	RuleManual = "MANUAL"
	RuleEntry  = "ENTRY"
)

// ManualLinesMax bounds the lines of a match by hand.
const ManualLinesMax = 1_000

// Lines are the lines of a match.
type Lines struct {
	Bank  []reconcile.LineID `json:"bank"`
	Books []reconcile.LineID `json:"books"`
}

// Match is a match as it is kept.
type Match struct {
	ID         uuid.UUID
	RunID      uuid.UUID
	Rule       string
	Difference money.Amount
	Lines      Lines
	// Days and Reference are why a rule made it; Note is what a person said.
	Days       int
	Reference  string
	Note       string
	RecordedAt time.Time
	RecordedBy string
	Active     bool
	UndoneAt   time.Time
	UndoneBy   string
	UndoReason string
}

// claim is a line with what a claim of it records.
type claim struct {
	side   reconcile.Side
	id     reconcile.LineID
	day    civil.Date
	amount int64
}

// kept is the form of a match's lines and reason in the database.
type kept struct {
	Lines
	Days      int    `json:"days,omitempty"`
	Reference string `json:"reference,omitempty"`
}

// newMatch is a match on its way into the database.
type newMatch struct {
	id         uuid.UUID
	run        *uuid.UUID
	rule, note string
	kept       kept
	difference int64
	claims     []claim
}

// last is the latest day of the match's lines.
func (m *newMatch) last() civil.Date {
	return slices.MaxFunc(m.claims, func(a, b claim) int { return a.day.Compare(b.day) }).day
}

// insertMatches keeps matches and claims their lines. The error is ErrClaimed
// when a line belongs to another match.
func insertMatches(
	ctx context.Context, tx database.Tx, now time.Time, account uuid.UUID, by string, matches []newMatch,
) error {
	for part := range slices.Chunk(matches, chunk) {
		if err := insertMatchRows(ctx, tx, now, account, by, part); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(ownedClaims(matches), chunk) {
		if err := insertClaims(ctx, tx, account, part); err != nil {
			return err
		}
	}
	return nil
}

// ownedClaim is a claim with its match.
type ownedClaim struct {
	claim
	match uuid.UUID
}

// ownedClaims returns the claims in the order of their key: hundreds of
// thousands then go into the table from its beginning to its end.
func ownedClaims(matches []newMatch) []ownedClaim {
	count := 0
	for _, m := range matches {
		count += len(m.claims)
	}
	list := make([]ownedClaim, 0, count)
	for _, m := range matches {
		for _, c := range m.claims {
			list = append(list, ownedClaim{c, m.id})
		}
	}
	slices.SortFunc(list, func(a, b ownedClaim) int {
		return cmp.Or(cmp.Compare(a.side, b.side), bytes.Compare(a.id.ID[:], b.id.ID[:]), cmp.Compare(a.id.No, b.id.No))
	})
	return list
}

func insertMatchRows(
	ctx context.Context, tx database.Tx, now time.Time, account uuid.UUID, by string, matches []newMatch,
) error {
	var ids []uuid.UUID
	var runs []*uuid.UUID
	var rules, notes, lines []string
	var differences []int64
	for i := range matches {
		m := &matches[i]
		data, err := json.Marshal(m.kept)
		if err != nil {
			return fmt.Errorf("encoding a match: %w", err)
		}
		ids, runs, rules = append(ids, m.id), append(runs, m.run), append(rules, m.rule)
		notes, lines, differences = append(notes, m.note), append(lines, string(data)), append(differences, m.difference)
	}
	_, err := tx.Exec(ctx, `
		insert into reconcile_match
		       (id, account_id, run_id, rule, difference, lines, note, recorded_at, recorded_by, state, undone_by,
		        undo_reason)
		select u.id, $7, u.run_id, u.rule, u.difference, u.lines::jsonb, u.note, $8, $9, 'ACTIVE', '', ''
		  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[])
		       as u (id, run_id, rule, difference, lines, note)`,
		ids, runs, rules, differences, lines, notes, account, now, by)
	if err != nil {
		return fmt.Errorf("inserting matches: %w", err)
	}
	return nil
}

func insertClaims(ctx context.Context, tx database.Tx, account uuid.UUID, claims []ownedClaim) error {
	var sides []string
	var ids, owners []uuid.UUID
	var numbers, amounts []int64
	var days []civil.Date
	for _, c := range claims {
		sides, ids, numbers = append(sides, string(c.side)), append(ids, c.id.ID), append(numbers, c.id.No)
		days, amounts, owners = append(days, c.day), append(amounts, c.amount), append(owners, c.match)
	}
	_, err := tx.Exec(ctx, `
		insert into reconcile_claim (side, line_id, line_no, account_id, match_id, line_date, amount)
		select u.side, u.line_id, u.line_no, $7, u.match_id, u.line_date, u.amount
		  from unnest($1::text[], $2::uuid[], $3::bigint[], $4::uuid[], $5::date[], $6::bigint[])
		       as u (side, line_id, line_no, match_id, line_date, amount)`,
		sides, ids, numbers, owners, days, amounts, account)
	if database.IsUnique(err, "reconcile_claim_pkey") {
		return ErrClaimed
	}
	if err != nil {
		return fmt.Errorf("claiming lines: %w", err)
	}
	return nil
}

// ManualMatch is a match that a person or another service makes.
type ManualMatch struct {
	ID      uuid.UUID
	Account ledger.Account
	// Rule is RuleManual or RuleEntry.
	Rule  string
	Lines Lines
	Note  string
	By    string
	// EntryID is the entry that was posted to make the lines fit, or uuid.Nil.
	EntryID uuid.UUID
}

// LineError names a line that cannot be matched.
type LineError struct {
	Side   reconcile.Side
	Index  int
	Detail string
}

// Error implements error.
func (e *LineError) Error() string { return e.FieldName() + " " + e.Detail }

// FieldName returns the path of the line in the request: "bank[0]".
func (e *LineError) FieldName() string {
	if e.Side == reconcile.Bank {
		return fmt.Sprintf("bank[%d]", e.Index)
	}
	return fmt.Sprintf("books[%d]", e.Index)
}

// Is reports whether target is ErrLine.
func (e *LineError) Is(target error) bool { return target == ErrLine }

// ErrLine is matched by every LineError.
var ErrLine = errors.New("a line cannot be matched")

// MatchLines claims lines as one match and closes their breaks. A difference
// that is left becomes a break. The errors are a *LineError and ErrClaimed.
func MatchLines(ctx context.Context, tx database.Tx, now time.Time, in ManualMatch) (Match, error) {
	m := newMatch{id: in.ID, rule: in.Rule, note: in.Note, kept: kept{Lines: in.Lines}}
	if m.kept.Bank == nil {
		m.kept.Bank = []reconcile.LineID{}
	}
	if m.kept.Books == nil {
		m.kept.Books = []reconcile.LineID{}
	}
	if err := m.findLines(ctx, tx, in); err != nil {
		return Match{}, err
	}
	if len(m.claims) < linesMin {
		return Match{}, &LineError{reconcile.Bank, 0, "or books must name two lines at least, together"}
	}
	for _, c := range m.claims {
		if c.side == reconcile.Bank {
			m.difference += c.amount
		} else {
			m.difference -= c.amount
		}
	}
	if err := insertMatches(ctx, tx, now, in.Account.ID(), in.By, []newMatch{m}); err != nil {
		return Match{}, err
	}
	if err := closeBreaks(ctx, tx, now, in.By, []newMatch{m}, in.EntryID); err != nil {
		return Match{}, err
	}
	if err := openDifferences(ctx, tx, now, in.Account.ID(), []newMatch{m}); err != nil {
		return Match{}, err
	}
	return MatchByID(ctx, tx, in.Account.Currency, in.ID)
}

// findLines reads the lines that are to be matched.
func (m *newMatch) findLines(ctx context.Context, tx database.Tx, in ManualMatch) error {
	ids := make([]uuid.UUID, len(in.Lines.Bank))
	for i, id := range in.Lines.Bank {
		ids[i] = id.ID
	}
	found, err := bankLinesByID(ctx, tx, in.Account, ids)
	if err != nil {
		return err
	}
	seen := map[claim]bool{}
	for i, id := range in.Lines.Bank {
		line, ok := found[id.ID]
		if !ok || id.No != 0 {
			return &LineError{reconcile.Bank, i, "is no line of a statement of the account"}
		}
		c := claim{reconcile.Bank, id, line.BookingDate, line.Amount.Minor()}
		if seen[c] {
			return &LineError{reconcile.Bank, i, "is named twice"}
		}
		seen[c], m.claims = true, append(m.claims, c)
	}
	entries := make([]uuid.UUID, len(in.Lines.Books))
	for i, id := range in.Lines.Books {
		entries[i] = id.ID
	}
	lines, err := ledgerdb.EntryLinesOn(ctx, tx, in.Account, entries...)
	if err != nil {
		return err
	}
	for i, id := range in.Lines.Books {
		at := slices.IndexFunc(lines, func(l ledgerdb.AccountLine) bool {
			return l.Position.Entry == id.ID && l.Position.Line == id.No
		})
		if at < 0 {
			return &LineError{reconcile.Books, i, "is no line of an entry on the account"}
		}
		c := claim{reconcile.Books, id, lines[at].Position.Effective, lines[at].Amount}
		if seen[c] {
			return &LineError{reconcile.Books, i, "is named twice"}
		}
		seen[c], m.claims = true, append(m.claims, c)
	}
	return nil
}

// linesMin is two: a line does not belong to itself.
const linesMin = 2

const matchColumns = `
	id, run_id, rule, difference, lines, note, recorded_at, recorded_by, state, undone_at, undone_by, undo_reason`

func scanMatch(currency money.Currency) pgx.RowToFunc[Match] {
	return func(row pgx.CollectableRow) (Match, error) {
		var m Match
		var run *uuid.UUID
		var difference int64
		var k kept
		var state string
		var undone *time.Time
		err := row.Scan(&m.ID, &run, &m.Rule, &difference, &k, &m.Note, &m.RecordedAt, &m.RecordedBy, &state, &undone,
			&m.UndoneBy, &m.UndoReason)
		m.Difference, m.Lines, m.Days, m.Reference = money.New(difference, currency), k.Lines, k.Days, k.Reference
		m.RecordedAt, m.Active = m.RecordedAt.UTC(), state == "ACTIVE"
		if run != nil {
			m.RunID = *run
		}
		if undone != nil {
			m.UndoneAt = undone.UTC()
		}
		return m, err
	}
}

// MatchByID returns a match, or ErrNotFound.
func MatchByID(ctx context.Context, tx database.Tx, currency money.Currency, id uuid.UUID) (Match, error) {
	rows, err := tx.Query(ctx, `select `+matchColumns+` from reconcile_match where id = $1`, id)
	if err != nil {
		return Match{}, fmt.Errorf("reading match %s: %w", id, err)
	}
	m, err := pgx.CollectExactlyOneRow(rows, scanMatch(currency))
	if errors.Is(err, pgx.ErrNoRows) {
		return Match{}, fmt.Errorf("match %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Match{}, fmt.Errorf("reading match %s: %w", id, err)
	}
	return m, nil
}

// Position is a place in a listing by an instant or a day, and an id.
type Position struct {
	At  time.Time  `json:"a,omitzero"`
	Day civil.Date `json:"d,omitzero"`
	ID  uuid.UUID  `json:"i"`
}

// Matches lists the matches of an account in the order in which they were made,
// those of one run if that is not uuid.Nil.
func Matches(
	ctx context.Context, tx database.Tx, account ledger.Account, run uuid.UUID, after Position, limit int,
) ([]Match, error) {
	rows, err := tx.Query(ctx, `
		select `+matchColumns+` from reconcile_match
		 where account_id = $1 and ($2 = '00000000-0000-0000-0000-000000000000'::uuid or run_id = $2)
		   and (recorded_at, id) > ($3::timestamptz, $4::uuid)
		 order by recorded_at, id limit $5`, account.ID(), run, after.At, after.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("listing matches: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanMatch(account.Currency))
	if err != nil {
		return nil, fmt.Errorf("listing matches: %w", err)
	}
	return list, nil
}

// Undo takes a match apart: its lines are free again, and breaks. The errors
// are ErrNotFound and ErrNotActive.
func Undo(ctx context.Context, tx database.Tx, now time.Time, id uuid.UUID, by, reason string) error {
	var account uuid.UUID
	err := tx.QueryRow(ctx, `
		update reconcile_match set state = 'UNDONE', undone_at = $2, undone_by = $3, undo_reason = $4
		 where id = $1 and state = 'ACTIVE' returning account_id`, id, now, by, reason).Scan(&account)
	if errors.Is(err, pgx.ErrNoRows) {
		if _, err := MatchByID(ctx, tx, money.Currency{}, id); err != nil {
			return err
		}
		return fmt.Errorf("match %s: %w", id, ErrNotActive)
	}
	if err != nil {
		return fmt.Errorf("undoing match %s: %w", id, err)
	}
	rows, err := tx.Query(ctx, `
		delete from reconcile_claim where match_id = $1 returning side, line_id, line_no, line_date, amount`, id)
	if err != nil {
		return fmt.Errorf("freeing the lines of match %s: %w", id, err)
	}
	claims, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (claim, error) {
		var c claim
		err := row.Scan(&c.side, &c.id.ID, &c.id.No, &c.day, &c.amount)
		return c, err
	})
	if err != nil {
		return fmt.Errorf("freeing the lines of match %s: %w", id, err)
	}
	_, err = tx.Exec(ctx, `
		update reconcile_break set state = 'CLOSED', resolution = 'MATCH', resolved_at = $2, resolved_by = $3, note = $4
		 where id = $1 and state <> 'CLOSED'`, BreakID(SideMatch, reconcile.LineID{ID: id}), now, by, reason)
	if err != nil {
		return fmt.Errorf("closing the difference of match %s: %w", id, err)
	}
	return reopen(ctx, tx, now, account, claims)
}
