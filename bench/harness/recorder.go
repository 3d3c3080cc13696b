package harness

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Limits of what is measured: histograms have a fixed size whatever they count.
const (
	latencyMax   = 10 * time.Minute
	latencyUnit  = time.Microsecond
	totalDigits  = 3
	windowDigits = 2
	recordShards = 8
	// PointsMax bounds the points of a plot over time; beyond it windows grow.
	PointsMax = 240
)

// Recorder counts latencies: in total, and for each window of time. It is safe
// for concurrent use.
type Recorder struct {
	shards [recordShards]recordShard
}

type recordShard struct {
	mu            sync.Mutex
	total, window *hdrhistogram.Histogram
	_             [64]byte // shards do not share a cache line
}

// NewRecorder returns an empty Recorder.
func NewRecorder() *Recorder {
	r := &Recorder{}
	for i := range r.shards {
		r.shards[i].total, r.shards[i].window = newHistogram(totalDigits), newHistogram(windowDigits)
	}
	return r
}

func newHistogram(digits int) *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(latencyMax/latencyUnit), digits)
}

// Record counts one latency. lane spreads callers: any number will do.
func (r *Recorder) Record(lane int64, latency time.Duration) {
	value := max(0, min(int64(latency/latencyUnit), int64(latencyMax/latencyUnit)))
	s := &r.shards[uint64(lane)%recordShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.total.RecordValue(value) // within its range by min and max
	_ = s.window.RecordValue(value)
}

// Window returns what came since the last call.
func (r *Recorder) Window() Latencies {
	sum := newHistogram(windowDigits)
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		sum.Merge(s.window)
		s.window.Reset()
		s.mu.Unlock()
	}
	return latenciesOf(sum)
}

// Total returns everything that was recorded.
func (r *Recorder) Total() Latencies {
	sum := newHistogram(totalDigits)
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		sum.Merge(s.total)
		s.mu.Unlock()
	}
	return latenciesOf(sum)
}

// Latencies is a distribution.
type Latencies struct {
	Count                    int64
	P50, P95, P99, P999, Max time.Duration
}

func latenciesOf(h *hdrhistogram.Histogram) Latencies {
	at := func(percent float64) time.Duration { return time.Duration(h.ValueAtPercentile(percent)) * latencyUnit }
	return Latencies{
		Count: h.TotalCount(), P50: at(50), P95: at(95), P99: at(99), P999: at(99.9),
		Max: time.Duration(h.Max()) * latencyUnit,
	}
}
