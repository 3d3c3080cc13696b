package database

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Errors of a transaction, for errors.Is.
var (
	// ErrAmbiguous means nobody knows whether the transaction committed.
	ErrAmbiguous = errors.New("outcome of commit is unknown")
	// ErrContention means the transaction lost against others each time it was tried.
	ErrContention = errors.New("transaction gave up under contention")
	// ErrNoRows is returned by queries that must find a row and found none.
	ErrNoRows = pgx.ErrNoRows
)

// SQLSTATE codes that decide what happens next.
const (
	stateSerialization  = "40001"
	stateUnknownOutcome = "40003"
	stateDeadlock       = "40P01"
	stateUnique         = "23505"
	stateLockTimeout    = "55P03"
	stateCanceled       = "57014" // the statement timeout, in practice
	stateReadOnly       = "25006" // what a primary that became a standby says
	stateIdle           = "25P03" // the process stood still in its transaction for too long
	stateNoRange        = "58C00" // CockroachDB: the range has no quorum
	classConnection     = "08"
	classResources      = "53"
	classShutdown       = "57P"
)

// IsRetryable reports whether err is a definite rollback that may succeed when
// the whole transaction is run again.
func IsRetryable(err error) bool {
	code := SQLState(err)
	return code == stateSerialization || code == stateDeadlock
}

// IsUnavailable reports whether err says that the database cannot be reached
// or is overloaded, as opposed to a fault of the statement: the same call may
// succeed later.
func IsUnavailable(err error) bool {
	if err == nil {
		return false
	}
	if errors.Is(err, ErrContention) || errors.Is(err, ErrAmbiguous) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	code := SQLState(err)
	if code != "" {
		return strings.HasPrefix(code, classConnection) || strings.HasPrefix(code, classShutdown) ||
			strings.HasPrefix(code, classResources) ||
			slices.Contains([]string{stateLockTimeout, stateCanceled, stateReadOnly, stateIdle, stateNoRange}, code)
	}
	var netErr net.Error
	var connectErr *pgconn.ConnectError
	return errors.As(err, &netErr) || errors.As(err, &connectErr) || pgconn.SafeToRetry(err) || brokenPipe(err)
}

// IsUnique reports whether err is a violation of the named unique constraint
// or, with an empty name, of any.
func IsUnique(err error, constraint string) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != stateUnique {
		return false
	}
	return constraint == "" || pgErr.ConstraintName == constraint
}

// IsLockTimeout reports whether err says that a lock was not had in time.
func IsLockTimeout(err error) bool { return SQLState(err) == stateLockTimeout }

// IsDriver reports whether err carries words of the database or of its driver,
// which name tables, hosts and statements: they must not leave the platform.
func IsDriver(err error) bool {
	var connectErr *pgconn.ConnectError
	var netErr net.Error
	return SQLState(err) != "" || errors.As(err, &connectErr) || errors.As(err, &netErr) || brokenPipe(err)
}

// SQLState returns the five characters of the database's error code, or "".
func SQLState(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

// ambiguousState tells the answers to a COMMIT that do not say no: a server that
// is going down may say so after it has committed.
func ambiguousState(code string) bool {
	return code == stateUnknownOutcome || strings.HasPrefix(code, classConnection) ||
		strings.HasPrefix(code, classShutdown)
}
