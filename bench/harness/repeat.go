package harness

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/tenor-lending/tenor/bench/result"
)

// Cost is what one call of a function takes in a single thread.
type Cost struct {
	// PerCall is the median over the rounds; Best the quickest round's mean.
	PerCall, Best time.Duration
	// Processor is the time that the process was on a processor, a call, with
	// garbage collection: unlike the others it does not wait for other programs.
	Processor time.Duration
	// Allocations and Bytes are of the heap, a call.
	Allocations, Bytes float64
	Calls              int64
}

const (
	repeatRounds = 21
	// roundCallsMin keeps the clock's own cost out of the figure.
	roundCallsMin = 8
)

// Repeat calls fn for the duration, with a rising number, and returns what a
// call costs. A warm-up comes first. The first error ends it.
func Repeat(ctx context.Context, d time.Duration, fn func(n int64) error) (Cost, error) {
	round := d / (repeatRounds + 1)
	var c Cost
	if _, err := c.round(ctx, round, fn); err != nil { // warm-up
		return c, err
	}
	c.Calls = 0
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	busy := result.ProcessorTime()
	var means []time.Duration
	for range repeatRounds {
		mean, err := c.round(ctx, round, fn)
		if err != nil {
			return c, err
		}
		means = append(means, mean)
	}
	busy = result.ProcessorTime() - busy
	runtime.ReadMemStats(&after)
	c.Processor = busy / time.Duration(c.Calls)
	slices.Sort(means)
	c.PerCall, c.Best = means[len(means)/2], means[0]
	c.Allocations = float64(after.Mallocs-before.Mallocs) / float64(c.Calls)
	c.Bytes = float64(after.TotalAlloc-before.TotalAlloc) / float64(c.Calls)
	return c, nil
}

func (c *Cost) round(ctx context.Context, d time.Duration, fn func(n int64) error) (time.Duration, error) {
	start, calls := time.Now(), int64(0)
	for elapsed := time.Duration(0); elapsed < d; elapsed = time.Since(start) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		for range roundCallsMin {
			if err := fn(c.Calls + calls); err != nil {
				return 0, err
			}
			calls++
		}
	}
	c.Calls += calls
	return time.Since(start) / time.Duration(calls), nil
}
