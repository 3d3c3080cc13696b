package platform

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

const (
	bookName     = "main"
	seeders      = 4
	seedBatch    = 500
	seedTries    = 10
	loanMonths   = 24
	loanMinorMin = 1_000_000
	loanMinorMax = 20_000_000
)

var currency = money.MustCurrency("INR")

// book reads the book on which the platform works.
func (p *platform) book(ctx context.Context) (loandb.Book, error) {
	var book loandb.Book
	err := database.InReadTx(ctx, p.core, func(tx database.Tx) error {
		var err error
		book, err = loandb.BookByName(ctx, tx, bookName)
		return err
	})
	return book, err
}

// kind is what loans are made like: the first due date of each, and how they are
// serviced.
type kind struct {
	firstDue func(i int) civil.Date
	product  servicing.Product
}

// makeLoans stores active, paid-out loans as activation does, in large
// transactions, and returns their ids.
func (p *platform) makeLoans(ctx context.Context, b *harness.Bench, count int, like kind) ([]uuid.UUID, error) {
	book, err := p.book(ctx)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	ids := make([]uuid.UUID, count)
	var next atomic.Int64
	group, groupCtx := errgroup.WithContext(ctx)
	for range seeders {
		group.Go(func() error {
			for groupCtx.Err() == nil {
				at := int(next.Add(seedBatch)) - seedBatch
				if at >= count {
					return nil
				}
				batch := ids[at:min(at+seedBatch, count)]
				err := p.saveLoans(groupCtx, book, batch, at, like)
				for tries := 1; errors.Is(err, database.ErrContention) && tries < seedTries; tries++ {
					err = p.saveLoans(groupCtx, book, batch, at, like) // the platform works on the same tables
				}
				if err != nil {
					return err
				}
			}
			return groupCtx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("making loans: %w", err)
	}
	b.Progress("%s loans made, %s a second", harness.Count(float64(count)),
		harness.Count(float64(count)/time.Since(start).Seconds()))
	return ids, p.refreshStatistics(ctx)
}

func (p *platform) saveLoans(ctx context.Context, book loandb.Book, ids []uuid.UUID, at int, like kind) error {
	activated, paidOut := make([]servicing.Change, len(ids)), make([]servicing.Change, len(ids))
	for i := range ids {
		var err error
		activated[i], err = activate(book, like.firstDue(at+i), like.product)
		if err != nil {
			return err
		}
		loan := &activated[i].Loan
		ids[i] = loan.ID
		paidOut[i], err = loan.CompleteDisbursement(loan.Disbursement.ID, "bench", book.BusinessDate)
		if err != nil {
			return err
		}
	}
	return database.InTx(ctx, p.core, func(tx database.Tx) error {
		now := time.Now().UTC().Truncate(time.Microsecond)
		return loandb.Save(ctx, tx, now, "bench", append(activated, paidOut...)...)
	})
}

// terms are those of a loan of two years with a processing fee.
func terms(on, firstDue civil.Date) amortization.Terms {
	principal := loanMinorMin + rand.Int64N(loanMinorMax-loanMinorMin) //nolint:gosec // spread, not secret
	return amortization.Terms{
		Principal: money.New(principal, currency), AnnualRatePercent: amortization.MustDecimal("15"),
		Instalments: loanMonths, DisbursementDate: on, FirstDueDate: firstDue,
		Fees: []amortization.Fee{{Name: "processing", Percent: amortization.MustDecimal("1")}},
	}
}

func activate(book loandb.Book, firstDue civil.Date, product servicing.Product) (servicing.Change, error) {
	t := terms(book.BusinessDate, firstDue)
	schedule, err := amortization.New(t)
	if err != nil {
		return servicing.Change{}, err
	}
	return servicing.Activate(servicing.Activation{
		LoanID: uuid.New(), ApplicationID: uuid.New(), CustomerID: uuid.New(), BookID: book.ID,
		DisbursementID: uuid.New(), Terms: t, ScheduleHash: schedule.Hash(), On: book.BusinessDate,
		Product: product,
	})
}

// monthLater are ordinary loans, due first in a month.
func monthLater(on civil.Date) kind {
	return kind{firstDue: func(int) civil.Date { return amortization.AddMonths(on, 1, on.Day) }}
}
