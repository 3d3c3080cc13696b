package ledgerdb_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// seenAt is everything that can be asked of the books at a snapshot.
type seenAt struct {
	Statement ledgerdb.Statement
	Balances  map[uuid.UUID]ledger.Balance
	Trials    []ledgerdb.TrialBalance
	Entries   []string
}

var everything = cmp.Options{
	cmp.AllowUnexported(money.Amount{}, money.Currency{}),
	cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Statement.Range" }, cmp.Ignore()),
}

func (b *books) look(snapshot int64) seenAt {
	b.t.Helper()
	var seen seenAt
	err := database.InReadTx(b.t.Context(), b.db, func(tx database.Tx) error {
		ctx := b.t.Context()
		view, err := ledgerdb.ViewAt(ctx, tx, snapshot, time.Time{})
		if err != nil {
			return err
		}
		seen.Statement, err = ledgerdb.ReadStatement(ctx, tx, b.cash, ledgerdb.StatementRange{View: view, Limit: 500})
		if err != nil {
			return err
		}
		seen.Balances, err = view.Balances(ctx, tx, ledgerdb.At{}, b.cash.ID(), b.income.ID(), b.overpaid.ID())
		if err != nil {
			return err
		}
		for _, basis := range []ledgerdb.Basis{ledgerdb.ByEffective, ledgerdb.ByBooking} {
			trial, err := view.Trial(ctx, tx, ledgerdb.At{Effective: day(20)}, basis)
			if err != nil {
				return err
			}
			seen.Trials = append(seen.Trials, trial)
		}
		entries, err := ledgerdb.Entries(ctx, tx, ledgerdb.EntryFilter{Snapshot: snapshot, Limit: 500})
		for _, e := range entries {
			seen.Entries = append(seen.Entries, e.Key)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return seen
}

func (b *books) pin() int64 {
	b.t.Helper()
	snapshot, err := ledgerdb.Pin(b.t.Context(), b.db)
	if err != nil {
		b.t.Fatal(err)
	}
	return snapshot
}

// TestASnapshotDoesNotSeeALateCommit has a transaction that began before the
// snapshot was taken and commits after it: its instant of recording lies before
// that of entries in the snapshot, and still nothing of it appears there.
func TestASnapshotDoesNotSeeALateCommit(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	b.mustPost(noon, move("early", day(1), b.cash, b.income, "5.00"))
	begun, goOn := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		var once sync.Once
		done <- b.in(func(ctx context.Context, tx database.Tx) error {
			_, err := ledgerdb.Post(ctx, tx, noon.Add(time.Second), move("late", day(1), b.cash, b.income, "70.00"))
			once.Do(func() { close(begun) })
			<-goOn
			return err
		})
	}()
	<-begun
	b.mustPost(noon.Add(2*time.Second), move("other", day(2), b.cash, b.income, "1.00"))
	snapshot := b.pin()
	before := b.look(snapshot)
	if got := before.Balances[b.cash.ID()].Net.Text(); got != "6.00" {
		t.Fatalf("cash is %s in the snapshot, want 6.00", got)
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, b.look(snapshot), everything); diff != "" {
		t.Errorf("the late batch, before it is sealed, shows in the snapshot (-before +after):\n%s", diff)
	}
	later := b.pin()
	if diff := cmp.Diff(before, b.look(snapshot), everything); diff != "" {
		t.Errorf("the late batch shows in the snapshot (-before +after):\n%s", diff)
	}
	if got := b.look(later).Balances[b.cash.ID()].Net.Text(); got != "76.00" {
		t.Errorf("cash is %s in the later snapshot, want 76.00", got)
	}
	if got := b.net(b.cash, ledgerdb.At{}); got != "76.00" {
		t.Errorf("cash is %s now, want 76.00", got)
	}
	if _, err := ledgerdb.Verify(t.Context(), b.db, nil); err != nil {
		t.Error(err)
	}
	err := database.InReadTx(t.Context(), b.db, func(tx database.Tx) error {
		_, err := ledgerdb.ViewAt(t.Context(), tx, later+1, time.Time{})
		return err
	})
	if !errors.Is(err, ledger.FieldInvalid) {
		t.Errorf("a snapshot of the future: %v", err)
	}
}

// TestSnapshotsStayWhileOthersPost takes snapshots while clocks that disagree
// post and back-date, and asks each of them again at the end.
func TestSnapshotsStayWhileOthersPost(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	const writers, each, looks = 4, 15, 6
	var wg sync.WaitGroup
	for w := range writers {
		source := rand.New(rand.NewPCG(7, uint64(w)))
		wg.Go(func() {
			for i := range each {
				skew := time.Duration(source.IntN(2000)) * time.Millisecond
				key := fmt.Sprintf("w/%d/%d", w, i)
				_, err := b.post(noon.Add(time.Duration(i)*time.Second-skew),
					move(key, day(1+source.IntN(28)), b.cash, b.income, "1.00"))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen := map[int64]seenAt{}
	for range looks {
		snapshot := b.pin()
		seen[snapshot] = b.look(snapshot)
		time.Sleep(20 * time.Millisecond)
	}
	wg.Wait()
	b.pin()
	for snapshot, before := range seen {
		if snapshot == 0 {
			continue // nothing had been posted: there is no place in the chain to ask for
		}
		if diff := cmp.Diff(before, b.look(snapshot), everything); diff != "" {
			t.Errorf("snapshot %d (-before +after):\n%s", snapshot, diff)
		}
	}
}

// followWait bounds the following of a feed.
const followWait = 5 * time.Minute

// TestTheFeedIsComplete follows the feed while writers with disagreeing clocks
// post, some entries twice, and two sealers race: every entry comes once, in
// one order, that of a second reading.
func TestTheFeedIsComplete(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	c := b.committer()
	const writers, each, pageSize = 5, 20, 7
	var posting, sealing sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 {
		sealing.Go(func() { b.sealUntil(ctx, b.db) })
	}
	for w := range writers {
		posting.Go(func() {
			for i := range each {
				e := move(fmt.Sprintf("f/%d/%d", w, i), day(1+i), b.cash, b.income, "1.00")
				if i%3 == 0 { // in a transaction of its own, recorded long ago
					if _, err := b.post(noon.Add(-time.Duration(w)*time.Hour), e); err != nil {
						t.Error(err)
					}
				}
				if _, err := insist(t, c, e); err != nil { // new, or a replay
					t.Error(err)
				}
			}
		})
	}
	// follow reads the feed from its beginning until it has so many entries, or
	// meets its end after whole says that nothing is added any more.
	follow := func(upTo int, whole bool) (keys []string) {
		var from ledgerdb.ChangePosition
		for end := time.Now().Add(followWait); len(keys) < upTo && time.Now().Before(end); {
			var page []ledgerdb.Change
			err := database.InReadTx(t.Context(), b.db, func(tx database.Tx) error {
				var err error
				page, err = ledgerdb.Changes(t.Context(), tx, from, pageSize)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, change := range page {
				keys = append(keys, change.Entry.Key)
				from = change.Position
			}
			if len(page) == 0 && whole {
				break
			}
		}
		return keys
	}
	live := follow(writers*each, false)
	posting.Wait()
	cancel()
	sealing.Wait()
	b.pin()
	again := follow(writers*each+1, true)
	if diff := cmp.Diff(again, live); diff != "" {
		t.Errorf("what was followed differs from the feed read afterwards (-afterwards +live):\n%s", diff)
	}
	once := map[string]bool{}
	for _, key := range again {
		once[key] = true
	}
	if len(once) != writers*each || len(again) != writers*each {
		t.Errorf("%d entries, %d of them different; want %d", len(again), len(once), writers*each)
	}
}
