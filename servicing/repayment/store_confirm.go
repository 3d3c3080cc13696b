package repayment

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
)

// listWaiting returns the declared payments of a currency, one more than
// waitingMax at most.
func listWaiting(ctx context.Context, tx database.Tx, currency money.Currency) ([]waitingPayment, error) {
	rows, err := tx.Query(ctx, `
		select id, amount, value_date, reference from payment
		 where currency = $1 and status in ('DECLARED', 'PROVEN') order by id limit $2`, currency.Code(), waitingMax+1)
	if err != nil {
		return nil, fmt.Errorf("listing declared payments: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[waitingPayment])
	if err != nil {
		return nil, fmt.Errorf("listing declared payments: %w", err)
	}
	return list, nil
}
