package reconciledb_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/bankfile"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/ledger/reconcile"
	"github.com/tenor-lending/tenor/ledger/reconciledb"
)

var (
	inr     = money.MustCurrency("INR")
	account = ledger.ControlAccount(ledger.FundSource, inr)
	now     = time.Date(2026, 3, 9, 8, 0, 0, 0, time.UTC)
	through = civil.Date{Year: 2026, Month: 3, Day: 31}
)

// bank is a bank account with n lines in the books and in a statement, line i
// of one belonging to line i of the other by its reference.
type bank struct {
	t  *testing.T
	db *database.DB
	n  int
}

func open(t *testing.T, n int) *bank {
	t.Helper()
	b := &bank{t: t, db: dbtest.New(t, "core"), n: n}
	b.tx(func(tx database.Tx) error { return ledgerdb.OpenChart(t.Context(), tx, now, inr) })
	var file strings.Builder
	file.WriteString("date,reference,amount\n")
	entries := make([]ledger.JournalEntry, n)
	for i := range n {
		amount := money.New(int64(1_000+i), inr)
		entries[i] = ledger.JournalEntry{
			Key: fmt.Sprint("entry/", i), Kind: "REPAYMENT", EffectiveDate: civil.Date{Year: 2026, Month: 3, Day: 2},
			Reference: fmt.Sprintf("INV-%06d", i), Lines: []ledger.Line{
				{AccountID: account.ID(), Side: ledger.Debit, Amount: amount},
				{
					AccountID: ledger.ControlAccount(ledger.Capital, inr).ID(), Side: ledger.Credit, Amount: amount,
				},
			},
		}
		fmt.Fprintf(&file, "2026-03-02,INV-%06d,%s\n", i, amount.Text())
	}
	b.tx(func(tx database.Tx) error {
		_, err := ledgerdb.Post(t.Context(), tx, now, entries...)
		return err
	})
	parsed, err := bankfile.Read(strings.NewReader(file.String()), bankfile.Options{
		Format: bankfile.CSV, Currency: inr, Mapping: bankfile.Mapping{
			Delimiter: ",", Header: true, Decimal: ".", DateLayout: "YYYY-MM-DD", BookingDate: "date", Amount: "amount",
			Reference: "reference",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.tx(func(tx database.Tx) error {
		_, err := reconciledb.Save(t.Context(), tx, now, reconciledb.Import{
			Account: account, File: parsed, Format: bankfile.CSV, Overlap: reconciledb.Refuse, By: "test",
		})
		return err
	})
	return b
}

func (b *bank) tx(fn func(tx database.Tx) error) {
	b.t.Helper()
	if err := database.InTx(b.t.Context(), b.db, fn); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bank) load() reconciledb.Work {
	b.t.Helper()
	var w reconciledb.Work
	b.tx(func(tx database.Tx) error {
		var err error
		w, err = reconciledb.Load(b.t.Context(), tx, account, reconcile.DefaultRules(), through)
		return err
	})
	return w
}

// keep stores what a run found.
func (b *bank) keep(w *reconciledb.Work, found *reconcile.Result) error {
	run := reconciledb.Run{ID: uuid.New(), Rules: "default", Through: through, RecordedAt: now, RecordedBy: "test"}
	return database.InTx(b.t.Context(), b.db, func(tx database.Tx) error {
		return reconciledb.SaveRun(b.t.Context(), tx, account, run, w, found, uuid.New())
	})
}

// TestEveryLineIsClaimedOnce has runs and people match the same lines at once:
// whoever comes second is refused as a whole, and no line has two matches.
func TestEveryLineIsClaimedOnce(t *testing.T) {
	t.Parallel()
	const lines, runs, people = 400, 4, 12
	b := open(t, lines)
	w := b.load()
	found, err := reconcile.Run(w.Bank, w.Books, reconcile.DefaultRules())
	if err != nil || len(found.Matches) != lines {
		t.Fatalf("%d matches, %v", len(found.Matches), err)
	}
	var mu sync.Mutex
	var kept, refused int
	var group sync.WaitGroup
	attempt := func(fn func() error) {
		group.Go(func() {
			err := fn()
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				kept++
			case errors.Is(err, reconciledb.ErrClaimed):
				refused++
			default:
				t.Error(err)
			}
		})
	}
	for range runs {
		attempt(func() error { return b.keep(&w, &found) })
	}
	for i := range people {
		m := found.Matches[i/2] // two people want the same lines
		attempt(func() error {
			return database.InTx(t.Context(), b.db, func(tx database.Tx) error {
				_, err := reconciledb.MatchLines(t.Context(), tx, now, reconciledb.ManualMatch{
					ID: uuid.New(), Account: account, Rule: reconciledb.RuleManual, Note: "by hand", By: "test",
					Lines: reconciledb.Lines{Bank: m.Bank, Books: m.Books},
				})
				return err
			})
		})
	}
	group.Wait()
	if kept == 0 || kept+refused != runs+people || kept > people/2+1 {
		t.Errorf("%d kept, %d refused", kept, refused)
	}
	after := b.load()
	again, err := reconcile.Run(after.Bank, after.Books, reconcile.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.keep(&after, &again); err != nil { // what the refused ones left is still there to be matched
		t.Fatal(err)
	}
	b.whole(lines)
}

// whole holds that every line of both sides has one active match.
func (b *bank) whole(lines int) {
	b.t.Helper()
	w := b.load()
	for _, side := range [][]reconcile.Line{w.Bank, w.Books} {
		if len(side) != lines {
			b.t.Errorf("%d lines, want %d", len(side), lines)
		}
		for _, line := range side {
			if !line.Claimed {
				b.t.Errorf("line %v has no match", line.ID)
			}
		}
	}
	var claims, matches int
	b.tx(func(tx database.Tx) error {
		claims, matches = 0, 0
		var after reconciledb.Position
		for {
			page, err := reconciledb.Matches(b.t.Context(), tx, account, uuid.Nil, after, 200)
			if err != nil || len(page) == 0 {
				return err
			}
			for _, m := range page {
				if m.Active {
					matches++
					claims += len(m.Lines.Bank) + len(m.Lines.Books)
				}
			}
			last := page[len(page)-1]
			after = reconciledb.Position{At: last.RecordedAt, ID: last.ID}
		}
	})
	if claims != 2*lines || matches != lines {
		b.t.Errorf("%d matches claim %d lines, want %d and %d", matches, claims, lines, 2*lines)
	}
}

// TestTheBankConfirms asks what other services may ask.
func TestTheBankConfirms(t *testing.T) {
	t.Parallel()
	b := open(t, 3)
	ctx := t.Context()
	day := civil.Date{Year: 2026, Month: 3, Day: 2}
	ask := func() (uuid.UUID, int) {
		var match uuid.UUID
		var free []reconciledb.BankLine
		b.tx(func(tx database.Tx) error {
			var err error
			if match, err = reconciledb.ConfirmedByBank(ctx, tx, account, ledger.EntryID("entry/1")); err != nil {
				return err
			}
			free, err = reconciledb.Unmatched(ctx, tx, account, money.New(1_001, inr), day, day)
			return err
		})
		return match, len(free)
	}
	if match, free := ask(); match != uuid.Nil || free != 1 {
		t.Errorf("before: match %s, %d free lines", match, free)
	}
	w := b.load()
	found, err := reconcile.Run(w.Bank, w.Books, reconcile.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.keep(&w, &found); err != nil {
		t.Fatal(err)
	}
	if match, free := ask(); match == uuid.Nil || free != 0 {
		t.Errorf("after: match %s, %d free lines", match, free)
	}
}

// TestUndoingAndRunningAgain takes every match apart and gets the same result.
func TestUndoingAndRunningAgain(t *testing.T) {
	t.Parallel()
	b := open(t, 20)
	w := b.load()
	first, err := reconcile.Run(w.Bank, w.Books, reconcile.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.keep(&w, &first); err != nil {
		t.Fatal(err)
	}
	b.tx(func(tx database.Tx) error {
		matches, err := reconciledb.Matches(t.Context(), tx, account, uuid.Nil, reconciledb.Position{}, 100)
		for _, m := range matches {
			err = errors.Join(err, reconciledb.Undo(t.Context(), tx, now, m.ID, "test", "again"))
		}
		return err
	})
	after := b.load()
	second, err := reconcile.Run(after.Bank, after.Books, reconcile.DefaultRules())
	if err != nil {
		t.Fatal(err)
	}
	a, errA := first.Digest()
	c, errC := second.Digest()
	if a != c || errA != nil || errC != nil {
		t.Errorf("the second result differs: %x and %x", a, c)
	}
	if err := b.keep(&after, &second); err != nil {
		t.Fatal(err)
	}
	b.whole(20)
}
