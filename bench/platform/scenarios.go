package platform

import (
	"context"
	"slices"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/servicing"
)

// Scenarios lists what this package measures.
func Scenarios() []harness.Scenario {
	return slices.Concat([]harness.Scenario{
		{Name: "ledger-single", What: "finance API: journal entries posted one by one, 64 clients", Run: runLedgerSingle},
		{Name: "ledger-batch", What: "finance API: journal entries in batches of 100, 8 clients", Run: runLedgerBatch},
	}, repayments(), []harness.Scenario{
		{Name: "activate", What: "agreements signed to loans activated and paid out, by events", Run: runActivate},
		{
			Name: "close-of-day", What: "closing a day as the number of loans grows: due, overdue, days past due",
			Run: func(ctx context.Context, b *harness.Bench) error { return runCloseOfDay(ctx, b, servicing.AtDueDate) },
		},
		{
			Name: "close-of-day-accrual", What: "the same with interest that is booked daily, loan by loan",
			Run: func(ctx context.Context, b *harness.Bench) error { return runCloseOfDay(ctx, b, servicing.Daily) },
		},
		{
			Name: "backdate",
			What: "a payment three years late on a loan with 2,400 daily accruals: the engine alone, and with its ledger",
			Run:  runBackdate,
		},
		{Name: "origination", What: "whole applications through all stages, by the gateway", Run: runOrigination},
		{
			Name: "mixed",
			What: "a lender's day: applications, part payments and reads at once, with a day closed in the middle",
			Run:  runMixed,
		},
	})
}
