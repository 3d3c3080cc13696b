package ledgerdb

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

// BatchEntriesMax bounds the entries of one call of Post.
const BatchEntriesMax = 5_000

// Posted is what became of an entry.
type Posted struct {
	ID uuid.UUID
	// RecordedAt is when the entry was first posted.
	RecordedAt time.Time
	// Replayed says that the entry was there before and nothing was done now.
	Replayed bool
	// Balances are those of the entry's accounts that have a limit, right after
	// the entry. The others are read with Balances.
	Balances []ledger.Balance
}

// Post books entries in the caller's transaction, all of them or none. An entry
// that was posted before with the same content is left as it is and reported as
// replayed; another content is ledger.ErrKeyReused. A *ledger.Rejection names what is
// wrong with an entry. After an error the transaction must not be committed.
//
// now is the instant of recording, the same for the whole transaction.
func Post(
	ctx context.Context, tx database.Tx, now time.Time, entries ...ledger.JournalEntry,
) ([]Posted, error) {
	b, err := newBatch(now, entries)
	if err != nil {
		return nil, err
	}
	if err := b.check(ctx, tx, loadAccounts); err != nil {
		return nil, err
	}
	if err := b.firstError(); err != nil {
		return nil, err
	}
	if err := b.insert(ctx, tx); err != nil {
		return nil, err
	}
	if err := b.firstError(); err != nil {
		return nil, err
	}
	posted := make([]Posted, len(b.items))
	for i, it := range b.items {
		posted[i] = it.posted
	}
	return posted, nil
}

// item is one entry on its way into the journal.
type item struct {
	entry  ledger.JournalEntry
	id     uuid.UUID
	hash   [32]byte
	posted Posted
	err    error // why it is not posted: a *ledger.Rejection or ledger.ErrKeyReused
	done   bool  // nothing is left to insert: it was rejected or is a replay
	first  *item // the item of the same call that has the same key, or nil
}

func (it *item) fail(err error) { it.err, it.done = err, true }

func (it *item) replay(recorded time.Time) {
	it.posted = Posted{ID: it.id, RecordedAt: recorded, Replayed: true}
	it.err, it.done = nil, true
}

// batch is the entries of one call, in the order of the caller.
type batch struct {
	now      time.Time
	items    []*item
	accounts map[uuid.UUID]ledger.Account
	limits   map[uuid.UUID]*limitTotals
}

// newBatch checks what does not depend on the books.
func newBatch(now time.Time, entries []ledger.JournalEntry) (*batch, error) {
	if len(entries) > BatchEntriesMax {
		return nil, fmt.Errorf("posting %d entries at once: %w", len(entries),
			ledger.Reject(ledger.EntryTooLong, "entries", fmt.Sprintf("must be at most %d", BatchEntriesMax)))
	}
	b := &batch{now: now.UTC().Truncate(time.Microsecond), items: make([]*item, len(entries))}
	seen := make(map[uuid.UUID]*item, len(entries))
	for i, entry := range entries {
		it := &item{entry: entry.Normalized()}
		b.items[i] = it
		if err := it.entry.Validate(); err != nil {
			it.fail(err)
			continue
		}
		it.id, it.hash = it.entry.ID(), it.entry.Hash()
		first := seen[it.id]
		if first == nil {
			seen[it.id] = it
			continue
		}
		it.first, it.done = first, true
		if first.hash != it.hash {
			it.fail(ledger.ErrKeyReused)
		}
	}
	return b, nil
}

// firstError returns why the first entry that failed did so.
func (b *batch) firstError() error {
	for _, it := range b.items {
		if it.err != nil {
			return fmt.Errorf("posting entry %q: %w", it.entry.Key, it.err)
		}
	}
	return nil
}

func (b *batch) open() []*item {
	return slices.DeleteFunc(slices.Clone(b.items), func(it *item) bool { return it.done })
}

// accountLoader finds accounts in the transaction, all of one snapshot.
type accountLoader func(
	ctx context.Context, tx database.Tx, epoch int64, ids []uuid.UUID,
) (map[uuid.UUID]ledger.Account, error)

func loadAccounts(
	ctx context.Context, tx database.Tx, _ int64, ids []uuid.UUID,
) (map[uuid.UUID]ledger.Account, error) {
	return Accounts(ctx, tx, ids...)
}

// check decides about every entry without changing anything.
func (b *batch) check(ctx context.Context, tx database.Tx, load accountLoader) error {
	open := b.open()
	if len(open) == 0 {
		return nil
	}
	control, err := readControl(ctx, tx, open)
	if err != nil {
		return err
	}
	b.accounts, err = load(ctx, tx, control.epoch, accountIDs(open))
	if err != nil {
		return err
	}
	lookup := func(id uuid.UUID) (ledger.Account, bool) { a, ok := b.accounts[id]; return a, ok }
	for _, it := range open {
		if prior, ok := control.rejected[it.id]; ok {
			it.fail(prior.answer(it))
		} else if err := it.entry.Check(lookup); err != nil {
			it.fail(err)
		} else if !it.entry.BookingDate.After(control.closedThrough) {
			it.fail(ledger.Reject(ledger.PeriodClosed, "booking_date",
				"must be after "+control.closedThrough.String()+", the end of the closed periods"))
		}
	}
	if err := b.findReplays(ctx, tx, open); err != nil {
		return err
	}
	if err := b.checkReversals(ctx, tx); err != nil {
		return err
	}
	return b.checkLimits(ctx, tx)
}

func accountIDs(items []*item) []uuid.UUID {
	seen := make(map[uuid.UUID]bool, 2*len(items))
	var ids []uuid.UUID
	for _, it := range items {
		for _, line := range it.entry.Lines {
			if !seen[line.AccountID] {
				seen[line.AccountID] = true
				ids = append(ids, line.AccountID)
			}
		}
	}
	slices.SortFunc(ids, compareIDs)
	return ids
}

// control is what every posting transaction reads first.
type control struct {
	closedThrough civil.Date
	epoch         int64
	rejected      map[uuid.UUID]priorRejection
}

type priorRejection struct {
	id        uuid.UUID
	hash      []byte
	rejection ledger.Rejection
}

func (p priorRejection) answer(it *item) error {
	if string(p.hash) != string(it.hash[:]) {
		return ledger.ErrKeyReused
	}
	rejection := p.rejection
	return &rejection
}

// readControl asks both questions in one round trip.
func readControl(ctx context.Context, tx database.Tx, items []*item) (control, error) {
	ids := make([]uuid.UUID, len(items))
	for i, it := range items {
		ids[i] = it.id
	}
	c := control{rejected: map[uuid.UUID]priorRejection{}}
	var questions pgx.Batch
	questions.Queue(`select closed_through, account_epoch from ledger_control where id = 1`).QueryRow(
		func(row pgx.Row) error { return row.Scan(&c.closedThrough, &c.epoch) })
	questions.Queue(`
		select entry_id, hash, code, line, field, detail from ledger_rejection
		 where entry_id = any($1) order by entry_id`, ids).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var p priorRejection
			r := &p.rejection
			if err := rows.Scan(&p.id, &p.hash, &r.Code, &r.Line, &r.Field, &r.Detail); err != nil {
				return err
			}
			c.rejected[p.id] = p
		}
		return rows.Err()
	})
	if err := tx.SendBatch(ctx, &questions).Close(); err != nil {
		return control{}, fmt.Errorf("reading the state of the books: %w", err)
	}
	return c, nil
}

// findReplays looks up the entries for which it matters now whether they were
// posted before: those that would be rejected, those that move a limit, and
// reversals. For the others the insert itself tells; reading them would make
// concurrent writers conflict.
func (b *batch) findReplays(ctx context.Context, tx database.Tx, items []*item) error {
	byID := make(map[uuid.UUID]*item)
	var ids []uuid.UUID
	for _, it := range items {
		if it.err != nil || it.entry.Reverses != uuid.Nil || b.limited(it) {
			byID[it.id] = it
			ids = append(ids, it.id)
		}
	}
	return b.matchStored(ctx, tx, ids, byID)
}

func (b *batch) limited(it *item) bool {
	return slices.ContainsFunc(it.entry.Lines, func(line ledger.Line) bool {
		account, ok := b.accounts[line.AccountID]
		return ok && account.Limit != ledger.NoLimit
	})
}

// matchStored turns items whose entry is in the journal into replays, or into
// ledger.ErrKeyReused when the stored entry is another one.
func (b *batch) matchStored(ctx context.Context, tx database.Tx, ids []uuid.UUID, byID map[uuid.UUID]*item) error {
	if len(ids) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `
		select id, hash, recorded_at from ledger_entry where id = any($1) order by id`, ids)
	if err != nil {
		return fmt.Errorf("looking for entries posted before: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id uuid.UUID
		var hash []byte
		var recorded time.Time
		if err := rows.Scan(&id, &hash, &recorded); err != nil {
			return fmt.Errorf("looking for entries posted before: %w", err)
		}
		it := byID[id]
		if string(hash) != string(it.hash[:]) {
			it.fail(ledger.ErrKeyReused)
			continue
		}
		it.replay(recorded.UTC())
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("looking for entries posted before: %w", err)
	}
	return nil
}
