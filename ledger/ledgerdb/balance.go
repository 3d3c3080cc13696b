package ledgerdb

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

// BalanceOf returns the balance of an account at a point of both times. What it
// reads does not grow with the account's history once that is sealed: some
// dozens of sums and less than two thousand lines.
func BalanceOf(ctx context.Context, tx database.Tx, account ledger.Account, at At) (ledger.Balance, error) {
	id := account.ID()
	sums, err := accountSums(ctx, tx, at.Or(), []uuid.UUID{id})
	if err != nil {
		return ledger.Balance{}, err
	}
	return ledger.NewBalance(id, account.NormalSide, account.Currency, sums[id].debits, sums[id].credits)
}

// Balances returns the balances of the accounts with the ids, by id; an
// unknown id has none.
func Balances(ctx context.Context, tx database.Tx, at At, ids ...uuid.UUID) (map[uuid.UUID]ledger.Balance, error) {
	accounts, err := Accounts(ctx, tx, ids...)
	if err != nil {
		return nil, err
	}
	ids = slices.Clone(ids)
	slices.SortFunc(ids, compareIDs)
	sums, err := accountSums(ctx, tx, at.Or(), slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	balances := make(map[uuid.UUID]ledger.Balance, len(accounts))
	for id, a := range accounts {
		balances[id], err = ledger.NewBalance(id, a.NormalSide, a.Currency, sums[id].debits, sums[id].credits)
		if err != nil {
			return nil, err
		}
	}
	return balances, nil
}

// accountSums sums the lines of accounts, each named once, at a point of both
// times. It is exact in every transaction that sees one state of the database.
func accountSums(ctx context.Context, tx database.Tx, at At, ids []uuid.UUID) (map[uuid.UUID]totals, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	r, err := readReach(ctx, tx, at.Known, ids)
	if err != nil {
		return nil, err
	}
	sums := make(map[uuid.UUID]totals, len(ids))
	collect := func(rows pgx.Rows) error { return addSums(rows, sums) }
	var questions pgx.Batch
	if len(r.owners) > 0 {
		queueBlockSums(&questions, r, at, ids).Query(collect)
	}
	after := make([]time.Time, len(ids))
	for i, id := range ids {
		after[i] = r.of(id).until
	}
	// The condition on the value date is none of the index's: what is scanned
	// are the lines after the blocks, not those before the date.
	questions.Queue(`
		select u.id, t.debits, t.credits
		  from unnest($1::uuid[], $2::timestamptz[]) as u (id, after)
		  join lateral (select coalesce(sum(l.debit) filter (where l.effective_date <= $4), 0)::bigint as debits,
		                       coalesce(sum(l.credit) filter (where l.effective_date <= $4), 0)::bigint as credits
		                  from ledger_line l
		                 where l.account_id = u.id and l.recorded_at > u.after and l.recorded_at <= $3) t on true`,
		ids, after, at.Known, at.Effective).Query(collect)
	if r.late {
		queueLateSums(&questions, at, ids, after, r.last).Query(collect)
	}
	if err := tx.SendBatch(ctx, &questions).Close(); err != nil {
		return nil, fmt.Errorf("summing accounts: %w", err)
	}
	return sums, nil
}

func addSums(rows pgx.Rows, sums map[uuid.UUID]totals) error {
	for rows.Next() {
		var id uuid.UUID
		var t totals
		if err := rows.Scan(&id, &t.debits, &t.credits); err != nil {
			return err
		}
		sum, fits := sums[id].add(t)
		if !fits {
			return fmt.Errorf("account %s: %w", id, ledger.SumOverflow)
		}
		sums[id] = sum
	}
	return rows.Err()
}

// queueBlockSums asks for what the blocks say.
func queueBlockSums(questions *pgx.Batch, r reach, at At, ids []uuid.UUID) *pgx.QueuedQuery {
	var owners []uuid.UUID
	var levels, numbers []int64
	for _, id := range ids {
		for _, ref := range cover(r.of(id).blocks) {
			owners, levels, numbers = append(owners, id), append(levels, ref.level), append(numbers, ref.number)
		}
	}
	return questions.Queue(`
		select u.owner, t.debits, t.credits
		  from unnest($1::uuid[], $2::bigint[], $3::bigint[]) as u (owner, level, number)
		  join lateral (select s.debits, s.credits from ledger_block_sum s
		                 where s.owner = u.owner and s.level = u.level and s.number = u.number and s.effective_date <= $4
		                 order by s.effective_date desc limit 1) t on true`, owners, levels, numbers, at.Effective)
}

// queueLateSums asks for the lines of batches that are not sealed although they
// were recorded before the end of an account's last block.
func queueLateSums(questions *pgx.Batch, at At, ids []uuid.UUID, until []time.Time, last time.Time) *pgx.QueuedQuery {
	return questions.Queue(`
		select u.id, coalesce(sum(l.debit), 0)::bigint, coalesce(sum(l.credit), 0)::bigint
		  from ledger_unsealed q
		  join ledger_line l on l.batch_id = q.batch_id
		  join unnest($1::uuid[], $2::timestamptz[]) as u (id, until_at)
		       on u.id = l.account_id and q.recorded_at <= u.until_at
		 where q.recorded_at <= $3 and l.effective_date <= $4
		 group by u.id order by u.id`, ids, until, last, at.Effective)
}
