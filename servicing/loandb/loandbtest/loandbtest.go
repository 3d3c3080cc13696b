// Package loandbtest helps tests of the servicing packages: it makes loans
// on a real database and proves that the books and the loans agree.
//
// It is for tests only.
package loandbtest

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// Now is the instant at which the helpers record.
var Now = time.Date(2026, time.January, 15, 9, 0, 0, 0, time.UTC)

// BookName is the book that the helpers work on.
const BookName = "main"

// Date returns the date in ISO 8601 text.
func Date(t testing.TB, text string) civil.Date {
	t.Helper()
	d, err := civil.ParseDate(text)
	if err != nil {
		t.Fatalf("date: %v", err)
	}
	return d
}

// INR returns an amount of paise.
func INR(minor int64) money.Amount { return money.New(minor, money.MustCurrency("INR")) }

// RBITerms is the illustration of the key facts statement of the Reserve Bank
// of India (15 April 2024), disbursed on the date: 20,000 over 24 months at
// 15 %, charges of 400, of which 160 are passed on.
func RBITerms(on civil.Date) amortization.Terms {
	return amortization.Terms{
		Principal: INR(2_000_000), AnnualRatePercent: amortization.MustDecimal("15"), Instalments: 24,
		DisbursementDate: on,
		Fees: []amortization.Fee{
			{Name: "processing", Amount: INR(24_000)},
			{Name: "insurance", Amount: INR(16_000), Payee: amortization.ThirdParty},
		},
	}
}

// ids counts the ids that newID gave.
var ids atomic.Int64

// newID returns an id that no other call in this process gets.
func newID() uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("loandbtest "+strconv.FormatInt(ids.Add(1), 10)))
}

// OpenBook opens the book on the business date and returns it.
func OpenBook(t testing.TB, db *database.DB, on civil.Date) loandb.Book {
	t.Helper()
	var book loandb.Book
	InTx(t, db, func(ctx context.Context, tx database.Tx) error {
		err := loandb.EnsureBook(ctx, tx, Now, loandb.Book{ID: newID(), Name: BookName, BusinessDate: on})
		if err != nil {
			return err
		}
		book, err = loandb.BookByName(ctx, tx, BookName)
		return err
	})
	return book
}

// InTx runs fn in a transaction and fails the test when that fails.
func InTx(t testing.TB, db *database.DB, fn func(ctx context.Context, tx database.Tx) error) {
	t.Helper()
	ctx := context.Background()
	if err := database.InTx(ctx, db, func(tx database.Tx) error { return fn(ctx, tx) }); err != nil {
		t.Fatalf("transaction: %v", err)
	}
}

// Activate stores a loan of the customer in the book, its payout under way.
func Activate(
	t testing.TB, db *database.DB, book loandb.Book, customer uuid.UUID, terms amortization.Terms,
) servicing.Loan {
	t.Helper()
	schedule, err := amortization.New(terms)
	if err != nil {
		t.Fatalf("terms: %v", err)
	}
	change, err := servicing.Activate(servicing.Activation{
		LoanID: newID(), ApplicationID: newID(), CustomerID: customer, BookID: book.ID, DisbursementID: newID(),
		Terms: terms, ScheduleHash: schedule.Hash(), On: book.BusinessDate,
	})
	Save(t, db, change, err)
	return change.Loan
}

// Active stores a loan of the customer in the book that is paid out.
func Active(
	t testing.TB, db *database.DB, book loandb.Book, customer uuid.UUID, terms amortization.Terms,
) servicing.Loan {
	t.Helper()
	loan := Activate(t, db, book, customer, terms)
	change, err := loan.CompleteDisbursement(loan.Disbursement.ID, "bank-1", book.BusinessDate)
	Save(t, db, change, err)
	return change.Loan
}

// ClosePeriod has the ledger take nothing more that is booked by a day.
func ClosePeriod(t testing.TB, db *database.DB, through civil.Date) {
	t.Helper()
	InTx(t, db, func(ctx context.Context, tx database.Tx) error {
		_, err := ledgerdb.ClosePeriod(ctx, tx, Now, newID(), through, "test", "month end")
		return err
	})
}

// Save stores a change.
func Save(t testing.TB, db *database.DB, change servicing.Change, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("command: %v", err)
	}
	InTx(t, db, func(ctx context.Context, tx database.Tx) error {
		return loandb.Save(ctx, tx, Now, "test", change)
	})
}

// Loan reads a loan.
func Loan(t testing.TB, db *database.DB, id uuid.UUID) servicing.Loan {
	t.Helper()
	var loan servicing.Loan
	InTx(t, db, func(ctx context.Context, tx database.Tx) error {
		var err error
		loan, err = loandb.Find(ctx, tx, id)
		return err
	})
	return loan
}

// TieOut fails the test unless the trial balance is zero and, for each loan,
// the ledger has what the loan says by component, and the facts fold to the
// stored state.
func TieOut(t testing.TB, db *database.DB, loans ...uuid.UUID) {
	t.Helper()
	InTx(t, db, func(ctx context.Context, tx database.Tx) error {
		trial, err := ledgerdb.Trial(ctx, tx, ledgerdb.Ever, ledgerdb.ByBooking)
		if err != nil {
			return err
		}
		for _, total := range trial.Totals {
			if !total.Difference.IsZero() {
				t.Errorf("trial balance is off by %s", total.Difference)
			}
		}
		for _, id := range loans {
			if err := tieOutLoan(ctx, t, tx, id); err != nil {
				return err
			}
		}
		return nil
	})
}

func tieOutLoan(ctx context.Context, t testing.TB, tx database.Tx, id uuid.UUID) error {
	t.Helper()
	loan, err := loandb.Find(ctx, tx, id)
	if err != nil {
		return err
	}
	receivable := loan.Receivable()
	for role, want := range map[ledger.Role]money.Amount{
		ledger.LoanPortfolio: receivable.Principal, ledger.InterestReceivable: receivable.Interest,
		ledger.FeesReceivable: receivable.Fees, ledger.PenaltiesReceivable: receivable.Penalties,
		ledger.Overpayment: loan.Overpaid,
	} {
		balance, err := ledgerdb.BalanceOf(ctx, tx, ledger.LoanAccount(role, id, loan.Currency()), ledgerdb.Ever)
		if err != nil {
			return err
		}
		if balance.Net != want {
			t.Errorf("loan %s: ledger has %s of %s, the loan %s", id, role, balance.Net, want)
		}
	}
	facts, err := loandb.Facts(ctx, tx, id, 0)
	if err != nil {
		return err
	}
	folded, err := servicing.Replay(facts)
	if err != nil {
		return err
	}
	if diff := cmp.Diff(folded, loan, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("loan %s is not the fold of its facts (-fold +stored):\n%s", id, diff)
	}
	return columnsTell(ctx, t, tx, &loan)
}

// summary is what the columns of a loan say beside its snapshot.
type summary struct {
	Status                                               string
	OpenPrincipal, OpenInterest, OpenFees, OpenPenalties int64
	BookedPrincipal, BookedInterest, BookedFees          int64
	BookedPenalties, Overpaid, Allowance, Deferred       int64
	DueOn, AttentionOn                                   *civil.Date
	Version                                              int64
}

// columnsTell fails the test unless the columns say what the snapshot says.
func columnsTell(ctx context.Context, t testing.TB, tx database.Tx, l *servicing.Loan) error {
	t.Helper()
	var got summary
	err := tx.QueryRow(ctx, `
		select status, open_principal, open_interest, open_fees, open_penalties, receivable_principal,
		       receivable_interest, receivable_fees, receivable_penalties, overpaid, allowance, deferred, due_on,
		       attention_on, version
		  from loan where id = $1`, l.ID).
		Scan(&got.Status, &got.OpenPrincipal, &got.OpenInterest, &got.OpenFees, &got.OpenPenalties, &got.BookedPrincipal,
			&got.BookedInterest, &got.BookedFees, &got.BookedPenalties, &got.Overpaid, &got.Allowance, &got.Deferred,
			&got.DueOn, &got.AttentionOn,
			&got.Version)
	if err != nil {
		return err
	}
	open, booked := l.Outstanding(), l.Receivable()
	want := summary{
		Status: string(l.Status), OpenPrincipal: open.Principal.Minor(), OpenInterest: open.Interest.Minor(),
		OpenFees: open.Fees.Minor(), OpenPenalties: open.Penalties.Minor(),
		BookedPrincipal: booked.Principal.Minor(), BookedInterest: booked.Interest.Minor(),
		BookedFees: booked.Fees.Minor(), BookedPenalties: booked.Penalties.Minor(), Overpaid: l.Overpaid.Minor(),
		Allowance: l.Provision.Minor(), Deferred: l.DeferredIncome().Minor(),
		Version: l.Version,
	}
	if due := l.PastDueSince(civil.Date{Year: 9999, Month: 12, Day: 31}); !due.IsZero() {
		want.DueOn = &due
	}
	if on := l.AttentionOn(); !on.IsZero() {
		want.AttentionOn = &on
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns of loan %s (-snapshot +stored):\n%s", l.ID, diff)
	}
	return nil
}

// Balance returns the balance of the lender's own account for a role, in paise
// on its normal side.
func Balance(t testing.TB, db *database.DB, role ledger.Role) int64 {
	t.Helper()
	var net int64
	InTx(t, db, func(ctx context.Context, tx database.Tx) error {
		balance, err := ledgerdb.BalanceOf(ctx, tx, ledger.ControlAccount(role, INR(0).Currency()), ledgerdb.Ever)
		net = balance.Net.Minor()
		return err
	})
	return net
}
