package reconciledb

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/reconcile"
)

// Run is a reconciliation that was run.
type Run struct {
	ID           uuid.UUID
	Rules        string
	RulesVersion int64
	Through      civil.Date
	BankLines    int64
	BookLines    int64
	Matches      int64
	Breaks       int64
	LimitReached bool
	// Digest is that of what was found; the same lines and rules give the same.
	Digest     [sha256.Size]byte
	RecordedAt time.Time
	RecordedBy string
}

// SaveRun keeps a run with its matches and breaks. space is new and makes the
// ids of the matches. The error is ErrClaimed when another match took a line meanwhile:
// load and run again.
func SaveRun(
	ctx context.Context, tx database.Tx, account ledger.Account, run Run, work *Work, result *reconcile.Result,
	space uuid.UUID,
) error {
	matches := make([]newMatch, len(result.Matches))
	bank, books := index(work.Bank), index(work.Books)
	for i := range result.Matches {
		m := &result.Matches[i]
		n := newMatch{
			id: matchID(space, i), run: &run.ID, rule: m.Rule, difference: m.Difference,
			kept: kept{Lines: Lines{Bank: m.Bank, Books: m.Books}, Days: m.Days, Reference: m.Reference},
		}
		for _, id := range m.Bank {
			line := &work.Bank[bank[id]]
			n.claims = append(n.claims, claim{reconcile.Bank, id, work.on(line), line.Amount})
		}
		for _, id := range m.Books {
			line := &work.Books[books[id]]
			n.claims = append(n.claims, claim{reconcile.Books, id, work.on(line), line.Amount})
		}
		matches[i] = n
	}
	breaks := make([]newBreak, 0, len(result.Breaks))
	for _, b := range work.Breaks(*result) {
		n := newBreak{
			side: b.Side, line: b.Line, kind: b.Kind, amount: b.Amount, day: b.Date,
			reason: Reason{Candidates: b.Candidates, DuplicateOf: b.DuplicateOf},
		}
		if b.Side == reconcile.Books {
			n.amount = -b.Amount
		}
		if day, ok := work.booked[b.Line]; ok && b.Side == reconcile.Bank {
			n.day = day
		}
		breaks = append(breaks, n)
	}
	if err := insertMatches(ctx, tx, run.RecordedAt, account.ID(), run.RecordedBy, matches); err != nil {
		return err
	}
	if err := closeIfAny(ctx, tx, account.ID(), run, matches); err != nil {
		return err
	}
	if err := openDifferences(ctx, tx, run.RecordedAt, account.ID(), matches); err != nil {
		return err
	}
	if err := putBreaks(ctx, tx, run.RecordedAt, account.ID(), breaks); err != nil {
		return err
	}
	return insertRun(ctx, tx, account, run)
}

// matchID is the id of match i of a run. Ids of one run follow each other, so that
// its matches lie together.
func matchID(space uuid.UUID, i int) uuid.UUID {
	const at = len(space) - 4
	binary.BigEndian.PutUint32(space[at:], uint32(i))
	return space
}

// closeIfAny closes the breaks of matched lines, unless the account has none that
// could be: the first run of an account has not, and is the largest.
func closeIfAny(ctx context.Context, tx database.Tx, account uuid.UUID, run Run, matches []newMatch) error {
	var found bool
	err := tx.QueryRow(ctx, `
		select exists (select 1 from reconcile_break where account_id = $1 and state in ('OPEN', 'EXPLAINED'))`,
		account).Scan(&found)
	if err != nil {
		return fmt.Errorf("looking for breaks: %w", err)
	}
	if !found {
		return nil
	}
	return closeBreaks(ctx, tx, run.RecordedAt, run.RecordedBy, matches, uuid.Nil)
}

func index(lines []reconcile.Line) map[reconcile.LineID]int {
	at := make(map[reconcile.LineID]int, len(lines))
	for i := range lines {
		at[lines[i].ID] = i
	}
	return at
}

func insertRun(ctx context.Context, tx database.Tx, account ledger.Account, r Run) error {
	_, err := tx.Exec(ctx, `
		insert into reconcile_run
		       (id, account_id, rules, rules_version, through, bank_lines, book_lines, matches, breaks, limit_reached, digest,
		        recorded_at, recorded_by)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		r.ID, account.ID(), r.Rules, r.RulesVersion, r.Through, r.BankLines, r.BookLines, r.Matches, r.Breaks,
		r.LimitReached, r.Digest[:], r.RecordedAt, r.RecordedBy)
	if err != nil {
		return fmt.Errorf("recording the run: %w", err)
	}
	return nil
}

// RunByID returns a run, or ErrNotFound.
func RunByID(ctx context.Context, tx database.Tx, id uuid.UUID) (Run, error) {
	r := Run{ID: id}
	var digest []byte
	err := tx.QueryRow(ctx, `
		select rules, rules_version, through, bank_lines, book_lines, matches, breaks, limit_reached, digest, recorded_at,
		       recorded_by
		  from reconcile_run where id = $1`, id).
		Scan(&r.Rules, &r.RulesVersion, &r.Through, &r.BankLines, &r.BookLines, &r.Matches, &r.Breaks, &r.LimitReached,
			&digest, &r.RecordedAt, &r.RecordedBy)
	if errors.Is(err, pgx.ErrNoRows) {
		return Run{}, fmt.Errorf("run %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return Run{}, fmt.Errorf("reading run %s: %w", id, err)
	}
	copy(r.Digest[:], digest)
	r.RecordedAt = r.RecordedAt.UTC()
	return r, nil
}
