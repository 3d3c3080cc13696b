package books

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"
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
	fillPage       = 2_000
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
	known   []knownLine
}

type knownLine struct {
	effective int32 // days after firstDay
	debit     int64
	entry     uuid.UUID
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

// fill posts entries of two lines until the account has so many lines. Their
// value dates are spread over years, their instants of recording rise.
func (h *history) fill(ctx context.Context, b *harness.Bench, total int) error {
	c := ledgerdb.NewCommitter(h.db, h.now)
	defer func() { _ = c.Close(ctx) }() // all its callers have their answers
	start, from := time.Now(), h.done
	h.known = append(h.known, make([]knownLine, total-h.done)...)
	var next atomic.Int64
	next.Store(int64(h.done))
	group, groupCtx := errgroup.WithContext(ctx)
	for range fillers {
		group.Go(func() error {
			for groupCtx.Err() == nil {
				at := int(next.Add(fillPage)) - fillPage
				if at >= total {
					return nil
				}
				if err := h.fillPage(groupCtx, c, at, min(fillPage, total-at)); err != nil {
					return err
				}
			}
			return groupCtx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	h.done = total
	b.Progress("%s lines in the account: %s entries a second", harness.Count(float64(total)),
		harness.Count(float64(total-from)/time.Since(start).Seconds()))
	return nil
}

func (h *history) fillPage(ctx context.Context, c *ledgerdb.Committer, at, count int) error {
	entries := make([]ledger.JournalEntry, count)
	for i := range entries {
		amount := money.New(rand.Int64N(amountMax)+1, currency) //nolint:gosec // spread, not secret
		day := rand.IntN(daysOfHistory)                         //nolint:gosec // as above
		entries[i] = ledger.JournalEntry{
			Key: fmt.Sprintf("fill/%d", at+i), Kind: "REPAYMENT", EffectiveDate: firstDay.AddDays(day), PostedBy: "bench",
			Lines: []ledger.Line{
				{AccountID: h.account.ID(), Side: ledger.Debit, Amount: amount},
				{AccountID: h.loans[(at+i)%len(h.loans)], Side: ledger.Credit, Amount: amount},
			},
		}
		h.known[at+i] = knownLine{effective: int32(day), debit: amount.Minor(), entry: entries[i].ID()}
	}
	for i, r := range c.PostEach(ctx, entries) {
		if r.Err != nil {
			return r.Err
		}
		h.known[at+i].recorded = r.Posted.RecordedAt.Sub(firstInstant).Microseconds()
	}
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
		for _, line := range h.known {
			if line.effective <= effective && line.recorded <= known {
				sum += line.debit
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
		if err := refreshStatistics(ctx, h.db); err != nil {
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
	books, err := newBooks(ctx, b, 0)
	if err != nil {
		return err
	}
	t := result.Table{Title: "the trial balance", Header: []string{"accounts", "median", "slowest"}}
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
	return b.Check(true, "every trial balance was zero, over the acknowledged volume of %s",
		money.New(books.volume.Load(), currency))
}

// touch posts one line to each of the loan accounts from..to.
func (k *ledgerBooks) touch(ctx context.Context, from, to int) error {
	for at := from; at < to; at += wideEntryLines - 1 {
		accounts := k.loans[at:min(at+wideEntryLines-1, to)]
		e := ledger.JournalEntry{
			Key: fmt.Sprintf("touch/%d", at), Kind: "OPENING", EffectiveDate: firstDay, PostedBy: "bench",
		}
		var sum int64
		for _, account := range accounts {
			minor := rand.Int64N(amountMax) + 1 //nolint:gosec // spread, not secret
			sum += minor
			e.Lines = append(e.Lines, ledger.Line{AccountID: account, Side: ledger.Debit, Amount: money.New(minor, currency)})
		}
		e.Lines = append(e.Lines, ledger.Line{AccountID: k.cash, Side: ledger.Credit, Amount: money.New(sum, currency)})
		err := database.InTx(ctx, k.db, func(tx database.Tx) error {
			_, err := ledgerdb.Post(ctx, tx, time.Now().UTC(), e)
			return err
		})
		if err != nil {
			return err
		}
		k.volume.Add(sum)
	}
	return nil
}

func (k *ledgerBooks) trial(ctx context.Context) error {
	return database.InReadTx(ctx, k.db, func(tx database.Tx) error {
		report, err := ledgerdb.Trial(ctx, tx, ledgerdb.At{}, ledgerdb.ByEffective)
		if err != nil {
			return err
		}
		total := report.Totals[0]
		if !total.Difference.IsZero() || total.Debits.Minor() != k.volume.Load() {
			return fmt.Errorf("%w: the trial balance has debits of %s and differs by %s", harness.ErrWrong, total.Debits,
				total.Difference)
		}
		return nil
	})
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
		if err := refreshStatistics(ctx, h.db); err != nil {
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
