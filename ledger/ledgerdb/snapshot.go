package ledgerdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

// A snapshot is a place in the chain, as a view of the books: the batches up to
// it and no others, whatever is back-dated or commits afterwards. An instant of
// recording alone cannot be one, since a transaction may commit after a later
// one: its batch would appear in a view that was already given. The chain has
// batches in the order in which they were seen to be committed, and marks those
// that came late, so a view is an instant and the few batches to leave out.

// pinStepsMax bounds the transactions of one Pin.
const pinStepsMax = 8

// Pin seals what is committed and returns the snapshot of it: the number of
// sealed batches. When more is waiting than a few transactions can seal, or
// another process is sealing, the snapshot is of what is sealed by then.
func Pin(ctx context.Context, db *database.DB) (int64, error) {
	var head ChainHead
	for range pinStepsMax {
		var taken int
		err := database.InTx(ctx, db, func(tx database.Tx) error {
			var err error
			taken, head, err = Seal(ctx, tx)
			return err
		})
		if errors.Is(err, database.ErrContention) {
			err = database.InReadTx(ctx, db, func(tx database.Tx) error {
				var err error
				head, err = Head(ctx, tx)
				return err
			})
			return head.Seq, err
		}
		if err != nil {
			return 0, err
		}
		if taken == 0 {
			break
		}
	}
	return head.Seq, nil
}

// View is the books at a snapshot, inside one transaction. Its zero value is
// everything that is committed.
type View struct {
	// Snapshot is the place in the chain; 0 is everything.
	Snapshot int64
	// Known is the latest instant of recording in it.
	Known time.Time
	// late are the batches that are not in it although their instant is.
	late []uuid.UUID
}

// ViewAt returns the view of a snapshot, 0 for everything, as far as it was
// recorded by the instant known; the zero instant leaves nothing out. A place
// that the chain has not reached is rejected with FieldInvalid.
func ViewAt(ctx context.Context, tx database.Tx, snapshot int64, known time.Time) (View, error) {
	v := View{Snapshot: snapshot, Known: At{Known: known}.Or().Known}
	if snapshot == 0 {
		return v, nil
	}
	var through time.Time
	err := tx.QueryRow(ctx, `select known_through from ledger_seal where seq = $1`, snapshot).Scan(&through)
	if errors.Is(err, pgx.ErrNoRows) {
		return View{}, ledger.Reject(ledger.FieldInvalid, "snapshot", "is beyond the end of the chain")
	}
	if err != nil {
		return View{}, fmt.Errorf("reading snapshot %d: %w", snapshot, err)
	}
	if through.Before(v.Known) {
		v.Known = through.UTC()
	}
	rows, err := tx.Query(ctx, `
		select batch_id from ledger_seal where late and seq > $1 and recorded_at <= $2
		 union all
		select batch_id from ledger_unsealed where recorded_at <= $2`, snapshot, v.Known)
	if err != nil {
		return View{}, fmt.Errorf("reading what snapshot %d leaves out: %w", snapshot, err)
	}
	v.late, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return View{}, fmt.Errorf("reading what snapshot %d leaves out: %w", snapshot, err)
	}
	return v, nil
}

// leftOut are the batches to leave out, never nil: SQL compares with all of them.
func (v View) leftOut() []uuid.UUID {
	if v.late == nil {
		return []uuid.UUID{}
	}
	return v.late
}

// Balance returns the balance of an account in this view, counting what is
// effective by the end of a day.
func (v View) Balance(ctx context.Context, tx database.Tx, account ledger.Account, at At) (ledger.Balance, error) {
	at.Known = v.Known
	all, err := BalanceOf(ctx, tx, account, at)
	if err != nil || len(v.late) == 0 {
		return all, err
	}
	late, err := v.lateSums(ctx, tx, at, account.ID())
	if err != nil {
		return ledger.Balance{}, err
	}
	return without(all, account, late[account.ID()])
}

// Balances returns the balances of accounts in this view, by id, as the
// function Balances does.
func (v View) Balances(
	ctx context.Context, tx database.Tx, at At, ids ...uuid.UUID,
) (map[uuid.UUID]ledger.Balance, error) {
	at.Known = v.Known
	all, err := Balances(ctx, tx, at, ids...)
	if err != nil || len(v.late) == 0 {
		return all, err
	}
	late, err := v.lateSums(ctx, tx, at, ids...)
	if err != nil {
		return nil, err
	}
	accounts, err := Accounts(ctx, tx, ids...)
	if err != nil {
		return nil, err
	}
	for id, sums := range late {
		if all[id], err = without(all[id], accounts[id], sums); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func without(b ledger.Balance, account ledger.Account, late [2]int64) (ledger.Balance, error) {
	return ledger.NewBalance(b.AccountID, account.NormalSide, account.Currency,
		b.Debits.Minor()-late[0], b.Credits.Minor()-late[1])
}

// lateSums are debits and credits of the batches to leave out, by account.
func (v View) lateSums(
	ctx context.Context, tx database.Tx, at At, ids ...uuid.UUID,
) (map[uuid.UUID][2]int64, error) {
	at = at.Or()
	rows, err := tx.Query(ctx, `
		select l.account_id, sum(l.debit)::bigint, sum(l.credit)::bigint
		  from ledger_line l
		 where l.batch_id = any($1) and l.account_id = any($2) and l.effective_date <= $3 and l.recorded_at <= $4
		 group by l.account_id order by l.account_id`, v.late, ids, at.Effective, at.Known)
	if err != nil {
		return nil, fmt.Errorf("summing late batches: %w", err)
	}
	defer rows.Close()
	sums := map[uuid.UUID][2]int64{}
	for rows.Next() {
		var id uuid.UUID
		var debits, credits int64
		if err := rows.Scan(&id, &debits, &credits); err != nil {
			return nil, fmt.Errorf("summing late batches: %w", err)
		}
		sums[id] = [2]int64{debits, credits}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("summing late batches: %w", err)
	}
	return sums, nil
}

// Trial returns the trial balance in this view, as the function Trial does.
func (v View) Trial(ctx context.Context, tx database.Tx, at At, basis Basis) (TrialBalance, error) {
	at.Known = v.Known
	report, err := Trial(ctx, tx, at, basis)
	if err != nil || len(v.late) == 0 {
		return report, err
	}
	rows, err := tx.Query(ctx, `
		select totals from ledger_batch where id = any($1) and recorded_at <= $2 order by id`, v.late, at.Or().Known)
	if err != nil {
		return TrialBalance{}, fmt.Errorf("summing late batches: %w", err)
	}
	defer rows.Close()
	late := map[heading]totals{}
	if err := addTotals(rows, late, at.Or().Effective, basis); err != nil {
		return TrialBalance{}, fmt.Errorf("summing late batches: %w", err)
	}
	return report.without(late)
}

// without takes sums out of a report.
func (t TrialBalance) without(sums map[heading]totals) (TrialBalance, error) {
	left := TrialBalance{At: t.At, Basis: t.Basis}
	for _, r := range t.Rows {
		sum := sums[heading{r.GL.Code, r.Currency.Code()}]
		r.Debits = ledger.NewAmount(r.Debits.Minor()-sum.debits, r.Currency)
		r.Credits = ledger.NewAmount(r.Credits.Minor()-sum.credits, r.Currency)
		if r.Debits.IsZero() && r.Credits.IsZero() {
			continue // nothing had been booked there yet
		}
		var err error
		if r.Net, err = netOf(r); err != nil {
			return TrialBalance{}, err
		}
		left.Rows = append(left.Rows, r)
	}
	return left, left.total()
}
