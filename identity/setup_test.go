package identity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/stream/streamtest"
)

const (
	adminEmail    = "root@example.com"
	adminPassword = "root-password-of-the-test"
)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// bundle is an identity service on its own database, behind its real router,
// with a verifier that reads its real keys.
type bundle struct {
	t         *testing.T
	db        *database.DB
	clock     *clock
	service   *Service
	component *app.Component
	verifier  *httpapi.TokenVerifier
	url       string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{t: t, db: dbtest.New(t, "identity"), clock: &clock{now: time.Now().UTC().Truncate(time.Second)}}
	b.service = newService(b.env())
	b.service.refusalTime = 10 * time.Millisecond // tests of many refusals have no time for more
	b.component = b.service.component()
	if err := b.component.Start(t.Context()); err != nil {
		t.Fatalf("starting: %v", err)
	}
	serve := func(verifier httpapi.Verifier) *httpapi.API {
		api := httpapi.New(httpapi.Options{Title: "identity", Version: "test", Verifier: verifier})
		b.component.Routes(api)
		return api
	}
	var api atomic.Pointer[httpapi.API]
	api.Store(serve(nil)) // enough to publish the keys
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.Load().ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	b.url = server.URL
	verifier, err := httpapi.NewTokenVerifier(t.Context(), server.URL+"/.well-known/jwks.json", b.clock.Now)
	if err != nil {
		t.Fatalf("making the verifier: %v", err)
	}
	b.verifier = verifier
	api.Store(serve(verifier))
	return b
}

// env is what one process of the service gets; several share the database.
func (b *bundle) env() *app.Env {
	env := httpapitest.Env(b.t, "identity", b.db)
	cfg := *env.Config
	cfg.Identity.BootstrapEmail, cfg.Identity.BootstrapPassword = adminEmail, adminPassword
	cfg.Gateway = config.Gateway{PublicURL: "https://api.example.com"}
	env.Config, env.Now = &cfg, b.clock.Now
	return env
}

// answer is what the service said.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

// request sends a request and returns the answer; safe in any goroutine.
func (b *bundle) request(method, path, token, contentType string, body []byte) (answer, error) {
	request, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Idempotency-Key", uuid.NewString())
	if token != "" {
		request.Header.Set("Authorization", token)
	}
	return b.do(request)
}

func (b *bundle) do(request *http.Request) (answer, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	return answer{t: b.t, status: response.StatusCode, header: response.Header, body: data}, err
}

func (b *bundle) send(method, path, token string, body any) answer {
	b.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	if body == nil {
		data = nil
	}
	if token != "" {
		token = "Bearer " + token
	}
	got, err := b.request(method, path, token, "application/json", data)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return got
}

func (b *bundle) post(path, token string, body any) answer {
	b.t.Helper()
	return b.send(http.MethodPost, path, token, body)
}

func (b *bundle) form(authorization string, form url.Values) answer {
	b.t.Helper()
	got, err := b.request(http.MethodPost, tokenPath, authorization, formType, []byte(form.Encode()))
	if err != nil {
		b.t.Fatalf("asking for a token: %v", err)
	}
	return got
}

func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

func (a answer) wantProblem(status int, slug string) answer {
	a.t.Helper()
	a.want(status)
	if got, want := a.field("type"), "urn:tenor:problem:"+slug; got != want {
		a.t.Fatalf("problem %s, want %s: %s", got, want, a.body)
	}
	return a
}

func (a answer) field(name string) string {
	a.t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(a.body, &fields); err != nil {
		a.t.Fatalf("decoding %s: %v", a.body, err)
	}
	if fields[name] == nil {
		return ""
	}
	return fmt.Sprint(fields[name])
}

func credentials(email, password string) map[string]string {
	return map[string]string{"email": email, "password": password}
}

func (b *bundle) login(email, password string) answer {
	b.t.Helper()
	return b.post("/api/v1/auth/login", "", credentials(email, password))
}

func (b *bundle) refresh(token string) answer {
	b.t.Helper()
	return b.post("/api/v1/auth/refresh", "", map[string]string{"refresh_token": token})
}

// admin returns an access token of the administrator.
func (b *bundle) admin() string {
	b.t.Helper()
	return b.login(adminEmail, adminPassword).want(http.StatusOK).field("access_token")
}

// registration is the event of a new customer, as the customer service sends it.
func (b *bundle) registration(id uuid.UUID, email, password string) event.CustomerRegistered {
	b.t.Helper()
	hash, err := argon2id.CreateHash(password, &hashParams)
	if err != nil {
		b.t.Fatal(err)
	}
	contact, err := json.Marshal(event.Contact{Email: email, Phone: "+911234567890", Name: "Asha Rao"})
	if err != nil {
		b.t.Fatal(err)
	}
	return event.CustomerRegistered{
		OnCustomer:       event.OnCustomer{CustomerID: id},
		SealedCredential: b.sealed([]byte(hash), "customer.credential:"+id.String()),
		SealedContact:    b.sealed(contact, "customer.contact:"+id.String()),
	}
}

func (b *bundle) sealed(plain []byte, place string) string {
	b.t.Helper()
	sealed, err := b.service.keyring.Seal(plain, place)
	if err != nil {
		b.t.Fatal(err)
	}
	return sealed
}

// customer registers a borrower and returns the id.
func (b *bundle) customer(email, password string) uuid.UUID {
	b.t.Helper()
	id := uuid.New()
	b.deliver(b.registration(id, email, password))
	return id
}

func (b *bundle) deliver(e event.Event) {
	b.t.Helper()
	streamtest.Deliver(b.t, b.db, "identity", b.component.Subscriptions, e)
}

func (b *bundle) verify(token string) (access.Actor, error) {
	return b.verifier.Verify(b.t.Context(), token)
}

// count runs a query that gives one number.
func (b *bundle) count(sql string, args ...any) int {
	b.t.Helper()
	var n int
	if err := b.db.Pool().QueryRow(b.t.Context(), sql, args...).Scan(&n); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// everything returns all rows of all tables as text, to look for what must not
// be stored.
func (b *bundle) everything() string {
	b.t.Helper()
	rows, err := b.db.Pool().Query(b.t.Context(), `
		select table_name from information_schema.tables where table_schema = 'public' order by table_name`)
	if err != nil {
		b.t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		b.t.Fatal(err)
	}
	var all strings.Builder
	for _, table := range tables {
		name := pgx.Identifier{table}.Sanitize()
		rows, err := b.db.Pool().Query(b.t.Context(), "select "+name+"::text from "+name)
		if err != nil {
			b.t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			b.t.Fatal(err)
		}
		all.WriteString(strings.Join(lines, "\n"))
	}
	return all.String()
}
