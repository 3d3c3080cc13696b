package ledgerdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

// everyRecord makes a statement that reads ledger_record e read the records that
// wait for the chain as well.
func everyRecord(sql string) string {
	return strings.ReplaceAll(sql, "ledger_record e", `(select kind, subject, number, hash from ledger_record union all
		       select kind, subject, number, hash from ledger_unsealed_record) e`)
}

// recordCheck finds a row without its record, a record without its row, and one
// of another row. rows has the columns id and row_hash.
func recordCheck(kind, rows string) string {
	return strings.NewReplacer("THIS_KIND", kind, "rows_of_kind", rows).Replace(everyRecord(`
		select coalesce(t.id, r.subject)
		  from (select e.subject, e.hash from ledger_record e where e.kind = 'THIS_KIND') r
		  full join rows_of_kind t on t.id = r.subject
		 where t.id is null or r.subject is null or t.row_hash is null or t.row_hash <> r.hash
		 order by 1 limit 1`))
}

// recordChecks hold the rows that are in no batch against their records, as
// derivedChecks do.
var recordChecks = []derivedCheck{
	{
		"is an account that was opened and is gone, or is not as it was opened",
		recordCheck(accountRecord, `ledger_account`),
	},
	{
		"has an answer that was kept and is gone, or is not as it was kept",
		recordCheck(rejectionRecord, `(select entry_id as id, row_hash from ledger_rejection)`),
	},
	{
		"is a pending entry that is gone, or is not as it was announced",
		recordCheck(pendingRecord, `ledger_pending`),
	},
	{
		"is a pending entry that did not end as it says",
		recordCheck(endRecord, `(select id, end_hash as row_hash from ledger_pending where state <> 'OPEN')`),
	},
	{
		"is an event of the periods that is gone, or is not as it was recorded",
		recordCheck(periodRecord, `ledger_period_event`),
	},
	{"is an account that was closed or opened again otherwise than it says", everyRecord(`
		select a.id
		  from ledger_account a
		  left join (select e.subject, max(case when e.kind = 'CLOSED' then e.number else 0 end) as closed,
		                    max(case when e.kind = 'REOPENED' then e.number else 0 end) as reopened
		               from ledger_record e
		              where e.kind in ('CLOSED', 'REOPENED') group by e.subject) s
		    on s.subject = a.id
		 where a.closed <> (coalesce(s.closed, 0) > coalesce(s.reopened, 0)) order by a.id limit 1`)},
	{"has a record at a place that the chain does not have", `
		select r.subject from ledger_record r left join ledger_seal s on s.seq = r.seq
		 where s.seq is null order by r.subject limit 1`},
	{"has a record twice", everyRecord(`
		select e.subject from ledger_record e
		 group by e.kind, e.subject, e.number having count(*) > 1 order by e.subject limit 1`)},
	{"has a record that is numbered as another or as none of its kind is", everyRecord(`
		select e.subject from ledger_record e
		 group by e.subject, e.kind, e.number
		having (e.number = 0) = (e.kind in ('PERIOD', 'CLOSED', 'REOPENED'))
		 order by e.subject limit 1`)},
}

// placeRecords are the records of a place in the chain.
type placeRecords struct {
	count int64
	hash  []byte
}

// sealedRecords returns the records of each place after one and through another
// that has some.
func sealedRecords(ctx context.Context, tx database.Tx, after, through int64) (map[int64]placeRecords, error) {
	rows, err := tx.Query(ctx, `
		select seq, kind, subject, number, hash from ledger_record
		 where seq > $1 and seq <= $2 order by seq, kind, subject, number`, after, through)
	if err != nil {
		return nil, fmt.Errorf("reading records to verify: %w", err)
	}
	var seq int64
	var r record
	places := map[int64][]record{}
	_, err = pgx.ForEachRow(rows, []any{&seq, &r.Kind, &r.Subject, &r.Number, &r.Hash}, func() error {
		kept := r
		kept.Hash = bytes.Clone(r.Hash)
		places[seq] = append(places[seq], kept)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading records to verify: %w", err)
	}
	hashes := make(map[int64]placeRecords, len(places))
	for place, records := range places {
		hashes[place] = placeRecords{int64(len(records)), recordsHash(records)}
	}
	return hashes, nil
}

// neverClosed is the last closed day of books that were never closed.
var neverClosed = civil.Date{Year: 1899, Month: time.December, Day: 31}

// verifyControl holds the one row that every posting reads against the records
// of what has moved it.
func verifyControl(ctx context.Context, tx database.Tx) error {
	fault := &Tampered{Entry: ledger.AccountID("control"), What: "is the control row: "}
	var rows, id int64
	var epoch, last int64
	through, want := neverClosed, neverClosed
	err := tx.QueryRow(ctx, `
		select count(*), coalesce(max(id), 0), coalesce(max(closed_through), '1899-12-31'::date),
		       coalesce(max(account_epoch), 0)
		  from ledger_control`).Scan(&rows, &id, &through, &epoch)
	if err != nil {
		return fmt.Errorf("reading the state of the books to verify: %w", err)
	}
	err = tx.QueryRow(ctx, everyRecord(`select coalesce(max(e.number), 0) from ledger_record e`)).Scan(&last)
	if err != nil {
		return fmt.Errorf("reading the last record to verify: %w", err)
	}
	err = tx.QueryRow(ctx, everyRecord(`
		select p.through
		  from ledger_record e join ledger_period_event p on p.id = e.subject
		 where e.kind = $1 order by e.number desc limit 1`), periodRecord).Scan(&want)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("reading the last closing to verify: %w", err)
	}
	switch {
	case rows != 1 || id != 1:
		fault.What += fmt.Sprintf("there are %d, want one", rows)
	case through != want:
		fault.What += fmt.Sprintf("periods are closed through %s, the last event closed them through %s", through, want)
	case epoch != last:
		fault.What += fmt.Sprintf("its epoch is %d, the last record has %d", epoch, last)
	default:
		return nil
	}
	return fault
}

// verifyPeriods holds the events of the periods against the hashes of their
// rows.
func verifyPeriods(ctx context.Context, tx database.Tx, after uuid.UUID) (uuid.UUID, bool, error) {
	rows, err := tx.Query(ctx, `
		select id, action, through, recorded_at, posted_by, reason, totals::text, row_hash
		  from ledger_period_event where id > $1 order by id limit $2`, after, verifyRows)
	if err != nil {
		return after, false, fmt.Errorf("reading closings to verify: %w", err)
	}
	var e PeriodEvent
	var totals string
	var stored []byte
	count := 0
	targets := []any{&e.ID, &e.Action, &e.Through, &e.RecordedAt, &e.By, &e.Reason, &totals, &stored}
	_, err = pgx.ForEachRow(rows, targets, func() error {
		count++
		hash, err := e.hash([]byte(totals))
		if err != nil {
			return err
		}
		if !bytes.Equal(hash, stored) {
			return &Tampered{Entry: e.ID, What: "is an event of the periods that is not as it was recorded"}
		}
		return nil
	})
	return e.ID, count == verifyRows, err
}
