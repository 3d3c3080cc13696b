package ledgerdb

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

// Pages of a walk through the books.
const (
	walkEntries  = 500
	walkAccounts = 1_000
	// walkChunk bounds the entries whose lines are in memory at once: entries may
	// have thousands of them.
	walkChunk = 50
)

// EachEntry calls fn with the entries that the filter selects, in pages, in the
// order of the journal, with the accounts of their lines. Its After and Limit
// are not looked at. Memory is bounded by the page, whatever the journal's
// size. Pages are transactions of their own: give the filter a Snapshot to see
// one state of the books. An error of fn ends the walk.
func EachEntry(
	ctx context.Context, db *database.DB, f EntryFilter,
	fn func(page []Entry, accounts map[uuid.UUID]ledger.Account) error,
) error {
	f.After, f.Limit = EntryPosition{}, walkEntries
	for {
		var heads []Entry
		err := database.InReadTx(ctx, db, func(tx database.Tx) error {
			var err error
			heads, err = entryHeads(ctx, tx, f)
			return err
		})
		if err != nil {
			return err
		}
		for chunk := range slices.Chunk(heads, walkChunk) {
			if err := eachChunk(ctx, db, chunk, fn); err != nil {
				return err
			}
		}
		if len(heads) < walkEntries {
			return nil
		}
		f.After = heads[len(heads)-1].Position()
	}
}

// eachChunk reads the lines of a few entries, which never change, and hands all
// of it to fn outside of the transaction: fn may be slow.
func eachChunk(
	ctx context.Context, db *database.DB, chunk []Entry,
	fn func(page []Entry, accounts map[uuid.UUID]ledger.Account) error,
) error {
	var accounts map[uuid.UUID]ledger.Account
	err := database.InReadTx(ctx, db, func(tx database.Tx) error {
		page, err := withLines(ctx, tx, chunk)
		if err != nil {
			return err
		}
		accounts, err = Accounts(ctx, tx, accountsOf(page)...)
		return err
	})
	if err != nil {
		return err
	}
	return fn(chunk, accounts)
}

func accountsOf(page []Entry) []uuid.UUID {
	var ids []uuid.UUID
	for _, e := range page {
		for _, line := range e.Lines {
			ids = append(ids, line.AccountID)
		}
	}
	slices.SortFunc(ids, compareIDs)
	return slices.Compact(ids)
}

// EachAccount calls fn with every account, in pages, in the order of codes.
func EachAccount(ctx context.Context, db *database.DB, fn func(page []ledger.Account) error) error {
	f := AccountFilter{Limit: walkAccounts}
	for {
		var page []ledger.Account
		err := database.InReadTx(ctx, db, func(tx database.Tx) error {
			var err error
			page, err = ListAccounts(ctx, tx, f)
			return err
		})
		if err != nil {
			return err
		}
		if len(page) > 0 {
			if err := fn(page); err != nil {
				return err
			}
			f.After = page[len(page)-1].Code
		}
		if len(page) < walkAccounts {
			return nil
		}
	}
}
