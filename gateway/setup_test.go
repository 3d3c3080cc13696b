package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
)

// bundle is a gateway in front of services that a test plays.
type bundle struct {
	t       *testing.T
	gateway *Gateway
	url     string
	// upstreamURL is where all services are.
	upstreamURL string
	tokens      *tokens
	logs        *lockedBuffer
	clock       *clock
	// upstream answers for every service; seen are the requests that came through.
	upstream atomicHandler
	seen     requests
}

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

type atomicHandler struct {
	mu sync.Mutex
	h  http.HandlerFunc
}

func (a *atomicHandler) set(h http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.h = h
}

func (a *atomicHandler) get() http.HandlerFunc {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.h
}

type requests struct {
	mu  sync.Mutex
	all []*http.Request
}

func (r *requests) add(request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, request.Clone(context.Background()))
}

func (r *requests) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

func (r *requests) last(t *testing.T) *http.Request {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) == 0 {
		t.Fatal("no request came through")
	}
	return r.all[len(r.all)-1]
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// tokens is a verifier that knows the tokens that it gave.
type tokens struct {
	mu     sync.Mutex
	actors map[string]access.Actor
	broken error
}

// Verify implements httpapi.Verifier.
func (v *tokens) Verify(_ context.Context, token string) (access.Actor, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.broken != nil {
		return access.Actor{}, v.broken
	}
	actor, ok := v.actors[token]
	if !ok {
		return access.Actor{}, fmt.Errorf("%w: forged", httpapi.ErrInvalidToken)
	}
	return actor, nil
}

func (v *tokens) give(roles ...access.Role) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	token := "token-" + uuid.NewString()
	v.actors[token] = access.Actor{ID: uuid.New(), Roles: roles}
	return token
}

// patience bounds what a test waits for that comes at once, unless the machine is
// slow.
const patience = 5 * time.Minute

// options are what a test wants to be different.
type options struct {
	change func(*config.Config)
	// upstreamURL is where all services are, instead of at the bundle's own.
	upstreamURL string
	openapi     []byte
}

func setup(t *testing.T, o options) *bundle {
	t.Helper()
	b := &bundle{
		t: t, tokens: &tokens{actors: map[string]access.Actor{}}, logs: &lockedBuffer{},
		clock: &clock{now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)},
	}
	b.upstream.set(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"from":"upstream"}`))
	})
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.seen.add(r)
		b.upstream.get()(w, r)
	}))
	t.Cleanup(service.Close)
	base := service.URL
	if o.upstreamURL != "" {
		base = o.upstreamURL
	}
	b.upstreamURL = base
	port := portOf(t, base)
	env := httpapitest.Env(t, "gateway", nil)
	cfg := *env.Config
	cfg.UpstreamHost = "127.0.0.1"
	cfg.Gateway.Timeout = patience
	if o.change != nil {
		o.change(&cfg)
	}
	env.Config, env.Now, env.Verifier, env.OpenAPI = &cfg, b.clock.Now, b.tokens, o.openapi
	env.Log = slog.New(slog.NewJSONHandler(b.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, name := range []string{
		"identity", "customer", "application", "document", "kyc", "risk", "discussion", "approval", "agreement",
		"activation", "repayment", "notification", "ledger", "closeofday",
	} {
		env.Services = append(env.Services, app.Service{Name: name, Port: port})
	}
	env.Services = append(env.Services, app.Service{Name: own})
	var err error
	b.gateway, err = newGateway(env, routes)
	if err != nil {
		t.Fatal(err)
	}
	api := httpapi.New(httpapi.Options{Title: "gateway", Version: "test"})
	httpapi.RegisterHealth(api, own, nil)
	describe(api)
	api.Mux().HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("metrics"))
	})
	front := httptest.NewServer(b.gateway.wrap(api))
	t.Cleanup(front.Close)
	b.url = front.URL
	return b
}

func portOf(t *testing.T, base string) int {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// answer is what the gateway said.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

func (b *bundle) request(method, path string, body io.Reader) *http.Request {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// try is safe in any goroutine.
func (b *bundle) try(r *http.Request) (answer, error) {
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return answer{t: b.t, status: response.StatusCode, header: response.Header, body: body}, err
}

func (b *bundle) do(r *http.Request) answer {
	b.t.Helper()
	got, err := b.try(r)
	if err != nil {
		b.t.Fatalf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	return got
}

// as sends a request with a new token of the roles; without roles it has none.
func (b *bundle) as(method, path string, roles ...access.Role) answer {
	b.t.Helper()
	r := b.request(method, path, http.NoBody)
	if len(roles) > 0 {
		r.Header.Set("Authorization", "Bearer "+b.tokens.give(roles...))
	}
	return b.do(r)
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
	var problem struct {
		Type     string `json:"type"`
		Status   int    `json:"status"`
		Instance string `json:"instance"`
	}
	if err := json.Unmarshal(a.body, &problem); err != nil {
		a.t.Fatalf("decoding %s: %v", a.body, err)
	}
	if problem.Type != "urn:tenor:problem:"+slug || problem.Status != status ||
		problem.Instance != "urn:tenor:request:"+a.header.Get(httpapi.HeaderRequestID) ||
		a.header.Get("Content-Type") != "application/problem+json" {
		a.t.Fatalf("want problem %s, got %s %v", slug, a.body, a.header)
	}
	return a
}

// deadURL is an address where nobody listens, and that nobody is given by chance.
const deadURL = "http://127.0.0.1:1"
