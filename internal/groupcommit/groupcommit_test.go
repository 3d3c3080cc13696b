package groupcommit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/tenor-lending/tenor/internal/groupcommit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errRefused = errors.New("refused")
	errPoison  = errors.New("poison")
	errDown    = errors.New("down")
)

// recorder commits integers: it answers each with its double, refuses negative
// ones on their own, and fails as a whole on a batch with a 666.
type recorder struct {
	mu      sync.Mutex
	batches [][]int
	gate    chan struct{} // when set, every commit waits for a token
	entered chan struct{} // when set, told of every commit that begins
}

func (r *recorder) commit(ctx context.Context, items []int) ([]groupcommit.Result[int], error) {
	if r.entered != nil {
		r.entered <- struct{}{}
	}
	if r.gate != nil {
		select {
		case <-r.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if slices.Contains(items, 666) {
		return nil, errPoison
	}
	if slices.Contains(items, 503) {
		return nil, errDown
	}
	r.mu.Lock()
	r.batches = append(r.batches, slices.Clone(items))
	r.mu.Unlock()
	results := make([]groupcommit.Result[int], len(items))
	for i, n := range items {
		results[i].Value = 2 * n
		if n < 0 {
			results[i] = groupcommit.Result[int]{Err: errRefused}
		}
	}
	return results, nil
}

func (r *recorder) seen() [][]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.batches)
}

func newGroup(r *recorder, edit func(*groupcommit.Config)) *groupcommit.Group[int, int] {
	cfg := groupcommit.Config{WeightMax: 8, QueueMax: 1000, Workers: 1, Timeout: 5 * time.Minute}
	if edit != nil {
		edit(&cfg)
	}
	weight := func(n int) int { return max(1, n/100) }
	return groupcommit.New(cfg, r.commit, weight, func(err error) bool { return errors.Is(err, errPoison) })
}

func closed(t *testing.T, g *groupcommit.Group[int, int]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := g.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestOneCallerIsCommittedAlone(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	g := newGroup(r, nil)
	for n := range 3 {
		got, err := g.Do(t.Context(), n)
		if err != nil || got != 2*n {
			t.Errorf("%d: got %d, %v", n, got, err)
		}
	}
	closed(t, g)
	if diff := cmp.Diff([][]int{{0}, {1}, {2}}, r.seen()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	if _, err := g.Do(t.Context(), 1); !errors.Is(err, groupcommit.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// queueUp has one item block the worker and then queues the others in order.
func queueUp(t *testing.T, r *recorder, g *groupcommit.Group[int, int], items ...int) func() []groupcommit.Result[int] {
	t.Helper()
	first := make(chan struct{})
	go func() {
		defer close(first)
		_, err := g.Do(context.Background(), 0)
		if err != nil {
			t.Errorf("the item that holds the worker: %v", err)
		}
	}()
	r.gate <- struct{}{} // the worker is in its first commit: let it go when the rest waits
	<-first
	done := make(chan []groupcommit.Result[int], 1)
	go func() { done <- g.DoAll(context.Background(), items) }()
	return func() []groupcommit.Result[int] { return <-done }
}

func TestWhatQueuedSharesACommitUpToTheWeight(t *testing.T) {
	t.Parallel()
	r := &recorder{gate: make(chan struct{}, 100)}
	g := newGroup(r, nil)
	wait := queueUp(t, r, g, 1, 2, 3, 500, 4, 5, 6, 900, 7)
	for range 10 {
		r.gate <- struct{}{}
	}
	for i, result := range wait() {
		if result.Err != nil {
			t.Errorf("item %d: %v", i, result.Err)
		}
	}
	closed(t, g)
	want := [][]int{{0}, {1, 2, 3, 500}, {4, 5, 6}, {900}, {7}}
	if diff := cmp.Diff(want, r.seen()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
}

func TestAFailingItemFailsAlone(t *testing.T) {
	t.Parallel()
	r := &recorder{gate: make(chan struct{}, 100)}
	g := newGroup(r, nil)
	wait := queueUp(t, r, g, 1, -2, 666, 4, 5)
	for range 20 {
		r.gate <- struct{}{}
	}
	want := []error{nil, errRefused, errPoison, nil, nil}
	for i, result := range wait() {
		if !errors.Is(result.Err, want[i]) {
			t.Errorf("item %d: %v, want %v", i, result.Err, want[i])
		}
	}
	closed(t, g)
}

func TestAnOutageFailsTheBatchAtOnce(t *testing.T) {
	t.Parallel()
	r := &recorder{gate: make(chan struct{}, 100)}
	g := newGroup(r, nil)
	wait := queueUp(t, r, g, 1, 503, 2)
	r.gate <- struct{}{}
	for i, result := range wait() {
		if !errors.Is(result.Err, errDown) {
			t.Errorf("item %d: %v, want errDown", i, result.Err)
		}
	}
	closed(t, g)
}

func TestQueueIsBounded(t *testing.T) {
	t.Parallel()
	r := &recorder{gate: make(chan struct{}, 10), entered: make(chan struct{}, 10)}
	g := newGroup(r, func(c *groupcommit.Config) { c.QueueMax = 2 })
	results := make(chan error, 2)
	go func() { _, err := g.Do(context.Background(), 1); results <- err }()
	<-r.entered // it is out of the queue and holds the worker
	for i, result := range g.DoAll(t.Context(), []int{1, 2, 3}) {
		if !errors.Is(result.Err, groupcommit.ErrQueueFull) {
			t.Errorf("item %d of three with room for two: %v", i, result.Err)
		}
	}
	go func() {
		for _, result := range g.DoAll(context.Background(), []int{1, 2}) {
			if result.Err != nil {
				t.Error(result.Err)
			}
		}
		results <- nil
	}()
	r.gate <- struct{}{}
	r.gate <- struct{}{}
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	closed(t, g)
}

func TestACallerMayLeave(t *testing.T) {
	t.Parallel()
	r := &recorder{gate: make(chan struct{}, 1), entered: make(chan struct{}, 1)}
	g := newGroup(r, nil)
	ctx, cancel := context.WithCancel(context.Background())
	left := make(chan error, 1)
	go func() { _, err := g.Do(ctx, 7); left <- err }()
	<-r.entered
	cancel()
	if err := <-left; !errors.Is(err, groupcommit.ErrAbandoned) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want ErrAbandoned and the cause", err)
	}
	r.gate <- struct{}{}
	closed(t, g)
	if diff := cmp.Diff([][]int{{7}}, r.seen()); diff != "" {
		t.Errorf("the commit under way was taken away (-want +got):\n%s", diff)
	}
}

// A commit may find that it takes on too much: what it leaves comes next, in
// its order and with a time of its own.
func TestACommitMayLeaveTheLastItems(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	deadlines := make(chan time.Time, 100)
	g := groupcommit.New(groupcommit.Config{WeightMax: 8, QueueMax: 100, Workers: 1, Timeout: time.Minute},
		func(ctx context.Context, items []int) ([]groupcommit.Result[int], error) {
			deadline, _ := ctx.Deadline()
			deadlines <- deadline
			return r.commit(ctx, items[:min(len(items), 3)])
		}, func(int) int { return 1 }, func(error) bool { return false })
	for i, result := range g.DoAll(t.Context(), []int{1, 2, 3, 4, 5, 6, 7, 8, 9}) {
		if result.Err != nil || result.Value != 2*(i+1) {
			t.Errorf("item %d: %+v", i+1, result)
		}
	}
	closed(t, g)
	if diff := cmp.Diff([][]int{{1, 2, 3}, {4, 5, 6}, {7, 8}, {9}}, r.seen()); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	for last := <-deadlines; len(deadlines) > 0; {
		next := <-deadlines
		if !next.After(last) {
			t.Errorf("a commit has until %s, the one before it until %s", next, last)
		}
		last = next
	}
}

func TestACommitThatAnswersForNobodyIsAnError(t *testing.T) {
	t.Parallel()
	for _, answers := range []int{0, 3} {
		g := groupcommit.New(groupcommit.Config{WeightMax: 2, QueueMax: 2, Workers: 1, Timeout: time.Second},
			func(context.Context, []int) ([]groupcommit.Result[int], error) {
				return make([]groupcommit.Result[int], answers), nil
			}, func(int) int { return 1 }, func(error) bool { return false })
		for _, result := range g.DoAll(t.Context(), []int{1, 2}) {
			if result.Err == nil {
				t.Errorf("%d answers for two items are no error", answers)
			}
		}
		closed(t, g)
	}
}

func TestAPanicIsAnError(t *testing.T) {
	t.Parallel()
	g := groupcommit.New(groupcommit.Config{WeightMax: 1, QueueMax: 1, Workers: 1, Timeout: time.Minute},
		func(context.Context, []int) ([]groupcommit.Result[int], error) { panic("oops") },
		func(int) int { return 1 }, func(error) bool { return false })
	if _, err := g.Do(t.Context(), 1); err == nil {
		t.Error("a panic was answered without an error")
	}
	closed(t, g)
}

func TestManyCallersGetTheirOwnAnswers(t *testing.T) {
	t.Parallel()
	for _, workers := range []int{1, 3} {
		t.Run(fmt.Sprint(workers, " workers"), func(t *testing.T) {
			t.Parallel()
			r := &recorder{}
			g := newGroup(r, func(c *groupcommit.Config) { c.Workers, c.QueueMax = workers, 100_000 })
			const callers, each = 64, 50
			var wrong atomic.Int64
			var wg sync.WaitGroup
			for c := range callers {
				wg.Go(func() {
					for i := range each {
						n := c*each + i
						if n%97 == 0 {
							n = -n - 1
						}
						got, err := g.Do(context.Background(), n)
						if n < 0 && !errors.Is(err, errRefused) || n >= 0 && n != 666 && n != 503 && (err != nil || got != 2*n) {
							if !errors.Is(err, errDown) { // shared a batch with the outage
								wrong.Add(1)
							}
						}
					}
				})
			}
			wg.Wait()
			closed(t, g)
			if wrong.Load() > 0 {
				t.Errorf("%d wrong answers", wrong.Load())
			}
			seen := map[int]bool{}
			for _, batch := range r.seen() {
				for _, n := range batch {
					if seen[n] {
						t.Fatalf("%d was committed twice", n)
					}
					seen[n] = true
				}
			}
		})
	}
}

// lingering makes a group that waits for ever after batches of two and more.
func lingering(r *recorder) *groupcommit.Group[int, int] {
	return newGroup(r, func(cfg *groupcommit.Config) { cfg.Linger, cfg.LingerFrom = time.Hour, 2 })
}

// TestALargeCommitIsFollowedByALargeOne has callers come back one by one: they
// share a commit as soon as all of them have, and nobody waits longer.
func TestALargeCommitIsFollowedByALargeOne(t *testing.T) {
	t.Parallel()
	r := &recorder{gate: make(chan struct{})}
	g := lingering(r)
	wait := queueUp(t, r, g, 1, 2, 3)
	r.gate <- struct{}{}
	wait()
	var callers sync.WaitGroup
	for _, n := range []int{4, 5, 6} {
		callers.Go(func() {
			if _, err := g.Do(context.Background(), n); err != nil {
				t.Errorf("%d: %v", n, err)
			}
		})
	}
	r.gate <- struct{}{}
	callers.Wait()
	closed(t, g) // ends the wait for a fourth commit
	sizes := make([]int, 0, 3)
	for _, batch := range r.seen() {
		sizes = append(sizes, len(batch))
	}
	if diff := cmp.Diff([]int{1, 3, 3}, sizes); diff != "" {
		t.Errorf("sizes of the batches (-want +got):\n%s", diff)
	}
}

// TestWaitingForCallersEnds holds that callers who do not come back hold nobody
// up for longer than Linger.
func TestWaitingForCallersEnds(t *testing.T) {
	t.Parallel()
	r := &recorder{gate: make(chan struct{})}
	g := newGroup(r, func(cfg *groupcommit.Config) { cfg.Linger, cfg.LingerFrom = time.Millisecond, 2 })
	wait := queueUp(t, r, g, 1, 2, 3)
	r.gate <- struct{}{}
	wait()
	go func() { r.gate <- struct{}{} }()
	if got, err := g.Do(t.Context(), 4); err != nil || got != 8 {
		t.Errorf("got %d, %v", got, err)
	}
	closed(t, g)
}

// TestASmallCommitWaitsForNobody posts one by one where a wait would never end.
func TestASmallCommitWaitsForNobody(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	g := lingering(r)
	for n := range 3 {
		if _, err := g.Do(t.Context(), n); err != nil {
			t.Errorf("%d: %v", n, err)
		}
	}
	closed(t, g)
}
