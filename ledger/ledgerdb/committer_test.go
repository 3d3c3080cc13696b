package ledgerdb_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// committer returns a committer whose clock moves a millisecond per reading.
func (b *books) committer() *ledgerdb.Committer {
	var ticks atomic.Int64
	c := ledgerdb.NewCommitter(b.db, func() time.Time {
		return noon.Add(time.Duration(ticks.Add(1)) * time.Millisecond)
	})
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			b.t.Error(err)
		}
	})
	return c
}

func (b *books) trial() ledgerdb.TrialBalance {
	b.t.Helper()
	var report ledgerdb.TrialBalance
	b.must(func(ctx context.Context, tx database.Tx) error {
		var err error
		report, err = ledgerdb.Trial(ctx, tx, ledgerdb.At{}, ledgerdb.ByEffective)
		return err
	})
	for _, total := range report.Totals {
		if !total.Difference.IsZero() {
			b.t.Errorf("the books differ by %s", total.Difference)
		}
	}
	return report
}

// insist posts as a client does that is told to come again: with the same keys,
// until the writers of a busy machine leave it room.
func insist(t *testing.T, c *ledgerdb.Committer, entries ...ledger.JournalEntry) (posted []ledgerdb.Posted, err error) {
	err = insisting(func() error {
		posted, err = c.Post(t.Context(), entries...)
		return err
	})
	return posted, err
}

// TestManyWritersNeverOverdraw has several committers, as several processes
// would be, spend from one account with a limit and post to hot ones.
func TestManyWritersNeverOverdraw(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	const funded, spenders, each = 100, 16, 12 // 192 attempts to spend 1.00 of 100.00
	b.mustPost(noon, move("fund", day(1), b.cash, b.overpaid, fmt.Sprint(funded, ".00")))
	committers := []*ledgerdb.Committer{b.committer(), b.committer(), b.committer()}
	var spent, refused atomic.Int64
	var wg sync.WaitGroup
	for s := range spenders {
		wg.Go(func() {
			for i := range each {
				spend := move(fmt.Sprintf("spend/%d/%d", s, i), day(2), b.overpaid, b.cash, "1.00")
				_, err := insist(t, committers[s%len(committers)], spend)
				switch {
				case err == nil:
					spent.Add(1)
				case errors.Is(err, ledger.LimitExceeded):
					refused.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if spent.Load() != funded || refused.Load() != spenders*each-funded {
		t.Errorf("%d spent and %d refused, want %d and %d", spent.Load(), refused.Load(), funded, spenders*each-funded)
	}
	if got := b.net(b.overpaid, ledgerdb.At{}); got != "0.00" {
		t.Errorf("balance %s after all was spent", got)
	}
	b.trial()
}

// TestManyWritersPostEachKeyOnce has many writers post the same keys at once.
func TestManyWritersPostEachKeyOnce(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	const writers, keys = 12, 40
	committers := []*ledgerdb.Committer{b.committer(), b.committer()}
	var fresh atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for k := range keys {
				entry := move(fmt.Sprint("payment/", k), day(1), b.cash, b.portfolio, "1.00")
				posted, err := insist(t, committers[w%2], entry)
				if err != nil {
					t.Error(err)
				} else if !posted[0].Replayed {
					fresh.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if fresh.Load() != keys {
		t.Errorf("%d first posts of %d keys", fresh.Load(), keys)
	}
	if got := b.net(b.cash, ledgerdb.At{}); got != fmt.Sprint(keys, ".00") {
		t.Errorf("cash %s, want %d.00", got, keys)
	}
}

// TestWritersWithTheirOwnTransactions post to the same hot accounts through
// Post, as the services around loans do.
func TestWritersWithTheirOwnTransactions(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	const writers, each = 8, 15
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				_, err := b.post(noon, move(fmt.Sprintf("own/%d/%d", w, i), day(1), b.cash, b.income, "1.00"))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := b.net(b.income, ledgerdb.At{}); got != fmt.Sprint(writers*each, ".00") {
		t.Errorf("income %s, want %d.00", got, writers*each)
	}
}

func TestARejectionIsRememberedUnderItsKey(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	c := b.committer()
	spend := move("spend/1", day(2), b.overpaid, b.cash, "1.00")
	if _, err := c.Post(t.Context(), spend); !errors.Is(err, ledger.LimitExceeded) {
		t.Fatalf("spending nothing: %v", err)
	}
	if _, err := c.Post(t.Context(), move("fund/1", day(1), b.cash, b.overpaid, "5.00")); err != nil {
		t.Fatal(err)
	}
	_, err := c.Post(t.Context(), spend)
	rejection, ok := ledger.AsRejection(err)
	if !ok || rejection.Code != ledger.LimitExceeded || rejection.FieldName() != "lines[0].amount" {
		t.Errorf("the same key later: %v, want the first answer", err)
	}
	spend.Description = "another"
	if _, err := c.Post(t.Context(), spend); !errors.Is(err, ledger.ErrKeyReused) {
		t.Errorf("the key of a rejected entry for another one: %v", err)
	}
	if _, err := c.Post(t.Context(), move("spend/2", day(2), b.overpaid, b.cash, "1.00")); err != nil {
		t.Errorf("a new key: %v", err)
	}
	unbalanced := move("spend/3", day(2), b.overpaid, b.cash, "1.00")
	unbalanced.Lines[0].Amount = rupees("2.00")
	if _, err := c.Post(t.Context(), unbalanced); !errors.Is(err, ledger.Unbalanced) {
		t.Errorf("unbalanced: %v", err)
	}
	if _, err := c.Post(t.Context(), move("spend/3", day(2), b.overpaid, b.cash, "1.00")); err != nil {
		t.Errorf("an entry corrected under the same key: %v", err)
	}
}

func TestLinkedEntriesAreAllOrNone(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	c := b.committer()
	fund := move("a/fund", day(1), b.cash, b.overpaid, "5.00")
	tooMuch := move("a/spend", day(1), b.overpaid, b.cash, "5.01")
	_, err := c.Post(t.Context(), fund, tooMuch)
	var fault *ledgerdb.EntryError
	if !errors.As(err, &fault) || fault.Index != 1 || !errors.Is(err, ledger.LimitExceeded) {
		t.Errorf("got %v, want LIMIT_EXCEEDED at entry 1", err)
	}
	if got := b.net(b.overpaid, ledgerdb.At{}); got != "0.00" {
		t.Errorf("balance %s: the group left something behind", got)
	}
	posted, err := c.Post(t.Context(), fund, move("a/spend2", day(1), b.overpaid, b.cash, "5.00"))
	if err != nil {
		t.Fatal(err)
	}
	if got := posted[0].Balances[0].Net.Text() + " " + posted[1].Balances[0].Net.Text(); got != "5.00 0.00" {
		t.Errorf("balances after each entry: %s", got)
	}
	b.trial()
}

func TestANeighboursRejectionDoesNotMatter(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	results := b.committer().PostEach(t.Context(), []ledger.JournalEntry{
		move("n/1", day(1), b.cash, b.overpaid, "5.00"),
		move("n/2", day(1), b.overpaid, b.cash, "6.00"),
		move("n/3", day(1), b.overpaid, b.cash, "5.00"),
		move("n/1", day(1), b.cash, b.overpaid, "5.00"),
		move("n/1", day(1), b.cash, b.overpaid, "5.01"),
		{Key: "n/4"},
	})
	want := []error{nil, ledger.LimitExceeded, nil, nil, ledger.ErrKeyReused, ledger.FieldInvalid}
	for i, r := range results {
		if !errors.Is(r.Err, want[i]) {
			t.Errorf("entry %d: %v, want %v", i, r.Err, want[i])
		}
	}
	if !results[3].Posted.Replayed || results[3].Posted.ID != results[0].Posted.ID {
		t.Errorf("the repeated entry: %+v", results[3].Posted)
	}
	if got := b.net(b.overpaid, ledgerdb.At{}); got != "0.00" {
		t.Errorf("balance %s, want 0.00", got)
	}
}

// TestRepeatsOfAKeyInOneCallAreAnsweredInTurn: the model once got a replay where
// the store said that the key was used for another entry, of a key that a call
// repeated after one that could never be booked.
func TestRepeatsOfAKeyInOneCallAreAnsweredInTurn(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	unsound := move("key/1", day(1), b.cash, b.portfolio, "1.00")
	unsound.Lines = unsound.Lines[:1]
	sound := move("key/1", day(1), b.cash, b.portfolio, "2.00")
	other := move("key/1", day(1), b.cash, b.portfolio, "3.00")
	results := b.committer().PostEach(t.Context(), []ledger.JournalEntry{
		unsound, sound, move("key/2", day(1), b.cash, b.portfolio, "4.00"), other, unsound, sound,
	})
	want := []error{ledger.EntryTooShort, nil, nil, ledger.ErrKeyReused, ledger.EntryTooShort, nil}
	for i, r := range results {
		if !errors.Is(r.Err, want[i]) {
			t.Errorf("entry %d: %v, want %v", i, r.Err, want[i])
		}
	}
	if results[1].Posted.Replayed || !results[5].Posted.Replayed {
		t.Errorf("the sound entry: %+v, then %+v", results[1].Posted, results[5].Posted)
	}
	if got := b.net(b.cash, ledgerdb.At{}); got != "6.00" {
		t.Errorf("cash %s, want 6.00", got)
	}
}

// TestClosingWinsAgainstPosting closes an account while others post to it from
// warm caches: nothing may be posted after the closing.
func TestClosingWinsAgainstPosting(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	c := b.committer()
	for round := range 5 {
		roundTrip := func(key string) error {
			_, err := insist(t, c, move(key+"/in", day(1), b.cash, b.portfolio, "1.00"),
				move(key+"/out", day(1), b.portfolio, b.cash, "1.00"))
			return err
		}
		var wg sync.WaitGroup
		var closed atomic.Bool
		for w := range 4 {
			wg.Go(func() {
				for i := range 10 {
					before := closed.Load()
					err := roundTrip(fmt.Sprintf("r/%d/%d/%d", round, w, i))
					if err != nil && !errors.Is(err, ledger.AccountClosed) {
						t.Error(err)
					}
					if before && err == nil {
						t.Error("an entry was posted to an account that was closed before")
					}
				}
			})
		}
		err := b.in(func(ctx context.Context, tx database.Tx) error {
			return ledgerdb.CloseAccount(ctx, tx, b.portfolio.ID())
		})
		if err != nil {
			t.Error(err)
		}
		closed.Store(true)
		wg.Wait()
		if err := roundTrip(fmt.Sprint("late/", round)); !errors.Is(err, ledger.AccountClosed) {
			t.Errorf("posting to a closed account: %v", err)
		}
		b.must(func(ctx context.Context, tx database.Tx) error {
			return ledgerdb.ReopenAccount(ctx, tx, b.portfolio.ID())
		})
	}
	b.trial()
}

// TestLoansAreOpenedAndPostedAtOnce opens accounts and posts to them and to hot
// accounts in one transaction, from many sides, as activation does.
func TestLoansAreOpenedAndPostedAtOnce(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	const writers, each = 12, 6
	var attempts attemptCounter
	b.db.SetObserver(&attempts)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				id := uuid.New()
				portfolio := ledger.LoanAccount(ledger.LoanPortfolio, id, inr)
				err := b.in(func(ctx context.Context, tx database.Tx) error {
					if err := ledgerdb.OpenChart(ctx, tx, noon, inr); err != nil {
						return err
					}
					if err := ledgerdb.OpenAccounts(ctx, tx, noon, portfolio); err != nil {
						return err
					}
					_, err := ledgerdb.Post(ctx, tx, noon, move("disburse/"+id.String(), day(1), portfolio, b.cash, "1.00"))
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got, want := b.net(b.cash, ledgerdb.At{}), fmt.Sprintf("-%d.00", writers*each); got != want {
		t.Errorf("cash %s, want %s", got, want)
	}
	if done, tried := attempts.done.Load(), attempts.attempts.Load(); 2*tried > 3*done {
		t.Errorf("%d transactions needed %d attempts: they conflict over something", done, tried)
	}
}

type attemptCounter struct{ done, attempts atomic.Int64 }

// TxDone implements database.Observer.
func (c *attemptCounter) TxDone(attempts int, _ error) {
	c.done.Add(1)
	c.attempts.Add(int64(attempts))
}
