package loandb

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/mutant"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/servicing"
)

// Save stores changes with their facts and journal entries, with one statement
// for each table. Several changes of one loan follow each other in their order,
// each from the version that the one before it made. by names in the journal who
// caused the entries that do not name anybody. Changes without facts are passed
// over. The error is ErrStale if a loan is no longer at the version that its
// first change started from; it may come from a later statement or from the
// commit, and the transaction has no effect.
func Save(ctx context.Context, tx database.Tx, now time.Time, by string, changes ...servicing.Change) error {
	rows, facts := newSaving(len(changes)), &factColumns{}
	var entries []ledger.JournalEntry
	var accounts []ledger.Account
	for i := range changes {
		c := &changes[i]
		if c.Empty() {
			continue
		}
		if err := rows.add(c); err != nil {
			return err
		}
		if err := facts.add(c); err != nil {
			return err
		}
		accounts = append(accounts, c.Opens...)
		for _, entry := range c.Entries {
			if entry.PostedBy == "" {
				entry.PostedBy = by
			}
			entries = append(entries, entry)
		}
	}
	fresh, changed, before := rows.split()
	if err := openAccounts(ctx, tx, now, fresh, accounts); err != nil {
		return err
	}
	if err := insertLoans(tx, now, fresh); err != nil {
		return err
	}
	if err := updateLoans(tx, now, changed, before); err != nil {
		return err
	}
	facts.insert(tx, now)
	if len(entries) == 0 || mutant.NoJournal {
		return nil
	}
	return post(ctx, tx, now, entries) // of a stale loan the update has told first
}

// post books entries, as many at once as the ledger takes: a late input may
// touch every day of a long loan.
func post(ctx context.Context, tx database.Tx, now time.Time, entries []ledger.JournalEntry) error {
	for part := range slices.Chunk(entries, ledgerdb.BatchEntriesMax) {
		_, err := ledgerdb.Post(ctx, tx, now, part...)
		if rejection, ok := ledger.AsRejection(err); ok && rejection.Code == ledger.PeriodClosed {
			return fmt.Errorf("%w: the booking date %s", ErrPeriodClosed, rejection.Detail)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// saving sorts changes into loans that are new and loans that are changed.
type saving struct {
	order  []uuid.UUID
	before map[uuid.UUID]int64
	last   map[uuid.UUID]*servicing.Change
}

func newSaving(size int) *saving {
	return &saving{before: make(map[uuid.UUID]int64, size), last: make(map[uuid.UUID]*servicing.Change, size)}
}

func (s *saving) add(c *servicing.Change) error {
	id := c.Loan.ID
	earlier, again := s.last[id]
	switch {
	case !again:
		s.order = append(s.order, id)
		s.before[id] = c.Before
	case earlier.Loan.Version != c.Before:
		return fmt.Errorf("changes of loan %s do not follow each other: %w", id, ErrStale)
	}
	s.last[id] = c
	return nil
}

// split returns the last changes of the loans that are new, and of those that
// are not with the versions that they had.
func (s *saving) split() (fresh, changed []*servicing.Change, before []int64) {
	for _, id := range s.order {
		if s.before[id] == 0 {
			fresh = append(fresh, s.last[id])
			continue
		}
		changed = append(changed, s.last[id])
		before = append(before, s.before[id])
	}
	return fresh, changed, before
}

func insertLoans(tx database.Tx, now time.Time, loans []*servicing.Change) error {
	if len(loans) == 0 {
		return nil
	}
	fixed, columns := &fixedColumns{}, &loanColumns{}
	for _, l := range loans {
		fixed.add(&l.Loan)
		if err := columns.add(l); err != nil {
			return err
		}
	}
	tx.Later(database.Write{
		What: "inserting loans", Rows: database.AnyRows, SQL: `
		insert into loan
		       (id, application_id, customer_id, book_id, part, currency, principal, activated_on, created_at, updated_at,
		        status, open_principal, open_interest, open_fees, open_penalties, receivable_principal,
		        receivable_interest, receivable_fees, receivable_penalties, overpaid, disbursed_on, last_paid_on,
		        repaid_on, closed_on, matures_on, due_on, attention_on, version, state, allowance, deferred)
		select u.id, u.application_id, u.customer_id, u.book_id, u.part, u.currency, u.principal, u.activated_on, $30, $30,
		       u.status, u.open_principal, u.open_interest, u.open_fees, u.open_penalties, u.receivable_principal,
		       u.receivable_interest, u.receivable_fees, u.receivable_penalties, u.overpaid, u.disbursed_on,
		       u.last_paid_on, u.repaid_on, u.closed_on, u.matures_on, u.due_on, u.attention_on, u.version, u.state,
		       u.allowance, u.deferred
		  from unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
		              $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::date[], $13::date[], $14::date[],
		              $15::date[], $16::date[], $17::date[], $18::date[], $19::bigint[], $20::bytea[],
		              $21::bigint[], $22::bigint[], $23::uuid[], $24::uuid[], $25::uuid[], $26::text[], $27::bigint[],
		              $28::date[], $29::bigint[])
		       as u (id, status, open_principal, open_interest, open_fees, open_penalties, receivable_principal,
		             receivable_interest, receivable_fees, receivable_penalties, overpaid, disbursed_on, last_paid_on,
		             repaid_on, closed_on, matures_on, due_on, attention_on, version, state, allowance, deferred,
		             application_id, customer_id, book_id, currency, principal, activated_on, part)`,
		Args: append(append(columns.args(), fixed.args()...), now),
	})
	return nil
}

// updateLoans writes what a change of an existing loan can alter.
func updateLoans(tx database.Tx, now time.Time, loans []*servicing.Change, before []int64) error {
	if len(loans) == 0 {
		return nil
	}
	columns := &loanColumns{}
	for _, l := range loans {
		if err := columns.add(l); err != nil {
			return err
		}
	}
	tx.Later(database.Write{
		What: "updating loans", Rows: int64(len(loans)), Otherwise: ErrStale, SQL: `
		update loan
		   set status = u.status, open_principal = u.open_principal, open_interest = u.open_interest,
		       open_fees = u.open_fees, open_penalties = u.open_penalties, receivable_principal = u.receivable_principal,
		       receivable_interest = u.receivable_interest, receivable_fees = u.receivable_fees,
		       receivable_penalties = u.receivable_penalties, overpaid = u.overpaid, disbursed_on = u.disbursed_on,
		       last_paid_on = u.last_paid_on, repaid_on = u.repaid_on, closed_on = u.closed_on,
		       matures_on = u.matures_on, due_on = u.due_on, attention_on = u.attention_on, version = u.version,
		       state = u.state, allowance = u.allowance, deferred = u.deferred, updated_at = $24
		  from unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
		              $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::date[], $13::date[], $14::date[],
		              $15::date[], $16::date[], $17::date[], $18::date[], $19::bigint[], $20::bytea[], $21::bigint[],
		              $22::bigint[], $23::bigint[])
		       as u (id, status, open_principal, open_interest, open_fees, open_penalties, receivable_principal,
		             receivable_interest, receivable_fees, receivable_penalties, overpaid, disbursed_on, last_paid_on,
		             repaid_on, closed_on, matures_on, due_on, attention_on, version, state, allowance, deferred, before)
		 where loan.id = u.id and loan.version = u.before`,
		Args: append(columns.args(), before, now),
	})
	return nil
}

// openAccounts opens the chart in the currencies of new loans, and the loans' own
// accounts that are touched for the first time.
func openAccounts(
	ctx context.Context, tx database.Tx, now time.Time, fresh []*servicing.Change, own []ledger.Account,
) error {
	var currencies []money.Currency
	for _, l := range fresh {
		if c := l.Loan.Currency(); !slices.Contains(currencies, c) {
			currencies = append(currencies, c)
		}
	}
	for _, c := range currencies {
		if err := ledgerdb.OpenChart(ctx, tx, now, c); err != nil {
			return err
		}
	}
	return ledgerdb.OpenAccounts(ctx, tx, now, own...)
}

// factColumns are facts to insert, as arrays.
type factColumns struct {
	ids         []uuid.UUID
	versions    []int64
	kinds, data []string
	dates       []civil.Date
}

func (f *factColumns) add(c *servicing.Change) error {
	for i, fact := range c.Facts {
		encoded, err := json.Marshal(fact)
		if err != nil {
			return fmt.Errorf("encoding %s of loan %s: %w", fact.Kind(), c.Loan.ID, err)
		}
		f.ids = append(f.ids, c.Loan.ID)
		f.versions = append(f.versions, c.Before+int64(i)+1)
		f.kinds = append(f.kinds, string(fact.Kind()))
		f.dates = append(f.dates, fact.Date())
		f.data = append(f.data, string(encoded))
	}
	return nil
}

func (f *factColumns) insert(tx database.Tx, now time.Time) {
	if len(f.ids) == 0 {
		return
	}
	tx.Later(database.Write{
		What: "writing facts", Rows: database.AnyRows, SQL: `
		insert into loan_fact (loan_id, version, kind, effective_date, recorded_at, data)
		select u.loan_id, u.version, u.kind, u.effective_date, $6, u.data
		  from unnest($1::uuid[], $2::bigint[], $3::text[], $4::date[], $5::text[])
		       as u (loan_id, version, kind, effective_date, data)`,
		Args: []any{f.ids, f.versions, f.kinds, f.dates, f.data, now},
	})
}

// By names in the journal who caused an entry: a component of the platform by
// its name, anybody else by id.
func By(id uuid.UUID, component string) string {
	if component != "" {
		return component
	}
	return id.String()
}
