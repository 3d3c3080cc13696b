package closeofday

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

type tieOutAnswer struct {
	Day        string `json:"day"`
	Agrees     bool   `json:"agrees"`
	Hash       string `json:"hash"`
	SignedBy   string `json:"signed_by"`
	Components []struct {
		Role       string `json:"role"`
		Loans      amount `json:"loans"`
		Ledger     amount `json:"ledger"`
		Difference amount `json:"difference"`
	} `json:"components"`
	Differences []differenceAnswer `json:"differences"`
}

type differenceAnswer struct {
	LoanID     uuid.UUID `json:"loan_id"`
	Role       string    `json:"role"`
	Difference amount    `json:"difference"`
}

type amount struct {
	Amount string `json:"amount"`
}

const tieOutPath = "/api/v1/close-of-day/tie-out"

func (f *fixture) tieOut(query string) tieOutAnswer {
	f.t.Helper()
	var answer tieOutAnswer
	f.finance.Get(tieOutPath + query).Want(http.StatusOK).Into(&answer)
	return answer
}

// seed moves a paisa into an account of a loan behind the loan's back.
func (f *fixture) seed(key string, role ledger.Role, loan uuid.UUID, side ledger.Side) {
	f.t.Helper()
	paisa := loandbtest.INR(1)
	loandbtest.InTx(f.t, f.db, func(ctx context.Context, tx database.Tx) error {
		err := ledgerdb.OpenAccounts(ctx, tx, loandbtest.Now, ledger.LoanAccount(role, loan, paisa.Currency()))
		if err != nil {
			return err
		}
		_, err = ledgerdb.Post(ctx, tx, loandbtest.Now, ledger.JournalEntry{
			Key: key, Kind: "MANUAL", EffectiveDate: f.book.BusinessDate, BookingDate: f.book.BusinessDate,
			Lines: []ledger.Line{
				{AccountID: ledger.LoanAccountID(role, loan, paisa.Currency()), Side: side, Amount: paisa},
				{
					AccountID: ledger.ControlAccount(ledger.FundSource, paisa.Currency()).ID(), Side: side.Opposite(),
					Amount: paisa,
				},
			},
		})
		return err
	})
}

func TestTheTieOutOfADayIsSigned(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.loan()
	f.finance.Get(tieOutPath).WantProblem(http.StatusNotFound, "tie-out-not-found")
	f.closeThrough("2026-02-15")
	got := f.tieOut("?day=2026-02-15")
	if !got.Agrees || len(got.Components) != 7 || len(got.Differences) != 0 || got.Hash == "" || got.SignedBy != "" {
		t.Errorf("tie-out %+v", got)
	}
	for _, c := range got.Components {
		want := map[string]string{"LOAN_PORTFOLIO": "20000.00", "INTEREST_RECEIVABLE": "250.00"}[c.Role]
		if want == "" {
			want = "0.00"
		}
		if c.Loans.Amount != want || c.Ledger.Amount != want || c.Difference.Amount != "0.00" {
			t.Errorf("component %+v, want %s", c, want)
		}
	}
	body := map[string]string{"day": "2026-02-15"}
	f.http.As(uuid.New(), access.System).Post(tieOutPath+"/signature", body).WantProblem(http.StatusForbidden, "forbidden")
	f.finance.Post(tieOutPath+"/signature", map[string]string{"day": "2026-02-10"}).
		WantProblem(http.StatusNotFound, "tie-out-not-found")
	var signed tieOutAnswer
	f.finance.Post(tieOutPath+"/signature", body).Want(http.StatusOK).Into(&signed)
	if signed.SignedBy == "" || signed.Hash != got.Hash {
		t.Errorf("signed %+v", signed)
	}
	f.finance.Post(tieOutPath+"/signature", body).WantProblem(http.StatusConflict, "tie-out-signed")
	if got := f.tieOut(""); got.SignedBy != signed.SignedBy {
		t.Errorf("read again %+v", got)
	}
}

func TestASeededCentIsFound(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var loans []uuid.UUID
	for range 5 {
		loans = append(loans, f.loan())
	}
	f.seed("cent", ledger.LoanPortfolio, loans[3], ledger.Debit)
	if got := f.closeThrough("2026-01-20"); got.Status != "DONE" || got.TiedOut != "DIFFERS" {
		t.Errorf("run %+v", got)
	}
	got := f.tieOut("")
	want := []differenceAnswer{{LoanID: loans[3], Role: "LOAN_PORTFOLIO", Difference: amount{"0.01"}}}
	if got.Agrees || len(got.Differences) != 1 || got.Differences[0] != want[0] {
		t.Errorf("tie-out %+v", got)
	}
	body := map[string]string{"day": got.Day}
	f.finance.Post(tieOutPath+"/signature", body).WantProblem(http.StatusUnprocessableEntity, "comment-required")
	body["comment"] = "a manual entry, reversed today"
	f.finance.Post(tieOutPath+"/signature", body).Want(http.StatusOK)
}

// Two cents that cancel each other out in the totals are found loan by loan.
func TestCentsThatCancelOutAreFoundLoanByLoan(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	a, b := f.loan(), f.loan()
	f.seed("more", ledger.InterestReceivable, a, ledger.Debit)
	f.seed("less", ledger.InterestReceivable, b, ledger.Credit)
	if got := f.closeThrough("2026-01-20"); got.TiedOut != "AGREES" {
		t.Errorf("run %+v", got)
	}
	found := map[uuid.UUID]string{}
	for cursor, pages := "", 0; ; pages++ {
		var page struct {
			Items      []differenceAnswer `json:"items"`
			NextCursor string             `json:"next_cursor"`
		}
		f.finance.Get(tieOutPath + "/loans?cursor=" + cursor).Want(http.StatusOK).Into(&page)
		for _, d := range page.Items {
			found[d.LoanID] = d.Role + " " + d.Difference.Amount
		}
		if cursor = page.NextCursor; cursor == "" || pages > 3 {
			break
		}
	}
	if len(found) != 2 || found[a] != "INTEREST_RECEIVABLE 0.01" || found[b] != "INTEREST_RECEIVABLE -0.01" {
		t.Errorf("found %v", found)
	}
	f.finance.Get(tieOutPath + "/loans?cursor=x").Want(http.StatusUnprocessableEntity)
}

// The allowance for losses and deferred income are proven too: what the loans say
// of them in sum is what the ledger has on the accounts that they share.
func TestTheTieOutHasWhatLoansShare(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	terms := loandbtest.RBITerms(f.book.BusinessDate)
	schedule, err := amortization.New(terms)
	if err != nil {
		t.Fatal(err)
	}
	change, err := servicing.Activate(servicing.Activation{
		LoanID: uuid.New(), ApplicationID: uuid.New(), CustomerID: uuid.New(), BookID: f.book.ID,
		DisbursementID: uuid.New(), Terms: terms, ScheduleHash: schedule.Hash(), On: f.book.BusinessDate,
		Product: servicing.Product{
			DeferFees: true, Stages: []servicing.Stage{{Number: 1, RatePercent: amortization.MustDecimal("1")}},
		},
	})
	loandbtest.Save(t, f.db, change, err)
	loan := change.Loan
	change, err = loan.CompleteDisbursement(loan.Disbursement.ID, "bank-1", f.book.BusinessDate)
	loandbtest.Save(t, f.db, change, err)
	if got := f.closeThrough("2026-02-15"); got.TiedOut != "AGREES" {
		t.Errorf("run %+v", got)
	}
	shared := func() map[string]string {
		found := map[string]string{}
		for _, c := range f.tieOut("").Components {
			if c.Role == string(ledger.LossAllowance) || c.Role == string(ledger.DeferredIncome) {
				if c.Loans.Amount == "0.00" {
					t.Errorf("the loan says nothing of %s", c.Role)
				}
				found[c.Role] = c.Difference.Amount
			}
		}
		return found
	}
	if got := shared(); got["LOSS_ALLOWANCE"] != "0.00" || got["DEFERRED_INCOME_LIABILITY"] != "0.00" {
		t.Errorf("differences %v", got)
	}
	loandbtest.TieOut(t, f.db, loan.ID)
	loandbtest.InTx(t, f.db, func(ctx context.Context, tx database.Tx) error {
		paisa := loandbtest.INR(1)
		_, err := ledgerdb.Post(ctx, tx, loandbtest.Now, ledger.JournalEntry{
			Key: "cent", Kind: "MANUAL", EffectiveDate: f.book.BusinessDate, BookingDate: f.book.BusinessDate,
			Lines: []ledger.Line{
				{
					AccountID: ledger.ControlAccountID(ledger.ImpairmentExpense, paisa.Currency()), Side: ledger.Debit,
					Amount: paisa,
				},
				{
					AccountID: ledger.ControlAccountID(ledger.LossAllowance, paisa.Currency()), Side: ledger.Credit,
					Amount: paisa,
				},
			},
		})
		return err
	})
	if got := f.closeThrough("2026-02-20"); got.TiedOut != "DIFFERS" {
		t.Errorf("run with a seeded cent %+v", got)
	}
	if got := shared(); got["LOSS_ALLOWANCE"] != "0.01" || got["DEFERRED_INCOME_LIABILITY"] != "0.00" {
		t.Errorf("differences with a seeded cent %v", got)
	}
}
