package platform

import (
	"context"
	"errors"
	"math/rand/v2"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/journey"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

const (
	singleClients = 64
	manyClients   = 1_000
	// The batch endpoint is called with batchPayments at a time.
	payBatchClients = 4
	batchPayments   = 1_000
	// Each loan pays its instalment once, so that there must be one for every
	// payment: so many for each second of load, and dueLoansMax at most. Should they
	// run out, the next instalment is paid in advance, and the report says so.
	dueSingle   = 3_000
	dueBatch    = 6_000
	dueLoansMax = 200_000
	// rateRoom is how many more arrivals an open loop may have than its rate says.
	rateRoom = 1.2
	// partLoans are paid in turn, so that two payments of one loan rarely meet.
	partLoans = 5_000
	// A part payment is small against the loan, which stays active for the whole run.
	paymentMinor = 1_250
)

var errStatus = errors.New("the payment is not posted")

// repayments are the ways in which loans are paid.
func repayments() []harness.Scenario {
	single := repayment{clients: singleClients, units: 1, dueASecond: dueSingle, send: payOne}
	many, part := single, single
	many.clients, part.dueASecond = manyClients, 0
	batch := repayment{clients: payBatchClients, units: batchPayments, dueASecond: dueBatch, send: payBatch}
	partBatch := batch
	partBatch.dueASecond = 0
	return []harness.Scenario{
		{
			Name: "repay-single",
			What: "an instalment paid in full on its due date, each of another loan " +
				"(loan, allocation, journal, outbox, idempotency): one a call, 64 clients",
			Run: single.run,
		},
		{Name: "repay-1000", What: "the same with 1,000 concurrent clients", Run: many.run},
		{Name: "repay-batch", What: "the same by the batch endpoint, 1,000 a call, 4 clients", Run: batch.run},
		{
			Name: "repay-part",
			What: "12.50 paid in advance on loans lent today, so that each payment also books the interest it pays: " +
				"one a call, 64 clients",
			Run: part.run,
		},
		{Name: "repay-part-batch", What: "the same by the batch endpoint, 1,000 a call, 4 clients", Run: partBatch.run},
	}
}

// repayment is a way to pay loans.
type repayment struct {
	// clients pay units at a time.
	clients, units int
	// dueASecond is how many loans are made for a second of load, each with an
	// instalment due today. Zero makes new loans, of which parts are paid in advance.
	dueASecond float64
	send       func(ctx context.Context, api *client.Client, loans *paidLoans, n int64) error
}

// loans makes what is paid.
func (r *repayment) loans(ctx context.Context, p *platform, b *harness.Bench) (*paidLoans, error) {
	book, err := p.book(ctx)
	if err != nil {
		return nil, err
	}
	if r.dueASecond == 0 {
		return p.newLoans(ctx, b, book, b.Sized(partLoans))
	}
	perSecond := r.dueASecond
	if b.Rate > 0 {
		perSecond = b.Rate * rateRoom * float64(r.units)
	}
	count := min(dueLoansMax, int(perSecond*(b.Warmup+b.Duration).Seconds()))
	// In a book of its own, what is left unpaid does not concern who closes days.
	book = loandb.Book{ID: uuid.New(), Name: "due-" + uuid.NewString(), BusinessDate: book.BusinessDate}
	if err := p.openBook(ctx, book); err != nil {
		return nil, err
	}
	list, err := p.makeLoans(ctx, b, book, b.Sized(count), dueToday(book.BusinessDate))
	if err != nil {
		return nil, err
	}
	// Borrowers do not pay in the order in which their loans lie in the database.
	order := rand.New(rand.NewPCG(b.Seed, b.Seed)) //nolint:gosec // repeatable, not secret
	order.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	loans := newPaidLoans(list)
	loans.instalments = true
	return loans, nil
}

// newLoans makes loans of which nothing is due, to pay a part in advance.
func (p *platform) newLoans(ctx context.Context, b *harness.Bench, book loandb.Book, count int) (*paidLoans, error) {
	list, err := p.makeLoans(ctx, b, book, count, monthLater(book.BusinessDate))
	for i := range list {
		list[i].due = money.New(paymentMinor, currency)
	}
	return newPaidLoans(list), err
}

// run makes loans, has clients pay them, and checks what became of it.
func (r *repayment) run(ctx context.Context, b *harness.Bench) error {
	p, err := start(ctx, b)
	if err != nil {
		return err
	}
	loans, err := r.loans(ctx, p, b)
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
	stats := b.Load(ctx, harness.Load{
		Name: "payments", Clients: r.clients, Units: r.units,
		Op: func(ctx context.Context, n int64) error { return r.send(ctx, api, loans, n) },
	})
	r.report(b, stats)
	if err := errors.Join(stats.Err(), ctx.Err()); err != nil {
		return err
	}
	return p.settle(ctx, b, was, before, loans)
}

func (r *repayment) report(b *harness.Bench, stats harness.Stats) {
	title := "instalments paid on their due date, through HTTP"
	if r.dueASecond == 0 {
		title = "part payments in advance, through HTTP"
	}
	b.Measured("payments", stats)
	b.OverTime("payments", []string{"payments"}, []harness.Stats{stats})
	b.Table(result.Table{
		Title:  title,
		Header: []string{"clients", "a second", "p50", "p95", "p99", "max"},
		Rows: [][]string{{
			harness.Count(float64(r.clients)), harness.Count(stats.PerSecond), harness.Short(stats.P50),
			harness.Short(stats.P95), harness.Short(stats.P99), harness.Short(stats.Max),
		}},
	})
}

// payOne sends the n-th payment.
func payOne(ctx context.Context, api *client.Client, loans *paidLoans, n int64) error {
	at := loans.at(n)
	loan := &loans.list[at]
	posted, err := journey.Pay(ctx, api, loan.id.String(), "NORMAL", moneyOf(loan.due), "bench")
	if err != nil {
		return err
	}
	if posted.Status != "POSTED" {
		return errStatus
	}
	loans.times[at].Add(1)
	return nil
}

// payBatch sends the n-th batch: each batch pays other loans than the one before.
func payBatch(ctx context.Context, api *client.Client, loans *paidLoans, n int64) error {
	items := make([]journey.BatchPayment, batchPayments)
	for i := range items {
		loan := &loans.list[loans.at(n*batchPayments+int64(i))]
		items[i] = journey.BatchPayment{
			Key: uuid.NewString(), LoanID: loan.id.String(), Amount: moneyOf(loan.due), Channel: "BANK_TRANSFER",
			Reference: "bench",
		}
	}
	posted, err := journey.PayAll(ctx, api, items)
	if err != nil {
		return err
	}
	if posted.Posted != len(items) {
		return errStatus
	}
	for i := range items {
		loans.times[loans.at(n*batchPayments+int64(i))].Add(1)
	}
	return nil
}

func moneyOf(amount money.Amount) journey.Money {
	return journey.Money{Amount: amount.Text(), Currency: amount.Currency().Code()}
}
