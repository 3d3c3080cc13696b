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
)

const (
	// freezeFirst is when the first leader is frozen, freezeEvery the pause until
	// the next one.
	freezeFirst = 6 * time.Second
	freezeEvery = 150 * time.Second
	daysOrdered = 120
	// takeOverLimit is how long the other replica may take to go on: a lease of 30
	// seconds, and what a server needs to notice a client that is frozen in the
	// middle of a transaction.
	takeOverLimit = 75 * time.Second
	begunLimit    = 20 * time.Second
	zombieWatch   = 5 * time.Second
	// leaseSure is how long after its death the lease of a leader stands for sure.
	leaseSure = 25 * time.Second
	dayLook   = 15 * time.Millisecond
	// freezeTries bounds how often a leader is frozen until it is caught between
	// two transactions.
	freezeTries  = 80
	freezeStep   = 7
	dayDoneLimit = 2 * time.Minute
)

const frozenLeader = "F13 frozen leader that woke with an old lease"

// dayRun is a run of the close of day as its API shows it.
type dayRun struct {
	ID         string `json:"run_id"`
	Status     string `json:"status"`
	ClosedDays int64  `json:"closed_days"`
	LoansDone  int64  `json:"loans_done"`
	Reason     string `json:"reason"`
}

// moved tells whether the run has come further since.
func (r dayRun) moved(since dayRun) bool {
	return r.ClosedDays != since.ClosedDays || r.LoansDone != since.LoansDone || r.Status != since.Status
}

func (r dayRun) over() bool { return r.Status != "QUEUED" && r.Status != "RUNNING" }

// errNotThisTime means that a round proved nothing, for a reason without fault.
var errNotThisTime = errors.New("the round proved nothing")

// freezeLeaders is F13: the leader of a close of day is frozen until another has
// taken over, and must not change anything when it wakes with its old lease.
func (c *chaos) freezeLeaders(ctx context.Context) {
	wait := freezeFirst
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = freezeEvery
		c.d.core.Lock()
		// A round that has begun goes to its end, so that nobody stays frozen.
		err := c.freezeLeader(context.WithoutCancel(ctx))
		c.d.core.Unlock()
		switch {
		case errors.Is(err, errNotThisTime):
			c.d.fleet.count("F13 rounds that proved nothing")
			c.d.say("F13: %v", err)
			wait = freezeFirst
		case err != nil:
			c.d.fleet.blame("drill", "F13: %v", err)
		default:
			c.d.fleet.count(frozenLeader)
		}
	}
}

// freezeLeader is one round.
func (c *chaos) freezeLeader(ctx context.Context) error {
	d := c.d
	leader, other := d.fleet.processes[coreA], d.fleet.processes[coreB]
	d.fleet.setCalm(true, coreA, coreB)
	defer d.fleet.setCalm(false, coreA, coreB)
	for _, p := range []*process{leader, other} { // those that are armed could die by themselves
		p.kill()
	}
	ready, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	for _, p := range []*process{leader, other} {
		if err := p.waitServing(ready); err != nil {
			return err
		}
	}
	if err := other.freeze(); err != nil { // so that the leader is the one that we know
		return err
	}
	run, err := d.orderDays(ctx, 0, daysOrdered)
	if err == nil {
		d.days = append(d.days, run.ID)
		run, err = d.untilMoved(ctx, 0, run, begunLimit)
	}
	frozen := d.freezeBetween(ctx, leader)
	thawed := other.thaw()
	defer func() { _ = leader.thaw() }() // whatever happens; twice is harmless
	if err := errors.Join(frozen, thawed); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: the close of day did not begin: %w", errNotThisTime, err)
	}
	// What the leader had sent when it was frozen may still happen.
	time.Sleep(disturbedMin)
	if run, err = d.dayRun(ctx, 1, run.ID); err != nil {
		return err
	}
	if run.over() {
		return fmt.Errorf("%w: the close of day was over too soon", errNotThisTime)
	}
	begun := time.Now()
	run, err = d.untilMoved(ctx, 1, run, takeOverLimit)
	if err != nil {
		d.fleet.blame("I9", "nobody took over from a frozen leader within %s: %v", takeOverLimit, err)
		return nil
	}
	d.fleet.recovered("leader", time.Since(begun))
	if run.over() {
		return fmt.Errorf("%w: the other was done at once", errNotThisTime)
	}
	return c.wakeZombie(ctx, leader, other, run)
}

// freezeBetween freezes a leader between two of its transactions: one that is
// frozen in the middle loses its session with its locks, and need not look at its
// lease to notice.
func (d *drill) freezeBetween(ctx context.Context, leader *process) error {
	for range freezeTries {
		if err := leader.freeze(); err != nil {
			return err
		}
		free, err := leaseIsFree(ctx, d.database)
		if err != nil || free {
			return err
		}
		if err := leader.thaw(); err != nil {
			return err
		}
		time.Sleep(time.Duration(1+d.work.next.Load()%freezeStep) * time.Millisecond)
	}
	return leader.freeze() // wherever it is now
}

// wakeZombie kills the new leader, so that its lease stands and nobody works,
// and wakes the old one.
func (c *chaos) wakeZombie(ctx context.Context, leader, other *process, run dayRun) error {
	d := c.d
	died := time.Now()
	other.kill()
	ready, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	time.Sleep(disturbedMin) // its last transaction ends one way or the other, and it starts again
	if err := other.waitServing(ready); err != nil {
		return err
	}
	before, err := d.dayRun(ctx, 1, run.ID)
	if err != nil {
		return err
	}
	if before.over() {
		return fmt.Errorf("%w: the close of day was over", errNotThisTime)
	}
	if err := leader.thaw(); err != nil {
		return err
	}
	if time.Since(died) > leaseSure-zombieWatch {
		return fmt.Errorf("%w: the other took too long to start again", errNotThisTime)
	}
	for end := time.Now().Add(zombieWatch); time.Now().Before(end); time.Sleep(dayLook) {
		now, err := d.dayRun(ctx, 1, run.ID)
		if err != nil {
			return err
		}
		if time.Since(died) > leaseSure {
			return fmt.Errorf("%w: the lease of the dead may be over", errNotThisTime)
		}
		if now.moved(before) {
			d.fleet.blame("I10", "a leader that had lost its lease went on: %+v became %+v", before, now)
			break
		}
	}
	return nil
}

// daysDone holds that every close of day that was ordered comes to its end once
// nothing fails any more.
func (d *drill) daysDone(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dayDoneLimit)
	defer cancel()
	for _, id := range d.days {
		for n := int64(0); ; n++ {
			now, err := d.dayRun(ctx, n, id)
			if err != nil {
				d.fleet.blame("I9", "the close of day was not done in time: %v", err)
				return nil
			}
			if now.Status == "FAILED" {
				d.fleet.blame("I9", "the close of day failed: %s", now.Reason)
			}
			if now.over() {
				break
			}
			time.Sleep(lookPause)
		}
	}
	return nil
}

// orderDays orders a number of days to be closed, through one replica.
func (d *drill) orderDays(ctx context.Context, replica int64, days int) (dayRun, error) {
	var run dayRun
	a, err := d.ask(ctx, replica, request{
		who: asSystem, method: http.MethodGet, path: "/api/v1/close-of-day/book", port: portDay,
	})
	if err != nil {
		return run, err
	}
	var book bookState
	if err := json.Unmarshal(a.body, &book); err != nil {
		return run, err
	}
	body, err := json.Marshal(map[string]civil.Date{"through": book.BusinessDate.AddDays(days)})
	if err != nil {
		return run, err
	}
	a, err = d.ask(ctx, replica, request{
		who: asSystem, method: http.MethodPost, path: "/api/v1/close-of-day/runs", port: portDay, key: uuid.NewString(),
		body: body,
	})
	if err != nil {
		return run, err
	}
	return run, json.Unmarshal(a.body, &run)
}

func (d *drill) dayRun(ctx context.Context, replica int64, id string) (dayRun, error) {
	var run dayRun
	a, err := d.ask(ctx, replica, request{
		who: asSystem, method: http.MethodGet, path: "/api/v1/close-of-day/runs/" + id, port: portDay,
	})
	if err != nil {
		return run, err
	}
	return run, json.Unmarshal(a.body, &run)
}

// ask sends a request to one replica until it succeeds.
func (d *drill) ask(ctx context.Context, replica int64, r request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, payLimit)
	defer cancel()
	for {
		a, err := d.gate.send(ctx, replica, r)
		if err == nil && a.status < http.StatusMultipleChoices {
			return a, nil
		}
		if err == nil && !a.later() {
			return a, fmt.Errorf("%s %s: %d %s: %s", r.method, r.path, a.status, a.kind, a.detail)
		}
		select {
		case <-ctx.Done():
			return a, fmt.Errorf("%s %s: %w: %w", r.method, r.path, errGaveUp, errors.Join(err, context.Cause(ctx)))
		case <-time.After(pauseFirst):
		}
	}
}

// untilMoved waits until a run has come further than it had.
func (d *drill) untilMoved(ctx context.Context, replica int64, since dayRun, limit time.Duration) (dayRun, error) {
	for end := time.Now().Add(limit); ; time.Sleep(dayLook) {
		now, err := d.dayRun(ctx, replica, since.ID)
		if err != nil {
			return now, err
		}
		if now.ClosedDays > since.ClosedDays || now.LoansDone > since.LoansDone || now.over() {
			return now, nil
		}
		if time.Now().After(end) {
			return now, fmt.Errorf("it stands at %+v", now)
		}
	}
}
