// Package ledgerdb keeps the books of package ledger in a database: accounts,
// journal entries with their lines, limits, reversals and rejections. It is the
// only writer of the tables ledger_*.
//
// The journal is insert-only. A balance is the sum of an account's lines, so
// that writers do not meet on a row however hot the account is; only accounts
// that have a limit keep totals that a posting transaction checks and moves.
//
// It must not decide what a valid entry is (package ledger does), nor know
// loans, HTTP or the clock: the caller's transaction and instant come in.
package ledgerdb

import "errors"

// ErrNotFound means that no such account or entry exists. What the ledger's
// rules reject is a *ledger.Rejection or ledger.ErrKeyReused.
var ErrNotFound = errors.New("not in the ledger")
