package fleet

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tenor-lending/tenor/bench/faults/verdict"
)

// recoveriesKept bounds the times to recover that are kept of each kind.
const recoveriesKept = 100_000

// Tally is what was struck until now, and what came of it.
type Tally struct {
	// Counts are what Count was told, Deaths the processes that died at each crash
	// point.
	Counts, Deaths map[string]int64
	// Recoveries are the times from a blow until it was healed, by what was struck.
	Recoveries map[string][]time.Duration
	// Blamed are the invariants that were seen broken while the drill ran.
	Blamed []verdict.Violation
}

func newTally() Tally {
	return Tally{
		Counts: map[string]int64{}, Deaths: map[string]int64{}, Recoveries: map[string][]time.Duration{},
	}
}

// Tally returns a copy that no longer changes.
func (f *Fleet) Tally() Tally {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Tally{
		Counts: maps.Clone(f.tally.Counts), Deaths: maps.Clone(f.tally.Deaths),
		Recoveries: maps.Clone(f.tally.Recoveries), // lists that only grow
		Blamed:     slices.Clone(f.tally.Blamed),
	}
}

// Count counts one more of something.
func (f *Fleet) Count(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tally.Counts[what]++
}

// died counts a death at a crash point.
func (f *Fleet) died(point string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tally.Deaths[point]++
}

// Recovered notes how long something took to come back.
func (f *Fleet) Recovered(what string, took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.tally.Recoveries[what]) < recoveriesKept {
		f.tally.Recoveries[what] = append(f.tally.Recoveries[what], took)
	}
}

// Blame notes, and says at once, that an invariant was broken while the drill ran.
func (f *Fleet) Blame(invariant, format string, args ...any) {
	v := verdict.Violation{Invariant: invariant, Text: fmt.Sprintf(format, args...)}
	f.say("BROKEN %s: %s", v.Invariant, v.Text)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tally.Blamed = append(f.tally.Blamed, v)
}
