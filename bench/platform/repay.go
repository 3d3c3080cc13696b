package platform

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/journey"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
)

// Scenarios lists what this package measures.
func Scenarios() []harness.Scenario {
	return []harness.Scenario{
		{Name: "ledger-single", What: "finance API: journal entries posted one by one, 64 clients", Run: runLedgerSingle},
		{Name: "ledger-batch", What: "finance API: journal entries in batches of 100, 8 clients", Run: runLedgerBatch},
		{
			Name: "repay-single",
			What: "full repayments (loan, allocation, journal, outbox, idempotency) one by one, 64 clients",
			Run:  func(ctx context.Context, b *harness.Bench) error { return runRepay(ctx, b, singleClients) },
		},
		{
			Name: "repay-1000", What: "the same with 1,000 concurrent clients",
			Run: func(ctx context.Context, b *harness.Bench) error { return runRepay(ctx, b, manyClients) },
		},
		{Name: "repay-batch", What: "the same by the batch endpoint, 1,000 a call, 4 clients", Run: runRepayBatch},
		{Name: "activate", What: "agreements signed to loans activated and paid out, by events", Run: runActivate},
		{
			Name: "close-of-day", What: "closing a day as the number of loans grows: due, overdue, days past due",
			Run: func(ctx context.Context, b *harness.Bench) error { return runCloseOfDay(ctx, b, servicing.AtDueDate) },
		},
		{
			Name: "close-of-day-accrual", What: "the same with interest that is booked daily, loan by loan",
			Run: func(ctx context.Context, b *harness.Bench) error { return runCloseOfDay(ctx, b, servicing.Daily) },
		},
		{Name: "origination", What: "whole applications through all stages, by the gateway", Run: runOrigination},
		{
			Name: "mixed", What: "a lender's day: applications, payments and reads at once, with a day closed in the middle",
			Run: runMixed,
		},
	}
}

const (
	singleClients = 64
	manyClients   = 1_000
	// The batch endpoint is called with batchPayments at a time.
	payBatchClients = 4
	batchPayments   = 1_000
	// repayLoans are paid in turn, so that two payments of one loan rarely meet.
	repayLoans  = 5_000
	eventsLimit = 2 * time.Minute
	eventsLook  = 100 * time.Millisecond
	// A payment is small against the loan, which stays active for the whole run.
	paymentMinor = 1_250
)

var errStatus = errors.New("the payment is not posted")

func runRepay(ctx context.Context, b *harness.Bench, clients int) error {
	return repay(ctx, b, clients, 1, func(ctx context.Context, api *client.Client, loans []uuid.UUID, n int64) error {
		return pay(ctx, api, loans[n%int64(len(loans))])
	})
}

func runRepayBatch(ctx context.Context, b *harness.Bench) error {
	return repay(ctx, b, payBatchClients, batchPayments, payBatch)
}

// repay makes loans and has clients pay them, units payments at a time.
func repay(
	ctx context.Context, b *harness.Bench, clients, units int,
	send func(ctx context.Context, api *client.Client, loans []uuid.UUID, n int64) error,
) error {
	p, err := start(ctx, b)
	if err != nil {
		return err
	}
	book, err := p.book(ctx)
	if err != nil {
		return err
	}
	loans, err := p.makeLoans(ctx, b, b.Sized(repayLoans), monthLater(book.BusinessDate))
	if err != nil {
		return err
	}
	token, err := p.partner(ctx)
	if err != nil {
		return err
	}
	api := p.service(portRepayment).As(token)
	if b.Gateway {
		api = p.gateway.As(token)
	}
	before, err := p.payments(ctx)
	if err != nil {
		return err
	}
	was, err := p.look(ctx)
	if err != nil {
		return err
	}
	var posted atomic.Int64
	stats := b.Load(ctx, harness.Load{
		Name: "payments", Clients: clients, Units: units,
		Op: func(ctx context.Context, n int64) error {
			err := send(ctx, api, loans, n)
			if err == nil {
				posted.Add(int64(units))
			}
			return err
		},
	})
	b.Measured("payments", stats)
	b.OverTime("payments", []string{"payments"}, []harness.Stats{stats})
	b.Table(result.Table{
		Title:  "full repayments through HTTP",
		Header: []string{"clients", "a second", "p50", "p95", "p99", "max"},
		Rows: [][]string{{
			harness.Count(float64(clients)), harness.Count(stats.PerSecond), harness.Short(stats.P50),
			harness.Short(stats.P95), harness.Short(stats.P99), harness.Short(stats.Max),
		}},
	})
	if err := errors.Join(stats.Err(), ctx.Err()); err != nil {
		return err
	}
	if err := p.checkPayments(ctx, b, before, posted.Load()); err != nil {
		return err
	}
	is, err := p.look(ctx)
	if err != nil {
		return err
	}
	was.report(b, is, posted.Load())
	return nil
}

func pay(ctx context.Context, api *client.Client, loan uuid.UUID) error {
	amount := journey.Money{Amount: money.New(paymentMinor, currency).Text(), Currency: currency.Code()}
	made, err := journey.Pay(ctx, api, loan.String(), "NORMAL", amount, "bench")
	if err != nil {
		return err
	}
	if made.Status != "POSTED" {
		return errStatus
	}
	return nil
}

// payBatch sends the n-th batch: each batch pays other loans than the one before.
func payBatch(ctx context.Context, api *client.Client, loans []uuid.UUID, n int64) error {
	amount := journey.Money{Amount: money.New(paymentMinor, currency).Text(), Currency: currency.Code()}
	items := make([]journey.BatchPayment, batchPayments)
	for i := range items {
		items[i] = journey.BatchPayment{
			Key: uuid.NewString(), LoanID: loans[(n*batchPayments+int64(i))%int64(len(loans))].String(), Amount: amount,
			Channel: "BANK_TRANSFER", Reference: "bench",
		}
	}
	made, err := journey.PayAll(ctx, api, items)
	if err == nil && made.Posted != len(items) {
		err = errStatus
	}
	return err
}

// checkPayments holds that the acknowledged payments are stored, announced, and
// in the books.
func (p *platform) checkPayments(ctx context.Context, b *harness.Bench, before paymentTotals, posted int64) error {
	after, err := p.payments(ctx)
	if err != nil {
		return err
	}
	want := before.volume + posted*paymentMinor
	if err := b.Check(after.count-before.count == posted && after.volume == want,
		"the %d acknowledged payments are stored, of %s", posted, money.New(after.volume, currency)); err != nil {
		return err
	}
	announced, err := p.published(ctx)
	if err != nil {
		return err
	}
	const each = 2 // received and verified; what else happens meanwhile announces more
	if err := b.Check(announced-before.events >= each*posted, "each is announced twice and published (%d events)",
		announced-before.events); err != nil {
		return err
	}
	return p.booksBalance(ctx, b)
}

// published waits until the outbox is empty and counts all events so far.
func (p *platform) published(ctx context.Context) (int64, error) {
	deadline := time.Now().Add(eventsLimit)
	for {
		announced, unpublished, err := p.events(ctx)
		if err != nil || unpublished == 0 {
			return announced, err
		}
		if time.Now().After(deadline) {
			return 0, errors.New("events are still unpublished")
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-time.After(eventsLook):
		}
	}
}
