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

// openBook opens a book beside the one on which the platform works.
func (p *platform) openBook(ctx context.Context, book loandb.Book) error {
	return database.InTx(ctx, p.core, func(tx database.Tx) error {
		return loandb.EnsureBook(ctx, tx, time.Now().UTC().Truncate(time.Microsecond), book)
	})
}

// kind is what loans are made like.
type kind struct {
	// lent is when they were paid out; the zero date is the business date.
	lent civil.Date
	// firstDue is the first due date of each.
	firstDue func(i int) civil.Date
	product  servicing.Product
}

// made is a loan that was made, with what is due of it on the business date.
type made struct {
	id  uuid.UUID
	due money.Amount
}

// makeLoans stores active, paid-out loans in large transactions, as activation
// and the close of every day until the business date of the book leave them.
func (p *platform) makeLoans(
	ctx context.Context, b *harness.Bench, book loandb.Book, count int, like kind,
) ([]made, error) {
	borrowers, err := p.borrowers(ctx)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	loans := make([]made, count)
	var next atomic.Int64
	group, groupCtx := errgroup.WithContext(ctx)
	for range seeders {
		group.Go(func() error {
			for groupCtx.Err() == nil {
				at := int(next.Add(seedBatch)) - seedBatch
				if at >= count {
					return nil
				}
				batch := loans[at:min(at+seedBatch, count)]
				err := p.saveLoans(groupCtx, book, borrowers, batch, at, like)
				for tries := 1; errors.Is(err, database.ErrContention) && tries < seedTries; tries++ {
					err = p.saveLoans(groupCtx, book, borrowers, batch, at, like) // the platform works on the same tables
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
	return loans, p.refreshStatistics(ctx)
}

func (p *platform) saveLoans(
	ctx context.Context, book loandb.Book, borrowers []uuid.UUID, loans []made, at int, like kind,
) error {
	var changes []servicing.Change
	for i := range loans {
		story, err := storyOf(book, borrowers[(at+i)%len(borrowers)], like.firstDue(at+i), like)
		if err != nil {
			return err
		}
		today := &story[len(story)-1].Loan
		loans[i] = made{id: today.ID, due: today.DueNow(book.BusinessDate).Total()}
		changes = append(changes, story...)
	}
	return database.InTx(ctx, p.core, func(tx database.Tx) error {
		return loandb.Save(ctx, tx, time.Now().UTC().Truncate(time.Microsecond), "bench", changes...)
	})
}

// storyOf is what has become of a new loan by the start of the business date.
func storyOf(book loandb.Book, borrower uuid.UUID, firstDue civil.Date, like kind) ([]servicing.Change, error) {
	lent := like.lent
	if lent.IsZero() {
		lent = book.BusinessDate
	}
	activated, err := activate(book.ID, borrower, lent, firstDue, like.product)
	if err != nil {
		return nil, err
	}
	paidOut, err := activated.Loan.CompleteDisbursement(activated.Loan.Disbursement.ID, "bench", lent)
	if err != nil {
		return nil, err
	}
	today, err := paidOut.Loan.StartDay(book.BusinessDate)
	return []servicing.Change{activated, paidOut, today}, err
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

func activate(book, borrower uuid.UUID, on, firstDue civil.Date, product servicing.Product) (servicing.Change, error) {
	t := terms(on, firstDue)
	schedule, err := amortization.New(t)
	if err != nil {
		return servicing.Change{}, err
	}
	return servicing.Activate(servicing.Activation{
		LoanID: uuid.New(), ApplicationID: uuid.New(), CustomerID: borrower, BookID: book,
		DisbursementID: uuid.New(), Terms: t, ScheduleHash: schedule.Hash(), On: on, Product: product,
	})
}

// monthLater are ordinary loans lent today, due first in a month.
func monthLater(on civil.Date) kind {
	return kind{firstDue: func(int) civil.Date { return amortization.AddMonths(on, 1, on.Day) }}
}

// dueToday are ordinary loans lent a month ago, due first today.
func dueToday(on civil.Date) kind {
	return kind{
		lent:     amortization.AddMonths(on, -1, on.Day),
		firstDue: func(int) civil.Date { return on },
	}
}
