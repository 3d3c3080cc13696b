package activation

import (
	"context"
	"encoding/json"
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

// insertAgreements keeps agreements, those that are known as they are, and returns
// the applications of which none was known.
func insertAgreements(ctx context.Context, tx database.Tx, list []agreement) (map[uuid.UUID]bool, error) {
	var applications, customers, agreements, offers []uuid.UUID
	var products, terms, hashes, fees []string
	var versions []*int64
	var signed []time.Time
	for i := range list {
		a := &list[i]
		fee, err := json.Marshal(a.LateFee)
		if err != nil {
			return nil, fmt.Errorf("encoding the late fee of application %s: %w", a.ApplicationID, err)
		}
		applications, customers = append(applications, a.ApplicationID), append(customers, a.CustomerID)
		agreements, offers = append(agreements, a.AgreementID), append(offers, a.OfferID)
		products, versions, fees = append(products, a.Product), append(versions, a.ProductVersion), append(fees, string(fee))
		terms, hashes = append(terms, a.Terms), append(hashes, a.ScheduleHash)
		signed = append(signed, a.SignedAt)
	}
	rows, err := tx.Query(ctx, `
		insert into signed_agreement
		       (application_id, customer_id, agreement_id, offer_id, product, product_version, late_fee, terms,
		        schedule_hash, signed_at)
		select u.application_id, u.customer_id, u.agreement_id, u.offer_id, u.product, u.product_version, u.late_fee,
		       u.terms, u.schedule_hash, u.signed_at
		  from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[],
		              $8::text[], $9::bigint[], $10::text[])
		       as u (application_id, customer_id, agreement_id, offer_id, terms, schedule_hash, signed_at, product,
		             product_version, late_fee)
		 order by u.application_id
		on conflict (application_id) do nothing
		returning application_id`,
		applications, customers, agreements, offers, terms, hashes, signed, products, versions, fees)
	if err != nil {
		return nil, fmt.Errorf("keeping agreements: %w", err)
	}
	kept, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("keeping agreements: %w", err)
	}
	fresh := make(map[uuid.UUID]bool, len(kept))
	for _, id := range kept {
		fresh[id] = true
	}
	return fresh, nil
}

func findAgreement(ctx context.Context, tx database.Tx, applicationID uuid.UUID) (agreement, bool, error) {
	a := agreement{ApplicationID: applicationID}
	var fee string
	err := tx.QueryRow(ctx, `
		select customer_id, agreement_id, offer_id, product, product_version, late_fee, terms, schedule_hash, signed_at
		  from signed_agreement where application_id = $1`, applicationID).
		Scan(&a.CustomerID, &a.AgreementID, &a.OfferID, &a.Product, &a.ProductVersion, &fee, &a.Terms, &a.ScheduleHash,
			&a.SignedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return agreement{}, false, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(fee), &a.LateFee)
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

// insertDisbursements orders the payouts of new loans.
func insertDisbursements(tx database.Tx, now time.Time, loans []servicing.Loan) {
	var ids, of []uuid.UUID
	var currencies []string
	var amounts []int64
	for i := range loans {
		l := &loans[i]
		ids, of = append(ids, l.Disbursement.ID), append(of, l.ID)
		currencies = append(currencies, l.Currency().Code())
		amounts = append(amounts, l.Disbursement.Net.Minor())
	}
	tx.Later(database.Write{
		What: "inserting disbursements", Rows: int64(len(loans)), Otherwise: errNoDisbursement, SQL: `
		insert into disbursement
		       (id, loan_id, status, currency, amount, attempts, refusals, next_attempt_at, bank_reference, reason,
		        initiated_at)
		select u.id, u.loan_id, 'INITIATED', u.currency, u.amount, 0, 0, $5, '', '', $5
		  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[]) as u (id, loan_id, currency, amount)`,
		Args: []any{ids, of, currencies, amounts, now},
	})
}

// openDisbursements returns those of the orders that are not settled.
func openDisbursements(
	ctx context.Context, tx database.Tx, orders []PayoutOrder,
) (map[uuid.UUID]disbursement, error) {
	ids := make([]uuid.UUID, len(orders))
	for i := range orders {
		ids[i] = orders[i].ID
	}
	// To ask for the status here would lead to the index of all that are open.
	rows, err := tx.Query(ctx, `
		select id, loan_id, status, currency, amount, attempts, refusals, bank_reference, reason
		  from disbursement where id = any($1::uuid[]) order by id for update`, database.PlanAnew, ids)
	if err != nil {
		return nil, fmt.Errorf("reading disbursements: %w", err)
	}
	list, err := pgx.CollectRows(rows, scanDisbursement)
	if err != nil {
		return nil, fmt.Errorf("reading disbursements: %w", err)
	}
	open := make(map[uuid.UUID]disbursement, len(list))
	for _, d := range list {
		if d.Status == Initiated {
			open[d.ID] = d
		}
	}
	return open, nil
}

func scanDisbursement(row pgx.CollectableRow) (disbursement, error) {
	var d disbursement
	var code string
	var minor int64
	err := row.Scan(&d.ID, &d.LoanID, &d.Status, &code, &minor, &d.Attempts, &d.Refusals, &d.BankReference, &d.Reason)
	if err != nil {
		return d, err
	}
	currency, err := money.ParseCurrency(code)
	d.Amount = money.New(minor, currency)
	return d, err
}

// updateDisbursements stores verdicts about disbursements that openDisbursements
// has locked.
func updateDisbursements(tx database.Tx, verdicts []verdict) {
	var ids []uuid.UUID
	var statuses, references, reasons []string
	var refusals []int64
	var next []time.Time
	var settled []*time.Time
	for i := range verdicts {
		v := &verdicts[i]
		ids = append(ids, v.disbursement.ID)
		statuses = append(statuses, string(v.disbursement.Status))
		references = append(references, v.disbursement.BankReference)
		reasons = append(reasons, v.disbursement.Reason)
		refusals = append(refusals, int64(v.disbursement.Refusals))
		next, settled = append(next, v.nextAttempt), append(settled, v.settledAt)
	}
	tx.Later(database.Write{
		What: "settling disbursements", Rows: int64(len(verdicts)), Otherwise: servicing.ErrWrongState, SQL: `
		update disbursement
		   set status = u.status, bank_reference = u.bank_reference, reason = u.reason, refusals = u.refusals,
		       next_attempt_at = u.next_attempt_at, settled_at = u.settled_at
		  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[],
		              $7::timestamptz[])
		       as u (id, status, bank_reference, reason, refusals, next_attempt_at, settled_at)
		 where disbursement.id = u.id`,
		Args: []any{ids, statuses, references, reasons, refusals, next, settled},
	})
}

func findDisbursement(ctx context.Context, tx database.Tx, id uuid.UUID) (disbursement, error) {
	rows, err := tx.Query(ctx, `
		select id, loan_id, status, currency, amount, attempts, refusals, bank_reference, reason
		  from disbursement where id = $1`, id)
	if err != nil {
		return disbursement{}, fmt.Errorf("reading disbursement %s: %w", id, err)
	}
	d, err := pgx.CollectExactlyOneRow(rows, scanDisbursement)
	if errors.Is(err, pgx.ErrNoRows) {
		return disbursement{}, fmt.Errorf("%w: %s", errNoDisbursement, id)
	}
	if err != nil {
		return disbursement{}, fmt.Errorf("reading disbursement %s: %w", id, err)
	}
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
		update disbursement set attempts = attempts + 1, next_attempt_at = $2 where id = any($1::uuid[])`,
		database.PlanAnew, ids, lease)
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

// payBySimulation pays orders that were not paid before.
func payBySimulation(
	ctx context.Context, tx database.Tx, now time.Time, orders []PayoutOrder, receipts []Answer,
) error {
	var ids []uuid.UUID
	var currencies, references []string
	var amounts []int64
	for i := range orders {
		if receipts[i].Err != nil {
			continue
		}
		ids = append(ids, orders[i].ID)
		currencies = append(currencies, orders[i].Amount.Currency().Code())
		amounts = append(amounts, orders[i].Amount.Minor())
		references = append(references, receipts[i].Receipt.Reference)
	}
	_, err := tx.Exec(ctx, `
		insert into simulated_payout (order_id, currency, amount, reference, paid_at)
		select u.id, u.currency, u.amount, u.reference, $5
		  from unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[]) as u (id, currency, amount, reference)
		 order by u.id
		on conflict (order_id) do nothing`, ids, currencies, amounts, references, now)
	if err != nil {
		return fmt.Errorf("paying %d orders: %w", len(ids), err)
	}
	return nil
}

// paidBySimulation returns those of the orders that were paid before.
func paidBySimulation(ctx context.Context, tx database.Tx, orders []PayoutOrder) (map[uuid.UUID]bool, error) {
	ids := make([]uuid.UUID, len(orders))
	for i := range orders {
		ids[i] = orders[i].ID
	}
	rows, err := tx.Query(ctx, `select order_id from simulated_payout where order_id = any($1::uuid[])`, ids)
	if err != nil {
		return nil, fmt.Errorf("looking for payouts: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("looking for payouts: %w", err)
	}
	paid := make(map[uuid.UUID]bool, len(list))
	for _, id := range list {
		paid[id] = true
	}
	return paid, nil
}
