// Package ledgersvc is the finance API: chart of accounts, journal entries one
// by one or in batches, reversals, balances and statements at any pair of
// dates, trial balance and general ledger, and the closing of periods.
//
// Owns: nothing of its own; the books belong to ledgerdb. Publishes and
// consumes no events: the services around loans post in their own
// transactions, in the same database.
//
// It must not decide what is a valid entry (package ledger does), nor know
// what a loan is.
package ledgersvc
