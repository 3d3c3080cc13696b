package httpapi_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

// TestUnreachableKeysAreNoVerdict starts a service before identity: a good token
// is not called invalid, garbage is, and once the keys are there all is well.
func TestUnreachableKeysAreNoVerdict(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	var up atomic.Bool
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{f.jwk(f.public, testKID)}})
	}))
	t.Cleanup(keys.Close)
	verifier, err := httpapi.NewTokenVerifier(t.Context(), keys.URL, func() time.Time { return f.now })
	if err != nil {
		t.Fatal(err)
	}
	api := httpapi.New(httpapi.Options{Title: "test", Version: "1", Verifier: verifier})
	component().Routes(api)
	ask := func(token string) *httptest.ResponseRecorder {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/things", http.NoBody)
		request.Header.Set("Authorization", "Bearer "+token)
		answer := httptest.NewRecorder()
		api.ServeHTTP(answer, request)
		return answer
	}
	good := f.token(f.header(), f.claims())
	if answer := ask(good); answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
		t.Errorf("good token without keys: %d, Retry-After %q", answer.Code, answer.Header().Get("Retry-After"))
	}
	if answer := ask("not.a.token"); answer.Code != http.StatusUnauthorized {
		t.Errorf("garbage without keys: %d, want 401", answer.Code)
	}
	up.Store(true)
	var actor access.Actor
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if actor, err = verifier.Verify(t.Context(), good); err == nil {
			break
		}
		if errors.Is(err, httpapi.ErrInvalidToken) || time.Now().After(end) {
			t.Fatalf("with keys: %v", err)
		}
	}
	if !actor.Has(access.Officer) {
		t.Errorf("actor %+v", actor)
	}
}
