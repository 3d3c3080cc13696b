package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/faults/fleet"
	"github.com/tenor-lending/tenor/bench/faults/payer"
	"github.com/tenor-lending/tenor/bench/faults/verdict"
	"github.com/tenor-lending/tenor/bench/harness"
)

const (
	// freezeFirst is when the first leader is frozen, freezeEvery the pause until
	// the next one, and freezeAgain that after a round that proved nothing.
	freezeFirst = 6 * time.Second
	freezeEvery = 150 * time.Second
	freezeAgain = 30 * time.Second
	// A round orders so many days that there is work for a worker to be frozen in:
	// the more loans there are, the fewer.
	daysMax      = 120
	daysMin      = 20
	loanDaysWant = 24_000
	// takeOverLimit is how long the other replica may take to go on: a lease of 30
	// seconds, what a server needs to notice a client that is frozen in the middle
	// of a transaction, and two days' work on a machine that has much else to do.
	takeOverLimit = 4 * time.Minute
	// begunLimit includes what a server needs for that at the start of a round.
	begunLimit   = 45 * time.Second
	dayLook      = 15 * time.Millisecond
	dayDoneLimit = 5 * time.Minute
)

const runsPath = "/api/v1/close-of-day/runs"

const frozenLeader = "F13 frozen worker that woke with an old share"

// dayRun is a run of the close of day as its API shows it.
type dayRun struct {
	ID         string `json:"run_id"`
	Status     string `json:"status"`
	ClosedDays int64  `json:"closed_days"`
	LoansDone  int64  `json:"loans_done"`
	TiedOut    string `json:"tied_out"`
	Reason     string `json:"reason"`
}

func (r dayRun) over() bool { return r.Status != "QUEUED" && r.Status != "RUNNING" }

// errNotThisTime means that a round proved nothing, for a reason without fault.
var errNotThisTime = errors.New("the round proved nothing")

// freezeLeaders is F13: a worker of a close of day is frozen until another has
// taken over its share, and wakes in the belief that it still has it. Nothing may
// happen twice by that: see I10.
func (c *chaos) freezeLeaders(ctx context.Context) {
	for wait := freezeFirst; paused(ctx, wait); {
		wait = freezeEvery
		c.d.core.Lock()
		// A round that has begun goes to its end, so that nobody stays frozen.
		err := c.freezeLeader(context.WithoutCancel(ctx))
		c.d.core.Unlock()
		switch {
		case errors.Is(err, errNotThisTime):
			c.d.fleet.Count("F13 rounds that proved nothing")
			c.d.bench.Progress("F13: %v", err)
			wait = freezeAgain
		case err != nil:
			c.d.fleet.Blame(verdict.Drill, "F13: %v", err)
		default:
			c.d.fleet.Count(frozenLeader)
		}
	}
}

// freezeLeader is one round.
func (c *chaos) freezeLeader(ctx context.Context) error {
	d := c.d
	leader, other := d.fleet.Process(fleet.CoreA), d.fleet.Process(fleet.CoreB)
	d.fleet.Calm(true, fleet.CoreA, fleet.CoreB)
	defer d.fleet.Calm(false, fleet.CoreA, fleet.CoreB)
	for _, p := range []*fleet.Process{leader, other} { // those that are armed could die by themselves
		p.Kill()
	}
	ready, cancel := context.WithTimeout(ctx, fleet.ReadyLimit)
	defer cancel()
	for _, p := range []*fleet.Process{leader, other} {
		if err := p.WaitServing(ready); err != nil {
			return err
		}
	}
	if err := other.Freeze(); err != nil { // so that the leader is the one that we know
		return err
	}
	run, err := d.openDays(ctx, 0)
	if err == nil {
		run, err = d.untilMoved(ctx, 0, run, begunLimit)
	}
	frozen := leader.Freeze()
	thawed := other.Thaw()
	defer func() { _ = leader.Thaw() }() // whatever happens; twice is harmless
	if err := errors.Join(frozen, thawed); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: the close of day did not begin: %w", errNotThisTime, err)
	}
	// What the worker had sent when it was frozen may still happen.
	time.Sleep(disturbedMin)
	if run, err = d.dayRun(ctx, 1, run.ID); err != nil {
		return err
	}
	if run.over() {
		return fmt.Errorf("%w: the close of day was over too soon", errNotThisTime)
	}
	begun := time.Now()
	if run, err = d.untilClosed(ctx, 1, run, takeOverLimit); err != nil {
		d.fleet.Blame("I9", "nobody took over from a frozen worker within %s: %v", takeOverLimit, err)
		return nil
	}
	d.fleet.Recovered("close of day", time.Since(begun))
	d.bench.Progress("F13: another took over after %s, with %d days closed", harness.Short(time.Since(begun)),
		run.ClosedDays)
	return nil // it wakes now, and thinks that it is still at work
}

// daysWanted is how many days a round orders.
func (d *drill) daysWanted() int {
	return max(daysMin, min(daysMax, loanDaysWant/len(d.work.Loans())))
}

// daysDone holds that every close of day that was ordered comes to its end once
// nothing fails any more, and that the ledger and the loans agreed at each.
func (d *drill) daysDone(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dayDoneLimit)
	defer cancel()
	for _, id := range d.days {
		for n := int64(0); ; n++ {
			now, err := d.dayRun(ctx, n, id)
			if err != nil {
				d.fleet.Blame("I9", "the close of day was not done in time: %v", err)
				return nil
			}
			if now.Status == "FAILED" {
				d.fleet.Blame("I9", "the close of day failed: %s", now.Reason)
			}
			if now.over() {
				if now.TiedOut == "DIFFERS" {
					d.fleet.Blame("I4", "the ledger and the loans did not agree when days were closed: %+v", now)
				}
				break
			}
			time.Sleep(lookPause)
		}
	}
	return nil
}

// openDays returns the close of day that was ordered last, if it is still at
// work: others would queue behind it. Otherwise it orders one.
func (d *drill) openDays(ctx context.Context, replica int64) (dayRun, error) {
	if len(d.days) > 0 {
		if run, err := d.dayRun(ctx, replica, d.days[len(d.days)-1]); err != nil || !run.over() {
			return run, err
		}
	}
	run, err := d.orderDays(ctx, replica, d.daysWanted())
	if err == nil {
		d.days = append(d.days, run.ID)
	}
	return run, err
}

// orderDays orders a number of days to be closed, through one replica.
func (d *drill) orderDays(ctx context.Context, replica int64, days int) (run dayRun, err error) {
	var book payer.Book
	if err := d.gate.Insist(ctx, toDays(replica, http.MethodGet, payer.BookPath), &book); err != nil {
		return run, err
	}
	r := toDays(replica, http.MethodPost, runsPath)
	r.Key = uuid.NewString()
	if r.Body, err = json.Marshal(map[string]civil.Date{"through": book.BusinessDate.AddDays(days)}); err != nil {
		return run, err
	}
	err = d.gate.Insist(ctx, r, &run)
	return run, err
}

// dayRun asks one replica how far a run has come.
func (d *drill) dayRun(ctx context.Context, replica int64, id string) (run dayRun, err error) {
	err = d.gate.Insist(ctx, toDays(replica, http.MethodGet, runsPath+"/"+id), &run)
	return run, err
}

// toDays is a request to the close of day of one replica and no other, for the other
// may be frozen.
func toDays(replica int64, method, path string) payer.Request {
	return payer.Request{
		Who: payer.AsSystem, Method: method, Path: path, Port: fleet.PortCloseOfDay, Replica: replica, Pinned: true,
	}
}

// untilMoved waits until a run has come further than it had.
func (d *drill) untilMoved(ctx context.Context, replica int64, since dayRun, limit time.Duration) (dayRun, error) {
	return d.until(ctx, replica, since, limit, func(now dayRun) bool {
		return now.ClosedDays > since.ClosedDays || now.LoansDone > since.LoansDone
	})
}

// untilClosed waits until a run has closed another day, for which nothing may be
// left undone by anybody.
func (d *drill) untilClosed(ctx context.Context, replica int64, since dayRun, limit time.Duration) (dayRun, error) {
	return d.until(ctx, replica, since, limit, func(now dayRun) bool { return now.ClosedDays > since.ClosedDays+1 })
}

func (d *drill) until(
	ctx context.Context, replica int64, since dayRun, limit time.Duration, reached func(dayRun) bool,
) (dayRun, error) {
	for end := time.Now().Add(limit); ; time.Sleep(dayLook) {
		now, err := d.dayRun(ctx, replica, since.ID)
		if err != nil {
			return now, err
		}
		if reached(now) || now.over() {
			return now, nil
		}
		if time.Now().After(end) {
			return now, fmt.Errorf("it stands at %+v", now)
		}
	}
}
