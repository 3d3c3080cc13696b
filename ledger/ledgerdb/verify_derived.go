package ledgerdb

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

type derivedCheck struct{ what, sql string }

// derivedChecks each find an entry or account at fault, if there is one.
var derivedChecks = []derivedCheck{
	{"it belongs to no batch", `
		select e.id from ledger_entry e left join ledger_batch b on b.id = e.batch_id
		 where b.id is null order by e.id limit 1`},
	{"is a batch that is neither in the chain nor waiting for it", `
		select b.id
		  from ledger_batch b
		  left join ledger_seal s on s.batch_id = b.id
		  left join ledger_unsealed u on u.batch_id = b.id and u.recorded_at = b.recorded_at
		 where s.batch_id is null and u.batch_id is null order by b.id limit 1`},
	{"is a batch that waits for the chain but is not there, or is in the chain already", `
		select u.batch_id
		  from ledger_unsealed u
		  left join ledger_batch b on b.id = u.batch_id
		  left join ledger_seal s on s.batch_id = u.batch_id
		 where b.id is null or s.batch_id is not null order by u.batch_id limit 1`},
	{"is a batch that has lines but no entry for them", `
		select l.batch_id
		  from ledger_line l left join ledger_entry e on e.batch_id = l.batch_id and e.batch_pos = l.batch_pos
		 where e.id is null order by l.batch_id limit 1`},
	{"it reverses an entry without the record of that", `
		select e.id from ledger_entry e left join ledger_reversal r on r.entry_id = e.id and r.reverses = e.reverses
		 where e.reverses is not null and r.entry_id is null order by e.id limit 1`},
	{"it is recorded as a reversal and is none", `
		select r.entry_id from ledger_reversal r left join ledger_entry e on e.id = r.entry_id and e.reverses = r.reverses
		 where e.id is null order by r.entry_id limit 1`},
	{"is an account whose totals are not the sums of its lines", `
		select t.account_id
		  from ledger_limit t left join ledger_line l on l.account_id = t.account_id
		 group by t.account_id, t.debits, t.credits
		having coalesce(sum(l.debit), 0) <> t.debits or coalesce(sum(l.credit), 0) <> t.credits
		 order by t.account_id limit 1`},
	{"is an account whose pending totals are not the sums of its open pending entries", `
		select t.account_id
		  from ledger_limit t
		  left join (select l.account_id, sum(l.debit) as debits, sum(l.credit) as credits
		               from ledger_pending_line l join ledger_pending p on p.id = l.pending_id
		              where p.state = 'OPEN' group by l.account_id) s on s.account_id = t.account_id
		 where coalesce(s.debits, 0) <> t.pending_debits or coalesce(s.credits, 0) <> t.pending_credits
		 order by t.account_id limit 1`},
	{"is a rejected key that was posted all the same", `
		select r.entry_id from ledger_rejection r join ledger_entry e on e.id = r.entry_id order by r.entry_id limit 1`},
	{"is a pending entry that has lines but is not there", `
		select l.pending_id from ledger_pending_line l left join ledger_pending p on p.id = l.pending_id
		 where p.id is null order by l.pending_id limit 1`},
	{"is a pending entry whose lines are not numbered as they were announced", `
		select l.pending_id from ledger_pending_line l group by l.pending_id
		having min(l.line_no) <> 0 or max(l.line_no) <> count(*) - 1 order by l.pending_id limit 1`},
	{"is a pending entry that was not posted as or by whom it says", `
		select p.id
		  from ledger_pending p
		  left join ledger_entry e on e.id = p.entry_id and e.posted_by = p.resolved_by
		 where p.state = 'POSTED' and e.id is null order by p.id limit 1`},
	{"is an account with a limit and no totals, or with totals and no limit", `
		select coalesce(a.id, t.account_id)
		  from ledger_account a full join ledger_limit t on t.account_id = a.id
		 where (a.limit_rule is null or a.limit_rule = 'NONE') <> (t.account_id is null)
		 order by 1 limit 1`},
}

// verifyDerived finds rows outside the chain and totals that drifted. Each check
// looks at whole tables; they go to the database together.
func verifyDerived(ctx context.Context, tx database.Tx) error {
	var found *Tampered
	var questions pgx.Batch
	for _, check := range slices.Concat(derivedChecks, recordChecks) {
		questions.Queue(check.sql).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				var id uuid.UUID
				if err := rows.Scan(&id); err != nil {
					return err
				}
				if found == nil {
					found = &Tampered{Entry: id, What: check.what}
				}
			}
			return rows.Err()
		})
	}
	if err := tx.SendBatch(ctx, &questions).Close(); err != nil {
		return fmt.Errorf("verifying what is derived from the journal: %w", err)
	}
	if found != nil {
		return found
	}
	return nil
}
