package ledgersvc_test

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
)

// journalDesk has accounts with codes that other tools cannot spell, a currency
// without decimals, and enough entries for several pages of the export.
func journalDesk(t *testing.T) *desk {
	t.Helper()
	d := open(t)
	for _, code := range []string{"cash.till_1", "Cash.till-1", "cash/till:1"} {
		d.account(code, "1000", "NONE")
	}
	d.finance.Post(base+"/accounts", object{"code": "yen", "name": "Yen", "gl_code": "1000", "currency": "JPY"}).
		Want(http.StatusCreated)
	d.finance.Post(base+"/accounts", object{"code": "yen.capital", "name": "Yen", "gl_code": "3000", "currency": "JPY"}).
		Want(http.StatusCreated)
	codes := []string{"cash", "wallet", "income", "cash.till_1", "Cash.till-1", "cash/till:1"}
	source := rand.New(rand.NewPCG(1, 2))
	const entries = 1_100 // the export reads 500 at a time
	batch := []object{entry("2026-01-01", "cash", "wallet", "1000000.00")}
	for i := range entries {
		e := entry(fmt.Sprintf("2026-0%d-%02d", 1+source.IntN(9), 1+source.IntN(28)),
			codes[source.IntN(len(codes))], codes[source.IntN(len(codes))],
			fmt.Sprintf("%d.%02d", source.IntN(99)+1, source.IntN(100)))
		e["description"] = `odd; "quoted" | \ text = 1`
		if i%10 == 0 {
			yen := object{"amount": fmt.Sprint(source.IntN(9000) + 1), "currency": "JPY"}
			lines, ok := e["lines"].([]object)
			if !ok {
				t.Fatalf("lines are %T", e["lines"])
			}
			e["lines"] = append(lines, object{"side": "DEBIT", "account": "yen", "amount": yen},
				object{"side": "CREDIT", "account": "yen.capital", "amount": yen})
		}
		batch = append(batch, e)
	}
	for chunk := range slices.Chunk(batch, 1000) {
		var answer struct {
			Results []struct{ Status, Detail string }
		}
		d.finance.Post(base+"/entries/batch", object{"entries": chunk}).Want(http.StatusOK).Into(&answer)
		for _, r := range answer.Results {
			if r.Status != "POSTED" {
				t.Fatalf("an entry is %s: %s", r.Status, r.Detail)
			}
		}
	}
	return d
}

func (d *desk) export(format string) []byte {
	d.t.Helper()
	return d.finance.Get(base + "/export?format=" + format).Want(http.StatusOK).Body
}

// balances are what the ledger itself says, under the names of plain-text tools.
func (d *desk) balances() map[string]string {
	d.t.Helper()
	var list struct {
		Items []struct {
			Code, Currency string
			GLCode         string             `json:"gl_code"`
			Type           ledger.AccountType `json:"type"`
			NormalSide     ledger.Side        `json:"normal_side"`
		}
	}
	d.finance.Get(base + "/accounts").Want(http.StatusOK).Into(&list)
	balances := map[string]string{}
	for _, item := range list.Items {
		var b struct{ Balance httpapi.Money }
		d.finance.Get(base + "/accounts/" + strings.ReplaceAll(item.Code, "/", "%2F") + "/balance").
			Want(http.StatusOK).Into(&b)
		net, err := money.Parse(b.Balance.Amount, money.MustCurrency(b.Balance.Currency))
		if err != nil {
			d.t.Fatal(err)
		}
		if item.NormalSide == ledger.Credit {
			net = money.New(-net.Minor(), net.Currency())
		}
		a := ledger.Account{Code: item.Code, GLCode: item.GLCode, Type: item.Type}
		if !net.IsZero() {
			balances[a.PlainName()] = net.String()
		}
	}
	return balances
}

// tool runs a plain-text accounting tool on an exported journal.
func tool(t *testing.T, journal []byte, name string, args ...string) [][]string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT CHECKED: %s is not installed (Debian packages hledger and beancount)", name)
	}
	file := filepath.Join(t.TempDir(), "journal")
	if err := os.WriteFile(file, journal, 0o600); err != nil {
		t.Fatal(err)
	}
	for i, arg := range args {
		args[i] = strings.ReplaceAll(arg, "FILE", file)
	}
	output, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, output)
	}
	rows, err := csv.NewReader(bytes.NewReader(output)).ReadAll()
	if err != nil {
		t.Fatalf("reading what %s said: %v\n%s", name, err, output)
	}
	return rows
}

func TestHledgerComesToTheSameBalances(t *testing.T) {
	t.Parallel()
	d := journalDesk(t)
	got := map[string]string{}
	for _, row := range tool(t, d.export("hledger"), "hledger", "-f", "FILE", "balance", "--flat", "-O", "csv")[1:] {
		if row[0] != "total" && row[0] != "Total:" {
			got[row[0]] = row[1]
		}
	}
	if diff := cmp.Diff(d.balances(), got); diff != "" {
		t.Errorf("balances (-ledger +hledger):\n%s", diff)
	}
}

func TestBeancountComesToTheSameBalances(t *testing.T) {
	t.Parallel()
	d := journalDesk(t)
	rows := tool(t, d.export("beancount"), "bean-query", "-f", "csv", "FILE",
		"select account, sum(number) as n, currency group by account, currency")
	got := map[string]string{}
	for _, row := range rows[1:] {
		number, currency := strings.TrimSpace(row[1]), strings.TrimSpace(row[2])
		amount, err := money.Parse(number, money.MustCurrency(currency))
		if err != nil {
			t.Fatalf("%v: %v", row, err)
		}
		if !amount.IsZero() {
			got[strings.TrimSpace(row[0])] = amount.String()
		}
	}
	if diff := cmp.Diff(d.balances(), got); diff != "" {
		t.Errorf("balances (-ledger +beancount):\n%s", diff)
	}
}

// TestCSVAndJSONLinesAreComplete sums both exports line by line.
func TestCSVAndJSONLinesAreComplete(t *testing.T) {
	t.Parallel()
	d := journalDesk(t)
	rows, err := csv.NewReader(bytes.NewReader(d.export("csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	fromCSV, fromJSON := map[string]int64{}, map[string]int64{}
	add := func(sums map[string]int64, account, side, text, code string) {
		amount, err := money.Parse(text, money.MustCurrency(code))
		if err != nil {
			t.Fatal(err)
		}
		if side == "CREDIT" {
			amount = money.New(-amount.Minor(), amount.Currency())
		}
		sums[account] += amount.Minor()
	}
	for _, row := range rows[1:] {
		add(fromCSV, row[column["account"]], row[column["side"]], row[column["amount"]], row[column["currency"]])
	}
	entries := 0
	scanner := bufio.NewScanner(bytes.NewReader(d.export("jsonl")))
	for scanner.Scan() {
		var e struct {
			Lines []struct {
				Account, Side string
				Amount        httpapi.Money
			}
		}
		if err := json.Unmarshal(scanner.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		entries++
		for _, line := range e.Lines {
			add(fromJSON, line.Account, line.Side, line.Amount.Amount, line.Amount.Currency)
		}
	}
	if entries != 1_101 || scanner.Err() != nil {
		t.Errorf("%d entries in JSON lines, want 1,101: %v", entries, scanner.Err())
	}
	if diff := cmp.Diff(fromCSV, fromJSON); diff != "" {
		t.Errorf("sums (-csv +jsonl):\n%s", diff)
	}
	if got, want := money.New(fromCSV["cash"], money.MustCurrency("INR")).Text(), d.balance("cash", ""); got != want {
		t.Errorf("cash %s in the export, %s in the ledger", got, want)
	}
	d.finance.Get(base+"/export?format=xls").WantProblem(http.StatusUnprocessableEntity, "validation")
}

func TestChainOverHTTP(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.post(entry("2026-03-01", "cash", "wallet", "1.00"))
	d.seal()
	var head struct {
		Seq  int64
		Hash string
	}
	d.finance.Get(base + "/chain").Want(http.StatusOK).Into(&head)
	if head.Seq != 1 || len(head.Hash) != 64 {
		t.Fatalf("head %+v", head)
	}
	verify := func(query string) (v struct {
		Intact  bool
		Entries int64
		Batch   int64
		Fault   string
	},
	) {
		d.finance.Get(base + "/chain/verification" + query).Want(http.StatusOK).Into(&v)
		return v
	}
	if v := verify(fmt.Sprintf("?seq=1&hash=%s", head.Hash)); !v.Intact || v.Entries != 1 {
		t.Errorf("verification: %+v", v)
	}
	if v := verify(fmt.Sprintf("?seq=2&hash=%s", head.Hash)); v.Intact || v.Batch != 2 {
		t.Errorf("verification with a head from further on: %+v", v)
	}
	d.exec(`update ledger_line set debit = debit + 1 where debit > 0`)
	if v := verify(""); v.Intact || v.Batch != 1 || v.Fault == "" {
		t.Errorf("verification of a changed line: %+v", v)
	}
}
