package ledgerdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/groupcommit"
	"github.com/tenor-lending/tenor/ledger"
)

// Limits of a Committer.
const (
	// CommitLinesMax bounds the lines of one transaction, unless a single
	// group has more.
	CommitLinesMax = 8_000
	// CommitQueueMax bounds the groups that wait.
	CommitQueueMax = 20_000
	// commitLinesMore is what is worth a transaction beside those that run.
	commitLinesMore = 800
	commitWorkers   = 2
	commitTimeout   = 30 * time.Second
)

// Committer posts entries for callers that have no transaction of their own.
// Those that call at the same time share one. It is safe for concurrent use.
type Committer struct {
	db    *database.DB
	now   func() time.Time
	group *groupcommit.Group[[]ledger.JournalEntry, []Posted]
}

// Result is what became of one entry of PostEach.
type Result struct {
	Posted Posted
	// Err is as in Committer.Post.
	Err error
}

// NewCommitter returns a Committer on db with the clock now.
func NewCommitter(db *database.DB, now func() time.Time) *Committer {
	c := &Committer{db: db, now: now}
	c.group = groupcommit.New(groupcommit.Config{
		WeightMax: CommitLinesMax, QueueMax: CommitQueueMax, Workers: commitWorkers, WeightMore: commitLinesMore,
		Timeout: commitTimeout,
	}, c.commit, lineCount, func(err error) bool { return !database.IsUnavailable(err) })
	return c
}

func lineCount(entries []ledger.JournalEntry) int {
	lines := 0
	for _, e := range entries {
		lines += len(e.Lines)
	}
	return lines
}

// Post books entries, all of them or none, and returns when they are durable.
// A rejection that depends on the books is kept under the entry's key: sent
// again, the entry is rejected again, whatever the books are by then. Errors
// are those of the function Post, and the queue's groupcommit.ErrQueueFull,
// ErrAbandoned and ErrClosed; after ErrAbandoned or database.ErrAmbiguous the
// same call tells what happened.
func (c *Committer) Post(ctx context.Context, entries ...ledger.JournalEntry) ([]Posted, error) {
	if len(entries) > BatchEntriesMax {
		return nil, fmt.Errorf("posting %d entries at once: %w", len(entries),
			ledger.Reject(ledger.EntryTooLong, "entries", fmt.Sprintf("must be at most %d", BatchEntriesMax)))
	}
	return c.group.Do(ctx, entries)
}

// PostEach books entries that do not depend on each other and returns what
// became of each.
func (c *Committer) PostEach(ctx context.Context, entries []ledger.JournalEntry) []Result {
	groups := make([][]ledger.JournalEntry, len(entries))
	for i := range entries {
		groups[i] = entries[i : i+1]
	}
	results := make([]Result, len(entries))
	for i, r := range c.group.DoAll(ctx, groups) {
		results[i].Err = r.Err
		if r.Err == nil {
			results[i].Posted = r.Value[0]
		}
	}
	return results
}

// GroupResult is what became of one group of PostGroups.
type GroupResult struct {
	// Posted has the entries of the group in their order.
	Posted []Posted
	// Err is as in Committer.Post.
	Err error
}

// PostGroups books groups of entries and returns what became of each: the
// entries of a group all or none, whatever becomes of the other groups.
func (c *Committer) PostGroups(ctx context.Context, groups [][]ledger.JournalEntry) []GroupResult {
	results := make([]GroupResult, len(groups))
	for i, r := range c.group.DoAll(ctx, groups) {
		results[i] = GroupResult{Posted: r.Value, Err: r.Err}
	}
	return results
}

// Close waits for the entries that are on their way and takes no more.
func (c *Committer) Close(ctx context.Context) error { return c.group.Close(ctx) }

// commit posts groups one after the other in one transaction. A group that
// repeats a key of an earlier one, or reverses what an earlier one reverses, has
// to see what became of that: it begins a transaction of its own.
func (c *Committer) commit(
	ctx context.Context, groups [][]ledger.JournalEntry,
) ([]groupcommit.Result[[]Posted], error) {
	var results []groupcommit.Result[[]Posted]
	for rest := groups; len(rest) > 0; {
		part := rest[:distinct(rest)]
		rest = rest[len(part):]
		done, err := c.commitRound(ctx, part)
		if err != nil && len(results) == 0 {
			return nil, err // nothing is done yet: the group may try halves
		}
		if err != nil {
			done = slices.Repeat([]groupcommit.Result[[]Posted]{{Err: err}}, len(part))
		}
		results = append(results, done...)
	}
	return results, nil
}

// distinct counts the groups before the first that names a key or the target of
// a reversal that another one names.
func distinct(groups [][]ledger.JournalEntry) int {
	keys, targets := make(map[string]bool, len(groups)), map[uuid.UUID]bool{}
	for i, entries := range groups {
		if slices.ContainsFunc(entries, func(e ledger.JournalEntry) bool { return keys[e.Key] || targets[e.Reverses] }) {
			return i
		}
		for _, e := range entries {
			keys[e.Key] = true
			if e.Reverses != uuid.Nil {
				targets[e.Reverses] = true
			}
		}
	}
	return len(groups)
}

func (c *Committer) commitRound(
	ctx context.Context, groups [][]ledger.JournalEntry,
) ([]groupcommit.Result[[]Posted], error) {
	now := c.now().UTC().Truncate(time.Microsecond)
	b, err := c.attempt(ctx, now, groups, false)
	if errors.Is(err, errTorn) {
		b, err = c.attempt(ctx, now, groups, true)
	}
	lost := errors.Is(err, database.ErrAmbiguous)
	if lost { // the keys tell whether the lost answer was a yes
		b, err = c.attempt(ctx, now, groups, true)
	}
	if err != nil {
		return nil, fmt.Errorf("committing %d groups of entries: %w", len(groups), err)
	}
	results := make([]groupcommit.Result[[]Posted], len(groups))
	for i := range groups {
		if err := b.groupError(i); err != nil {
			results[i].Err = err
			continue
		}
		posted := b.posted(i)
		for k := range posted {
			if lost && posted[k].RecordedAt.Equal(now) {
				posted[k].Replayed = false // it was this very call
			}
		}
		results[i].Value = posted
	}
	return results, nil
}

func (c *Committer) attempt(
	ctx context.Context, now time.Time, groups [][]ledger.JournalEntry, careful bool,
) (*batch, error) {
	var b *batch
	err := database.InTx(ctx, c.db, func(tx database.Tx) error {
		b = newBatch(now, groups)
		b.remember, b.careful = true, careful
		if err := b.check(ctx, tx); err != nil {
			return err
		}
		return b.insert(ctx, tx)
	})
	return b, err
}
