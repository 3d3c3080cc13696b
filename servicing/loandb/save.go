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
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/servicing"
)

// Save stores changes, at most one of each loan, with their facts and journal
// entries. by says who caused them. Changes without facts are passed over. The
// error is ErrStale if a loan is no longer at the version that its change
// started from; then the transaction must not be committed.
func Save(ctx context.Context, tx database.Tx, now time.Time, by string, changes ...servicing.Change) error {
	var fresh, changed []*servicing.Change
	var entries []ledger.JournalEntry
	for i := range changes {
		c := &changes[i]
		if c.Empty() {
			continue
		}
		if c.Before == 0 {
			fresh = append(fresh, c)
		} else {
			changed = append(changed, c)
		}
		for _, entry := range c.Entries {
			entry.PostedBy = by
			entries = append(entries, entry)
		}
	}
	if err := insertLoans(ctx, tx, now, fresh); err != nil {
		return err
	}
	if err := updateLoans(ctx, tx, now, changed); err != nil {
		return err
	}
	if err := insertFacts(ctx, tx, now, slices.Concat(fresh, changed)); err != nil {
		return err
	}
	if len(entries) == 0 {
		return nil
	}
	_, err := ledgerdb.Post(ctx, tx, now, entries...)
	return err
}

func insertLoans(ctx context.Context, tx database.Tx, now time.Time, changes []*servicing.Change) error {
	for _, c := range changes {
		if err := insertLoan(ctx, tx, now, &c.Loan); err != nil {
			return err
		}
		if err := insertInstalments(ctx, tx, &c.Loan); err != nil {
			return err
		}
		if err := openAccounts(ctx, tx, now, &c.Loan); err != nil {
			return err
		}
	}
	return nil
}

func insertLoan(ctx context.Context, tx database.Tx, now time.Time, l *servicing.Loan) error {
	terms, err := json.Marshal(l.Terms)
	if err != nil {
		return fmt.Errorf("encoding terms of loan %s: %w", l.ID, err)
	}
	allocation, err := json.Marshal(l.Allocation)
	if err != nil {
		return fmt.Errorf("encoding allocation order of loan %s: %w", l.ID, err)
	}
	d := &l.Disbursement
	_, err = tx.Exec(ctx, `
		insert into loan
		       (id, application_id, customer_id, book_id, status, currency, terms, schedule_hash, allocation,
		        disbursement_id, gross, net, lender_fees, third_party_fees, overpaid,
		        activated_on, disbursed_on, last_paid_on, repaid_on, closed_on, attention_on,
		        version, created_at, updated_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
		        $22, $23, $23)`,
		l.ID, l.ApplicationID, l.CustomerID, l.BookID, string(l.Status), l.Currency().Code(), string(terms),
		l.ScheduleHash, string(allocation), d.ID, d.Gross.Minor(), d.Net.Minor(), d.LenderFees.Minor(),
		d.ThirdPartyFees.Minor(), l.Overpaid.Minor(), l.ActivatedOn, orNull(l.DisbursedOn), orNull(l.LastPaidOn),
		orNull(l.RepaidOn), orNull(l.ClosedOn), orNull(l.AttentionOn()), l.Version, now)
	if err != nil {
		return fmt.Errorf("inserting loan %s: %w", l.ID, err)
	}
	return nil
}

func insertInstalments(ctx context.Context, tx database.Tx, l *servicing.Loan) error {
	rows := rowsOf(l.ID, l.Instalments)
	_, err := tx.Exec(ctx, `
		insert into loan_instalment
		       (loan_id, number, due_date, charged_principal, charged_interest, charged_fees, charged_penalties,
		        accrued_interest, accrued_fees, accrued_penalties,
		        paid_principal, paid_interest, paid_fees, paid_penalties, overdue_on)
		select u.loan_id, u.number, u.due_date, u.charged_principal, u.charged_interest, u.charged_fees,
		       u.charged_penalties, u.accrued_interest, u.accrued_fees, u.accrued_penalties,
		       u.paid_principal, u.paid_interest, u.paid_fees, u.paid_penalties, u.overdue_on
		  from unnest($1::uuid[], $2::bigint[], $3::date[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
		              $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[],
		              $14::bigint[], $15::date[])
		       as u (loan_id, number, due_date, charged_principal, charged_interest, charged_fees, charged_penalties,
		             accrued_interest, accrued_fees, accrued_penalties,
		             paid_principal, paid_interest, paid_fees, paid_penalties, overdue_on)`,
		rows.args()...)
	if err != nil {
		return fmt.Errorf("inserting instalments of loan %s: %w", l.ID, err)
	}
	return nil
}

// openAccounts opens the loan's own accounts, and the chart of its currency
// with the first loan in it.
func openAccounts(ctx context.Context, tx database.Tx, now time.Time, l *servicing.Loan) error {
	accounts := l.Accounts()
	ids := make([]uuid.UUID, len(accounts))
	for i, a := range accounts {
		ids[i] = a.ID()
	}
	known, err := ledgerdb.Accounts(ctx, tx, ids...)
	if err != nil {
		return err
	}
	if len(known) < len(accounts)-len(servicing.LoanRoles) {
		if err := ledgerdb.OpenChart(ctx, tx, now, l.Currency()); err != nil {
			return err
		}
	}
	return ledgerdb.OpenAccounts(ctx, tx, now, accounts[len(accounts)-len(servicing.LoanRoles):]...)
}

// instalmentRows are the columns of rows, as arrays.
type instalmentRows struct {
	loans         []uuid.UUID
	numbers       []int64
	dues          []civil.Date
	charged, paid [4][]int64
	accrued       [3][]int64
	overdue       []*civil.Date
}

func (r *instalmentRows) add(loan uuid.UUID, row *servicing.Instalment) {
	r.loans = append(r.loans, loan)
	r.numbers = append(r.numbers, int64(row.Number))
	r.dues = append(r.dues, row.Due)
	for i, part := range minorOf(row.Charged) {
		r.charged[i] = append(r.charged[i], part)
	}
	for i, part := range minorOf(row.Paid) {
		r.paid[i] = append(r.paid[i], part)
	}
	accrued := minorOf(row.Accrued) // principal does not accrue
	for i := range r.accrued {
		r.accrued[i] = append(r.accrued[i], accrued[i+1])
	}
	r.overdue = append(r.overdue, orNull(row.OverdueOn))
}

func rowsOf(loan uuid.UUID, list []servicing.Instalment) *instalmentRows {
	rows := &instalmentRows{}
	for i := range list {
		rows.add(loan, &list[i])
	}
	return rows
}

// args are the 15 parameters in the order of the table's columns.
func (r *instalmentRows) args() []any {
	return []any{
		r.loans, r.numbers, r.dues, r.charged[0], r.charged[1], r.charged[2], r.charged[3],
		r.accrued[0], r.accrued[1], r.accrued[2], r.paid[0], r.paid[1], r.paid[2], r.paid[3], r.overdue,
	}
}

func minorOf(p servicing.Parts) [4]int64 {
	return [4]int64{p.Principal.Minor(), p.Interest.Minor(), p.Fees.Minor(), p.Penalties.Minor()}
}

// updateLoans writes what a change of an existing loan can alter, in two statements.
func updateLoans(ctx context.Context, tx database.Tx, now time.Time, changes []*servicing.Change) error {
	if len(changes) == 0 {
		return nil
	}
	var ids []uuid.UUID
	var statuses []string
	var overpaid, before, versions []int64
	var disbursed, lastPaid, repaid, closed, attention []*civil.Date
	rows := &instalmentRows{}
	for _, c := range changes {
		l := &c.Loan
		ids = append(ids, l.ID)
		statuses = append(statuses, string(l.Status))
		overpaid = append(overpaid, l.Overpaid.Minor())
		before = append(before, c.Before)
		versions = append(versions, l.Version)
		disbursed = append(disbursed, orNull(l.DisbursedOn))
		lastPaid = append(lastPaid, orNull(l.LastPaidOn))
		repaid = append(repaid, orNull(l.RepaidOn))
		closed = append(closed, orNull(l.ClosedOn))
		attention = append(attention, orNull(l.AttentionOn()))
		for _, row := range c.Touched() {
			rows.add(l.ID, &row)
		}
	}
	tag, err := tx.Exec(ctx, `
		update loan
		   set status = u.status, overpaid = u.overpaid, disbursed_on = u.disbursed_on, last_paid_on = u.last_paid_on,
		       repaid_on = u.repaid_on, closed_on = u.closed_on, attention_on = u.attention_on,
		       version = u.version, updated_at = $11
		  from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::date[], $7::date[],
		              $8::date[], $9::date[], $10::date[])
		       as u (id, before, version, status, overpaid, disbursed_on, last_paid_on, repaid_on, closed_on,
		             attention_on)
		 where loan.id = u.id and loan.version = u.before`,
		ids, before, versions, statuses, overpaid, disbursed, lastPaid, repaid, closed, attention, now)
	if err != nil {
		return fmt.Errorf("updating loans: %w", err)
	}
	if tag.RowsAffected() != int64(len(changes)) {
		return fmt.Errorf("updating %d loans, found %d: %w", len(changes), tag.RowsAffected(), ErrStale)
	}
	return updateInstalments(ctx, tx, rows)
}

func updateInstalments(ctx context.Context, tx database.Tx, rows *instalmentRows) error {
	if len(rows.loans) == 0 {
		return nil
	}
	tag, err := tx.Exec(ctx, `
		update loan_instalment
		   set charged_principal = u.charged_principal, charged_interest = u.charged_interest,
		       charged_fees = u.charged_fees, charged_penalties = u.charged_penalties,
		       accrued_interest = u.accrued_interest, accrued_fees = u.accrued_fees,
		       accrued_penalties = u.accrued_penalties,
		       paid_principal = u.paid_principal, paid_interest = u.paid_interest, paid_fees = u.paid_fees,
		       paid_penalties = u.paid_penalties, overdue_on = u.overdue_on
		  from unnest($1::uuid[], $2::bigint[], $3::date[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
		              $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[],
		              $14::bigint[], $15::date[])
		       as u (loan_id, number, due_date, charged_principal, charged_interest, charged_fees, charged_penalties,
		             accrued_interest, accrued_fees, accrued_penalties,
		             paid_principal, paid_interest, paid_fees, paid_penalties, overdue_on)
		 where loan_instalment.loan_id = u.loan_id and loan_instalment.number = u.number
		   and loan_instalment.due_date = u.due_date`, rows.args()...)
	if err != nil {
		return fmt.Errorf("updating instalments: %w", err)
	}
	if tag.RowsAffected() != int64(len(rows.loans)) {
		return fmt.Errorf("updating %d instalments, found %d: %w", len(rows.loans), tag.RowsAffected(), ErrStale)
	}
	return nil
}

func insertFacts(ctx context.Context, tx database.Tx, now time.Time, changes []*servicing.Change) error {
	var ids []uuid.UUID
	var versions []int64
	var kinds, data []string
	var dates []civil.Date
	for _, c := range changes {
		for i, fact := range c.Facts {
			encoded, err := json.Marshal(fact)
			if err != nil {
				return fmt.Errorf("encoding %s of loan %s: %w", fact.Kind(), c.Loan.ID, err)
			}
			ids = append(ids, c.Loan.ID)
			versions = append(versions, c.Before+int64(i)+1)
			kinds = append(kinds, string(fact.Kind()))
			dates = append(dates, fact.Date())
			data = append(data, string(encoded))
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `
		insert into loan_fact (loan_id, version, kind, effective_date, recorded_at, data)
		select u.loan_id, u.version, u.kind, u.effective_date, $6, u.data
		  from unnest($1::uuid[], $2::bigint[], $3::text[], $4::date[], $5::text[])
		       as u (loan_id, version, kind, effective_date, data)`, ids, versions, kinds, dates, data, now)
	if err != nil {
		return fmt.Errorf("writing facts: %w", err)
	}
	return nil
}

// By names in the journal who caused an entry: a component of the platform by
// its name, anybody else by id.
func By(id uuid.UUID, component string) string {
	if component != "" {
		return component
	}
	return id.String()
}
