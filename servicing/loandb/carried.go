package loandb

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
)

// SharedRoles are the roles of accounts that all loans share, of which each says
// its part.
var SharedRoles = []ledger.Role{ledger.LossAllowance, ledger.DeferredIncome}

// Carried is what loans say that the ledger carries, in minor units, in the
// order of servicing.LoanRoles.
type Carried [5]int64

// LoanCarried is what one loan says.
type LoanCarried struct {
	LoanID   uuid.UUID
	Currency money.Currency
	Carried  Carried
}

// CurrencyCarried is what all loans in a currency say.
type CurrencyCarried struct {
	Currency money.Currency
	Carried  Carried
	// Shared is in the order of SharedRoles.
	Shared [2]int64
}

// Sums returns what all loans say, by currency.
func Sums(ctx context.Context, tx database.Tx) ([]CurrencyCarried, error) {
	rows, err := tx.Query(ctx, `
		select currency, sum(receivable_principal)::bigint, sum(receivable_interest)::bigint,
		       sum(receivable_fees)::bigint, sum(receivable_penalties)::bigint, sum(overpaid)::bigint,
		       sum(allowance)::bigint, sum(deferred)::bigint
		  from loan group by currency order by currency`)
	if err != nil {
		return nil, fmt.Errorf("summing loans: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (CurrencyCarried, error) {
		var c CurrencyCarried
		var code string
		if err := row.Scan(append(c.Carried.into(&code), &c.Shared[0], &c.Shared[1])...); err != nil {
			return c, err
		}
		var err error
		c.Currency, err = money.ParseCurrency(code)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("summing loans: %w", err)
	}
	return list, nil
}

// CarriedBy returns what up to limit loans say, in the order of their ids,
// behind after.
func CarriedBy(ctx context.Context, tx database.Tx, after uuid.UUID, limit int) ([]LoanCarried, error) {
	rows, err := tx.Query(ctx, `
		select id, currency, receivable_principal, receivable_interest, receivable_fees, receivable_penalties, overpaid
		  from loan where id > $1 order by id limit $2`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("reading what loans say: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (LoanCarried, error) {
		var c LoanCarried
		var code string
		if err := row.Scan(append([]any{&c.LoanID}, c.Carried.into(&code)...)...); err != nil {
			return c, err
		}
		var err error
		c.Currency, err = money.ParseCurrency(code)
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading what loans say: %w", err)
	}
	return list, nil
}

// into are the places for a currency and the columns.
func (c *Carried) into(currency *string) []any {
	places := []any{currency}
	for i := range c {
		places = append(places, &c[i])
	}
	return places
}
