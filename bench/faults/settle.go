package faults

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tenor-lending/tenor/bench/faults/fleet"
	"github.com/tenor-lending/tenor/bench/faults/payer"
	"github.com/tenor-lending/tenor/bench/faults/verdict"
	"github.com/tenor-lending/tenor/internal/client"
)

const (
	// drainLimit is how long what waits in the outbox may take after the last
	// fault, and caughtUpLimit how long consumers may.
	drainLimit    = 2 * time.Minute
	caughtUpLimit = 4 * time.Minute
	// replaysAsked is how many acknowledged payments are sent once more.
	replaysAsked   = 300
	settleWorkers  = 16
	effectsQuietly = 3 * time.Second
)

// settle ends the faults and waits until the platform has come to rest.
func (d *drill) settle(ctx context.Context) error {
	d.gate.Quiet()
	d.fleet.Arm(nil)
	d.fleet.Proxy.SetPlan(noFault)
	// What is armed would die later. The broker is the last to go, and forgets its
	// groups: the embedded one never expires a member that died while it waited to
	// join, and such a member would keep its share of the partitions for ever.
	for _, name := range []string{fleet.CoreA, fleet.CoreB, fleet.Notify, fleet.Effects, fleet.Broker} {
		d.fleet.Process(name).Kill()
	}
	if err := d.fleet.BrokerAnswers(ctx); err != nil {
		return err
	}
	last := time.Now()
	if err := d.fleet.WaitServing(ctx); err != nil {
		return err
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
	if err := d.journal.Close(); err != nil {
		return err
	}
	if err := d.resolve(ctx); err != nil {
		return err
	}
	return d.drained(ctx, time.Now()) // payments that were made only now are announced, too
}

// drained holds I9: what waited in the outbox at the instant is out in time,
// whatever a close of day that is still at work adds to it.
func (d *drill) drained(ctx context.Context, since time.Time) error {
	return client.Poll(ctx, "the outbox", lookPause, func() (bool, error) {
		count, oldest, err := waitingEvents(ctx, d.database)
		took := time.Since(since)
		empty := err == nil && (count == 0 || oldest.After(since))
		if !empty && took <= drainLimit {
			return false, nil
		}
		d.drainTook = max(d.drainTook, took)
		if !empty {
			d.fleet.Blame("I9", "%d events wait in the outbox, the oldest since %s, and nothing failed for %s (%v)", count,
				oldest.Format(time.TimeOnly), drainLimit, err)
		}
		return true, nil
	})
}

// resolve sends once more, with its key, each payment whose outcome the client
// does not know, and some of those that it does: the key must tell.
func (d *drill) resolve(ctx context.Context) error {
	intents, err := verdict.ReadJournal(filepath.Join(d.dir, journalName))
	if err != nil {
		return err
	}
	known, err := verdict.NewJournal(filepath.Join(d.dir, resolvedName))
	if err != nil {
		return err
	}
	asker := payer.NewWorkload(d.gate, known, d.bench.Seed)
	byID := d.loansByID()
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(settleWorkers)
	asked := 0
	for _, n := range slices.Sorted(maps.Keys(intents)) {
		i := intents[n]
		if i.Acked() {
			asked++
		}
		if !i.Open() && (!i.Acked() || asked > replaysAsked) {
			continue
		}
		group.Go(func() error {
			if err := asker.PayAgain(groupCtx, byID[i.Loan], i); err != nil {
				d.fleet.Blame("I9", "payment %d: its key does not tell the outcome: %v", n, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return known.Close()
}

// loansByID are the loans that the client knows, by their ids as the API writes them.
func (d *drill) loansByID() map[string]*payer.Loan {
	byID := map[string]*payer.Loan{}
	for _, l := range d.work.Loans() {
		byID[l.ID.String()] = l
	}
	return byID
}

// caughtUp waits until the drill's consumer has had the effects of so many
// events, and no more come.
func (d *drill) caughtUp(ctx context.Context, events int64) error {
	begun := time.Now()
	err := client.Poll(ctx, "consumers", lookPause, func() (bool, error) {
		count, err := countEffects(ctx, d.effectsDB)
		if err != nil || count >= events {
			return true, err
		}
		if time.Since(begun) > caughtUpLimit {
			d.fleet.Blame("I9", "a consumer has handled %d of %d events after %s", count, events, caughtUpLimit)
			return true, nil
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	time.Sleep(effectsQuietly) // duplicates that are under way arrive
	return nil
}
