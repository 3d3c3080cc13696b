package harness

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/bench/result"
)

// TestArrivalsFollowTheSeedAndTheRate holds that an open loop is repeatable and
// as fast as asked, whatever the time is when somebody asks.
func TestArrivalsFollowTheSeedAndTheRate(t *testing.T) {
	t.Parallel()
	const rate, end = 1_000, 60 * time.Second
	take := func(seed uint64, elapsed time.Duration) []time.Duration {
		var all []time.Duration
		for a := newArrivals(rate, seed, end); ; {
			number, due, ok := a.take(elapsed)
			if !ok {
				return all
			}
			if number != int64(len(all)) {
				t.Fatalf("arrival %d has number %d", len(all), number)
			}
			all = append(all, due)
		}
	}
	first := take(7, 0)
	if diff := cmp.Diff(first, take(7, time.Hour)); diff != "" {
		t.Errorf("the same seed gives other arrivals:\n%s", diff)
	}
	if cmp.Equal(first, take(8, 0)) {
		t.Error("another seed gives the same arrivals")
	}
	for i := 1; i < len(first); i++ {
		if first[i] < first[i-1] {
			t.Fatalf("arrival %d is due before the one before it", i)
		}
	}
	// Of 60,000 Poisson arrivals the standard deviation is 245.
	if len(first) < 58_500 || len(first) > 61_500 {
		t.Errorf("%d arrivals in a minute at %d a second", len(first), rate)
	}
}

func TestClosedLoopIsDueWhenAsked(t *testing.T) {
	t.Parallel()
	a := newArrivals(0, 1, time.Second)
	if _, due, ok := a.take(300 * time.Millisecond); !ok || due != 300*time.Millisecond {
		t.Errorf("due at %s (%v), want 300ms", due, ok)
	}
	if _, _, ok := a.take(time.Second); ok {
		t.Error("an operation is due at the end")
	}
}

// TestRecorderKeepsPercentilesAndWindows records 1..1000 ms over many lanes.
func TestRecorderKeepsPercentilesAndWindows(t *testing.T) {
	t.Parallel()
	r := NewRecorder()
	for ms := range 1_000 {
		r.Record(int64(ms), time.Duration(ms+1)*time.Millisecond)
	}
	near := func(name string, got, want time.Duration) {
		t.Helper()
		if off := (got - want).Abs(); off > want/500 { // three digits
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	total := r.Total()
	near("p50", total.P50, 500*time.Millisecond)
	near("p95", total.P95, 950*time.Millisecond)
	near("p99", total.P99, 990*time.Millisecond)
	near("max", total.Max, time.Second)
	if total.Count != 1_000 {
		t.Errorf("%d counted", total.Count)
	}
	if got := r.Window().Count; got != 1_000 {
		t.Errorf("the first window has %d", got)
	}
	if got := r.Window().Count; got != 0 {
		t.Errorf("the second window has %d", got)
	}
	r.Record(-1, -time.Second)
	r.Record(1, 100*time.Hour)
	if got := r.Total(); got.Count != 1_002 || got.Max < latencyMax-latencyMax/500 {
		t.Errorf("out of range: %d counted, max %s", got.Count, got.Max)
	}
}

// TestLatencyCountsFromTheIntendedInstant has one hand in flight that is busy:
// what was due meanwhile must show its waiting, although each operation is quick.
func TestLatencyCountsFromTheIntendedInstant(t *testing.T) {
	t.Parallel()
	const block = 300 * time.Millisecond
	stats := Drive(t.Context(), Load{
		Name: "blocked", Rate: 200, InFlight: 1, Seed: 1, Duration: 200 * time.Millisecond,
		Op: func(_ context.Context, n int64) error {
			if n == 0 {
				time.Sleep(block)
			}
			return nil
		},
	}, nil)
	if stats.Count < 10 || stats.P50 < 100*time.Millisecond {
		t.Errorf("%d counted with a p50 of %s: waiting was left out", stats.Count, stats.P50)
	}
	if stats.PerSecond > float64(stats.Count)/0.3 {
		t.Errorf("%.0f a second, though the last answer came after %s", stats.PerSecond, block)
	}
}

func TestFailuresAreCountedAndNamed(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	stats := Drive(t.Context(), Load{
		Name: "failing", Clients: 4, Duration: time.Second,
		Op: func(context.Context, int64) error {
			if calls.Add(1)%2 == 0 {
				return errors.New("no luck")
			}
			return nil
		},
	}, nil)
	if stats.Sent != calls.Load() || stats.Failed != calls.Load()/2 || stats.Count != stats.Sent-stats.Failed {
		t.Errorf("sent %d, failed %d, counted %d of %d calls", stats.Sent, stats.Failed, stats.Count, calls.Load())
	}
	if diff := cmp.Diff([]string{"no luck"}, stats.Faults); diff != "" {
		t.Errorf("faults:\n%s", diff)
	}
	if err := stats.Err(); !errors.Is(err, ErrFailed) {
		t.Errorf("error %v", err)
	}
}

func TestWarmupIsNotCounted(t *testing.T) {
	t.Parallel()
	stats := Drive(t.Context(), Load{
		Name: "warm", Rate: 200, Seed: 3, Warmup: time.Second, Duration: time.Second,
		Op: func(context.Context, int64) error { return nil },
	}, nil)
	if stats.Count == 0 || stats.Count >= stats.Sent {
		t.Errorf("%d of %d counted", stats.Count, stats.Sent)
	}
}

func TestAFalseCheckFailsTheRun(t *testing.T) {
	t.Parallel()
	var out, log bytes.Buffer
	scenario := func(holds bool) Scenario {
		return Scenario{Name: "s", What: "w", Run: func(_ context.Context, b *Bench) error {
			b.Cleanup(func(context.Context) error { b.Progress("cleaned"); return nil })
			b.Metric("m", 1, "1")
			b.Ratio("r", 6, 3)
			b.Ratio("by_zero", 6, 0)
			return b.Check(holds, "stored is %d", 5)
		}}
	}
	o := Options{Out: &out, Err: &log, Seed: 9, Commit: "c"}
	good, bad := Run(t.Context(), scenario(true), o), Run(t.Context(), scenario(false), o)
	if good.Failure != "" || !cmp.Equal(good.Checks, []string{"stored is 5"}) {
		t.Errorf("failure %q, checks %q", good.Failure, good.Checks)
	}
	if !strings.Contains(bad.Failure, ErrWrong.Error()) || len(bad.Checks) != 0 {
		t.Errorf("failure %q, checks %q", bad.Failure, bad.Checks)
	}
	want := []result.Metric{{Name: "m", Value: 1, Unit: "1"}, {Name: "r", Value: 2, Unit: "x"}}
	if diff := cmp.Diff(want, bad.Metrics); diff != "" {
		t.Errorf("metrics:\n%s", diff)
	}
	if strings.Count(log.String(), "cleaned") != 2 {
		t.Error("a run did not clean up")
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	got := []string{
		Count(0), Count(12.345), Count(999.9), Count(1_234.5), Count(-1_234_567),
		Short(12_345 * time.Nanosecond), Short(1_500 * time.Millisecond), Short(12 * time.Nanosecond),
		Ratio(10, 4), Ratio(1, 0), Share(1, 8), Share(1, 0),
	}
	want := []string{
		"0", "12.3", "1,000", "1,235", "-1,234,567", "12.3 us", "1.5 s", "12 ns", "2.5x", "n/a", "12.5%", "n/a",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("texts:\n%s", diff)
	}
}

func TestRepeatCountsAllocations(t *testing.T) {
	t.Parallel()
	var kept []byte
	cost, err := Repeat(t.Context(), 20*time.Millisecond, func(int64) error {
		kept = make([]byte, 4_096)
		return nil
	})
	if err != nil || len(kept) == 0 || cost.Calls == 0 || cost.Bytes < 4_096 || cost.Allocations < 1 {
		t.Errorf("cost %+v, error %v", cost, err)
	}
	fault := errors.New("stop")
	if _, err := Repeat(t.Context(), time.Second, func(int64) error { return fault }); !errors.Is(err, fault) {
		t.Errorf("error %v", err)
	}
}
