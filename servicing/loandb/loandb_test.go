package loandb_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

func TestSaveAndLoadThroughAWholeLife(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "core")
	book := loandbtest.OpenBook(t, db, loandbtest.Date(t, "2026-01-15"))
	loan := loandbtest.Active(t, db, book, uuid.New(), loandbtest.RBITerms(book.BusinessDate))
	same := func() {
		t.Helper()
		if diff := cmp.Diff(loan, loandbtest.Loan(t, db, loan.ID), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("stored loan (-want +got):\n%s", diff)
		}
		loandbtest.TieOut(t, db, loan.ID)
	}
	same()
	step := func(change servicing.Change, err error) {
		t.Helper()
		loandbtest.Save(t, db, change, err)
		loan = change.Loan
		same()
	}
	day := loandbtest.Date(t, "2026-02-16")
	step(loan.StartDay(day))
	step(loan.Pay(servicing.Payment{
		ID: uuid.New(), Kind: servicing.Normal, Amount: loandbtest.INR(50_000), ValueDate: day,
	}, day))
	quote, err := loan.PayoffQuote(day)
	if err != nil {
		t.Fatal(err)
	}
	step(loan.Pay(servicing.Payment{ID: uuid.New(), Kind: servicing.Payoff, Amount: quote.Total, ValueDate: day}, day))
	if loan.Status != servicing.Closed {
		t.Errorf("status %s", loan.Status)
	}
}

func TestOfTwoWritersOneWins(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "core")
	book := loandbtest.OpenBook(t, db, loandbtest.Date(t, "2026-01-15"))
	loan := loandbtest.Active(t, db, book, uuid.New(), loandbtest.RBITerms(book.BusinessDate))
	pay := func() servicing.Change {
		change, err := loan.Pay(servicing.Payment{
			ID: uuid.New(), Kind: servicing.Normal, Amount: loandbtest.INR(100), ValueDate: book.BusinessDate,
		}, book.BusinessDate)
		if err != nil {
			t.Fatal(err)
		}
		return change
	}
	first, second := pay(), pay()
	loandbtest.Save(t, db, first, nil)
	ctx := context.Background()
	err := database.InTx(ctx, db, func(tx database.Tx) error {
		return loandb.Save(ctx, tx, loandbtest.Now, "test", second)
	})
	if !errors.Is(err, loandb.ErrStale) {
		t.Errorf("second writer: %v", err)
	}
	if diff := cmp.Diff(first.Loan, loandbtest.Loan(t, db, loan.ID), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("stored loan (-want +got):\n%s", diff)
	}
	loandbtest.TieOut(t, db, loan.ID)
}

func TestNeedingAttentionIsInOrderAndBounded(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "core")
	book := loandbtest.OpenBook(t, db, loandbtest.Date(t, "2026-01-15"))
	early := loandbtest.Active(t, db, book, uuid.New(), loandbtest.RBITerms(loandbtest.Date(t, "2026-01-10")))
	late := loandbtest.Active(t, db, book, uuid.New(), loandbtest.RBITerms(loandbtest.Date(t, "2026-01-15")))
	loandbtest.Activate(t, db, book, uuid.New(), loandbtest.RBITerms(loandbtest.Date(t, "2026-01-01")))
	first := loandb.Attention{LoanID: early.ID, On: loandbtest.Date(t, "2026-02-10")}
	second := loandb.Attention{LoanID: late.ID, On: loandbtest.Date(t, "2026-02-15")}
	for on, want := range map[string][]loandb.Attention{
		"2026-02-09": nil, "2026-02-10": {first}, "2026-02-15": {first, second},
	} {
		if diff := cmp.Diff(want, needing(t, db, book, on), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("on %s (-want +got):\n%s", on, diff)
		}
		ahead := loandb.Ahead{}
		if len(want) > 0 {
			ahead = loandb.Ahead{First: first.On, Loans: 1}
		}
		loandbtest.InTx(t, db, func(ctx context.Context, tx database.Tx) error {
			got, err := loandb.LookAhead(ctx, tx, book.ID, loandbtest.Date(t, on))
			if got != ahead {
				t.Errorf("ahead of %s: %+v, want %+v", on, got, ahead)
			}
			return err
		})
	}
	loandbtest.InTx(t, db, func(ctx context.Context, tx database.Tx) error {
		return loandb.SetAttention(ctx, tx, early.ID, civil.Date{})
	})
	if diff := cmp.Diff([]loandb.Attention{second}, needing(t, db, book, "2026-02-15")); diff != "" {
		t.Errorf("one put aside (-want +got):\n%s", diff)
	}
}

// needing reads the list part by part, one loan at a time.
func needing(t *testing.T, db *database.DB, book loandb.Book, on string) []loandb.Attention {
	t.Helper()
	var list []loandb.Attention
	loandbtest.InTx(t, db, func(ctx context.Context, tx database.Tx) error {
		list = nil
		parts, err := loandb.PartsNeedingAttention(ctx, tx, book.ID, loandbtest.Date(t, on))
		if err != nil {
			return err
		}
		for _, part := range parts {
			after := loandb.Attention{}
			for {
				page, err := loandb.NeedingAttention(ctx, tx, book.ID, part, loandbtest.Date(t, on), after, 1)
				if err != nil || len(page) == 0 {
					if err != nil {
						return err
					}
					break
				}
				if after = page[0]; loandb.PartOf(after.LoanID) != part {
					t.Errorf("loan %s is not of part %d", after.LoanID, part)
				}
				list = append(list, after)
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b loandb.Attention) int { return a.On.Compare(b.On) })
	return list
}

func TestBookMovesForwardOnly(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "core")
	first := loandbtest.Date(t, "2026-01-15")
	book := loandbtest.OpenBook(t, db, first)
	again := loandbtest.OpenBook(t, db, loandbtest.Date(t, "2030-01-01"))
	if diff := cmp.Diff(book, again); diff != "" {
		t.Errorf("opened again (-want +got):\n%s", diff)
	}
	ctx := context.Background()
	move := func(from, to civil.Date) error {
		return database.InTx(ctx, db, func(tx database.Tx) error {
			return loandb.MoveBusinessDate(ctx, tx, book.ID, from, to)
		})
	}
	if err := move(first, first.AddDays(1)); err != nil {
		t.Fatal(err)
	}
	for _, from := range []civil.Date{first, first.AddDays(2)} {
		if err := move(from, first.AddDays(3)); !errors.Is(err, loandb.ErrStale) {
			t.Errorf("from %s: %v", from, err)
		}
	}
	if err := move(first.AddDays(1), first); !errors.Is(err, loandb.ErrStale) {
		t.Errorf("backwards: %v", err)
	}
	err := database.InTx(ctx, db, func(tx database.Tx) error {
		_, err := loandb.BookByName(ctx, tx, "other")
		return err
	})
	if !errors.Is(err, loandb.ErrNoBook) {
		t.Errorf("unknown book: %v", err)
	}
	err = database.InTx(ctx, db, func(tx database.Tx) error {
		_, err := loandb.Find(ctx, tx, uuid.New())
		return err
	})
	if !errors.Is(err, loandb.ErrNotFound) {
		t.Errorf("unknown loan: %v", err)
	}
}

func TestABookStartsOnTheCalendarDateOfItsZone(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "core")
	ctx := context.Background()
	late := time.Date(2026, 1, 14, 20, 0, 0, 0, time.UTC) // already the 15th in India
	for zone, want := range map[string]string{"UTC": "2026-01-14", "Asia/Kolkata": "2026-01-15"} {
		if err := loandb.StartBook(ctx, db, uuid.New(), zone, zone, late); err != nil {
			t.Fatal(err)
		}
		loandbtest.InTx(t, db, func(ctx context.Context, tx database.Tx) error {
			book, err := loandb.BookByName(ctx, tx, zone)
			if err != nil {
				return err
			}
			on, err := loandb.BusinessDate(ctx, tx, book.ID)
			if on != loandbtest.Date(t, want) || on != book.BusinessDate {
				t.Errorf("%s: %s and %s, want %s", zone, on, book.BusinessDate, want)
			}
			return err
		})
	}
	if err := loandb.StartBook(ctx, db, uuid.New(), "x", "Nowhere/Land", late); err == nil {
		t.Error("an unknown zone was accepted")
	}
	err := database.InTx(ctx, db, func(tx database.Tx) error {
		_, err := loandb.BusinessDate(ctx, tx, uuid.New())
		return err
	})
	if !errors.Is(err, loandb.ErrNoBook) {
		t.Errorf("unknown book: %v", err)
	}
}

func TestALoanIsFoundByItsApplication(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "core")
	book := loandbtest.OpenBook(t, db, loandbtest.Date(t, "2026-01-15"))
	loan := loandbtest.Activate(t, db, book, uuid.New(), loandbtest.RBITerms(book.BusinessDate))
	loandbtest.InTx(t, db, func(ctx context.Context, tx database.Tx) error {
		found, err := loandb.FindByApplication(ctx, tx, loan.ApplicationID)
		if found.ID != loan.ID || found.Status != servicing.Pending {
			t.Errorf("found %s, %s", found.ID, found.Status)
		}
		return err
	})
	ctx := context.Background()
	err := database.InTx(ctx, db, func(tx database.Tx) error {
		_, err := loandb.FindByApplication(ctx, tx, uuid.New())
		return err
	})
	if !errors.Is(err, loandb.ErrNotFound) {
		t.Errorf("unknown application: %v", err)
	}
	failed, err := loan.FailDisbursement(loan.Disbursement.ID, "account closed", book.BusinessDate)
	loandbtest.Save(t, db, failed, err)
	loandbtest.TieOut(t, db, loan.ID)
	want := []event.Event{event.DisbursementFailed{
		OnLoan: loandb.OnLoan(&loan), DisbursementID: loan.Disbursement.ID, Amount: loan.Disbursement.Net,
		Reason: "account closed",
	}}
	if diff := cmp.Diff(want, loandb.Events(&failed)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got := loandb.By(loan.ID, ""); got != loan.ID.String() {
		t.Errorf("by %s", got)
	}
	if got := loandb.By(loan.ID, "closeofday"); got != "closeofday" {
		t.Errorf("by %s", got)
	}
}

func TestEventsFollowTheFacts(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "core")
	book := loandbtest.OpenBook(t, db, loandbtest.Date(t, "2026-01-15"))
	loan := loandbtest.Active(t, db, book, uuid.New(), loandbtest.RBITerms(book.BusinessDate))
	quote, err := loan.PayoffQuote(book.BusinessDate)
	if err != nil {
		t.Fatal(err)
	}
	payment := servicing.Payment{
		ID: uuid.New(), Kind: servicing.Payoff, Amount: loandbtest.INR(quote.Total.Minor() + 5),
		ValueDate: book.BusinessDate,
	}
	change, err := loan.Pay(payment, book.BusinessDate)
	if err != nil {
		t.Fatal(err)
	}
	on, zero := loandb.OnLoan(&loan), loandbtest.INR(0)
	want := []event.Event{
		event.PaymentVerified{
			OnLoan: on, PaymentID: payment.ID, Amount: payment.Amount, ValueDate: book.BusinessDate,
			Principal: loandbtest.INR(2_000_000), Interest: zero, Fees: zero, Penalties: zero,
			Overpaid: loandbtest.INR(5),
		},
		event.LoanFullyRepaid{OnLoan: on, ValueDate: book.BusinessDate},
		event.LoanCompleted{OnLoan: on, BusinessDate: book.BusinessDate},
	}
	if diff := cmp.Diff(want, loandb.Events(&change)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// accountsOf returns the accounts of a loan that are open, by their codes.
func accountsOf(t *testing.T, db *database.DB, loan uuid.UUID) []string {
	t.Helper()
	var codes []string
	loandbtest.InTx(t, db, func(ctx context.Context, tx database.Tx) error {
		codes = nil
		list, err := ledgerdb.ListAccounts(ctx, tx, ledgerdb.AccountFilter{
			Metadata: map[string]string{"loan_id": loan.String()}, Limit: 10,
		})
		for _, a := range list {
			codes = append(codes, a.GLCode)
		}
		return err
	})
	return codes
}

// A loan has the accounts that its entries touch; what never was touched is zero
// in every report, and may be opened by hand before the loan does.
func TestAccountsOfALoanOpenWithTheirFirstLine(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "core")
	book := loandbtest.OpenBook(t, db, loandbtest.Date(t, "2026-01-15"))
	loan := loandbtest.Active(t, db, book, uuid.New(), loandbtest.RBITerms(book.BusinessDate))
	portfolio, interest := ledger.LoanPortfolio.GL().Code, ledger.InterestReceivable.GL().Code
	if diff := cmp.Diff([]string{portfolio}, accountsOf(t, db, loan.ID)); diff != "" {
		t.Errorf("accounts of a new loan (-want +got):\n%s", diff)
	}
	penalties := ledger.LoanAccount(ledger.PenaltiesReceivable, loan.ID, loan.Currency())
	receivable := ledger.LoanAccount(ledger.InterestReceivable, loan.ID, loan.Currency())
	loandbtest.InTx(t, db, func(ctx context.Context, tx database.Tx) error {
		balances, err := ledgerdb.Balances(ctx, tx, ledgerdb.Ever, penalties.ID())
		if len(balances) != 0 {
			t.Errorf("an account that nothing touched has %v", balances)
		}
		if err != nil {
			return err
		}
		if _, err := ledgerdb.Account(ctx, tx, penalties.ID()); !errors.Is(err, ledgerdb.ErrNotFound) {
			t.Errorf("an account that nothing touched: %v", err)
		}
		return ledgerdb.OpenAccounts(ctx, tx, loandbtest.Now, receivable)
	})
	change, err := loan.StartDay(loandbtest.Date(t, "2026-02-15"))
	loandbtest.Save(t, db, change, err)
	if diff := cmp.Diff([]string{portfolio, interest}, accountsOf(t, db, loan.ID)); diff != "" {
		t.Errorf("accounts of a loan with interest (-want +got):\n%s", diff)
	}
	loandbtest.TieOut(t, db, loan.ID)
	other := loandbtest.Active(t, db, book, uuid.New(), loandbtest.RBITerms(book.BusinessDate))
	loandbtest.TieOut(t, db, loan.ID, other.ID)
}

// A late input may touch every day of a long loan, and so may one start of a
// day that was long in coming: more entries than the ledger takes at once.
func TestAChangeOfManyThousandEntriesIsSaved(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "core")
	book := loandbtest.OpenBook(t, db, loandbtest.Date(t, "2026-01-15"))
	terms := loandbtest.RBITerms(book.BusinessDate)
	terms.Instalments, terms.Principal = 240, loandbtest.INR(500_000_000)
	schedule, err := amortization.New(terms)
	if err != nil {
		t.Fatal(err)
	}
	change, err := servicing.Activate(servicing.Activation{
		LoanID: uuid.New(), ApplicationID: uuid.New(), CustomerID: uuid.New(), BookID: book.ID, DisbursementID: uuid.New(),
		Terms: terms, ScheduleHash: schedule.Hash(), On: book.BusinessDate,
		Product: servicing.Product{Accrual: servicing.Daily},
	})
	loandbtest.Save(t, db, change, err)
	change, err = change.Loan.CompleteDisbursement(change.Loan.Disbursement.ID, "bank-1", book.BusinessDate)
	loandbtest.Save(t, db, change, err)
	change, err = change.Loan.StartDay(book.BusinessDate.AddDays(6_000))
	if len(change.Entries) <= ledgerdb.BatchEntriesMax {
		t.Fatalf("%d entries", len(change.Entries))
	}
	loandbtest.Save(t, db, change, err)
	loandbtest.TieOut(t, db)
}
