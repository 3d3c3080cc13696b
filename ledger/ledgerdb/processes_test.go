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

// TestProcessesShareTheBooks has two processes, each with a pool, a committer, a
// sealer and a clock of its own, post the same keys and spend from one account:
// each key is booked once, nothing is overdrawn, and the chain has every batch.
func TestProcessesShareTheBooks(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	const processes, callers, each, funded = 2, 4, 15, 20
	b.mustPost(noon, move("fund", day(1), b.cash, b.overpaid, fmt.Sprint(funded, ".00")))
	var fresh, spent atomic.Int64
	var sealing, posting sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for p := range processes {
		db, err := database.Open(t.Context(), database.Config{DSN: b.db.Pool().Config().ConnString()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(db.Close)
		skew := time.Duration(p) * 300 * time.Millisecond
		c := ledgerdb.NewCommitter(db, func() time.Time { return time.Now().Add(-skew) })
		t.Cleanup(func() { _ = c.Close(context.Background()) })
		sealing.Go(func() { b.sealUntil(ctx, db) })
		for w := range callers {
			posting.Go(func() {
				for i := range each {
					same := move(fmt.Sprint("same/", w, "/", i), day(2), b.cash, b.income, "1.00")
					posted, err := insist(t, c, same)
					if err != nil {
						t.Error(err)
					} else if !posted[0].Replayed {
						fresh.Add(1)
					}
					spend := move(fmt.Sprint("spend/", p, "/", w, "/", i), day(2), b.overpaid, b.cash, "1.00")
					_, err = insist(t, c, spend)
					if err == nil {
						spent.Add(1)
					} else if !errors.Is(err, ledger.LimitExceeded) {
						t.Error(err)
					}
				}
			})
		}
	}
	posting.Wait()
	stop()
	sealing.Wait()
	if fresh.Load() != callers*each || spent.Load() != funded {
		t.Errorf("%d first posts of %d keys, %d of %d spent", fresh.Load(), callers*each, spent.Load(), funded)
	}
	if _, err := ledgerdb.SealAll(t.Context(), b.db); err != nil {
		t.Fatal(err)
	}
	if err := b.compareSums(ledgerdb.Ever); err != nil {
		t.Error(err)
	}
	v, err := ledgerdb.Verify(t.Context(), b.db, nil)
	if want := int64(1 + callers*each + funded); err != nil || v.Entries != want {
		t.Errorf("verified %d entries, want %d: %v", v.Entries, want, err)
	}
}
