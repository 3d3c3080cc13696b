package discussion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
)

// keepProduct stores a version of a product; it never changes.
func keepProduct(ctx context.Context, tx database.Tx, e event.LoanProductSaved) error {
	fee, err := json.Marshal(e.LateFee)
	if err != nil {
		return fmt.Errorf("encoding the late fee of loan product %s: %w", e.Code, err)
	}
	_, err = tx.Exec(ctx, `
		insert into loan_product (code, currency, version, effective_from, late_fee) values ($1, $2, $3, $4, $5)
		on conflict (code, currency, version) do nothing`,
		e.Code, e.Currency, e.Version, e.EffectiveFrom, string(fee))
	if err != nil {
		return fmt.Errorf("keeping loan product %s: %w", e.Code, err)
	}
	return nil
}

// productInForce returns the version of a product that took effect last by a
// business date, and its late fee; 0 and none if no version did.
func productInForce(
	ctx context.Context, tx database.Tx, code string, currency money.Currency, on civil.Date,
) (version int64, fee event.LateFee, err error) {
	var text string
	err = tx.QueryRow(ctx, `
		select version, late_fee from loan_product where code = $1 and currency = $2 and effective_from <= $3
		 order by effective_from desc, version desc limit 1`, code, currency.Code(), on).Scan(&version, &text)
	if errors.Is(err, database.ErrNoRows) {
		return 0, event.LateFee{}, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &fee)
	}
	if err != nil {
		return 0, event.LateFee{}, fmt.Errorf("reading loan product %s: %w", code, err)
	}
	return version, fee, nil
}

// keepBusinessDate stores a book's business date; it never goes back.
func keepBusinessDate(ctx context.Context, tx database.Tx, book string, date civil.Date) error {
	_, err := tx.Exec(ctx, `
		insert into business_date (book, business_date) values ($1, $2)
		on conflict (book) do update set business_date = excluded.business_date
		 where business_date.business_date < excluded.business_date`, book, date)
	if err != nil {
		return fmt.Errorf("keeping business date of book %s: %w", book, err)
	}
	return nil
}

// findBusinessDate returns the business date of a book; found is false before
// its first day was closed.
func findBusinessDate(ctx context.Context, tx database.Tx, book string) (date civil.Date, found bool, err error) {
	err = tx.QueryRow(ctx, `select business_date from business_date where book = $1`, book).Scan(&date)
	if errors.Is(err, database.ErrNoRows) {
		return civil.Date{}, false, nil
	}
	if err != nil {
		return civil.Date{}, false, fmt.Errorf("reading business date of book %s: %w", book, err)
	}
	return date, true, nil
}
