package books

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cloud.google.com/go/civil"
	"golang.org/x/sync/errgroup"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

const (
	longAccount    = 1_000_000
	manyAccounts   = 1_000_000
	longStatement  = 100_000
	statementPage  = 1_000
	daysOfHistory  = 3 * 365
	fillers        = 2
	fillLines      = 10
	fillEntriesMax = 40
	sumsCompared   = 50
	wideEntryLines = 1_000
	trialRepeats   = 5
	// growth is from one size of a data set to the next.
	growth = 10
)

var (
	firstDay     = civil.Date{Year: 2023, Month: 1, Day: 2}
	firstInstant = time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)
)

// history is one account with many lines, and what the bench itself knows of
// them: the naive model that answers are compared with.
type history struct {
	*ledgerBooks
	account ledger.Account
	clock   atomic.Int64 // microseconds after firstInstant: recording is later than the value dates
	done    int
	mu      sync.Mutex
	known   []knownSum
}

// knownSum is what one entry or batch adds to the account's debits.
type knownSum struct {
	effective int32 // days after firstDay
	debit     int64
	recorded  int64 // microseconds after firstInstant
}

func newHistory(ctx context.Context, b *harness.Bench) (*history, error) {
	books, err := newBooks(ctx, b, openPage)
	if err != nil {
		return nil, err
	}
	return &history{ledgerBooks: books, account: ledger.ControlAccount(ledger.FundSource, currency)}, nil
}

func (h *history) now() time.Time {
	return firstInstant.Add(time.Duration(h.clock.Add(1)) * time.Microsecond)
}

// fill posts entries until the account has so many lines, some entries of ten
// lines on the account in each transaction. Their value dates are spread over
// years, their instants of recording rise, and as two post at once some commit
// late. Then it seals.
func (h *history) fill(ctx context.Context, b *harness.Bench, total int) error {
	start, from := time.Now(), h.done
	var next atomic.Int64
	next.Store(int64(h.done))
	group, groupCtx := errgroup.WithContext(ctx)
	for range fillers {
		group.Go(func() error {
			for groupCtx.Err() == nil {
				count := (rand.IntN(fillEntriesMax) + 1) * fillLines //nolint:gosec // spread, not secret
				at := int(next.Add(int64(count))) - count
				if at >= total {
					return nil
				}
				if err := h.fillPage(groupCtx, at, min(count, total-at)); err != nil {
					return err
				}
			}
			return groupCtx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	posted := time.Since(start)
	if _, err := ledgerdb.SealAll(ctx, h.db); err != nil {
		return err
	}
	h.done = total
	b.Progress("%s lines in the account: posted in %s, sealed in %s", harness.Count(float64(total-from)),
		harness.Short(posted), harness.Short(time.Since(start)-posted))
	return refreshStatistics(ctx, h.db)
}

// fillPage posts so many lines in one transaction.
func (h *history) fillPage(ctx context.Context, at, count int) error {
	var entries []ledger.JournalEntry
	var sums []knownSum
	for done := 0; done < count; done += fillLines {
		day := rand.IntN(daysOfHistory) //nolint:gosec // spread, not secret
		e := ledger.JournalEntry{
			Key: fmt.Sprintf("fill/%d", at+done), Kind: "REPAYMENT", EffectiveDate: firstDay.AddDays(day), PostedBy: "bench",
		}
		var sum int64
		for range min(fillLines, count-done) {
			minor := rand.Int64N(amountMax) + 1 //nolint:gosec // as above
			sum += minor
			e.Lines = append(e.Lines,
				ledger.Line{AccountID: h.account.ID(), Side: ledger.Debit, Amount: money.New(minor, currency)})
		}
		e.Lines = append(e.Lines, ledger.Line{
			AccountID: h.loans[(at+done)%len(h.loans)], Side: ledger.Credit, Amount: money.New(sum, currency),
		})
		entries, sums = append(entries, e), append(sums, knownSum{effective: int32(day), debit: sum})
	}
	now := h.now()
	err := database.InTx(ctx, h.db, func(tx database.Tx) error {
		_, err := ledgerdb.Post(ctx, tx, now, entries...)
		return err
	})
	if err != nil {
		return err
	}
	for i := range sums {
		sums[i].recorded = now.Sub(firstInstant).Microseconds()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known = append(h.known, sums...)
	return nil
}

// point returns a random point of both times within the history.
func (h *history) point() (at ledgerdb.At, effective int32, known int64) {
	effective, known = rand.Int32N(daysOfHistory), rand.Int64N(h.clock.Load()+1) //nolint:gosec // spread, not secret
	return ledgerdb.At{
		Effective: firstDay.AddDays(int(effective)), Known: firstInstant.Add(time.Duration(known) * time.Microsecond),
	}, effective, known
}

func (h *history) balance(ctx context.Context, at ledgerdb.At) (ledger.Balance, error) {
	var balance ledger.Balance
	err := database.InReadTx(ctx, h.db, func(tx database.Tx) error {
		var err error
		balance, err = ledgerdb.BalanceOf(ctx, tx, h.account, at)
		return err
	})
	return balance, err
}

// compare holds that balances are what adding up the lines gives.
func (h *history) compare(ctx context.Context, b *harness.Bench) error {
	for range sumsCompared {
		at, effective, known := h.point()
		balance, err := h.balance(ctx, at)
		if err != nil {
			return err
		}
		var sum int64
		for _, k := range h.known {
			if k.effective <= effective && k.recorded <= known {
				sum += k.debit
			}
		}
		if balance.Debits.Minor() != sum {
			return b.Check(false, "the balance at %v is %s (%s)", at, money.New(sum, currency), balance.Debits)
		}
	}
	return b.Check(true, "%d balances at random points of both times are the sums of their lines", sumsCompared)
}

// sizes are the steps of growth up to the largest, which is the last.
func sizes(largest, steps int) []int {
	list := []int{max(1, largest)}
	for range steps - 1 {
		list = append(list, max(1, list[len(list)-1]/growth))
	}
	slices.Reverse(list)
	return slices.Compact(list)
}

func runBalanceAt(ctx context.Context, b *harness.Bench) error {
	h, err := newHistory(ctx, b)
	if err != nil {
		return err
	}
	steps := sizes(b.Sized(longAccount), 4)
	t := result.Table{
		Title:  "a balance at a random point of both times, one caller",
		Header: []string{"lines of the account", "p50", "p99", "max", "a second"},
	}
	middle, tail := result.Line{Name: "p50"}, result.Line{Name: "p99"}
	for _, n := range steps {
		if err := h.fill(ctx, b, n); err != nil {
			return err
		}
		s := harness.Drive(ctx, harness.Load{
			Name: "balance-at", Clients: 1, Warmup: b.Warmup / 2, Duration: b.Duration / time.Duration(len(steps)),
			Op: func(ctx context.Context, _ int64) error {
				at, _, _ := h.point()
				_, err := h.balance(ctx, at)
				return err
			},
		}, nil)
		if err := s.Err(); err != nil {
			return err
		}
		prefix := fmt.Sprintf("lines_%d", n)
		b.Distribution(prefix, s.Latencies)
		t.Rows = append(t.Rows, []string{
			harness.Count(float64(n)), harness.Short(s.P50), harness.Short(s.P99),
			harness.Short(s.Max), harness.Count(s.PerSecond),
		})
		middle.Points = append(middle.Points, [2]float64{float64(n), harness.Millis(s.P50)})
		tail.Points = append(tail.Points, [2]float64{float64(n), harness.Millis(s.P99)})
	}
	b.Table(t)
	b.Plot(result.Plot{
		Title: "a balance at a point of both times, by the lines of the account", XLabel: "lines",
		YLabel: "milliseconds", Log: true, Lines: []result.Line{middle, tail},
	})
	return h.compare(ctx, b)
}

// runTrialBalance measures the trial balance as the number of accounts grows.
// Each account has a line; entries have a thousand.
func runTrialBalance(ctx context.Context, b *harness.Bench) error {
	books, err := newHistory(ctx, b)
	if err != nil {
		return err
	}
	t := result.Table{
		Title: "the trial balance at random points of both times", Header: []string{"accounts", "median", "slowest"},
	}
	line := result.Line{Name: "median"}
	done := 0
	for _, n := range sizes(b.Sized(manyAccounts), 3) {
		start := time.Now()
		if err := books.open(ctx, n); err != nil {
			return err
		}
		if err := books.touch(ctx, done, n); err != nil {
			return err
		}
		done = n
		if _, err := ledgerdb.SealAll(ctx, books.db); err != nil {
			return err
		}
		if err := refreshStatistics(ctx, books.db); err != nil {
			return err
		}
		b.Progress("%s accounts opened and posted to in %s", harness.Count(float64(n)), harness.Short(time.Since(start)))
		var took []time.Duration
		for range trialRepeats {
			start := time.Now()
			if err := books.trial(ctx); err != nil {
				return err
			}
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		median := took[len(took)/2]
		b.Metric(fmt.Sprintf("accounts_%d", n), harness.Millis(median), "ms")
		t.Rows = append(t.Rows, []string{harness.Count(float64(n)), harness.Short(median), harness.Short(took[len(took)-1])})
		line.Points = append(line.Points, [2]float64{float64(n), harness.Millis(median)})
	}
	b.Table(t)
	b.Plot(result.Plot{
		Title: "the trial balance by the number of accounts", XLabel: "accounts", YLabel: "milliseconds",
		Log: true, Lines: []result.Line{line},
	})
	return b.Check(true, "every trial balance was zero, over the volume posted by its point of both times")
}

// touch posts one line to each of the loan accounts from..to.
func (h *history) touch(ctx context.Context, from, to int) error {
	for at := from; at < to; at += wideEntryLines - 1 {
		accounts := h.loans[at:min(at+wideEntryLines-1, to)]
		day := rand.IntN(daysOfHistory) //nolint:gosec // spread, not secret
		e := ledger.JournalEntry{
			Key: fmt.Sprintf("touch/%d", at), Kind: "OPENING", EffectiveDate: firstDay.AddDays(day), PostedBy: "bench",
		}
		var sum int64
		for _, account := range accounts {
			minor := rand.Int64N(amountMax) + 1 //nolint:gosec // as above
			sum += minor
			e.Lines = append(e.Lines, ledger.Line{AccountID: account, Side: ledger.Debit, Amount: money.New(minor, currency)})
		}
		e.Lines = append(e.Lines,
			ledger.Line{AccountID: h.account.ID(), Side: ledger.Credit, Amount: money.New(sum, currency)})
		now := h.now()
		err := database.InTx(ctx, h.db, func(tx database.Tx) error {
			_, err := ledgerdb.Post(ctx, tx, now, e)
			return err
		})
		if err != nil {
			return err
		}
		h.known = append(h.known, knownSum{
			effective: int32(day), debit: sum, recorded: now.Sub(firstInstant).Microseconds(),
		})
	}
	return nil
}

// trial reads the trial balance at a random point and holds it against what was
// posted by then.
func (h *history) trial(ctx context.Context) error {
	at, effective, known := h.point()
	var report ledgerdb.TrialBalance
	err := database.InReadTx(ctx, h.db, func(tx database.Tx) error {
		var err error
		report, err = ledgerdb.Trial(ctx, tx, at, ledgerdb.ByEffective)
		return err
	})
	if err != nil {
		return err
	}
	var want, have int64
	for _, k := range h.known {
		if k.effective <= effective && k.recorded <= known {
			want += k.debit
		}
	}
	for _, total := range report.Totals {
		have += total.Debits.Minor()
		if !total.Difference.IsZero() {
			return fmt.Errorf("%w: the trial balance at %v differs by %s", harness.ErrWrong, at, total.Difference)
		}
	}
	if have != want {
		return fmt.Errorf("%w: the trial balance at %v has debits of %s, not %s", harness.ErrWrong, at,
			money.New(have, currency), money.New(want, currency))
	}
	return nil
}

// runStatement streams statements as they grow, and watches the memory.
func runStatement(ctx context.Context, b *harness.Bench) error {
	h, err := newHistory(ctx, b)
	if err != nil {
		return err
	}
	t := result.Table{
		Title:  "a statement by pages of 1,000 lines",
		Header: []string{"lines", "time", "lines a second", "most memory in use"},
	}
	took, memory := result.Line{Name: "time"}, result.Line{Name: "memory"}
	for _, n := range sizes(b.Sized(longStatement), 3) {
		if err := h.fill(ctx, b, n); err != nil {
			return err
		}
		start := time.Now()
		peak, err := h.stream(ctx, n)
		if err != nil {
			return err
		}
		spent := time.Since(start)
		b.Metric(fmt.Sprintf("lines_%d_time", n), spent.Seconds(), "s")
		b.Metric(fmt.Sprintf("lines_%d_memory", n), peak, "MiB")
		t.Rows = append(t.Rows, []string{
			harness.Count(float64(n)), harness.Short(spent),
			harness.Count(float64(n) / spent.Seconds()), fmt.Sprintf("%.2f MiB", peak),
		})
		took.Points = append(took.Points, [2]float64{float64(n), harness.Millis(spent)})
		memory.Points = append(memory.Points, [2]float64{float64(n), peak})
	}
	b.Table(t)
	b.Plot(result.Plot{
		Title: "a statement by its length", XLabel: "lines", YLabel: "milliseconds", Log: true,
		Lines: []result.Line{took},
	})
	b.Plot(result.Plot{
		Title: "memory of a statement by its length", XLabel: "lines", YLabel: "MiB", Log: true,
		Lines: []result.Line{memory},
	})
	return b.Check(true, "every statement had all its lines and ran from its opening to its closing balance")
}

// stream reads a whole statement by pages and returns the most memory, in MiB,
// that was live after a page beyond what was live before. The bench's own model
// is part of both.
func (h *history) stream(ctx context.Context, want int) (peak float64, err error) {
	before := liveMemory()
	r := ledgerdb.StatementRange{Limit: statementPage, View: ledgerdb.View{Known: h.now()}}
	count, running := 0, money.Zero(currency)
	for page := 0; ; page++ {
		var s ledgerdb.Statement
		err := database.InReadTx(ctx, h.db, func(tx database.Tx) error {
			var err error
			s, err = ledgerdb.ReadStatement(ctx, tx, h.account, r)
			return err
		})
		if err != nil {
			return 0, err
		}
		count += len(s.Lines)
		if page%growth == 0 {
			peak = max(peak, liveMemory()-before)
		}
		if len(s.Lines) > 0 {
			last := s.Lines[len(s.Lines)-1]
			running, r.After, r.Running = last.Running, last.Position, last.Running
		}
		if len(s.Lines) < statementPage {
			if count != want || running != s.Closing.Net {
				return 0, fmt.Errorf("%w: a statement of %d lines has %d and ends at %s, not %s", harness.ErrWrong, want,
					count, running, s.Closing.Net)
			}
			return peak, nil
		}
	}
}

// liveMemory is the heap in use after a collection, in MiB.
func liveMemory() float64 {
	const mib = 1 << 20
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / mib
}
