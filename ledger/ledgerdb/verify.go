package ledgerdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
)

// ErrTampered matches every *Tampered.
var ErrTampered = errors.New("the journal was changed")

// Tampered names the first row of the books that is not as it was posted.
type Tampered struct {
	// Seq is the place of the batch in the chain, 0 for rows outside of it.
	Seq   int64
	Batch uuid.UUID
	// Entry is the entry at fault, or uuid.Nil when the batch as a whole is.
	Entry uuid.UUID
	// What says what does not fit.
	What string
}

// Error implements error.
func (t *Tampered) Error() string {
	return fmt.Sprintf("batch %d (%s), entry %s: %s", t.Seq, t.Batch, t.Entry, t.What)
}

// Is makes errors.Is(err, ErrTampered) true.
func (t *Tampered) Is(target error) bool { return target == ErrTampered }

// Verified is what a verification has looked at.
type Verified struct {
	Head    ChainHead
	Entries int64
	Lines   int64
	// Records are those of what was done beside the journal.
	Records int64
	// through is the latest instant of recording up to the head.
	through time.Time
}

// verifyBatches bounds the batches that are in memory at once.
const verifyBatches = 8

// Verify recomputes the chain from the stored rows: every business field of
// every sealed entry and line, their number and order. With a head kept from
// before it also proves that the chain up to it is still there. The error is a
// *Tampered that names the first fault; what was verified before it is returned
// as well.
//
// It also compares what is derived from the journal (reversals, the totals of
// accounts with a limit, the totals of batches, the blocks that balances are
// summed of), holds accounts against their codes and headings, and finds what was
// changed or removed of what is in no batch: headings, accounts, kept rejections,
// pending entries and their ends, events of the periods, and the row that says
// which periods and accounts are closed. Their records are in the chain with the
// next batch; as with batches, what waits for the chain is held only against itself.
func Verify(ctx context.Context, db *database.DB, kept *ChainHead) (Verified, error) {
	return verify(kept, func(fn func(ctx context.Context, tx database.Tx) error) error {
		return database.InReadTx(ctx, db, func(tx database.Tx) error { return fn(ctx, tx) })
	})
}

// reader runs fn in a transaction that sees one state of the books.
type reader func(fn func(ctx context.Context, tx database.Tx) error) error

// verify reads page by page, each in what read runs: the journal only grows.
func verify(kept *ChainHead, read reader) (Verified, error) {
	var v Verified
	for done := false; !done; {
		err := read(func(ctx context.Context, tx database.Tx) error {
			var err error
			v, done, err = v.page(ctx, tx, kept)
			return err
		})
		if err != nil {
			return v, err
		}
	}
	if kept != nil && v.Head.Seq < kept.Seq {
		return v, &Tampered{Seq: v.Head.Seq + 1, What: "is missing: the chain was longer before"}
	}
	if err := read(verifyDerived); err != nil {
		return v, err
	}
	for _, whole := range []func(context.Context, database.Tx) error{verifyHeadings, verifyControl} {
		if err := read(whole); err != nil {
			return v, err
		}
	}
	for _, page := range []rowPage{verifyOpened, verifyRejections, verifyPending, verifyPeriods} {
		if err := eachPage(read, page); err != nil {
			return v, err
		}
	}
	if err := verifyAccounts(read); err != nil {
		return v, err
	}
	return v, verifyBlocks(read)
}

// page verifies the batches after v.
func (v Verified) page(ctx context.Context, tx database.Tx, kept *ChainHead) (Verified, bool, error) {
	rows, err := tx.Query(ctx, `
		select s.batch_id, coalesce(b.recorded_at, s.recorded_at), coalesce(b.entries, 0), coalesce(b.hash, ''::bytea),
		       s.seq, s.chain_hash, s.known_through, s.late, coalesce(b.totals, '[]'::jsonb)
		  from ledger_seal s left join ledger_batch b on b.id = s.batch_id and b.recorded_at = s.recorded_at
		 where s.seq > $1 order by s.seq limit $2`, v.Head.Seq, verifyBatches)
	if err != nil {
		return v, false, fmt.Errorf("reading the chain: %w", err)
	}
	batches, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sealedBatch])
	if err != nil {
		return v, false, fmt.Errorf("reading the chain: %w", err)
	}
	ids := make([]uuid.UUID, len(batches))
	for i, b := range batches {
		ids[i] = b.ID
	}
	content, err := readContent(ctx, tx, ids)
	if err != nil {
		return v, false, err
	}
	records, err := sealedRecords(ctx, tx, v.Head.Seq, v.Head.Seq+verifyBatches)
	if err != nil {
		return v, false, err
	}
	for _, b := range batches {
		b.records = records[b.Seq].hash
		fault := func(what string) error { return &Tampered{Seq: v.Head.Seq + 1, Batch: b.ID, What: what} }
		if b.Seq != v.Head.Seq+1 {
			return v, false, fault("is missing")
		}
		want := b
		head, through := want.seal(v.Head, v.through)
		if string(head.Hash) != string(b.ChainHash) {
			return v, false, fault("does not continue the chain, or was sealed with other records")
		}
		if want.Late != b.Late || !through.Equal(b.KnownThrough) {
			return v, false, fault("has another instant in the chain than its own")
		}
		lines, err := b.verify(content[b.ID])
		if err != nil {
			return v, false, err
		}
		v.Head, v.through = head, through
		v.Entries += b.Entries
		v.Lines += lines
		v.Records += records[b.Seq].count
		if kept != nil && kept.Seq == b.Seq && string(kept.Hash) != string(b.ChainHash) {
			return v, false, fault("ends another chain than the one that was kept")
		}
	}
	return v, len(batches) < verifyBatches, nil
}

// storedEntry is an entry with its lines exactly as the tables have them.
type storedEntry struct {
	id       uuid.UUID
	hash     []byte
	recorded time.Time
	pos      int64
	entry    ledger.JournalEntry
	accounts []ledger.Account // of its lines: what totals need of them
	fault    string           // what already reading it has shown
}

// storedPlace is where an entry and its lines are.
type storedPlace struct {
	batch uuid.UUID
	pos   int64
}

// verify compares a batch with its entries and returns the number of lines.
func (b sealedBatch) verify(entries []*storedEntry) (int64, error) {
	fault := func(entry uuid.UUID, what string) error {
		return &Tampered{Seq: b.Seq, Batch: b.ID, Entry: entry, What: what}
	}
	var lines int64
	var sums totaller
	items := make([]*item, len(entries))
	for i, e := range entries {
		switch hash := e.entry.Hash(); {
		case e.fault != "":
			return 0, fault(e.id, e.fault)
		case e.entry.ID() != e.id:
			return 0, fault(e.id, "its key does not belong to its id")
		case !e.recorded.Equal(b.RecordedAt):
			return 0, fault(e.id, "its instant of recording is not that of its batch")
		case string(hash[:]) != string(e.hash):
			return 0, fault(e.id, "a field or a line is not as it was posted")
		default:
			items[i] = &item{id: e.id, hash: hash, pos: e.pos}
		}
		lines += int64(len(e.entry.Lines))
		for i, line := range e.entry.Lines {
			sums.add(e.accounts[i], e.entry.EffectiveDate, e.entry.BookingDate, line)
		}
	}
	if int64(len(entries)) != b.Entries {
		return 0, fault(uuid.Nil, fmt.Sprintf("has %d entries, was posted with %d", len(entries), b.Entries))
	}
	if sum := batchHash(b.ID, b.RecordedAt, items); string(sum[:]) != string(b.Hash) {
		return 0, fault(uuid.Nil, "its entries are not those that were posted")
	}
	same, err := sameTotals(sums.list, b.Totals)
	if err != nil {
		return 0, err
	}
	if !same {
		return 0, fault(uuid.Nil, "its totals are not the sums of its lines")
	}
	return lines, nil
}

// readContent reads the entries of batches in their order.
func readContent(ctx context.Context, tx database.Tx, batches []uuid.UUID) (map[uuid.UUID][]*storedEntry, error) {
	rows, err := tx.Query(ctx, `
		select id, key, hash, kind, effective_date, booking_date, recorded_at, reference, description, posted_by,
		       metadata, reverses, batch_id, batch_pos
		  from ledger_entry where batch_id = any($1) order by batch_id, batch_pos`, batches)
	if err != nil {
		return nil, fmt.Errorf("reading entries to verify: %w", err)
	}
	defer rows.Close()
	content := make(map[uuid.UUID][]*storedEntry, len(batches))
	byPlace := map[storedPlace]*storedEntry{}
	for rows.Next() {
		var s storedEntry
		var batch uuid.UUID
		var reverses *uuid.UUID
		e := &s.entry
		err := rows.Scan(&s.id, &e.Key, &s.hash, &e.Kind, &e.EffectiveDate, &e.BookingDate, &s.recorded, &e.Reference,
			&e.Description, &e.PostedBy, &e.Metadata, &reverses, &batch, &s.pos)
		if err != nil {
			return nil, fmt.Errorf("reading entries to verify: %w", err)
		}
		if reverses != nil {
			e.Reverses = *reverses
		}
		content[batch] = append(content[batch], &s)
		byPlace[storedPlace{batch, s.pos}] = &s
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading entries to verify: %w", err)
	}
	return content, readContentLines(ctx, tx, batches, byPlace)
}

func readContentLines(
	ctx context.Context, tx database.Tx, batches []uuid.UUID, byPlace map[storedPlace]*storedEntry,
) error {
	rows, err := tx.Query(ctx, `
		select l.batch_id, l.batch_pos, l.line_no, l.account_id, l.effective_date, l.recorded_at, l.debit, l.credit,
		       coalesce(a.currency, ''), coalesce(a.gl_code, '')
		  from ledger_line l left join ledger_account a on a.id = l.account_id
		 where l.batch_id = any($1) order by l.batch_id, l.batch_pos, l.line_no`, batches)
	if err != nil {
		return fmt.Errorf("reading lines to verify: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var at storedPlace
		var number, debit, credit int64
		var line ledger.Line
		var effective civil.Date
		var recorded time.Time
		var code string
		var account ledger.Account
		err := rows.Scan(&at.batch, &at.pos, &number, &line.AccountID, &effective, &recorded, &debit, &credit, &code,
			&account.GLCode)
		if err != nil {
			return fmt.Errorf("reading lines to verify: %w", err)
		}
		s := byPlace[at]
		if s == nil {
			return &Tampered{Batch: at.batch, What: fmt.Sprintf("has lines at place %d but no entry", at.pos)}
		}
		currency, err := ledger.ParseCurrency(code)
		switch {
		case err != nil:
			s.fault = fmt.Sprintf("the account of line %d is not there", number)
		case number != int64(len(s.entry.Lines)):
			s.fault = fmt.Sprintf("line %d is not there", len(s.entry.Lines))
		case effective != s.entry.EffectiveDate || !recorded.Equal(s.recorded):
			s.fault = fmt.Sprintf("line %d has other dates than its entry", number)
		case debit != 0 && credit != 0:
			s.fault = fmt.Sprintf("line %d has both sides", number)
		}
		account.Currency = currency
		s.accounts = append(s.accounts, account)
		line.Side, line.Amount = ledger.Debit, ledger.NewAmount(debit, currency)
		if debit == 0 {
			line.Side, line.Amount = ledger.Credit, ledger.NewAmount(credit, currency)
		}
		s.entry.Lines = append(s.entry.Lines, line)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading lines to verify: %w", err)
	}
	return nil
}
