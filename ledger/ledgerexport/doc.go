// Package ledgerexport is the forms in which the journal leaves the house: CSV,
// JSON lines, and journals of the plain-text accounting tools hledger and
// Beancount, which come to the same balances.
//
// Owns: those forms. It writes page by page, in memory that does not grow with
// the journal, and at a snapshot of the books, so that what commits meanwhile
// changes nothing.
//
// It must not decide who may read what (ledgersvc and the command line do), nor
// change anything.
package ledgerexport
