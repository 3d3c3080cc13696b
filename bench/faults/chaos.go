package faults

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/faults/fleet"
	"github.com/tenor-lending/tenor/bench/faults/island"
	"github.com/tenor-lending/tenor/internal/database/pgfault"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamfault"
)

const (
	// faultPause is between two faults that take something away, on average.
	faultPause   = 1300 * time.Millisecond
	disturbedMin = 600 * time.Millisecond
	disturbedMax = 2500 * time.Millisecond
	// ambiguousShare is how many COMMITs in a hundred are candidates, so that not
	// always the same ones lose their answers; ambiguousPerSecond bounds these, and
	// ambiguousCommitted of a hundred of them are committed nevertheless.
	ambiguousShare     = 20
	ambiguousPerSecond = 6
	ambiguousCommitted = 75
	// Shares of statements that fail otherwise, per hundred thousand.
	shareConflict = 300
	shareDeadlock = 100
	shareShutdown = 20
	shareTooMany  = 4_000 // of connections
	shareWhole    = 100_000
	// deathsAnHour is how often a crash point is to be met. So many of a hundred
	// starts of a process are armed while its points are met that often, and while
	// they are not.
	deathsAnHour = 150
	armedInTime  = 20
	armedBehind  = 95
	hundred      = 100
)

// chaos decides what fails, when. The same seed makes the same decisions; what
// they meet depends on the machine.
type chaos struct {
	d *drill

	mu    sync.Mutex
	plans *rand.Rand // of the fault proxy
	arms  *rand.Rand
	dice  *rand.Rand // of the schedule

	bucket atomic.Int64 // nanoseconds after start at which the next ambiguity is due
	start  time.Time
}

func newChaos(d *drill) *chaos {
	source := func(n uint64) *rand.Rand {
		return rand.New(rand.NewPCG(d.bench.Seed, n)) //nolint:gosec // repeatable, not secret
	}
	const plans, arms, dice = 1_000_001, 1_000_002, 1_000_003
	return &chaos{d: d, plans: source(plans), arms: source(arms), dice: source(dice), start: time.Now()}
}

// plan injects what a database says and where connections break.
func (c *chaos) plan(p pgfault.Point) pgfault.Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.plans.IntN(shareWhole)
	if p.Connect {
		if at < shareTooMany {
			return pgfault.TooMany
		}
		return pgfault.None
	}
	if p.Commit && p.Wrote && c.plans.IntN(hundred) < ambiguousShare && c.ambiguityIsDue() {
		if c.plans.IntN(hundred) < ambiguousCommitted {
			return pgfault.CutAfter
		}
		return pgfault.CutBefore
	}
	for _, share := range []struct {
		of    int
		fault pgfault.Fault
	}{
		{shareConflict, pgfault.Serialization},
		{shareDeadlock, pgfault.Deadlock},
		{shareShutdown, pgfault.Shutdown},
	} {
		if at < share.of {
			return share.fault
		}
		at -= share.of
	}
	return pgfault.None
}

func (c *chaos) ambiguityIsDue() bool {
	now, due := int64(time.Since(c.start)), c.bucket.Load()
	if now < due {
		return false
	}
	c.bucket.Store(max(due, now-int64(time.Second)) + int64(time.Second)/ambiguousPerSecond)
	return true
}

// chance arms a process that is about to start, to die the nth time of most that
// it comes to a point which was met so often until now.
func (c *chaos) chance(met, most int64) (nth int64, arm bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	share := armedInTime
	if float64(met) < deathsAnHour*time.Since(c.start).Hours() {
		share = armedBehind
	}
	return 1 + c.arms.Int64N(most), c.arms.IntN(hundred) < share
}

// blow is one kind of fault that takes something away.
type blow struct {
	name   string
	weight int
	core   bool // it needs the core processes not to be held by another
	strike func(ctx context.Context, c *chaos) error
}

var blows = []blow{
	{"F1 kill -9 core-a", 12, true, killing(fleet.CoreA)},
	{"F1 kill -9 core-b", 12, true, killing(fleet.CoreB)},
	{"F1 kill -9 notification", 6, false, killing(fleet.Notify)},
	{"F1 kill -9 consumer of effects", 8, false, killing(fleet.Effects)},
	{"F1 kill -9 identity", 1, false, killing(fleet.Identity)},
	{"F2 kill -9 database", 3, true, crashing(syscall.SIGKILL)},
	{"F2 immediate stop of database", 2, true, crashing(syscall.SIGQUIT)},
	{"F3 kill -9 broker", 8, false, killing(fleet.Broker)},
	{"F4 partition", 8, true, cutting("", island.Loss{Requests: true, Answers: true})},
	{"F4 partition, answers only", 4, true, cutting("database/", island.Loss{Answers: true})},
	{"F4 partition, requests only", 4, true, cutting("database/", island.Loss{Requests: true})},
	{"F5 slow, narrow or resetting path", 12, true, spoiling(fleet.Slow, fleet.Narrow, fleet.Lingers, fleet.Resets)},
	{"F9 events that nobody can handle", 4, false, poisoning},
}

// run strikes blow after blow until ctx ends.
func (c *chaos) run(ctx context.Context) {
	total := 0
	for _, b := range blows {
		total += b.weight
	}
	for paused(ctx, time.Duration(c.dice.ExpFloat64()*float64(faultPause))) {
		at := c.dice.IntN(total)
		i := slices.IndexFunc(blows, func(b blow) bool { at -= b.weight; return at < 0 })
		c.strike(ctx, &blows[i])
	}
}

func (c *chaos) strike(ctx context.Context, b *blow) {
	if b.core {
		if !c.d.core.TryLock() {
			return
		}
		defer c.d.core.Unlock()
	}
	// What was begun is finished, so that nothing stays broken.
	switch err := b.strike(context.WithoutCancel(ctx), c); {
	case errors.Is(err, errDown):
		c.d.fleet.Count("blows at a process that was down")
	case err != nil:
		c.d.fleet.Blame("drill", "%s: %v", b.name, err)
	default:
		c.d.fleet.Count(b.name)
	}
}

// errDown means that there was no process to kill.
var errDown = errors.New("it is down already")

func killing(name string) func(context.Context, *chaos) error {
	return func(_ context.Context, c *chaos) error {
		p := c.d.fleet.Process(name)
		begun := time.Now()
		if !p.Kill() {
			return errDown
		}
		if name != fleet.Broker {
			return nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), fleet.ReadyLimit)
		defer cancel()
		if err := c.d.fleet.BrokerAnswers(ctx); err != nil {
			return err
		}
		c.d.fleet.Recovered(fleet.Broker, time.Since(begun))
		return nil
	}
}

func crashing(signal syscall.Signal) func(context.Context, *chaos) error {
	return func(ctx context.Context, c *chaos) error { return c.d.fleet.Crash(ctx, signal) }
}

// cutting takes something of one path with the prefix away for a moment.
func cutting(prefix string, loss island.Loss) func(context.Context, *chaos) error {
	return func(ctx context.Context, c *chaos) error {
		network := c.d.fleet.Network
		names := network.Cuts(prefix)
		name := names[c.dice.IntN(len(names))]
		if err := network.Cut(name, loss); err != nil {
			return err
		}
		c.disturb()
		return network.Mend(ctx, name)
	}
}

// spoiling spoils one path for a moment.
func spoiling(ways ...[]fleet.Toxic) func(context.Context, *chaos) error {
	return func(ctx context.Context, c *chaos) error {
		names := c.d.fleet.Network.Names("")
		name, way := names[c.dice.IntN(len(names))], ways[c.dice.IntN(len(ways))]
		if err := c.d.fleet.Network.Spoil(name, way); err != nil {
			return err
		}
		c.disturb()
		c.d.fleet.Network.Heal(ctx, name)
		return nil
	}
}

// disturb waits for as long as a path stays disturbed.
func (c *chaos) disturb() {
	time.Sleep(disturbedMin + time.Duration(c.dice.Int64N(int64(disturbedMax-disturbedMin))))
}

// poisoning sends one of each bad kind of event.
func poisoning(ctx context.Context, c *chaos) error {
	var messages []streamfault.Message
	for _, p := range streamfault.Poisons(event.PaymentVerified{}, uuid.New, time.Now().UTC()) {
		if p.Buried {
			c.d.poisons = append(c.d.poisons, p.Value)
		}
		messages = append(messages, streamfault.Message{
			Topic: event.TopicServicing, Key: uuid.NewString(), Value: p.Value, Once: true,
		})
	}
	return streamfault.Send(ctx, c.d.fleet.Seeds, messages...)
}
