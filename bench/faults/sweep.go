package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database/pgfault"
	"github.com/tenor-lending/tenor/ledger"
)

const (
	// statementsMax bounds the statements of a transaction that are tried.
	statementsMax = 60
	// aims is how often a statement is aimed at: the platform's own background
	// work may step into the line of fire.
	aims       = 3
	entryName  = "drill-entry"
	entryBatch = 3
	// entryLoan names the accounts on which the drill books by itself.
	entryLoan = "00000000-0000-4000-8000-000000000001"
)

// sweepFaults are injected at every statement of every use case, COMMIT included.
var sweepFaults = []pgfault.Fault{
	pgfault.Serialization, pgfault.Deadlock, pgfault.Shutdown, pgfault.CutBefore, pgfault.CutAfter,
}

// attempt sends a request once. It returns the answer, and what settles the
// matter afterwards.
type attempt func(ctx context.Context) (answer, func(context.Context) error, error)

// useCase is a request whose transaction is swept.
type useCase struct {
	name string
	once attempt
}

// sweep is F6: while nothing else fails, each statement of each use case meets
// each fault once. A definite conflict must not be seen by the client; anything
// else may be answered with a clean "try again", which then must succeed.
func (d *drill) sweep(ctx context.Context) error {
	if err := d.openEntryAccounts(ctx); err != nil {
		return err
	}
	for _, c := range d.useCases() {
		for _, fault := range sweepFaults {
			points, err := d.sweepOne(ctx, c, fault)
			if err != nil {
				return fmt.Errorf("sweeping %s with %s: %w", c.name, fault, err)
			}
			d.swept[c.name+", "+fault.String()] = points
		}
	}
	d.fleet.proxy.SetPlan(func(pgfault.Point) pgfault.Fault { return pgfault.None })
	return nil
}

// sweepOne returns how many statements met the fault.
func (d *drill) sweepOne(ctx context.Context, c useCase, fault pgfault.Fault) (points int, err error) {
	for at := int64(1); at <= statementsMax; at++ {
		hit := false
		for range aims {
			if ctx.Err() != nil {
				return points, context.Cause(ctx)
			}
			shot := d.aim(at, fault)
			a, settle, err := c.once(ctx)
			d.fleet.proxy.SetPlan(func(pgfault.Point) pgfault.Fault { return pgfault.None })
			statement := shot()
			if settle == nil {
				return points, err
			}
			definite := fault == pgfault.Serialization || fault == pgfault.Deadlock
			switch {
			case statement != "" && definite && (err != nil || a.later()):
				d.fleet.blame("F6", "%s: %s at statement %d (%.60s) was answered %d %s", c.name, fault, at, statement,
					a.status, a.kind)
			case err == nil && a.later() && a.status != http.StatusServiceUnavailable:
				d.fleet.blame("F6", "%s: %s at statement %d (%.60s) was answered %d %s, want 503", c.name, fault, at,
					statement, a.status, a.kind)
			}
			if err := settle(ctx); errors.Is(err, errGaveUp) && ctx.Err() == nil {
				d.fleet.blame("I3", "%s: after %s at statement %d its key does not tell the outcome: %v", c.name, fault, at, err)
				return points, err
			} else if err != nil {
				return points, err
			}
			if statement != "" {
				hit = true
				break
			}
		}
		if !hit {
			return points, nil
		}
		points++
	}
	return points, nil
}

// aim makes the next statement of that place in a transaction fail, once, and
// returns what tells which it was.
func (d *drill) aim(at int64, fault pgfault.Fault) func() string {
	var mu sync.Mutex
	var statement string
	d.fleet.proxy.SetPlan(func(p pgfault.Point) pgfault.Fault {
		if p.Connect || p.Statement != at || p.Database != coreName {
			return pgfault.None
		}
		mu.Lock()
		defer mu.Unlock()
		if statement != "" {
			return pgfault.None
		}
		statement = p.SQL
		return fault
	})
	return func() string { mu.Lock(); defer mu.Unlock(); return statement }
}

func (d *drill) useCases() []useCase {
	dice := rand.New(rand.NewPCG(d.work.seed, 2_000_001)) //nolint:gosec // repeatable, not secret
	return []useCase{
		{"a payment", func(ctx context.Context) (answer, func(context.Context) error, error) {
			p := d.work.newPayment(d.work.next.Add(1), dice)
			if err := d.work.intend(p); err != nil {
				return answer{}, nil, err
			}
			a, err := d.work.post(ctx, 0, p)
			p.told = a.booked().ID
			return a, func(ctx context.Context) error { return d.work.insist(ctx, p) }, err
		}},
		{"a journal entry", d.entryCase("/api/v1/ledger/entries", func() any { return entryBody(dice) })},
		{"a batch of entries", d.entryCase("/api/v1/ledger/entries/batch", func() any {
			batch := make([]any, entryBatch)
			for i := range batch {
				batch[i] = entryBody(dice)
			}
			return map[string]any{"entries": batch}
		})},
		{"a read", func(ctx context.Context) (answer, func(context.Context) error, error) {
			l := d.work.loans[dice.IntN(len(d.work.loans))]
			path := "/api/v1/payments/" + l.id.String() + "/outstanding"
			a, err := d.gate.send(ctx, 0, request{who: asSystem, method: http.MethodGet, path: path, port: portRepayment})
			return a, func(context.Context) error { return nil }, err
		}},
	}
}

// entryCase posts to the ledger, and insists with the same key afterwards.
func (d *drill) entryCase(path string, body func() any) attempt {
	return func(ctx context.Context) (answer, func(context.Context) error, error) {
		data, err := json.Marshal(body())
		if err != nil {
			return answer{}, nil, err
		}
		r := request{
			who: asFinance, method: http.MethodPost, path: path, key: uuid.NewString(), port: portLedger, body: data,
		}
		a, err := d.gate.send(ctx, 0, r)
		return a, func(ctx context.Context) error { return d.gate.insist(ctx, r) }, err
	}
}

// insist sends a request with its key until it succeeds.
func (g *gate) insist(ctx context.Context, r request) error {
	ctx, cancel := context.WithTimeout(ctx, payLimit)
	defer cancel()
	for n := int64(0); ; n++ {
		a, err := g.send(ctx, n, r)
		if err == nil && a.status < http.StatusMultipleChoices {
			return nil
		}
		if err == nil && !a.later() {
			return fmt.Errorf("%s %s: %d %s: %s", r.method, r.path, a.status, a.kind, a.detail)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s %s: %w: %w", r.method, r.path, errGaveUp, errors.Join(err, context.Cause(ctx)))
		case <-time.After(pauseFirst):
		}
	}
}

// entryAccounts are the two accounts on which the drill books by itself. No loan
// has such, so that the tie-out of the loans and the ledger stays true.
func entryAccounts() (debit, credit string) {
	own := uuid.MustParse(entryLoan)
	return ledger.LoanAccount(ledger.TransfersSuspense, own, currency).Code,
		ledger.LoanAccount(ledger.Capital, own, currency).Code
}

func entryBody(dice *rand.Rand) map[string]any {
	debit, credit := entryAccounts()
	amount := money{Amount: fmt.Sprintf("%d.%02d", dice.IntN(1000), 1+dice.IntN(99)), Currency: currency.Code()}
	return map[string]any{
		"kind": "DRILL", "effective_date": "2026-01-02", "reference": entryName, "description": uuid.NewString(),
		"metadata": map[string]string{},
		"lines": []map[string]any{
			{"account": debit, "side": "DEBIT", "amount": amount}, {"account": credit, "side": "CREDIT", "amount": amount},
		},
	}
}

func (d *drill) openEntryAccounts(ctx context.Context) error {
	debit, credit := entryAccounts()
	for _, code := range []string{debit, credit} {
		gl := glOf(code)
		body, err := json.Marshal(map[string]any{
			"code": code, "name": "Drill " + gl, "gl_code": gl, "currency": currency.Code(),
		})
		if err != nil {
			return err
		}
		err = d.gate.insist(ctx, request{
			who: asFinance, method: http.MethodPost, path: "/api/v1/ledger/accounts", key: uuid.NewString(), port: portLedger,
			body: body,
		})
		if err != nil {
			return err
		}
	}
	return nil
}
