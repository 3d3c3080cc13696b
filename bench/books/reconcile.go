package books

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/bankfile"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/ledger/reconcile"
	"github.com/tenor-lending/tenor/ledger/reconciledb"
)

const (
	reconcileLines = 100_000
	reconcileDays  = 28
	postPage       = 2_000
	thousand       = 1_000
	memorySample   = 20 * time.Millisecond
)

// corpus is what happened, as the bank and as the books tell it, and which lines
// truly belong together.
type corpus struct {
	random  *rand.Rand
	entries []ledger.JournalEntry
	file    strings.Builder
	bank    int
	truth   map[[2]string]bool // bank reference and key of the entry
	cash    uuid.UUID
	other   uuid.UUID
}

// book adds a payment to the books and returns its key.
func (c *corpus) book(reference string, minor int64, day civil.Date) string {
	key := fmt.Sprintf("reconcile/%d", len(c.entries))
	amount := money.New(minor, currency)
	c.entries = append(c.entries, ledger.JournalEntry{
		Key: key, Kind: "REPAYMENT", EffectiveDate: day, Reference: reference, PostedBy: "bench",
		Lines: []ledger.Line{
			{AccountID: c.cash, Side: ledger.Debit, Amount: amount},
			{AccountID: c.other, Side: ledger.Credit, Amount: amount},
		},
	})
	return key
}

// pay adds a line to the bank's file that truly belongs to some payments.
func (c *corpus) pay(reference, text string, minor int64, day civil.Date, keys ...string) {
	name := fmt.Sprintf("B%d", c.bank)
	c.bank++
	_, _ = fmt.Fprintf(&c.file, "%s,%s,%s,%s,%s\n", day, reference, name, text, money.New(minor, currency).Text())
	for _, key := range keys {
		c.truth[[2]string{name, key}] = true
	}
}

// event adds one thing that happened, in one of the ways in which banks and
// books differ.
func (c *corpus) event(n int) {
	reference := fmt.Sprintf("INV-2026-%07d", n)
	minor := c.random.Int64N(5_000_000) + 1_000
	day := firstDay.AddDays(1 + c.random.IntN(reconcileDays))
	drift := day.AddDays(c.random.IntN(3))
	switch way := c.random.IntN(thousand); {
	case way < 20: // less a charge
		c.pay(reference, "", minor-minor/100, drift, c.book(reference, minor, day))
	case way < 50: // in two parts
		key := c.book(reference, minor, day)
		c.pay(reference, "", minor/3, drift, key)
		c.pay(reference, "", minor-minor/3, drift, key)
	case way < 70: // three in one sum
		a, b := c.book(reference, minor, day), c.book(reference, minor/2+1, day)
		c.pay(reference, "", 2*minor+minor/2+1, drift, a, b, c.book(reference, minor, day))
	case way < 80: // paid twice
		key := c.book(reference, minor, day)
		c.pay(reference, "", minor, day, key)
		c.pay(reference, "", minor, day.AddDays(1))
	case way < 90: // never came
		c.book(reference, minor, day)
	case way < 100: // a fee that nobody booked
		c.pay("", "account fee", -int64(100+n%50), day)
	case way < 120: // late
		c.pay(reference, "", minor, day.AddDays(5), c.book(reference, minor, day))
	case way < 150: // without a reference
		c.pay("", "transfer", minor, drift, c.book("", minor, day))
	case way < 350: // the reference in the text, cut by the bank
		c.pay("", "PAYMENT "+reference[:9]+" "+reference[9:]+" THANKS", minor, drift, c.book(reference, minor, day))
	default:
		c.pay(strings.ReplaceAll(reference, "-", " "), "instalment", minor, drift, c.book(reference, minor, day))
	}
}

// newCorpus makes about n lines on each side.
func newCorpus(seed uint64, n int, cash, other uuid.UUID) *corpus {
	c := &corpus{
		random: rand.New(rand.NewPCG(seed, seed)), truth: map[[2]string]bool{}, //nolint:gosec // a corpus
		cash: cash, other: other,
	}
	c.file.WriteString("date,reference,bank,text,amount\n")
	for i := 0; c.bank < n || len(c.entries) < n; i++ {
		c.event(i)
	}
	return c
}

// reconcileBench is one run of the scenario.
type reconcileBench struct {
	books   *ledgerBooks
	account ledger.Account
	corpus  *corpus
	work    reconciledb.Work
	found   reconcile.Result
}

// runReconcile imports a bank's file and reconciles it with the books.
func runReconcile(ctx context.Context, b *harness.Bench) error {
	books, err := newBooks(ctx, b, 1)
	if err != nil {
		return err
	}
	r := &reconcileBench{
		books: books, account: ledger.ControlAccount(ledger.FundSource, currency),
		corpus: newCorpus(b.Seed, b.Sized(reconcileLines), books.cash, books.loans[0]),
	}
	for from := 0; from < len(r.corpus.entries); from += postPage {
		page := r.corpus.entries[from:min(from+postPage, len(r.corpus.entries))]
		err := database.InTx(ctx, books.db, func(tx database.Tx) error {
			_, err := ledgerdb.Post(ctx, tx, time.Now().UTC(), page...)
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := refreshStatistics(ctx, books.db); err != nil {
		return err
	}
	t := result.Table{Title: "a bank's file against the books", Header: []string{
		"step", "time", "of that on a processor", "most memory",
	}}
	total, busy, most := time.Duration(0), time.Duration(0), 0.0
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{{"import", r.load}, {"read", r.read}, {"match", r.match}, {"keep", r.keep}} {
		before := result.ProcessorTime()
		spent, peak, err := measured(func() error { return step.run(ctx) })
		if err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		own := result.ProcessorTime() - before
		b.Metric(step.name+"_time", spent.Seconds(), "s")
		b.Metric(step.name+"_processor", own.Seconds(), "s")
		t.Rows = append(t.Rows, []string{
			step.name, harness.Short(spent), harness.Short(own), fmt.Sprintf("%.0f MiB", peak),
		})
		most = max(most, peak)
		if step.name != "import" {
			total, busy = total+spent, busy+own
		}
	}
	t.Rows = append(t.Rows, []string{
		"reconcile (read, match, keep)", harness.Short(total), harness.Short(busy), fmt.Sprintf("%.0f MiB", most),
	})
	b.Note("the processor time is that of this process; the database's comes on top")
	b.Table(t)
	b.Metric("reconcile_time", total.Seconds(), "s")
	b.Metric("memory", most, "MiB")
	return r.judge(ctx, b)
}

// measured returns how long fn took and the most memory in use during it, in MiB.
func measured(fn func() error) (time.Duration, float64, error) {
	const mib = 1 << 20
	var peak atomic.Uint64
	done, ended := make(chan struct{}), make(chan struct{})
	runtime.GC()
	go func() {
		defer close(ended)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapInuse+m.StackInuse))
			select {
			case <-done:
				return
			case <-time.After(memorySample):
			}
		}
	}()
	start := time.Now()
	err := fn()
	spent := time.Since(start)
	close(done)
	<-ended
	return spent, float64(peak.Load()) / mib, err
}

func (r *reconcileBench) load(ctx context.Context) error {
	file, err := bankfile.Read(strings.NewReader(r.corpus.file.String()), bankfile.Options{
		Format: bankfile.CSV, Currency: currency, Mapping: bankfile.Mapping{
			Delimiter: ",", Header: true, Decimal: ".", DateLayout: "YYYY-MM-DD", BookingDate: "date", Amount: "amount",
			Reference: "reference", BankReference: "bank", Text: []bankfile.Column{"text"},
		},
	})
	if err != nil {
		return err
	}
	return database.InTx(ctx, r.books.db, func(tx database.Tx) error {
		_, err := reconciledb.Save(ctx, tx, time.Now().UTC().Truncate(time.Microsecond), reconciledb.Import{
			Account: r.account, File: file, Format: bankfile.CSV, Overlap: reconciledb.Refuse, By: "bench",
		})
		return err
	})
}

func (r *reconcileBench) read(ctx context.Context) error {
	return database.InReadTx(ctx, r.books.db, func(tx database.Tx) error {
		var err error
		r.work, err = reconciledb.Load(ctx, tx, r.account, reconcile.DefaultRules(), firstDay.AddDays(2*reconcileDays))
		return err
	})
}

func (r *reconcileBench) match(context.Context) error {
	var err error
	r.found, err = reconcile.Run(r.work.Bank, r.work.Books, reconcile.DefaultRules())
	return err
}

func (r *reconcileBench) keep(ctx context.Context) error {
	return database.InTx(ctx, r.books.db, func(tx database.Tx) error {
		run := reconciledb.Run{
			ID: uuid.New(), Rules: "default", Through: r.work.Through, RecordedBy: "bench",
			RecordedAt: time.Now().UTC().Truncate(time.Microsecond),
		}
		return reconciledb.SaveRun(ctx, tx, r.account, run, &r.work, &r.found, uuid.New())
	})
}

// judge compares the matches with the truth, and has the report prove itself.
func (r *reconcileBench) judge(ctx context.Context, b *harness.Bench) error {
	names, keys := map[uuid.UUID]string{}, map[uuid.UUID]string{}
	for _, line := range r.work.Bank {
		names[line.ID.ID] = line.References[1]
	}
	for i := range r.corpus.entries {
		keys[r.corpus.entries[i].ID()] = r.corpus.entries[i].Key
	}
	var right, wrong float64
	for _, m := range r.found.Matches {
		for _, bank := range m.Bank {
			for _, book := range m.Books {
				if r.corpus.truth[[2]string{names[bank.ID], keys[book.ID]}] {
					right++
				} else {
					wrong++
				}
			}
		}
	}
	precision, recall := right/(right+wrong), right/float64(len(r.corpus.truth))
	b.Metric("precision", 100*precision, "%")
	b.Metric("recall", 100*recall, "%")
	b.Note("%d bank lines, %d book lines, %d matches, %d breaks; precision %.3f %%, recall %.3f %%", len(r.work.Bank),
		len(r.work.Books), len(r.found.Matches), len(r.found.Breaks), 100*precision, 100*recall)
	var report reconcile.Report
	err := database.InReadTx(ctx, r.books.db, func(tx database.Tx) error {
		var err error
		report, err = reconciledb.ReadReport(ctx, tx, r.account, r.work.Through)
		return err
	})
	if err != nil {
		return err
	}
	if err := b.Check(report.Proven, "the report proves that books and bank differ by its items alone"); err != nil {
		return err
	}
	const good = 0.995
	return b.Check(precision >= good && recall >= good, "at least 99.5 %% of the matches are right, and as many found")
}
