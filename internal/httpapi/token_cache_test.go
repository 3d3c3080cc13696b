package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tenor-lending/tenor/internal/httpapi"
)

// TestARememberedTokenEnds uses one token again and again: it is good without
// the keys being asked, and no longer than it says, whatever is remembered.
func TestARememberedTokenEnds(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	var clock atomic.Int64
	clock.Store(f.now.UnixNano())
	now := func() time.Time { return time.Unix(0, clock.Load()) }
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{f.jwk(f.public, testKID)}})
	}))
	t.Cleanup(keys.Close)
	verifier, err := httpapi.NewTokenVerifier(t.Context(), keys.URL, now)
	if err != nil {
		t.Fatal(err)
	}
	token := f.token(f.header(), with(f.claims(), "exp", f.now.Add(20*time.Second).Unix()))
	first, err := verifier.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	again, err := verifier.Verify(ended, token)
	if err != nil || again.ID != first.ID || len(again.Roles) != len(first.Roles) {
		t.Errorf("again: %+v, %v; want %+v", again, err, first)
	}
	again.Roles = append(again.Roles, "ADMIN")
	if third, err := verifier.Verify(t.Context(), token); err != nil || len(third.Roles) != len(first.Roles) {
		t.Errorf("what a caller added to its roles is remembered: %+v, %v", third, err)
	}
	for i := range len(token) { // any other token is looked at, however alike
		other := []byte(token)
		other[i] ^= 1
		if _, err := verifier.Verify(t.Context(), string(other)); !errors.Is(err, httpapi.ErrInvalidToken) {
			t.Fatalf("with byte %d changed: %v", i, err)
		}
	}
	clock.Store(f.now.Add(26 * time.Second).UnixNano()) // past its end and the leeway
	if _, err := verifier.Verify(t.Context(), token); !errors.Is(err, httpapi.ErrInvalidToken) {
		t.Errorf("after its end: %v", err)
	}
}

// TestManyTokensAreRememberedInBounds goes through more tokens than are kept.
func TestManyTokensAreRememberedInBounds(t *testing.T) {
	t.Parallel()
	size := httpapi.CacheTokens(12_345)
	if size > 10_000 || size < 5_000 {
		t.Errorf("%d tokens are kept", size)
	}
}
