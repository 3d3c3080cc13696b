package ledgersvc_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/ledger/ledgersvc"
)

const base = "/api/v1/ledger"

type object = map[string]any

// desk is the finance department of a test.
type desk struct {
	t       *testing.T
	server  *httpapitest.Server
	finance *httpapitest.Client
	db      *database.DB
}

// open starts the service with a small chart: cash and income in INR, and a
// customer's wallet that must not be overdrawn.
func open(t *testing.T) *desk {
	t.Helper()
	db := dbtest.New(t, "core")
	env := httpapitest.Env(t, "core", db)
	component, err := ledgersvc.New(env)
	if err != nil {
		t.Fatal(err)
	}
	server := httpapitest.New(t, component)
	d := &desk{t: t, server: server, finance: server.As(uuid.New(), access.Finance), db: db}
	for code, kind := range map[string]string{"1000": "ASSET", "2000": "LIABILITY", "3000": "EQUITY", "4000": "INCOME"} {
		d.finance.Post(base+"/gl-accounts", object{"code": code, "name": "GL " + code, "type": kind}).
			Want(http.StatusCreated)
	}
	d.account("cash", "1000", "NONE")
	d.account("wallet", "2000", "DEBITS_MUST_NOT_EXCEED_CREDITS")
	d.account("capital", "3000", "NONE")
	d.account("income", "4000", "NONE")
	return d
}

// seal does at once what the service's task does in a while.
func (d *desk) seal() {
	d.t.Helper()
	if _, err := ledgerdb.SealAll(d.t.Context(), d.db); err != nil {
		d.t.Fatal(err)
	}
}

// exec changes rows behind the ledger's back.
func (d *desk) exec(sql string) {
	d.t.Helper()
	err := database.InTx(d.t.Context(), d.db, func(tx database.Tx) error {
		_, err := tx.Exec(d.t.Context(), sql)
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) account(code, gl, limit string) {
	d.t.Helper()
	d.finance.Post(base+"/accounts", object{
		"code": code, "name": "Account " + code, "gl_code": gl, "currency": "INR", "limit": limit,
	}).Want(http.StatusCreated)
}

func rupees(text string) object { return object{"amount": text, "currency": "INR"} }

func line(side, account, amount string) object {
	return object{"side": side, "account": account, "amount": rupees(amount)}
}

// entry makes an entry of two lines.
func entry(date, debit, credit, amount string) object {
	return object{
		"kind": "TRANSFER", "effective_date": date, "description": "from a test",
		"lines": []object{line("DEBIT", debit, amount), line("CREDIT", credit, amount)},
	}
}

type posted struct {
	ID         string    `json:"id"`
	RecordedAt time.Time `json:"recorded_at"`
	Balances   []struct {
		Account string            `json:"account"`
		Balance map[string]string `json:"balance"`
	} `json:"balances"`
}

func (d *desk) post(body object) posted {
	d.t.Helper()
	var p posted
	d.finance.Post(base+"/entries", body).Want(http.StatusCreated).Into(&p)
	return p
}

func (d *desk) balance(account, query string) string {
	d.t.Helper()
	var b struct {
		Balance struct {
			Amount string `json:"amount"`
		} `json:"balance"`
	}
	d.finance.Get(base + "/accounts/" + account + "/balance" + query).Want(http.StatusOK).Into(&b)
	return b.Balance.Amount
}

func TestPostReadAndReverse(t *testing.T) {
	t.Parallel()
	d := open(t)
	p := d.post(entry("2026-03-01", "cash", "wallet", "25.00"))
	if len(p.Balances) != 1 || p.Balances[0].Account != "wallet" || p.Balances[0].Balance["amount"] != "25.00" {
		t.Errorf("balances in the answer: %+v", p.Balances)
	}
	var stored object
	d.finance.Get(base + "/entries/" + p.ID).Want(http.StatusOK).Into(&stored)
	wanted := object{
		"id": p.ID, "kind": "TRANSFER", "effective_date": "2026-03-01", "booking_date": "2026-03-01",
		"description": "from a test",
	}
	for field, want := range wanted {
		if stored[field] != want {
			t.Errorf("%s is %v, want %v", field, stored[field], want)
		}
	}
	reversal := d.finance.Post(base+"/entries/"+p.ID+"/reverse",
		object{"effective_date": "2026-03-02", "description": "wrong account"}).Want(http.StatusCreated)
	var r posted
	reversal.Into(&r)
	if got := reversal.Header.Get("Location"); got != base+"/entries/"+r.ID {
		t.Errorf("location %s", got)
	}
	d.finance.Get(base + "/entries/" + p.ID).Into(&stored)
	if stored["reversed_by"] != r.ID {
		t.Errorf("reversed_by is %v, want %s", stored["reversed_by"], r.ID)
	}
	d.finance.Post(base+"/entries/"+p.ID+"/reverse", object{"effective_date": "2026-03-02", "description": "again"}).
		WantProblem(http.StatusConflict, "already-reversed")
	d.finance.Post(base+"/entries/"+uuid.NewString()+"/reverse",
		object{"effective_date": "2026-03-02", "description": "none"}).WantProblem(http.StatusNotFound, "not-in-ledger")
	if got := d.balance("cash", ""); got != "0.00" {
		t.Errorf("cash %s after the reversal", got)
	}
	if got := d.balance("cash", "?effective=2026-03-01"); got != "25.00" {
		t.Errorf("cash %s at the end of 1 March, want 25.00", got)
	}
	if got := d.balance("cash", "?known_at="+p.RecordedAt.Format(time.RFC3339Nano)); got != "25.00" {
		t.Errorf("cash %s as known before the reversal, want 25.00", got)
	}
}

func TestTheIdempotencyKeyNamesTheEntry(t *testing.T) {
	t.Parallel()
	d := open(t)
	client := d.finance.WithKey("payment-7")
	body := entry("2026-03-01", "cash", "wallet", "1.00")
	first := client.Post(base+"/entries", body).Want(http.StatusCreated)
	if first.Header.Get("Idempotency-Replayed") != "" {
		t.Error("the first answer is marked as a replay")
	}
	again := client.Post(base+"/entries", body).Want(http.StatusCreated)
	if again.Header.Get("Idempotency-Replayed") != "true" {
		t.Error("the second answer is not marked as a replay")
	}
	var one, two posted
	first.Into(&one)
	again.Into(&two)
	if one.ID != two.ID || !one.RecordedAt.Equal(two.RecordedAt) {
		t.Errorf("first %+v, again %+v", one, two)
	}
	client.Post(base+"/entries", entry("2026-03-01", "cash", "wallet", "1.01")).
		WantProblem(http.StatusUnprocessableEntity, "idempotency-key-reused")
	other := d.server.As(uuid.New(), access.Finance).WithKey("payment-7")
	other.Post(base+"/entries", entry("2026-03-01", "cash", "wallet", "2.00")).Want(http.StatusCreated)
	d.finance.WithKey("-").Post(base+"/entries", body).WantProblem(http.StatusBadRequest, "idempotency-key-missing")
	if got := d.balance("wallet", ""); got != "3.00" {
		t.Errorf("wallet %s, want 3.00", got)
	}
}

func TestRejectionsNameTheField(t *testing.T) {
	t.Parallel()
	d := open(t)
	with := func(edit func(object)) object {
		e := entry("2026-03-01", "cash", "income", "5.00")
		edit(e)
		return e
	}
	lines := func(list ...object) func(object) { return func(e object) { e["lines"] = list } }
	cases := []struct {
		name   string
		body   any
		status int
		slug   string
		field  string
	}{
		{
			"unbalanced", with(lines(line("DEBIT", "cash", "5.00"), line("CREDIT", "income", "4.99"))),
			422, "rejected", "body.lines",
		},
		{
			"unknown account", with(lines(line("DEBIT", "cash", "5.00"), line("CREDIT", "nowhere", "5.00"))),
			422, "rejected", "body.lines[1].account",
		},
		{"overdrawn", entry("2026-03-01", "wallet", "cash", "0.01"), 409, "limit-exceeded", "body.lines[0].amount"},
		{"zero", entry("2026-03-01", "cash", "income", "0.00"), 422, "rejected", "body.lines[0].amount"},
		{"negative", entry("2026-03-01", "cash", "income", "-5.00"), 422, "rejected", "body.lines[0].amount"},
		{
			"too large", entry("2026-03-01", "cash", "income", "10000000000000.01"), 422, "rejected",
			"body.lines[0].amount",
		},
		{
			"beyond int64", entry("2026-03-01", "cash", "income", "99999999999999999.00"), 422, "validation",
			"body.lines[0].amount.amount",
		},
		{
			"more decimals than the currency", entry("2026-03-01", "cash", "income", "5.001"), 422, "validation",
			"body.lines[0].amount.amount",
		},
		{"no lines", with(lines()), 422, "validation", "body.lines"},
		{"no such day", entry("2026-02-30", "cash", "income", "5.00"), 422, "validation", "body.effective_date"},
		{"other currency", with(lines(
			object{"side": "DEBIT", "account": "cash", "amount": object{"amount": "5.00", "currency": "USD"}},
			object{"side": "CREDIT", "account": "income", "amount": object{"amount": "5.00", "currency": "USD"}},
		)), 422, "rejected", "body.lines[0].amount"},
		{"unknown field", with(func(e object) { e["force"] = true }), 422, "validation", "body.force"},
	}
	for _, c := range cases {
		t.Log(c.name)
		d.finance.Post(base+"/entries", c.body).WantProblem(c.status, c.slug).WantField(t, c.field)
	}
	var list struct {
		Items []object `json:"items"`
	}
	d.finance.Get(base + "/entries").Want(http.StatusOK).Into(&list)
	if len(list.Items) != 0 {
		t.Errorf("rejected entries left %d entries behind", len(list.Items))
	}
}

func TestBatchAnswersEachEntry(t *testing.T) {
	t.Parallel()
	d := open(t)
	batch := object{"entries": []object{
		entry("2026-03-01", "cash", "wallet", "5.00"),
		entry("2026-03-01", "wallet", "cash", "6.00"),
		entry("2026-03-01", "wallet", "cash", "5.00"),
	}}
	type result struct{ Status, Code string }
	var answer struct{ Results []result }
	client := d.finance.WithKey("batch-1")
	client.Post(base+"/entries/batch", batch).Want(http.StatusOK).Into(&answer)
	want := []result{{"POSTED", ""}, {"REJECTED", "LIMIT_EXCEEDED"}, {"POSTED", ""}}
	if diff := cmp.Diff(want, answer.Results); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	client.Post(base+"/entries/batch", batch).Want(http.StatusOK).Into(&answer)
	want = []result{{"REPLAYED", ""}, {"REJECTED", "LIMIT_EXCEEDED"}, {"REPLAYED", ""}}
	if diff := cmp.Diff(want, answer.Results); diff != "" {
		t.Errorf("results again (-want +got):\n%s", diff)
	}
	batch["atomic"] = true
	problem := d.finance.Post(base+"/entries/batch", batch).WantProblem(http.StatusConflict, "limit-exceeded")
	problem.WantField(t, "body.entries[1].lines[0].amount")
	if got := d.balance("wallet", ""); got != "0.00" {
		t.Errorf("wallet %s, want 0.00", got)
	}
}

func TestListingFiltersAndPages(t *testing.T) {
	t.Parallel()
	d := open(t)
	for i := range 5 {
		e := entry(fmt.Sprintf("2026-03-0%d", 5-i), "cash", "income", "1.00")
		e["reference"], e["metadata"] = fmt.Sprint("loan-", i%2), object{"channel": fmt.Sprint("c", i%3)}
		if i == 4 {
			e["kind"] = "FEE"
		}
		d.post(e)
	}
	d.post(entry("2026-03-03", "cash", "wallet", "1.00"))
	dates := func(query string) string {
		var all []string
		cursor := ""
		for range 10 {
			var page struct {
				Items []struct {
					Date string `json:"effective_date"`
				} `json:"items"`
				Next string `json:"next_cursor"`
			}
			d.finance.Get(base + "/entries?limit=2" + query + cursor).Want(http.StatusOK).Into(&page)
			for _, item := range page.Items {
				all = append(all, strings.TrimPrefix(item.Date, "2026-03-0"))
			}
			if page.Next == "" {
				return strings.Join(all, " ")
			}
			cursor = "&cursor=" + page.Next
		}
		t.Fatal("the pages have no end")
		return ""
	}
	for query, want := range map[string]string{
		"":                                    "1 2 3 3 4 5",
		"&account=income":                     "1 2 3 4 5",
		"&account=wallet":                     "3",
		"&kind=FEE":                           "1",
		"&reference=loan-0":                   "1 3 5",
		"&reference=loan-0&account=income":    "1 3 5",
		"&metadata=channel%3Dc0":              "2 5",
		"&from=2026-03-02&to=2026-03-03":      "2 3 3",
		"&reference=loan-1&to=2026-03-03":     "2",
		"&account=cash&metadata=channel%3Dc1": "1 4",
	} {
		if got := dates(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	d.finance.Get(base+"/entries?cursor=nonsense").WantProblem(http.StatusUnprocessableEntity, "validation")
	d.finance.Get(base+"/entries?metadata=nonsense").WantProblem(http.StatusUnprocessableEntity, "validation").
		WantField(t, "query.metadata")
}

func TestStatementIsPinnedAcrossPages(t *testing.T) {
	t.Parallel()
	d := open(t)
	for i, amount := range []string{"10.00", "20.00", "30.00", "40.00"} {
		d.post(entry(fmt.Sprintf("2026-03-0%d", i+1), "cash", "income", amount))
	}
	type statement struct {
		Snapshot int64             `json:"snapshot"`
		Opening  map[string]string `json:"opening_balance"`
		Closing  map[string]string `json:"closing_balance"`
		Lines    []struct {
			Balance map[string]string `json:"balance"`
		} `json:"lines"`
		Next string `json:"next_cursor"`
	}
	path := base + "/accounts/cash/statement?from=2026-03-02&to=2026-03-31&limit=2"
	var one, two, fresh statement
	d.finance.Get(path).Want(http.StatusOK).Into(&one)
	d.post(entry("2026-03-03", "cash", "income", "500.00")) // back-dated between the pages
	d.finance.Get(path + "&cursor=" + one.Next).Want(http.StatusOK).Into(&two)
	var balances []string
	for _, page := range []statement{one, two} {
		if page.Opening["amount"] != "10.00" || page.Closing["amount"] != "100.00" {
			t.Errorf("opening %s, closing %s; want 10.00 and 100.00", page.Opening["amount"], page.Closing["amount"])
		}
		for _, line := range page.Lines {
			balances = append(balances, line.Balance["amount"])
		}
	}
	if diff := cmp.Diff([]string{"30.00", "60.00", "100.00"}, balances); diff != "" {
		t.Errorf("running balances (-want +got):\n%s", diff)
	}
	d.finance.Get(fmt.Sprint(path, "&snapshot=", one.Snapshot)).Want(http.StatusOK).Into(&fresh)
	if diff := cmp.Diff(one, fresh); diff != "" {
		t.Errorf("the same statement asked for again (-first +again):\n%s", diff)
	}
	d.finance.Get(path).Into(&fresh)
	if fresh.Closing["amount"] != "600.00" {
		t.Errorf("closing %s as of now, want 600.00", fresh.Closing["amount"])
	}
	d.finance.Get(base+"/accounts/none/statement").WantProblem(http.StatusNotFound, "not-in-ledger")
}
