package ledgerdb_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

var (
	inr  = money.MustCurrency("INR")
	noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
	loan = uuid.MustParse("5a1f8a2e-5c3e-4a8e-9b1c-0d2f4a6b8c0e")
)

func day(d int) civil.Date { return civil.Date{Year: 2026, Month: time.March, Day: d} }

// books is a database with the lender's chart in INR and one loan's accounts.
type books struct {
	t  *testing.T
	db *database.DB
	// cash and income have no limit; overpaid must not be overdrawn.
	cash, portfolio, income, overpaid ledger.Account
}

func openBooks(t *testing.T) *books {
	t.Helper()
	return openBooksOn(t, dbtest.New(t, "core"))
}

func openBooksOn(t *testing.T, db *database.DB) *books {
	t.Helper()
	b := &books{
		t: t, db: db,
		cash:      ledger.ControlAccount(ledger.FundSource, inr),
		income:    ledger.ControlAccount(ledger.InterestOnLoans, inr),
		portfolio: ledger.LoanAccount(ledger.LoanPortfolio, loan, inr),
		overpaid:  ledger.LoanAccount(ledger.Overpayment, loan, inr),
	}
	b.overpaid.Limit = ledger.DebitsMustNotExceedCredits
	b.must(func(ctx context.Context, tx database.Tx) error {
		if err := ledgerdb.OpenChart(ctx, tx, noon, inr); err != nil {
			return err
		}
		return ledgerdb.OpenAccounts(ctx, tx, noon, b.portfolio, b.overpaid)
	})
	return b
}

// in runs a transaction as a client does that is told to come again: until the
// others of a busy machine leave it room.
func (b *books) in(fn func(ctx context.Context, tx database.Tx) error) error {
	ctx := b.t.Context()
	return insisting(func() error {
		return database.InTx(ctx, b.db, func(tx database.Tx) error { return fn(ctx, tx) })
	})
}

// insisting repeats what lost against others each time it was tried: how often
// that happens is the machine's affair, what it leaves behind is the test's.
func insisting(do func() error) error {
	const triesMax = 50
	err := do()
	for tries := 1; errors.Is(err, database.ErrContention) && tries < triesMax; tries++ {
		err = do()
	}
	return err
}

// sealUntil seals on db from one side until ctx ends.
func (b *books) sealUntil(ctx context.Context, db *database.DB) {
	for ctx.Err() == nil {
		if _, err := ledgerdb.SealAll(b.t.Context(), db); err != nil && !errors.Is(err, database.ErrContention) {
			b.t.Error(err)
		}
	}
}

func (b *books) must(fn func(ctx context.Context, tx database.Tx) error) {
	b.t.Helper()
	err := b.in(fn)
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *books) post(now time.Time, entries ...ledger.JournalEntry) ([]ledgerdb.Posted, error) {
	var posted []ledgerdb.Posted
	err := b.in(func(ctx context.Context, tx database.Tx) error {
		var err error
		posted, err = ledgerdb.Post(ctx, tx, now, entries...)
		return err
	})
	return posted, err
}

func (b *books) mustPost(now time.Time, entries ...ledger.JournalEntry) []ledgerdb.Posted {
	b.t.Helper()
	posted, err := b.post(now, entries...)
	if err != nil {
		b.t.Fatal(err)
	}
	return posted
}

func (b *books) net(account ledger.Account, at ledgerdb.At) string {
	b.t.Helper()
	var balance ledger.Balance
	b.must(func(ctx context.Context, tx database.Tx) error {
		var err error
		balance, err = ledgerdb.BalanceOf(ctx, tx, account, at)
		return err
	})
	return balance.Net.Text()
}

func rupees(text string) money.Amount {
	a, err := money.Parse(text, inr)
	if err != nil {
		panic(err)
	}
	return a
}

// move debits one account and credits another.
func move(key string, date civil.Date, debit, credit ledger.Account, amount string) ledger.JournalEntry {
	return ledger.JournalEntry{
		Key: key, Kind: "MOVE", EffectiveDate: date, Reference: loan.String(), PostedBy: "test",
		Metadata: map[string]string{"loan_id": loan.String()},
		Lines: []ledger.Line{
			{AccountID: debit.ID(), Side: ledger.Debit, Amount: rupees(amount)},
			{AccountID: credit.ID(), Side: ledger.Credit, Amount: rupees(amount)},
		},
	}
}

func TestPostKeepsAndReturnsAnEntry(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	entry := move("disburse/1", day(1), b.portfolio, b.cash, "1000.00")
	entry.Description = "Disbursement"
	posted := b.mustPost(noon, entry)
	want := []ledgerdb.Posted{{ID: entry.ID(), RecordedAt: noon}}
	if diff := cmp.Diff(want, posted); diff != "" {
		t.Errorf("posted (-want +got):\n%s", diff)
	}
	var stored ledgerdb.Entry
	b.must(func(ctx context.Context, tx database.Tx) error {
		var err error
		stored, err = ledgerdb.EntryByID(ctx, tx, entry.ID())
		return err
	})
	wantEntry := ledgerdb.Entry{JournalEntry: entry.Normalized(), RecordedAt: noon, BatchID: stored.BatchID}
	if diff := cmp.Diff(wantEntry, stored); diff != "" {
		t.Errorf("stored entry (-want +got):\n%s", diff)
	}
	if stored.Hash() != entry.Hash() {
		t.Error("the stored entry has another hash than the posted one")
	}
	if got := b.net(b.portfolio, ledgerdb.At{}); got != "1000.00" {
		t.Errorf("portfolio %s, want 1000.00", got)
	}
	if got := b.net(b.cash, ledgerdb.At{}); got != "-1000.00" {
		t.Errorf("cash %s, want -1000.00", got)
	}
}

func TestPostIsIdempotentByKey(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	entry := move("payment/1", day(1), b.cash, b.portfolio, "10.00")
	b.mustPost(noon, entry)
	again := b.mustPost(noon.Add(time.Hour), entry)
	want := []ledgerdb.Posted{{ID: entry.ID(), RecordedAt: noon, Replayed: true}}
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("second answer (-want +got):\n%s", diff)
	}
	other := move("payment/1", day(1), b.cash, b.portfolio, "10.01")
	if _, err := b.post(noon, other); !errors.Is(err, ledger.ErrKeyReused) {
		t.Errorf("another body under the same key: %v, want ErrKeyReused", err)
	}
	twice := move("payment/2", day(1), b.cash, b.portfolio, "5.00")
	posted := b.mustPost(noon, twice, twice)
	if posted[0].Replayed || !posted[1].Replayed || posted[0].ID != posted[1].ID {
		t.Errorf("the same entry twice in a call: %+v", posted)
	}
	if got := b.net(b.cash, ledgerdb.At{}); got != "15.00" {
		t.Errorf("cash %s, want 15.00", got)
	}
}
