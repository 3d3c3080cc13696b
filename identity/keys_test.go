package identity

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/internal/httpapi"
)

// published are the key ids in the JWKS document.
func (b *bundle) published() []string {
	b.t.Helper()
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	got := b.send(http.MethodGet, "/.well-known/jwks.json", "", nil).want(http.StatusOK)
	if err := json.Unmarshal(got.body, &set); err != nil {
		b.t.Fatalf("decoding %s: %v", got.body, err)
	}
	var ids []string
	for _, key := range set.Keys {
		if _, private := key["d"]; private || len(key) != 6 || key["x"] == "" {
			b.t.Fatalf("published key %v: want six public members", key)
		}
		ids = append(ids, key["kid"])
	}
	return ids
}

func kidOf(t *testing.T, token string) string {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	kid, _ := parsed.Header["kid"].(string)
	return kid
}

func TestTokensSayWhatTheStandardAsks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	token := b.admin()
	claims := jwt.MapClaims{}
	parsed, _, err := jwt.NewParser().ParseUnverified(token, claims)
	if err != nil {
		t.Fatal(err)
	}
	if parsed.Header["typ"] != "at+jwt" || parsed.Header["alg"] != "EdDSA" || len(parsed.Header) != 3 {
		t.Errorf("header %v", parsed.Header)
	}
	now := float64(b.clock.Now().Unix())
	want := jwt.MapClaims{
		"iss": httpapi.TokenIssuer, "aud": []any{httpapi.TokenAudience}, "client_id": loginClient,
		"roles": []any{"ADMIN"}, "iat": now, "exp": now + 900,
		"sub": claims["sub"], "jti": claims["jti"], "sid": claims["sid"],
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestRotationPublishesBeforeItSigns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newService(b.env()) // another process
	if err := other.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := b.published()
	before := b.admin()
	if kid := kidOf(t, before); !slices.Equal(old, []string{kid}) {
		t.Fatalf("published %v, signed by %s", old, kid)
	}
	fresh := b.post("/api/v1/admin/keys/rotate", before, map[string]any{}).want(http.StatusOK).field("kid")
	if diff := cmp.Diff([]string{old[0], fresh}, b.published()); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	b.post("/api/v1/admin/keys/rotate", before, map[string]any{}).wantProblem(http.StatusConflict, "rotation-pending")
	b.clock.advance(keyLead - time.Second)
	last := b.admin()
	if kidOf(t, last) != old[0] {
		t.Error("the new key signs before its time")
	}
	b.clock.advance(time.Second + keyCacheTTL)
	next := b.admin()
	if kidOf(t, next) != fresh {
		t.Errorf("signed by %s, want the new key %s", kidOf(t, next), fresh)
	}
	if tokens, err := other.Login(t.Context(), adminEmail, adminPassword); err != nil || kidOf(t, tokens.Access) != fresh {
		t.Errorf("the other process: error %v", err)
	}
	for name, token := range map[string]string{"last of the old key": last, "first of the new key": next} {
		if _, err := b.verify(token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.clock.advance(b.service.cfg.AccessTTL + keyMargin)
	if diff := cmp.Diff([]string{fresh}, b.published()); diff != "" {
		t.Errorf("published after the last token of the old key (-want +got):\n%s", diff)
	}
	b.clock.advance(forgetAfter)
	if err := b.service.forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.count(`select count(*) from signing_key`); n != 1 {
		t.Errorf("%d keys are kept, want 1", n)
	}
}

func TestKeysRotateByThemselves(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.published()
	ensure := func() {
		t.Helper()
		if err := b.service.ensureKey(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b.clock.advance(b.service.cfg.KeyTTL - keyLead - time.Second)
	ensure()
	if diff := cmp.Diff(first, b.published()); diff != "" {
		t.Errorf("rotated too early:\n%s", diff)
	}
	b.clock.advance(time.Second)
	ensure()
	ensure()
	if got := b.published(); len(got) != 2 {
		t.Fatalf("published %v, want two keys", got)
	}
	b.clock.advance(keyLead)
	if got := kidOf(t, b.admin()); got == first[0] {
		t.Error("the old key signs longer than configured")
	}
}

func TestACompromisedKeyIsWithdrawnAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stolen := b.admin()
	fresh := b.post("/api/v1/admin/keys/rotate", stolen, map[string]any{"compromised": true}).
		want(http.StatusOK).field("kid")
	if diff := cmp.Diff([]string{fresh}, b.published()); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	if kid := kidOf(t, b.admin()); kid != fresh {
		t.Errorf("signed by %s, want %s", kid, fresh)
	}
	verifier, err := httpapi.NewTokenVerifier(t.Context(), b.url+"/.well-known/jwks.json", b.clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(t.Context(), stolen); err == nil {
		t.Error("a token of the withdrawn key is accepted by a verifier that has read the keys")
	}
}

func TestNobodySignsBeforeTheStart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := newService(b.env())
	if _, err := s.Login(t.Context(), adminEmail, adminPassword); err == nil {
		t.Error("a service that has not started lets somebody in")
	}
}
