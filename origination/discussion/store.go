package discussion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
)

// talk is the discussion of one application.
type talk struct {
	applicationID uuid.UUID
	customerID    uuid.UUID
	product       string
	amount        money.Amount
	instalments   int
	maxAmount     money.Amount
	status        Status
	lastVersion   int
}

// keepSubmission stores what was applied for, until the risk is approved.
func keepSubmission(ctx context.Context, tx database.Tx, t talk, now time.Time) error {
	_, err := tx.Exec(ctx, `
		insert into discussion
		       (application_id, customer_id, product, currency, amount, instalments, max_amount, status, last_version,
		        recorded_at)
		values ($1, $2, $7, $3, $4, $5, 0, 'SUBMITTED', 0, $6)
		on conflict (application_id) do update
		   set product = excluded.product, currency = excluded.currency, amount = excluded.amount,
		       instalments = excluded.instalments, recorded_at = excluded.recorded_at
		 where discussion.status = 'SUBMITTED'`,
		t.applicationID, t.customerID, t.amount.Currency().Code(), t.amount.Minor(), t.instalments, now, t.product)
	if err != nil {
		return fmt.Errorf("keeping submission of %s: %w", t.applicationID, err)
	}
	return nil
}

// openTalk opens a submitted discussion up to an amount, and reports whether
// it was waiting for that.
func openTalk(ctx context.Context, tx database.Tx, applicationID uuid.UUID, maxAmount money.Amount) (bool, error) {
	tag, err := tx.Exec(ctx, `
		update discussion set status = 'OPEN', max_amount = $2, currency = $3
		 where application_id = $1 and status = 'SUBMITTED'`,
		applicationID, maxAmount.Minor(), maxAmount.Currency().Code())
	if err != nil {
		return false, fmt.Errorf("opening discussion of %s: %w", applicationID, err)
	}
	return tag.RowsAffected() == 1, nil
}

// findTalk returns a discussion; found is false if the application is not submitted.
func findTalk(ctx context.Context, tx database.Tx, applicationID uuid.UUID) (t talk, found bool, err error) {
	var code string
	var amount, maxAmount int64
	err = tx.QueryRow(ctx, `
		select application_id, customer_id, product, currency, amount, instalments, max_amount, status, last_version
		  from discussion where application_id = $1`, applicationID).
		Scan(&t.applicationID, &t.customerID, &t.product, &code, &amount, &t.instalments, &maxAmount, &t.status,
			&t.lastVersion)
	if errors.Is(err, database.ErrNoRows) {
		return talk{}, false, nil
	}
	if err != nil {
		return talk{}, false, fmt.Errorf("reading discussion of %s: %w", applicationID, err)
	}
	currency, err := money.ParseCurrency(code)
	if err != nil {
		return talk{}, false, fmt.Errorf("reading discussion of %s: %w", applicationID, err)
	}
	t.amount, t.maxAmount = money.New(amount, currency), money.New(maxAmount, currency)
	return t, true, nil
}

// advanceTalk counts an offer of an open discussion.
func advanceTalk(ctx context.Context, tx database.Tx, t talk) (bool, error) {
	tag, err := tx.Exec(ctx, `
		update discussion set last_version = last_version + 1
		 where application_id = $1 and status = 'OPEN' and last_version = $2`, t.applicationID, t.lastVersion)
	if err != nil {
		return false, fmt.Errorf("counting offers of %s: %w", t.applicationID, err)
	}
	return tag.RowsAffected() == 1, nil
}

// closeTalk ends an open discussion.
func closeTalk(ctx context.Context, tx database.Tx, applicationID uuid.UUID, status Status) (bool, error) {
	tag, err := tx.Exec(ctx, `update discussion set status = $2 where application_id = $1 and status = 'OPEN'`,
		applicationID, status)
	if err != nil {
		return false, fmt.Errorf("closing discussion of %s: %w", applicationID, err)
	}
	return tag.RowsAffected() == 1, nil
}

func insertOffer(ctx context.Context, tx database.Tx, o Offer) error {
	terms, err := json.Marshal(o.Schedule.Terms)
	if err != nil {
		return fmt.Errorf("encoding terms of offer %s: %w", o.ID, err)
	}
	facts, err := json.Marshal(o.KeyFacts)
	if err != nil {
		return fmt.Errorf("encoding key facts of offer %s: %w", o.ID, err)
	}
	fee, err := json.Marshal(o.LateFee)
	if err != nil {
		return fmt.Errorf("encoding the late fee of offer %s: %w", o.ID, err)
	}
	_, err = tx.Exec(ctx, `
		insert into offer
		       (id, application_id, version, status, product, product_version, late_fee, terms, key_facts, schedule_hash,
		        valid_until, officer_id, made_at, closed_at, reason)
		values ($1, $2, $3, $4, $11, $12, $13, $5, $6, $7, $8, $9, $10, null, '')`,
		o.ID, o.ApplicationID, o.Version, o.Status, string(terms), string(facts), o.ScheduleHash, o.ValidUntil,
		o.OfficerID, o.MadeAt, o.Product, o.ProductVersion, string(fee))
	if err != nil {
		return fmt.Errorf("storing offer %s: %w", o.ID, err)
	}
	return nil
}

// supersedeOffer closes whichever offer of the application is open.
func supersedeOffer(ctx context.Context, tx database.Tx, applicationID uuid.UUID, now time.Time) error {
	_, err := tx.Exec(ctx, `
		update offer set status = 'SUPERSEDED', closed_at = $2 where application_id = $1 and status = 'OPEN'`,
		applicationID, now)
	if err != nil {
		return fmt.Errorf("superseding offers of %s: %w", applicationID, err)
	}
	return nil
}

// closeOffer ends an open offer and reports whether it was open.
func closeOffer(ctx context.Context, tx database.Tx, o Offer) (bool, error) {
	tag, err := tx.Exec(ctx, `
		update offer set status = $2, closed_at = $3, reason = $4 where id = $1 and status = 'OPEN'`,
		o.ID, o.Status, o.ClosedAt, o.Reason)
	if err != nil {
		return false, fmt.Errorf("closing offer %s: %w", o.ID, err)
	}
	return tag.RowsAffected() == 1, nil
}

// latestOffer returns the newest offer of an application, whatever became of it.
func latestOffer(ctx context.Context, tx database.Tx, applicationID uuid.UUID) (o Offer, found bool, err error) {
	var terms, facts, fee string
	err = tx.QueryRow(ctx, `
		select id, application_id, version, status, product, product_version, late_fee, terms, key_facts, schedule_hash,
		       valid_until, officer_id, made_at, closed_at, reason
		  from offer where application_id = $1 order by version desc limit 1`, applicationID).
		Scan(&o.ID, &o.ApplicationID, &o.Version, &o.Status, &o.Product, &o.ProductVersion, &fee, &terms, &facts,
			&o.ScheduleHash, &o.ValidUntil, &o.OfficerID, &o.MadeAt, &o.ClosedAt, &o.Reason)
	if errors.Is(err, database.ErrNoRows) {
		return Offer{}, false, nil
	}
	if err == nil {
		err = o.restore(terms, facts, fee)
	}
	if err != nil {
		return Offer{}, false, fmt.Errorf("reading offer of %s: %w", applicationID, err)
	}
	return o, true, nil
}

// restore completes an offer from its stored JSON.
func (o *Offer) restore(terms, facts, fee string) error {
	var t amortization.Terms
	if err := json.Unmarshal([]byte(terms), &t); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(facts), &o.KeyFacts); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(fee), &o.LateFee); err != nil {
		return err
	}
	schedule, err := scheduleOf(t, o.ScheduleHash)
	if err != nil {
		return err
	}
	o.Schedule, o.MadeAt = schedule, o.MadeAt.UTC()
	if o.ClosedAt != nil {
		closed := o.ClosedAt.UTC()
		o.ClosedAt = &closed
	}
	return nil
}

// staleOffer names an open offer that can no longer be accepted.
type staleOffer struct {
	ID            uuid.UUID
	ApplicationID uuid.UUID
	CustomerID    uuid.UUID
}

// staleOffers returns open offers whose last day is before today, oldest first.
func staleOffers(ctx context.Context, tx database.Tx, today civil.Date, limit int) ([]staleOffer, error) {
	rows, err := tx.Query(ctx, `
		select o.id, o.application_id, d.customer_id
		  from offer as o join discussion as d on d.application_id = o.application_id
		 where o.status = 'OPEN' and o.valid_until < $1
		 order by o.valid_until, o.id limit $2`, today, limit)
	if err != nil {
		return nil, fmt.Errorf("finding expired offers: %w", err)
	}
	stale, err := pgx.CollectRows(rows, pgx.RowToStructByPos[staleOffer])
	if err != nil {
		return nil, fmt.Errorf("finding expired offers: %w", err)
	}
	return stale, nil
}
