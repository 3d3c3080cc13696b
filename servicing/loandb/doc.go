// Package loandb keeps loans: it is the only writer of the tables book, loan and
// loan_fact, and it posts the journal entries of a change in the same
// transaction. It also says which events a change announces.
//
// The row of a loan holds its state as one snapshot, from which a change starts;
// reading a loan never folds its facts. The other columns say in SQL what the
// snapshot says, for questions about many loans.
//
// Every write names the version that its change started from, so that of two
// writers of one loan exactly one wins. It must not decide anything about
// loans: package servicing does.
package loandb

import "errors"

// Errors of the store, for errors.Is.
var (
	// ErrNotFound means there is no such loan.
	ErrNotFound = errors.New("no such loan")
	// ErrStale means that somebody else changed the loan since it was read.
	ErrStale = errors.New("loan was changed by somebody else")
	// ErrPeriodClosed means that the ledger takes no more entries of the business
	// date: its accounting period was closed before the day was.
	ErrPeriodClosed = errors.New("the accounting period of the business date is closed")
	// ErrNoBook means there is no such book.
	ErrNoBook = errors.New("no such book")
)
