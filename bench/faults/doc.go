// Package faults makes the platform's processes, database, broker and network
// fail while it takes payments, and then holds the books against what the
// client knows: nothing acknowledged is lost, nothing happens twice.
//
// The ground truth is a journal that the client keeps on disk. What the platform
// should have made of it is predicted by a small model of its own. Both meet in
// the invariants I1 to I10 (see verdict.go). The platform is driven through its
// public HTTP API and its events only, as real processes.
//
// It must not know how any service does its work.
package faults

import (
	"context"
	"fmt"
	"time"

	"github.com/tenor-lending/tenor/bench/harness"
)

// Scenarios lists what this package runs.
func Scenarios() []harness.Scenario {
	return []harness.Scenario{{
		Name: "faults",
		What: "payments under kill -9, partitions, lost commits, broken events, frozen leaders; then the books are checked",
		Run:  run,
	}}
}

const (
	// rate is payments due a second, unless --rate says otherwise.
	rate = 75
	// loans at scale 1.
	loansMade = 400
	// inFlightMax bounds the payments that are under way at once.
	inFlightMax = 512
	settleLimit = 8 * time.Minute
)

// run is a whole drill.
func run(ctx context.Context, b *harness.Bench) (err error) {
	defer func() {
		if err != nil && b.Mutant == "" {
			b.Stack.Keep() // the client's journal, the logs, the books
		}
	}()
	d, err := newDrill(ctx, b)
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := d.prepare(ctx); err != nil {
		return d.broke(ctx, b, "before any fault", err)
	}
	b.Progress("ready after %s; sweeping", harness.Short(time.Since(begun)))
	if err := d.sweep(ctx); err != nil {
		return d.broke(ctx, b, "in the sweep", err)
	}
	if b.Mutant != "" && len(d.seen()) > 0 {
		return d.reportInvariants(b, newVerdict().with(d.seen())) // it is caught already
	}
	b.Progress("faults for %s", b.Duration)
	stats, err := d.fight(ctx)
	if err != nil {
		return err
	}
	settled, cancel := context.WithTimeout(ctx, settleLimit+b.Duration/2)
	defer cancel()
	e, v := &evidence{}, newVerdict()
	if err := d.settle(settled); err != nil {
		v.add(notWorking("after the last fault", err))
	} else if e, err = d.gather(settled); err != nil {
		e = &evidence{}
		v.add(notWorking("when it was read", err))
	} else {
		v = judge(e)
	}
	return d.report(b, stats, e, v.with(d.seen()))
}

// broke ends a drill in which the platform did not do what every step relies on.
func (d *drill) broke(ctx context.Context, b *harness.Bench, when string, err error) error {
	if ctx.Err() != nil {
		return err
	}
	v := newVerdict().with(d.seen())
	v.add(notWorking(when, err))
	return d.reportInvariants(b, v)
}

func notWorking(when string, err error) violation {
	return violation{"I9", fmt.Sprintf("%s the platform did not work: %v", when, err)}
}
