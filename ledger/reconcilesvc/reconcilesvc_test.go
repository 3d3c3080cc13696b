package reconcilesvc_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/ledger/bankfile"
	"github.com/tenor-lending/tenor/ledger/ledgersvc"
	"github.com/tenor-lending/tenor/ledger/reconcilesvc"
)

const (
	books = "/api/v1/ledger"
	base  = books + "/reconciliation"
)

type object = map[string]any

// desk is the finance department of a test, with a bank account in the books.
type desk struct {
	t       *testing.T
	server  *httpapitest.Server
	finance *httpapitest.Client
	db      *database.DB
}

func open(t *testing.T) *desk {
	t.Helper()
	db := dbtest.New(t, "core")
	env := httpapitest.Env(t, "core", db)
	ledger, err := ledgersvc.New(env)
	if err != nil {
		t.Fatal(err)
	}
	own, err := reconcilesvc.New(env)
	if err != nil {
		t.Fatal(err)
	}
	routes := ledger.Routes
	ledger.Routes = func(api *httpapi.API) {
		routes(api)
		own.Routes(api)
	}
	server := httpapitest.New(t, ledger)
	d := &desk{t: t, server: server, finance: server.As(uuid.New(), access.Finance), db: db}
	d.openAccounts()
	d.finance.Put(base+"/csv-mappings/house", object{
		"delimiter": ",", "header": true, "decimal": ".", "date_layout": "YYYY-MM-DD", "booking_date": "date",
		"amount": "amount", "reference": "reference", "text": []string{"text"},
	}).Want(http.StatusOK)
	return d
}

// openAccounts opens the accounts that tests book on.
func (d *desk) openAccounts() {
	d.t.Helper()
	for code, kind := range map[string]string{"1000": "ASSET", "1100": "ASSET", "5000": "EXPENSE"} {
		d.finance.Post(books+"/gl-accounts", object{"code": code, "name": "GL " + code, "type": kind}).
			Want(http.StatusCreated)
	}
	for code, gl := range map[string]string{"bank": "1000", "loans": "1100", "fees": "5000"} {
		d.finance.Post(books+"/accounts", object{"code": code, "name": code, "gl_code": gl, "currency": "INR"}).
			Want(http.StatusCreated)
	}
}

// book posts an entry on the bank account, negative when money goes out, and
// returns its id.
func (d *desk) book(date, reference, amount string) string {
	d.t.Helper()
	debit, credit := "bank", "loans"
	if strings.HasPrefix(amount, "-") {
		debit, credit, amount = credit, debit, amount[1:]
	}
	sum := object{"amount": amount, "currency": "INR"}
	var posted struct{ ID string }
	d.finance.Post(books+"/entries", object{
		"kind": "PAYMENT", "effective_date": date, "reference": reference, "description": "a payment",
		"lines": []object{
			{"side": "DEBIT", "account": debit, "amount": sum}, {"side": "CREDIT", "account": credit, "amount": sum},
		},
	}).Want(http.StatusCreated).Into(&posted)
	return posted.ID
}

const header = "date,reference,text,amount\n"

// send imports a CSV file.
func (d *desk) send(file, query string) *httpapitest.Answer {
	d.t.Helper()
	return d.finance.Post(base+"/statements?account=bank&format=CSV&mapping=house"+query, file)
}

type run struct {
	ID      string `json:"id"`
	Matches int64  `json:"matches"`
	Breaks  int64  `json:"breaks"`
	Digest  string `json:"digest"`
}

func (d *desk) run() run {
	d.t.Helper()
	var r run
	d.finance.Post(base+"/runs", object{"account": "bank"}).Want(http.StatusCreated).Into(&r)
	return r
}

type breakage struct {
	ID, Side, Kind, State, Resolution, Note string
	Amount                                  struct{ Amount string }
	AgeDays                                 int                         `json:"age_days"`
	BankLine                                *struct{ Reference string } `json:"bank_line"`
	Line                                    struct{ ID string }
	Candidates                              []struct {
		Days       int
		Rejections []struct{ Rule, Why string }
	}
}

func (d *desk) breaks(query string) []breakage {
	d.t.Helper()
	var list struct{ Items []breakage }
	d.finance.Get(base + "/breaks?account=bank" + query).Want(http.StatusOK).Into(&list)
	return list.Items
}

type report struct {
	Proven      bool
	BankClosing struct{ Amount string } `json:"bank_closing"`
	BookClosing struct{ Amount string } `json:"book_closing"`
	Unexplained struct{ Amount string }
	Gap         struct{ Amount string }
	Opening     struct{ Amount string } `json:"opening_difference"`
	Items       []struct {
		Kind, Break, State, Note string
		Amount                   struct{ Amount string }
		AgeDays                  int `json:"age_days"`
	}
	ByKind []struct {
		Kind   string
		Count  int
		Amount struct{ Amount string }
	} `json:"by_kind"`
}

func (d *desk) report(query string) report {
	d.t.Helper()
	var r report
	d.finance.Get(base + "/report?account=bank" + query).Want(http.StatusOK).Into(&r)
	return r
}

// TestFromFileToProof walks through what finance does with a statement.
func TestFromFileToProof(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.book("2026-02-20", "BEFORE", "1000.00") // before the first statement
	d.book("2026-03-02", "INV-1001", "500.00")
	wrong := d.book("2026-03-02", "INV-9999", "70.00") // never came
	d.book("2026-03-02", "INV-1002", "10000.00")       // came less a charge of 100
	file := header + "2026-03-02,INV-1001,thanks,500.00\n2026-03-03,,Account fee,-15.50\n2026-03-03,INV 1002,,9900.00\n"
	var imported struct {
		Statements []string
		New        int `json:"new_lines"`
		Known      int `json:"known_lines"`
		Duplicate  bool
	}
	d.send(file, "&opening_balance=1000.00&closing_balance=11384.50").Want(http.StatusCreated).Into(&imported)
	if imported.New != 3 || imported.Duplicate || len(imported.Statements) != 1 {
		t.Errorf("imported %+v", imported)
	}
	if r := d.report(""); r.Proven || r.Unexplained.Amount == "0.00" {
		t.Errorf("proven before anything is reconciled: %+v", r)
	}
	var preview struct {
		Run     run
		Matches []struct{ Rule, Reference string }
		Breaks  []struct{ Kind string }
	}
	d.finance.Post(base+"/previews", object{"account": "bank"}).Want(http.StatusOK).Into(&preview)
	if len(preview.Matches) != 2 || len(preview.Breaks) != 2 || len(d.breaks("")) != 0 {
		t.Errorf("preview %+v, %d breaks stored", preview, len(d.breaks("")))
	}
	first := d.run()
	if first.Matches != 2 || first.Breaks != 2 || first.Digest != preview.Run.Digest {
		t.Errorf("run %+v, preview %+v", first, preview.Run)
	}
	again := d.run()
	if again.Matches != 0 || again.Breaks != 2 {
		t.Errorf("again %+v", again)
	}
	var stored run
	d.finance.Get(base + "/runs/" + first.ID).Want(http.StatusOK).Into(&stored)
	if stored != first {
		t.Errorf("stored %+v, want %+v", stored, first)
	}
	r := d.report("")
	if !r.Proven || r.BankClosing.Amount != "11384.50" || r.BookClosing.Amount != "11570.00" {
		t.Errorf("report %+v", r)
	}
	kinds := map[string]string{}
	for _, sum := range r.ByKind {
		kinds[sum.Kind] = sum.Amount.Amount
	}
	want := map[string]string{"BANK_LINE": "-15.50", "BOOK_LINE": "-70.00", "DIFFERENCE": "-100.00"}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	d.resolveAll(wrong)
	d.printed()
}

// resolveAll resolves the three breaks of TestFromFileToProof.
func (d *desk) resolveAll(wrong string) {
	t := d.t
	t.Helper()
	byKind := map[string]breakage{}
	for _, b := range d.breaks("") {
		byKind[b.Side+" "+b.Kind] = b
	}
	fee, missing := byKind["BANK MISSING_IN_BOOKS"], byKind["BOOKS MISSING_IN_BANK"]
	difference := byKind["MATCH AMOUNT_DIFFERS"]
	if fee.BankLine == nil || missing.Line.ID != wrong || difference.Amount.Amount != "-100.00" || len(byKind) != 3 {
		t.Fatalf("breaks %+v", byKind)
	}
	entry := object{"counter_account": "fees", "kind": "BANK_FEE", "description": "Account fee of March"}
	client := d.finance.WithKey("fee-1")
	var resolved struct {
		Entry string `json:"entry_id"`
		Break breakage
	}
	client.Post(base+"/breaks/"+fee.ID+"/resolve", entry).Want(http.StatusCreated).Into(&resolved)
	if resolved.Break.State != "CLOSED" || resolved.Break.Resolution != "ENTRY" {
		t.Errorf("resolved %+v", resolved)
	}
	if replay := client.Post(base+"/breaks/"+fee.ID+"/resolve", entry).Want(http.StatusCreated); replay.Header.Get(
		"Idempotency-Replayed") != "true" {
		t.Error("the second answer is not marked as a replay")
	}
	d.finance.Post(base+"/breaks/"+fee.ID+"/resolve", entry).WantProblem(http.StatusConflict, "break-closed")
	d.finance.Post(base+"/breaks/"+difference.ID+"/resolve", entry).Want(http.StatusCreated)
	d.finance.Post(base+"/breaks/"+missing.ID+"/explain", object{"text": "the borrower stopped the cheque"}).
		Want(http.StatusOK)
	r := d.report("&through=2026-03-10")
	if !r.Proven || len(r.Items) != 1 || r.Items[0].State != "EXPLAINED" || r.Items[0].AgeDays != 8 ||
		r.Items[0].Note != "the borrower stopped the cheque" || r.BookClosing.Amount != "11454.50" {
		t.Errorf("after two entries and an explanation: %+v", r)
	}
	d.finance.Post(base+"/breaks/"+missing.ID+"/resolve", object{
		"counter_account": "loans", "kind": "CORRECTION", "description": "taken back",
	}).Want(http.StatusCreated)
	r = d.report("&through=2026-03-10")
	if !r.Proven || len(r.Items) != 0 || r.BookClosing.Amount != r.BankClosing.Amount {
		t.Errorf("after all: %+v", r)
	}
	if open, closed := d.breaks(""), d.breaks("&state=CLOSED"); len(open) != 0 || len(closed) != 3 {
		t.Errorf("%d open, %d closed", len(open), len(closed))
	}
	var balances struct{ Balance struct{ Amount string } }
	d.finance.Get(books + "/accounts/fees/balance").Want(http.StatusOK).Into(&balances)
	if balances.Balance.Amount != "115.50" {
		t.Errorf("fees %s, want 115.50", balances.Balance.Amount)
	}
	d.audited(fee.ID, missing.ID, difference.ID)
}

// audited holds that the changes of these left rows in the audit trail.
func (d *desk) audited(ids ...string) {
	d.t.Helper()
	err := database.InReadTx(d.t.Context(), d.db, func(tx database.Tx) error {
		for _, id := range ids {
			n, err := command.VerifyAudit(d.t.Context(), tx, uuid.MustParse(id))
			if err != nil || n == 0 {
				return fmt.Errorf("audit of %s has %d rows: %w", id, n, err)
			}
		}
		return nil
	})
	if err != nil {
		d.t.Error(err)
	}
}

// printed reads the report in its other forms.
func (d *desk) printed() {
	d.t.Helper()
	page := d.finance.Get(base + "/report/print?account=bank").Want(http.StatusOK)
	for _, part := range []string{
		"Reconciliation of bank", "<strong>Proven:</strong>", "11384.50", "Balance of the bank",
	} {
		if !strings.Contains(string(page.Body), part) {
			d.t.Errorf("the page does not have %q:\n%s", part, page.Body)
		}
	}
	if got := page.Header.Get("Content-Security-Policy"); !strings.HasPrefix(got, "sandbox") {
		d.t.Errorf("policy %q", got)
	}
	table := d.finance.Get(base + "/report/print?account=bank&format=csv").Want(http.StatusOK)
	for _, part := range []string{
		"BOOK_BALANCE,,2026-03-03", "BANK_BALANCE,,2026-03-03,,11384.50,INR", "UNEXPLAINED,,,,0.00",
	} {
		if !strings.Contains(string(table.Body), part) {
			d.t.Errorf("the table does not have %q:\n%s", part, table.Body)
		}
	}
}

func TestImportTwice(t *testing.T) {
	t.Parallel()
	d := open(t)
	file := header + "2026-03-02,A-1,,5.00\n2026-03-02,,same,7.00\n2026-03-02,,same,7.00\n"
	client := d.finance.WithKey("import-1")
	path := base + "/statements?account=bank&format=CSV&mapping=house"
	client.Post(path, file).Want(http.StatusCreated)
	if again := client.Post(path, file).Want(http.StatusCreated); again.Header.Get("Idempotency-Replayed") != "true" {
		t.Error("the same request is not marked as a replay")
	}
	client.Post(path, file+"2026-03-03,,,1.00\n").WantProblem(422, "idempotency-key-reused")
	var answer struct {
		Duplicate bool
		New       int `json:"new_lines"`
		Known     int `json:"known_lines"`
	}
	d.send(file, "").Want(http.StatusOK).Into(&answer)
	if !answer.Duplicate || answer.New != 0 || answer.Known != 3 {
		t.Errorf("the same file: %+v", answer)
	}
	d.send(file+"\n", "").Want(http.StatusOK).Into(&answer) // other bytes, the same lines
	if !answer.Duplicate {
		t.Errorf("the same lines: %+v", answer)
	}
	more := file + "2026-03-02,,same,7.00\n2026-03-03,B-1,,9.00\n"
	problem := d.send(more, "").WantProblem(http.StatusConflict, "lines-imported-before")
	problem.WantField(t, "body.file.line[2]")
	d.send(more, "&overlap=SKIP").Want(http.StatusCreated).Into(&answer)
	if answer.New != 2 || answer.Known != 3 {
		t.Errorf("skipping: %+v", answer)
	}
	d.send(header+"2026-03-02,,same,7.00\n", "&overlap=KEEP").Want(http.StatusCreated).Into(&answer)
	if answer.New != 1 || answer.Known != 0 {
		t.Errorf("keeping: %+v", answer)
	}
	var lines struct{ Items []struct{ Text string } }
	d.finance.Get(base + "/bank-lines?account=bank&from=2026-03-02&to=2026-03-02").Want(http.StatusOK).Into(&lines)
	if len(lines.Items) != 5 {
		t.Errorf("%d lines of 2 March, want 5", len(lines.Items))
	}
	var page struct {
		Items []struct{ ID string }
		Next  string `json:"next_cursor"`
	}
	seen := map[string]bool{}
	for cursor := ""; ; cursor = "&cursor=" + page.Next {
		page.Next = ""
		d.finance.Get(base + "/statements?account=bank&limit=1" + cursor).Want(http.StatusOK).Into(&page)
		for _, s := range page.Items {
			seen[s.ID] = true
		}
		if page.Next == "" {
			break
		}
	}
	if len(seen) != 3 {
		t.Errorf("%d statements by pages of one, want 3", len(seen))
	}
}

func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	d := open(t)
	for name, test := range map[string]struct{ query, body, slug, field string }{
		"broken line": {
			"",
			header + "2026-03-02,,,1.00\n2026-03-02,,,x\n",
			"bank-file", "body.file.line[3].amount",
		},
		"comma": {"", header + "2026-03-02,,,\"1,5\"\n", "bank-file", "body.file.line[2].amount"},
		"balances": {
			"&opening_balance=1&closing_balance=3",
			header + "2026-03-02,,,1.00\n",
			"bank-file", "body.file.closing_balance",
		},
		"balance": {
			"&opening_balance=x&closing_balance=3",
			header + "2026-03-02,,,1.00\n",
			"bank-file", "query.opening_balance",
		},
		"empty":  {"", "", "bank-file", "body.file"},
		"format": {"&format=PDF", header, "validation", "query.format"},
		"truncated camt": {
			"&format=CAMT053",
			`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>`,
			"bank-file", "body.file.Document",
		},
		"entity bomb": {
			"&format=CAMT053",
			`<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Document/>`,
			"bank-file", "body.file.Document",
		},
		"MT940 in dollars": {
			"&format=MT940",
			":20:X\n:25:1\n:60F:C260301USD1,\n:62F:C260301USD1,\n",
			"bank-file", "body.file.line[3].60F.currency",
		},
	} {
		path := base + "/statements?account=bank&mapping=house" + test.query
		if !strings.Contains(test.query, "format") {
			path += "&format=CSV"
		}
		d.finance.Post(path, test.body).WantProblem(http.StatusUnprocessableEntity, test.slug).WantField(t, test.field)
		_ = name
	}
	d.finance.Post(base+"/statements?account=none&format=CSV&mapping=house", header).WantProblem(404, "not-in-ledger")
	d.finance.Post(base+"/statements?account=bank&format=CSV&mapping=none", header).
		WantProblem(404, "not-in-reconciliation")
	var list struct{ Items []object }
	d.finance.Get(base + "/bank-lines?account=bank").Want(http.StatusOK).Into(&list)
	if len(list.Items) != 0 {
		t.Errorf("%d lines of refused files are there", len(list.Items))
	}
	d.finance.Post(base+"/runs", object{"account": "bank"}).WantProblem(404, "not-in-reconciliation")
	d.finance.Get(base+"/report?account=bank").WantProblem(404, "not-in-reconciliation")
}

// TestHugeFiles sends a file that says it is too large, of which nothing is read
// then, and one that does not say, which is refused at its first line too many.
func TestHugeFiles(t *testing.T) {
	t.Parallel()
	d := open(t)
	request := func(body io.Reader) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
			d.server.URL()+base+"/statements?account=bank&format=CSV&mapping=house", body)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = -1
		return r
	}
	// What is sent behind the fault is little enough for the server to pass over,
	// so that its answer arrives whatever the network does.
	line := int64(len(endlessLine))
	most := int64(len(header)) + line*(bankfile.LinesMax+2)
	d.finance.Do(request(io.LimitReader(&endless{head: header}, most))).
		WantProblem(http.StatusRequestEntityTooLarge, "body-too-large")
	says := request(&endless{head: header})
	says.ContentLength = 2 << 30
	says.Header.Set("Expect", "100-continue")
	says.Header.Set("Authorization", "Bearer "+d.finance.Token())
	says.Header.Set("Idempotency-Key", uuid.NewString())
	patient := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
	answer, err := patient.Do(says)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", answer.StatusCode)
	}
}

const endlessLine = "2026-03-02,,the same line for ever,1.00\n"

// endless is a CSV file that does not end.
type endless struct{ head string }

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.head)
	e.head = e.head[n:]
	if n == 0 {
		e.head = endlessLine
		n = copy(p, e.head)
		e.head = e.head[n:]
	}
	return n, nil
}
