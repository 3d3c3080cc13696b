package ledgerdb_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// sealedBooks posts a few batches, one of several entries, with a reversal and
// an account that has a limit, and seals them.
func sealedBooks(t *testing.T) (*books, ledgerdb.ChainHead) {
	t.Helper()
	b := openBooks(t)
	first := move("chain/1", day(1), b.cash, b.overpaid, "100.00")
	b.mustPost(noon, first)
	b.mustPost(noon.Add(time.Second),
		move("chain/2", day(2), b.portfolio, b.cash, "7.00"), move("chain/3", day(2), b.portfolio, b.cash, "7.00"),
		move("chain/4", day(3), b.overpaid, b.income, "1.50"))
	b.mustPost(noon.Add(2*time.Second), move("chain/2", day(2), b.portfolio, b.cash, "7.00"),
		move("chain/5", day(4), b.cash, b.portfolio, "3.00"))
	b.mustPost(noon.Add(3*time.Second),
		move("chain/4", day(3), b.overpaid, b.income, "1.50").Reverse(ledger.Reversal{Key: "chain/6", EffectiveDate: day(5)}))
	head, err := ledgerdb.SealAll(t.Context(), b.db)
	if err != nil {
		t.Fatal(err)
	}
	return b, head
}

func TestVerifyCountsWhatItSaw(t *testing.T) {
	t.Parallel()
	b, head := sealedBooks(t)
	if head.Seq != 4 {
		t.Errorf("%d batches sealed, want 4", head.Seq)
	}
	v, err := ledgerdb.Verify(t.Context(), b.db, &head)
	if err != nil {
		t.Fatal(err)
	}
	if v.Head.Seq != 4 || v.Entries != 6 || v.Lines != 12 || v.Records < 10 {
		t.Errorf("verified %+v, want 4 batches, 6 entries, 12 lines, the records of a chart and two accounts", v)
	}
	again, err := ledgerdb.SealAll(t.Context(), b.db)
	if err != nil || again.Seq != head.Seq || string(again.Hash) != string(head.Hash) {
		t.Errorf("sealing nothing: %v, %v", again, err)
	}
	b.mustPost(noon, move("chain/late", day(1), b.cash, b.income, "1.00")) // recorded before the others
	if head, err = ledgerdb.SealAll(t.Context(), b.db); err != nil || head.Seq != 5 {
		t.Errorf("a batch with an early instant: head %d, %v; want 5", head.Seq, err)
	}
	if _, err = ledgerdb.Verify(t.Context(), b.db, nil); err != nil {
		t.Error(err)
	}
	longer := ledgerdb.ChainHead{Seq: 6, Hash: []byte("x")}
	if _, err = ledgerdb.Verify(t.Context(), b.db, &longer); !errors.Is(err, ledgerdb.ErrTampered) {
		t.Errorf("a chain shorter than the kept head: %v", err)
	}
	other := ledgerdb.ChainHead{Seq: 3, Hash: []byte("x")}
	if _, err = ledgerdb.Verify(t.Context(), b.db, &other); !errors.Is(err, ledgerdb.ErrTampered) {
		t.Errorf("a chain other than the kept one: %v", err)
	}
}

// ofEntry picks the lines of the entry $1.
const ofEntry = `(batch_id, batch_pos) = (select batch_id, batch_pos from ledger_entry where id = $1)`

// onEntry picks the account of its first line, and ofHeading the heading of that.
const (
	onEntry   = `id = (select account_id from ledger_line where ` + ofEntry + ` and line_no = 0)`
	ofHeading = `code = (select gl_code from ledger_account where ` + onEntry + `)`
)

// tamperings change one thing each in a row that $1 picks by its place.
var tamperings = []string{
	`update ledger_entry set key = key || 'x' where id = $1`,
	`update ledger_entry set kind = 'X' where id = $1`,
	`update ledger_entry set effective_date = '2026-03-20' where id = $1`,
	`update ledger_entry set booking_date = '2026-03-20' where id = $1`,
	`update ledger_entry set recorded_at = '2026-03-20 00:00:00+00' where id = $1`,
	`update ledger_entry set reference = '' where id = $1`,
	`update ledger_entry set description = 'x' where id = $1`,
	`update ledger_entry set posted_by = 'x' where id = $1`,
	`update ledger_entry set metadata = '{"loan_id": "x"}' where id = $1`,
	`update ledger_entry set reverses = '5a1f8a2e-5c3e-4a8e-9b1c-0d2f4a6b8c0e' where id = $1`,
	`update ledger_entry set hash = '\x00' where id = $1`,
	`update ledger_entry set batch_pos = batch_pos + 10 where id = $1`,
	`update ledger_entry set batch_id = '5a1f8a2e-5c3e-4a8e-9b1c-0d2f4a6b8c0e' where id = $1`,
	`update ledger_entry set id = '5a1f8a2e-5c3e-4a8e-9b1c-0d2f4a6b8c0e' where id = $1`,
	`delete from ledger_entry where id = $1`,
	`update ledger_line set debit = debit + 1 where ` + ofEntry + ` and debit > 0`,
	`update ledger_line set credit = credit + 1 where ` + ofEntry + ` and credit > 0`,
	`update ledger_line set debit = debit + 1, credit = 0 where ` + ofEntry + ` and debit > 0`,
	`update ledger_line set debit = credit, credit = debit where ` + ofEntry,
	`update ledger_line set debit = debit + case when debit > 0 then 1 else 0 end,
	        credit = credit + case when credit > 0 then 1 else 0 end where ` + ofEntry,
	`update ledger_line set effective_date = '2026-03-20' where ` + ofEntry,
	`update ledger_line set recorded_at = '2026-03-20 00:00:00+00' where ` + ofEntry,
	`update ledger_line set line_no = line_no + 5 where ` + ofEntry,
	`update ledger_line set account_id = '5a1f8a2e-5c3e-4a8e-9b1c-0d2f4a6b8c0e' where ` + ofEntry + ` and line_no = 0`,
	`update ledger_line set batch_id = '5a1f8a2e-5c3e-4a8e-9b1c-0d2f4a6b8c0e' where ` + ofEntry,
	`delete from ledger_line where ` + ofEntry + ` and line_no = 1`,
	`delete from ledger_line where ` + ofEntry,
	`update ledger_batch set entries = entries + 1 where id = (select batch_id from ledger_entry where id = $1)`,
	`update ledger_batch set recorded_at = '2026-03-20 00:00:00+00'
	  where id = (select batch_id from ledger_entry where id = $1)`,
	`update ledger_batch set hash = '\x00' where id = (select batch_id from ledger_entry where id = $1)`,
	`update ledger_seal set chain_hash = '\x00' where batch_id = (select batch_id from ledger_entry where id = $1)`,
	`update ledger_seal set seq = seq + 100 where batch_id = (select batch_id from ledger_entry where id = $1)`,
	`update ledger_seal set recorded_at = '2026-03-20 00:00:00+00'
	  where batch_id = (select batch_id from ledger_entry where id = $1)`,
	`update ledger_seal set known_through = '2026-03-20 00:00:00+00'
	  where batch_id = (select batch_id from ledger_entry where id = $1)`,
	`update ledger_seal set late = not late where batch_id = (select batch_id from ledger_entry where id = $1)`,
	`update ledger_seal set batch_id = '5a1f8a2e-5c3e-4a8e-9b1c-0d2f4a6b8c0e'
	  where batch_id = (select batch_id from ledger_entry where id = $1)`,
	`delete from ledger_seal where batch_id = (select batch_id from ledger_entry where id = $1)`,
	`insert into ledger_unsealed (recorded_at, batch_id)
	 select recorded_at, batch_id from ledger_entry where id = $1`,
	`delete from ledger_batch where id = (select batch_id from ledger_entry where id = $1)`,
	`update ledger_account set currency = 'USD'
	  where id = (select account_id from ledger_line where ` + ofEntry + ` and line_no = 0)`,
	`update ledger_account set name = name || 'x' where ` + onEntry,
	`update ledger_account set metadata = '{"owner": "x"}' where ` + onEntry,
	`update ledger_account set limit_rule = 'CREDITS_MUST_NOT_EXCEED_DEBITS' where ` + onEntry,
	`update ledger_account set type = 'EQUITY' where ` + onEntry,
	`update ledger_account set normal_side = case when normal_side = 'DEBIT' then 'CREDIT' else 'DEBIT' end where ` +
		onEntry,
	`update ledger_account set created_at = '2026-03-20 00:00:00+00' where ` + onEntry,
	`update ledger_gl set name = name || 'x' where ` + ofHeading,
	`update ledger_gl set type = 'EQUITY' where ` + ofHeading,
	`update ledger_gl set normal_side = case when normal_side = 'DEBIT' then 'CREDIT' else 'DEBIT' end where ` +
		ofHeading,
	`delete from ledger_reversal where reverses = $1 or entry_id = $1 or true`,
	`insert into ledger_reversal (reverses, entry_id) values ($1, '5a1f8a2e-5c3e-4a8e-9b1c-0d2f4a6b8c0e')
	 on conflict (reverses) do update set entry_id = excluded.entry_id`,
	`update ledger_limit set credits = credits + 1 where account_id <> $1`,
	`update ledger_account set closed = not closed where ` + onEntry,
	`delete from ledger_account where id = (
	     select a.id from ledger_account a left join ledger_line l on l.account_id = a.id
	      where l.account_id is null and a.id <> $1 order by a.id limit 1)`,
	`delete from ledger_gl where code = (
	     select g.code from ledger_gl g left join ledger_account a on a.gl_code = g.code and a.id <> $1
	      where g.code <> '' order by a.id nulls first, g.code limit 1)`,
	`update ledger_control set closed_through = '2020-01-31'
	  where id = 1 and $1 <> '00000000-0000-0000-0000-000000000000'::uuid`,
	`update ledger_control set account_epoch = account_epoch + 1
	  where id = 1 and $1 <> '00000000-0000-0000-0000-000000000000'::uuid`,
	`delete from ledger_control where id = 1 and $1 <> '00000000-0000-0000-0000-000000000000'::uuid`,
	`delete from ledger_record where kind = 'HEADING' and subject <> $1`,
	`update ledger_record set seq = seq + 1 where kind = 'ACCOUNT' and subject <> $1`,
	`insert into ledger_record (seq, kind, subject, number, hash) values (2, 'REJECTION', $1, 0, ''::bytea)`,
	`insert into ledger_unsealed_record (kind, subject, number, hash) values ('CLOSED', $1, 1, ''::bytea)`,
	`insert into ledger_unsealed_record (kind, subject, number, hash)
	 select kind, subject, number, hash from ledger_record where subject <> $1`,
}

// TestVerifyFindsEveryTampering changes one row behind the ledger's back, of
// any column and kind, and rolls that back after verify had its say.
func TestVerifyFindsEveryTampering(t *testing.T) {
	t.Parallel()
	b, head := sealedBooks(t)
	keys := []string{"chain/1", "chain/2", "chain/3", "chain/4", "chain/5", "chain/6"}
	try := func(sql string, id uuid.UUID) error {
		undo := errors.New("undo")
		var verdict error
		err := database.InTx(context.Background(), b.db, func(tx database.Tx) error {
			tag, err := tx.Exec(context.Background(), sql, id)
			if err != nil {
				return err
			}
			if tag.RowsAffected() == 0 {
				return fmt.Errorf("nothing was changed by %s", sql)
			}
			_, verdict = ledgerdb.VerifyTx(context.Background(), tx, &head)
			return undo
		})
		if !errors.Is(err, undo) {
			return err
		}
		if !errors.Is(verdict, ledgerdb.ErrTampered) {
			return fmt.Errorf("not found (%w): %s", verdict, sql)
		}
		return nil
	}
	for _, sql := range tamperings {
		if err := try(sql, ledger.EntryID("chain/3")); err != nil {
			t.Error(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		sql := rapid.SampledFrom(tamperings).Draw(t, "sql")
		if err := try(sql, ledger.EntryID(rapid.SampledFrom(keys).Draw(t, "entry"))); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := ledgerdb.Verify(t.Context(), b.db, &head); err != nil {
		t.Errorf("after all was rolled back: %v", err)
	}
}

// TestSealingRunsBesidePosting seals from two sides while others post: every
// batch is sealed once and none is passed over.
func TestSealingRunsBesidePosting(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	c := b.committer()
	ctx, cancel := context.WithCancel(t.Context())
	var sealers, posters sync.WaitGroup
	for range 2 {
		sealers.Go(func() { b.sealUntil(ctx, b.db) })
	}
	const writers, each = 6, 20
	for w := range writers {
		posters.Go(func() {
			for i := range each {
				e := move(fmt.Sprintf("s/%d/%d", w, i), day(1), b.cash, b.income, "1.00")
				if _, err := insist(t, c, e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	posters.Wait()
	cancel()
	sealers.Wait()
	if _, err := ledgerdb.SealAll(t.Context(), b.db); err != nil {
		t.Fatal(err)
	}
	v, err := ledgerdb.Verify(t.Context(), b.db, nil)
	if err != nil || v.Entries != writers*each {
		t.Errorf("verified %d entries, want %d: %v", v.Entries, writers*each, err)
	}
}
