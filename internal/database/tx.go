package database

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/cockroach-go/v2/crdb"
	crdbpgx "github.com/cockroachdb/cockroach-go/v2/crdb/crdbpgxv5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tenor-lending/tenor/internal/mutant"
)

// Limits of retrying a transaction.
const (
	// TxAttemptsMax bounds how often InTx runs its closure.
	TxAttemptsMax   = 12
	txBackoffFirst  = 4 * time.Millisecond
	txBackoffLimit  = 500 * time.Millisecond
	rollbackTimeout = 2 * time.Second
)

// InTx runs fn in one SERIALIZABLE transaction and commits it. It is the one
// way to run a transaction.
//
// fn may run more than once: on a serialization failure or deadlock (40001,
// 40P01) the whole closure is tried again, with jitter, up to TxAttemptsMax
// times, so it must touch nothing but tx and its own result. When fn returns
// an error everything is rolled back and that error is returned as it is.
//
// When the outcome of COMMIT cannot be known the error is ErrAmbiguous: the
// caller must look for its own key before trying again, never retry blindly.
func InTx(ctx context.Context, db *DB, fn func(tx Tx) error) error {
	return db.run(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable}, fn)
}

// InReadTx runs fn in one read-only transaction whose statements all see the
// same snapshot.
func InReadTx(ctx context.Context, db *DB, fn func(tx Tx) error) error {
	level := pgx.RepeatableRead
	if db.engine == CockroachDB {
		level = pgx.Serializable
	}
	return db.run(ctx, pgx.TxOptions{IsoLevel: level, AccessMode: pgx.ReadOnly}, fn)
}

func (db *DB) run(ctx context.Context, options pgx.TxOptions, fn func(tx Tx) error) error {
	backoff := txBackoffFirst
	for attempt := 1; ; attempt++ {
		err := db.attempt(ctx, options, fn)
		if !IsRetryable(err) || errors.Is(err, ErrAmbiguous) || mutant.NoRetry {
			db.observe(attempt, err)
			return err
		}
		if attempt == TxAttemptsMax {
			db.observe(attempt, err)
			return fmt.Errorf("%w after %d attempts: %w", ErrContention, attempt, err)
		}
		if pause := db.sleep(ctx, db.jitter(backoff)); pause != nil {
			db.observe(attempt, err)
			return fmt.Errorf("%w: %w: %w", ErrContention, pause, err)
		}
		backoff = min(2*backoff, txBackoffLimit)
	}
}

func (db *DB) observe(attempts int, err error) {
	if db.stats != nil {
		db.stats.TxDone(attempts, err)
	}
}

func (db *DB) attempt(ctx context.Context, options pgx.TxOptions, fn func(tx Tx) error) error {
	after, err := db.once(ctx, options, fn)
	if err != nil {
		return err
	}
	for _, run := range after {
		run()
	}
	return nil
}

// once runs fn once and gives the connection back.
func (db *DB) once(ctx context.Context, options pgx.TxOptions, fn func(tx Tx) error) ([]func(), error) {
	conn, err := db.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	if db.engine == CockroachDB {
		return db.attemptCockroach(ctx, conn, options, fn)
	}
	return db.attemptPostgres(ctx, conn, options, fn)
}

// acquire waits for a connection, but not for ever: whoever calls must hear
// that the database is overloaded while it still listens.
func (db *DB) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, db.acquireTimeout)
	defer cancel()
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("waiting for a database connection: %w", err)
	}
	return conn, nil
}

// attemptCockroach leaves BEGIN, SAVEPOINT cockroach_restart and RELEASE to
// cockroach-go: a retry inside the transaction keeps its place in line there.
// It must never run on PostgreSQL, where RELEASE is no commit and a failed
// COMMIT would be swallowed.
func (db *DB) attemptCockroach(
	ctx context.Context, conn *pgxpool.Conn, options pgx.TxOptions, fn func(tx Tx) error,
) ([]func(), error) {
	var handle *txHandle
	err := crdbpgx.ExecuteTx(ctx, conn, options, func(tx pgx.Tx) error {
		handle = &txHandle{Tx: tx, db: db}
		return handle.run(ctx, fn)
	})
	var ambiguous *crdb.AmbiguousCommitError
	if errors.As(err, &ambiguous) {
		return nil, fmt.Errorf("%w: %w", ErrAmbiguous, err)
	}
	if err != nil {
		return nil, err
	}
	return handle.after, nil
}

func (db *DB) attemptPostgres(
	ctx context.Context, conn *pgxpool.Conn, options pgx.TxOptions, fn func(tx Tx) error,
) ([]func(), error) {
	tx, err := conn.BeginTx(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("beginning transaction: %w", err)
	}
	done := false
	defer func() { // also when fn panics: the connection must not go back to the pool mid-transaction
		if !done {
			rollback(ctx, tx)
		}
	}()
	handle := &txHandle{Tx: tx, db: db}
	if err := handle.run(ctx, fn); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil { // COMMIT would not be sent: a definite no
		return nil, fmt.Errorf("committing: %w", err)
	}
	done = true
	if err := tx.Commit(ctx); err != nil && !mutant.SwallowCommit {
		rollback(ctx, tx)
		return nil, commitError(err)
	}
	return handle.after, nil
}

// rollback must work although ctx is cancelled, or the connection is lost to the pool.
func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_ = tx.Rollback(ctx) // the transaction's own error is the one to report; a broken connection is discarded by the pool
}

// commitError tells a definite no from an unknown outcome. A server that
// answered with an error other than those of ambiguousState did not commit; no
// answer means nobody knows. pgconn.SafeToRetry is of no use here: it says yes
// to "conn closed", which is what a COMMIT whose answer is lost may return.
func commitError(err error) error {
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		return fmt.Errorf("committing: %w", err)
	}
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && !ambiguousState(pgErr.Code) {
		return fmt.Errorf("committing: %w", err)
	}
	return fmt.Errorf("%w: %w", ErrAmbiguous, err)
}
