package harness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of a load.
const (
	// InFlightDefault bounds the operations of an open loop that run at once.
	// Those that are due beyond it wait, and their waiting counts.
	InFlightDefault = 1024
	// drainLimit is how long operations have to end after the last was due.
	drainLimit = 3 * time.Minute
	// faultsKept bounds the errors that are remembered by text.
	faultsKept = 5
	windowMin  = time.Second
)

// Load says how operations are sent and what one is.
type Load struct {
	// Name is shown while it runs.
	Name string
	// Rate is arrivals a second: an open loop, whose latencies count from the
	// intended instant of sending. Zero is a closed loop of Clients.
	Rate    float64
	Clients int
	// InFlight bounds an open loop; zero is InFlightDefault.
	InFlight int
	Seed     uint64
	// Warmup comes first and is not counted; Duration is.
	Warmup, Duration time.Duration
	// Units is the work of one operation (payments in a batch); zero is one.
	Units int
	// Op does operation number n, counted from zero.
	Op func(ctx context.Context, n int64) error
}

// Stats is what a load measured.
type Stats struct {
	Latencies
	// Sent counts all operations, of the warm-up too; Failed those with errors.
	Sent, Failed int64
	// Elapsed is from the end of the warm-up to the last answer.
	Elapsed time.Duration
	// PerSecond is units a second.
	PerSecond float64
	// Faults are the first few different errors.
	Faults []string
	// Points are windows of time, for plots.
	Points []Point
}

// Point is one window of time.
type Point struct {
	At        time.Duration
	PerSecond float64
	P50, P99  time.Duration
}

// ErrFailed means that operations of a load failed.
var ErrFailed = errors.New("operations failed")

// Err is ErrFailed with the first faults, or nil.
func (s Stats) Err() error {
	if s.Failed == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d of %d, such as %q", ErrFailed, s.Failed, s.Sent, s.Faults)
}

type loader struct {
	Load
	start    time.Time
	arrivals *arrivals
	recorder *Recorder
	sent     atomic.Int64
	failed   atomic.Int64
	last     atomic.Int64 // nanoseconds after start

	mu     sync.Mutex
	faults []string
}

// Drive runs a load to its end. tick is told of each window as it passes.
func Drive(ctx context.Context, load Load, tick func(elapsed time.Duration, p Point, failed int64)) Stats {
	load.Units = max(1, load.Units)
	workers := load.Clients
	if load.Rate > 0 {
		workers = load.InFlight
		if workers == 0 {
			workers = InFlightDefault
		}
	}
	end := load.Warmup + load.Duration
	ctx, cancel := context.WithTimeout(ctx, end+drainLimit)
	defer cancel()
	l := &loader{Load: load, start: time.Now(), recorder: NewRecorder(), arrivals: newArrivals(load.Rate, load.Seed, end)}
	var group sync.WaitGroup
	for lane := range max(1, workers) {
		group.Go(func() { l.work(ctx, int64(lane)) })
	}
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	points := l.watch(done, tick)
	return l.stats(points)
}

// work is one client, or one of the hands that send what is due.
func (l *loader) work(ctx context.Context, lane int64) {
	for ctx.Err() == nil {
		number, due, ok := l.arrivals.take(time.Since(l.start))
		if !ok || !sleepUntil(ctx, l.start.Add(due)) {
			return
		}
		l.sent.Add(1)
		err := l.Op(ctx, number)
		ended := time.Since(l.start)
		if err != nil {
			l.fail(err)
			continue
		}
		if l.counts(due, ended) {
			l.recorder.Record(lane, ended-due)
			atomicMax(&l.last, int64(ended))
		}
	}
}

// counts tells whether an operation belongs to the measured time: by when it
// was due in an open loop, by when it ended in a closed one.
func (l *loader) counts(due, ended time.Duration) bool {
	if l.Rate > 0 {
		return due >= l.Warmup
	}
	return ended >= l.Warmup
}

func (l *loader) fail(err error) {
	l.failed.Add(1)
	text := err.Error()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.faults) < faultsKept && !slices.Contains(l.faults, text) {
		l.faults = append(l.faults, text)
	}
}

// watch collects the windows until the load is done.
func (l *loader) watch(done <-chan struct{}, tick func(time.Duration, Point, int64)) []Point {
	window := max(windowMin, (l.Warmup+l.Duration)/PointsMax)
	ticker := time.NewTicker(window)
	defer ticker.Stop()
	var points []Point
	for before := time.Duration(0); ; {
		stopped := false
		select {
		case <-ticker.C:
		case <-done:
			stopped = true
		}
		now := time.Since(l.start)
		counted := l.recorder.Window()
		p := Point{At: now - l.Warmup, P50: counted.P50, P99: counted.P99}
		p.PerSecond = float64(counted.Count) * float64(l.Units) / (now - before).Seconds()
		short := stopped && now-before < window/2 // too little to say how much a second
		if counted.Count > 0 && len(points) < PointsMax && !short {
			points = append(points, p)
		}
		before = now
		if stopped {
			return points
		}
		if tick != nil {
			tick(now, p, l.failed.Load())
		}
	}
}

func (l *loader) stats(points []Point) Stats {
	s := Stats{
		Latencies: l.recorder.Total(), Sent: l.sent.Load(), Failed: l.failed.Load(), Points: points,
		Elapsed: l.Duration, Faults: l.faults,
	}
	// Answers that came late count, with the time that they took.
	s.Elapsed = max(s.Elapsed, time.Duration(l.last.Load())-l.Warmup)
	if s.Elapsed > 0 {
		s.PerSecond = float64(s.Count) * float64(l.Units) / s.Elapsed.Seconds()
	}
	return s
}

func atomicMax(to *atomic.Int64, value int64) {
	for old := to.Load(); value > old && !to.CompareAndSwap(old, value); old = to.Load() {
	}
}

func sleepUntil(ctx context.Context, at time.Time) bool {
	pause := time.Until(at)
	if pause <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
