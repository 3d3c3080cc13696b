package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/openapidoc"
)

func TestTablesThatCannotBeGuarded(t *testing.T) {
	t.Parallel()
	for name, routes := range map[string][]Route{
		"nobody":           {{Method: get, Pattern: "/a", Service: "kyc"}},
		"twice":            {{get, "/a", "kyc", public, Ordinary}, {get, "/a", "risk", public, Ordinary}},
		"twice, otherwise": {{get, "/a/{x}", "kyc", public, Ordinary}, {get, "/a/{y}", "kyc", public, Ordinary}},
	} {
		if _, err := newTable(routes); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := newTable(routes); err != nil {
		t.Errorf("our own: %v", err)
	}
}

// TestVerifyRoutes shows that each kind of difference is found.
func TestVerifyRoutes(t *testing.T) {
	t.Parallel()
	const document = `{"paths": {
		"/open": {"get": {}},
		"/any": {"post": {"security": [{"bearer": []}]}},
		"/some": {"post": {"security": [{"bearer": []}], "x-tenor-roles": ["MANAGER", "OFFICER"]}},
		"/large": {"post": {"security": [{"bearer": []}], "x-tenor-body-bytes": 1000000}}
	}}`
	good := []Route{
		{get, "/open", "kyc", public, Ordinary},
		{post, "/any", "kyc", bearer, Ordinary},
		{post, "/some", "kyc", only(access.Officer, access.Manager), Ordinary},
		{post, "/large", "kyc", bearer, Upload},
		{get, "/docs", own, public, Page},
	}
	if err := verifyRoutes(good, []byte(document)); err != nil {
		t.Errorf("the same: %v", err)
	}
	change := func(i int, with ...Route) []Route {
		changed := append([]Route{}, good[:i]...)
		return append(append(changed, with...), good[i+1:]...)
	}
	for name, c := range map[string]struct {
		routes []Route
		want   string
	}{
		"not routed":     {change(1), "POST /any"},
		"not described":  {append(change(0, good[0]), Route{get, "/more", "kyc", public, Ordinary}), "GET /more: routed"},
		"other method":   {change(1, Route{put, "/any", "kyc", bearer, Ordinary}), "PUT /any"},
		"too open":       {change(2, Route{post, "/some", "kyc", bearer, Ordinary}), "POST /some"},
		"too closed":     {change(0, Route{get, "/open", "kyc", bearer, Ordinary}), "GET /open"},
		"one role less":  {change(2, Route{post, "/some", "kyc", only(access.Officer), Ordinary}), "POST /some"},
		"body too small": {change(3, Route{post, "/large", "kyc", bearer, Ordinary}), "POST /large"},
		"health":         {append(change(0, good[0]), Route{get, "/health/{service}", named, internal, Ordinary}), "/health"},
	} {
		err := verifyRoutes(c.routes, []byte(document))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want a fault that names %s", name, err, c.want)
		}
	}
	if err := verifyRoutes(good, []byte("no JSON")); err == nil {
		t.Error("a document that is none is accepted")
	}
}

// TestRoutesFitTheCommittedDocument compares with docs/openapi.json, which the
// services' own test keeps true.
func TestRoutesFitTheCommittedDocument(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile(filepath.Join("..", "docs", "openapi.json"))
	if err != nil {
		t.Fatalf("make openapi writes it: %v", err)
	}
	if err := VerifyRoutes(document); err != nil {
		t.Errorf("the table of routes and the services differ:\n%v", err)
	}
}

// TestTheGatewaysOwnOperations are described where they are.
func TestTheGatewaysOwnOperations(t *testing.T) {
	t.Parallel()
	document, err := openapidoc.Merge([]app.Service{{Name: own, Title: "The door", New: New}})
	if err != nil {
		t.Fatal(err)
	}
	var mine []Route
	for _, route := range routes {
		if route.Service == own || route.Service == named {
			mine = append(mine, route)
		}
	}
	if err := verifyRoutes(mine, document); err != nil {
		t.Error(err)
	}
}
