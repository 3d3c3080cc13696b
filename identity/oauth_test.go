package identity

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/config"
)

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// program makes a client with the roles.
func (b *bundle) program(name string, roles ...access.Role) (id, secret string) {
	b.t.Helper()
	got := b.post("/api/v1/admin/clients", b.admin(), map[string]any{"name": name, "roles": roles}).
		want(http.StatusCreated)
	return got.field("client_id"), got.field("client_secret")
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, secret := b.program("Acme", access.Partner, access.Finance)
	grant := url.Values{"grant_type": {"client_credentials"}}
	inForm := url.Values{"grant_type": grant["grant_type"], "client_id": {id}, "client_secret": {secret}}
	for name, got := range map[string]answer{"basic": b.form(basic(id, secret), grant), "form": b.form("", inForm)} {
		got.want(http.StatusOK)
		actor, err := b.verify(got.field("access_token"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := access.Actor{ID: uuid.MustParse(id), Roles: []access.Role{access.Partner, access.Finance}}
		if diff := cmp.Diff(want, actor); diff != "" {
			t.Errorf("%s: actor (-want +got):\n%s", name, diff)
		}
		if got.field("refresh_token") != "" || got.field("token_type") != "Bearer" || got.field("expires_in") != "900" {
			t.Errorf("%s: answer %s", name, got.body)
		}
		if got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: the answer may be cached", name)
		}
		b.post("/api/v1/auth/logout", got.field("access_token"), nil).want(http.StatusNoContent)
	}
	inForm.Set("scope", "FINANCE")
	narrow := b.form("", inForm).want(http.StatusOK)
	actor, err := b.verify(narrow.field("access_token"))
	if diff := cmp.Diff([]access.Role{access.Finance}, actor.Roles); err != nil || diff != "" {
		t.Errorf("scope: error %v, roles (-want +got):\n%s", err, diff)
	}
}

func TestTokenRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, secret := b.program("Acme", access.Partner)
	values := func(pairs ...string) url.Values {
		form := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			form.Add(pairs[i], pairs[i+1])
		}
		return form
	}
	const grant, cc = "grant_type", "client_credentials"
	for name, c := range map[string]struct {
		authorization string
		form          url.Values
		status        int
		code          string
	}{
		"no grant":           {basic(id, secret), values("scope", ""), 400, "invalid_request"},
		"password grant":     {basic(id, secret), values(grant, "password"), 400, "unsupported_grant_type"},
		"repeated parameter": {basic(id, secret), values(grant, cc, grant, cc), 400, "invalid_request"},
		"two methods":        {basic(id, secret), values(grant, cc, "client_secret", secret), 400, "invalid_request"},
		"two clients":        {basic(id, secret), values(grant, cc, "client_id", uuid.NewString()), 400, "invalid_request"},
		"bearer":             {"Bearer x", values(grant, cc), 400, "invalid_request"},
		"broken basic":       {"Basic %%%", values(grant, cc), 400, "invalid_request"},
		"wrong secret":       {basic(id, "x"+secret), values(grant, cc), 401, "invalid_client"},
		"no secret":          {basic(id, ""), values(grant, cc), 401, "invalid_client"},
		"no credentials":     {"", values(grant, cc), 401, "invalid_client"},
		"unknown client":     {basic(uuid.NewString(), secret), values(grant, cc), 401, "invalid_client"},
		"no uuid":            {basic("' or 1=1 --", secret), values(grant, cc), 401, "invalid_client"},
		"scope beyond":       {basic(id, secret), values(grant, cc, "scope", "ADMIN"), 400, "invalid_scope"},
		"scope half beyond":  {basic(id, secret), values(grant, cc, "scope", "PARTNER SYSTEM"), 400, "invalid_scope"},
	} {
		got := b.form(c.authorization, c.form)
		if got.status != c.status || got.field("error") != c.code || got.field("error_description") == "" {
			t.Errorf("%s: %d %s, want %d %s", name, got.status, got.body, c.status, c.code)
		}
		if got.field("type") == "" || got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: not a problem document: %s", name, got.body)
		}
		if challenged := got.header.Get("WWW-Authenticate") != ""; challenged != (c.status == http.StatusUnauthorized) {
			t.Errorf("%s: challenge %q", name, got.header.Get("WWW-Authenticate"))
		}
	}
	broken, err := b.request(http.MethodPost, tokenPath, basic(id, secret), formType, []byte("grant_type=%zz"))
	if err != nil || broken.status != http.StatusBadRequest || broken.field("error") != "invalid_request" {
		t.Errorf("broken form: %v %d %s", err, broken.status, broken.body)
	}
	huge, err := b.request(http.MethodPost, tokenPath, basic(id, secret), formType, make([]byte, formBytesMax+1))
	if err != nil || huge.status != http.StatusRequestEntityTooLarge {
		t.Errorf("huge form: %v %d %s", err, huge.status, huge.body)
	}
}

func TestADisabledClientGetsNoToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, secret := b.program("Acme", access.System)
	form := url.Values{"grant_type": {"client_credentials"}}
	b.form(basic(id, secret), form).want(http.StatusOK)
	for range 2 { // harmless to repeat
		got := b.post("/api/v1/admin/clients/"+id+"/disable", b.admin(), nil).want(http.StatusOK)
		if got.field("status") != "DISABLED" || got.field("client_secret") != "" {
			t.Errorf("answer %s", got.body)
		}
	}
	b.form(basic(id, secret), form).want(http.StatusUnauthorized)
	b.post("/api/v1/admin/clients/"+uuid.NewString()+"/disable", b.admin(), nil).
		wantProblem(http.StatusNotFound, "not-found")
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.send(http.MethodGet, "/.well-known/oauth-authorization-server", "", nil).want(http.StatusOK)
	if got.field("token_endpoint") != "https://api.example.com/api/v1/oauth/token" ||
		got.field("jwks_uri") != "https://api.example.com/.well-known/jwks.json" {
		t.Errorf("metadata %s", got.body)
	}
}

func TestPublicURL(t *testing.T) {
	t.Parallel()
	services := []app.Service{{Name: "kyc", Port: 8004}, {Name: "gateway", Port: 8000}}
	for name, c := range map[string]struct {
		cfg      config.Config
		services []app.Service
		want     string
	}{
		"told": {
			config.Config{Gateway: config.Gateway{PublicURL: "https://api.example.com"}}, services, "https://api.example.com",
		},
		"plain": {config.Config{UpstreamHost: "127.0.0.1", PortOffset: 100}, services, "http://127.0.0.1:8100"},
		"TLS": {
			config.Config{UpstreamHost: "localhost", Gateway: config.Gateway{TLSCert: "c.pem"}},
			services,
			"https://localhost:8000",
		},
		"no gateway": {config.Config{}, nil, ""},
	} {
		if got := publicURL(&app.Env{Config: &c.cfg, Services: c.services}); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
