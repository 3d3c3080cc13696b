package reconciledb

import (
	"context"
	"errors"
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/ledger/reconcile"
)

// ReportItemsMax bounds the items that a report names one by one; the sums are
// of all.
const ReportItemsMax = 10_000

// ReadReport gathers the report of an account through a day; a zero day is the
// last one of its statements. Without any statement the error is ErrNotFound.
func ReadReport(
	ctx context.Context, tx database.Tx, account ledger.Account, through civil.Date,
) (reconcile.Report, error) {
	r := reconcile.Report{Account: account.Code, Currency: account.Currency, Through: through}
	if err := bankSide(ctx, tx, account, &r); err != nil {
		return reconcile.Report{}, err
	}
	if err := bookSide(ctx, tx, account, &r); err != nil {
		return reconcile.Report{}, err
	}
	if err := matchedItems(ctx, tx, account, &r); err != nil {
		return reconcile.Report{}, err
	}
	if err := breakItems(ctx, tx, account, &r); err != nil {
		return reconcile.Report{}, err
	}
	return r, r.Prove()
}

// bankSide reads what the bank says: the balances of the first and the last
// statement and the lines between them.
func bankSide(ctx context.Context, tx database.Tx, account ledger.Account, r *reconcile.Report) error {
	var start, end *civil.Date
	err := tx.QueryRow(ctx, `
		select min(first_day), max(last_day) from reconcile_statement where account_id = $1`, account.ID()).Scan(&start, &end)
	if err != nil {
		return fmt.Errorf("reading the span of statements: %w", err)
	}
	if start == nil {
		return fmt.Errorf("statements of account %q: %w", account.Code, ErrNotFound)
	}
	r.Start = *start
	if r.Through.IsZero() {
		r.Through = *end
	}
	var opening, closing, inAll, after int64
	err = tx.QueryRow(ctx, `
		select opening from reconcile_statement where account_id = $1
		 order by first_day, last_day, recorded_at, seq limit 1`, account.ID()).Scan(&opening)
	if err != nil {
		return fmt.Errorf("reading the first statement: %w", err)
	}
	last := r.Start.AddDays(-1) // no statement has ended yet
	closing = opening
	err = tx.QueryRow(ctx, `
		select closing, last_day, stated from reconcile_statement where account_id = $1 and last_day <= $2
		 order by last_day desc, first_day desc, recorded_at desc, seq desc limit 1`, account.ID(), r.Through).
		Scan(&closing, &last, &r.Stated)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("reading the last statement: %w", err)
	}
	err = tx.QueryRow(ctx, `
		select coalesce(sum(amount), 0)::bigint, coalesce(sum(amount) filter (where booking_date > $3), 0)::bigint,
		       count(*)::bigint
		  from reconcile_bank_line where account_id = $1 and booking_date <= $2`, account.ID(), r.Through, last).
		Scan(&inAll, &after, &r.BankLines)
	if err != nil {
		return fmt.Errorf("summing bank lines: %w", err)
	}
	r.BankOpening, r.BankMovement = money.New(opening, account.Currency), money.New(inAll, account.Currency)
	r.BankClosing = money.New(closing+after, account.Currency)
	return nil
}

// bookSide reads what the books say.
func bookSide(ctx context.Context, tx database.Tx, account ledger.Account, r *reconcile.Report) error {
	before, err := ledgerdb.BalanceOf(ctx, tx, account, ledgerdb.At{Effective: r.Start.AddDays(-1)})
	if err != nil {
		return err
	}
	if r.BookOpening, err = before.Debits.Sub(before.Credits); err != nil {
		return fmt.Errorf("opening of account %q: %w", account.Code, err)
	}
	now, err := ledgerdb.BalanceOf(ctx, tx, account, ledgerdb.At{Effective: r.Through})
	if err != nil {
		return err
	}
	if r.BookClosing, err = now.Debits.Sub(now.Credits); err != nil {
		return fmt.Errorf("closing of account %q: %w", account.Code, err)
	}
	return nil
}

// matchedItems reads the matches that leave something between bank and books by
// the last day: a difference, or lines of which one side comes later or came
// before the first statement.
func matchedItems(ctx context.Context, tx database.Tx, account ledger.Account, r *reconcile.Report) error {
	var matched int64
	err := tx.QueryRow(ctx, `
		select count(distinct match_id)::bigint from reconcile_claim where account_id = $1 and line_date <= $2`,
		account.ID(), r.Through).Scan(&matched)
	if err != nil {
		return fmt.Errorf("counting matches: %w", err)
	}
	r.Matches = matched
	rows, err := tx.Query(ctx, `
		select p.match_id, p.part, p.last_day, m.difference, m.rule, coalesce(b.state, ''), coalesce(b.note, ''), b.id
		  from (select match_id, max(line_date) as last_day,
		               sum(case when side = 'BANK' then amount when line_date >= $3 then -amount else 0 end)::bigint as part
		          from reconcile_claim where account_id = $1 and line_date <= $2 group by match_id) p
		  join reconcile_match m on m.id = p.match_id
		  left join reconcile_break b on b.side = 'MATCH' and b.line_id = p.match_id and b.account_id = $1
		                             and b.state <> 'CLOSED'
		 where p.part <> 0 order by p.last_day, p.match_id`, account.ID(), r.Through, r.Start)
	if err != nil {
		return fmt.Errorf("reading what matches leave: %w", err)
	}
	var item reconcile.Item
	var match uuid.UUID
	var breakID *uuid.UUID
	var part, difference int64
	var rule string
	_, err = pgx.ForEachRow(rows, []any{&match, &part, &item.Day, &difference, &rule, &item.State, &item.Note, &breakID},
		func() error {
			found := item
			found.ID, found.Amount, found.Kind = match, money.New(part, account.Currency), reconcile.ItemTiming
			if part == difference && breakID != nil {
				found.ID, found.Kind = *breakID, reconcile.ItemDifference
			}
			found.Text = "match by rule " + rule
			return r.Add(found, ReportItemsMax)
		})
	if err != nil {
		return fmt.Errorf("reading what matches leave: %w", err)
	}
	return nil
}

// breakItems reads the lines that are not matched.
func breakItems(ctx context.Context, tx database.Tx, account ledger.Account, r *reconcile.Report) error {
	rows, err := tx.Query(ctx, `
		select b.id, b.side, b.kind, b.amount, b.line_date, b.state, b.note, coalesce(l.reference, ''),
		       coalesce(l.counterparty, ''), coalesce(l.text, '')
		  from reconcile_break b
		  left join reconcile_bank_line l on b.side = 'BANK' and l.id = b.line_id
		 where b.account_id = $1 and b.state <> 'CLOSED' and b.side <> 'MATCH' and b.line_date <= $2
		 order by b.line_date, b.id`, account.ID(), r.Through)
	if err != nil {
		return fmt.Errorf("reading breaks: %w", err)
	}
	var item reconcile.Item
	var side reconcile.Side
	var kind, reference, name, text string
	var amount int64
	columns := []any{&item.ID, &side, &kind, &amount, &item.Day, &item.State, &item.Note, &reference, &name, &text}
	_, err = pgx.ForEachRow(rows, columns, func() error {
		found := item
		found.Amount, found.Break = money.New(amount, account.Currency), reconcile.Kind(kind)
		found.Kind, found.Reference, found.Text = reconcile.ItemBank, reference, name+" "+text
		if side == reconcile.Books {
			found.Kind, found.Text = reconcile.ItemBooks, ""
		}
		return r.Add(found, ReportItemsMax)
	})
	if err != nil {
		return fmt.Errorf("reading breaks: %w", err)
	}
	return nil
}
