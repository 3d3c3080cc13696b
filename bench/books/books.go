// Package books measures the ledger below HTTP: posting by group commit against
// its alternatives, hot accounts, many callers at once, balances and reports at
// any point of both times.
//
// It must not measure anything but ledger/ledgerdb and, as a yardstick, the bare
// COPY of the same rows.
package books

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// Scenarios lists what this package measures.
func Scenarios() []harness.Scenario {
	return []harness.Scenario{
		{
			Name: "ledger-sql", What: "payments of four lines: group commit, one transaction each, bare COPY, in turns",
			Run: runSQL,
		},
		{
			Name: "ledger-hot", What: "the same by group commit, with 0 to 100 % of payments on one cash and one fee account",
			Run: runHot,
		},
		{
			Name: "ledger-seal", What: "the same by group commit, with the chain being sealed meanwhile and without",
			Run: runSeal,
		},
		{Name: "ledger-inflight", What: "the same by group commit, with 1 to 8,192 callers at once", Run: runInFlight},
		{
			Name: "balance-at", What: "a balance at any (effective, known) point of an account with up to 1,000,000 lines",
			Run: runBalanceAt,
		},
		{Name: "trial-balance", What: "the trial balance over up to 1,000,000 accounts", Run: runTrialBalance},
		{Name: "statement", What: "a statement of up to 100,000 lines, streamed by pages", Run: runStatement},
		{Name: "replay", What: "every balance built anew from a journal of up to 100,000 entries", Run: runReplay},
		{Name: "reconcile", What: "a bank's file of 100,000 lines against 100,000 lines of the books", Run: runReconcile},
	}
}

const (
	// loanAccounts is how many accounts payments are spread over.
	loanAccounts = 50_000
	openPage     = 5_000
	// connections of the pool: those of two services and room for readers.
	connections = 40
)

var currency = money.MustCurrency("INR")

// ledgerBooks are books with accounts to post to.
type ledgerBooks struct {
	db        *database.DB
	cash, fee uuid.UUID
	loans     []uuid.UUID
	// posted and volume count what was acknowledged: entries, and the sum of
	// their debits in minor units.
	posted, volume atomic.Int64
}

// newBooks opens books with the lender's chart and a number of loan accounts.
func newBooks(ctx context.Context, b *harness.Bench, accounts int) (*ledgerBooks, error) {
	db, _, err := b.Database(ctx, "core", connections)
	if err != nil {
		return nil, err
	}
	books := &ledgerBooks{
		db: db, cash: ledger.ControlAccount(ledger.FundSource, currency).ID(),
		fee: ledger.ControlAccount(ledger.IncomeFromFees, currency).ID(),
	}
	err = database.InTx(ctx, db, func(tx database.Tx) error {
		return ledgerdb.OpenChart(ctx, tx, time.Now().UTC(), currency)
	})
	if err != nil {
		return nil, err
	}
	return books, books.open(ctx, accounts)
}

// open adds loan accounts until there are so many.
func (k *ledgerBooks) open(ctx context.Context, accounts int) error {
	for len(k.loans) < accounts {
		page := make([]ledger.Account, min(openPage, accounts-len(k.loans)))
		for i := range page {
			loan := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, "bench loan ", len(k.loans)+i))
			page[i] = ledger.LoanAccount(ledger.LoanPortfolio, loan, currency)
		}
		err := database.InTx(ctx, k.db, func(tx database.Tx) error {
			return ledgerdb.OpenAccounts(ctx, tx, time.Now().UTC(), page...)
		})
		if err != nil {
			return err
		}
		for i := range page {
			k.loans = append(k.loans, page[i].ID())
		}
	}
	return nil
}

const (
	lines = 4
	// amountMax and amountMin are of a payment, in minor units.
	amountMax = 100_000
	amountMin = 10
	percent   = 100
)

// payment makes a payment of four lines: cash against principal, interest and a
// fee. hot is the share of payments, in percent, that use the one cash and the
// one fee account; the others use random accounts there too.
func (k *ledgerBooks) payment(hot int) ledger.JournalEntry {
	amount := rand.Int64N(amountMax) + amountMin //nolint:gosec // spread, not secret
	principal, interest := amount/2, amount/3
	account := func() uuid.UUID { return k.loans[rand.IntN(len(k.loans))] } //nolint:gosec // as above
	cash, fee := k.cash, k.fee
	if rand.IntN(percent) >= hot { //nolint:gosec // as above
		cash, fee = account(), account()
	}
	line := func(account uuid.UUID, side ledger.Side, minor int64) ledger.Line {
		return ledger.Line{AccountID: account, Side: side, Amount: money.New(minor, currency)}
	}
	return ledger.JournalEntry{
		Key: "payment/" + uuid.NewString(), Kind: "REPAYMENT", EffectiveDate: civil.Date{Year: 2026, Month: 1, Day: 2},
		Reference: uuid.NewString(), PostedBy: "bench", Metadata: map[string]string{"channel": "bank"},
		Lines: []ledger.Line{
			line(cash, ledger.Debit, amount), line(account(), ledger.Credit, principal),
			line(account(), ledger.Credit, interest), line(fee, ledger.Credit, amount-principal-interest),
		},
	}
}

// acknowledged counts an entry that the ledger said is booked.
func (k *ledgerBooks) acknowledged(e ledger.JournalEntry) {
	k.posted.Add(1)
	k.volume.Add(e.Lines[0].Amount.Minor())
}

// poster returns an operation that posts by group commit.
func (k *ledgerBooks) poster(c *ledgerdb.Committer, hot int) func(context.Context, int64) error {
	return func(ctx context.Context, _ int64) error {
		e := k.payment(hot)
		_, err := c.Post(ctx, e)
		if err == nil {
			k.acknowledged(e)
		}
		return err
	}
}

// committer returns a committer that is closed after the scenario.
func (k *ledgerBooks) committer(b *harness.Bench) *ledgerdb.Committer {
	c := ledgerdb.NewCommitter(k.db, time.Now)
	b.Cleanup(c.Close)
	return c
}

// check holds that the books hold what was acknowledged, and balance. Bare rows
// are no books: of them only the lines are summed.
func (k *ledgerBooks) check(ctx context.Context, b *harness.Bench, what string, bare bool) error {
	j, err := readJournal(ctx, k.db)
	if err != nil {
		return err
	}
	if err := b.Check(j.entries == k.posted.Load() && j.lines == lines*j.entries,
		"%s: the journal holds the %d acknowledged payments (%d) with four lines each (%d)",
		what, k.posted.Load(), j.entries, j.lines); err != nil {
		return err
	}
	whole := j.debits == k.volume.Load() && j.credits == j.debits
	if !bare {
		var trial ledgerdb.TrialBalance
		err = database.InReadTx(ctx, k.db, func(tx database.Tx) error {
			var err error
			trial, err = ledgerdb.Trial(ctx, tx, ledgerdb.At{}, ledgerdb.ByEffective)
			return err
		})
		if err != nil {
			return err
		}
		whole = whole && len(trial.Totals) == 1 && trial.Totals[0].Difference.IsZero() &&
			trial.Totals[0].Debits.Minor() == k.volume.Load()
	}
	return b.Check(whole, "%s: the trial balance is zero, over a volume of %s", what,
		money.New(k.volume.Load(), currency))
}
