package reconcilesvc_test

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/ledger"
)

// yesterday is the bank's statement of 2 March: two payments, a fee that nobody
// booked, and interest.
const yesterday = `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>2026-061</Id>
<FrToDt><FrDtTm>2026-03-02T00:00:00Z</FrDtTm><ToDtTm>2026-03-02T23:59:59Z</ToDtTm></FrToDt>
<Acct><Id><Othr><Id>001122334455</Id></Othr></Id><Ccy>INR</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="INR">5000.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Dt><Dt>2026-03-02</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="INR">6948.77</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<Dt><Dt>2026-03-02</Dt></Dt></Bal>
<Ntry><Amt Ccy="INR">969.73</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-03-02</Dt></BookgDt>
<NtryDtls><TxDtls><Refs><EndToEndId>LOAN-1-5</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="INR">1000.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-03-02</Dt></BookgDt>
<NtryDtls><TxDtls><RmtInf><Ustrd>instalment for LOAN-2-1 with thanks</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="INR">23.60</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-03-02</Dt></BookgDt>
<AddtlNtryInf>service charge</AddtlNtryInf></Ntry>
<Ntry><Amt Ccy="INR">2.64</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-03-02</Dt></BookgDt>
<AddtlNtryInf>interest</AddtlNtryInf></Ntry>
</Stmt></BkToCstmrStmt></Document>`

// TestFinancesMorning is what finance does first: close yesterday, import the
// bank's file, reconcile, resolve what is left, read the trial balance, export,
// and have another program come to the same balances.
func TestFinancesMorning(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.book("2026-02-27", "CAPITAL", "5000.00")
	d.book("2026-03-02", "LOAN-1-5", "969.73")
	d.book("2026-03-02", "LOAN-2-1", "1000.00")
	d.finance.Post(books+"/periods/close", object{"through": "2026-03-02", "reason": "day end"}).Want(http.StatusOK)
	d.finance.Post(base+"/statements?account=bank&format=CAMT053", yesterday).Want(http.StatusCreated)
	if r := d.run(); r.Matches != 2 || r.Breaks != 2 {
		t.Fatalf("run %+v", r)
	}
	fee := object{"counter_account": "fees", "kind": "BANK_FEE", "description": "service charge"}
	open := d.breaks("")
	d.finance.Post(base+"/breaks/"+open[0].ID+"/resolve", fee).WantProblem(http.StatusConflict, "period-closed")
	if again := d.breaks(""); len(again) != 2 {
		t.Errorf("a refused entry left %d breaks, want 2", len(again))
	}
	fee["booking_date"] = "2026-03-03" // it happened yesterday and is booked today
	for _, b := range open {
		d.finance.Post(base+"/breaks/"+b.ID+"/resolve", fee).Want(http.StatusCreated)
	}
	proof := d.report("")
	if !proof.Proven || len(proof.Items) != 0 || proof.BankClosing.Amount != "6948.77" ||
		proof.BookClosing.Amount != "6948.77" {
		t.Errorf("report %+v", proof)
	}
	var trial struct {
		Balanced bool
		Rows     []struct {
			Code    string                  `json:"gl_code"`
			Balance struct{ Amount string } `json:"balance"`
		}
	}
	d.finance.Get(books + "/trial-balance").Want(http.StatusOK).Into(&trial)
	want, got := map[string]string{}, map[string]string{}
	for _, row := range trial.Rows {
		got[row.Code] = row.Balance.Amount
	}
	want["1000"], want["1100"], want["5000"] = "6948.77", "-6969.73", "20.96"
	if diff := cmp.Diff(want, got); diff != "" || !trial.Balanced {
		t.Errorf("balanced %t; trial balance (-want +got):\n%s", trial.Balanced, diff)
	}
	plain := map[string]string{
		ledger.Account{Code: "bank", GLCode: "1000", Type: ledger.Asset}.PlainName():   "6948.77 INR",
		ledger.Account{Code: "loans", GLCode: "1100", Type: ledger.Asset}.PlainName():  "-6969.73 INR",
		ledger.Account{Code: "fees", GLCode: "5000", Type: ledger.Expense}.PlainName(): "20.96 INR",
	}
	journal := d.finance.Get(books + "/export?format=hledger").Want(http.StatusOK).Body
	if diff := cmp.Diff(plain, hledger(t, journal)); diff != "" {
		t.Errorf("balances (-ledger +hledger):\n%s", diff)
	}
}

// hledger returns the balances that it comes to.
func hledger(t *testing.T, journal []byte) map[string]string {
	t.Helper()
	path, err := exec.LookPath("hledger")
	if err != nil {
		t.Skip("NOT CHECKED: hledger is not installed (Debian package hledger)")
	}
	file := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(file, journal, 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), path, "-f", file, "balance", "--flat", "-O", "csv").CombinedOutput()
	if err != nil {
		t.Fatalf("hledger: %v\n%s", err, output)
	}
	rows, err := csv.NewReader(bytes.NewReader(output)).ReadAll()
	if err != nil {
		t.Fatalf("reading what hledger said: %v\n%s", err, output)
	}
	balances := map[string]string{}
	for _, row := range rows[1:] {
		if !strings.HasPrefix(strings.ToLower(row[0]), "total") {
			balances[row[0]] = row[1]
		}
	}
	return balances
}
