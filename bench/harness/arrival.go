package harness

import (
	"math/rand/v2"
	"sync"
	"time"
)

// arrivals says when each operation is due. In an open loop they come as a
// Poisson process, as independent clients do: how fast the system answers
// changes nothing. In a closed loop each is due when somebody asks.
type arrivals struct {
	end time.Duration

	mu    sync.Mutex
	mean  time.Duration // between two arrivals; zero is the closed loop
	gaps  *rand.Rand
	next  time.Duration
	taken int64
}

// newArrivals returns arrivals at rate a second, or those of a closed loop when
// rate is zero. The same seed gives the same instants.
func newArrivals(rate float64, seed uint64, end time.Duration) *arrivals {
	a := &arrivals{end: end, gaps: rand.New(rand.NewPCG(seed, seed))} //nolint:gosec // repeatable, not secret
	if rate > 0 {
		a.mean = time.Duration(float64(time.Second) / rate)
	}
	return a
}

// take returns the number of the next operation and when it is due, counted
// from the start. elapsed is the time now; ok is false when no more are due.
func (a *arrivals) take(elapsed time.Duration) (number int64, due time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	due = elapsed
	if a.mean > 0 {
		a.next += time.Duration(a.gaps.ExpFloat64() * float64(a.mean))
		due = a.next
	}
	if due >= a.end {
		return 0, 0, false
	}
	number = a.taken
	a.taken++
	return number, due, true
}
