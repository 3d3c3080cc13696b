package books

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

const (
	// replayEntries is the journal at scale 1, read in steps of about three.
	replayEntries  = 100_000
	replaySteps    = 3
	replayAccounts = 5_000
	replayPosters  = 512
)

// runReplay builds every balance anew from the journal alone, as an auditor
// would, and compares the sums with the trial balance.
func runReplay(ctx context.Context, b *harness.Bench) error {
	books, err := newBooks(ctx, b, b.Sized(replayAccounts))
	if err != nil {
		return err
	}
	c := books.committer(b)
	t := result.Table{
		Title:  "balances built anew from the journal",
		Header: []string{"entries", "time", "entries/s", "postings/s"},
	}
	line := result.Line{Name: "replay"}
	for _, n := range sizes(b.Sized(replayEntries), replaySteps) {
		if err := books.grow(ctx, c, int64(n)); err != nil {
			return err
		}
		start := time.Now()
		entries, debits, err := books.replay(ctx)
		if err != nil {
			return err
		}
		spent := time.Since(start)
		perSecond := float64(entries) / spent.Seconds()
		b.Metric(fmt.Sprintf("entries_%d_time", n), spent.Seconds(), "s")
		b.Metric(fmt.Sprintf("entries_%d_postings", n), perSecond*lines, "1/s")
		t.Rows = append(t.Rows, []string{
			harness.Count(float64(entries)), harness.Short(spent), harness.Count(perSecond), harness.Count(perSecond * lines),
		})
		line.Points = append(line.Points, [2]float64{float64(entries), spent.Seconds()})
		whole := entries == books.posted.Load() && debits == books.volume.Load()
		if err := b.Check(whole, "the replay of %d entries sums to the %d acknowledged (%d of %d)", entries,
			books.volume.Load(), debits, books.posted.Load()); err != nil {
			return err
		}
	}
	b.Table(t)
	b.Plot(result.Plot{
		Title: "replay by the length of the journal", XLabel: "entries", YLabel: "seconds", Log: true,
		Lines: []result.Line{line},
	})
	return books.check(ctx, b, "after the replays", false)
}

// grow posts payments until the journal has so many.
func (k *ledgerBooks) grow(ctx context.Context, c *ledgerdb.Committer, entries int64) error {
	missing := entries - k.posted.Load()
	if missing <= 0 {
		return nil
	}
	post := k.poster(c, allHot)
	work := make(chan int64)
	faults := make(chan error, replayPosters)
	for range replayPosters {
		go func() {
			var fault error
			for n := range work {
				if fault == nil {
					fault = post(ctx, n)
				}
			}
			faults <- fault
		}()
	}
	for n := range missing {
		work <- n
	}
	close(work)
	var fault error
	for range replayPosters {
		if err := <-faults; err != nil {
			fault = err
		}
	}
	return fault
}

// replay sums the lines of each account and holds that the books balance.
func (k *ledgerBooks) replay(ctx context.Context) (entries, debits int64, err error) {
	balances := map[uuid.UUID]int64{}
	read := func(page []ledgerdb.Entry, _ map[uuid.UUID]ledger.Account) error {
		for i := range page {
			entries++
			for _, line := range page[i].Lines {
				minor := line.Amount.Minor()
				if line.Side == ledger.Debit {
					debits += minor
				} else {
					minor = -minor
				}
				balances[line.AccountID] += minor
			}
		}
		return nil
	}
	if err := ledgerdb.EachEntry(ctx, k.db, ledgerdb.EntryFilter{}, read); err != nil {
		return 0, 0, err
	}
	return entries, debits, k.sameBalances(ctx, balances)
}

// sameBalances compares some accounts with what the ledger itself says.
func (k *ledgerBooks) sameBalances(ctx context.Context, balances map[uuid.UUID]int64) error {
	const compared = 200
	ids := []uuid.UUID{k.cash, k.fee}
	for i := 0; i < len(k.loans) && len(ids) < compared; i++ {
		ids = append(ids, k.loans[i])
	}
	return database.InReadTx(ctx, k.db, func(tx database.Tx) error {
		for _, id := range ids {
			account, err := ledgerdb.Account(ctx, tx, id)
			if err != nil {
				return err
			}
			balance, err := ledgerdb.BalanceOf(ctx, tx, account, ledgerdb.At{})
			if err != nil {
				return err
			}
			said := balance.Debits.Minor() - balance.Credits.Minor()
			if said != balances[id] {
				return fmt.Errorf("%w: account %s stands at %d, its lines sum to %d", harness.ErrWrong, account.Code, said,
					balances[id])
			}
		}
		return nil
	})
}
