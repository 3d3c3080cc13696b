package ledgersvc_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

type page struct {
	Snapshot int64 `json:"snapshot"`
	Items    []struct {
		Description string `json:"description"`
		Code        string `json:"code"`
	} `json:"items"`
	Next string `json:"next_cursor"`
}

func (p page) names() string {
	var names []string
	for _, item := range p.Items {
		names = append(names, item.Description+item.Code)
	}
	return strings.Join(names, " ")
}

func (d *desk) list(path string) page {
	d.t.Helper()
	var p page
	d.finance.Get(base + path).Want(http.StatusOK).Into(&p)
	return p
}

// TestEntriesAreFoundByEverythingTheyHave lists with each filter alone and with
// several at once.
func TestEntriesAreFoundByEverythingTheyHave(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.finance.Post(base+"/accounts", object{"code": "yen", "name": "Yen", "gl_code": "1000", "currency": "JPY"}).
		Want(http.StatusCreated)
	other := d.server.As(uuid.New(), access.System)
	put := func(name, date, amount string, edit func(object)) posted {
		e := entry(date, "cash", "income", amount)
		e["description"] = name
		if edit != nil {
			edit(e)
		}
		return d.post(e)
	}
	a := put("a", "2026-03-01", "10.00", func(e object) { e["metadata"] = object{"channel": "bank", "branch": "pune"} })
	put("b", "2026-03-02", "20.00", func(e object) { e["kind"], e["booking_date"] = "FEE", "2026-03-09" })
	put("c", "2026-03-03", "30.00", func(e object) { e["reference"] = "loan-1" })
	put("d", "2026-03-04", "40.00", func(e object) {
		e["lines"] = []object{line("DEBIT", "cash", "40.00"), line("CREDIT", "wallet", "40.00")}
	})
	put("e", "2026-03-05", "1.00", func(e object) {
		yen := object{"amount": "25", "currency": "JPY"}
		e["lines"] = []object{
			{"side": "DEBIT", "account": "yen", "amount": yen}, {"side": "CREDIT", "account": "yen", "amount": yen},
		}
	})
	f := entry("2026-03-06", "cash", "income", "60.00")
	f["description"] = "f"
	other.Post(base+"/entries", f).Want(http.StatusCreated)
	var stored struct {
		By string `json:"posted_by"`
	}
	d.finance.Get(base + "/entries/" + a.ID).Into(&stored)
	d.list("/entries?") // seals what was posted: until then the chain has no place 2
	for query, want := range map[string]string{
		"":                        "a b c d e f",
		"kind=FEE":                "b",
		"reference=loan-1":        "c",
		"posted_by=" + stored.By:  "a b c d e",
		"metadata=channel%3Dbank": "a",
		"metadata=channel%3Dcash": "",
		"metadata=channel%3Dbank&metadata=branch%3Dgoa":                      "",
		"metadata=channel%3Dbank&metadata=branch%3Dpune":                     "a",
		"from=2026-03-03&to=2026-03-04":                                      "c d",
		"booking_from=2026-03-05":                                            "b e f",
		"booking_to=2026-03-01":                                              "a",
		"account=wallet":                                                     "d",
		"currency=JPY":                                                       "e",
		"currency=INR":                                                       "a b c d f",
		"currency=INR&amount_min=20.00&amount_max=30.00":                     "b c",
		"currency=INR&amount_max=10.00":                                      "a",
		"currency=JPY&amount_min=25":                                         "e",
		"currency=JPY&amount_min=26":                                         "",
		"account=wallet&currency=INR&amount_min=40.00":                       "d",
		"account=cash&currency=INR&amount_min=40.00":                         "d f",
		"account=income&currency=INR&amount_min=40.00":                       "f",
		"account=cash&kind=FEE":                                              "b",
		"reference=loan-1&account=wallet":                                    "",
		"kind=TRANSFER&currency=INR&amount_min=30.00":                        "c d f",
		"recorded_from=" + a.RecordedAt.Add(-time.Hour).Format(time.RFC3339): "a b c d e f",
		"recorded_from=" + a.RecordedAt.Add(time.Hour).Format(time.RFC3339):  "",
		"known_at=" + a.RecordedAt.Format(time.RFC3339Nano):                  "a",
		"snapshot=2": "a b",
	} {
		if got := d.list("/entries?" + query).names(); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	for query, field := range map[string]string{
		"amount_min=5.00":                "query.currency",
		"currency=XXX&amount_min=5.00":   "query.currency",
		"currency=JPY&amount_min=0.5":    "query.amount_min",
		"currency=INR&amount_max=-5.00":  "query.amount_max",
		"currency=INR&amount_max=plenty": "query.amount_max",
		"metadata=x":                     "query.metadata",
		"from=yesterday":                 "query.from",
		"no_such_filter=1":               "query.no_such_filter",
	} {
		d.finance.Get(base+"/entries?"+query).WantProblem(422, "validation").WantField(t, field)
	}
	d.finance.Get(base+"/entries?snapshot=99").WantProblem(422, "rejected").WantField(t, "query.snapshot")
}

// TestACursorHoldsTheWholeQuery sends cursors alone, with the same query and
// with another one, after more was posted.
func TestACursorHoldsTheWholeQuery(t *testing.T) {
	t.Parallel()
	d := open(t)
	for i := range 6 {
		e := entry("2026-03-01", "cash", "income", "1.00")
		e["description"], e["kind"] = fmt.Sprint(i), []string{"EVEN", "ODD"}[i%2]
		d.post(e)
	}
	first := d.list("/entries?kind=EVEN&limit=2")
	d.post(entry("2026-02-01", "cash", "income", "1.00"))
	if got := first.names() + "|" + d.list("/entries?limit=2&cursor="+first.Next).names(); got != "0 2|4" {
		t.Errorf("pages %s, want 0 2|4", got)
	}
	same := d.list("/entries?kind=EVEN&limit=2&cursor=" + first.Next)
	if same.names() != "4" || same.Snapshot != first.Snapshot {
		t.Errorf("with the same query: %s at %d, want 4 at %d", same.names(), same.Snapshot, first.Snapshot)
	}
	for _, query := range []string{"kind=ODD", "account=cash", fmt.Sprint("snapshot=", first.Snapshot-1)} {
		d.finance.Get(base+"/entries?limit=2&"+query+"&cursor="+first.Next).WantProblem(422, "validation").
			WantField(t, "query.cursor")
	}
	accounts := d.list("/accounts?currency=INR&limit=3")
	rest := d.list("/accounts?cursor=" + accounts.Next)
	if accounts.names() != "capital cash income" || rest.names() != "wallet" {
		t.Errorf("accounts %s, then %s", accounts.names(), rest.names())
	}
	d.finance.Get(base+"/accounts?type=ASSET&cursor="+accounts.Next).WantProblem(422, "validation").
		WantField(t, "query.cursor")
	d.finance.Get(base+"/accounts/wallet/statement?cursor="+first.Next).WantProblem(422, "validation")
	for i := range 3 {
		body := entry("2026-03-01", "cash", "income", "1.00")
		body["description"] = fmt.Sprint("p", i)
		d.finance.Post(base+"/pending-entries", body).Want(http.StatusCreated)
	}
	pending := d.list("/pending-entries?state=OPEN&account=cash&limit=2")
	if got := pending.names() + "|" + d.list("/pending-entries?cursor="+pending.Next).names(); got != "p0 p1|p2" {
		t.Errorf("pending entries %s", got)
	}
	if got := d.list("/pending-entries?state=VOIDED").names(); got != "" {
		t.Errorf("voided %s", got)
	}
}

func TestAccountsAreFoundByEverythingTheyHave(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.finance.Post(base+"/accounts", object{
		"code": "loan.1", "name": "Loan", "gl_code": "1000", "currency": "INR", "metadata": object{"loan_id": "1"},
	}).Want(http.StatusCreated)
	d.finance.Post(base+"/accounts/capital/close", nil).Want(http.StatusOK)
	for query, want := range map[string]string{
		"":                                  "capital cash income loan.1 wallet",
		"type=ASSET":                        "cash loan.1",
		"closed=true":                       "capital",
		"closed=false&type=EQUITY":          "",
		"metadata=loan_id%3D1":              "loan.1",
		"metadata=loan_id%3D2":              "",
		"gl_code=1000&prefix=loan":          "loan.1",
		"currency=JPY":                      "",
		"closed=false&metadata=loan_id%3D1": "loan.1",
	} {
		if got := d.list("/accounts?" + query).names(); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

// TestAStatementIsTheSameToTheLetter asks for a statement again after entries
// were back-dated into it and after a transaction that began before it has
// committed, and wants the same bytes.
func TestAStatementIsTheSameToTheLetter(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.post(entry("2026-03-01", "cash", "income", "5.00"))
	begun, goOn, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		var once sync.Once
		done <- database.InTx(context.Background(), d.db, func(tx database.Tx) error {
			inr := money.MustCurrency("INR")
			_, err := ledgerdb.Post(context.Background(), tx, time.Now(), ledger.JournalEntry{
				Key: "late", Kind: "LATE", EffectiveDate: civil.Date{Year: 2026, Month: time.March, Day: 1},
				Lines: []ledger.Line{
					{AccountID: ledger.AccountID("cash"), Side: ledger.Debit, Amount: money.New(700, inr)},
					{AccountID: ledger.AccountID("income"), Side: ledger.Credit, Amount: money.New(700, inr)},
				},
			})
			once.Do(func() { close(begun) })
			<-goOn
			return err
		})
	}()
	<-begun
	d.post(entry("2026-03-02", "cash", "income", "1.00"))
	path := base + "/accounts/cash/statement?from=2026-03-01&to=2026-03-31"
	var st struct {
		Snapshot int64             `json:"snapshot"`
		Closing  map[string]string `json:"closing_balance"`
	}
	first := d.finance.Get(path).Want(http.StatusOK).Into(&st)
	if st.Closing["amount"] != "6.00" {
		t.Fatalf("closing %s, want 6.00", st.Closing["amount"])
	}
	pinned := fmt.Sprint("snapshot=", st.Snapshot)
	reports := []string{
		path + "&" + pinned, base + "/accounts/cash/balance?" + pinned, base + "/trial-balance?" + pinned,
		base + "/balance-sheet?" + pinned, base + "/entries?" + pinned,
		base + "/general-ledger?from=2026-03-01&to=2026-03-31&" + pinned,
		base + "/income-statement?from=2026-03-01&to=2026-03-31&" + pinned, base + "/export?format=csv&" + pinned,
	}
	before := map[string]string{}
	for _, report := range reports {
		before[report] = string(d.finance.Get(report).Want(http.StatusOK).Body)
	}
	if before[reports[0]] != string(first.Body) {
		t.Errorf("asked with its snapshot the statement is another one:\n%s\n%s", first.Body, before[reports[0]])
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	d.post(entry("2026-03-01", "cash", "income", "100.00")) // back-dated
	for _, sealed := range []bool{false, true} {
		if sealed {
			d.seal()
		}
		for _, report := range reports {
			if got := string(d.finance.Get(report).Want(http.StatusOK).Body); got != before[report] {
				t.Errorf("sealed %t: %s changed:\n%s\n%s", sealed, report, before[report], got)
			}
		}
	}
	d.finance.Get(path).Into(&st)
	if st.Closing["amount"] != "113.00" {
		t.Errorf("closing %s now, want 113.00", st.Closing["amount"])
	}
}

// TestLinkedEntriesAreBookedTogether has chains in a batch: a fault anywhere in
// one gives up that chain and no other.
func TestLinkedEntriesAreBookedTogether(t *testing.T) {
	t.Parallel()
	d := open(t)
	link := func(e object) object { e["linked"] = true; return e }
	batch := object{"entries": []object{
		link(entry("2026-03-01", "cash", "wallet", "5.00")), entry("2026-03-01", "wallet", "cash", "2.00"),
		link(entry("2026-03-01", "cash", "income", "7.00")), link(entry("2026-03-01", "wallet", "cash", "3.01")),
		entry("2026-03-01", "cash", "income", "9.00"),
		entry("2026-03-01", "cash", "income", "11.00"),
	}}
	type result struct{ Status, Code, Field string }
	var answer struct{ Results []result }
	client := d.finance.WithKey("chains")
	client.Post(base+"/entries/batch", batch).Want(http.StatusOK).Into(&answer)
	lost := result{"REJECTED", "LINKED_REJECTED", ""}
	want := []result{
		{"POSTED", "", ""},
		{"POSTED", "", ""},
		lost,
		{"REJECTED", "LIMIT_EXCEEDED", "lines[0].amount"},
		lost,
		{"POSTED", "", ""},
	}
	if diff := cmp.Diff(want, answer.Results); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	if got := d.balance("income", ""); got != "11.00" {
		t.Errorf("income %s, want 11.00: of a chain that failed something was booked", got)
	}
	client.Post(base+"/entries/batch", batch).Want(http.StatusOK).Into(&answer)
	for i := range want {
		if want[i].Status == "POSTED" {
			want[i].Status = "REPLAYED"
		}
	}
	if diff := cmp.Diff(want, answer.Results); diff != "" {
		t.Errorf("results again (-want +got):\n%s", diff)
	}
	open := object{"entries": []object{link(entry("2026-03-01", "cash", "income", "1.00"))}}
	d.finance.Post(base+"/entries/batch", open).
		WantProblem(422, "rejected").WantField(t, "body.entries[0].linked")
}

type changes struct {
	Items []struct {
		Seq   int64 `json:"seq"`
		Entry struct {
			Description string `json:"description"`
		} `json:"entry"`
	} `json:"items"`
	Balances []struct {
		Account string            `json:"account"`
		Balance map[string]string `json:"balance"`
	} `json:"balances"`
	Next string `json:"next_cursor"`
}

func (d *desk) changes(query string) (c changes, names string) {
	d.t.Helper()
	d.finance.Get(base + "/changes?" + query).Want(http.StatusOK).Into(&c)
	for _, item := range c.Items {
		names += item.Entry.Description + " "
	}
	return c, strings.TrimSpace(names)
}

func TestTheChangeFeed(t *testing.T) {
	t.Parallel()
	d := open(t)
	put := func(name string) {
		e := entry("2026-03-01", "cash", "income", "1.00")
		e["description"] = name
		d.finance.WithKey(name).Post(base+"/entries", e).Want(http.StatusCreated)
	}
	empty, names := d.changes("")
	if names != "" || empty.Next == "" {
		t.Errorf("an empty feed: %q, cursor %q", names, empty.Next)
	}
	put("a")
	put("b")
	d.finance.Post(base+"/entries", entry("2026-03-01", "wallet", "cash", "1.00")).WantProblem(409, "limit-exceeded")
	put("a") // a replay
	if _, names := d.changes("cursor=" + empty.Next); names != "" {
		t.Errorf("%q before it was sealed", names)
	}
	d.seal()
	page, names := d.changes("limit=1&balances=true&cursor=" + empty.Next)
	if names != "a" || len(page.Balances) != 2 || page.Balances[0].Balance["amount"] != "1.00" {
		t.Errorf("first %q with %+v", names, page.Balances)
	}
	page, names = d.changes("cursor=" + page.Next)
	if names != "b" {
		t.Errorf("then %q, want b", names)
	}
	end, names := d.changes("from=END")
	if names != "" {
		t.Errorf("from the end: %q", names)
	}
	waited := make(chan string, 1)
	go func() {
		var c changes
		answer := d.finance.Get(base + "/changes?wait=20&cursor=" + end.Next)
		answer.Into(&c)
		if len(c.Items) == 1 {
			waited <- c.Items[0].Entry.Description
			return
		}
		waited <- fmt.Sprintf("%d: %s", answer.Status, answer.Body)
	}()
	put("c")
	d.seal()
	if got := <-waited; got != "c" {
		t.Errorf("waiting gave %q, want c", got)
	}
	if _, names := d.changes("cursor=" + page.Next); names != "c" {
		t.Errorf("from where we were: %q, want c", names)
	}
	d.finance.Get(base+"/changes?cursor=nonsense").WantProblem(422, "validation").WantField(t, "query.cursor")
	d.finance.Get(base+"/changes?wait=21").WantProblem(422, "validation").WantField(t, "query.wait")
}
