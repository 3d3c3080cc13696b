package repayment

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

// BenchmarkPost posts payments of as many loans in shared transactions, without
// HTTP. With TENOR_TEST_STATEMENTS=1 it tells how long each statement took.
func BenchmarkPost(b *testing.B) {
	for _, size := range []int{1, 32, 500} {
		b.Run(fmt.Sprintf("together=%d", size), func(b *testing.B) { benchmarkPost(b, size) })
	}
}

func benchmarkPost(b *testing.B, size int) {
	ctx := b.Context()
	trace := &statementTimes{spent: map[string]time.Duration{}}
	cfg := database.Config{DSN: dbtest.DSN(b, "core"), MaxConns: 2}
	if os.Getenv("TENOR_TEST_STATEMENTS") != "" {
		cfg.Tracer = trace
	}
	db, err := database.Open(ctx, cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(db.Close)
	loans := manyLoans(b, db, 1_000)
	for _, table := range []string{"loan", "payment", "idempotency", "audit", "outbox", "stream_head", "loan_fact"} {
		if _, err := db.Pool().Exec(ctx, "analyze "+table); err != nil {
			b.Fatal(err)
		}
	}
	s := serviceOn(db)
	next := 0
	for b.Loop() {
		items := make([]posting, size)
		for i := range items {
			in := NewPayment{
				LoanID: loans[next%len(loans)], Amount: loandbtest.INR(100), Kind: servicing.Normal, Channel: "UPI",
			}
			key, err := command.NewKey(uuid.NewString(), in)
			if err != nil {
				b.Fatal(err)
			}
			items[i] = posting{ctx: ctx, actor: payer, key: key, in: in}
			next++
		}
		results, err := s.commitPostings(ctx, items)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range results {
			if r.Err != nil {
				b.Fatal(r.Err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(next), "us/payment")
	trace.report(b, next)
}

// manyLoans stores active loans.
func manyLoans(t testing.TB, db *database.DB, count int) []uuid.UUID {
	t.Helper()
	book := loandbtest.OpenBook(t, db, loandbtest.Date(t, "2026-01-15"))
	first := loandbtest.Active(t, db, book, uuid.New(), loandbtest.RBITerms(book.BusinessDate))
	ids := []uuid.UUID{first.ID}
	for len(ids) < count {
		var changes []servicing.Change
		for range min(200, count-len(ids)) {
			activated, err := servicing.Activate(servicing.Activation{
				LoanID: uuid.New(), ApplicationID: uuid.New(), CustomerID: uuid.New(), BookID: book.ID,
				DisbursementID: uuid.New(), Terms: first.Terms, ScheduleHash: first.ScheduleHash, On: book.BusinessDate,
			})
			if err != nil {
				t.Fatal(err)
			}
			paidOut, err := activated.Loan.CompleteDisbursement(activated.Loan.Disbursement.ID, "b", book.BusinessDate)
			if err != nil {
				t.Fatal(err)
			}
			changes = append(changes, activated, paidOut)
			ids = append(ids, activated.Loan.ID)
		}
		loandbtest.InTx(t, db, func(ctx context.Context, tx database.Tx) error {
			return loandb.Save(ctx, tx, loandbtest.Now, "test", changes...)
		})
	}
	return ids
}

// statementTimes adds up how long statements took, by their first words.
type statementTimes struct {
	mu    sync.Mutex
	spent map[string]time.Duration
}

type statementKey struct{}

type statementStart struct {
	sql string
	at  time.Time
}

// TraceQueryStart implements pgx.QueryTracer.
func (s *statementTimes) TraceQueryStart(
	ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData,
) context.Context {
	return context.WithValue(ctx, statementKey{}, statementStart{sql: data.SQL, at: time.Now()})
}

// TraceQueryEnd implements pgx.QueryTracer.
func (s *statementTimes) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if start, ok := ctx.Value(statementKey{}).(statementStart); ok {
		s.add(start.sql, time.Since(start.at))
	}
}

// TraceBatchStart implements pgx.BatchTracer.
func (s *statementTimes) TraceBatchStart(
	ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData,
) context.Context {
	var words []string
	for _, q := range data.Batch.QueuedQueries {
		words = append(words, firstWords(q.SQL))
	}
	start := statementStart{sql: "batch " + strings.Join(words, "; "), at: time.Now()}
	return context.WithValue(ctx, statementKey{}, start)
}

// TraceBatchQuery implements pgx.BatchTracer.
func (s *statementTimes) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (s *statementTimes) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) {
	if start, ok := ctx.Value(statementKey{}).(statementStart); ok {
		s.add(start.sql, time.Since(start.at))
	}
}

func firstWords(sql string) string {
	const words = 4
	fields := strings.Fields(sql)
	return strings.Join(fields[:min(words, len(fields))], " ")
}

func (s *statementTimes) add(sql string, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sql
	if !strings.HasPrefix(sql, "batch ") {
		key = firstWords(sql)
	}
	s.spent[key] += took
}

func (s *statementTimes) report(b *testing.B, payments int) {
	var keys []string
	for key := range s.spent {
		keys = append(keys, key)
	}
	sort.Slice(keys, func(i, j int) bool { return s.spent[keys[i]] > s.spent[keys[j]] })
	for _, key := range keys {
		b.Logf("%8.1f us a payment: %s", float64(s.spent[key].Microseconds())/float64(payments), key)
	}
}
