package ledgerdb

import (
	"context"
	"fmt"

	"github.com/tenor-lending/tenor/internal/database"
)

// MayChangeJournal reports whether the login of db could change or remove rows
// of the journal. In production it must not: then no fault of a service, and
// nobody who takes one over, can rewrite history.
func MayChangeJournal(ctx context.Context, db *database.DB) (bool, error) {
	var may bool
	err := database.InReadTx(ctx, db, func(tx database.Tx) error {
		return tx.QueryRow(ctx, `
			select has_table_privilege('ledger_entry', 'UPDATE')
			    or has_table_privilege('ledger_entry', 'DELETE')
			    or has_table_privilege('ledger_line', 'UPDATE')
			    or has_table_privilege('ledger_line', 'DELETE')`).Scan(&may)
	})
	if err != nil {
		return false, fmt.Errorf("asking for the rights of this login: %w", err)
	}
	return may, nil
}
