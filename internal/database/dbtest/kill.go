package dbtest

import (
	"context"
	"flag"
	"sync/atomic"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// kills is shared by the tests that kill a process at each of its statements.
var kills = flag.Int("kills", 1, "how often to kill at each statement of a payment, a payout and the like")

// Kills is how often a test kills at each point: once, unless the flag -kills
// asks for more.
func Kills() int { return *kills }

// KillAt returns a tracer for database.Config that kills the process (SIGKILL)
// at the nth message to the database, BEGIN and COMMIT included: before it is
// sent, or after its answer has come. Several statements that are sent together
// are one message.
func KillAt(nth int64, after bool) pgx.QueryTracer { return &killer{nth: nth, after: after} }

type killer struct {
	nth   int64
	after bool
	count atomic.Int64
}

func (k *killer) die(now bool) {
	if now {
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL) // it cannot fail for one's own process
		select {}                                           // until the signal is delivered
	}
}

// TraceQueryStart implements pgx.QueryTracer.
func (k *killer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	k.die(k.count.Add(1) == k.nth && !k.after)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (k *killer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {
	k.die(k.count.Load() == k.nth && k.after)
}

// TraceBatchStart implements pgx.BatchTracer.
func (k *killer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	k.die(k.count.Add(1) == k.nth && !k.after)
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (k *killer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (k *killer) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {
	k.die(k.count.Load() == k.nth && k.after)
}
