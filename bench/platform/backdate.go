package platform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/journey"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

const (
	// oldDays is how long a loan has accrued daily, and lateDays how late a payment comes.
	oldDays  = 2_400
	lateDays = 3 * 365
	// oldLoans are paid in turn, by one client: each payment waits for the replay.
	oldLoans      = 6
	oldMonths     = 80
	oldPrincipal  = 20_000_000
	changesAtOnce = 12
)

// oldLoan is a loan with everything that ever happened to it.
type oldLoan struct {
	loan  servicing.Loan
	facts []servicing.Fact
}

// runBackdate pays old loans three years late: in memory, which is the engine
// alone, and by the API, which is the whole transaction with its ledger.
func runBackdate(ctx context.Context, b *harness.Bench) error {
	p, err := start(ctx, b)
	if err != nil {
		return err
	}
	book, err := p.book(ctx)
	if err != nil {
		return err
	}
	old, err := p.oldLoans(ctx, book, b.Sized(oldLoans))
	if err != nil {
		return err
	}
	accruals := fewestAccruals(old)
	err = b.Check(accruals >= oldDays, "each of %d loans has accrued on %d days at least", len(old), accruals)
	if err != nil {
		return err
	}
	on := book.BusinessDate.AddDays(-lateDays)
	engine := b.Load(ctx, harness.Load{Name: "engine alone", Clients: 1, Op: func(_ context.Context, n int64) error {
		at := &old[n%int64(len(old))]
		change, err := at.loan.Pay(latePayment(on), book.BusinessDate, at.facts...)
		if err == nil && change.Empty() {
			err = errStatus
		}
		return err
	}})
	before, err := p.payments(ctx)
	if err != nil {
		return err
	}
	whole, posted, err := p.payOld(ctx, b, old, on)
	if err != nil {
		return err
	}
	b.Measured("engine", engine)
	b.Measured("whole", whole)
	row := func(what string, s harness.Stats) []string {
		return []string{what, harness.Short(s.P50), harness.Short(s.P95), harness.Short(s.P99), harness.Short(s.Max)}
	}
	b.Table(result.Table{
		Title:  fmt.Sprintf("paid %d days late, over %d daily accruals", lateDays, accruals),
		Header: []string{"", "p50", "p95", "p99", "max"},
		Rows:   [][]string{row("engine alone", engine), row("by HTTP, with ledger", whole)},
	})
	if err := errors.Join(engine.Err(), whole.Err(), ctx.Err()); err != nil {
		return err
	}
	return p.checkOld(ctx, b, old, before, posted)
}

// payOld has one client pay the loans in turn by the API, with an earlier value
// date, and counts what was acknowledged.
func (p *platform) payOld(
	ctx context.Context, b *harness.Bench, old []oldLoan, on civil.Date,
) (stats harness.Stats, posted int64, err error) {
	token, err := p.partner(ctx)
	if err != nil {
		return stats, 0, err
	}
	was, err := p.look(ctx)
	if err != nil {
		return stats, 0, err
	}
	api := p.service(portRepayment).As(token)
	var count atomic.Int64
	stats = b.Load(ctx, harness.Load{Name: "with ledger", Clients: 1, Op: func(ctx context.Context, n int64) error {
		err := payLate(ctx, api, old[n%int64(len(old))].loan.ID, on)
		if err == nil {
			count.Add(1)
		}
		return err
	}})
	is, err := p.look(ctx)
	if err != nil {
		return stats, 0, err
	}
	was.report(b, is, count.Load())
	return stats, count.Load(), nil
}

func latePayment(on civil.Date) servicing.Payment {
	return servicing.Payment{
		ID: uuid.New(), Kind: servicing.Normal, Amount: money.New(paymentMinor, currency), ValueDate: on,
	}
}

func payLate(ctx context.Context, api *client.Client, loan uuid.UUID, on civil.Date) error {
	var made journey.Payment
	err := api.Post(ctx, "/api/v1/payments", map[string]any{
		"loan_id": loan, "amount": journey.Money{Amount: money.New(paymentMinor, currency).Text(), Currency: currency.Code()},
		"value_date": on, "channel": "BANK_TRANSFER", "reference": "bench",
	}, &made)
	if err == nil && made.Status != "POSTED" {
		err = errStatus
	}
	return err
}

// oldLoans stores loans that are oldDays old on the business date of a book, with
// each day's interest in the books and each instalment paid a day late.
func (p *platform) oldLoans(ctx context.Context, book loandb.Book, count int) ([]oldLoan, error) {
	old := make([]oldLoan, count)
	for i := range old {
		changes, err := old[i].grow(book)
		if err != nil {
			return nil, fmt.Errorf("making an old loan: %w", err)
		}
		for len(changes) > 0 {
			batch := changes[:min(changesAtOnce, len(changes))]
			changes = changes[len(batch):]
			err := database.InTx(ctx, p.core, func(tx database.Tx) error {
				return loandb.Save(ctx, tx, time.Now().UTC().Truncate(time.Microsecond), "bench", batch...)
			})
			if err != nil {
				return nil, fmt.Errorf("making an old loan: %w", err)
			}
		}
	}
	return old, p.refreshStatistics(ctx)
}

// grow lets the loan become old and returns all its changes.
func (o *oldLoan) grow(book loandb.Book) ([]servicing.Change, error) {
	from := book.BusinessDate.AddDays(-oldDays)
	t := amortization.Terms{
		Principal: money.New(oldPrincipal, currency), AnnualRatePercent: amortization.MustDecimal("15"),
		Instalments: oldMonths, DisbursementDate: from, DayCount: amortization.Actual365Fixed, // no day without interest
	}
	schedule, err := amortization.New(t)
	if err != nil {
		return nil, err
	}
	var changes []servicing.Change
	take := func(change servicing.Change, err error) error {
		if err == nil {
			o.loan, o.facts, changes = change.Loan, append(o.facts, change.Facts...), append(changes, change)
		}
		return err
	}
	if err := take(servicing.Activate(servicing.Activation{
		LoanID: uuid.New(), ApplicationID: uuid.New(), CustomerID: uuid.New(), BookID: book.ID, DisbursementID: uuid.New(),
		Terms: t, ScheduleHash: schedule.Hash(), On: from,
		Product: servicing.Product{
			Accrual: servicing.Daily, LateFee: servicing.LateFee{GraceDays: 3, Percent: amortization.MustDecimal("2")},
		},
	})); err != nil {
		return nil, err
	}
	if err := take(o.loan.CompleteDisbursement(o.loan.Disbursement.ID, "bench", from)); err != nil {
		return nil, err
	}
	for _, row := range schedule.All() {
		on := row.Due.AddDays(1)
		if on.After(book.BusinessDate) {
			break
		}
		if err := take(o.loan.StartDay(on)); err != nil {
			return nil, err
		}
		payment := latePayment(on)
		payment.Amount = row.Total
		if err := take(o.loan.Pay(payment, on)); err != nil {
			return nil, err
		}
	}
	return changes, take(o.loan.StartDay(book.BusinessDate))
}

// fewestAccruals counts the daily accruals of the loan that has fewest.
func fewestAccruals(old []oldLoan) int {
	fewest := -1
	for i := range old {
		days := map[civil.Date]bool{}
		for _, fact := range old[i].facts {
			if fact.Kind() == servicing.KindBooked {
				days[fact.Date()] = true
			}
		}
		if fewest < 0 || len(days) < fewest {
			fewest = len(days)
		}
	}
	return fewest
}

// checkOld holds that each loan is the fold of what happened to it by value
// date, whenever it came, and that the ledger has of it what it says.
func (p *platform) checkOld(
	ctx context.Context, b *harness.Bench, old []oldLoan, before paymentTotals, posted int64,
) error {
	after, err := p.payments(ctx)
	if err != nil {
		return err
	}
	if err := b.Check(after.count-before.count == posted && after.volume-before.volume == posted*paymentMinor,
		"the %d acknowledged payments are stored", posted); err != nil {
		return err
	}
	folded, agree, late := true, true, int64(0)
	err = database.InReadTx(ctx, p.core, func(tx database.Tx) error {
		for i := range old {
			loan, err := loandb.Find(ctx, tx, old[i].loan.ID)
			if err != nil {
				return err
			}
			facts, err := loandb.History(ctx, tx, loan.ID, loan.Version)
			if err != nil {
				return err
			}
			for _, fact := range facts[len(old[i].facts):] {
				if fact.Kind() == servicing.KindPaid {
					late++
				}
			}
			again, err := servicing.Replay(facts)
			if err != nil {
				return err
			}
			same, err := sameState(&loan, &again)
			if err != nil {
				return err
			}
			books, err := inLedger(ctx, tx, &loan)
			if err != nil {
				return err
			}
			folded, agree = folded && same, agree && books == loan.Receivable()
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := b.Check(folded && late == posted, "each loan is the fold of its facts, with the %d late payments (%d)",
		posted, late); err != nil {
		return err
	}
	if err := b.Check(agree, "the ledger has of each loan what the loan says, by component"); err != nil {
		return err
	}
	return p.booksBalance(ctx, b)
}

func sameState(a, c *servicing.Loan) (bool, error) {
	one, err := servicing.EncodeLoan(a)
	if err != nil {
		return false, err
	}
	other, err := servicing.EncodeLoan(c)
	return bytes.Equal(one, other), err
}

// inLedger reads what the accounts of a loan hold.
func inLedger(ctx context.Context, tx database.Tx, l *servicing.Loan) (servicing.Parts, error) {
	parts := servicing.NoParts(l.Currency())
	for role, part := range map[ledger.Role]*money.Amount{
		ledger.LoanPortfolio: &parts.Principal, ledger.InterestReceivable: &parts.Interest,
		ledger.FeesReceivable: &parts.Fees, ledger.PenaltiesReceivable: &parts.Penalties,
	} {
		balance, err := ledgerdb.BalanceOf(ctx, tx, ledger.LoanAccount(role, l.ID, l.Currency()), ledgerdb.Ever)
		if err != nil {
			return parts, err
		}
		*part = balance.Net
	}
	return parts, nil
}
