package ledgerdb

import (
	"context"
	"errors"
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
	// the entry. Of the others nobody can say what they held right after it
	// without making writers wait for each other; the function Balances with
	// RecordedAt as Known tells what they held then, as far as it is committed:
	// the entry and what else was recorded by that instant.
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
	if len(entries) > BatchEntriesMax {
		return nil, fmt.Errorf("posting %d entries at once: %w", len(entries),
			ledger.Reject(ledger.EntryTooLong, "entries", fmt.Sprintf("must be at most %d", BatchEntriesMax)))
	}
	b := newBatch(now, [][]ledger.JournalEntry{entries})
	if err := b.check(ctx, tx); err != nil {
		return nil, err
	}
	if err := b.groupError(0); err != nil {
		return nil, err
	}
	err := b.insert(ctx, tx)
	if fault := b.groupError(0); fault != nil {
		return nil, fault
	}
	if err != nil {
		return nil, err
	}
	return b.posted(0), nil
}

// EntryError says which entry of a call was at fault.
type EntryError struct {
	// Index is the entry's place in the call.
	Index int
	Key   string
	// Err is a *ledger.Rejection or ledger.ErrKeyReused.
	Err error
}

// Error implements error.
func (e *EntryError) Error() string { return fmt.Sprintf("posting entry %q: %v", e.Key, e.Err) }

// Unwrap returns the fault itself.
func (e *EntryError) Unwrap() error { return e.Err }

// item is one entry on its way into the journal.
type item struct {
	entry  ledger.JournalEntry
	id     uuid.UUID
	hash   [32]byte
	pos    int64 // its place in the batch
	posted Posted
	err    error // why it is not posted: a *ledger.Rejection, ledger.ErrKeyReused or errLinked
	done   bool  // nothing is left to insert: it was rejected or is a replay
	old    bool  // err is an answer from the past
	first  *item // the item of the same group that has the same key, or nil
}

// errLinked marks an entry that is not posted because another one of its group
// is not.
var errLinked = errors.New("another entry of the group was rejected")

func (it *item) fail(err error) { it.err, it.done = err, true }

func (it *item) replay(recorded time.Time) {
	it.posted = Posted{ID: it.id, RecordedAt: recorded, Replayed: true}
	it.err, it.done = nil, true
}

// batch is groups of entries in the order of their callers. The entries of a
// group are posted all or none. No two groups of a batch share a key.
type batch struct {
	now      time.Time
	items    []*item
	groups   [][]*item
	accounts map[uuid.UUID]ledger.Account
	limits   map[uuid.UUID]*limitTotals
	// remember has rejections kept under their keys for ever.
	remember bool
	// careful has every entry looked up before it is inserted.
	careful bool
}

// newBatch checks what does not depend on the books.
func newBatch(now time.Time, groups [][]ledger.JournalEntry) *batch {
	b := &batch{now: now.UTC().Truncate(time.Microsecond)}
	for _, entries := range groups {
		seen := make(map[uuid.UUID]*item, len(entries))
		group := make([]*item, len(entries))
		for i, entry := range entries {
			group[i] = newItem(entry, seen)
		}
		b.groups = append(b.groups, group)
		b.items = append(b.items, group...)
	}
	b.link()
	return b
}

func newItem(entry ledger.JournalEntry, seen map[uuid.UUID]*item) *item {
	it := &item{entry: entry.Normalized()}
	if err := it.entry.Validate(); err != nil {
		it.fail(err)
		return it
	}
	it.id, it.hash = it.entry.ID(), it.entry.Hash()
	first := seen[it.id]
	if first == nil {
		seen[it.id] = it
		return it
	}
	it.first, it.done = first, true
	if first.hash != it.hash {
		it.fail(ledger.ErrKeyReused)
	}
	return it
}

// link gives up the entries whose group has lost one.
func (b *batch) link() {
	for _, group := range b.groups {
		if len(group) < 2 || !slices.ContainsFunc(group, func(it *item) bool { return it.err != nil }) {
			continue
		}
		for _, it := range group {
			if !it.done {
				it.fail(errLinked)
			}
		}
	}
}

// groupError returns why a group is not posted, or nil.
func (b *batch) groupError(group int) error {
	for i, it := range b.groups[group] {
		if it.err != nil && !errors.Is(it.err, errLinked) {
			return &EntryError{Index: i, Key: it.entry.Key, Err: it.err}
		}
	}
	return nil
}

func (b *batch) posted(group int) []Posted {
	posted := make([]Posted, len(b.groups[group]))
	for i, it := range b.groups[group] {
		posted[i] = it.posted
	}
	return posted
}

func (b *batch) open() []*item {
	return slices.DeleteFunc(slices.Clone(b.items), func(it *item) bool { return it.done })
}

// check decides about every entry without changing anything.
func (b *batch) check(ctx context.Context, tx database.Tx) error {
	open := b.open()
	if len(open) == 0 {
		return nil
	}
	control, err := readControl(ctx, tx, open)
	if err != nil {
		return err
	}
	b.accounts, err = loadAccounts(ctx, tx, control.epoch, accountIDs(open))
	if err != nil {
		return err
	}
	lookup := func(id uuid.UUID) (ledger.Account, bool) { a, ok := b.accounts[id]; return a, ok }
	for _, it := range open {
		if prior, ok := control.rejected[it.id]; ok {
			it.fail(prior.answer(it))
			it.old = true
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
	b.link()
	if err := b.checkReversals(ctx, tx); err != nil {
		return err
	}
	b.link()
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
		if b.careful || it.err != nil || it.entry.Reverses != uuid.Nil || b.limited(it) {
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
