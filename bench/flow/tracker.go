package flow

import (
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/harness"
)

const trackerShards = 16

// tracker follows each event from its commit to its handling and counts those
// that get lost or are handled twice. What it remembers is bounded by the
// events on their way, and 16 bytes for each that has arrived.
type tracker struct {
	toHandled *harness.Recorder // from the publisher's commit
	shards    [trackerShards]trackerShard
}

type trackerShard struct {
	mu        sync.Mutex
	open      map[uuid.UUID]journey
	done      map[uuid.UUID]struct{}
	committed int64
	twice     int64
}

// journey is what is known of an event that has not been seen at both ends.
type journey struct {
	committed, handled time.Time
	counted            bool
}

func newTracker() *tracker {
	t := &tracker{toHandled: harness.NewRecorder()}
	for i := range t.shards {
		t.shards[i].open, t.shards[i].done = make(map[uuid.UUID]journey), make(map[uuid.UUID]struct{})
	}
	return t
}

func (t *tracker) shard(id uuid.UUID) *trackerShard { return &t.shards[id[len(id)-1]%trackerShards] }

// committed notes that the publisher's commit is known. counted tells whether
// the event's latency is to be recorded: not in the warm-up.
func (t *tracker) committed(id uuid.UUID, at time.Time, counted bool) {
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.committed++
	j := s.open[id]
	j.committed, j.counted = at, counted
	t.note(s, id, j)
}

// handled notes that a consumer's commit is known. It may come first: the
// publisher's commit is durable before the publisher hears of it.
func (t *tracker) handled(id uuid.UUID, at time.Time) {
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, before := s.done[id]
	j := s.open[id]
	if before || !j.handled.IsZero() {
		s.twice++
		return
	}
	j.handled = at
	t.note(s, id, j)
}

func (t *tracker) note(s *trackerShard, id uuid.UUID, j journey) {
	if j.committed.IsZero() || j.handled.IsZero() {
		s.open[id] = j
		return
	}
	delete(s.open, id)
	s.done[id] = struct{}{}
	if j.counted {
		t.toHandled.Record(int64(id[0]), max(0, j.handled.Sub(j.committed)))
	}
}

// tally is what a tracker has seen so far.
type tally struct{ committed, arrived, open, twice int64 }

func (t *tracker) tally() tally {
	var sum tally
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		sum.committed += s.committed
		sum.arrived += int64(len(s.done))
		sum.open += int64(len(s.open))
		sum.twice += s.twice
		s.mu.Unlock()
	}
	return sum
}
