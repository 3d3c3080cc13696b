package closeofday

import (
	"context"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// history is what a test compares: what happened, without ids and instants.
func (f *fixture) history(loans ...uuid.UUID) []string {
	f.t.Helper()
	lines := []string{"business date " + f.businessDate()}
	for _, id := range loans {
		loandbtest.InTx(f.t, f.db, func(ctx context.Context, tx database.Tx) error {
			facts, err := loandb.Facts(ctx, tx, id, 0)
			for _, fact := range facts {
				lines = append(lines, string(fact.Kind())+" "+fact.Date().String())
			}
			return err
		})
	}
	overdue := 0
	for _, typ := range streamtest.Types(f.t, f.db) {
		if typ == (event.PaymentOverdue{}).Type() {
			overdue++
		}
	}
	return append(lines, strconv.Itoa(overdue)+" overdue")
}

func TestTwoRunnersAtOnceHaveOneEffect(t *testing.T) {
	t.Parallel()
	const through = "2026-05-20"
	alone := newFixture(t)
	want := func() []string { id := alone.loan(); alone.closeThrough(through); return alone.history(id) }()
	f := newFixture(t)
	id := f.loan()
	r := f.order(through)
	var wait sync.WaitGroup
	for range 3 {
		other := f.another()
		wait.Go(func() {
			for range 20 {
				if err := other.work(context.Background()); err != nil && !database.IsUnavailable(err) {
					t.Errorf("work: %v", err)
				}
			}
		})
	}
	wait.Wait()
	if got := f.run(r.RunID); got.Status != "DONE" || got.ClosedDays != got.TotalDays {
		t.Errorf("run %+v", got)
	}
	if diff := cmp.Diff(want, f.history(id)); diff != "" {
		t.Errorf("history (-one runner +three):\n%s", diff)
	}
	loandbtest.TieOut(t, f.db, id)
}

func TestPaymentsAreTakenWhileTheDayCloses(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := f.loan()
	r := f.order("2026-08-20")
	paid := make(chan int)
	go func() {
		done := 0
		defer func() { paid <- done }()
		for range 15 {
			if f.payOne(id) {
				done++
			}
		}
	}()
	for f.run(r.RunID).Status != "DONE" {
		if err := f.service.work(context.Background()); err != nil && !database.IsUnavailable(err) {
			t.Fatal(err)
		}
	}
	if done := <-paid; done != 15 {
		t.Errorf("%d payments were taken, want 15", done)
	}
	loandbtest.TieOut(t, f.db, id)
}

// payOne pays 10.00 on the business date, again while others are in the way.
func (f *fixture) payOne(id uuid.UUID) bool {
	ctx := context.Background()
	for range 10 {
		err := database.InTx(ctx, f.db, func(tx database.Tx) error {
			loan, err := loandb.Find(ctx, tx, id)
			if err != nil {
				return err
			}
			business, err := loandb.BusinessDate(ctx, tx, loan.BookID)
			if err != nil {
				return err
			}
			change, err := loandb.Do(ctx, tx, &loan, servicing.Payment{
				ID: uuid.New(), Kind: servicing.Normal, Amount: loandbtest.INR(1_000), ValueDate: business,
			}, business)
			if err != nil {
				return err
			}
			return loandb.Save(ctx, tx, loandbtest.Now, "test", change)
		})
		if err == nil {
			return true
		}
		if !database.IsUnavailable(err) {
			f.t.Errorf("payment: %v", err)
			return false
		}
	}
	return false
}
