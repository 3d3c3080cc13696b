package application

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
)

// Filter selects applications; zero fields select all.
type Filter struct {
	Stage    event.Stage
	Outcome  event.Outcome
	Customer uuid.UUID
}

// Position is the place of an application in the listing, newest first.
type Position struct {
	CreatedAt time.Time `json:"created_at"`
	ID        uuid.UUID `json:"id"`
}

// endOfTime is after everything: the position before the first page.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func listApplications(
	ctx context.Context, tx database.Tx, f Filter, after Position, limit int,
) ([]Application, error) {
	if after.CreatedAt.IsZero() {
		after.CreatedAt = endOfTime
	}
	rows, err := tx.Query(ctx, `
		select id, customer_id, product, currency, amount_minor, instalments, purpose, income_minor, obligations_minor,
		       stage, outcome, loan_id, principal_minor, entries, created_at, changed_at
		  from application
		 where (created_at < $1 or (created_at = $1 and id < $2))
		   and ($3::text = '' or stage = $3) and ($4::text = '' or outcome = $4)
		   and ($5::uuid = $6 or customer_id = $5)
		 order by created_at desc, id desc limit $7`,
		database.PlanAnew, // a borrower's own are found by another index than everybody's
		after.CreatedAt, after.ID, f.Stage, f.Outcome, f.Customer, uuid.Nil, limit)
	if err != nil {
		return nil, fmt.Errorf("listing applications: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanApplication)
	if err != nil {
		return nil, fmt.Errorf("listing applications: %w", err)
	}
	return list, nil
}

// tally is how many applications of one currency are at one place.
type tally struct {
	stage           event.Stage
	outcome         event.Outcome
	count           int64
	amount, lending money.Amount
}

// countApplications groups all applications; the groups are bounded by the
// stages, the outcomes and the currencies on offer.
func countApplications(ctx context.Context, tx database.Tx) ([]tally, error) {
	rows, err := tx.Query(ctx, `
		select stage, outcome, currency, count(*), sum(amount_minor)::bigint, sum(principal_minor)::bigint
		  from application group by stage, outcome, currency order by stage, outcome, currency`)
	if err != nil {
		return nil, fmt.Errorf("counting applications: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (tally, error) {
		var t tally
		var code string
		var amount, lending int64
		err := row.Scan(&t.stage, &t.outcome, &code, &t.count, &amount, &lending)
		if err != nil {
			return tally{}, err
		}
		currency, err := money.ParseCurrency(code)
		t.amount, t.lending = money.New(amount, currency), money.New(lending, currency)
		return t, err
	})
	if err != nil {
		return nil, fmt.Errorf("counting applications: %w", err)
	}
	return list, nil
}

// Activity is how many applications came to a stage in a period.
type Activity struct {
	Entered event.Stage
	// Outcome is set when Entered is CLOSED.
	Outcome event.Outcome
	// Today counts since midnight UTC, Week since six days before that.
	Today, Week int64
}

func countMoves(ctx context.Context, tx database.Tx, today, week time.Time) ([]Activity, error) {
	rows, err := tx.Query(ctx, `
		select entered, outcome, count(*) filter (where at >= $1), count(*)
		  from timeline where entered <> '' and at >= $2
		 group by entered, outcome order by entered, outcome`, today, week)
	if err != nil {
		return nil, fmt.Errorf("counting moves: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Activity])
	if err != nil {
		return nil, fmt.Errorf("counting moves: %w", err)
	}
	return list, nil
}
