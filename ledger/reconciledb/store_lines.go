package reconciledb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/reconcile"
)

// BankLine is a line of an imported statement.
type BankLine struct {
	ID                       uuid.UUID
	StatementID              uuid.UUID
	Place                    string
	BookingDate, ValueDate   civil.Date
	Amount                   money.Amount
	Reference, BankReference string
	Counterparty, Text       string
	// MatchID is the active match that claims it, or uuid.Nil.
	MatchID uuid.UUID
}

const bankLineColumns = `
	l.id, l.statement_id, l.place, l.booking_date, l.value_date, l.amount, l.reference, l.bank_reference, l.counterparty,
	l.text, c.match_id`

func scanBankLine(currency money.Currency) pgx.RowToFunc[BankLine] {
	return func(row pgx.CollectableRow) (BankLine, error) {
		var l BankLine
		var amount int64
		var match *uuid.UUID
		err := row.Scan(&l.ID, &l.StatementID, &l.Place, &l.BookingDate, &l.ValueDate, &amount, &l.Reference,
			&l.BankReference, &l.Counterparty, &l.Text, &match)
		l.Amount = money.New(amount, currency)
		if match != nil {
			l.MatchID = *match
		}
		return l, err
	}
}

func bankLinesByID(
	ctx context.Context, tx database.Tx, account ledger.Account, ids []uuid.UUID,
) (map[uuid.UUID]BankLine, error) {
	rows, err := tx.Query(ctx, `
		select `+bankLineColumns+`
		  from reconcile_bank_line l
		  left join reconcile_claim c on c.side = 'BANK' and c.line_id = l.id and c.line_no = 0
		 where l.account_id = $1 and l.id = any($2) order by l.id`, account.ID(), ids)
	if err != nil {
		return nil, fmt.Errorf("reading bank lines: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanBankLine(account.Currency))
	if err != nil {
		return nil, fmt.Errorf("reading bank lines: %w", err)
	}
	found := make(map[uuid.UUID]BankLine, len(list))
	for _, l := range list {
		found[l.ID] = l
	}
	return found, nil
}

// BankLinesByID returns the lines of an account's statements with the ids, by id.
func BankLinesByID(
	ctx context.Context, tx database.Tx, account ledger.Account, ids ...uuid.UUID,
) (map[uuid.UUID]BankLine, error) {
	return bankLinesByID(ctx, tx, account, ids)
}

// LineFilter selects bank lines; zero fields select all.
type LineFilter struct {
	From, To civil.Date
	// Unmatched selects those that no match claims.
	Unmatched bool
	After     Position
	Limit     int
}

// BankLines lists the lines of an account's statements by booking date.
func BankLines(ctx context.Context, tx database.Tx, account ledger.Account, f LineFilter) ([]BankLine, error) {
	first := civil.Date{Year: 1, Month: time.January, Day: 1}
	if f.From.IsZero() {
		f.From = first
	}
	if f.To.IsZero() {
		f.To = civil.Date{Year: 9999, Month: time.December, Day: 31}
	}
	if f.After.Day.IsZero() {
		f.After.Day = first
	}
	rows, err := tx.Query(ctx, `
		select `+bankLineColumns+`
		  from reconcile_bank_line l
		  left join reconcile_claim c on c.side = 'BANK' and c.line_id = l.id and c.line_no = 0
		 where l.account_id = $1 and l.booking_date >= $2 and l.booking_date <= $3
		   and (not $4 or c.match_id is null) and (l.booking_date, l.id) > ($5::date, $6::uuid)
		 order by l.booking_date, l.id limit $7`,
		account.ID(), f.From, f.To, f.Unmatched, f.After.Day, f.After.ID, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("listing bank lines: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanBankLine(account.Currency))
	if err != nil {
		return nil, fmt.Errorf("listing bank lines: %w", err)
	}
	return list, nil
}

// unmatchedMax bounds the answer of Unmatched.
const unmatchedMax = 50

// Unmatched returns the bank lines of an amount and a span of booking dates
// that no match claims: whether a payment that was declared has come. Whoever
// books it in the same transaction then claims the line with MatchLines.
func Unmatched(
	ctx context.Context, tx database.Tx, account ledger.Account, amount money.Amount, from, to civil.Date,
) ([]BankLine, error) {
	rows, err := tx.Query(ctx, `
		select `+bankLineColumns+`
		  from reconcile_bank_line l
		  left join reconcile_claim c on c.side = 'BANK' and c.line_id = l.id and c.line_no = 0
		 where l.account_id = $1 and l.booking_date >= $2 and l.booking_date <= $3 and l.amount = $4
		   and c.match_id is null
		 order by l.booking_date, l.id limit $5`, account.ID(), from, to, amount.Minor(), unmatchedMax)
	if err != nil {
		return nil, fmt.Errorf("looking for a bank line: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanBankLine(account.Currency))
	if err != nil {
		return nil, fmt.Errorf("looking for a bank line: %w", err)
	}
	return list, nil
}

// missingMax bounds the answer of MissingInBooks.
const missingMax = 10_000

// MissingInBooks returns the bank lines through a booking date of which a run
// found that the books have nothing for them, of the amounts that are given, and
// whether that are all: a payment that was declared may be one of them. Whoever
// books it in the same transaction then claims the line with MatchLines.
func MissingInBooks(
	ctx context.Context, tx database.Tx, account ledger.Account, through civil.Date, amounts []int64,
) (lines []BankLine, all bool, err error) {
	rows, err := tx.Query(ctx, `
		select `+bankLineColumns+`
		  from reconcile_break b
		  join reconcile_bank_line l on l.id = b.line_id
		  left join reconcile_claim c on c.side = 'BANK' and c.line_id = l.id and c.line_no = 0
		 where b.account_id = $1 and b.side = 'BANK' and b.state = 'OPEN' and b.kind = $2
		   and l.booking_date <= $3 and l.amount = any($4::bigint[]) and c.match_id is null
		 order by l.booking_date, l.id limit $5`,
		account.ID(), string(reconcile.MissingInBooks), through, amounts, missingMax+1)
	if err != nil {
		return nil, false, fmt.Errorf("looking for bank lines: %w", err)
	}
	lines, err = pgx.CollectRows(rows, scanBankLine(account.Currency))
	if err != nil {
		return nil, false, fmt.Errorf("looking for bank lines: %w", err)
	}
	return lines[:min(len(lines), missingMax)], len(lines) <= missingMax, nil
}

// ConfirmedByBank returns the active match that claims a line of an entry on an
// account together with a line of the bank: that the bank has seen the payment.
// It is uuid.Nil if there is none.
func ConfirmedByBank(
	ctx context.Context, tx database.Tx, account ledger.Account, entry uuid.UUID,
) (uuid.UUID, error) {
	rows, err := tx.Query(ctx, `
		select c.match_id from reconcile_claim c
		 where c.side = 'BOOKS' and c.line_id = $1 and c.account_id = $2
		   and exists (select 1 from reconcile_claim b where b.match_id = c.match_id and b.side = 'BANK')
		 order by c.match_id limit 1`, entry, account.ID())
	if err != nil {
		return uuid.Nil, fmt.Errorf("looking for the bank's confirmation: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return uuid.Nil, fmt.Errorf("looking for the bank's confirmation: %w", err)
	}
	if len(found) == 0 {
		return uuid.Nil, nil
	}
	return found[0], nil
}

// Statements lists the statements of an account, the latest first.
func Statements(
	ctx context.Context, tx database.Tx, account ledger.Account, before Position, limit int,
) ([]Statement, error) {
	if before.Day.IsZero() {
		before.Day = civil.Date{Year: 9999, Month: time.December, Day: 31}
	}
	rows, err := tx.Query(ctx, `
		select `+statementColumns+` from reconcile_statement
		 where account_id = $1 and (last_day < $2 or last_day = $2 and id > $3)
		 order by last_day desc, id limit $4`, account.ID(), before.Day, before.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("listing statements: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanStatement(account.Currency))
	if err != nil {
		return nil, fmt.Errorf("listing statements: %w", err)
	}
	return list, nil
}
