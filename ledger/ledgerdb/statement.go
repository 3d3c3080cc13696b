package ledgerdb

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
)

// LinePosition is a place in the order of a statement, and the entry and line
// that are there.
type LinePosition struct {
	Effective civil.Date `json:"e"`
	Recorded  time.Time  `json:"r"`
	Batch     uuid.UUID  `json:"b"`
	Pos       int64      `json:"p"`
	Entry     uuid.UUID  `json:"i"`
	Line      int64      `json:"l"`
}

// StatementLine is one line of an account with what its entry says about it.
type StatementLine struct {
	Position    LinePosition
	BookingDate civil.Date
	Kind        string
	Reference   string
	Description string
	Side        ledger.Side
	Amount      money.Amount
	// Running is the balance after the line, on the account's normal side.
	Running money.Amount
}

// StatementRange says which lines of an account to read.
type StatementRange struct {
	// From and To bound the effective date, both inclusive; zero is unbounded.
	From, To civil.Date
	// View is the books as the statement sees them.
	View View
	// After is the line behind which the page begins, and Running the balance
	// after it. The zero After begins at From with the opening balance.
	After   LinePosition
	Running money.Amount
	// Limit is the number of lines at most, at least 1.
	Limit int
}

// Statement is the lines of one account between an opening and a closing
// balance, both of the whole range whatever page the lines are.
type Statement struct {
	Account ledger.Account
	Range   StatementRange
	Opening ledger.Balance
	Closing ledger.Balance
	Lines   []StatementLine
}

var firstDay = civil.Date{Year: 1, Month: time.January, Day: 1}

// ReadStatement reads a page of an account's statement, in the order of
// effective date and recording.
func ReadStatement(
	ctx context.Context, tx database.Tx, account ledger.Account, r StatementRange,
) (Statement, error) {
	end := At{Effective: r.To, Known: r.View.Known}.Or()
	r.To, r.View.Known = end.Effective, end.Known
	if r.From == (civil.Date{}) {
		r.From = firstDay.AddDays(1) // its day before must be a date as well
	}
	s := Statement{Account: account, Range: r}
	var err error
	s.Opening, err = r.View.Balance(ctx, tx, account, At{Effective: r.From.AddDays(-1)})
	if err != nil {
		return Statement{}, err
	}
	s.Closing, err = r.View.Balance(ctx, tx, account, end)
	if err != nil {
		return Statement{}, err
	}
	running := s.Opening.Net
	if r.After != (LinePosition{}) {
		running = r.Running
	} else {
		r.After.Effective = firstDay
	}
	s.Lines, err = statementLines(ctx, tx, account, r)
	if err != nil {
		return Statement{}, err
	}
	for i := range s.Lines {
		line := &s.Lines[i]
		if line.Side == account.NormalSide {
			running, err = running.Add(line.Amount)
		} else {
			running, err = running.Sub(line.Amount)
		}
		if err != nil {
			return Statement{}, fmt.Errorf("statement of account %q: %w", account.Code, err)
		}
		line.Running = running
	}
	return s, nil
}

func statementLines(
	ctx context.Context, tx database.Tx, account ledger.Account, r StatementRange,
) ([]StatementLine, error) {
	rows, err := tx.Query(ctx, `
		select l.effective_date, l.recorded_at, l.batch_id, l.batch_pos, e.id, l.line_no, e.booking_date, l.debit, l.credit,
		       e.kind, e.reference, e.description
		  from ledger_line l join ledger_entry e on e.batch_id = l.batch_id and e.batch_pos = l.batch_pos
		 where l.account_id = $1 and l.effective_date >= $2 and l.effective_date <= $3 and l.recorded_at <= $4
		   and (l.effective_date, l.recorded_at, l.batch_id, l.batch_pos, l.line_no)
		       > ($5::date, $6::timestamptz, $7::uuid, $8::bigint, $9::bigint)
		   and l.batch_id <> all($11::uuid[])
		 order by l.effective_date, l.recorded_at, l.batch_id, l.batch_pos, l.line_no limit $10`,
		account.ID(), r.From, r.To, r.View.Known,
		r.After.Effective, r.After.Recorded, r.After.Batch, r.After.Pos, r.After.Line, r.Limit,
		r.View.leftOut())
	if err != nil {
		return nil, fmt.Errorf("reading the statement of account %q: %w", account.Code, err)
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (StatementLine, error) {
		var l StatementLine
		var debit, credit int64
		p := &l.Position
		err := row.Scan(&p.Effective, &p.Recorded, &p.Batch, &p.Pos, &p.Entry, &p.Line, &l.BookingDate, &debit, &credit,
			&l.Kind, &l.Reference, &l.Description)
		p.Recorded = p.Recorded.UTC()
		l.Side, l.Amount = ledger.Debit, money.New(debit, account.Currency)
		if credit > 0 {
			l.Side, l.Amount = ledger.Credit, money.New(credit, account.Currency)
		}
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the statement of account %q: %w", account.Code, err)
	}
	return lines, nil
}

// Headings returns the general ledger accounts in the order of their codes.
func Headings(ctx context.Context, tx database.Tx) ([]ledger.GLAccount, error) {
	rows, err := tx.Query(ctx, `select code, name, type, normal_side from ledger_gl order by code`)
	if err != nil {
		return nil, fmt.Errorf("listing general ledger accounts: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[ledger.GLAccount])
	if err != nil {
		return nil, fmt.Errorf("listing general ledger accounts: %w", err)
	}
	return list, nil
}

// Codes returns the codes of accounts by id.
func Codes(ctx context.Context, tx database.Tx, ids ...uuid.UUID) (map[uuid.UUID]string, error) {
	rows, err := tx.Query(ctx, `select id, code from ledger_account where id = any($1) order by id`, ids)
	if err != nil {
		return nil, fmt.Errorf("reading account codes: %w", err)
	}
	defer rows.Close()
	codes := make(map[uuid.UUID]string, len(ids))
	for rows.Next() {
		var id uuid.UUID
		var code string
		if err := rows.Scan(&id, &code); err != nil {
			return nil, fmt.Errorf("reading account codes: %w", err)
		}
		codes[id] = code
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading account codes: %w", err)
	}
	return codes, nil
}
