package loandb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/servicing"
)

// Find returns a loan, or ErrNotFound.
func Find(ctx context.Context, tx database.Tx, id uuid.UUID) (servicing.Loan, error) {
	loans, err := Load(ctx, tx, []uuid.UUID{id})
	if err != nil {
		return servicing.Loan{}, err
	}
	if len(loans) == 0 {
		return servicing.Loan{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return loans[0], nil
}

// FindByApplication returns the loan that an application became, or ErrNotFound.
func FindByApplication(ctx context.Context, tx database.Tx, applicationID uuid.UUID) (servicing.Loan, error) {
	var state []byte
	err := tx.QueryRow(ctx, `select state from loan where application_id = $1`, applicationID).Scan(&state)
	if errors.Is(err, database.ErrNoRows) {
		return servicing.Loan{}, fmt.Errorf("%w of application %s", ErrNotFound, applicationID)
	}
	if err != nil {
		return servicing.Loan{}, fmt.Errorf("finding loan of application %s: %w", applicationID, err)
	}
	return servicing.DecodeLoan(state)
}

// ActivatedApplications returns those of the applications that have become a loan.
func ActivatedApplications(
	ctx context.Context, tx database.Tx, applicationIDs []uuid.UUID,
) (map[uuid.UUID]bool, error) {
	rows, err := tx.Query(ctx, `
		select application_id from loan where application_id = any($1::uuid[])`, applicationIDs)
	if err != nil {
		return nil, fmt.Errorf("finding loans of applications: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("finding loans of applications: %w", err)
	}
	found := make(map[uuid.UUID]bool, len(list))
	for _, id := range list {
		found[id] = true
	}
	return found, nil
}

// Load returns the loans with the ids that exist, in the order of their ids.
func Load(ctx context.Context, tx database.Tx, ids []uuid.UUID) ([]servicing.Loan, error) {
	rows, err := tx.Query(ctx, `select state from loan where id = any($1::uuid[]) order by id`, ids)
	if err != nil {
		return nil, fmt.Errorf("reading loans: %w", err)
	}
	return collectLoans(rows)
}

// LoadForUpdate is Load for a transaction that goes on to change the loans:
// others that do so wait for it, in the order of the ids, instead of failing.
func LoadForUpdate(ctx context.Context, tx database.Tx, ids []uuid.UUID) ([]servicing.Loan, error) {
	rows, err := tx.Query(ctx, `select state from loan where id = any($1::uuid[]) order by id for update`, ids)
	if err != nil {
		return nil, fmt.Errorf("locking loans: %w", err)
	}
	return collectLoans(rows)
}

func collectLoans(rows pgx.Rows) ([]servicing.Loan, error) {
	loans, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (servicing.Loan, error) {
		var state pgtype.DriverBytes // not kept: the driver's buffer holds until the next row
		if err := row.Scan(&state); err != nil {
			return servicing.Loan{}, err
		}
		return servicing.DecodeLoan(state)
	})
	if err != nil {
		return nil, fmt.Errorf("reading loans: %w", err)
	}
	return loans, nil
}

// FactsMax bounds how many facts Facts reads at once.
const FactsMax = 10_000

// Facts returns the first FactsMax facts of a loan after the version, in order.
func Facts(ctx context.Context, tx database.Tx, id uuid.UUID, after int64) ([]servicing.Fact, error) {
	rows, err := tx.Query(ctx, `
		select kind, data from loan_fact where loan_id = $1 and version > $2 order by version limit $3`,
		id, after, FactsMax)
	if err != nil {
		return nil, fmt.Errorf("reading facts of loan %s: %w", id, err)
	}
	facts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (servicing.Fact, error) {
		var kind, data string
		if err := row.Scan(&kind, &data); err != nil {
			return nil, err
		}
		return servicing.DecodeFact(servicing.FactKind(kind), []byte(data))
	})
	if err != nil {
		return nil, fmt.Errorf("reading facts of loan %s: %w", id, err)
	}
	return facts, nil
}

// Do carries out a command on a loan, with its facts when the command counts
// from before something else that happened.
func Do(
	ctx context.Context, tx database.Tx, loan *servicing.Loan, command servicing.Command, business civil.Date,
) (servicing.Change, error) {
	change, err := loan.Do(command, business)
	if !errors.Is(err, servicing.ErrNeedsHistory) {
		return change, err
	}
	history, err := History(ctx, tx, loan.ID, loan.Version)
	if err != nil {
		return servicing.Change{}, err
	}
	return loan.Do(command, business, history...)
}

// KnownAt returns the version that a loan had at an instant: of its facts, until
// a version, those before the first one that was recorded later. It is 0 if the
// loan was not known yet.
func KnownAt(ctx context.Context, tx database.Tx, id uuid.UUID, until int64, at time.Time) (int64, error) {
	var version int64
	err := tx.QueryRow(ctx, `
		select coalesce(min(version) - 1, $2::bigint) from loan_fact where loan_id = $1 and recorded_at > $3`,
		id, until, at).Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("reading what was known of loan %s: %w", id, err)
	}
	return version, nil
}

// History returns all facts of a loan up to a version; ErrStale if there are fewer.
func History(ctx context.Context, tx database.Tx, id uuid.UUID, until int64) ([]servicing.Fact, error) {
	facts := make([]servicing.Fact, 0, until)
	for int64(len(facts)) < until {
		page, err := Facts(ctx, tx, id, int64(len(facts)))
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			return nil, fmt.Errorf("loan %s has %d facts of %d: %w", id, len(facts), until, ErrStale)
		}
		facts = append(facts, page...)
	}
	return facts[:until], nil // a page goes on behind the version
}
