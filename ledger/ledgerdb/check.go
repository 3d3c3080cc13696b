package ledgerdb

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

// checkReversals rejects reversals of what is not there, what was reversed
// before, or what they do not mirror.
func (b *batch) checkReversals(ctx context.Context, tx database.Tx) error {
	var targets []uuid.UUID
	claimed := map[uuid.UUID]*item{}
	for _, it := range b.open() {
		target := it.entry.Reverses
		if target == uuid.Nil {
			continue
		}
		if claimed[target] != nil {
			it.fail(ledger.Reject(ledger.AlreadyReversed, "reverses", "names an entry that was reversed before"))
			continue
		}
		claimed[target] = it
		targets = append(targets, target)
	}
	if len(targets) == 0 {
		return nil
	}
	reversed, err := reversedEntries(ctx, tx, targets)
	if err != nil {
		return err
	}
	originals, err := linesOf(ctx, tx, targets)
	if err != nil {
		return err
	}
	for target, it := range claimed {
		original, known := originals[target]
		if !known {
			it.fail(ledger.Reject(ledger.ReversesUnknown, "reverses", "names no entry"))
		} else if _, ok := reversed[target]; ok {
			it.fail(ledger.Reject(ledger.AlreadyReversed, "reverses", "names an entry that was reversed before"))
		} else if err := it.entry.CheckMirror(original); err != nil {
			it.fail(err)
		}
	}
	return nil
}

// reversedEntries returns which of the entries were reversed, and by which.
func reversedEntries(ctx context.Context, tx database.Tx, ids []uuid.UUID) (map[uuid.UUID]uuid.UUID, error) {
	rows, err := tx.Query(ctx, `
		select reverses, entry_id from ledger_reversal where reverses = any($1) order by reverses`, ids)
	if err != nil {
		return nil, fmt.Errorf("reading reversals: %w", err)
	}
	defer rows.Close()
	found := map[uuid.UUID]uuid.UUID{}
	for rows.Next() {
		var target, by uuid.UUID
		if err := rows.Scan(&target, &by); err != nil {
			return nil, fmt.Errorf("reading reversals: %w", err)
		}
		found[target] = by
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading reversals: %w", err)
	}
	return found, nil
}

// limitTotals are the running totals of an account with a limit.
type limitTotals struct {
	id                            uuid.UUID
	debits, credits               int64
	pendingDebits, pendingCredits int64
	postedDebits, postedCredits   int64 // what this batch adds
}

// checkLimits applies the entries in their order to the totals of the accounts
// that have a limit. One that would pass a limit is rejected as a whole and
// leaves the totals as they were.
func (b *batch) checkLimits(ctx context.Context, tx database.Tx) error {
	seen := map[uuid.UUID]bool{}
	var ids []uuid.UUID
	for _, it := range b.open() {
		for _, line := range it.entry.Lines {
			if b.accounts[line.AccountID].Limit != ledger.NoLimit && !seen[line.AccountID] {
				seen[line.AccountID] = true
				ids = append(ids, line.AccountID)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.SortFunc(ids, compareIDs)
	var err error
	b.limits, err = lockLimits(ctx, tx, ids)
	if err != nil {
		return err
	}
	for _, group := range b.groups {
		if err := b.applyGroup(group); err != nil {
			return err
		}
	}
	return nil
}

// applyGroup applies the entries of a group, or none of them.
func (b *batch) applyGroup(group []*item) error {
	before := map[uuid.UUID]limitTotals{}
	for _, it := range group {
		if it.done {
			continue
		}
		rejection := b.applyLimits(it, before)
		if rejection == nil {
			if err := b.noteBalances(it); err != nil {
				return err
			}
			continue
		}
		it.fail(rejection)
		for id, t := range before {
			*b.limits[id] = t
		}
		b.link()
		return nil
	}
	return nil
}

func lockLimits(ctx context.Context, tx database.Tx, ids []uuid.UUID) (map[uuid.UUID]*limitTotals, error) {
	rows, err := tx.Query(ctx, `
		select account_id, debits, credits, pending_debits, pending_credits
		  from ledger_limit where account_id = any($1) order by account_id for update`, ids)
	if err != nil {
		return nil, fmt.Errorf("reading totals of accounts with a limit: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*limitTotals, error) {
		var t limitTotals
		return &t, row.Scan(&t.id, &t.debits, &t.credits, &t.pendingDebits, &t.pendingCredits)
	})
	if err != nil {
		return nil, fmt.Errorf("reading totals of accounts with a limit: %w", err)
	}
	if len(list) != len(ids) {
		return nil, fmt.Errorf("reading totals of accounts with a limit: %d of %d rows", len(list), len(ids))
	}
	totals := make(map[uuid.UUID]*limitTotals, len(list))
	for _, t := range list {
		totals[t.id] = t
	}
	return totals, nil
}

// applyLimits adds the lines of one entry and judges the totals after the last
// of them: an entry is one step, whatever the order of its lines. It keeps what
// the totals were in before.
func (b *batch) applyLimits(it *item, before map[uuid.UUID]limitTotals) error {
	last := map[uuid.UUID]int{}
	for i, line := range it.entry.Lines {
		t := b.limits[line.AccountID]
		if t == nil {
			continue
		}
		if _, ok := before[line.AccountID]; !ok {
			before[line.AccountID] = *t
		}
		last[line.AccountID] = i
		if !t.add(line) {
			return ledger.RejectLine(ledger.SumOverflow, i, "amount",
				"makes the account's total exceed the range of amounts")
		}
	}
	for i, line := range it.entry.Lines { // in line order: the first account at fault is named
		if at, ok := last[line.AccountID]; !ok || at != i {
			continue
		}
		if limit := b.accounts[line.AccountID].Limit; !b.limits[line.AccountID].within(limit) {
			return ledger.RejectLine(ledger.LimitExceeded, i, "amount", "would break the account's limit "+string(limit))
		}
	}
	return nil
}

// noteBalances tells the entry the balances that its limited accounts have now.
func (b *batch) noteBalances(it *item) error {
	noted := map[uuid.UUID]bool{}
	for _, line := range it.entry.Lines {
		t := b.limits[line.AccountID]
		if t == nil || noted[line.AccountID] {
			continue
		}
		noted[line.AccountID] = true
		account := b.accounts[line.AccountID]
		balance, err := ledger.NewBalance(line.AccountID, account.NormalSide, account.Currency, t.debits, t.credits)
		if err != nil {
			return err
		}
		it.posted.Balances = append(it.posted.Balances, balance)
	}
	return nil
}

// add adds a line to the totals; false means that they would leave the range.
func (t *limitTotals) add(line ledger.Line) bool {
	amount := line.Amount.Minor()
	if line.Side == ledger.Debit {
		if t.debits > math.MaxInt64-t.pendingDebits-amount {
			return false
		}
		t.debits += amount
		t.postedDebits += amount
		return true
	}
	if t.credits > math.MaxInt64-t.pendingCredits-amount {
		return false
	}
	t.credits += amount
	t.postedCredits += amount
	return true
}

// addPending adds a line to what is pending; false means that the totals would
// leave the range.
func (t *limitTotals) addPending(line ledger.Line) bool {
	amount := line.Amount.Minor()
	if line.Side == ledger.Debit {
		if t.debits > math.MaxInt64-t.pendingDebits-amount {
			return false
		}
		t.pendingDebits += amount
		return true
	}
	if t.credits > math.MaxInt64-t.pendingCredits-amount {
		return false
	}
	t.pendingCredits += amount
	return true
}

// within judges a limit against the worse side: what is pending may be posted,
// but nobody may count on it.
func (t *limitTotals) within(limit ledger.Limit) bool {
	switch limit {
	case ledger.DebitsMustNotExceedCredits:
		return limit.Allows(t.debits+t.pendingDebits, t.credits)
	case ledger.CreditsMustNotExceedDebits:
		return limit.Allows(t.debits, t.credits+t.pendingCredits)
	}
	return true
}
