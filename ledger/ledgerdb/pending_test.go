package ledgerdb_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// TestOneEndOfAPendingEntryWins has posting, voiding and expiry race for the
// same pending entries: each gets exactly one end, and what was reserved is
// given back once.
func TestOneEndOfAPendingEntryWins(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	s := store{ctx: t.Context(), db: b.db}
	b.mustPost(noon, move("fund", day(1), b.cash, b.overpaid, "100.00"))
	const rounds = 8
	later := noon.Add(time.Hour)
	for round := range rounds {
		key := fmt.Sprint("pending/", round)
		p := ledger.Pending{JournalEntry: move(key, day(1), b.overpaid, b.cash, "10.00"), ExpiresAt: noon.Add(time.Minute)}
		if _, err := s.OpenPending(noon, p); err != nil {
			t.Fatal(err)
		}
		var ends atomic.Int64
		var wg sync.WaitGroup
		race := func(end func() error) {
			wg.Go(func() {
				switch err := end(); {
				case err == nil:
					ends.Add(1)
				case !errors.Is(err, ledger.PendingResolved):
					t.Error(err)
				}
			})
		}
		for i := range 2 {
			race(func() error { _, err := s.PostPending(noon, key, fmt.Sprint(key, "/post/", i), nil); return err })
		}
		race(func() error { return s.VoidPending(noon, key) })
		race(func() error {
			var expired int
			err := s.in(func(tx database.Tx) error {
				var err error
				expired, err = ledgerdb.ExpirePending(context.Background(), tx, later, 10)
				return err
			})
			if err == nil && expired == 0 {
				return ledger.PendingResolved // another end was faster
			}
			return err
		})
		wg.Wait()
		if ends.Load() != 1 {
			t.Errorf("round %d: %d ends", round, ends.Load())
		}
	}
	left, err := s.Available(noon, b.overpaid.ID())
	if err != nil {
		t.Fatal(err)
	}
	if got := b.net(b.overpaid, ledgerdb.At{}); got != left.Text() {
		t.Errorf("balance %s, available %s with nothing pending", got, left.Text())
	}
	_, err = s.Post(noon, move("all", day(1), b.overpaid, b.cash, left.Text()))
	if err != nil {
		t.Errorf("spending all that is available: %v", err)
	}
	if _, err := ledgerdb.SealAll(t.Context(), b.db); err != nil {
		t.Fatal(err)
	}
	if _, err := ledgerdb.Verify(t.Context(), b.db, nil); err != nil {
		t.Error(err)
	}
}

// TestARefusedSettlementLeavesItsKeyFree settles a pending entry into a closed
// period: the rejection rolls back with its transaction, so that the key may
// still name another entry.
func TestARefusedSettlementLeavesItsKeyFree(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	s := store{ctx: t.Context(), db: b.db}
	p := ledger.Pending{JournalEntry: move("pending", day(1), b.cash, b.income, "10.00")}
	if _, err := s.OpenPending(noon, p); err != nil {
		t.Fatal(err)
	}
	if err := s.ClosePeriod(noon, day(5)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PostPending(noon, "pending", "settle", nil); !errors.Is(err, ledger.PeriodClosed) {
		t.Fatalf("settling into a closed period: %v", err)
	}
	if _, err := b.committer().Post(t.Context(), move("settle", day(6), b.cash, b.income, "3.00")); err != nil {
		t.Errorf("another entry under the same key: %v", err)
	}
}
