package ledgerdb_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// TestVerifyIsNotDeceivedByAHashMadeAnew rewrites rows together with the hashes
// that they carry, before and after their records are sealed.
func TestVerifyIsNotDeceivedByAHashMadeAnew(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	idle := b.portfolio
	idle.Code, idle.Name = "idle", "Idle"
	b.must(func(ctx context.Context, tx database.Tx) error { return ledgerdb.OpenAccounts(ctx, tx, noon, idle) })
	renamed := idle
	renamed.Name = "Renamed"
	hash := ledgerdb.AccountHash(renamed, noon)
	forgeries := []func(ctx context.Context, tx database.Tx) error{
		func(ctx context.Context, tx database.Tx) error {
			return changed(tx.Exec(ctx, `update ledger_account set name = $2, row_hash = $3 where id = $1`,
				idle.ID(), renamed.Name, hash))
		},
		func(ctx context.Context, tx database.Tx) error {
			return changed(tx.Exec(ctx, `delete from ledger_account where id = $1`, idle.ID()))
		},
	}
	b.mustFind(idle.ID(), forgeries...)
	b.mustPost(noon, move("any", day(1), b.cash, b.overpaid, "1.00"))
	if _, err := ledgerdb.SealAll(t.Context(), b.db); err != nil {
		t.Fatal(err)
	}
	b.mustFind(idle.ID(), forgeries...)
	b.mustFind(uuid.Nil, func(ctx context.Context, tx database.Tx) error { // and the record as well
		return errors.Join(forgeries[0](ctx, tx),
			changed(tx.Exec(ctx, `update ledger_record set hash = $2 where subject = $1`, idle.ID(), hash)))
	}, func(ctx context.Context, tx database.Tx) error {
		return errors.Join(forgeries[1](ctx, tx),
			changed(tx.Exec(ctx, `delete from ledger_record where subject = $1`, idle.ID())))
	})
}

// mustFind makes each change, holds that verify names what, if anything, and
// undoes it.
func (b *books) mustFind(what uuid.UUID, changes ...func(ctx context.Context, tx database.Tx) error) {
	b.t.Helper()
	undo := errors.New("undo")
	for i, change := range changes {
		err := b.in(func(ctx context.Context, tx database.Tx) error {
			if err := change(ctx, tx); err != nil {
				return err
			}
			_, err := ledgerdb.VerifyTx(ctx, tx, nil)
			var tampered *ledgerdb.Tampered
			if !errors.As(err, &tampered) || (what != uuid.Nil && tampered.Entry != what) {
				return fmt.Errorf("change %d: verified with %w", i, err)
			}
			return undo
		})
		if !errors.Is(err, undo) {
			b.t.Error(err)
		}
	}
}

func changed(tag interface{ RowsAffected() int64 }, err error) error {
	if err == nil && tag.RowsAffected() != 1 {
		err = fmt.Errorf("%d rows changed", tag.RowsAffected())
	}
	return err
}

// TestRecordsAreSealedOnce opens accounts and keeps answers, each of them twice,
// and seals in between: every record is in the chain once.
func TestRecordsAreSealedOnce(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	c := b.committer()
	for i := range 20 {
		account := b.portfolio
		account.Code = fmt.Sprint("own/", i)
		b.must(func(ctx context.Context, tx database.Tx) error { return ledgerdb.OpenAccounts(ctx, tx, noon, account) })
		b.must(func(ctx context.Context, tx database.Tx) error { return ledgerdb.OpenAccounts(ctx, tx, noon, account) })
		over := move(fmt.Sprint("over/", i), day(1), b.overpaid, b.income, "1000000.00")
		for range 2 {
			if _, err := c.Post(t.Context(), over); !errors.Is(err, ledger.LimitExceeded) {
				t.Fatal(err)
			}
		}
		b.mustPost(noon.Add(time.Duration(i)*time.Second), move(fmt.Sprint("in/", i), day(1), account, b.cash, "1.00"))
		if _, err := ledgerdb.SealAll(t.Context(), b.db); err != nil {
			t.Fatal(err)
		}
	}
	before, err := ledgerdb.Verify(t.Context(), b.db, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledgerdb.SealAll(t.Context(), b.db); err != nil {
		t.Fatal(err)
	}
	after, err := ledgerdb.Verify(t.Context(), b.db, &before.Head)
	if err != nil || after.Records != before.Records {
		t.Errorf("%d records, then %d: %v", before.Records, after.Records, err)
	}
	var waiting, accounts, kept int64
	b.must(func(ctx context.Context, tx database.Tx) error {
		return tx.QueryRow(ctx, `
			select (select count(*) from ledger_unsealed_record),
			       (select count(*) from ledger_record where kind = 'ACCOUNT'),
			       (select count(*) from ledger_record where kind = 'REJECTION')`).Scan(&waiting, &accounts, &kept)
	})
	if waiting != 0 || kept != 20 || accounts < 22 {
		t.Errorf("%d records wait, %d accounts and %d rejections are sealed", waiting, accounts, kept)
	}
}
