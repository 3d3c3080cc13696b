package ledgerdb

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

// PeriodAction is a closing or a reopening.
type PeriodAction string

// The actions on periods.
const (
	PeriodClosing   PeriodAction = "CLOSE"
	PeriodReopening PeriodAction = "REOPEN"
)

// PeriodEvent is one closing or reopening of the books.
type PeriodEvent struct {
	ID     uuid.UUID
	Action PeriodAction
	// Through is the last closed day after the event.
	Through    civil.Date
	RecordedAt time.Time
	By         string
	Reason     string
	// Totals are the trial balance by booking date at a closing.
	Totals []TrialTotal
}

// PeriodReasonLengthMax bounds the reason, in bytes.
const PeriodReasonLengthMax = 500

// ClosedThrough returns the last day of the closed periods.
func ClosedThrough(ctx context.Context, tx database.Tx) (civil.Date, error) {
	var through civil.Date
	err := tx.QueryRow(ctx, `select closed_through from ledger_control where id = 1`).Scan(&through)
	if err != nil {
		return civil.Date{}, fmt.Errorf("reading the closed periods: %w", err)
	}
	return through, nil
}

// ClosePeriod refuses every further entry that is booked on or before the day
// through. The rejection is FieldInvalid when that day is closed already or the
// books do not balance.
//
// It sums the journal in the same transaction. That is a check, and it makes a
// posting that runs at the same time with the period still open lose against
// the closing, instead of appearing in the closed period afterwards.
func ClosePeriod(
	ctx context.Context, tx database.Tx, now time.Time, id uuid.UUID, through civil.Date, by, reason string,
) (PeriodEvent, error) {
	before, err := ClosedThrough(ctx, tx)
	if err != nil {
		return PeriodEvent{}, err
	}
	if !through.IsValid() || !through.After(before) {
		return PeriodEvent{}, fmt.Errorf("closing through %s: %w", through,
			ledger.Reject(ledger.FieldInvalid, "through", "must be after "+before.String()+", the last closed day"))
	}
	report, err := Trial(ctx, tx, At{Effective: through}, ByBooking)
	if err != nil {
		return PeriodEvent{}, err
	}
	for _, total := range report.Totals {
		if !total.Difference.IsZero() {
			return PeriodEvent{}, fmt.Errorf("closing through %s: %w", through,
				ledger.Reject(ledger.Unbalanced, "through", "the books differ by "+total.Difference.String()))
		}
	}
	e := PeriodEvent{
		ID: id, Action: PeriodClosing, Through: through, RecordedAt: now.UTC().Truncate(time.Microsecond),
		By: by, Reason: reason, Totals: report.Totals,
	}
	return e, setPeriod(ctx, tx, before, e)
}

// ReopenPeriod accepts entries booked after the day through again. The
// rejection is FieldInvalid when later days are not closed.
func ReopenPeriod(
	ctx context.Context, tx database.Tx, now time.Time, id uuid.UUID, through civil.Date, by, reason string,
) (PeriodEvent, error) {
	before, err := ClosedThrough(ctx, tx)
	if err != nil {
		return PeriodEvent{}, err
	}
	if !through.IsValid() || !through.Before(before) {
		return PeriodEvent{}, fmt.Errorf("reopening after %s: %w", through,
			ledger.Reject(ledger.FieldInvalid, "through", "must be before "+before.String()+", the last closed day"))
	}
	e := PeriodEvent{
		ID: id, Action: PeriodReopening, Through: through, RecordedAt: now.UTC().Truncate(time.Microsecond),
		By: by, Reason: reason,
	}
	return e, setPeriod(ctx, tx, before, e)
}

func setPeriod(ctx context.Context, tx database.Tx, before civil.Date, e PeriodEvent) error {
	if e.Reason == "" || len(e.Reason) > PeriodReasonLengthMax {
		return fmt.Errorf("changing the closed periods: %w", ledger.Reject(ledger.FieldInvalid, "reason",
			fmt.Sprintf("must have 1 to %d bytes", PeriodReasonLengthMax)))
	}
	totals, err := json.Marshal(e.Totals)
	if err != nil {
		return fmt.Errorf("encoding the totals of a closing: %w", err)
	}
	hash, err := e.hash(totals)
	if err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `
		with moved as (
			update ledger_control set closed_through = $1, account_epoch = account_epoch + 1
			 where id = 1 and closed_through = $2 returning account_epoch)
		insert into ledger_unsealed_record (kind, subject, number, hash)
		select $3, $4, m.account_epoch, $5 from moved m`, e.Through, before, periodRecord, e.ID, hash)
	if err != nil {
		return fmt.Errorf("changing the closed periods: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("changing the closed periods: they are no longer closed through %s", before)
	}
	_, err = tx.Exec(ctx, `
		insert into ledger_period_event (id, action, through, recorded_at, posted_by, reason, totals, row_hash)
		values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8)`,
		e.ID, string(e.Action), e.Through, e.RecordedAt, e.By, e.Reason, string(totals), hash)
	if err != nil {
		return fmt.Errorf("recording the closed periods: %w", err)
	}
	return nil
}

// PeriodEvents returns the latest closings and reopenings, newest first.
func PeriodEvents(ctx context.Context, tx database.Tx, limit int) ([]PeriodEvent, error) {
	rows, err := tx.Query(ctx, `
		select id, action, through, recorded_at, posted_by, reason, totals
		  from ledger_period_event order by recorded_at desc, id limit $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("listing closings: %w", err)
	}
	events, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (PeriodEvent, error) {
		var e PeriodEvent
		err := row.Scan(&e.ID, &e.Action, &e.Through, &e.RecordedAt, &e.By, &e.Reason, &e.Totals)
		e.RecordedAt = e.RecordedAt.UTC()
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing closings: %w", err)
	}
	return events, nil
}
