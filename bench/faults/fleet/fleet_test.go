package fleet

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/tenor-lending/tenor/bench/faults/island"
	"github.com/tenor-lending/tenor/internal/failpoint"
)

// bare is a fleet of nothing that was started.
func bare() *Fleet {
	return &Fleet{
		say: func(string, ...any) {}, tally: newTally(), calm: map[string]bool{}, processes: map[string]*Process{},
	}
}

// TestTheCrashPointThatWasMetLeastIsArmed looks at a process that is about to start.
func TestTheCrashPointThatWasMetLeastIsArmed(t *testing.T) {
	t.Parallel()
	f := bare()
	listener, plain := f.add(Notify, "", nil, consuming), f.add(Identity, "", nil, crashPoints{})
	if point, _ := f.arm(listener); point != "" {
		t.Errorf("%s was armed before anybody asked for it", point)
	}
	var met, most int64
	f.Arm(func(times, bound int64) (int64, bool) { met, most = times, bound; return 3, true })
	for _, point := range []string{failpoint.Fetched, failpoint.Handled} {
		f.died(point)
		f.died(point)
	}
	f.died(failpoint.Offset)
	point, nth := f.arm(listener)
	if point != failpoint.Offset || nth != 3 || met != 1 || most != consumedMax {
		t.Errorf("%s@%d, asked about %d times of at most %d", point, nth, met, most)
	}
	if point, _ := f.arm(plain); point != "" {
		t.Errorf("%s was armed in a process that never comes there", point)
	}
	f.Calm(true, Notify)
	if point, _ := f.arm(listener); point != "" {
		t.Errorf("%s was armed in a process that is to be left alone", point)
	}
	f.Calm(false, Notify)
	if point, _ := f.arm(listener); point != failpoint.Offset {
		t.Errorf("%q was armed in a process that is no longer left alone", point)
	}
	f.Arm(func(int64, int64) (int64, bool) { return 1, false })
	if point, _ := f.arm(listener); point != "" {
		t.Errorf("%s was armed by a chance that said no", point)
	}
}

// TestATallyDoesNotChange takes one, and goes on counting.
func TestATallyDoesNotChange(t *testing.T) {
	t.Parallel()
	f := bare()
	note := func() {
		f.Count("a blow")
		f.died(failpoint.Marked)
		f.Recovered("service", time.Second)
		f.Blame("I9", "%d events wait", 7)
	}
	note()
	before := f.Tally()
	note()
	if before.Counts["a blow"] != 1 || before.Deaths[failpoint.Marked] != 1 || len(before.Recoveries["service"]) != 1 ||
		len(before.Blamed) != 1 || before.Blamed[0].Text != "7 events wait" {
		t.Errorf("a tally became %+v", before)
	}
	after := f.Tally()
	if after.Counts["a blow"] != 2 || after.Deaths[failpoint.Marked] != 2 || len(after.Recoveries["service"]) != 2 ||
		len(after.Blamed) != 2 {
		t.Errorf("the next tally is %+v", after)
	}
}

func TestPathsByPrefix(t *testing.T) {
	t.Parallel()
	n := newNetwork()
	defer n.close()
	for _, name := range []string{"database/b", Broker, "database/a"} {
		if _, err := n.link(name, "127.0.0.1", "127.0.0.1:1"); err != nil {
			t.Fatal(err)
		}
	}
	if names := n.Names("database/"); len(names) != 2 || names[0] != "database/a" || names[1] != "database/b" {
		t.Errorf("paths to the database: %v", names)
	}
	if cuts := n.Cuts("database/"); len(cuts) != 2 || cuts[0] != "database/a" { // there are no islands
		t.Errorf("paths to the database that can be cut: %v", cuts)
	}
	for range 2 { // what was mended can be cut again
		whole := island.Loss{Requests: true, Answers: true}
		if err := n.Cut(Broker, whole); err != nil {
			t.Fatal(err)
		}
		if err := n.Cut(Broker, whole); err == nil {
			t.Error("a path was cut twice")
		}
		if err := n.Mend(t.Context(), Broker); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPathsOfIslandsAreCutThere has two processes, one of which is on an island.
func TestPathsOfIslandsAreCutThere(t *testing.T) {
	t.Parallel()
	n := newNetwork()
	defer n.close()
	if _, err := n.link("database/b", "127.0.0.1", "127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	islands, err := island.New(t.Context(), 1)
	if errors.Is(err, island.ErrNone) {
		t.Skipf("NOT RUN: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := islands[0].Close(); err != nil {
			t.Error(err)
		}
	}()
	n.lead("database/a", islands[0], "198.18.0.1:5432")
	n.lead("broker/a", islands[0], "198.18.0.1:9092")
	if cuts := n.Cuts(""); len(cuts) != 2 || cuts[0] != "broker/a" || cuts[1] != "database/a" {
		t.Errorf("paths that can be cut: %v", cuts)
	}
	for _, name := range n.Cuts("") { // both at once
		if err := n.Cut(name, island.Loss{Answers: true}); err != nil {
			t.Fatal(err)
		}
		if err := n.Cut(name, island.Loss{Answers: true}); err == nil {
			t.Error("a path was cut twice")
		}
	}
	for _, name := range n.Cuts("") {
		if err := n.Mend(t.Context(), name); err != nil {
			t.Error(err)
		}
		if err := n.Mend(t.Context(), name); err == nil {
			t.Error("a path was mended twice")
		}
	}
}

// TestFleetsSideBySideShareNoPorts has several spread out at once.
func TestFleetsSideBySideShareNoPorts(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	fleets := make([]*Fleet, 5)
	for i := range fleets {
		fleets[i] = &Fleet{offsets: map[string]int{}, Network: newNetwork()}
		all.Go(func() {
			if err := fleets[i].spread(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	owners := map[int]bool{}
	for _, f := range fleets {
		for name, offset := range f.offsets {
			if owners[offset] {
				t.Errorf("%s has a range that somebody else has", name)
			}
			owners[offset] = true
		}
		if err := f.Stop(); err != nil {
			t.Error(err)
		}
	}
	if len(owners) != len(fleets)*len(servers) {
		t.Errorf("%d ranges", len(owners))
	}
}
