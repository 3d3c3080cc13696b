package ledgerdb

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

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

// Trial returns the trial balance at a point of both times, by currency and
// general ledger code. It sums the blocks of the general ledger and the totals
// of the batches after them, so that neither the number of accounts nor that of
// lines matters.
func Trial(ctx context.Context, tx database.Tx, at At, basis Basis) (TrialBalance, error) {
	at = at.Or()
	report := TrialBalance{At: at, Basis: basis}
	sums, err := headingSums(ctx, tx, at, basis)
	if err != nil {
		return TrialBalance{}, err
	}
	headings := slices.SortedFunc(maps.Keys(sums), compareHeadings)
	codes := make([]string, len(headings))
	for i, h := range headings {
		codes[i] = h.gl
	}
	stored, err := glByCode(ctx, tx, codes)
	if err != nil {
		return TrialBalance{}, err
	}
	for _, h := range headings {
		gl, ok := stored[h.gl]
		if !ok {
			return TrialBalance{}, fmt.Errorf("general ledger account %q: %w", h.gl, ErrNotFound)
		}
		r := TrialRow{GL: gl}
		if r.Currency, err = money.ParseCurrency(h.currency); err != nil {
			return TrialBalance{}, fmt.Errorf("summing the general ledger: %w", err)
		}
		r.Debits, r.Credits = money.New(sums[h].debits, r.Currency), money.New(sums[h].credits, r.Currency)
		if r.Net, err = netOf(r); err != nil {
			return TrialBalance{}, err
		}
		report.Rows = append(report.Rows, r)
	}
	return report, report.total()
}

// headingSums sums the general ledger; a heading without a line that counts is
// not there.
func headingSums(ctx context.Context, tx database.Tx, at At, basis Basis) (map[heading]totals, error) {
	r, err := readReach(ctx, tx, at.Known, []uuid.UUID{booksOwner})
	if err != nil {
		return nil, err
	}
	sums := map[heading]totals{}
	var questions pgx.Batch
	through := r.of(booksOwner)
	if refs := cover(through.blocks); len(refs) > 0 {
		queueHeadingSums(&questions, basis, refs, at.Effective).Query(func(rows pgx.Rows) error {
			return addHeadings(rows, sums)
		})
	}
	addBatches := func(rows pgx.Rows) error { return addTotals(rows, sums, at.Effective, basis) }
	questions.Queue(`
		select totals from ledger_batch where recorded_at > $1 and recorded_at <= $2 order by recorded_at, id`,
		through.until, at.Known).Query(addBatches)
	if r.late {
		questions.Queue(`
			select b.totals from ledger_unsealed q join ledger_batch b on b.id = q.batch_id
			 where q.recorded_at <= $1 order by q.recorded_at, q.batch_id`, through.until).Query(addBatches)
	}
	if err := tx.SendBatch(ctx, &questions).Close(); err != nil {
		return nil, fmt.Errorf("summing the general ledger: %w", err)
	}
	return sums, nil
}

func queueHeadingSums(questions *pgx.Batch, basis Basis, refs []sumRef, effective civil.Date) *pgx.QueuedQuery {
	levels, numbers := make([]int64, len(refs)), make([]int64, len(refs))
	for i, ref := range refs {
		levels[i], numbers[i] = ref.level, ref.number
	}
	return questions.Queue(`
		select h.gl_code, h.currency, t.debits, t.credits
		  from ledger_heading h
		 cross join unnest($2::bigint[], $3::bigint[]) as u (level, number)
		  join lateral (select s.debits, s.credits from ledger_block_sum s
		                 where s.owner = h.id and s.level = u.level and s.number = u.number and s.effective_date <= $4
		                 order by s.effective_date desc limit 1) t on true
		 where h.basis = $1`, string(basis), levels, numbers, effective)
}

func addHeadings(rows pgx.Rows, sums map[heading]totals) error {
	for rows.Next() {
		var h heading
		var t totals
		if err := rows.Scan(&h.gl, &h.currency, &t.debits, &t.credits); err != nil {
			return err
		}
		if err := addHeading(sums, h, t); err != nil {
			return err
		}
	}
	return rows.Err()
}

// addTotals adds the totals of batches that count by a day.
func addTotals(rows pgx.Rows, sums map[heading]totals, effective civil.Date, basis Basis) error {
	for rows.Next() {
		var list []batchTotal
		if err := rows.Scan(&list); err != nil {
			return err
		}
		for _, t := range list {
			if t.date(basis).After(effective) {
				continue
			}
			if err := addHeading(sums, t.heading(), totals{t.Debits, t.Credits}); err != nil {
				return err
			}
		}
	}
	return rows.Err()
}

func addHeading(sums map[heading]totals, h heading, t totals) error {
	sum, fits := sums[h].add(t)
	if !fits {
		return fmt.Errorf("general ledger account %q in %s: %w", h.gl, h.currency, ledger.SumOverflow)
	}
	sums[h] = sum
	return nil
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
