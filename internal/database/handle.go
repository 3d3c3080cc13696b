package database

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Tx is what a transaction's closure may do. It has no Commit and no Begin:
// InTx alone decides the end, and nothing nests.
type Tx interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource) (int64, error)
	// Later queues a statement whose rows nobody reads. All that are queued in a
	// row go to the database together, in their order, before the next statement
	// that is not queued and at the latest before COMMIT: a transaction that
	// reads first and then writes waits for its writes once.
	Later(w Write)
	// AfterCommit registers fn to run once, after this transaction is known to
	// be committed; a retried attempt's registrations are forgotten.
	AfterCommit(fn func())
}

// PlanAnew as the first argument of Query or Exec has the database plan the
// statement for what its tables hold now. Otherwise PostgreSQL keeps the plan that
// was best when the statement was first used, until it next gathers statistics: a
// table that fills quickly is read as a whole for a minute each time. It is for
// statements about many rows at once, for which planning costs little.
const PlanAnew = pgx.QueryExecModeCacheDescribe

// Write is a statement for Tx.Later.
type Write struct {
	// What says what it does, for errors: "inserting payments".
	What string
	SQL  string
	Args []any
	// Rows is how many rows it must change; a negative number is any. Another
	// number fails the transaction with Otherwise.
	Rows      int64
	Otherwise error
}

// AnyRows is for Write.Rows.
const AnyRows = -1

type txHandle struct {
	pgx.Tx
	db    *DB
	local sync.Map
	after []func()
	later []Write
}

// Later implements Tx.
func (t *txHandle) Later(w Write) { t.later = append(t.later, w) }

// flush sends what is queued.
func (t *txHandle) flush(ctx context.Context) error {
	if len(t.later) == 0 {
		return nil
	}
	last := t.later[len(t.later)-1].What
	if err := t.sendQueued(ctx, &pgx.Batch{}).Close(); err != nil {
		return fmt.Errorf("%s: %w", last, err)
	}
	return nil
}

// sendQueued sends what is queued and b behind it, in one go, and returns the
// results of b.
func (t *txHandle) sendQueued(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	queued := t.later
	t.later = nil
	var all pgx.Batch
	for i := range queued {
		all.Queue(queued[i].SQL, queued[i].Args...)
	}
	all.QueuedQueries = append(all.QueuedQueries, b.QueuedQueries...)
	results := t.Tx.SendBatch(ctx, &all)
	for i := range queued {
		w := &queued[i]
		tag, err := results.Exec()
		if err == nil && w.Rows >= 0 && tag.RowsAffected() != w.Rows {
			err = fmt.Errorf("%d rows instead of %d: %w", tag.RowsAffected(), w.Rows, w.Otherwise)
		}
		if err != nil {
			_ = results.Close() // says the same again
			return failedBatch{fmt.Errorf("%s: %w", w.What, err)}
		}
	}
	return results
}

// Exec implements Tx.
func (t *txHandle) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if err := t.flush(ctx); err != nil {
		return pgconn.CommandTag{}, err
	}
	return t.Tx.Exec(ctx, sql, args...)
}

// Query implements Tx.
func (t *txHandle) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if err := t.flush(ctx); err != nil {
		return nil, err
	}
	return t.Tx.Query(ctx, sql, args...)
}

// QueryRow implements Tx.
func (t *txHandle) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if err := t.flush(ctx); err != nil {
		return failedRow{err}
	}
	return t.Tx.QueryRow(ctx, sql, args...)
}

type failedRow struct{ err error }

// Scan implements pgx.Row.
func (r failedRow) Scan(...any) error { return r.err }

// SendBatch implements Tx.
func (t *txHandle) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if len(t.later) == 0 {
		return t.Tx.SendBatch(ctx, b)
	}
	return t.sendQueued(ctx, b)
}

type failedBatch struct{ err error }

// Exec implements pgx.BatchResults.
func (b failedBatch) Exec() (pgconn.CommandTag, error) { return pgconn.CommandTag{}, b.err }

// Query implements pgx.BatchResults.
func (b failedBatch) Query() (pgx.Rows, error) { return nil, b.err }

// QueryRow implements pgx.BatchResults.
func (b failedBatch) QueryRow() pgx.Row { return failedRow(b) }

// Close implements pgx.BatchResults.
func (b failedBatch) Close() error { return b.err }

// Tx implements pgx.BatchResults.
func (failedBatch) Tx() pgx.Tx { return nil }

// CopyFrom implements Tx.
func (t *txHandle) CopyFrom(
	ctx context.Context, table pgx.Identifier, columns []string, src pgx.CopyFromSource,
) (int64, error) {
	if err := t.flush(ctx); err != nil {
		return 0, err
	}
	return t.Tx.CopyFrom(ctx, table, columns, src)
}

// run calls fn and sends what it left queued.
func (t *txHandle) run(ctx context.Context, fn func(tx Tx) error) error {
	if err := fn(t); err != nil {
		return err
	}
	return t.flush(ctx)
}

func (t *txHandle) AfterCommit(fn func()) { t.after = append(t.after, fn) }

// Local holds values that live as long as this attempt of the transaction: what
// a package did in it and need not read back. A retried attempt starts empty.
func (t *txHandle) Local() *sync.Map { return &t.local }

// Shared holds values that live as long as the DB, for caches that a package
// keeps true by what it reads in the transaction.
func (t *txHandle) Shared() *sync.Map { return &t.db.shared }
