package ledgerdb_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// The work of every benchmark: payments of four lines on one hot cash account,
// one hot fee account and two of benchLoans loan accounts.
const benchLoans = 50_000

type benchBooks struct {
	db        *database.DB
	cash, fee uuid.UUID
	loans     []uuid.UUID
}

func openBench(b *testing.B) *benchBooks {
	b.Helper()
	books := &benchBooks{
		db:   dbtest.New(b, "core"),
		cash: ledger.ControlAccount(ledger.FundSource, inr).ID(),
		fee:  ledger.ControlAccount(ledger.IncomeFromFees, inr).ID(),
	}
	ctx := b.Context()
	run := func(fn func(tx database.Tx) error) {
		if err := database.InTx(ctx, books.db, fn); err != nil {
			b.Fatal(err)
		}
	}
	run(func(tx database.Tx) error { return ledgerdb.OpenChart(ctx, tx, noon, inr) })
	const page = 5_000
	for at := 0; at < benchLoans; at += page {
		accounts := make([]ledger.Account, page)
		for i := range accounts {
			loan := uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, at+i))
			accounts[i] = ledger.LoanAccount(ledger.LoanPortfolio, loan, inr)
			books.loans = append(books.loans, accounts[i].ID())
		}
		run(func(tx database.Tx) error { return ledgerdb.OpenAccounts(ctx, tx, noon, accounts...) })
	}
	return books
}

func (books *benchBooks) payment() ledger.JournalEntry {
	amount := rand.Int64N(100_000) + 10
	principal, interest := amount/2, amount/3
	loan := func() uuid.UUID { return books.loans[rand.IntN(len(books.loans))] }
	line := func(account uuid.UUID, side ledger.Side, minor int64) ledger.Line {
		return ledger.Line{AccountID: account, Side: side, Amount: money.New(minor, inr)}
	}
	return ledger.JournalEntry{
		Key: "payment/" + uuid.NewString(), Kind: "REPAYMENT", EffectiveDate: day(2), Reference: uuid.NewString(),
		PostedBy: "bench", Metadata: map[string]string{"channel": "bank"},
		Lines: []ledger.Line{
			line(books.cash, ledger.Debit, amount), line(loan(), ledger.Credit, principal),
			line(loan(), ledger.Credit, interest), line(books.fee, ledger.Credit, amount-principal-interest),
		},
	}
}

// BenchmarkCopy writes the same rows with COPY and nothing else: the ceiling.
func BenchmarkCopy(b *testing.B) {
	books := openBench(b)
	const batch = 2_000
	ctx := b.Context()
	b.ResetTimer()
	for done := 0; done < b.N; done += batch {
		var entries, lines [][]any
		for i := range batch {
			e := books.payment()
			id, hash := e.ID(), e.Hash()
			entries = append(entries, []any{
				id, e.Key, hash[:], e.Kind, e.EffectiveDate, e.EffectiveDate, noon, e.Reference,
				"", e.PostedBy, `{"channel": "bank"}`, id, int64(i),
			})
			for n, line := range e.Lines {
				debit, credit := line.Amount.Minor(), int64(0)
				if line.Side == ledger.Credit {
					debit, credit = credit, debit
				}
				lines = append(lines, []any{line.AccountID, e.EffectiveDate, noon, id, int64(n), e.EffectiveDate, debit, credit})
			}
		}
		err := database.InTx(ctx, books.db, func(tx database.Tx) error {
			_, err := tx.CopyFrom(ctx, pgx.Identifier{"ledger_entry"}, []string{
				"id", "key", "hash", "kind", "effective_date",
				"booking_date", "recorded_at", "reference", "description", "posted_by", "metadata", "batch_id", "batch_pos",
			},
				pgx.CopyFromRows(entries))
			if err != nil {
				return err
			}
			_, err = tx.CopyFrom(ctx, pgx.Identifier{"ledger_line"}, []string{
				"account_id", "effective_date", "recorded_at",
				"entry_id", "line_no", "booking_date", "debit", "credit",
			}, pgx.CopyFromRows(lines))
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	report(b)
}

func report(b *testing.B) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "payments/s")
}

// BenchmarkCommitter posts through group commit with many callers in flight.
func BenchmarkCommitter(b *testing.B) {
	for _, callers := range []int{1, 64, 512, 8192} {
		b.Run(fmt.Sprint(callers, " callers"), func(b *testing.B) {
			books := openBench(b)
			c := ledgerdb.NewCommitter(books.db, time.Now)
			defer func() { _ = c.Close(context.Background()) }()
			work(b, callers, func(ctx context.Context) error {
				_, err := c.Post(ctx, books.payment())
				return err
			})
		})
	}
}

// BenchmarkTransactions posts in one transaction per payment.
func BenchmarkTransactions(b *testing.B) {
	for _, callers := range []int{1, 32} {
		b.Run(fmt.Sprint(callers, " callers"), func(b *testing.B) {
			books := openBench(b)
			work(b, callers, func(ctx context.Context) error {
				return database.InTx(ctx, books.db, func(tx database.Tx) error {
					_, err := ledgerdb.Post(ctx, tx, time.Now(), books.payment())
					return err
				})
			})
		})
	}
}

// work has callers do b.N posts between them.
func work(b *testing.B, callers int, post func(ctx context.Context) error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if err := post(b.Context()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	report(b)
}
