// Package reconciledb keeps what package reconcile decides: imported bank
// statements, rules and mappings by version, matches with the lines that they
// claim, and breaks until they are resolved. It is the only writer of the
// tables reconcile_*.
//
// A line is claimed at most once because the primary key of reconcile_claim
// says so, whoever matches at the same time. Lines of the books are read
// through ledgerdb and never changed.
//
// It must not decide what belongs together, nor know files, HTTP or the clock:
// the caller's transaction and instant come in.
package reconciledb

import (
	"errors"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/ledger/reconcile"
)

// Errors of the store, for errors.Is.
var (
	// ErrNotFound means that there is no such statement, match, break, run, rule
	// set or mapping.
	ErrNotFound = errors.New("not in the reconciliation")
	// ErrClaimed means that a line belongs to another match.
	ErrClaimed = errors.New("a line is matched already")
	// ErrOverlap means that some lines of a file were imported before and others not.
	ErrOverlap = errors.New("some lines were imported before")
	// ErrOtherAccount means that earlier statements were of another bank account.
	ErrOtherAccount = errors.New("the statements before are of another bank account")
	// ErrNotActive means that a match is undone.
	ErrNotActive = errors.New("the match is not active")
	// ErrResolved means that a break is closed.
	ErrResolved = errors.New("the break is closed")
)

// SideMatch is the side of breaks that are the difference of a match.
const SideMatch reconcile.Side = "MATCH"

var (
	lineSpace  = uuid.NewSHA1(uuid.NameSpaceOID, []byte("tenor:reconcile:bank-line"))
	breakSpace = uuid.NewSHA1(uuid.NameSpaceOID, []byte("tenor:reconcile:break"))
	fileSpace  = uuid.NewSHA1(uuid.NameSpaceOID, []byte("tenor:reconcile:statement"))
)

// BreakID returns the id of the break of a line, which the line decides.
func BreakID(side reconcile.Side, line reconcile.LineID) uuid.UUID {
	data := append([]byte(side), line.ID[:]...)
	for shift := 0; shift < 64; shift += 8 {
		data = append(data, byte(line.No>>shift))
	}
	return uuid.NewSHA1(breakSpace, data)
}

// chunk bounds the rows of one array statement, and the lines of one page.
const chunk = 5_000
