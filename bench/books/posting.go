package books

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

const (
	// groupCallers post by group commit at once; singleWorkers have a
	// transaction for each payment; copyWorkers write as many rows at once as
	// the committer does.
	groupCallers  = 512
	singleWorkers = 32
	copyWorkers   = 2
	copyBatch     = 2_000
	// turns: the ways take turns, so that what else the machine does hits all.
	turns  = 3
	allHot = 100
)

// way is one way to write payments.
type way struct {
	name, title string
	clients     int
	units       int
	books       *ledgerBooks
	op          func(ctx context.Context, n int64) error
	// beside runs as long as a turn does; nil for nothing.
	beside func(ctx context.Context) error
	// bare says that it writes rows and no books.
	bare bool
	// sum over its turns.
	count int64
	spent time.Duration
	all   []harness.Stats
}

func (w *way) perSecond() float64 {
	if w.spent == 0 {
		return 0
	}
	return float64(w.count) / w.spent.Seconds()
}

// turn runs the way for its share of the time.
func (w *way) turn(ctx context.Context, b *harness.Bench, warmup time.Duration) error {
	aside, stop := context.WithCancel(ctx)
	defer stop()
	besides := make(chan error, 1)
	go func() {
		if w.beside == nil {
			besides <- nil
			return
		}
		besides <- w.beside(aside)
	}()
	s := harness.Drive(ctx, harness.Load{
		Name: w.title, Clients: w.clients, Units: w.units, Warmup: warmup, Duration: b.Duration / turns, Op: w.op,
	}, nil)
	stop()
	if err := errors.Join(s.Err(), <-besides, ctx.Err()); err != nil {
		return fmt.Errorf("%s: %w", w.title, err)
	}
	w.count += s.Count * int64(max(1, w.units))
	w.spent += s.Elapsed
	w.all = append(w.all, s)
	b.Progress("%s: %s/s  p50 %s  p99 %s", w.title, harness.Count(s.PerSecond), harness.Short(s.P50), harness.Short(s.P99))
	return nil
}

// median of the turns' p50, which one disturbed turn does not move.
func (w *way) p50() time.Duration {
	return harness.MedianOf(w.all, func(s harness.Stats) time.Duration { return s.P50 })
}

func (w *way) p99() time.Duration {
	return harness.MedianOf(w.all, func(s harness.Stats) time.Duration { return s.P99 })
}

// takeTurns runs the ways one after the other, several times: what else the
// machine does hits all of them.
func takeTurns(ctx context.Context, b *harness.Bench, ways []*way) error {
	for turn := range turns {
		warmup := time.Duration(0)
		if turn == 0 {
			warmup = b.Warmup
		}
		for _, w := range ways {
			if err := w.turn(ctx, b, warmup); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkAll checks the books of every way.
func checkAll(ctx context.Context, b *harness.Bench, ways []*way) error {
	for _, w := range ways {
		if err := w.books.check(ctx, b, w.title, w.bare); err != nil {
			return err
		}
	}
	return nil
}

func runSQL(ctx context.Context, b *harness.Bench) error {
	ways, err := waysToPost(ctx, b)
	if err != nil {
		return err
	}
	if err := takeTurns(ctx, b, ways); err != nil {
		return err
	}
	t := result.Table{
		Title:  "payments of four lines, one hot cash and one hot fee account",
		Header: []string{"way", "clients", "payments/s", "p50", "p99"},
	}
	for _, w := range ways {
		b.Metric(w.name+"_throughput", w.perSecond(), "1/s")
		b.Metric(w.name+"_p50", harness.Millis(w.p50()), "ms")
		t.Rows = append(t.Rows, []string{
			w.title, fmt.Sprint(w.clients), harness.Count(w.perSecond()), harness.Short(w.p50()), harness.Short(w.p99()),
		})
	}
	b.Table(t)
	ratios(b, ways)
	return checkAll(ctx, b, ways)
}

// waysToPost returns the ways, each with books of its own.
func waysToPost(ctx context.Context, b *harness.Bench) ([]*way, error) {
	ways := []*way{
		{name: "copy", title: "bare COPY", clients: copyWorkers, units: copyBatch, bare: true},
		{name: "group", title: "group commit", clients: groupCallers},
		{name: "single", title: "a transaction each", clients: singleWorkers},
		{name: "rows", title: "a transaction each that moves balances in rows", clients: singleWorkers, bare: true},
		{name: "group_alone", title: "group commit, one caller", clients: 1},
		{name: "single_alone", title: "a transaction each, one caller", clients: 1},
	}
	for _, w := range ways {
		books, err := newBooks(ctx, b, b.Sized(loanAccounts))
		if err != nil {
			return nil, err
		}
		w.books = books
		switch w.name {
		case "copy":
			w.op = books.copyOp
		case "rows":
			w.op = books.rowsOp
			err = openBalances(ctx, books.db)
		case "group", "group_alone":
			w.op = books.poster(books.committer(b), allHot)
		default:
			w.op = books.transactionOp
		}
		if err != nil {
			return nil, err
		}
	}
	return ways, nil
}

func (k *ledgerBooks) copyOp(ctx context.Context, _ int64) error {
	entries := make([]ledger.JournalEntry, copyBatch)
	for i := range entries {
		entries[i] = k.payment(allHot)
	}
	if err := copyRows(ctx, k.db, time.Now().UTC(), entries); err != nil {
		return err
	}
	for _, e := range entries {
		k.acknowledged(e)
	}
	return nil
}

// transactionOp is what a service does that has no group commit.
func (k *ledgerBooks) transactionOp(ctx context.Context, _ int64) error {
	e := k.payment(allHot)
	err := database.InTx(ctx, k.db, func(tx database.Tx) error {
		_, err := ledgerdb.Post(ctx, tx, time.Now().UTC(), e)
		return err
	})
	if err == nil {
		k.acknowledged(e)
	}
	return err
}

// rowsOp is what the usual SQL ledger does, which keeps balances in rows.
func (k *ledgerBooks) rowsOp(ctx context.Context, _ int64) error {
	e := k.payment(allHot)
	err := insertWithBalances(ctx, k.db, time.Now().UTC(), e)
	if err == nil {
		k.acknowledged(e)
	}
	return err
}

func ratios(b *harness.Bench, ways []*way) {
	by := make(map[string]*way, len(ways))
	for _, w := range ways {
		by[w.name] = w
	}
	group, single, rows := by["group"], by["single"], by["rows"]
	alone := float64(by["group_alone"].p50())
	b.Ratio("group_of_copy", group.perSecond(), by["copy"].perSecond())
	b.Ratio("group_to_rows", group.perSecond(), rows.perSecond())
	b.Ratio("group_to_single", group.perSecond(), single.perSecond())
	b.Ratio("alone_p50_to_transaction", alone, float64(by["single_alone"].p50()))
	b.Table(result.Table{Title: "ratios", Header: []string{"of", "is", "reach"}, Rows: [][]string{
		{"group commit, as a share of bare COPY", harness.Share(group.perSecond(), by["copy"].perSecond()), "40 % or more"},
		{
			"group commit to a transaction each, balances in rows", harness.Ratio(group.perSecond(), rows.perSecond()),
			"25x or more",
		},
		{"group commit to a transaction each of this ledger", harness.Ratio(group.perSecond(), single.perSecond()), ""},
		{"p50 of one caller to a plain transaction", harness.Ratio(alone, float64(by["single_alone"].p50())), "1.2x or less"},
	}})
}

// runHot compares how hot the accounts are.
func runHot(ctx context.Context, b *harness.Bench) error {
	t := result.Table{
		Title:  "group commit by the share of payments on one cash and one fee account",
		Header: []string{"hot", "payments/s", "p50", "p99"},
	}
	var ways []*way
	for _, hot := range []int{0, 10, 50, allHot} {
		books, err := newBooks(ctx, b, b.Sized(loanAccounts))
		if err != nil {
			return err
		}
		ways = append(ways, &way{
			name: fmt.Sprintf("hot_%d", hot), title: fmt.Sprintf("%d %%", hot), clients: groupCallers, books: books,
			op: books.poster(books.committer(b), hot),
		})
	}
	if err := takeTurns(ctx, b, ways); err != nil {
		return err
	}
	line := result.Line{Name: "group commit"}
	for i, w := range ways {
		b.Metric(w.name+"_throughput", w.perSecond(), "1/s")
		t.Rows = append(t.Rows, []string{
			w.title, harness.Count(w.perSecond()), harness.Short(w.p50()), harness.Short(w.p99()),
		})
		line.Points = append(line.Points, [2]float64{[]float64{0, 10, 50, allHot}[i], w.perSecond()})
	}
	b.Table(t)
	b.Plot(result.Plot{
		Title: "payments by the share on hot accounts", XLabel: "percent hot", YLabel: "payments per second",
		Lines: []result.Line{line},
	})
	b.Ratio("hot_to_uniform", ways[len(ways)-1].perSecond(), ways[0].perSecond())
	b.Note("100 %% hot against uniform: %s (reach 0.8x or more)",
		harness.Ratio(ways[len(ways)-1].perSecond(), ways[0].perSecond()))
	return checkAll(ctx, b, ways)
}

// sealPause is that of the ledger service.
const sealPause = 500 * time.Millisecond

// runSeal compares posting while the chain is sealed, and blocks are made, with
// posting alone.
func runSeal(ctx context.Context, b *harness.Bench) error {
	var ways []*way
	for _, on := range []bool{true, false} {
		books, err := newBooks(ctx, b, b.Sized(loanAccounts))
		if err != nil {
			return err
		}
		w := &way{
			name: "sealing_off", title: "sealing off", clients: groupCallers, books: books,
			op: books.poster(books.committer(b), allHot),
		}
		if on {
			w.name, w.title, w.beside = "sealing_on", "sealing on", books.seal
		}
		ways = append(ways, w)
	}
	if err := takeTurns(ctx, b, ways); err != nil {
		return err
	}
	t := result.Table{Title: "sealing the chain", Header: []string{"way", "payments/s", "p50", "p99"}}
	for _, w := range ways {
		b.Metric(w.name+"_throughput", w.perSecond(), "1/s")
		t.Rows = append(t.Rows, []string{
			w.title, harness.Count(w.perSecond()), harness.Short(w.p50()), harness.Short(w.p99()),
		})
	}
	b.Table(t)
	b.Ratio("sealing_on_to_off", ways[0].perSecond(), ways[1].perSecond())
	b.Note("sealing on against off: %s (reach 0.95x or more)", harness.Ratio(ways[0].perSecond(), ways[1].perSecond()))
	start := time.Now()
	head, err := ledgerdb.SealAll(ctx, ways[0].books.db)
	if err != nil {
		return err
	}
	rest := time.Since(start)
	b.Metric("seal_rest", harness.Millis(rest), "ms")
	verified, err := ledgerdb.Verify(ctx, ways[0].books.db, &head)
	if err != nil {
		return err
	}
	err = b.Check(verified.Entries == ways[0].books.posted.Load(),
		"the chain of %d batches covers the %d acknowledged payments; what was left to seal took %s",
		head.Seq, verified.Entries, harness.Short(rest))
	return errors.Join(err, checkAll(ctx, b, ways))
}

// seal does what the ledger service does beside its requests.
func (k *ledgerBooks) seal(ctx context.Context) error {
	for ctx.Err() == nil {
		if _, err := ledgerdb.SealAll(ctx, k.db); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(sealPause):
		}
	}
	return nil
}

// runInFlight shows what many callers at once do.
func runInFlight(ctx context.Context, b *harness.Bench) error {
	books, err := newBooks(ctx, b, b.Sized(loanAccounts))
	if err != nil {
		return err
	}
	post := books.poster(books.committer(b), allHot)
	callers := []int{1, 8, 64, 512, 2_048, 8_192}
	t := result.Table{
		Title:  "group commit by callers at once",
		Header: []string{"callers", "payments/s", "p50", "p99", "max"},
	}
	rate, middle, tail := result.Line{Name: "payments/s"}, result.Line{Name: "p50"}, result.Line{Name: "p99"}
	measured := map[int]float64{}
	for _, n := range callers {
		s := harness.Drive(ctx, harness.Load{
			Name: fmt.Sprint(n, " callers"), Clients: n, Warmup: b.Warmup, Duration: b.Duration / time.Duration(len(callers)),
			Op: post,
		}, nil)
		if err := errors.Join(s.Err(), ctx.Err()); err != nil {
			return err
		}
		measured[n] = s.PerSecond
		b.Metric(fmt.Sprintf("callers_%d_throughput", n), s.PerSecond, "1/s")
		b.Metric(fmt.Sprintf("callers_%d_p50", n), harness.Millis(s.P50), "ms")
		b.Metric(fmt.Sprintf("callers_%d_p99", n), harness.Millis(s.P99), "ms")
		t.Rows = append(t.Rows, []string{
			harness.Count(float64(n)), harness.Count(s.PerSecond), harness.Short(s.P50),
			harness.Short(s.P99), harness.Short(s.Max),
		})
		rate.Points = append(rate.Points, [2]float64{float64(n), s.PerSecond})
		middle.Points = append(middle.Points, [2]float64{float64(n), harness.Millis(s.P50)})
		tail.Points = append(tail.Points, [2]float64{float64(n), harness.Millis(s.P99)})
	}
	b.Table(t)
	b.Plot(result.Plot{
		Title: "throughput by callers at once", XLabel: "callers", YLabel: "payments per second", Log: true,
		Lines: []result.Line{rate},
	})
	b.Plot(result.Plot{
		Title: "latency by callers at once", XLabel: "callers", YLabel: "milliseconds", Log: true,
		Lines: []result.Line{middle, tail},
	})
	b.Ratio("8192_to_512", measured[8_192], measured[512])
	b.Note("8,192 in flight against 512: %s (reach 0.9x or more)", harness.Ratio(measured[8_192], measured[512]))
	return books.check(ctx, b, "after all", false)
}
