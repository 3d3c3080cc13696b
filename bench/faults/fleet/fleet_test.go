package fleet

import (
	"testing"
	"time"

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
	f.died(failpoint.Handled)
	f.died(failpoint.Handled)
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
		if _, err := n.link(name, "127.0.0.1:1"); err != nil {
			t.Fatal(err)
		}
	}
	if names := n.Names("database/"); len(names) != 2 || names[0] != "database/a" || names[1] != "database/b" {
		t.Errorf("paths to the database: %v", names)
	}
	for range 2 { // what was healed can be spoiled again
		if err := n.Spoil(Broker, Partition); err != nil {
			t.Fatal(err)
		}
		if err := n.Spoil(Broker, Partition); err == nil {
			t.Error("a path was cut twice")
		}
		n.HealAll(t.Context())
	}
}
