package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/journey"
)

var update = flag.Bool("update", false,
	"write the table of the authorization matrix anew; read the difference before it is committed")

// operation is what the merged OpenAPI document says of one operation.
type operation struct {
	method, path, id string
	public           bool
	roles            []access.Role
}

func (o operation) String() string { return o.method + " " + o.path }

// operations reads them from the document that the gateway serves.
func operations(ctx context.Context, t *testing.T, p *platform) []operation {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			ID       string                `json:"operationId"`
			Security []map[string][]string `json:"security"`
			Roles    []access.Role         `json:"x-tenor-roles"`
		} `json:"paths"`
	}
	must(t, p.client.Get(ctx, "/openapi.json", &document))
	var list []operation
	for path, methods := range document.Paths {
		for method, o := range methods {
			roles := o.Roles
			if len(roles) == 0 {
				roles = access.Roles
			}
			list = append(list, operation{
				method: strings.ToUpper(method), path: path, id: o.ID, public: len(o.Security) == 0, roles: roles,
			})
		}
	}
	slices.SortFunc(list, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return list
}

// objects are the ids that stand for one kind of object in paths and bodies.
type objects map[string]string

// matrix holds what the cells need.
type matrix struct {
	t       *testing.T
	p       *platform
	callers []caller
	objects map[string]objects // "own", "other", "missing"
}

type caller struct {
	name   string
	role   access.Role // "" for nobody
	client *client.Client
	// kinds of objects that make a difference for this caller.
	kinds []string
}

// bodies are requests that a schema accepts, by operation id: what the service
// then says is about the caller and the object.
var bodies = map[string]string{
	"create-application": `{"product":"MICRO_LOAN","amount":{"amount":"20000","currency":"INR"},"instalments":24,` +
		`"purpose":"BUSINESS","monthly_income":{"amount":"25000","currency":"INR"},` +
		`"monthly_obligations":{"amount":"0","currency":"INR"}}`,
	"submit-customer-kyc": `{"national_id":{"type":"NATIONAL_ID","number":"ABCDE1234F","country":"IN"},` +
		`"address":{"line1":"14 Lake Road","city":"Pune","country":"IN"},"nationality":"IN","occupation":"Tailor",` +
		`"employment":"SALARIED"}`,
	"assign-kyc": `{"officer_id":"{officer}"}`,
	"verify-kyc": `{"checks":{"identity":{"result":"PASS"},"address":{"result":"PASS"},"income":{"result":"PASS"},` +
		`"sanctions":{"result":"PASS"}}}`,
	"decide-kyc":  `{"decision":"APPROVE"}`,
	"decide-risk": `{"decision":"APPROVE","max_amount":{"amount":"20000","currency":"INR"}}`,
	"make-offer": `{"principal":{"amount":"20000","currency":"INR"},"annual_rate_percent":"15","instalments":24,` +
		`"valid_days":14}`,
	"accept-offer":            `{"offer_id":"{missing}","schedule_hash":"` + zeroHash + `"}`,
	"decline-offer":           `{"reason":"OTHER"}`,
	"approve-internal":        `{"decision":"APPROVE"}`,
	"approve-management":      `{"decision":"APPROVE"}`,
	"approve-final":           `{"decision":"APPROVE"}`,
	"esign-agreement":         `{"code":"000000","consent":true,"schedule_hash":"` + zeroHash + `"}`,
	"review-signed-agreement": `{"decision":"REJECT","reason":"page 2 is missing"}`,
	"make-payment":            `{"loan_id":"{loanId}","amount":{"amount":"1.00","currency":"INR"},"channel":"CASH"}`,
	"make-payments": `{"payments":[{"idempotency_key":"matrix","loan_id":"{missing}",` +
		`"amount":{"amount":"1.00","currency":"INR"},"channel":"CASH"}]}`,
	"save-loan-product": `{"currency":"INR","reason":"matrix","settings":{}}`,
	// Nothing of these has an effect on the loan: it is asked for in the far future.
	"reverse-payment": `{"reason":"bounced"}`,
	"refund-loan":     `{"on":"2999-01-01","amount":{"amount":"1.00","currency":"INR"}}`,
	"credit-loan": `{"kind":"GOODWILL_CREDIT","value_date":"2999-01-01","amount":{"amount":"1.00","currency":"INR"},` +
		`"reason":"test"}`,
	"charge-back":     `{"on":"2999-01-01","amount":{"amount":"1.00","currency":"INR"}}`,
	"charge-loan":     `{"on":"2999-01-01","component":"FEE","amount":{"amount":"1.00","currency":"INR"}}`,
	"waive":           `{"on":"2999-01-01","component":"FEE","amount":{"amount":"1.00","currency":"INR"}}`,
	"charge-off-loan": `{"on":"2999-01-01"}`, "write-off-loan": `{"on":"2999-01-01"}`,
	"reschedule-loan": `{"on":"2999-01-01","instalments":12}`, "promise-payoff": `{"until":"2999-01-01"}`,
	"verify-payment":               `{"decision":"REJECT","reason":"no such transfer"}`,
	"set-notification-preferences": `{"channels":["EMAIL"]}`,
	"close-business-days":          `{"through":"2000-01-01"}`,
	"login":                        `{"email":"nobody@example.com","password":"wrong password"}`,
	"change-password":              `{"current_password":"wrong password","new_password":"a password of the matrix"}`,
	"forgot-password":              `{"email":"nobody@example.com"}`,
	"reset-password":               `{"code":"WRONG","new_password":"a password of the matrix"}`,
	"set-password":                 `{"password":"a password of the matrix"}`,
	"refresh":                      `{"refresh_token":"unknown"}`,
	"open-gl-account":              `{"code":"9990","name":"Suspense","type":"ASSET"}`,
	"open-account":                 `{"code":"1000.INR.matrix","name":"Second bank","gl_code":"1000","currency":"INR"}`,
	"reverse-entry":                `{"effective_date":"2000-01-01","description":"booked to the wrong account"}`,
	"post-entry":                   `{"kind":"TEST","effective_date":"2026-01-01","lines":[` + lines + `]}`,
	"post-entries": `{"entries":[{"key":"matrix","kind":"TEST","effective_date":"2026-01-01",
		"lines":[` + lines + `]}]}`,
	"open-pending-entry": `{"kind":"TEST","effective_date":"2026-01-01","lines":[` + lines + `]}`,
	"post-pending-entry": `{}`,
	"close-period":       `{"through":"1999-12-31","reason":"test"}`,
	"reopen-period":      `{"through":"1899-12-31","reason":"test"}`,
	"save-csv-mapping": `{"delimiter":",","header":true,"decimal":".","date_layout":"YYYY-MM-DD",` +
		`"booking_date":"date","amount":"amount"}`,
	"save-reconciliation-rules": `{"rules":[{"name":"amount","shape":"ONE_TO_ONE","reference":"ANY",` +
		`"days_before":1,"days_after":1}]}`,
	"run-reconciliation":     `{"account":"1000.INR"}`,
	"preview-reconciliation": `{"account":"1000.INR"}`,
	"match-lines":            `{"account":"1000.INR","note":"test"}`,
	"undo-match":             `{"reason":"test"}`,
	"explain-break":          `{"text":"test"}`,
	"resolve-break":          `{"counter_account":"2100.INR","kind":"TEST","description":"test"}`,
}

// queries are those of operations that need one.
var queries = map[string]string{
	"quote-prepayment":   "amount=100",
	"get-loan-product":   "currency=INR",
	"get-general-ledger": "from=2026-01-01&to=2026-01-31",
}

const (
	zeroHash = "0000000000000000000000000000000000000000000000000000000000000000"
	lines    = `{"account":"1000.INR","side":"DEBIT","amount":{"amount":"1","currency":"INR"}},` +
		`{"account":"2100.INR","side":"CREDIT","amount":{"amount":"1","currency":"INR"}}`
)

// uploads are the operations that take a file.
var uploads = map[string]bool{"upload-document": true, "upload-signed-agreement": true, "prove-payment": true}

// makes are the operations whose path names what they make, so that it need
// not exist.
var makes = map[string]bool{"save-csv-mapping": true, "save-reconciliation-rules": true}

// last are operations that change what the other cells rest on.
var last = []string{"logout", "rotate-keys", "disable-user", "disable-client", "delete-document"}

// TestAuthorizationMatrix calls every operation as every role on an object of
// one's own, of somebody else and of nobody, and compares with the table in
// testdata. Rules that hold for every cell are checked besides, so that a
// table written anew cannot hide a hole.
//
//nolint:paralleltest // a whole platform: one at a time
func TestAuthorizationMatrix(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), flowTimeout)
	defer cancel()
	p, staff := startTestPlatform(t, "TENOR_GATEWAY_RATE_PER_SECOND=100000", "TENOR_GATEWAY_RATE_BURST=100000")
	m := &matrix{t: t, p: p, objects: map[string]objects{}}
	m.populate(ctx, staff)
	list := operations(ctx, t, p)
	slices.SortStableFunc(list, func(a, b operation) int {
		return slices.Index(last, a.id) - slices.Index(last, b.id)
	})
	var table []string
	cells := 0
	for _, o := range list {
		row := []string{o.method, o.path}
		for _, c := range m.callers {
			var outcomes []string
			for _, kind := range m.kindsFor(o, c) {
				outcome := m.call(ctx, o, c, kind)
				m.judge(o, c, kind, outcome)
				outcomes = append(outcomes, outcome)
				cells++
			}
			row = append(row, c.name+":"+strings.Join(outcomes, "/"))
		}
		table = append(table, strings.Join(row, "\t"))
	}
	t.Logf("%d operations, %d cells", len(list), cells)
	if len(list) < 45 {
		t.Errorf("%d operations, want at least the 45 of the contract", len(list))
	}
	slices.Sort(table)
	m.compare(table)
}

func (m *matrix) compare(table []string) {
	m.t.Helper()
	file := filepath.Join("testdata", "authorization.tsv")
	got := "# method, path, then for each caller what happens on own/other's/missing objects.\n" +
		"# in: let in by authorization (whatever the rules then say); a number: refused with that status.\n" +
		strings.Join(table, "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	must(m.t, err)
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		m.t.Errorf("the authorization matrix changed (-table +now); read it, then run with -update:\n%s", diff)
	}
}

// kindsFor: an operation without an object has one cell per caller.
func (m *matrix) kindsFor(o operation, c caller) []string {
	if !strings.Contains(o.path, "{") && !strings.Contains(bodies[o.id], "{loanId}") && o.id != "upload-document" {
		return c.kinds[:1]
	}
	return c.kinds
}

// judge checks the rules that hold whatever the table says.
func (m *matrix) judge(o operation, c caller, kind, outcome string) {
	m.t.Helper()
	cell := fmt.Sprintf("%s as %s on %s", o, c.name, kind)
	hidden := strings.Contains(o.path, "/metrics") || strings.HasPrefix(o.path, "/health/") // the gateway's own rules
	switch {
	case hidden:
	case o.public:
		if outcome == "401" && o.id != "login" && o.id != "refresh" && o.id != "client-token" || outcome == "403" {
			m.t.Errorf("%s: %s on a public operation", cell, outcome)
		}
	case c.role == "":
		if outcome != "401" {
			m.t.Errorf("%s: %s without a token", cell, outcome)
		}
	case !slices.Contains(o.roles, c.role):
		if outcome != "403" {
			m.t.Errorf("%s: %s, but the operation is for %v", cell, outcome, o.roles)
		}
	case c.role == access.Customer && kind != "own":
		if outcome != "404" && outcome != "403" {
			m.t.Errorf("%s: %s; what is not yours does not exist", cell, outcome)
		}
	case kind == "missing" && !makes[o.id]:
		if outcome != "404" && outcome != "403" {
			m.t.Errorf("%s: %s for an object that does not exist", cell, outcome)
		}
	}
}

// call sends the request of a cell and returns "in", or the refusing status.
func (m *matrix) call(ctx context.Context, o operation, c caller, kind string) string {
	m.t.Helper()
	ids := m.objects[kind]
	path := o.path
	for name, id := range ids {
		path = strings.ReplaceAll(path, "{"+name+"}", id)
	}
	path = strings.ReplaceAll(path, "{id}", ids[idOf(o.path)])
	if strings.Contains(path, "{") {
		m.t.Fatalf("%s: no object for its path", o)
	}
	body, contentType := m.body(o, ids)
	request, err := http.NewRequestWithContext(ctx, o.method, m.p.client.Base()+path, body)
	must(m.t, err)
	request.Header.Set("Content-Type", contentType)
	if o.method == http.MethodPost {
		request.Header.Set("Idempotency-Key", uuid.NewString())
	}
	request.URL.RawQuery = queries[o.id]
	err = c.client.Send(request, nil)
	switch status := client.Status(err); status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return fmt.Sprint(status)
	case 0, http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusGone,
		http.StatusTooManyRequests:
		if status == 0 && err != nil {
			m.t.Fatalf("%s as %s: %v", o, c.name, err)
		}
		return "in"
	default:
		m.t.Errorf("%s as %s on %s: %v", o, c.name, kind, err)
		return "fault"
	}
}

// idOf says what {id} stands for in a path.
func idOf(path string) string {
	for part, name := range map[string]string{
		"/customers/": "customer", "/applications/": "appId", "/notifications/": "notification", "/users/": "user",
		"/clients/": "client", "/entries/": "entry", "/pending-entries/": "pending", "/close-of-day/": "run",
	} {
		if strings.Contains(path, part) {
			return name
		}
	}
	return ""
}

func (m *matrix) body(o operation, ids objects) (io.Reader, string) {
	m.t.Helper()
	if uploads[o.id] {
		return m.form(o, ids)
	}
	if o.id == "client-token" {
		return strings.NewReader("grant_type=client_credentials"), "application/x-www-form-urlencoded"
	}
	text := bodies[o.id]
	for name, id := range ids {
		text = strings.ReplaceAll(text, "{"+name+"}", id)
	}
	if text == "" {
		return http.NoBody, "application/json"
	}
	if !json.Valid([]byte(text)) {
		m.t.Fatalf("%s: body is not JSON: %s", o, text)
	}
	return strings.NewReader(text), "application/json"
}

func (m *matrix) form(o operation, ids objects) (io.Reader, string) {
	m.t.Helper()
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	if o.id == "upload-document" { // the others name their object in the path
		must(m.t, writer.WriteField("application_id", ids["appId"]))
		must(m.t, writer.WriteField("kind", "OTHER"))
	}
	part, err := writer.CreateFormFile("file", "a.pdf")
	must(m.t, err)
	_, err = io.WriteString(part, "%PDF-1.4\n%%EOF\n")
	must(m.t, err)
	must(m.t, writer.Close())
	return &form, writer.FormDataContentType()
}

// populate makes two borrowers with a loan each, and everything that paths name.
func (m *matrix) populate(ctx context.Context, staff *journey.Staff) {
	m.t.Helper()
	owner := m.borrower(ctx, staff, "own", "Asha Rao")
	m.borrower(ctx, staff, "other", "Bela Shah")
	m.objects["missing"] = objects{}
	for name := range m.objects["own"] {
		m.objects["missing"][name] = uuid.NewString()
	}
	m.objects["missing"]["service"] = "nowhere"
	m.objects["missing"]["officer"] = staff.OfficerID
	both, three := []string{"own", "missing"}, []string{"own", "other", "missing"}
	m.callers = []caller{
		{"anonymous", "", m.p.client, []string{"own"}},
		{"borrower", access.Customer, owner.Client, three},
		{"officer", access.Officer, staff.Officer, both},
		{"manager", access.Manager, staff.Manager, both},
		{"risk", access.RiskMgr, staff.RiskManager, both},
		{"internal", access.Internal, staff.Internal, both},
		{"credit", access.CreditHead, staff.CreditHead, both},
		{"admin", access.Admin, staff.Admin, both},
		{"finance", access.Finance, staff.Finance, both},
		{"system", access.System, staff.System, both},
		{"partner", access.Partner, staff.Partner, both},
	}
}

func (m *matrix) borrower(ctx context.Context, staff *journey.Staff, kind, name string) *journey.Borrower {
	m.t.Helper()
	b, id := borrowerWithCase(ctx, m.t, m.p, name)
	loan, err := journey.Originate(ctx, staff, b, id, illustrationTerms())
	must(m.t, err)
	declared, err := journey.Pay(ctx, b.Client, loan, "NORMAL", rupees("100.00"), "declared")
	must(m.t, err)
	must(m.t, b.Prove(ctx, declared.ID))
	var documents struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"documents"`
	}
	must(m.t, b.Client.Get(ctx, "/api/v1/documents/"+id+"/list", &documents))
	message, err := b.WaitMessage(ctx, "loan.activated")
	must(m.t, err)
	var user, program, run struct {
		ID     string `json:"id"`
		Client string `json:"client_id"`
		Run    string `json:"run_id"`
	}
	must(m.t, staff.Admin.Post(ctx, "/api/v1/admin/users", map[string]any{
		"email": kind + "@example.com", "password": "correct horse battery staple", "roles": []string{"OFFICER"},
	}, &user))
	must(m.t, staff.Admin.Post(ctx, "/api/v1/admin/clients", map[string]any{
		"name": kind, "roles": []string{"PARTNER"},
	}, &program))
	must(m.t, staff.System.Post(ctx, "/api/v1/close-of-day/runs", map[string]string{"through": "2000-01-01"}, &run))
	var pending struct {
		ID string `json:"id"`
	}
	must(m.t, staff.Finance.Post(ctx, "/api/v1/ledger/pending-entries",
		json.RawMessage(bodies["open-pending-entry"]), &pending))
	var entries struct {
		Items []struct {
			ID string `json:"id"`
		} `json:"items"`
	}
	must(m.t, staff.Finance.Get(ctx, "/api/v1/ledger/entries?reference="+loan, &entries))
	if len(documents.Items) == 0 || len(entries.Items) == 0 {
		m.t.Fatalf("%d documents, %d entries; want some of each", len(documents.Items), len(entries.Items))
	}
	m.objects[kind] = objects{
		"customer": b.ID, "appId": id, "loanId": loan, "payId": declared.ID, "docId": documents.Items[0].ID,
		"notification": message.ID, "user": user.ID, "client": program.Client, "run": run.Run,
		"entry": entries.Items[0].ID, "account": "1000.INR", "pending": pending.ID, "service": "kyc",
		"officer": staff.OfficerID, "missing": uuid.NewString(), "product": "PERSONAL_LOAN",
	}
	maps.Copy(m.objects[kind], reconciled(ctx, m.t, staff.Finance, kind))
	return b
}
