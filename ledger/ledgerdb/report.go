package ledgerdb

import (
	"context"
	"fmt"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
)

// Basis says by which date a report counts an entry.
type Basis string

// The bases of a report.
const (
	// ByEffective counts an entry from its effective (value) date.
	ByEffective Basis = "EFFECTIVE"
	// ByBooking counts an entry in the period that it was booked in, so that a
	// late entry does not change the figures of a closed period.
	ByBooking Basis = "BOOKING"
)

// TrialRow is one general ledger account in one currency.
type TrialRow struct {
	GL       ledger.GLAccount
	Currency money.Currency
	Debits   money.Amount
	Credits  money.Amount
	// Net is positive when the account is on its normal side.
	Net money.Amount
}

// TrialTotal is the sum of all accounts in one currency. In books that are
// whole its Difference is zero.
type TrialTotal struct {
	Currency   money.Currency
	Debits     money.Amount
	Credits    money.Amount
	Difference money.Amount
}

// TrialBalance is the totals of the general ledger at a point of both times.
type TrialBalance struct {
	At     At
	Basis  Basis
	Rows   []TrialRow
	Totals []TrialTotal
}

const (
	trialByEffective = `
		select g.code, g.name, g.type, g.normal_side, a.currency, sum(l.debit)::bigint, sum(l.credit)::bigint
		  from ledger_line l
		  join ledger_account a on a.id = l.account_id
		  join ledger_gl g on g.code = a.gl_code
		 where l.effective_date <= $1 and l.recorded_at <= $2
		 group by g.code, g.name, g.type, g.normal_side, a.currency
		 order by a.currency, g.code`
	trialByBooking = `
		select g.code, g.name, g.type, g.normal_side, a.currency, sum(l.debit)::bigint, sum(l.credit)::bigint
		  from ledger_line l
		  join ledger_account a on a.id = l.account_id
		  join ledger_gl g on g.code = a.gl_code
		 where l.booking_date <= $1 and l.recorded_at <= $2
		 group by g.code, g.name, g.type, g.normal_side, a.currency
		 order by a.currency, g.code`
)

// Trial returns the trial balance at a point of both times, by currency and
// general ledger code.
func Trial(ctx context.Context, tx database.Tx, at At, basis Basis) (TrialBalance, error) {
	at = at.Or()
	report := TrialBalance{At: at, Basis: basis}
	query := trialByEffective
	if basis == ByBooking {
		query = trialByBooking
	}
	rows, err := tx.Query(ctx, query, at.Effective, at.Known)
	if err != nil {
		return TrialBalance{}, fmt.Errorf("summing the general ledger: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r TrialRow
		var code string
		var debits, credits int64
		err := rows.Scan(&r.GL.Code, &r.GL.Name, &r.GL.Type, &r.GL.NormalSide, &code, &debits, &credits)
		if err != nil {
			return TrialBalance{}, fmt.Errorf("summing the general ledger: %w", err)
		}
		if r.Currency, err = money.ParseCurrency(code); err != nil {
			return TrialBalance{}, fmt.Errorf("summing the general ledger: %w", err)
		}
		r.Debits, r.Credits = money.New(debits, r.Currency), money.New(credits, r.Currency)
		if r.Net, err = netOf(r); err != nil {
			return TrialBalance{}, err
		}
		report.Rows = append(report.Rows, r)
	}
	if err := rows.Err(); err != nil {
		return TrialBalance{}, fmt.Errorf("summing the general ledger: %w", err)
	}
	return report, report.total()
}

func netOf(r TrialRow) (money.Amount, error) {
	if r.GL.NormalSide == ledger.Credit {
		return r.Credits.Sub(r.Debits)
	}
	return r.Debits.Sub(r.Credits)
}

// total sums the rows, which come by currency.
func (t *TrialBalance) total() error {
	for _, r := range t.Rows {
		last := len(t.Totals) - 1
		if last < 0 || t.Totals[last].Currency != r.Currency {
			zero := money.Zero(r.Currency)
			t.Totals = append(t.Totals, TrialTotal{Currency: r.Currency, Debits: zero, Credits: zero, Difference: zero})
			last++
		}
		total := &t.Totals[last]
		var err error
		if total.Debits, err = total.Debits.Add(r.Debits); err != nil {
			return fmt.Errorf("totalling %s: %w", r.Currency, err)
		}
		if total.Credits, err = total.Credits.Add(r.Credits); err != nil {
			return fmt.Errorf("totalling %s: %w", r.Currency, err)
		}
		if total.Difference, err = total.Debits.Sub(total.Credits); err != nil {
			return fmt.Errorf("totalling %s: %w", r.Currency, err)
		}
	}
	return nil
}
