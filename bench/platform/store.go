package platform

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// count reads figures in a read-only transaction: one that is serializable would
// take part in the conflicts of those that are measured.
func (p *platform) count(ctx context.Context, sql string, args []any, into ...any) error {
	return database.InReadTx(ctx, p.core, func(tx database.Tx) error {
		return tx.QueryRow(ctx, sql, args...).Scan(into...)
	})
}

// paymentTotals are the booked payments, and all events announced so far.
type paymentTotals struct{ count, volume, events int64 }

func (p *platform) payments(ctx context.Context) (paymentTotals, error) {
	var t paymentTotals
	err := p.count(ctx, `
		select count(*)::bigint, coalesce(sum(amount), 0)::bigint from payment where status = 'POSTED'`,
		nil, &t.count, &t.volume)
	if err != nil {
		return t, fmt.Errorf("counting payments: %w", err)
	}
	t.events, _, err = p.events(ctx)
	return t, err
}

// events counts the announcements of the core database, and those that are not
// published yet.
func (p *platform) events(ctx context.Context) (announced, unpublished int64, err error) {
	err = p.count(ctx, `
		select coalesce(sum(version), 0)::bigint, (select coalesce(sum(cardinality(versions)), 0)::bigint from outbox)
		  from stream_head`,
		nil, &announced, &unpublished)
	if err != nil {
		return 0, 0, fmt.Errorf("counting events: %w", err)
	}
	return announced, unpublished, nil
}

// activeLoans counts the loans that are paid out and not repaid.
func (p *platform) activeLoans(ctx context.Context) (int64, error) {
	var count int64
	err := p.count(ctx, `select count(*)::bigint from loan where status = 'ACTIVE'`, nil, &count)
	if err != nil {
		return 0, fmt.Errorf("counting loans: %w", err)
	}
	return count, nil
}

// entries counts the journal entries of a kind.
func (p *platform) entries(ctx context.Context, kind string) (int64, error) {
	var count int64
	err := p.count(ctx, `select count(*)::bigint from ledger_entry where kind = $1`, []any{kind}, &count)
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
		err := b.Check(total.Difference.IsZero(), "the trial balance is zero over debits of %s", total.Debits)
		if err != nil {
			return err
		}
	}
	return nil
}

// commits is how many transactions the core database has committed so far.
func (p *platform) commits(ctx context.Context) (int64, error) {
	var count int64
	err := p.count(ctx, `
		select xact_commit::bigint from pg_catalog.pg_stat_database where datname = current_database()`, nil, &count)
	if err != nil {
		return 0, fmt.Errorf("reading the database's statistics: %w", err)
	}
	return count, nil
}

// putApplications stores applications as far as the agreement, for loans that
// are made without their origination: events about them need their row.
func putApplications(ctx context.Context, db *database.DB, loans []signing) error {
	var ids, customers []uuid.UUID
	for _, l := range loans {
		ids, customers = append(ids, l.ApplicationID), append(customers, l.CustomerID)
	}
	return database.InTx(ctx, db, func(tx database.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into application
			       (id, customer_id, product, currency, amount_minor, instalments, purpose, income_minor,
			        obligations_minor, stage, outcome, principal_minor, entries, created_at, changed_at)
			select u.id, u.customer_id, 'MICRO_LOAN', $3, $4, $5, 'BUSINESS', $4, 0, 'AGREEMENT', '', 0, 0, $6, $6
			  from unnest($1::uuid[], $2::uuid[]) as u (id, customer_id)`,
			ids, customers, currency.Code(), int64(loanMinorMax), int64(loanMonths), time.Now().UTC())
		if err != nil {
			return fmt.Errorf("storing applications: %w", err)
		}
		return nil
	})
}

// overdue counts the instalments that were found overdue.
func (p *platform) overdue(ctx context.Context) (int64, error) {
	var count int64
	err := p.count(ctx, `select count(*)::bigint from loan_fact where kind = 'WENT_OVERDUE'`, nil, &count)
	if err != nil {
		return 0, fmt.Errorf("counting overdue instalments: %w", err)
	}
	return count, nil
}

// refreshStatistics has the database look at what it holds, as it does by itself
// some time after a large load. Until then it reads small tables as a whole, and
// transactions that do so conflict with every other.
func (p *platform) refreshStatistics(ctx context.Context) error {
	for _, statement := range []string{
		"analyze loan", "analyze loan_fact", "analyze payment", "analyze outbox",
		"analyze stream_head", "analyze ledger_account", "analyze ledger_entry", "analyze ledger_line",
	} {
		if _, err := p.core.Pool().Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
