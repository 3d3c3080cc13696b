// Package faults makes the platform's processes, database, broker and network
// fail while it takes payments, and then holds the books against what the
// client knows: nothing acknowledged is lost, nothing happens twice.
//
// It owns the course of a drill and everything that is decided in it: which fault
// strikes when, the sweep, the frozen leaders, how the platform comes to rest, where
// the evidence is gathered, and the report. What is struck belongs to the package
// fleet, the client that pays to payer, and the journal, the model and the
// invariants I1 to I10 to verdict.
//
// The platform is driven through its public HTTP API and its events only, as real
// processes. It must not know how any service does its work.
package faults

import (
	"context"
	"fmt"
	"time"

	"github.com/tenor-lending/tenor/bench/faults/verdict"
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
	// loansMade are the first loans at scale 1.
	loansMade   = 400
	settleLimit = 20 * time.Minute
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
		return d.broke(ctx, "before any fault", err)
	}
	b.Progress("ready after %s; sweeping", harness.Short(time.Since(begun)))
	if err := d.sweep(ctx); err != nil {
		return d.broke(ctx, "in the sweep", err)
	}
	if b.Mutant != "" && len(d.fleet.Tally().Blamed) > 0 {
		return d.reportInvariants(verdict.New()) // it is caught already
	}
	b.Progress("faults for %s", b.Duration)
	stats, err := d.fight(ctx)
	if err != nil {
		return err
	}
	settled, cancel := context.WithTimeout(ctx, settleLimit+b.Duration/2)
	defer cancel()
	e, v := &verdict.Evidence{}, verdict.New()
	if err := d.settle(settled); err != nil {
		v.Add(notWorking("after the last fault", err))
	} else if e, err = d.gather(settled); err != nil {
		e = &verdict.Evidence{}
		v.Add(notWorking("when it was read", err))
	} else {
		v = verdict.Judge(e)
	}
	return d.report(stats, e, v)
}

// broke ends a drill in which the platform did not do what every step relies on.
func (d *drill) broke(ctx context.Context, when string, err error) error {
	if ctx.Err() != nil {
		return err
	}
	v := verdict.New()
	v.Add(notWorking(when, err))
	return d.reportInvariants(v)
}

func notWorking(when string, err error) verdict.Violation {
	return verdict.Violation{
		Invariant: "I9", Text: fmt.Sprintf("%s the platform did not work: %v", when, err),
	}
}
