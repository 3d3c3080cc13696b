package repayment

import (
	"context"
	"encoding/csv"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/servicing/loandb/loandbtest"
)

type statementBalance struct {
	Principal, Interest, Fees, Penalties, Overpaid amountBody
}

type statementAnswer struct {
	From, Through    civil.Date
	Opening, Closing statementBalance
	Lines            []struct {
		ValueDate  civil.Date  `json:"value_date"`
		BookedOn   *civil.Date `json:"booked_on"`
		Kind, Text string
		Amount     amountBody
		Allocation *statementBalance
		Balance    statementBalance
	}
}

// ledgerSays reads the accounts of the loan as they were at the end of a value date.
func (f *fixture) ledgerSays(on civil.Date) statementBalance {
	f.t.Helper()
	var b statementBalance
	loandbtest.InTx(f.t, f.db, func(ctx context.Context, tx database.Tx) error {
		for role, to := range map[ledger.Role]*amountBody{
			ledger.LoanPortfolio: &b.Principal, ledger.InterestReceivable: &b.Interest, ledger.FeesReceivable: &b.Fees,
			ledger.PenaltiesReceivable: &b.Penalties, ledger.Overpayment: &b.Overpaid,
		} {
			account := ledger.LoanAccount(role, f.loan, loandbtest.INR(0).Currency())
			balance, err := ledgerdb.BalanceOf(ctx, tx, account, ledgerdb.At{Effective: on})
			if err != nil {
				return err
			}
			*to = rupees(balance.Net.Text())
		}
		return nil
	})
	return b
}

// eventful gives the loan a history with all that a statement has to tell.
func eventful(t *testing.T) *fixture {
	t.Helper()
	f := newFixture(t)
	finance := f.http.As(uuid.New(), access.Finance)
	f.startDay("2026-02-15")
	f.pay(f.partner, f.body("500.00"))
	f.startDay("2026-03-02")
	f.order(f.officer, "charges", map[string]any{"component": "FEE", "amount": rupees("100.00")})
	f.order(finance, "waive", map[string]any{"component": "FEE", "amount": rupees("40.00"), "reason": "courtesy"})
	late := f.body("600.00")
	late["value_date"] = "2026-02-20"
	bounced := f.pay(f.partner, late)
	f.startDay("2026-03-20")
	f.officer.Post(f.reversePath(bounced.PaymentID), map[string]any{"reason": "bounced"}).Want(http.StatusOK)
	body := f.body("21000.00")
	body["kind"] = "PAYOFF"
	if paid := f.pay(f.partner, body); paid.LoanStatus != "CLOSED" {
		t.Fatalf("the payoff left it %s", paid.LoanStatus)
	}
	f.order(finance, "refund", map[string]any{"amount": rupees("10.00")})
	return f
}

// The balances of a statement are those of the ledger on each day, and its
// opening on one day is its closing on the day before.
func TestTheStatementAgreesWithTheLedger(t *testing.T) {
	t.Parallel()
	f := eventful(t)
	var all statementAnswer
	f.owner.Get(f.loanPath("statement")).Want(http.StatusOK).Into(&all)
	if zero := f.ledgerSays(f.book.BusinessDate.AddDays(-1)); all.Opening != zero {
		t.Errorf("opening %+v", all.Opening)
	}
	var kinds []string
	for i, line := range all.Lines {
		kinds = append(kinds, line.Kind)
		last := i+1 == len(all.Lines) || all.Lines[i+1].ValueDate != line.ValueDate
		if want := f.ledgerSays(line.ValueDate); last && line.Balance != want {
			t.Errorf("balance after %s is %+v, the ledger has %+v", line.ValueDate, line.Balance, want)
		}
		if line.Kind == "REPAYMENT" && line.Allocation == nil {
			t.Errorf("payment without its allocation: %+v", line)
		}
	}
	for _, want := range []string{
		"DISBURSEMENT", "PAYOUT", "DUE", "ACCRUAL", "REPAYMENT", "CHARGE", "WAIVER", "REVERSAL", "CREDIT_BALANCE_REFUND",
		"CLOSED",
	} {
		if !slices.Contains(kinds, want) {
			t.Errorf("no line of kind %s in %v", want, kinds)
		}
	}
	if all.Closing != f.ledgerSays(all.Through) {
		t.Errorf("closing %+v", all.Closing)
	}
	for _, day := range []string{"2026-02-15", "2026-02-20", "2026-03-02", "2026-03-19"} {
		var part statementAnswer
		f.officer.Get(f.loanPath("statement?from=" + day + "&through=" + day)).Want(http.StatusOK).Into(&part)
		on := loandbtest.Date(t, day)
		if part.Opening != f.ledgerSays(on.AddDays(-1)) || part.Closing != f.ledgerSays(on) {
			t.Errorf("%s: from %+v to %+v", day, part.Opening, part.Closing)
		}
	}
	loandbtest.TieOut(t, f.db, f.loan)
}

func TestAStatementIsPrinted(t *testing.T) {
	t.Parallel()
	f := eventful(t)
	finance := f.http.As(uuid.New(), access.Finance)
	sheet := finance.Get(f.loanPath("statement/print?format=csv")).Want(http.StatusOK)
	rows, err := csv.NewReader(strings.NewReader(string(sheet.Body))).ReadAll()
	if err != nil || len(rows) < 12 {
		t.Fatalf("%d rows: %v", len(rows), err)
	}
	if first, last := rows[1], rows[len(rows)-1]; first[2] != "OPENING" || last[2] != "CLOSING" {
		t.Errorf("first row %v, last row %v", first, last)
	}
	pdf := f.owner.Get(f.loanPath("statement/print")).Want(http.StatusOK)
	if !strings.HasPrefix(string(pdf.Body), "%PDF-") || pdf.Header.Get("Content-Type") != "application/pdf" {
		t.Fatalf("%s: %.20q", pdf.Header.Get("Content-Type"), pdf.Body)
	}
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("NOT READ with pdftotext: it is not installed (Debian package poppler-utils)")
	}
	path := filepath.Join(t.TempDir(), "statement.pdf")
	if err := os.WriteFile(path, pdf.Body, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command(tool, "-layout", path, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		f.loan.String(), "Tenor Demonstration Bank", "2026-01-15 to 2026-03-20", "Instalment 1 of 24 due", "Loan disbursed",
		"Reversed: bounced", "Forgiven", "Closing position", "page 1 of",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the statement does not say %q:\n%s", want, text)
		}
	}
}

func TestWhoMayReadAStatement(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	stranger := f.http.As(uuid.New(), access.Customer)
	for _, what := range []string{"statement", "statement/print", "statement/print?format=csv"} {
		stranger.Get(f.loanPath(what)).WantProblem(http.StatusNotFound, "loan-not-found")
		f.partner.Get(f.loanPath(what)).WantProblem(http.StatusNotFound, "loan-not-found")
		f.http.As(uuid.New(), access.Finance).Get(f.loanPath(what)).Want(http.StatusOK)
	}
	f.owner.Get(f.loanPath("statement?from=2026-01-16")).WantProblem(http.StatusUnprocessableEntity, "invalid-value").
		WantField(t, "body.from")
	f.owner.Get(f.loanPath("statement?through=2026-01-16")).
		WantProblem(http.StatusUnprocessableEntity, "invalid-value").WantField(t, "body.through")
	f.owner.Get(f.loanPath("statement/print?format=docx")).Want(http.StatusUnprocessableEntity)
}
