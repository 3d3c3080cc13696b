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
)

// EachEntry calls fn with the entries that the filter selects, in pages, in the
// order of the journal, with the accounts of their lines. Its After and Limit
// are not looked at. Memory is bounded by the page, whatever the journal's
// size. Each page is a transaction of its own: give the filter a Known in the
// past to see one state of the books. An error of fn ends the walk.
func EachEntry(
	ctx context.Context, db *database.DB, f EntryFilter,
	fn func(page []Entry, accounts map[uuid.UUID]ledger.Account) error,
) error {
	f.After, f.Limit = EntryPosition{}, walkEntries
	for {
		var page []Entry
		var accounts map[uuid.UUID]ledger.Account
		err := database.InReadTx(ctx, db, func(tx database.Tx) error {
			var err error
			page, err = Entries(ctx, tx, f)
			if err != nil {
				return err
			}
			accounts, err = Accounts(ctx, tx, accountsOf(page)...)
			return err
		})
		if err != nil {
			return err
		}
		if len(page) > 0 {
			if err := fn(page, accounts); err != nil {
				return err
			}
			f.After = page[len(page)-1].Position()
		}
		if len(page) < walkEntries {
			return nil
		}
	}
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
