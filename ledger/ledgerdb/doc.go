// Package ledgerdb keeps the books of package ledger in a database: accounts,
// journal entries with their lines, limits, reversals and rejections. It is the
// only writer of the tables ledger_*.
//
// The journal is insert-only, and posting moves no total, so that writers do not
// meet on a row however hot the account is; only accounts that have a limit keep
// totals that a posting transaction checks and moves. A balance is the sum of an
// account's lines. Sealing batches into the chain, which is off that path, also
// sums them by blocks, so that a balance at any pair of dates, a trial balance
// and the ends of a statement cost the same however long the history is.
//
// It must not decide what a valid entry is (package ledger does), nor know
// loans, HTTP or the clock: the caller's transaction and instant come in.
package ledgerdb

import "errors"

// ErrNotFound means that no such account or entry exists. What the ledger's
// rules reject is a *ledger.Rejection or ledger.ErrKeyReused.
var ErrNotFound = errors.New("not in the ledger")
