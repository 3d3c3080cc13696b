// Package peers measures other ledgers on the same work as Tenor's: payments of
// four lines, over HTTP, in turns on the same machine.
//
// It owns the driver and one adapter for each peer, which speaks its public API
// and nothing else. It must not know how Tenor's own ledger is started.
package peers

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/result"
)

// Payment is one payment: cash against principal, interest and a fee, which sum
// to Minor. All amounts are in minor units of a currency with two decimals.
type Payment struct {
	Reference                       string
	Minor, Principal, Interest, Fee int64
	// Loan numbers the loan, from 0 to LoansMax-1.
	Loan int
}

// LoansMax is over how many loans payments are spread.
const LoansMax = 1_000

// Target is a ledger that takes payments.
type Target interface {
	// Name is short, for tables.
	Name() string
	// Prepare makes what payments need.
	Prepare(ctx context.Context) error
	// Pay books one payment and returns when it is booked.
	Pay(ctx context.Context, p Payment) error
	// Booked returns how many payments the ledger holds and their volume. -1 is a
	// figure that its API does not tell.
	Booked(ctx context.Context) (payments, volume int64, err error)
}

const (
	clients   = 64
	turns     = 3
	amountMin = 10
	amountMax = 100_000
	// agreeLimit is how long a ledger that answers before it has booked may take.
	agreeLimit = time.Minute
	agreeLook  = 200 * time.Millisecond
)

// Scenarios lists what this package measures. tenor makes Tenor's own target.
func Scenarios(tenor func(context.Context, *harness.Bench) (Target, error)) []harness.Scenario {
	return []harness.Scenario{{
		Name: "peers",
		What: "payments of four lines over HTTP: Tenor and the ledgers given with --against, in turns",
		Run:  func(ctx context.Context, b *harness.Bench) error { return run(ctx, b, tenor) },
	}}
}

func run(ctx context.Context, b *harness.Bench, tenor func(context.Context, *harness.Bench) (Target, error)) error {
	var others []Target
	for _, text := range b.Against {
		other, err := New(text)
		if err != nil {
			return err
		}
		others = append(others, other)
	}
	if len(others) == 0 {
		b.Note("NOT RUN: no other ledger was named; give one with --against formance=URL or --against blnk=URL")
		return nil
	}
	own, err := tenor(ctx, b)
	if err != nil {
		return err
	}
	for _, other := range others {
		if err := Compare(ctx, b, own, other); err != nil {
			return err
		}
	}
	return nil
}

// New makes the target that a flag names: "formance=URL" or "blnk=URL".
func New(text string) (Target, error) {
	name, address, ok := strings.Cut(text, "=")
	if !ok || !strings.HasPrefix(address, "http") {
		return nil, fmt.Errorf("--against %q: want NAME=URL", text)
	}
	run := uuid.NewString()[:8]
	switch name {
	case "formance":
		return newFormance(address, run), nil
	case "blnk":
		return newBlnk(address, run), nil
	}
	return nil, fmt.Errorf("--against %s: no such ledger; there are formance and blnk", name)
}

// side is what a target did in its turns.
type side struct {
	target          Target
	payments        int64
	volume          int64
	before, earlier int64
	rates           []float64
	all             []harness.Stats
}

// Compare has both ledgers take payments in turns, A B A B, and reports the
// ratio pair by pair. What each acknowledged must be booked.
func Compare(ctx context.Context, b *harness.Bench, own, other Target) error {
	sides := []*side{{target: own}, {target: other}}
	for _, s := range sides {
		if err := s.target.Prepare(ctx); err != nil {
			return fmt.Errorf("preparing %s: %w", s.target.Name(), err)
		}
		var err error
		if s.before, s.earlier, err = s.target.Booked(ctx); err != nil {
			return fmt.Errorf("asking %s: %w", s.target.Name(), err)
		}
	}
	for turn := range turns {
		for _, s := range sides {
			if err := s.turn(ctx, b, turn); err != nil {
				return err
			}
		}
	}
	report(b, sides)
	for _, s := range sides {
		if err := s.check(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// turn lets one ledger work for its share of the time.
func (s *side) turn(ctx context.Context, b *harness.Bench, turn int) error {
	load := harness.Load{
		Name: s.target.Name(), Clients: clients, Duration: b.Duration / turns, Seed: b.Seed + uint64(turn), Rate: b.Rate,
	}
	if b.Clients > 0 {
		load.Clients = b.Clients
	}
	if turn == 0 {
		load.Warmup = b.Warmup
	}
	done := make(chan Payment, harness.InFlightDefault)
	counted := make(chan struct{})
	go func() {
		defer close(counted)
		for p := range done {
			s.payments++
			s.volume += p.Minor
		}
	}()
	load.Op = func(ctx context.Context, _ int64) error {
		p := newPayment()
		if err := s.target.Pay(ctx, p); err != nil {
			return err
		}
		done <- p
		return nil
	}
	stats := harness.Drive(ctx, load, nil)
	close(done)
	<-counted
	if err := errors.Join(stats.Err(), ctx.Err()); err != nil {
		return fmt.Errorf("%s: %w", s.target.Name(), err)
	}
	s.rates, s.all = append(s.rates, stats.PerSecond), append(s.all, stats)
	b.Progress("%s: %s/s  p50 %s  p99 %s", s.target.Name(), harness.Count(stats.PerSecond), harness.Short(stats.P50),
		harness.Short(stats.P99))
	return nil
}

func newPayment() Payment {
	minor := rand.Int64N(amountMax) + amountMin //nolint:gosec // spread, not secret
	p := Payment{
		Reference: uuid.NewString(), Minor: minor, Principal: minor / 2, Interest: minor / 3,
		Loan: rand.IntN(LoansMax), //nolint:gosec // as above
	}
	p.Fee = minor - p.Principal - p.Interest
	return p
}

func report(b *harness.Bench, sides []*side) {
	own, other := sides[0], sides[1]
	t := result.Table{
		Title: "payments of four lines over HTTP, in turns",
		Header: []string{
			"pair", own.target.Name() + " a second", other.target.Name() + " a second", "ratio", "p99", "p99",
		},
	}
	var ratios []float64
	for i := range own.rates {
		t.Rows = append(t.Rows, []string{
			fmt.Sprint(i + 1), harness.Count(own.rates[i]), harness.Count(other.rates[i]),
			harness.Ratio(own.rates[i], other.rates[i]), harness.Short(own.all[i].P99), harness.Short(other.all[i].P99),
		})
		if other.rates[i] > 0 {
			ratios = append(ratios, own.rates[i]/other.rates[i])
			b.Metric(fmt.Sprintf("ratio_to_%s_pair_%d", other.target.Name(), i+1), ratios[len(ratios)-1], "x")
		}
	}
	b.Table(t)
	if len(ratios) > 0 {
		slices.Sort(ratios)
		b.Metric("ratio_to_"+other.target.Name(), ratios[len(ratios)/2], "x")
	}
	for _, s := range sides {
		middle := slices.Sorted(slices.Values(s.rates))
		b.Metric(s.target.Name()+"_throughput", middle[len(middle)/2], "1/s")
	}
	b.OverTime("own and "+other.target.Name(), []string{own.target.Name(), other.target.Name()},
		[]harness.Stats{own.all[len(own.all)-1], other.all[len(other.all)-1]})
}

// check holds that what was acknowledged is booked. A ledger that acknowledges
// before it books is given time.
func (s *side) check(ctx context.Context, b *harness.Bench) error {
	for end := time.Now().Add(agreeLimit); ; {
		payments, volume, err := s.target.Booked(ctx)
		if err != nil {
			return fmt.Errorf("asking %s: %w", s.target.Name(), err)
		}
		agrees := (payments < 0 || payments-s.before == s.payments) && (volume < 0 || volume-s.earlier == s.volume)
		if agrees || time.Now().After(end) {
			return b.Check(agrees, "%s holds the %d acknowledged payments of %d (it says %d of %d)", s.target.Name(),
				s.payments, s.volume, payments-s.before, volume-s.earlier)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(agreeLook):
		}
	}
}
