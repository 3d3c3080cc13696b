package activation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
)

var errNoDisbursement = errors.New("no such disbursement")

func insertAgreement(ctx context.Context, tx database.Tx, a agreement) error {
	_, err := tx.Exec(ctx, `
		insert into signed_agreement
		       (application_id, customer_id, agreement_id, offer_id, terms, schedule_hash, signed_at)
		values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (application_id) do nothing`,
		a.ApplicationID, a.CustomerID, a.AgreementID, a.OfferID, a.Terms, a.ScheduleHash, a.SignedAt)
	if err != nil {
		return fmt.Errorf("keeping agreement of application %s: %w", a.ApplicationID, err)
	}
	return nil
}

func findAgreement(ctx context.Context, tx database.Tx, applicationID uuid.UUID) (agreement, bool, error) {
	a := agreement{ApplicationID: applicationID}
	err := tx.QueryRow(ctx, `
		select customer_id, agreement_id, offer_id, terms, schedule_hash, signed_at
		  from signed_agreement where application_id = $1`, applicationID).
		Scan(&a.CustomerID, &a.AgreementID, &a.OfferID, &a.Terms, &a.ScheduleHash, &a.SignedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return agreement{}, false, nil
	}
	if err != nil {
		return agreement{}, false, fmt.Errorf("reading agreement of application %s: %w", applicationID, err)
	}
	return a, true, nil
}

// disbursement is a row of the table.
type disbursement struct {
	ID            uuid.UUID
	LoanID        uuid.UUID
	Status        DisbursementStatus
	Amount        money.Amount
	Attempts      int
	Refusals      int
	BankReference string
	Reason        string
}

func (d disbursement) state() DisbursementState {
	return DisbursementState{
		ID: d.ID, Status: d.Status, Amount: d.Amount, Attempts: d.Attempts, BankReference: d.BankReference,
		Reason: d.Reason,
	}
}

func insertDisbursement(ctx context.Context, tx database.Tx, now time.Time, l *servicing.Loan) error {
	_, err := tx.Exec(ctx, `
		insert into disbursement
		       (id, loan_id, status, currency, amount, attempts, refusals, next_attempt_at, bank_reference, reason,
		        initiated_at)
		values ($1, $2, 'INITIATED', $3, $4, 0, 0, $5, '', '', $5)`,
		l.Disbursement.ID, l.ID, l.Currency().Code(), l.Disbursement.Net.Minor(), now)
	if err != nil {
		return fmt.Errorf("inserting disbursement of loan %s: %w", l.ID, err)
	}
	return nil
}

func findDisbursement(ctx context.Context, tx database.Tx, id uuid.UUID) (disbursement, error) {
	d := disbursement{ID: id}
	var code string
	var minor int64
	err := tx.QueryRow(ctx, `
		select loan_id, status, currency, amount, attempts, refusals, bank_reference, reason
		  from disbursement where id = $1`, id).
		Scan(&d.LoanID, &d.Status, &code, &minor, &d.Attempts, &d.Refusals, &d.BankReference, &d.Reason)
	if errors.Is(err, pgx.ErrNoRows) {
		return disbursement{}, fmt.Errorf("%w: %s", errNoDisbursement, id)
	}
	if err != nil {
		return disbursement{}, fmt.Errorf("reading disbursement %s: %w", id, err)
	}
	currency, err := money.ParseCurrency(code)
	if err != nil {
		return disbursement{}, fmt.Errorf("reading disbursement %s: %w", id, err)
	}
	d.Amount = money.New(minor, currency)
	return d, nil
}

// hurryDisbursement makes an open order due now.
func hurryDisbursement(ctx context.Context, tx database.Tx, now time.Time, id uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		update disbursement set next_attempt_at = $2 where id = $1 and status = 'INITIATED'`, id, now)
	if err != nil {
		return fmt.Errorf("hurrying disbursement %s: %w", id, err)
	}
	return nil
}

// claimOrders takes due orders until the lease ends and counts the attempt.
func claimOrders(ctx context.Context, tx database.Tx, now, lease time.Time, limit int) ([]PayoutOrder, error) {
	rows, err := tx.Query(ctx, `
		select id, loan_id, currency, amount, attempts + 1
		  from disbursement where status = 'INITIATED' and next_attempt_at <= $1
		 order by next_attempt_at, id limit $2 for update skip locked`, now, limit)
	if err != nil {
		return nil, fmt.Errorf("claiming payouts: %w", err)
	}
	orders, err := pgx.CollectRows(rows, scanOrder)
	if err != nil {
		return nil, fmt.Errorf("claiming payouts: %w", err)
	}
	ids := make([]uuid.UUID, len(orders))
	for i, order := range orders {
		ids[i] = order.ID
	}
	if len(ids) == 0 {
		return nil, nil
	}
	_, err = tx.Exec(ctx, `
		update disbursement set attempts = attempts + 1, next_attempt_at = $2 where id = any($1::uuid[])`, ids, lease)
	if err != nil {
		return nil, fmt.Errorf("claiming payouts: %w", err)
	}
	return orders, nil
}

func scanOrder(row pgx.CollectableRow) (PayoutOrder, error) {
	var order PayoutOrder
	var code string
	var minor int64
	if err := row.Scan(&order.ID, &order.LoanID, &code, &minor, &order.Attempt); err != nil {
		return order, err
	}
	currency, err := money.ParseCurrency(code)
	order.Amount = money.New(minor, currency)
	return order, err
}

// postponeDisbursement counts a refusal and lets the order wait.
func postponeDisbursement(ctx context.Context, tx database.Tx, id uuid.UUID, until time.Time, reason string) error {
	_, err := tx.Exec(ctx, `
		update disbursement set refusals = refusals + 1, next_attempt_at = $2, reason = $3
		 where id = $1 and status = 'INITIATED'`, id, until, reason)
	if err != nil {
		return fmt.Errorf("postponing disbursement %s: %w", id, err)
	}
	return nil
}

// settleDisbursement ends an open disbursement.
func settleDisbursement(
	ctx context.Context, tx database.Tx, now time.Time, id uuid.UUID, status DisbursementStatus, reference, reason string,
) error {
	tag, err := tx.Exec(ctx, `
		update disbursement set status = $2, bank_reference = $3, reason = $4, settled_at = $5
		 where id = $1 and status = 'INITIATED'`, id, string(status), reference, reason, now)
	if err != nil {
		return fmt.Errorf("settling disbursement %s: %w", id, err)
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("settling disbursement %s: %w", id, servicing.ErrWrongState)
	}
	return nil
}

func paidBySimulation(ctx context.Context, tx database.Tx, id uuid.UUID) (bool, error) {
	var paid bool
	err := tx.QueryRow(ctx, `select exists (select 1 from simulated_payout where order_id = $1)`, id).Scan(&paid)
	if err != nil {
		return false, fmt.Errorf("looking for payout %s: %w", id, err)
	}
	return paid, nil
}

func paySimulated(ctx context.Context, tx database.Tx, now time.Time, order PayoutOrder, reference string) error {
	_, err := tx.Exec(ctx, `
		insert into simulated_payout (order_id, currency, amount, reference, paid_at) values ($1, $2, $3, $4, $5)`,
		order.ID, order.Amount.Currency().Code(), order.Amount.Minor(), reference, now)
	if err != nil {
		return fmt.Errorf("paying order %s: %w", order.ID, err)
	}
	return nil
}
