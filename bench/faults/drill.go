package faults

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/faults/fleet"
	"github.com/tenor-lending/tenor/bench/faults/payer"
	"github.com/tenor-lending/tenor/bench/faults/verdict"
	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamfault"
)

const (
	lookPause    = 100 * time.Millisecond
	prepareLimit = 10 * time.Minute
	replayShare  = 30 // percent of events
	replayLate   = 2 * time.Second
	journalName  = "client.jsonl"
	resolvedName = "client.jsonl.resolved"
)

// drill is one run.
type drill struct {
	bench    *harness.Bench
	fleet    *fleet.Fleet
	gate     *payer.Gate
	work     *payer.Workload
	journal  *verdict.Journal
	replayer *streamfault.Replayer
	dir      string

	// core is held by whoever needs the core processes to be left alone.
	core       sync.Mutex
	trialReads atomic.Int64
	swept      map[string]int
	poisons    [][]byte // those that have to be buried
	days       []string // runs of the close of day
	drainTook  time.Duration
	database   *database.DB
	effectsDB  *database.DB
	lateness   atomic.Int64 // of the oldest unpublished event, the most seen, in nanoseconds
}

// newDrill starts everything that a drill needs and tells of it.
func newDrill(ctx context.Context, b *harness.Bench) (*drill, error) {
	dir, err := filepath.Abs(filepath.Join(b.Stack.Dir(), "faults-"+uuid.NewString()[:8]))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the server's user must be able to enter
		return nil, err
	}
	d := &drill{bench: b, dir: dir, swept: map[string]int{}}
	if d.journal, err = verdict.NewJournal(filepath.Join(dir, journalName)); err != nil {
		return nil, err
	}
	if d.fleet, err = fleet.New(ctx, b, dir); err != nil {
		return nil, err
	}
	b.Cleanup(func(context.Context) error { return d.fleet.Stop() })
	b.Progress("partitions by %s", d.fleet.Partitions)
	d.gate = payer.NewGate(d.fleet)
	d.work = payer.NewWorkload(d.gate, d.journal, b.Seed)
	return d, d.describe(ctx)
}

// describe opens the drill's own view of the databases, past every fault.
func (d *drill) describe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, prepareLimit)
	defer cancel()
	if err := d.fleet.Launch(ctx); err != nil {
		return err
	}
	for name, into := range map[string]**database.DB{
		fleet.CoreDatabase: &d.database, fleet.EffectsDatabase: &d.effectsDB,
	} {
		db, err := openDatabase(ctx, d.fleet.DirectDSN(name))
		if err != nil {
			return err
		}
		*into = db
		d.bench.Cleanup(func(context.Context) error { db.Close(); return nil })
	}
	return d.bench.Describe(ctx, d.database)
}

// prepare makes the people and the first loans while nothing fails.
func (d *drill) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, prepareLimit)
	defer cancel()
	if err := d.gate.Enrol(ctx); err != nil {
		return err
	}
	return d.work.Lend(ctx, d.bench.Sized(loansMade), 0)
}

// paused waits, and tells whether ctx has not ended yet.
func paused(ctx context.Context, pause time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(pause):
		return true
	}
}

// fight runs the load while everything fails.
func (d *drill) fight(ctx context.Context) (harness.Stats, error) {
	var book sync.WaitGroup
	fighting, stop := context.WithCancel(ctx)
	defer stop()
	c := newChaos(d)
	d.fleet.Proxy.SetPlan(c.plan)
	d.fleet.Arm(c.chance)
	for _, name := range []string{fleet.Notify, fleet.Effects} { // from now on they are armed
		d.fleet.Process(name).Kill()
	}
	d.replayer = streamfault.NewReplayer(d.fleet.Seeds, []string{event.TopicServicing, event.TopicOrigination},
		replayShare, replayLate, d.bench.Seed, time.Now)
	for _, run := range []func(context.Context){
		c.run, c.freezeLeaders, d.watchBooks, d.watchOutbox, d.keepLending, d.tellProgress,
		func(ctx context.Context) {
			if err := d.replayer.Run(ctx); err != nil {
				d.fleet.Blame(verdict.Drill, "replaying events: %v", err)
			}
		},
	} {
		book.Go(func() { run(fighting) })
	}
	stats := d.bench.Load(ctx, harness.Load{Name: "payments", Rate: rate, InFlight: payer.InFlightMax, Op: d.work.Op})
	stop()
	book.Wait()
	return stats, ctx.Err()
}

// tellProgress says now and then how far the drill has come.
func (d *drill) tellProgress(ctx context.Context) {
	const pause = 30 * time.Second
	for begun := time.Now(); paused(ctx, pause); {
		t := d.fleet.Tally()
		kills, commits := d.struck(t)
		d.bench.Progress("%s: %s acknowledged, %s kills, %s ambiguous commits, died at %v; %d blamed",
			harness.Short(time.Since(begun)), count(d.work.Acked.Load()), count(kills), count(commits), t.Deaths,
			len(t.Blamed))
	}
}

// keepLending makes new loans all the time, as others are repaid.
func (d *drill) keepLending(ctx context.Context) {
	const lendPause, lendLimit, lent = 8 * time.Second, 2 * time.Minute, 8
	for salt := uint64(1); paused(ctx, lendPause); salt++ {
		round, cancel := context.WithTimeout(ctx, lendLimit)
		err := d.work.Lend(round, lent, salt)
		cancel()
		if err != nil && ctx.Err() == nil {
			d.fleet.Count("rounds of new loans that were not complete")
		}
	}
}

// watchBooks holds I1 at every snapshot that it can get.
func (d *drill) watchBooks(ctx context.Context) {
	const pause = time.Second
	for alive := true; alive; alive = paused(ctx, pause) {
		var t verdict.TrialBalance
		err := d.readLedger(ctx, trialPath, &t)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			d.fleet.Blame("I1", "reading the trial balance: %v", err)
		} else if d.trialReads.Add(1); !t.Balanced {
			d.fleet.Blame("I1", "a trial balance is not zero: %+v", t)
		}
	}
}

// watchOutbox looks how long events wait to be published.
func (d *drill) watchOutbox(ctx context.Context) {
	const pause = 500 * time.Millisecond
	for alive := true; alive; alive = paused(ctx, pause) {
		if _, oldest, err := waitingEvents(ctx, d.database); err == nil && !oldest.IsZero() {
			d.lateness.Store(max(d.lateness.Load(), int64(time.Since(oldest))))
		}
	}
}
