package flow

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// TestTrackerSeesWhatIsLostAndWhatIsTwice covers both orders in which the two
// commits can become known.
func TestTrackerSeesWhatIsLostAndWhatIsTwice(t *testing.T) {
	t.Parallel()
	tr, at := newTracker(), time.Now()
	later := at.Add(20 * time.Millisecond)
	usual, early, lost, warm := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	tr.committed(usual, at, true)
	tr.handled(usual, later)
	tr.handled(early, at)
	tr.committed(early, later, true)
	tr.committed(lost, at, true)
	tr.committed(warm, at, false)
	tr.handled(warm, later)
	tr.handled(usual, later)
	want := tally{committed: 4, arrived: 3, open: 1, twice: 1}
	if diff := cmp.Diff(want, tr.tally(), cmp.AllowUnexported(tally{})); diff != "" {
		t.Errorf("tally:\n%s", diff)
	}
	if got := tr.toHandled.Total(); got.Count != 2 || got.Max < 19*time.Millisecond || got.Max > 21*time.Millisecond {
		t.Errorf("%d latencies up to %s, want 2 up to 20ms", got.Count, got.Max)
	}
}
