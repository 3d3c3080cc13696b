package gateway

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

const someID = "11111111-2222-4333-8444-555555555555"

func TestARequestGoesThrough(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	r := b.request(http.MethodPost, "/api/v1/kyc/"+someID+"/decision?dry=1", strings.NewReader(`{"a":1}`))
	token := b.tokens.give(access.Manager)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Idempotency-Key", "key-1")
	r.Header.Set("X-Request-Id", "request-1")
	got := b.do(r).want(http.StatusOK)
	if string(got.body) != `{"from":"upstream"}` || got.header.Get("X-Request-Id") != "request-1" {
		t.Errorf("answer %s, headers %v", got.body, got.header)
	}
	seen := b.seen.last(t)
	want := map[string]string{
		"path": "/api/v1/kyc/" + someID + "/decision", "query": "dry=1", "authorization": "Bearer " + token,
		"key": "key-1", "request": "request-1", "method": "POST",
	}
	if diff := cmp.Diff(want, map[string]string{
		"path": seen.URL.Path, "query": seen.URL.RawQuery, "authorization": seen.Header.Get("Authorization"),
		"key": seen.Header.Get("Idempotency-Key"), "request": seen.Header.Get("X-Request-Id"), "method": seen.Method,
	}); diff != "" {
		t.Errorf("upstream saw (-want +got):\n%s", diff)
	}
}

func TestWhatIsNotInTheTableIsNotThere(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	for _, path := range []string{
		"/", "/api", "/api/v1", "/api/v1/nothing", "/api/v1/kyc", "/api/v1/kyc/", "/api/v1/kyc/queue/",
		"/api/v1/kyc/queue/x/y", "/api/v2/kyc/queue", "/API/v1/kyc/queue", "/debug/pprof/", "/metrics/x",
		"/api/v1/kyc/../kyc/queue", "/api/v1//kyc/queue", "/api/v1/kyc/%2e%2e/queue", "/health/nobody",
		"/docs/../openapi.json", "/docs/nothing.js", "/docs/swagger-ui.js", "/internal", "/.env", "/health/kyc/x",
	} {
		b.as(http.MethodGet, path, access.Roles...).wantProblem(http.StatusNotFound, "not-found")
	}
	if n := b.seen.count(); n != 0 {
		t.Errorf("%d requests came through", n)
	}
}

func TestOtherMethods(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	for _, c := range []struct{ method, path, allow string }{
		{http.MethodPost, "/api/v1/kyc/queue", "GET, HEAD"},
		{http.MethodGet, "/api/v1/kyc/" + someID + "/decision", "POST"},
		{http.MethodOptions, "/api/v1/payments", "POST"},
		{http.MethodTrace, "/api/v1/payments", "POST"},
		{"PROPFIND", "/api/v1/payments", "POST"},
		{http.MethodDelete, "/api/v1/discussion/" + someID + "/offer", "GET, HEAD, POST"},
	} {
		got := b.as(c.method, c.path, access.Roles...).wantProblem(http.StatusMethodNotAllowed, "method-not-allowed")
		if allow := got.header.Get("Allow"); allow != c.allow {
			t.Errorf("%s %s: Allow %q, want %q", c.method, c.path, allow, c.allow)
		}
	}
	b.as(http.MethodHead, "/api/v1/kyc/queue", access.Officer).want(http.StatusOK)
	if n := b.seen.count(); n != 1 {
		t.Errorf("%d requests came through, want the HEAD only", n)
	}
}

// TestEveryRouteGuards walks the whole table with every role: whoever is not
// in a route's rule never reaches a service.
func TestEveryRouteGuards(t *testing.T) {
	t.Parallel()
	b := setup(t, options{change: func(c *config.Config) { c.Gateway.RatePerSec, c.Gateway.RateBurst = 1e6, 1e6 }})
	token := map[access.Role]string{}
	for _, role := range access.Roles {
		token[role] = b.tokens.give(role)
	}
	for _, route := range routes {
		if route.Service == own || route.Service == named || route.Kind == Login {
			continue
		}
		path := fill(route.Pattern)
		for _, role := range append([]access.Role{""}, access.Roles...) {
			before := b.seen.count()
			r := b.request(route.Method, path, http.NoBody)
			if role != "" {
				r.Header.Set("Authorization", "Bearer "+token[role])
			}
			got := b.do(r)
			want := http.StatusOK
			switch {
			case route.Rule.Public:
			case role == "":
				want = http.StatusUnauthorized
			case !(access.Actor{Roles: []access.Role{role}}).Has(route.Rule.Roles...):
				want = http.StatusForbidden
			}
			if got.status != want {
				t.Errorf("%s %s as %q: status %d, want %d", route.Method, path, role, got.status, want)
			}
			if through := b.seen.count() - before; (through == 1) != (want == http.StatusOK) {
				t.Errorf("%s %s as %q: %d requests came through", route.Method, path, role, through)
			}
		}
	}
}

// fill puts an id into every parameter of a pattern.
func fill(pattern string) string {
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[i] = someID
		}
	}
	return strings.Join(parts, "/")
}

func TestTokensThatAreNoGood(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	good := b.tokens.give(access.Officer)
	for name, c := range map[string]struct {
		headers []string
		slug    string
	}{
		"none":           {nil, "unauthenticated"},
		"empty":          {[]string{""}, "unauthenticated"},
		"no scheme":      {[]string{good}, "unauthenticated"},
		"basic":          {[]string{"Basic dXNlcjpwYXNz"}, "unauthenticated"},
		"two words":      {[]string{"Bearer " + good + " x"}, "unauthenticated"},
		"two headers":    {[]string{"Bearer " + good, "Bearer forged"}, "unauthenticated"},
		"forged":         {[]string{"Bearer forged"}, "invalid-token"},
		"other spelling": {[]string{"Bearer " + strings.ToUpper(good)}, "invalid-token"},
	} {
		r := b.request(http.MethodGet, "/api/v1/kyc/queue", http.NoBody)
		r.Header["Authorization"] = c.headers
		got := b.do(r).wantProblem(http.StatusUnauthorized, c.slug)
		if !strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: no challenge", name)
		}
	}
	if n := b.seen.count(); n != 0 {
		t.Errorf("%d requests came through", n)
	}
	r := b.request(http.MethodGet, "/api/v1/kyc/queue", http.NoBody)
	r.Header.Set("Authorization", "bearer "+good)
	b.do(r).want(http.StatusOK)
	b.tokens.broken = errors.New("keys cannot be read")
	got := b.do(r).wantProblem(http.StatusServiceUnavailable, "unavailable")
	if got.header.Get("Retry-After") == "" || strings.Contains(string(got.body), "keys cannot") {
		t.Errorf("answer %s, headers %v", got.body, got.header)
	}
}

func TestNobodyPassesWithoutAVerifier(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	b.gateway.verifier = nil
	b.as(http.MethodGet, "/api/v1/kyc/queue", access.Officer).wantProblem(http.StatusUnauthorized, "unauthenticated")
	b.as(http.MethodGet, "/.well-known/jwks.json").want(http.StatusOK)
}

func TestInternalRoutes(t *testing.T) {
	t.Parallel()
	outside := setup(t, options{change: func(c *config.Config) { c.Gateway.TrustedProxy = true }})
	inside := setup(t, options{})
	for _, path := range []string{"/metrics", "/health/kyc", "/health/kyc/live", "/health/kyc/ready", "/health/gateway"} {
		inside.as(http.MethodGet, path).want(http.StatusOK)
		for _, c := range []struct {
			role   access.Role
			status int
		}{
			{"", http.StatusUnauthorized},
			{access.Officer, http.StatusForbidden},
			{access.Customer, http.StatusForbidden},
			{access.Admin, http.StatusOK},
			{access.System, http.StatusOK},
		} {
			r := outside.request(http.MethodGet, path, http.NoBody)
			r.Header.Set("X-Forwarded-For", "127.0.0.1, 203.0.113.9")
			if c.role != "" {
				r.Header.Set("Authorization", "Bearer "+outside.tokens.give(c.role))
			}
			if got := outside.do(r); got.status != c.status {
				t.Errorf("%s from outside as %q: status %d, want %d", path, c.role, got.status, c.status)
			}
		}
	}
	// A client that is not believed cannot say where it is from.
	r := inside.request(http.MethodGet, "/health", http.NoBody)
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	inside.do(r).want(http.StatusOK)
	if got := inside.seen.last(t).URL.Path; got != "/health/kyc/ready" {
		t.Errorf("the service was asked for %s", got)
	}
	outside.as(http.MethodGet, "/health").want(http.StatusOK)
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	for name, c := range map[string]struct {
		sent string
		kept bool
	}{
		"none": {"", false}, "short": {"abc-123", true}, "long": {strings.Repeat("a", 65), false},
		"not ASCII": {"é", false},
	} {
		r := b.request(http.MethodGet, "/.well-known/jwks.json", http.NoBody)
		r.Header.Set(httpapi.HeaderRequestID, c.sent)
		got := b.do(r).want(http.StatusOK)
		id := got.header.Values(httpapi.HeaderRequestID)
		if len(id) != 1 || id[0] == "" || (id[0] == c.sent) != c.kept {
			t.Errorf("%s: answered id %v", name, id)
		}
		if seen := b.seen.last(t).Header.Get(httpapi.HeaderRequestID); seen != id[0] {
			t.Errorf("%s: the service saw %q, the client %q", name, seen, id[0])
		}
	}
}

func TestTheLogHoldsNothingPersonal(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	r := b.request(http.MethodPost, "/api/v1/kyc/canary-path/decision?name=canary-query", strings.NewReader("canary-body"))
	r.Header.Set("Authorization", "Bearer "+b.tokens.give(access.Manager))
	r.Header.Set("User-Agent", "canary-agent")
	b.do(r).want(http.StatusOK)
	b.as(http.MethodGet, "/canary-unknown?x=canary").want(http.StatusNotFound)
	b.as(http.MethodGet, "/api/v1/kyc/queue").want(http.StatusUnauthorized)
	logs := b.logs.String()
	for _, secret := range []string{"canary", "127.0.0.1", "token-"} {
		if strings.Contains(logs, secret) {
			t.Errorf("the log holds %q:\n%s", secret, logs)
		}
	}
	for _, want := range []string{
		`"route":"/api/v1/kyc/{appId}/decision"`, `"status":200`, `"route":"none"`, `"refused":"unauthenticated"`,
	} {
		if !strings.Contains(logs, want) {
			t.Errorf("the log lacks %s:\n%s", want, logs)
		}
	}
}
