package reconciledb

import (
	"context"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/ledger/reconcile"
)

// duplicateDays is how far back matched lines are looked at, to tell the
// duplicates of what was paid or booked before.
const duplicateDays = 92

// Work is what there is to reconcile.
type Work struct {
	Bank, Books []reconcile.Line
	// Start is the first day of the first statement: what the books have before
	// may be matched, and is no break if it is not.
	Start civil.Date
	// Through is the last day.
	Through civil.Date
	// booked is the day that a line of the bank counts from in reports, where
	// rules compare another one.
	booked map[reconcile.LineID]civil.Date
}

// on returns the day from which a line counts in reports.
func (w *Work) on(l *reconcile.Line) civil.Date {
	if day, ok := w.booked[l.ID]; ok {
		return day
	}
	return l.Date
}

// Load reads the lines of an account through a day: all that are not matched,
// and those matched lately. Without any statement the error is ErrNotFound;
// too many lines are reconcile.ErrTooMany.
func Load(
	ctx context.Context, tx database.Tx, account ledger.Account, rules reconcile.RuleSet, through civil.Date,
) (Work, error) {
	w := Work{Through: through, booked: map[reconcile.LineID]civil.Date{}}
	var start *civil.Date
	err := tx.QueryRow(ctx, `
		select min(first_day) from reconcile_statement where account_id = $1`, account.ID()).Scan(&start)
	if err != nil {
		return Work{}, fmt.Errorf("reading the first statement: %w", err)
	}
	if start == nil {
		return Work{}, fmt.Errorf("statements of account %q: %w", account.Code, ErrNotFound)
	}
	w.Start = *start
	before, after := 0, 0
	for _, rule := range rules.Rules {
		if rule.Shape != reconcile.Reversal {
			before, after = max(before, rule.DaysAfter), max(after, rule.DaysBefore)
		}
	}
	if w.Bank, err = w.loadBank(ctx, tx, account, rules, through); err != nil {
		return Work{}, err
	}
	w.Books, err = loadBooks(ctx, tx, account, rules, w.Start.AddDays(-before), through.AddDays(after))
	return w, err
}

// loadBank reads the bank's lines in pages.
func (w *Work) loadBank(
	ctx context.Context, tx database.Tx, account ledger.Account, rules reconcile.RuleSet, through civil.Date,
) ([]reconcile.Line, error) {
	var lines []reconcile.Line
	day, id := civil.Date{Year: 1, Month: time.January, Day: 1}, uuid.Nil
	lately := through.AddDays(-duplicateDays)
	for {
		rows, err := tx.Query(ctx, `
			select l.id, l.booking_date, l.value_date, l.amount, l.reference, l.bank_reference, l.counterparty, l.text,
			       c.line_id is not null
			  from reconcile_bank_line l
			  left join reconcile_claim c on c.side = 'BANK' and c.line_id = l.id and c.line_no = 0
			 where l.account_id = $1 and (l.booking_date, l.id) > ($2::date, $3::uuid) and l.booking_date <= $4
			 order by l.booking_date, l.id limit $5`, account.ID(), day, id, through, chunk)
		if err != nil {
			return nil, fmt.Errorf("reading bank lines: %w", err)
		}
		count := 0
		var l reconcile.Line
		var value civil.Date
		var reference, bank, name, text string
		columns := []any{&id, &day, &value, &l.Amount, &reference, &bank, &name, &text, &l.Claimed}
		_, err = pgx.ForEachRow(rows, columns, func() error {
			count++
			line := l
			line.ID, line.Date = reconcile.LineID{ID: id}, day
			if rules.ByValueDate && value != day {
				line.Date, w.booked[line.ID] = value, day
			}
			line.References, line.Text = []string{reference, bank}, text+" | "+name
			if !line.Claimed || !day.Before(lately) {
				lines = append(lines, line)
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("reading bank lines: %w", err)
		}
		if len(lines) > reconcile.LinesMax {
			return nil, reconcile.ErrTooMany
		}
		if count < chunk {
			return lines, nil
		}
	}
}

// loadBooks reads the lines of the books in pages, each with what is claimed of it.
func loadBooks(
	ctx context.Context, tx database.Tx, account ledger.Account, rules reconcile.RuleSet, from, to civil.Date,
) ([]reconcile.Line, error) {
	var lines []reconcile.Line
	lately := to.AddDays(-duplicateDays)
	var after ledgerdb.LinePosition
	for {
		page, err := ledgerdb.AccountLines(ctx, tx, account, from, to, after, chunk)
		if err != nil {
			return nil, err
		}
		claimed, err := claimedBooks(ctx, tx, page)
		if err != nil {
			return nil, err
		}
		for i := range page {
			line := bookLine(&page[i], rules)
			line.Claimed = claimed[line.ID]
			if !line.Claimed || !line.Date.Before(lately) {
				lines = append(lines, line)
			}
		}
		if len(lines) > reconcile.LinesMax {
			return nil, reconcile.ErrTooMany
		}
		if len(page) < chunk {
			return lines, nil
		}
		after = page[len(page)-1].Position
	}
}

func bookLine(l *ledgerdb.AccountLine, rules reconcile.RuleSet) reconcile.Line {
	line := reconcile.Line{
		ID: reconcile.LineID{ID: l.Position.Entry, No: l.Position.Line}, Date: l.Position.Effective, Amount: l.Amount,
		References: []string{l.Reference}, Text: l.Description, Entry: l.Position.Entry, Reverses: l.Reverses,
	}
	for _, name := range rules.BookReferences {
		if value := l.Metadata[name]; value != "" {
			line.References = append(line.References, value)
		}
	}
	return line
}

func claimedBooks(ctx context.Context, tx database.Tx, page []ledgerdb.AccountLine) (map[reconcile.LineID]bool, error) {
	entries := make([]uuid.UUID, len(page))
	for i := range page {
		entries[i] = page[i].Position.Entry
	}
	rows, err := tx.Query(ctx, `
		select line_id, line_no from reconcile_claim
		 where side = 'BOOKS' and line_id = any($1) order by line_id, line_no`, entries)
	if err != nil {
		return nil, fmt.Errorf("reading claims: %w", err)
	}
	claimed := make(map[reconcile.LineID]bool)
	var id reconcile.LineID
	_, err = pgx.ForEachRow(rows, []any{&id.ID, &id.No}, func() error {
		claimed[id] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading claims: %w", err)
	}
	return claimed, nil
}

// Breaks returns the breaks of a result that count: those of the books before
// the first statement and after the last day do not.
func (w Work) Breaks(result reconcile.Result) []reconcile.Break {
	list := make([]reconcile.Break, 0, len(result.Breaks))
	for _, b := range result.Breaks {
		if b.Side == reconcile.Books && (b.Date.Before(w.Start) || b.Date.After(w.Through)) {
			continue
		}
		list = append(list, b)
	}
	return list
}
