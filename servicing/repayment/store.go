package repayment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/blob"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
)

// storedPayment is a payment with the place of its proof.
type storedPayment struct {
	Payment
	ref blob.Ref
}

// insertPayments stores new payments, which have no proof yet.
func insertPayments(tx database.Tx, payments ...*Payment) {
	if len(payments) == 0 {
		return
	}
	c := &paymentColumns{}
	for _, p := range payments {
		c.add(p)
	}
	tx.Later(database.Write{
		What: "inserting payments", Rows: database.AnyRows, SQL: `
		insert into payment
		       (id, loan_id, status, kind, currency, amount, value_date, channel, reference,
		        principal, interest, fees, penalties, overpaid, created_by, created_at,
		        proof_blob, proof_key, proof_type, proof_sha256, proof_bytes, decided_by, decided_at, reason, quote_id)
		select u.id, u.loan_id, u.status, u.kind, u.currency, u.amount, u.value_date, u.channel, u.reference,
		       u.principal, u.interest, u.fees, u.penalties, u.overpaid, u.created_by, u.created_at,
		       '', '', '', '', 0, u.decided_by, u.decided_at, u.reason, u.quote_id
		  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::date[], $8::text[],
		              $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],
		              $15::uuid[], $16::timestamptz[], $17::uuid[], $18::timestamptz[], $19::text[], $20::uuid[])
		       as u (id, loan_id, status, kind, currency, amount, value_date, channel, reference, principal, interest,
		             fees, penalties, overpaid, created_by, created_at, decided_by, decided_at, reason, quote_id)`,
		Args: []any{
			c.ids, c.loans, c.statuses, c.kinds, c.currencies, c.amounts, c.valueDates, c.channels, c.references,
			c.principal, c.interest, c.fees, c.penalties, c.overpaid, c.createdBy, c.createdAt, c.decidedBy,
			c.decidedAt, c.reasons, c.quotes,
		},
	})
}

// paymentColumns are payments to insert, as arrays.
type paymentColumns struct {
	ids, loans, createdBy, quotes                              []uuid.UUID
	statuses, kinds, currencies, channels, references, reasons []string
	amounts, principal, interest, fees, penalties, overpaid    []int64
	valueDates                                                 []civil.Date
	createdAt                                                  []time.Time
	decidedBy                                                  []*uuid.UUID
	decidedAt                                                  []*time.Time
}

func (c *paymentColumns) add(p *Payment) {
	c.ids = append(c.ids, p.ID)
	c.loans = append(c.loans, p.LoanID)
	c.createdBy = append(c.createdBy, p.CreatedBy)
	c.quotes = append(c.quotes, p.QuoteID)
	c.statuses = append(c.statuses, string(p.Status))
	c.kinds = append(c.kinds, string(p.Kind))
	c.currencies = append(c.currencies, p.Amount.Currency().Code())
	c.channels = append(c.channels, p.Channel)
	c.references = append(c.references, p.Reference)
	c.reasons = append(c.reasons, p.Reason)
	c.amounts = append(c.amounts, p.Amount.Minor())
	c.principal = append(c.principal, p.Split.Principal.Minor())
	c.interest = append(c.interest, p.Split.Interest.Minor())
	c.fees = append(c.fees, p.Split.Fees.Minor())
	c.penalties = append(c.penalties, p.Split.Penalties.Minor())
	c.overpaid = append(c.overpaid, p.Overpaid.Minor())
	c.valueDates = append(c.valueDates, p.ValueDate)
	c.createdAt = append(c.createdAt, p.CreatedAt)
	c.decidedBy = append(c.decidedBy, p.DecidedBy)
	c.decidedAt = append(c.decidedAt, p.DecidedAt)
}

func countWaiting(ctx context.Context, tx database.Tx, loanID uuid.UUID) (int, error) {
	var n int
	err := tx.QueryRow(ctx, `
		select count(*) from payment where loan_id = $1 and status in ('DECLARED', 'PROVEN')`, loanID).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting payments of loan %s: %w", loanID, err)
	}
	return n, nil
}

const (
	selectPayment = `
		select id, loan_id, status, kind, currency, amount, value_date, channel, reference,
		       principal, interest, fees, penalties, overpaid, created_by, created_at,
		       proof_blob, proof_key, proof_type, proof_sha256, proof_bytes, decided_by, decided_at, reason, quote_id
		  from payment where id = $1`
	selectNewest = `
		select id, loan_id, status, kind, currency, amount, value_date, channel, reference,
		       principal, interest, fees, penalties, overpaid, created_by, created_at,
		       proof_blob, proof_key, proof_type, proof_sha256, proof_bytes, decided_by, decided_at, reason, quote_id
		  from payment where loan_id = $1
		 order by created_at desc, id desc limit $2`
	selectOlder = `
		select id, loan_id, status, kind, currency, amount, value_date, channel, reference,
		       principal, interest, fees, penalties, overpaid, created_by, created_at,
		       proof_blob, proof_key, proof_type, proof_sha256, proof_bytes, decided_by, decided_at, reason, quote_id
		  from payment where loan_id = $1 and (created_at < $3 or (created_at = $3 and id < $4))
		 order by created_at desc, id desc limit $2`
)

func findPayment(ctx context.Context, tx database.Tx, id uuid.UUID) (storedPayment, error) {
	rows, err := tx.Query(ctx, selectPayment, id)
	if err != nil {
		return storedPayment{}, fmt.Errorf("reading payment %s: %w", id, err)
	}
	p, err := pgx.CollectExactlyOneRow(rows, scanPayment)
	if errors.Is(err, pgx.ErrNoRows) {
		return storedPayment{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if err != nil {
		return storedPayment{}, fmt.Errorf("reading payment %s: %w", id, err)
	}
	return p, nil
}

func listPayments(
	ctx context.Context, tx database.Tx, loanID uuid.UUID, after *Position, limit int,
) ([]Payment, error) {
	query, args := selectNewest, []any{loanID, limit}
	if after != nil {
		query, args = selectOlder, append(args, after.At, after.ID)
	}
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("listing payments of loan %s: %w", loanID, err)
	}
	stored, err := pgx.CollectRows(rows, scanPayment)
	if err != nil {
		return nil, fmt.Errorf("listing payments of loan %s: %w", loanID, err)
	}
	payments := make([]Payment, len(stored))
	for i := range stored {
		payments[i] = stored[i].Payment
	}
	return payments, nil
}

func scanPayment(row pgx.CollectableRow) (storedPayment, error) {
	var p storedPayment
	var code string
	var amount, principal, interest, fees, penalties, over int64
	var proof Proof
	err := row.Scan(&p.ID, &p.LoanID, &p.Status, &p.Kind, &code, &amount, &p.ValueDate, &p.Channel, &p.Reference,
		&principal, &interest, &fees, &penalties, &over, &p.CreatedBy, &p.CreatedAt,
		&p.ref.Key, &p.ref.WrappedKey, &proof.ContentType, &proof.SHA256, &proof.Size,
		&p.DecidedBy, &p.DecidedAt, &p.Reason, &p.QuoteID)
	if err != nil {
		return p, err
	}
	currency, err := money.ParseCurrency(code)
	if err != nil {
		return p, err
	}
	p.Amount, p.Overpaid = money.New(amount, currency), money.New(over, currency)
	p.Split = servicing.Parts{
		Principal: money.New(principal, currency), Interest: money.New(interest, currency),
		Fees: money.New(fees, currency), Penalties: money.New(penalties, currency),
	}
	p.CreatedAt = p.CreatedAt.UTC()
	if p.DecidedAt != nil {
		p.DecidedAt = utc(*p.DecidedAt)
	}
	if p.ref.Key != "" {
		p.Proof = &proof
	}
	return p, nil
}

func utc(t time.Time) *time.Time { t = t.UTC(); return &t }

// attachProof stores the place of a proof with a payment that has none.
func attachProof(ctx context.Context, tx database.Tx, p *Payment, ref blob.Ref) error {
	tag, err := tx.Exec(ctx, `
		update payment
		   set status = 'PROVEN', proof_blob = $2, proof_key = $3, proof_type = $4, proof_sha256 = $5, proof_bytes = $6
		 where id = $1 and status = 'DECLARED'`,
		p.ID, ref.Key, ref.WrappedKey, p.Proof.ContentType, p.Proof.SHA256, p.Proof.Size)
	if err != nil {
		return fmt.Errorf("attaching proof to payment %s: %w", p.ID, err)
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("attaching proof to payment %s: %w", p.ID, ErrProof)
	}
	return nil
}

// decidePayment ends a payment that waits.
func decidePayment(ctx context.Context, tx database.Tx, p *Payment) error {
	tag, err := tx.Exec(ctx, `
		update payment
		   set status = $2, principal = $3, interest = $4, fees = $5, penalties = $6, overpaid = $7,
		       decided_by = $8, decided_at = $9, reason = $10, kind = $11
		 where id = $1 and status in ('DECLARED', 'PROVEN')`,
		p.ID, string(p.Status), p.Split.Principal.Minor(), p.Split.Interest.Minor(), p.Split.Fees.Minor(),
		p.Split.Penalties.Minor(), p.Overpaid.Minor(), p.DecidedBy, p.DecidedAt, p.Reason, string(p.Kind))
	if err != nil {
		return fmt.Errorf("deciding payment %s: %w", p.ID, err)
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("deciding payment %s: %w", p.ID, ErrDecided)
	}
	return nil
}

// reversePayment notes that a posted payment was reversed.
func reversePayment(tx database.Tx, p *Payment) {
	tx.Later(database.Write{
		What: "reversing a payment", Rows: 1, Otherwise: ErrDecided, SQL: `
		update payment set status = 'REVERSED', decided_by = $2, decided_at = $3, reason = $4
		 where id = $1 and status = 'POSTED'`,
		Args: []any{p.ID, p.DecidedBy, p.DecidedAt, p.Reason},
	})
}
