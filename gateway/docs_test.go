package gateway

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestTheDocumentationNeedsNoOtherServer(t *testing.T) {
	t.Parallel()
	b := setup(t, options{openapi: []byte(`{"openapi":"3.1.0"}`)})
	page := b.as(http.MethodGet, "/docs").want(http.StatusOK)
	if got := page.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("content type %s", got)
	}
	policy := page.header.Values("Content-Security-Policy")
	if len(policy) != 1 || !strings.Contains(policy[0], "script-src 'self';") || strings.Contains(policy[0], "http") ||
		strings.Contains(policy[0], "unsafe-eval") {
		t.Errorf("policy %v", policy)
	}
	if strings.Contains(string(page.body), "<script>") || strings.Contains(string(page.body), " on") {
		t.Error("the page has inline scripts, which its policy forbids")
	}
	links := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(string(page.body), -1)
	const parts = 5
	if len(links) != parts {
		t.Errorf("the page refers to %d files, want %d", len(links), parts)
	}
	for _, link := range links {
		got := b.as(http.MethodGet, link[1]).want(http.StatusOK)
		if len(got.body) == 0 || !strings.HasPrefix(link[1], "/") || strings.HasPrefix(link[1], "//") {
			t.Errorf("%s: %d bytes", link[1], len(got.body))
		}
		if strings.HasSuffix(link[1], ".js") && !strings.HasPrefix(got.header.Get("Content-Type"), "text/javascript") {
			t.Errorf("%s: content type %s, which nosniff refuses", link[1], got.header.Get("Content-Type"))
		}
	}
	script := b.as(http.MethodGet, "/docs/docs.js").want(http.StatusOK)
	if strings.Contains(string(script.body), "http") || !strings.Contains(string(script.body), "validatorUrl: null") {
		t.Errorf("the script asks another server: %s", script.body)
	}
}

func TestTheDocumentIsServedOnce(t *testing.T) {
	t.Parallel()
	b := setup(t, options{openapi: []byte(`{"openapi":"3.1.0"}`)})
	got := b.as(http.MethodGet, "/openapi.json").want(http.StatusOK)
	if string(got.body) != `{"openapi":"3.1.0"}` || got.header.Get("Content-Type") != "application/openapi+json" {
		t.Errorf("answer %s, headers %v", got.body, got.header)
	}
	r := b.request(http.MethodGet, "/openapi.json", http.NoBody)
	r.Header.Set("If-None-Match", got.header.Get("ETag"))
	if again := b.do(r).want(http.StatusNotModified); len(again.body) > 0 {
		t.Errorf("answered %s again", again.body)
	}
	head := b.as(http.MethodHead, "/openapi.json").want(http.StatusOK)
	if len(head.body) > 0 || head.header.Get("Content-Length") != "19" {
		t.Errorf("HEAD: %s, headers %v", head.body, head.header)
	}
}
