package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/faults/fleet"
	"github.com/tenor-lending/tenor/bench/faults/payer"
	"github.com/tenor-lending/tenor/bench/faults/verdict"
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
type attempt func(ctx context.Context) (payer.Answer, func(context.Context) error, error)

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
	d.fleet.Proxy.SetPlan(noFault)
	return nil
}

// noFault is the plan of a proxy that lets everything pass.
func noFault(pgfault.Point) pgfault.Fault { return pgfault.None }

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
			d.fleet.Proxy.SetPlan(noFault)
			statement := shot()
			if settle == nil {
				return points, err
			}
			definite := fault == pgfault.Serialization || fault == pgfault.Deadlock
			switch {
			case statement != "" && definite && (err != nil || a.Later()):
				d.fleet.Blame("F6", "%s: %s at statement %d (%.60s) was answered %d %s", c.name, fault, at, statement,
					a.Status, a.Kind)
			case err == nil && a.Later() && a.Status != http.StatusServiceUnavailable:
				d.fleet.Blame("F6", "%s: %s at statement %d (%.60s) was answered %d %s, want 503", c.name, fault, at,
					statement, a.Status, a.Kind)
			}
			if err := settle(ctx); errors.Is(err, payer.ErrGaveUp) && ctx.Err() == nil {
				d.fleet.Blame("I3", "%s: after %s at statement %d its key does not tell the outcome: %v", c.name, fault, at, err)
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
	d.fleet.Proxy.SetPlan(func(p pgfault.Point) pgfault.Fault {
		if p.Connect || p.Statement != at || p.Database != fleet.CoreDatabase {
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
	dice := rand.New(rand.NewPCG(d.bench.Seed, 2_000_001)) //nolint:gosec // repeatable, not secret
	return []useCase{
		{"a payment", func(ctx context.Context) (payer.Answer, func(context.Context) error, error) {
			return d.work.PayOnce(ctx, dice)
		}},
		{"a journal entry", d.entryCase("/api/v1/ledger/entries", func() any { return entryBody(dice) })},
		{"a batch of entries", d.entryCase("/api/v1/ledger/entries/batch", func() any {
			batch := make([]any, entryBatch)
			for i := range batch {
				batch[i] = entryBody(dice)
			}
			return map[string]any{"entries": batch}
		})},
		{"a read", func(ctx context.Context) (payer.Answer, func(context.Context) error, error) {
			loans := d.work.Loans()
			a, err := d.gate.Send(ctx, payer.Request{
				Who: payer.AsSystem, Method: http.MethodGet, Port: fleet.PortRepayment,
				Path: "/api/v1/payments/" + loans[dice.IntN(len(loans))].ID.String() + "/outstanding",
			})
			return a, func(context.Context) error { return nil }, err
		}},
	}
}

// entryCase posts to the ledger, and insists with the same key afterwards.
func (d *drill) entryCase(path string, body func() any) attempt {
	return func(ctx context.Context) (payer.Answer, func(context.Context) error, error) {
		data, err := json.Marshal(body())
		if err != nil {
			return payer.Answer{}, nil, err
		}
		r := toLedger(path, data)
		a, err := d.gate.Send(ctx, r)
		return a, func(ctx context.Context) error { return d.gate.Insist(ctx, r, nil) }, err
	}
}

// toLedger is a request with a key of its own.
func toLedger(path string, body []byte) payer.Request {
	return payer.Request{
		Who: payer.AsFinance, Method: http.MethodPost, Path: path, Port: fleet.PortLedger, Key: uuid.NewString(), Body: body,
	}
}

// entryAccounts are the two accounts on which the drill books by itself. No loan
// has such, so that the tie-out of the loans and the ledger stays true.
func entryAccounts() (debit, credit ledger.Account) {
	own := uuid.MustParse(entryLoan)
	return ledger.LoanAccount(ledger.TransfersSuspense, own, verdict.Currency),
		ledger.LoanAccount(ledger.Capital, own, verdict.Currency)
}

func entryBody(dice *rand.Rand) map[string]any {
	debit, credit := entryAccounts()
	amount := verdict.MoneyOf(int64(hundred*dice.IntN(1000) + 1 + dice.IntN(99)))
	return map[string]any{
		"kind": "DRILL", "effective_date": "2026-01-02", "reference": entryName, "description": uuid.NewString(),
		"metadata": map[string]string{},
		"lines": []map[string]any{
			{"account": debit.Code, "side": "DEBIT", "amount": amount},
			{"account": credit.Code, "side": "CREDIT", "amount": amount},
		},
	}
}

func (d *drill) openEntryAccounts(ctx context.Context) error {
	debit, credit := entryAccounts()
	for _, a := range []ledger.Account{debit, credit} {
		body, err := json.Marshal(map[string]any{
			"code": a.Code, "name": "Drill " + a.GLCode, "gl_code": a.GLCode, "currency": a.Currency.Code(),
		})
		if err != nil {
			return err
		}
		if err := d.gate.Insist(ctx, toLedger("/api/v1/ledger/accounts", body), nil); err != nil {
			return err
		}
	}
	return nil
}
