// Package groupcommit lets many callers share one commit: whatever has queued
// up while the last commit ran becomes the next one. A caller who is alone
// waits for nobody; after a large commit the next one may wait a moment for those
// who were answered.
//
// It owns queueing, the size of batches, and that an item which makes a batch
// fail does not fail its neighbours. It must not know what an item is, nor how
// a batch is committed.
package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Errors of the queue, for errors.Is.
var (
	// ErrQueueFull means that the item was refused: too many are waiting.
	ErrQueueFull = errors.New("too many items are waiting to be committed")
	// ErrAbandoned means that the caller's context ended while its item was
	// being committed: nobody told the caller whether it was.
	ErrAbandoned = errors.New("gave up waiting for a commit that may still happen")
	// ErrClosed means that the group takes no more items.
	ErrClosed = errors.New("group is closed")
	// errBroken means that commit answered for none of its items, or for more.
	errBroken = errors.New("commit answered for another number of items")
)

// Config bounds a group. Every field is required but those of lingering.
type Config struct {
	// WeightMax is the weight of a batch at most; a single heavier item is a
	// batch of its own.
	WeightMax int
	// QueueMax is the number of items that may wait.
	QueueMax int
	// Workers is the number of batches that may be committed at once, and
	// WeightMore what must be waiting for a further one to start: light load
	// stays in one, and under heavy load one batch is made ready while another
	// waits for the disk.
	Workers    int
	WeightMore int
	// Linger is how long a worker waits at most, after a batch of weight LingerFrom
	// or more, for those whom it has just answered: callers in a loop come back, and
	// all then share what a commit costs. Zero waits for nobody.
	Linger     time.Duration
	LingerFrom int
	// Timeout bounds one commit.
	Timeout time.Duration
}

// Result is what became of one item.
type Result[R any] struct {
	Value R
	Err   error
}

// Group commits items of type T in batches; each gets an R or an error.
type Group[T, R any] struct {
	cfg    Config
	commit func(ctx context.Context, items []T) ([]Result[R], error)
	weight func(T) int
	split  func(error) bool

	mu      sync.Mutex
	idle    sync.Cond // signalled when a worker ends
	queue   []*waiter[T, R]
	queued  int // weight of queue
	workers int
	closed  bool
	awaited int           // weight of the queue that ends the wait of a worker
	enough  chan struct{} // closed when it is reached; nil when none waits
}

type waiter[T, R any] struct {
	ctx    context.Context
	item   T
	weight int
	done   chan Result[R]
}

// New returns a group. commit makes the items of one batch durable, all in one
// transaction, and returns one result for each in their order; an item that it
// refuses has its error there. It may leave the last ones of a batch for a commit
// of their own, by returning fewer results, at least one. When commit itself
// fails nothing of the batch is taken to be done; if split then says that the
// fault may be with one item, the halves are tried on their own, otherwise every
// item gets the error. weight says how much of a batch an item takes, at least 1.
func New[T, R any](
	cfg Config, commit func(ctx context.Context, items []T) ([]Result[R], error), weight func(T) int,
	split func(error) bool,
) *Group[T, R] {
	g := &Group[T, R]{cfg: cfg, commit: commit, weight: weight, split: split}
	g.idle.L = &g.mu
	return g
}

// Do commits one item and returns what became of it.
func (g *Group[T, R]) Do(ctx context.Context, item T) (R, error) {
	results := g.DoAll(ctx, []T{item})
	return results[0].Value, results[0].Err
}

// DoAll commits items that do not depend on each other and returns what became
// of each. They queue together but need not share a commit.
func (g *Group[T, R]) DoAll(ctx context.Context, items []T) []Result[R] {
	results := make([]Result[R], len(items))
	waiters, err := g.enqueue(ctx, items)
	for i := range items {
		if err != nil {
			results[i].Err = err
			continue
		}
		select {
		case results[i] = <-waiters[i].done:
		case <-ctx.Done():
			results[i].Err = fmt.Errorf("%w: %w", ErrAbandoned, context.Cause(ctx))
		}
	}
	return results
}

func (g *Group[T, R]) enqueue(ctx context.Context, items []T) ([]*waiter[T, R], error) {
	waiters := make([]*waiter[T, R], len(items))
	total := 0
	for i, item := range items {
		w := &waiter[T, R]{ctx: ctx, item: item, weight: max(1, g.weight(item)), done: make(chan Result[R], 1)}
		waiters[i] = w
		total += w.weight
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, ErrClosed
	}
	if len(g.queue)+len(items) > g.cfg.QueueMax {
		return nil, ErrQueueFull
	}
	g.queue = append(g.queue, waiters...)
	g.queued += total
	if g.queued >= g.awaited {
		g.stopAwaiting()
	}
	if g.workers == 0 || (g.workers < g.cfg.Workers && g.queued >= g.cfg.WeightMore) {
		g.workers++
		go g.work()
	}
	return waiters, nil
}

// work commits batches until nothing is left to do.
func (g *Group[T, R]) work() {
	for {
		batch := g.take()
		if batch == nil {
			return
		}
		g.settle(batch)
		g.linger()
	}
}

// expect notes how much will be queued when those come back who are now answered.
func (g *Group[T, R]) expect(batch []*waiter[T, R]) {
	weight := 0
	for _, w := range batch {
		weight += w.weight
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.awaited = 0
	if weight >= g.cfg.LingerFrom {
		g.awaited = min(g.queued+weight, g.cfg.WeightMax)
	}
}

// linger waits for what is expected.
func (g *Group[T, R]) linger() {
	if g.cfg.Linger <= 0 {
		return
	}
	g.mu.Lock()
	if g.enough != nil || g.closed || g.queued >= g.awaited {
		g.mu.Unlock()
		return
	}
	enough := make(chan struct{})
	g.enough = enough
	g.mu.Unlock()
	timer := time.NewTimer(g.cfg.Linger)
	defer timer.Stop()
	select {
	case <-enough:
	case <-timer.C:
		g.mu.Lock()
		defer g.mu.Unlock()
		g.stopAwaiting()
	}
}

// stopAwaiting lets the worker that waits go on, if there is one.
func (g *Group[T, R]) stopAwaiting() {
	if g.enough != nil {
		close(g.enough)
		g.enough = nil
	}
}

// take removes the next batch from the queue, or ends the worker. Items whose
// callers have left are dropped: they have not been tried.
func (g *Group[T, R]) take() []*waiter[T, R] {
	g.mu.Lock()
	defer g.mu.Unlock()
	var batch []*waiter[T, R]
	weight, taken := 0, 0
	for _, w := range g.queue {
		if len(batch) > 0 && weight+w.weight > g.cfg.WeightMax {
			break
		}
		taken++
		g.queued -= w.weight
		if w.ctx.Err() != nil {
			w.done <- Result[R]{Err: context.Cause(w.ctx)}
			continue
		}
		batch = append(batch, w)
		weight += w.weight
	}
	clear(g.queue[:taken]) // the array is kept, what it pointed to is not
	g.queue = g.queue[taken:]
	g.awaited = 0 // nobody comes back from a batch that fails
	if len(g.queue) == 0 {
		g.queue = nil
	}
	if batch == nil {
		g.workers--
		g.idle.Broadcast()
	}
	return batch
}

// settle commits a batch, in as many commits as that takes, and answers every
// item of it.
func (g *Group[T, R]) settle(batch []*waiter[T, R]) {
	items := make([]T, len(batch))
	for i, w := range batch {
		items[i] = w.item
	}
	// One caller's leaving must not take the others' commit away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(batch[0].ctx), g.cfg.Timeout)
	results, err := g.run(ctx, items)
	cancel()
	if err == nil && (len(results) == 0 || len(results) > len(items)) {
		err = fmt.Errorf("%w: %d of %d", errBroken, len(results), len(items))
	}
	switch {
	case err == nil:
		done := batch[:len(results)]
		g.expect(done)
		for i, w := range done {
			w.done <- results[i]
		}
		if rest := batch[len(results):]; len(rest) > 0 {
			g.settle(rest)
		}
	case len(batch) > 1 && g.split(err):
		half := len(batch) / 2
		g.settle(batch[:half])
		g.settle(batch[half:])
	default:
		for _, w := range batch {
			w.done <- Result[R]{Err: err}
		}
	}
}

var errPanic = errors.New("commit panicked")

// run turns a panic of commit into an error: it must not leave callers waiting.
func (g *Group[T, R]) run(ctx context.Context, items []T) (results []Result[R], err error) {
	defer func() {
		if fault := recover(); fault != nil {
			results, err = nil, fmt.Errorf("%w: %v", errPanic, fault)
		}
	}()
	return g.commit(ctx, items)
}

// Close refuses further items and waits until those that queued are answered.
func (g *Group[T, R]) Close(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.idle.Broadcast()
	})
	defer stop()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	g.stopAwaiting()
	for g.workers > 0 {
		if ctx.Err() != nil {
			return fmt.Errorf("closing with %d items waiting: %w", len(g.queue), context.Cause(ctx))
		}
		g.idle.Wait()
	}
	return nil
}
