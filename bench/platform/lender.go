package platform

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/journey"
)

const (
	originationClients = 8
	// The mixed day: what is due a second, unless --rate sets the payments.
	mixedApplications = 0.5
	mixedPayments     = 50
	mixedReads        = 100
	mixedLoans        = 2_000
	originationFlight = 64
	daySeconds        = 24 * 60 * 60
	applicationsADay  = 10_000
)

// staff logs the lender's people and programs in.
func (p *platform) staff(ctx context.Context) (*journey.Staff, error) {
	s := &journey.Staff{}
	people := []struct {
		name string
		into **client.Client
	}{
		{"officer", &s.Officer},
		{"manager", &s.Manager},
		{"risk", &s.RiskManager},
		{"internal", &s.Internal},
		{"credit", &s.CreditHead},
		{"finance", &s.Finance},
	}
	login := func(name, password string) (*client.Client, error) {
		token, err := journey.Login(ctx, p.gateway, name+"@tenor.local", password)
		return p.gateway.As(token), err
	}
	var err error
	for _, person := range people {
		if *person.into, err = login(person.name, p.secrets.StaffPassword); err != nil {
			return nil, fmt.Errorf("logging in %s: %w", person.name, err)
		}
	}
	if s.Admin, err = login("admin", p.secrets.AdminPassword); err != nil {
		return nil, err
	}
	var users struct {
		Items []struct {
			ID    string `json:"id"`
			Email string `json:"email"`
		} `json:"items"`
	}
	if err := s.Admin.Get(ctx, "/api/v1/admin/users?limit=200", &users); err != nil {
		return nil, err
	}
	for _, user := range users.Items {
		if user.Email == "officer@tenor.local" {
			s.OfficerID = user.ID
		}
	}
	return s, nil
}

func rupees(amount string) journey.Money {
	return journey.Money{Amount: amount, Currency: currency.Code()}
}

// originate takes one borrower from registration to the paid-out loan, through
// every stage and every service, by the gateway.
func (p *platform) originate(ctx context.Context, staff *journey.Staff) error {
	borrower, err := journey.Register(ctx, p.gateway, "Bench Borrower")
	if err != nil {
		return err
	}
	id, err := borrower.Apply(ctx, journey.Application{
		Product: "MICRO_LOAN", Amount: rupees("20000.00"), Instalments: loanMonths, Purpose: "BUSINESS",
		Income: rupees("25000.00"), Obligations: rupees("1000.00"),
	})
	if err != nil {
		return err
	}
	if err := borrower.SubmitIdentity(ctx); err != nil {
		return err
	}
	if err := borrower.UploadDocuments(ctx, id); err != nil {
		return err
	}
	_, err = journey.Originate(ctx, staff, borrower, id, journey.Terms{
		Principal: rupees("20000.00"), AnnualRatePercent: "15", Instalments: loanMonths, ValidDays: 14,
		Charges: []journey.Charge{{Name: "processing fee", Amount: rupees("240.00"), Party: "LENDER"}},
	})
	return err
}

func runOrigination(ctx context.Context, b *harness.Bench) error {
	p, err := start(ctx, b)
	if err != nil {
		return err
	}
	staff, err := p.staff(ctx)
	if err != nil {
		return err
	}
	before, err := p.activeLoans(ctx)
	if err != nil {
		return err
	}
	eventsWere, _, err := p.events(ctx)
	if err != nil {
		return err
	}
	var done atomic.Int64
	stats := b.Load(ctx, harness.Load{
		Name: "applications", Clients: originationClients, InFlight: originationFlight,
		Op: func(ctx context.Context, _ int64) error {
			err := p.originate(ctx, staff)
			if err == nil {
				done.Add(1)
			}
			return err
		},
	})
	b.Measured("applications", stats)
	b.Metric("applications_a_day", stats.PerSecond*daySeconds, "1")
	b.Table(result.Table{
		Title:  "whole applications, registration to paid-out loan, through the gateway",
		Header: []string{"clients", "a second", "a day", "of the 10,000 asked", "p50", "p99"},
		Rows: [][]string{{
			harness.Count(originationClients), harness.Count(stats.PerSecond),
			harness.Count(stats.PerSecond * daySeconds), harness.Ratio(stats.PerSecond*daySeconds, applicationsADay),
			harness.Short(stats.P50), harness.Short(stats.P99),
		}},
	})
	if err := errors.Join(stats.Err(), ctx.Err()); err != nil {
		return err
	}
	return p.checkActivations(ctx, b, before, done.Load(), eventsWere)
}

// runMixed has applications, payments and reads come at once, and closes a day
// in the middle.
func runMixed(ctx context.Context, b *harness.Bench) error {
	p, err := start(ctx, b)
	if err != nil {
		return err
	}
	staff, err := p.staff(ctx)
	if err != nil {
		return err
	}
	book, err := p.book(ctx)
	if err != nil {
		return err
	}
	loans, err := p.newLoans(ctx, b, book, b.Sized(mixedLoans))
	if err != nil {
		return err
	}
	partner, err := p.partner(ctx)
	if err != nil {
		return err
	}
	system, err := p.system(ctx)
	if err != nil {
		return err
	}
	before, err := p.payments(ctx)
	if err != nil {
		return err
	}
	was, err := p.look(ctx)
	if err != nil {
		return err
	}
	loads := p.mixedLoads(b, staff, partner, loans)
	all := make([]harness.Stats, len(loads))
	var group sync.WaitGroup
	for i, load := range loads {
		group.Go(func() { all[i] = harness.Drive(ctx, load, nil) })
	}
	closed, took, dayErr := p.closeInTheMiddle(ctx, b, p.service(portDay).As(system))
	group.Wait()
	var errs []error
	var names []string
	t := result.Table{
		Title:  "a lender's day",
		Header: []string{"work", "intended a second", "a second", "p50", "p99", "max"},
	}
	for i, load := range loads {
		s := all[i]
		names = append(names, load.Name)
		errs = append(errs, s.Err())
		b.Measured(load.Name, s)
		t.Rows = append(t.Rows, []string{
			load.Name, harness.Count(load.Rate), harness.Count(s.PerSecond),
			harness.Short(s.P50), harness.Short(s.P99), harness.Short(s.Max),
		})
	}
	b.Table(t)
	b.OverTime("a lender's day", names, all)
	if err := errors.Join(append(errs, dayErr, ctx.Err())...); err != nil {
		return err
	}
	b.Metric("close_of_day", took.Seconds(), "s")
	b.Note("a day was closed in the middle, in %s, with %d loans changed", harness.Short(took), closed.LoansDone)
	return p.settle(ctx, b, was, before, loans)
}

func (p *platform) mixedLoads(
	b *harness.Bench, staff *journey.Staff, partner string, loans *paidLoans,
) []harness.Load {
	payments := b.Rate
	if payments == 0 {
		payments = mixedPayments
	}
	pays := p.service(portRepayment).As(partner)
	if b.Gateway {
		pays = p.gateway.As(partner)
	}
	loads := []harness.Load{
		{
			Name: "applications", Rate: mixedApplications, InFlight: originationFlight,
			Op: func(ctx context.Context, _ int64) error { return p.originate(ctx, staff) },
		},
		{
			Name: "payments", Rate: payments,
			Op: func(ctx context.Context, n int64) error { return payOne(ctx, pays, loans, n) },
		},
		{Name: "reads", Rate: mixedReads, Op: func(ctx context.Context, _ int64) error {
			loan := loans.list[rand.IntN(len(loans.list))] //nolint:gosec // spread, not secret
			_, err := journey.OutstandingOf(ctx, staff.Officer, loan.id.String())
			return err
		}},
	}
	for i := range loads {
		loads[i].Seed, loads[i].Warmup, loads[i].Duration = b.Seed+uint64(i), b.Warmup, b.Duration
	}
	return loads
}

func (p *platform) closeInTheMiddle(ctx context.Context, b *harness.Bench, api *client.Client) (
	dayRun, time.Duration, error,
) {
	select {
	case <-ctx.Done():
		return dayRun{}, 0, context.Cause(ctx)
	case <-time.After(b.Warmup + b.Duration/2):
	}
	begin := time.Now()
	run, err := p.closeDay(ctx, api)
	return run, time.Since(begin), err
}
