package faults

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tenor-lending/tenor/internal/database/pgfault"
)

const (
	// drainLimit is how long what waits in the outbox may take after the last
	// fault, and caughtUpLimit how long consumers may.
	drainLimit    = 30 * time.Second
	caughtUpLimit = 90 * time.Second
	// replaysAsked is how many acknowledged payments are sent once more.
	replaysAsked   = 300
	settleWorkers  = 16
	effectsQuietly = 3 * time.Second
)

// settle ends the faults and waits until the platform has come to rest.
func (d *drill) settle(ctx context.Context) error {
	d.gate.limit = quietLimit
	d.fleet.setArming(false)
	d.fleet.proxy.SetPlan(func(pgfault.Point) pgfault.Fault { return pgfault.None })
	d.fleet.network.healAll(ctx)
	// What is armed would die later. The broker is the last to go, and forgets its
	// groups: the embedded one never expires a member that died while it waited to
	// join, and such a member would keep its share of the partitions for ever.
	for _, name := range []string{coreA, coreB, notify, effects, broker} {
		d.fleet.processes[name].kill()
	}
	if err := d.fleet.brokerAnswers(ctx); err != nil {
		return err
	}
	last := time.Now()
	for _, name := range []string{identity, coreA, coreB, notify} {
		if err := d.fleet.processes[name].waitServing(ctx); err != nil {
			return err
		}
	}
	if err := d.drained(ctx, last); err != nil {
		return err
	}
	if err := d.daysDone(ctx); err != nil {
		return err
	}
	if err := d.drained(ctx, time.Now()); err != nil { // of what the close of day announced, too
		return err
	}
	if err := d.work.journal.close(); err != nil {
		return err
	}
	return d.resolve(ctx)
}

// drained holds I9: what waited in the outbox at the instant is out in time,
// whatever a close of day that is still at work adds to it.
func (d *drill) drained(ctx context.Context, since time.Time) error {
	for {
		count, oldest, err := waitingEvents(ctx, d.database)
		took := time.Since(since)
		if err == nil && (count == 0 || oldest.After(since)) {
			d.drainTook = max(d.drainTook, took)
			return nil
		}
		if took > drainLimit {
			d.drainTook = took
			d.fleet.blame("I9", "%d events wait in the outbox, the oldest since %s, and nothing failed for %s (%v)", count,
				oldest.Format(time.TimeOnly), drainLimit, err)
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lookPause):
		}
	}
}

// resolve sends once more, with its key, each payment whose outcome the client
// does not know, and some of those that it does: the key must tell.
func (d *drill) resolve(ctx context.Context) error {
	intents, err := readJournal(d.journalPath())
	if err != nil {
		return err
	}
	known, err := newJournal(d.journalPath() + ".resolved")
	if err != nil {
		return err
	}
	asker := &workload{gate: d.gate, journal: known, seed: d.work.seed}
	byID := d.loansByID()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(settleWorkers)
	asked := 0
	for _, n := range slices.Sorted(maps.Keys(intents)) {
		i := intents[n]
		open := !i.acked() && !i.Refused
		if !open && (!i.acked() || asked >= replaysAsked) {
			continue
		}
		if !open {
			asked++
		}
		l := byID[i.Loan]
		p := payment{n: n, loan: l, minor: i.Minor, key: i.Key, body: paymentBody(l.id, i.Minor, reference(n))}
		group.Go(func() error {
			if err := asker.pay(groupCtx, p); err != nil {
				d.fleet.blame("I9", "payment %d: its key does not tell the outcome: %v", n, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	d.resolvedNow = asker.acked.Load() + asker.refused.Load() - int64(asked)
	return known.close()
}

func (d *drill) journalPath() string { return d.dir + "/" + journalName }

func (d *drill) loansByID() map[string]*loan {
	d.work.mu.RLock()
	defer d.work.mu.RUnlock()
	byID := make(map[string]*loan, len(d.work.loans))
	for _, l := range d.work.loans {
		byID[l.id.String()] = l
	}
	return byID
}

// caughtUp waits until the drill's consumer has had the effects of so many
// events, and no more come.
func (d *drill) caughtUp(ctx context.Context, events int64) error {
	begun := time.Now()
	for {
		count, err := countEffects(ctx, d.effectsDB)
		if err != nil {
			return err
		}
		if count >= events {
			break
		}
		if time.Since(begun) > caughtUpLimit {
			d.fleet.blame("I9", "a consumer has handled %d of %d events after %s", count, events, caughtUpLimit)
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for consumers: %w", context.Cause(ctx))
		case <-time.After(lookPause):
		}
	}
	time.Sleep(effectsQuietly) // duplicates that are under way arrive
	return nil
}
