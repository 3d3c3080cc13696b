package ledgerdb_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/pgfault"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// TestOneReversalWins has many reverse the same entry at once.
func TestOneReversalWins(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	original := move("original", day(1), b.portfolio, b.cash, "10.00")
	b.mustPost(noon, original)
	var won atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			mirror := original.Reverse(ledger.Reversal{Key: fmt.Sprint("mirror/", i), EffectiveDate: day(2)})
			_, err := b.post(noon, mirror)
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, ledger.AlreadyReversed):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || b.net(b.cash, ledgerdb.At{}) != "0.00" {
		t.Errorf("%d reversals, cash %s", won.Load(), b.net(b.cash, ledgerdb.At{}))
	}
}

// TestARefusedReversalClaimsNothing has two entries of one commit reverse the
// same one: a first that is refused leaves it to the second, and a first that is
// posted does not.
func TestARefusedReversalClaimsNothing(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	original := move("original", day(1), b.portfolio, b.cash, "10.00")
	b.mustPost(noon, original)
	mirror := func(key string) ledger.JournalEntry {
		return original.Reverse(ledger.Reversal{Key: key, EffectiveDate: day(2)})
	}
	bent := mirror("bent")
	bent.Lines = move("bent", day(2), b.cash, b.portfolio, "9.00").Lines
	results := b.committer().PostEach(t.Context(), []ledger.JournalEntry{bent, mirror("true"), mirror("late")})
	if err := results[0].Err; err == nil || errors.Is(err, ledger.AlreadyReversed) {
		t.Errorf("a reversal that mirrors nothing: %v", err)
	}
	if err := results[1].Err; err != nil {
		t.Errorf("the reversal behind it: %v", err)
	}
	if err := results[2].Err; !errors.Is(err, ledger.AlreadyReversed) {
		t.Errorf("a second one: %v", err)
	}
}

// TestLostAnswersLoseNothing cuts the connection around every third COMMIT,
// before or after the database has seen it: every entry is posted once and its
// caller is told so.
func TestLostAnswersLoseNothing(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	dsn, err := url.Parse(b.db.Pool().Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	proxy, err := pgfault.Start(t.Context(), dsn.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	dsn.Host = proxy.Addr()
	db, err := database.Open(t.Context(), database.Config{DSN: dsn.String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	if db.Engine() != database.PostgreSQL {
		t.Skipf("NOT CHECKED on %s: the proxy speaks to PostgreSQL", db.Engine())
	}
	var commits atomic.Int64
	proxy.SetPlan(func(p pgfault.Point) pgfault.Fault {
		if !p.Commit {
			return pgfault.None
		}
		switch commits.Add(1) % 6 {
		case 2:
			return pgfault.CutAfter
		case 4:
			return pgfault.CutBefore
		}
		return pgfault.None
	})
	c := ledgerdb.NewCommitter(db, time.Now)
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	const entries = 30
	for i := range entries {
		posted, err := c.Post(t.Context(), move(fmt.Sprint("payment/", i), day(1), b.cash, b.income, "1.00"))
		if err != nil {
			t.Errorf("entry %d: %v", i, err)
		} else if posted[0].Replayed {
			t.Errorf("entry %d is said to be a replay of itself", i)
		}
	}
	if commits.Load() <= entries {
		t.Errorf("%d commits: no answer was lost", commits.Load())
	}
	if got := b.net(b.income, ledgerdb.At{}); got != fmt.Sprint(entries, ".00") {
		t.Errorf("income %s, want %d.00", got, entries)
	}
}
