package ledgerdb_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/ledger/ledgertest"
)

// store is the ledger in a database as scripts and the model see it.
type store struct {
	ctx context.Context
	db  *database.DB
}

func (s store) in(fn func(tx database.Tx) error) error { return database.InTx(s.ctx, s.db, fn) }

func (s store) OpenGL(gl ledger.GLAccount) error {
	return s.in(func(tx database.Tx) error { return ledgerdb.OpenGL(s.ctx, tx, noon, gl) })
}

func (s store) OpenAccount(a ledger.Account) error {
	return s.in(func(tx database.Tx) error { return ledgerdb.OpenAccounts(s.ctx, tx, noon, a) })
}

func (s store) Post(now time.Time, e ledger.JournalEntry) (bool, error) {
	var replayed bool
	err := s.in(func(tx database.Tx) error {
		posted, err := ledgerdb.Post(s.ctx, tx, now, e)
		if err != nil {
			return err
		}
		replayed = posted[0].Replayed
		return nil
	})
	return replayed, err
}

func (s store) Balance(id uuid.UUID, effective civil.Date, known time.Time) (ledger.Balance, error) {
	var balance ledger.Balance
	err := database.InReadTx(s.ctx, s.db, func(tx database.Tx) error {
		all, err := ledgerdb.Balances(s.ctx, tx, ledgerdb.At{Effective: effective, Known: known}, id)
		balance = all[id]
		return err
	})
	return balance, err
}

func (s store) SetClosed(id uuid.UUID, closed bool) error {
	return s.in(func(tx database.Tx) error {
		if closed {
			return ledgerdb.CloseAccount(s.ctx, tx, id)
		}
		return ledgerdb.ReopenAccount(s.ctx, tx, id)
	})
}

func (s store) ClosePeriod(now time.Time, through civil.Date) error {
	return s.in(func(tx database.Tx) error {
		_, err := ledgerdb.ClosePeriod(s.ctx, tx, now, uuid.New(), through, "test", "month end")
		return err
	})
}

func (s store) OpenPending(now time.Time, p ledger.Pending) (bool, error) {
	var posted ledgerdb.Posted
	err := s.in(func(tx database.Tx) error {
		var err error
		posted, err = ledgerdb.OpenPending(s.ctx, tx, now, p)
		return err
	})
	return posted.Replayed, err
}

func (s store) PostPending(now time.Time, pending, key string, lines []ledger.Line) (bool, error) {
	var posted ledgerdb.Posted
	err := s.in(func(tx database.Tx) error {
		var err error
		how := ledgerdb.PendingPost{Key: key, Lines: lines}
		posted, err = ledgerdb.PostPending(s.ctx, tx, now, ledger.PendingID(pending), how)
		return err
	})
	return posted.Replayed, err
}

func (s store) VoidPending(now time.Time, pending string) error {
	return s.in(func(tx database.Tx) error {
		return ledgerdb.VoidPending(s.ctx, tx, now, ledger.PendingID(pending), "test")
	})
}

func (s store) ExpirePending(now time.Time) error {
	return s.in(func(tx database.Tx) error {
		_, err := ledgerdb.ExpirePending(s.ctx, tx, now, 100)
		return err
	})
}

func (s store) Available(now time.Time, id uuid.UUID) (ledger.Amount, error) {
	var left ledger.Amount
	err := database.InReadTx(s.ctx, s.db, func(tx database.Tx) error {
		account, err := ledgerdb.Account(s.ctx, tx, id)
		if err != nil {
			return err
		}
		balance, err := ledgerdb.BalanceOf(s.ctx, tx, account, ledgerdb.Ever)
		if err != nil {
			return err
		}
		debits, credits, err := ledgerdb.PendingOn(s.ctx, tx, account, now)
		if err != nil {
			return err
		}
		left, err = balance.Available(account.NormalSide, debits, credits)
		return err
	})
	return left, err
}

// TestScripts holds the store to the same cases as the model.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("finding scripts: %v, %d files", err, len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			ledgertest.Run(t, string(script), store{ctx: t.Context(), db: dbtest.New(t, "core")})
		})
	}
}
