package application

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
)

// scanApplication reads the columns that every query of applications lists in
// the same order.
func scanApplication(row pgx.CollectableRow) (Application, error) {
	var a Application
	var code string
	var amount, income, obligations, principal, instalments int64
	err := row.Scan(&a.ID, &a.CustomerID, &a.Product, &code, &amount, &instalments, &a.Purpose, &income, &obligations,
		&a.Stage, &a.Outcome, &a.LoanID, &principal, &a.entries, &a.CreatedAt, &a.ChangedAt)
	if err != nil {
		return Application{}, err
	}
	currency, err := money.ParseCurrency(code)
	if err != nil {
		return Application{}, err
	}
	a.Instalments = int(instalments)
	a.Amount, a.Principal = money.New(amount, currency), money.New(principal, currency)
	a.Income, a.Obligations = money.New(income, currency), money.New(obligations, currency)
	return a, nil
}

// findApplication reads an application, or returns ErrNotFound.
func findApplication(ctx context.Context, tx database.Tx, id uuid.UUID) (Application, error) {
	rows, err := tx.Query(ctx, `
		select id, customer_id, product, currency, amount_minor, instalments, purpose, income_minor, obligations_minor,
		       stage, outcome, loan_id, principal_minor, entries, created_at, changed_at
		  from application where id = $1`, id)
	return oneApplication(id, rows, err)
}

// lockApplications reads those applications that there are, for whoever is going
// to change them.
func lockApplications(ctx context.Context, tx database.Tx, ids []uuid.UUID) ([]Application, error) {
	rows, err := tx.Query(ctx, `
		select id, customer_id, product, currency, amount_minor, instalments, purpose, income_minor, obligations_minor,
		       stage, outcome, loan_id, principal_minor, entries, created_at, changed_at
		  from application where id = any($1::uuid[]) order by id for update`, database.PlanAnew, ids)
	if err != nil {
		return nil, fmt.Errorf("locking applications: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanApplication)
	if err != nil {
		return nil, fmt.Errorf("locking applications: %w", err)
	}
	return list, nil
}

func oneApplication(id uuid.UUID, rows pgx.Rows, err error) (Application, error) {
	if err != nil {
		return Application{}, fmt.Errorf("reading application %s: %w", id, err)
	}
	found, err := pgx.CollectExactlyOneRow(rows, scanApplication)
	if errors.Is(err, pgx.ErrNoRows) {
		return Application{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if err != nil {
		return Application{}, fmt.Errorf("reading application %s: %w", id, err)
	}
	return found, nil
}

func insertApplication(ctx context.Context, tx database.Tx, a Application) error {
	_, err := tx.Exec(ctx, `
		insert into application (id, customer_id, product, currency, amount_minor, instalments, purpose, income_minor,
		                         obligations_minor, stage, outcome, entries, created_at, changed_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', $11, $12, $13)`,
		a.ID, a.CustomerID, a.Product, a.Amount.Currency().Code(), a.Amount.Minor(), int64(a.Instalments), a.Purpose,
		a.Income.Minor(), a.Obligations.Minor(), a.Stage, a.entries, a.CreatedAt, a.ChangedAt)
	if err != nil {
		return fmt.Errorf("inserting application %s: %w", a.ID, err)
	}
	return nil
}

// errOvertaken cannot happen while the row is locked in a serializable
// transaction; it is said rather than assumed.
var errOvertaken = errors.New("application was changed meanwhile")

// updateApplications writes what can change, if nobody else has since they were read.
func updateApplications(tx database.Tx, changes ...*change) {
	var ids []uuid.UUID
	var loans []*uuid.UUID
	var stages, outcomes []string
	var before, principals, entries []int64
	var changed []time.Time
	for _, c := range changes {
		a := &c.app
		ids, loans, before = append(ids, a.ID), append(loans, a.LoanID), append(before, c.before.entries)
		stages, outcomes = append(stages, string(a.Stage)), append(outcomes, string(a.Outcome))
		principals, entries = append(principals, a.Principal.Minor()), append(entries, a.entries)
		changed = append(changed, a.ChangedAt)
	}
	tx.Later(database.Write{
		What: "updating applications", Rows: int64(len(changes)), Otherwise: errOvertaken, SQL: `
		update application
		   set stage = u.stage, outcome = u.outcome, loan_id = u.loan_id, principal_minor = u.principal_minor,
		       entries = u.entries, changed_at = u.changed_at
		  from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::bigint[],
		              $8::timestamptz[])
		       as u (id, before, stage, outcome, loan_id, principal_minor, entries, changed_at)
		 where application.id = u.id and application.entries = u.before`,
		Args: []any{ids, before, stages, outcomes, loans, principals, entries, changed},
	})
}

// insertEntries continues the timelines of applications.
func insertEntries(tx database.Tx, changes ...*change) {
	var ids []uuid.UUID
	var seqs []int64
	var at, recorded []time.Time
	var events, roles, sentences, left, entered, outcomes []string
	for _, c := range changes {
		for i := range c.entries {
			e := &c.entries[i]
			ids, seqs = append(ids, c.app.ID), append(seqs, e.Seq)
			at, recorded = append(at, e.At), append(recorded, e.RecordedAt)
			events, roles, sentences = append(events, e.Event), append(roles, string(e.Role)), append(sentences, e.Sentence)
			left, entered = append(left, string(e.Left)), append(entered, string(e.Entered))
			outcomes = append(outcomes, string(e.Outcome))
		}
	}
	tx.Later(database.Write{
		What: "continuing timelines", Rows: database.AnyRows, SQL: `
		insert into timeline (application_id, seq, at, recorded_at, event, actor_role, sentence, left_stage, entered,
		                      outcome)
		select u.application_id, u.seq, u.at, u.recorded_at, u.event, u.actor_role, u.sentence, u.left_stage, u.entered,
		       u.outcome
		  from unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[],
		              $7::text[], $8::text[], $9::text[], $10::text[])
		       as u (application_id, seq, at, recorded_at, event, actor_role, sentence, left_stage, entered, outcome)`,
		Args: []any{ids, seqs, at, recorded, events, roles, sentences, left, entered, outcomes},
	})
}

func scanEntry(row pgx.CollectableRow) (Entry, error) {
	var e Entry
	var role string
	err := row.Scan(&e.Seq, &e.At, &e.RecordedAt, &e.Event, &role, &e.Sentence, &e.Left, &e.Entered, &e.Outcome)
	e.Role = access.Role(role)
	return e, err
}

// listEntries reads a page of a timeline in the order in which things happened.
func listEntries(
	ctx context.Context, tx database.Tx, id uuid.UUID, after EntryPosition, limit int,
) ([]Entry, error) {
	rows, err := tx.Query(ctx, `
		select seq, at, recorded_at, event, actor_role, sentence, left_stage, entered, outcome
		  from timeline
		 where application_id = $1 and (at > $2 or (at = $2 and seq > $3))
		 order by at, seq limit $4`, id, after.At, after.Seq, limit)
	if err != nil {
		return nil, fmt.Errorf("reading timeline of %s: %w", id, err)
	}
	entries, err := pgx.CollectRows(rows, scanEntry)
	if err != nil {
		return nil, fmt.Errorf("reading timeline of %s: %w", id, err)
	}
	return entries, nil
}

// listMoves reads the entries by which the stage changed: at most one a stage.
func listMoves(ctx context.Context, tx database.Tx, id uuid.UUID) ([]Entry, error) {
	rows, err := tx.Query(ctx, `
		select seq, at, recorded_at, event, actor_role, sentence, left_stage, entered, outcome
		  from timeline where application_id = $1 and entered <> '' order by seq`, id)
	if err != nil {
		return nil, fmt.Errorf("reading moves of %s: %w", id, err)
	}
	moves, err := pgx.CollectRows(rows, scanEntry)
	if err != nil {
		return nil, fmt.Errorf("reading moves of %s: %w", id, err)
	}
	return moves, nil
}

// countOpen counts the applications of a customer that are under way.
func countOpen(ctx context.Context, tx database.Tx, customer uuid.UUID) (int, error) {
	var stages []string
	for _, stage := range event.Stages {
		if open(stage) {
			stages = append(stages, string(stage))
		}
	}
	var count int
	err := tx.QueryRow(ctx, `
		select count(*) from application where customer_id = $1 and stage = any($2::text[])`, customer, stages).
		Scan(&count)
	if err != nil {
		return 0, fmt.Errorf("counting applications of %s: %w", customer, err)
	}
	return count, nil
}

// listWaiting lists a customer's applications that are not handed in yet, in
// the order in which they are going to be locked.
func listWaiting(ctx context.Context, tx database.Tx, customer uuid.UUID) ([]uuid.UUID, error) {
	rows, err := tx.Query(ctx, `
		select id from application where customer_id = $1 and stage = $2 order by id`, customer, event.StageInput)
	if err != nil {
		return nil, fmt.Errorf("listing applications of %s: %w", customer, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("listing applications of %s: %w", customer, err)
	}
	return ids, nil
}

func putIdentity(ctx context.Context, tx database.Tx, customer uuid.UUID, at time.Time) error {
	_, err := tx.Exec(ctx, `
		insert into identity (customer_id, submitted_at) values ($1, $2)
		on conflict (customer_id) do update set submitted_at = excluded.submitted_at`, customer, at)
	if err != nil {
		return fmt.Errorf("noting identity data of %s: %w", customer, err)
	}
	return nil
}

func hasIdentity(ctx context.Context, tx database.Tx, customer uuid.UUID) (bool, error) {
	var exists bool
	err := tx.QueryRow(ctx, `select exists (select 1 from identity where customer_id = $1)`, customer).Scan(&exists)
	if err != nil {
		return false, fmt.Errorf("looking for identity data of %s: %w", customer, err)
	}
	return exists, nil
}

// documentRow is a document as this service knows it.
type documentRow struct {
	ID, ApplicationID uuid.UUID
	Kind              string
	Deleted           bool
}

// putDocument notes a document. One that was deleted stays so, whatever comes later.
func putDocument(ctx context.Context, tx database.Tx, d documentRow) error {
	_, err := tx.Exec(ctx, `
		insert into document (id, application_id, kind, deleted) values ($1, $2, $3, $4)
		on conflict (id) do update set deleted = document.deleted or excluded.deleted`,
		d.ID, d.ApplicationID, d.Kind, d.Deleted)
	if err != nil {
		return fmt.Errorf("noting document %s: %w", d.ID, err)
	}
	return nil
}

// documentKinds lists the kinds of document that an application has now.
func documentKinds(ctx context.Context, tx database.Tx, id uuid.UUID) ([]string, error) {
	rows, err := tx.Query(ctx, `
		select distinct kind from document where application_id = $1 and not deleted order by kind`, id)
	if err != nil {
		return nil, fmt.Errorf("listing documents of %s: %w", id, err)
	}
	kinds, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("listing documents of %s: %w", id, err)
	}
	return kinds, nil
}
