package approval

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
)

// openCase stores a new case; an application has one, however often its
// acceptance is announced.
func openCase(ctx context.Context, tx database.Tx, c Case) (bool, error) {
	tag, err := tx.Exec(ctx, `
		insert into approval_case
		       (application_id, customer_id, offer_id, officer_id, currency, principal, instalment, apr_percent,
		        schedule_hash, stage, opened_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		on conflict (application_id) do nothing`,
		c.ApplicationID, c.CustomerID, c.OfferID, c.OfficerID, c.Principal.Currency().Code(), c.Principal.Minor(),
		c.Instalment.Minor(), c.APRPercent, c.ScheduleHash, c.Stage, c.OpenedAt)
	if err != nil {
		return false, fmt.Errorf("opening approval of %s: %w", c.ApplicationID, err)
	}
	return tag.RowsAffected() == 1, nil
}

// findCase returns a case with its decisions in the order of the levels.
func findCase(ctx context.Context, tx database.Tx, applicationID uuid.UUID) (c Case, found bool, err error) {
	var code string
	var principal, instalment int64
	err = tx.QueryRow(ctx, `
		select application_id, customer_id, offer_id, officer_id, currency, principal, instalment, apr_percent,
		       schedule_hash, stage, opened_at
		  from approval_case where application_id = $1`, applicationID).
		Scan(&c.ApplicationID, &c.CustomerID, &c.OfferID, &c.OfficerID, &code, &principal, &instalment, &c.APRPercent,
			&c.ScheduleHash, &c.Stage, &c.OpenedAt)
	if errors.Is(err, database.ErrNoRows) {
		return Case{}, false, nil
	}
	if err != nil {
		return Case{}, false, fmt.Errorf("reading approval of %s: %w", applicationID, err)
	}
	currency, err := money.ParseCurrency(code)
	if err != nil {
		return Case{}, false, fmt.Errorf("reading approval of %s: %w", applicationID, err)
	}
	c.Principal, c.Instalment = money.New(principal, currency), money.New(instalment, currency)
	c.OpenedAt = c.OpenedAt.UTC()
	rows, err := tx.Query(ctx, `
		select level, decision, comment, decided_by, decided_at
		  from approval_decision where application_id = $1 order by decided_at, level limit $2`,
		applicationID, len(levels))
	if err != nil {
		return Case{}, false, fmt.Errorf("reading decisions on %s: %w", applicationID, err)
	}
	c.Decisions, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Decision])
	if err != nil {
		return Case{}, false, fmt.Errorf("reading decisions on %s: %w", applicationID, err)
	}
	for i := range c.Decisions {
		c.Decisions[i].DecidedAt = c.Decisions[i].DecidedAt.UTC()
	}
	return c, true, nil
}

// moveCase changes the stage and reports whether it still was the one expected.
func moveCase(ctx context.Context, tx database.Tx, applicationID uuid.UUID, from, to Stage) (bool, error) {
	tag, err := tx.Exec(ctx, `update approval_case set stage = $3 where application_id = $1 and stage = $2`,
		applicationID, from, to)
	if err != nil {
		return false, fmt.Errorf("moving approval of %s: %w", applicationID, err)
	}
	return tag.RowsAffected() == 1, nil
}

func insertDecision(ctx context.Context, tx database.Tx, applicationID uuid.UUID, d Decision) error {
	_, err := tx.Exec(ctx, `
		insert into approval_decision (application_id, level, decision, comment, decided_by, decided_at)
		values ($1, $2, $3, $4, $5, $6)`,
		applicationID, d.Level, d.Verdict, d.Comment, d.DecidedBy, d.DecidedAt)
	if err != nil {
		return fmt.Errorf("storing decision on %s: %w", applicationID, err)
	}
	return nil
}
