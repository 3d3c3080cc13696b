package loandb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
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
	var id uuid.UUID
	err := tx.QueryRow(ctx, `select id from loan where application_id = $1`, applicationID).Scan(&id)
	if errors.Is(err, database.ErrNoRows) {
		return servicing.Loan{}, fmt.Errorf("%w of application %s", ErrNotFound, applicationID)
	}
	if err != nil {
		return servicing.Loan{}, fmt.Errorf("finding loan of application %s: %w", applicationID, err)
	}
	return Find(ctx, tx, id)
}

// Load returns the loans with the ids that exist, in the order of their ids.
func Load(ctx context.Context, tx database.Tx, ids []uuid.UUID) ([]servicing.Loan, error) {
	rows, err := tx.Query(ctx, `
		select id, application_id, customer_id, book_id, status, currency, terms, schedule_hash, allocation,
		       disbursement_id, gross, net, lender_fees, third_party_fees, overpaid,
		       activated_on, disbursed_on, last_paid_on, repaid_on, closed_on, version
		  from loan where id = any($1::uuid[]) order by id`, ids)
	if err != nil {
		return nil, fmt.Errorf("reading loans: %w", err)
	}
	loans, err := pgx.CollectRows(rows, scanLoan)
	if err != nil {
		return nil, fmt.Errorf("reading loans: %w", err)
	}
	return loans, loadInstalments(ctx, tx, ids, loans)
}

func scanLoan(row pgx.CollectableRow) (servicing.Loan, error) {
	var l servicing.Loan
	var currencyCode, terms, allocation string
	var gross, net, lender, third, over int64
	var disbursedOn, lastPaidOn, repaidOn, closedOn *civil.Date
	err := row.Scan(&l.ID, &l.ApplicationID, &l.CustomerID, &l.BookID, &l.Status, &currencyCode, &terms,
		&l.ScheduleHash, &allocation, &l.Disbursement.ID, &gross, &net, &lender, &third, &over,
		&l.ActivatedOn, &disbursedOn, &lastPaidOn, &repaidOn, &closedOn, &l.Version)
	if err != nil {
		return l, err
	}
	currency, err := money.ParseCurrency(currencyCode)
	if err != nil {
		return l, fmt.Errorf("loan %s: %w", l.ID, err)
	}
	if err := json.Unmarshal([]byte(terms), &l.Terms); err != nil {
		return l, fmt.Errorf("terms of loan %s: %w", l.ID, err)
	}
	if err := json.Unmarshal([]byte(allocation), &l.Allocation); err != nil {
		return l, fmt.Errorf("allocation order of loan %s: %w", l.ID, err)
	}
	l.Disbursement.Gross, l.Disbursement.Net = money.New(gross, currency), money.New(net, currency)
	l.Disbursement.LenderFees, l.Disbursement.ThirdPartyFees = money.New(lender, currency), money.New(third, currency)
	l.Overpaid = money.New(over, currency)
	l.DisbursedOn, l.LastPaidOn = orZero(disbursedOn), orZero(lastPaidOn)
	l.RepaidOn, l.ClosedOn = orZero(repaidOn), orZero(closedOn)
	return l, nil
}

func orZero(d *civil.Date) civil.Date {
	if d == nil {
		return civil.Date{}
	}
	return *d
}

func orNull(d civil.Date) *civil.Date {
	if d.IsZero() {
		return nil
	}
	return &d
}

// loadInstalments fills in the rows of loans, which are in the order of their ids.
func loadInstalments(ctx context.Context, tx database.Tx, ids []uuid.UUID, loans []servicing.Loan) error {
	rows, err := tx.Query(ctx, `
		select loan_id, number, due_date, charged_principal, charged_interest, charged_fees, charged_penalties,
		       accrued_interest, accrued_fees, accrued_penalties,
		       paid_principal, paid_interest, paid_fees, paid_penalties, overdue_on
		  from loan_instalment where loan_id = any($1::uuid[]) order by loan_id, number`, ids)
	if err != nil {
		return fmt.Errorf("reading instalments: %w", err)
	}
	defer rows.Close()
	at := 0
	for rows.Next() {
		var loanID uuid.UUID
		var row servicing.Instalment
		var charged, paid [4]int64
		var accrued [3]int64
		var overdueOn *civil.Date
		err := rows.Scan(&loanID, &row.Number, &row.Due, &charged[0], &charged[1], &charged[2], &charged[3],
			&accrued[0], &accrued[1], &accrued[2], &paid[0], &paid[1], &paid[2], &paid[3], &overdueOn)
		if err != nil {
			return fmt.Errorf("reading instalments: %w", err)
		}
		for at < len(loans) && loans[at].ID != loanID {
			at++
		}
		if at == len(loans) {
			return fmt.Errorf("reading instalments: %s: %w", loanID, ErrNotFound)
		}
		currency := loans[at].Currency()
		row.Charged, row.Paid = partsOf(charged, currency), partsOf(paid, currency)
		row.Accrued = partsOf([4]int64{0, accrued[0], accrued[1], accrued[2]}, currency)
		row.OverdueOn = orZero(overdueOn)
		loans[at].Instalments = append(loans[at].Instalments, row)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading instalments: %w", err)
	}
	return nil
}

func partsOf(minor [4]int64, currency money.Currency) servicing.Parts {
	return servicing.Parts{
		Principal: money.New(minor[0], currency), Interest: money.New(minor[1], currency),
		Fees: money.New(minor[2], currency), Penalties: money.New(minor[3], currency),
	}
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

// Attention is what close-of-day has to look at.
type Attention struct {
	LoanID uuid.UUID
	On     civil.Date
}

// NeedingAttention returns up to limit loans of a book that the start of a day
// up to on would change, the earliest day first. Loans leave the list by being
// brought to that day.
func NeedingAttention(
	ctx context.Context, tx database.Tx, book uuid.UUID, on civil.Date, limit int,
) ([]Attention, error) {
	rows, err := tx.Query(ctx, `
		select id, attention_on from loan
		 where book_id = $1 and attention_on is not null and attention_on <= $2
		 order by attention_on, id limit $3`, book, on, limit)
	if err != nil {
		return nil, fmt.Errorf("finding loans to look at: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Attention])
	if err != nil {
		return nil, fmt.Errorf("finding loans to look at: %w", err)
	}
	return list, nil
}
