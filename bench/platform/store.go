package platform

import (
	"context"
	"fmt"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// paymentTotals are the booked payments.
type paymentTotals struct{ count, volume int64 }

func (p *platform) payments(ctx context.Context) (paymentTotals, error) {
	var t paymentTotals
	err := p.core.Pool().QueryRow(ctx, `
		select count(*)::bigint, coalesce(sum(amount), 0)::bigint from payment where status = 'POSTED'`,
	).Scan(&t.count, &t.volume)
	if err != nil {
		return t, fmt.Errorf("counting payments: %w", err)
	}
	return t, nil
}

// events counts the announcements of a type in the core database, and those of
// all types that are not published yet.
func (p *platform) events(ctx context.Context, eventType string) (announced, unpublished int64, err error) {
	err = p.core.Pool().QueryRow(ctx, `
		select count(*)::bigint, (select count(*)::bigint from outbox where published_at is null)
		  from outbox where type = $1`, eventType).Scan(&announced, &unpublished)
	if err != nil {
		return 0, 0, fmt.Errorf("counting events: %w", err)
	}
	return announced, unpublished, nil
}

// loansIn counts the loans of a status.
func (p *platform) loansIn(ctx context.Context, status string) (int64, error) {
	var count int64
	err := p.core.Pool().QueryRow(ctx, `select count(*)::bigint from loan where status = $1`, status).Scan(&count)
	if err != nil {
		return 0, fmt.Errorf("counting loans: %w", err)
	}
	return count, nil
}

// entries counts the journal entries of a kind.
func (p *platform) entries(ctx context.Context, kind string) (int64, error) {
	var count int64
	err := p.core.Pool().QueryRow(ctx, `select count(*)::bigint from ledger_entry where kind = $1`, kind).Scan(&count)
	if err != nil {
		return 0, fmt.Errorf("counting entries: %w", err)
	}
	return count, nil
}

// booksBalance holds that the trial balance is zero.
func (p *platform) booksBalance(ctx context.Context, b *harness.Bench) error {
	var trial ledgerdb.TrialBalance
	err := database.InReadTx(ctx, p.core, func(tx database.Tx) error {
		var err error
		trial, err = ledgerdb.Trial(ctx, tx, ledgerdb.At{}, ledgerdb.ByEffective)
		return err
	})
	if err != nil {
		return err
	}
	for _, total := range trial.Totals {
		if err := b.Check(total.Difference.IsZero(), "the trial balance is zero over debits of %s", total.Debits); err != nil {
			return err
		}
	}
	return nil
}
