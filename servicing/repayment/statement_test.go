package repayment

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/servicing/loandb"
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
		WantField(t, "query.from")
	f.owner.Get(f.loanPath("statement?through=2026-01-16")).
		WantProblem(http.StatusUnprocessableEntity, "invalid-value").WantField(t, "query.through")
	for _, what := range []string{"statement?", "statement/print?", "statement/print?format=csv&"} {
		f.owner.Get(f.loanPath(what+"known_at=2999-01-01T00:00:00Z")).
			WantProblem(http.StatusUnprocessableEntity, "invalid-value").WantField(t, "query.known_at")
		f.owner.Get(f.loanPath(what+"known_at=2026-01-15T08:59:59Z")). // a second before the loan was recorded
										WantProblem(http.StatusUnprocessableEntity, "invalid-value").WantField(t, "query.known_at")
		f.owner.Get(f.loanPath(what+"known_at=yesterday")).
			WantProblem(http.StatusUnprocessableEntity, "validation").WantField(t, "query.known_at")
	}
	f.owner.Get(f.loanPath("statement/print?format=docx")).Want(http.StatusUnprocessableEntity)
}

// What a statement said on an earlier day can be asked for after a payment with
// an earlier value date and a reversal have changed what it says of the same days.
func TestAStatementAsItWasKnown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	now := loandbtest.Now
	f.env.Now = func() time.Time { return now }
	type issue struct {
		at      time.Time
		through string
		said    []byte
	}
	var issued []issue
	through := "2026-01-15"
	ask := func(known string) []byte {
		return f.owner.Get(f.loanPath("statement?through=" + through + known)).Want(http.StatusOK).Body
	}
	happens := func(day string, what func()) {
		now = now.Add(time.Hour)
		if day != through {
			f.startDayAt(day, now)
			through, now = day, now.Add(time.Hour)
		}
		what()
		issued = append(issued, issue{now, day, ask("")})
	}
	late := f.body("969.73")
	late["value_date"] = "2026-02-15"
	var bounced paymentAnswer
	happens("2026-02-15", func() {})
	happens("2026-02-16", func() {}) // it is overdue
	happens("2026-03-10", func() { bounced = f.pay(f.partner, late) })
	happens("2026-03-20", func() {
		f.officer.Post(f.reversePath(bounced.PaymentID), map[string]any{"reason": "bounced"}).Want(http.StatusOK)
	})
	payoff := f.body("25000.00")
	payoff["kind"] = "PAYOFF"
	happens("2026-03-20", func() { f.pay(f.partner, payoff) })
	different := 0
	for _, i := range issued {
		through = i.through
		known := "&known_at=" + i.at.Format(time.RFC3339Nano)
		var said, again map[string]any
		for data, to := range map[string]*map[string]any{string(i.said): &said, string(ask(known)): &again} {
			if err := json.Unmarshal([]byte(data), to); err != nil {
				t.Fatal(err)
			}
		}
		if again["known_at"] == nil || said["known_at"] != nil {
			t.Errorf("known at %v and %v", again["known_at"], said["known_at"])
		}
		delete(again, "known_at")
		if diff := cmp.Diff(said, again); diff != "" {
			t.Errorf("the statement of %s, known at %s (-said +says):\n%s", i.through, i.at, diff)
		}
		if !bytes.Equal(i.said, ask("")) {
			different++
		}
	}
	if different < 3 {
		t.Errorf("only %d of the statements say something else now", different)
	}
	through = "2026-03-10"
	first := issued[1].at.Format(time.RFC3339Nano)
	sheet := f.owner.Get(f.loanPath("statement/print?format=csv&known_at=" + first)).Want(http.StatusOK).Body
	if !strings.Contains(string(sheet), "as known at "+first) || strings.Contains(string(sheet), "REPAYMENT") {
		t.Errorf("the sheet of %s:\n%s", first, sheet)
	}
}

// startDayAt is startDay, recorded at an instant.
func (f *fixture) startDayAt(text string, now time.Time) {
	f.t.Helper()
	day := loandbtest.Date(f.t, text)
	loandbtest.InTx(f.t, f.db, func(ctx context.Context, tx database.Tx) error {
		loan, err := loandb.Find(ctx, tx, f.loan)
		if err != nil {
			return err
		}
		from, err := loandb.BusinessDate(ctx, tx, f.book.ID)
		if err != nil {
			return err
		}
		if err := loandb.MoveBusinessDate(ctx, tx, f.book.ID, from, day); err != nil {
			return err
		}
		change, err := loan.StartDay(day)
		if err != nil {
			return err
		}
		return loandb.Save(ctx, tx, now, "test", change)
	})
}
