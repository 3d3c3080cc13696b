package repayment

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// Each payment that comes late goes through all of the loan's history. A batch of
// them takes as many transactions as that is worth, each within its time: in one
// they used to run out of it together, however often they were sent, while all
// other payments waited.
func TestManyLatePaymentsDoNotShareOneTransaction(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.startDay("2026-02-15")
	const early, late = 3_000, 40
	items := make([]map[string]any, early)
	for i := range items {
		items[i] = f.item(fmt.Sprint("early ", i), "0.01")
	}
	if answer := f.batch(items...); answer.Posted != early {
		t.Fatalf("%d payments posted", answer.Posted)
	}
	items = items[:late]
	for i := range items {
		items[i] = f.item(fmt.Sprint("late ", i), "0.01", func(m map[string]any) { m["value_date"] = "2026-01-16" })
	}
	items = append(items, f.item("late 7", "0.01"), items[3]) // another request with a key, and the same
	answer := f.batch(items...)
	if answer.Posted != late || answer.Replayed != 1 || answer.Results[late].Problem == nil {
		t.Errorf("posted %d, replayed %d, the key that was used: %+v", answer.Posted, answer.Replayed, answer.Results[late])
	}
	var together []int64
	loandbtest.InTx(t, f.db, func(ctx context.Context, tx database.Tx) error {
		rows, err := tx.Query(ctx, `
			select count(*) from payment where value_date = $1 group by created_at order by created_at`,
			loandbtest.Date(t, "2026-01-16"))
		if err != nil {
			return err
		}
		together, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	if len(together) < 2 {
		t.Errorf("payments by transaction: %v", together)
	}
	for _, n := range together {
		if n > HistoryMax/early+1 {
			t.Errorf("payments by transaction: %v", together)
		}
	}
	var answered, booked []uuid.UUID
	for _, r := range answer.Results[:late] {
		answered = append(answered, r.Payment.PaymentID)
	}
	loan := loandbtest.Loan(t, f.db, f.loan)
	loandbtest.InTx(t, f.db, func(ctx context.Context, tx database.Tx) error {
		facts, err := loandb.History(ctx, tx, f.loan, loan.Version)
		for _, fact := range facts {
			if paid, ok := fact.(servicing.Paid); ok && paid.On == loandbtest.Date(t, "2026-01-16") {
				booked = append(booked, paid.PaymentID)
			}
		}
		return err
	})
	if diff := cmp.Diff(answered, booked); diff != "" {
		t.Errorf("payments of a loan (-in the order of the request +as they were booked):\n%s", diff)
	}
	loandbtest.TieOut(t, f.db, f.loan)
}
