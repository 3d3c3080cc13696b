package ledgerdb_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// naiveSums adds up every line that counts at a point, by account and by
// heading on both bases, without a block.
func naiveSums(ctx context.Context, tx database.Tx, at ledgerdb.At) (map[string]string, error) {
	sums := map[string]string{}
	for kind, sql := range map[string]string{
		"account": `
			select a.code, sum(l.debit), sum(l.credit)
			  from ledger_line l join ledger_account a on a.id = l.account_id
			 where l.effective_date <= $1 and l.recorded_at <= $2 group by a.code`,
		"EFFECTIVE": `
			select a.gl_code, sum(l.debit), sum(l.credit)
			  from ledger_line l join ledger_account a on a.id = l.account_id
			 where l.effective_date <= $1 and l.recorded_at <= $2 group by a.gl_code`,
		"BOOKING": `
			select a.gl_code, sum(l.debit), sum(l.credit)
			  from ledger_line l join ledger_account a on a.id = l.account_id
			  join ledger_entry e on e.batch_id = l.batch_id and e.batch_pos = l.batch_pos
			 where e.booking_date <= $1 and l.recorded_at <= $2 group by a.gl_code`,
	} {
		rows, err := tx.Query(ctx, sql, at.Effective, at.Known)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var name string
			var debits, credits int64
			if err := rows.Scan(&name, &debits, &credits); err != nil {
				return nil, err
			}
			sums[kind+" "+name] = fmt.Sprint(debits, " ", credits)
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return sums, nil
}

// storedSums asks the ledger for the same.
func storedSums(
	ctx context.Context, tx database.Tx, at ledgerdb.At, accounts []ledger.Account,
) (map[string]string, error) {
	sums := map[string]string{}
	var ids []uuid.UUID
	for _, a := range accounts {
		ids = append(ids, a.ID())
	}
	balances, err := ledgerdb.Balances(ctx, tx, at, ids...)
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		if b := balances[a.ID()]; !b.Debits.IsZero() || !b.Credits.IsZero() {
			sums["account "+a.Code] = fmt.Sprint(b.Debits.Minor(), " ", b.Credits.Minor())
		}
	}
	for _, basis := range []ledgerdb.Basis{ledgerdb.ByEffective, ledgerdb.ByBooking} {
		report, err := ledgerdb.Trial(ctx, tx, at, basis)
		if err != nil {
			return nil, err
		}
		for _, r := range report.Rows {
			sums[string(basis)+" "+r.GL.Code] = fmt.Sprint(r.Debits.Minor(), " ", r.Credits.Minor())
		}
	}
	return sums, nil
}

// compareSums holds both against each other in one state of the books.
func (b *books) compareSums(at ledgerdb.At) error {
	return database.InReadTx(b.t.Context(), b.db, func(tx database.Tx) error {
		want, err := naiveSums(b.t.Context(), tx, at)
		if err != nil {
			return err
		}
		got, err := storedSums(b.t.Context(), tx, at, []ledger.Account{b.cash, b.portfolio, b.income, b.overpaid})
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("sums at %v (-lines +ledger):\n%s", at, diff)
		}
		return nil
	})
}

// randomPoint is within the days and instants of postLate.
func randomPoint() ledgerdb.At {
	known := noon.Add(time.Duration(rand.IntN(2_200)-100) * time.Millisecond)
	return ledgerdb.At{Effective: day(rand.IntN(12)), Known: known}
}

// postLate posts some entries at a random instant and commits some time later.
func (b *books) postLate(name string) error {
	now := noon.Add(time.Duration(rand.IntN(2_000)) * time.Millisecond)
	accounts := []ledger.Account{b.cash, b.portfolio, b.income}
	entries := make([]ledger.JournalEntry, 1+rand.IntN(4))
	for i := range entries {
		debit := rand.IntN(len(accounts))
		credit := (debit + 1 + rand.IntN(len(accounts)-1)) % len(accounts)
		entries[i] = move(fmt.Sprint(name, "/", i), day(1+rand.IntN(10)), accounts[debit], accounts[credit],
			fmt.Sprintf("%d.00", 1+rand.IntN(99)))
		entries[i].BookingDate = day(1 + rand.IntN(10))
	}
	return b.in(func(ctx context.Context, tx database.Tx) error {
		if _, err := ledgerdb.Post(ctx, tx, now, entries...); err != nil {
			return err
		}
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		return nil
	})
}

// TestSumsHoldWhateverCommitsLate has transactions commit in another order than
// they were recorded, while others seal them into small blocks and yet others
// ask: at every moment the answer is the sum of the lines.
func TestSumsHoldWhateverCommitsLate(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	// However rarely the sealers below get their turn, there are blocks of
	// two levels, and what is recorded in the first second is late.
	for i := range 20 {
		b.mustPost(noon.Add(time.Duration(i)*50*time.Millisecond),
			move(fmt.Sprint("early/", i), day(1+i%10), b.cash, b.portfolio, "7.00"))
		b.must(func(ctx context.Context, tx database.Tx) error {
			_, _, err := ledgerdb.SealShaped(ctx, tx, 1, 1, 1)
			return err
		})
	}
	const writers, each = 4, 40
	var running atomic.Int64
	running.Store(writers)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			defer running.Add(-1)
			for i := range each {
				if err := b.postLate(fmt.Sprint("late/", w, "/", i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		group.Go(func() {
			for running.Load() > 0 {
				err := b.in(func(ctx context.Context, tx database.Tx) error {
					_, _, err := ledgerdb.SealShaped(ctx, tx, 4, 2, 1)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		group.Go(func() {
			for running.Load() > 0 && !t.Failed() {
				if err := b.compareSums(randomPoint()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if _, err := ledgerdb.SealAll(t.Context(), b.db); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := b.compareSums(randomPoint()); err != nil {
			t.Error(err)
		}
	}
	if _, err := ledgerdb.Verify(t.Context(), b.db, nil); err != nil {
		t.Error(err)
	}
	var late, levels int64
	err := b.db.Pool().QueryRow(t.Context(), `
		select (select count(*) from ledger_seal where late), (select max(level) from ledger_block_sum)`).Scan(&late, &levels)
	if err != nil || late < writers || levels < 1 {
		t.Errorf("%d late batches, %d levels (%v): the test has lost its point", late, levels, err)
	}
}

// TestBlocksCarryLongAccounts posts enough for blocks of the usual size and
// holds that sums are made of them: what is read does not grow with the lines.
func TestBlocksCarryLongAccounts(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	const posts, linesEach = 30, 600
	for p := range posts {
		entry := ledger.JournalEntry{
			Key: fmt.Sprint("long/", p), Kind: "MOVE", EffectiveDate: day(1 + p%9), PostedBy: "test",
			Lines: []ledger.Line{{AccountID: b.cash.ID(), Side: ledger.Credit, Amount: rupees(fmt.Sprintf("%d.00", linesEach))}},
		}
		for range linesEach {
			entry.Lines = append(entry.Lines,
				ledger.Line{AccountID: b.portfolio.ID(), Side: ledger.Debit, Amount: rupees("1.00")})
		}
		b.mustPost(noon.Add(time.Duration(p)*time.Millisecond), entry)
	}
	seal := func() {
		b.must(func(ctx context.Context, tx database.Tx) error {
			_, _, err := ledgerdb.SealShaped(ctx, tx, 1_024, 8, 1)
			return err
		})
	}
	seal()
	var blocks, covered int64
	err := b.db.Pool().QueryRow(t.Context(), `
		select count(*), sum(lines)::bigint from ledger_block where owner = $1`, b.portfolio.ID()).Scan(&blocks, &covered)
	if err != nil || covered < (posts-1)*linesEach || blocks > posts {
		t.Errorf("%d blocks cover %d of %d lines: %v", blocks, covered, posts*linesEach, err)
	}
	for p := range posts {
		at := ledgerdb.At{Effective: day(9), Known: noon.Add(time.Duration(p) * time.Millisecond)}
		if got, want := b.net(b.portfolio, at), fmt.Sprintf("%d.00", (p+1)*linesEach); got != want {
			t.Errorf("balance as known after %d posts: %s, want %s", p+1, got, want)
		}
		if err := b.compareSums(ledgerdb.At{Effective: day(p % 12), Known: at.Known}); err != nil {
			t.Error(err)
		}
	}
}

// TestSumsBeyondTheRangeAreLeftToTheLines: an account whose sums leave the range
// of amounts gets no blocks, and sealing goes on.
func TestSumsBeyondTheRangeAreLeftToTheLines(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	huge := move("huge", day(1), b.portfolio, b.cash, "10000000000000.00")
	for p := range 3 {
		entry := huge
		entry.Key, entry.Lines = fmt.Sprint("huge/", p), nil
		for range 4_000 {
			entry.Lines = append(entry.Lines, huge.Lines...)
		}
		b.mustPost(noon.Add(time.Duration(p)*time.Millisecond), entry)
		b.must(func(ctx context.Context, tx database.Tx) error {
			_, _, err := ledgerdb.SealShaped(ctx, tx, 1, 1, 1)
			return err
		})
	}
	early := ledgerdb.At{Known: noon}
	if got := b.net(b.portfolio, early); got != "40000000000000000.00" {
		t.Errorf("balance while it was within the range: %s", got)
	}
	if _, err := ledgerdb.Verify(t.Context(), b.db, nil); err != nil {
		t.Error(err)
	}
	err := b.in(func(ctx context.Context, tx database.Tx) error {
		_, err := ledgerdb.BalanceOf(ctx, tx, b.portfolio, ledgerdb.At{})
		return err
	})
	if err == nil {
		t.Error("a balance beyond the range was told")
	}
}
