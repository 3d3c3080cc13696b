package reconcilesvc_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
)

// hledger returns the balances that hledger finds in an exported journal.
func hledger(t *testing.T, journal []byte) map[string]string {
	t.Helper()
	path, err := exec.LookPath("hledger")
	if err != nil {
		t.Skip("NOT CHECKED: hledger is not installed (Debian package hledger); the rest of the morning is")
	}
	file := filepath.Join(t.TempDir(), "morning.journal")
	if err := os.WriteFile(file, journal, 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), path, "-f", file, "balance", "--flat", "-O", "csv").CombinedOutput()
	if err != nil {
		t.Fatalf("hledger: %v\n%s", err, output)
	}
	rows, err := csv.NewReader(bytes.NewReader(output)).ReadAll()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	balances := map[string]string{}
	for _, row := range rows[1:] {
		if row[0] != "total" && row[0] != "Total:" {
			balances[row[0]] = row[1]
		}
	}
	return balances
}

type trial struct {
	Snapshot int64
	Balanced bool
	Rows     []struct {
		GLCode  string             `json:"gl_code"`
		Type    ledger.AccountType `json:"type"`
		Balance httpapi.Money      `json:"balance"`
	}
}

// TestFinancesMorning is what finance does every morning, through HTTP: close
// yesterday, import the bank's file, reconcile, resolve two breaks, look at the
// trial balance, export the journal, and have hledger agree to the cent.
func TestFinancesMorning(t *testing.T) {
	t.Parallel()
	d := open(t)
	const yesterday, today = "2026-03-02", "2026-03-03"
	d.book("2026-02-27", "BEFORE", "1000.00")
	d.book(yesterday, "INV-1", "500.00")
	d.book(yesterday, "INV-2", "969.73")
	d.book(yesterday, "INV-3", "80.00") // never reached the bank

	// Close yesterday: nothing more is booked into it.
	d.finance.Post(books+"/periods/close", object{"through": yesterday, "reason": "day end"}).Want(http.StatusOK)
	sum := object{"amount": "1.00", "currency": "INR"}
	late := object{"kind": "PAYMENT", "effective_date": yesterday, "lines": []object{
		{"side": "DEBIT", "account": "bank", "amount": sum}, {"side": "CREDIT", "account": "loans", "amount": sum},
	}}
	d.finance.Post(books+"/entries", late).WantProblem(http.StatusConflict, "period-closed").
		WantField(t, "body.booking_date")

	// Import the bank's file and reconcile.
	file := header + yesterday + ",INV-1,,500.00\n" + yesterday + ",INV-2,,969.73\n" + yesterday + ",,Account fee,-15.50\n"
	d.send(file, "&opening_balance=1000.00&closing_balance=2454.23").Want(http.StatusCreated)
	if r := d.run(); r.Matches != 2 || r.Breaks != 2 {
		t.Fatalf("reconciled %+v, want 2 matches and 2 breaks", r)
	}

	// Resolve both breaks by entries. Yesterday is closed: they are booked today.
	for _, b := range d.breaks("") {
		entry := object{"booking_date": today, "counter_account": "loans", "kind": "CORRECTION", "description": "never came"}
		if b.Kind == "MISSING_IN_BOOKS" {
			entry["counter_account"], entry["kind"], entry["description"] = "fees", "BANK_FEE", "Account fee"
		}
		refused := object{"counter_account": "fees", "kind": "BANK_FEE", "description": "into yesterday"}
		d.finance.Post(base+"/breaks/"+b.ID+"/resolve", refused).WantProblem(http.StatusConflict, "period-closed")
		d.finance.Post(base+"/breaks/"+b.ID+"/resolve", entry).Want(http.StatusCreated)
	}
	if open := d.breaks(""); len(open) != 0 {
		t.Errorf("%d breaks are open", len(open))
	}
	r := d.report("&through=" + today)
	if !r.Proven || r.BookClosing.Amount != "2454.23" || r.BankClosing.Amount != "2454.23" {
		t.Errorf("report %+v", r)
	}

	// The trial balance: yesterday's books by booking date did not move.
	var closed, now trial
	d.finance.Get(books + "/trial-balance?basis=BOOKING&effective=" + yesterday).Want(http.StatusOK).Into(&closed)
	d.finance.Get(books + "/trial-balance").Want(http.StatusOK).Into(&now)
	if got := closed.Rows[0].Balance.Amount; got != "2549.73" || !closed.Balanced {
		t.Errorf("the bank account closed yesterday at %s, want 2549.73", got)
	}
	names := map[string]string{"1000": "bank", "1100": "loans", "5000": "fees"}
	want := map[string]string{}
	for _, row := range now.Rows {
		amount, err := money.Parse(row.Balance.Amount, money.MustCurrency(row.Balance.Currency))
		if err != nil {
			t.Fatal(err)
		}
		a := ledger.Account{Code: names[row.GLCode], GLCode: row.GLCode, Type: row.Type}
		want[a.PlainName()] = amount.String()
	}
	if !now.Balanced || len(want) != 3 {
		t.Errorf("trial balance %+v", now)
	}

	// Export what the trial balance was of, and ask hledger.
	journal := d.finance.Get(fmt.Sprint(books, "/export?format=hledger&snapshot=", now.Snapshot)).Want(http.StatusOK).Body
	if diff := cmp.Diff(want, hledger(t, journal)); diff != "" {
		t.Errorf("balances (-trial balance +hledger):\n%s", diff)
	}
}
