package httpapi_test

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

const testKID = "key-1"

// forge holds what a forger may know and what only the platform does.
type forge struct {
	t        *testing.T
	now      time.Time
	private  ed25519.PrivateKey
	public   ed25519.PublicKey
	verifier *httpapi.TokenVerifier
	// outside counts requests to the forger's own server.
	outside    *atomic.Int64
	outsideURL string
}

func newForge(t *testing.T) *forge {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := &forge{t: t, now: time.Now().Truncate(time.Second), private: private, public: public, outside: &atomic.Int64{}}
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{f.jwk(public, testKID)}})
	}))
	t.Cleanup(keys.Close)
	forger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		f.outside.Add(1)
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{f.jwk(public, "forger")}})
	}))
	t.Cleanup(forger.Close)
	f.outsideURL = forger.URL
	f.verifier, err = httpapi.NewTokenVerifier(t.Context(), keys.URL, func() time.Time { return f.now })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *forge) jwk(public ed25519.PublicKey, kid string) map[string]string {
	return map[string]string{
		"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid,
		"x": base64.RawURLEncoding.EncodeToString(public),
	}
}

func (f *forge) header() map[string]any {
	return map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": testKID}
}

func (f *forge) claims() map[string]any {
	return map[string]any{
		"iss": httpapi.TokenIssuer, "aud": httpapi.TokenAudience, "sub": "6f1c3c0e-4c53-4bb4-8f53-6d1f0d6f8b11",
		"iat": f.now.Unix(), "exp": f.now.Add(15 * time.Minute).Unix(), "jti": uuid.NewString(),
		"client_id": "tenor-login", "roles": []string{"OFFICER"},
	}
}

func part(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func (f *forge) marshal(v any) []byte {
	f.t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		f.t.Fatal(err)
	}
	return data
}

// raw signs exactly these bytes with the platform's own key.
func (f *forge) raw(header, claims []byte) string {
	input := part(header) + "." + part(claims)
	return input + "." + part(ed25519.Sign(f.private, []byte(input)))
}

func (f *forge) token(header, claims map[string]any) string {
	f.t.Helper()
	return f.raw(f.marshal(header), f.marshal(claims))
}

func with(m map[string]any, key string, value any) map[string]any {
	m[key] = value
	return m
}

func without(m map[string]any, key string) map[string]any {
	delete(m, key)
	return m
}

func TestAGoodTokenIsAccepted(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	for name, claims := range map[string]map[string]any{
		"plain":              f.claims(),
		"audience as a list": with(f.claims(), "aud", []string{"other", httpapi.TokenAudience}),
		"with a session":     with(f.claims(), "sid", uuid.NewString()),
		"not before now":     with(f.claims(), "nbf", f.now.Unix()),
		"clocks that differ": with(f.claims(), "exp", f.now.Add(-4*time.Second).Unix()),
	} {
		actor, err := f.verifier.Verify(t.Context(), f.token(f.header(), claims))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		want := access.Actor{
			ID: uuid.MustParse("6f1c3c0e-4c53-4bb4-8f53-6d1f0d6f8b11"), Roles: []access.Role{access.Officer},
		}
		if diff := cmp.Diff(want, actor); diff != "" {
			t.Errorf("%s: actor (-want +got):\n%s", name, diff)
		}
	}
}

// TestBadTokensAreRefused is RFC 8725 and RFC 9068 as a table. Each token is
// good but for what its name says, and where that makes sense it is signed with
// the platform's own key, so that nothing but the named fault can refuse it.
func TestBadTokensAreRefused(t *testing.T) {
	t.Parallel()
	f := newForge(t)
	cases := f.algorithms()
	for name, token := range f.headers() {
		cases[name] = token
	}
	for name, token := range f.bodies() {
		cases[name] = token
	}
	for name, token := range f.shapes() {
		cases[name] = token
	}
	if len(cases) < 50 {
		t.Fatalf("only %d cases: one has overwritten another", len(cases))
	}
	for name, token := range cases {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		actor, err := f.verifier.Verify(ctx, token)
		cancel()
		if !errors.Is(err, httpapi.ErrInvalidToken) {
			t.Errorf("%s: error %v, want ErrInvalidToken", name, err)
		}
		if diff := cmp.Diff(access.Actor{}, actor); diff != "" {
			t.Errorf("%s: a refused token gave an actor: %s", name, diff)
		}
	}
	if n := f.outside.Load(); n != 0 {
		t.Errorf("tokens made the verifier send %d requests to their own address", n)
	}
	if _, err := f.verifier.Verify(t.Context(), f.token(f.header(), f.claims())); err != nil {
		t.Errorf("a good token after all of them: %v", err)
	}
}

// algorithms are tokens whose signature is not one of ours.
func (f *forge) algorithms() map[string]string {
	f.t.Helper()
	claims := jwt.MapClaims(f.claims())
	sign := func(method jwt.SigningMethod, key any) string {
		token := jwt.NewWithClaims(method, claims)
		token.Header["typ"], token.Header["kid"] = "at+jwt", testKID
		signed, err := token.SignedString(key)
		if err != nil {
			f.t.Fatal(err)
		}
		return signed
	}
	der, err := x509.MarshalPKIXPublicKey(f.public)
	if err != nil {
		f.t.Fatal(err)
	}
	armoured := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		f.t.Fatal(err)
	}
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	none := func(alg string) string {
		return part(f.marshal(with(f.header(), "alg", alg))) + "." + part(f.marshal(claims)) + "."
	}
	good := f.token(f.header(), f.claims())
	unsigned := good[:strings.LastIndex(good, ".")]
	mac := hmac.New(sha256.New, f.public)
	mixed := part(f.marshal(f.header())) + "." + part(f.marshal(claims))
	mac.Write([]byte(mixed))
	return map[string]string{
		"alg none":                       none("none"),
		"alg None":                       none("None"),
		"alg nOnE":                       none("nOnE"),
		"alg empty":                      none(""),
		"none by the library":            sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType),
		"HS256 with the public key":      sign(jwt.SigningMethodHS256, []byte(f.public)),
		"HS256 with the public key, PEM": sign(jwt.SigningMethodHS256, armoured),
		"HS512 with the public key":      sign(jwt.SigningMethodHS512, []byte(f.public)),
		"HMAC under the name EdDSA":      mixed + "." + part(mac.Sum(nil)),
		"RS256 by a stranger":            sign(jwt.SigningMethodRS256, rsaKey),
		"EdDSA by a stranger":            sign(jwt.SigningMethodEdDSA, stranger),
		"no signature":                   unsigned + ".",
		"a zero signature":               unsigned + "." + part(make([]byte, ed25519.SignatureSize)),
		"a changed signature":            unsigned + "." + part(flip(ed25519.Sign(f.private, []byte(unsigned)))),
		"a longer signature":             unsigned + "." + part(append(ed25519.Sign(f.private, []byte(unsigned)), 0)),
	}
}

func flip(b []byte) []byte {
	b[0] ^= 1
	return b
}

// headers are tokens that lie about their key or their kind.
func (f *forge) headers() map[string]string {
	tokens := map[string]string{}
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	public, _ := stranger.Public().(ed25519.PublicKey)
	strange := func(header map[string]any) string {
		input := part(f.marshal(header)) + "." + part(f.marshal(f.claims()))
		return input + "." + part(ed25519.Sign(stranger, []byte(input)))
	}
	tokens["own key in jwk"] = strange(with(f.header(), "jwk", f.jwk(public, testKID)))
	tokens["own key at jku"] = strange(with(with(f.header(), "jku", f.outsideURL), "kid", "forger"))
	tokens["own key at x5u"] = strange(with(with(f.header(), "x5u", f.outsideURL), "kid", "forger"))
	tokens["own certificate in x5c"] = strange(with(f.header(), "x5c", []string{part(public)}))
	for name, kid := range map[string]any{
		"unknown": "key-2", "empty": "", "path": "../../../../dev/null", "SQL": "' union select 'x' --",
		"URL": f.outsideURL, "NUL": "key-1\x00", "case": "KEY-1", "number": 1, "list": []string{testKID},
		"null": nil, "long": strings.Repeat("k", 6000),
	} {
		tokens["kid "+name] = f.token(with(f.header(), "kid", kid), f.claims())
	}
	tokens["a critical extension"] = f.token(with(f.header(), "crit", []string{"exp"}), f.claims())
	tokens["no kid"] = f.token(without(f.header(), "kid"), f.claims())
	for name, typ := range map[string]any{"JWT": "JWT", "id token": "id+jwt", "number": 7, "null": nil} {
		tokens["typ "+name] = f.token(with(f.header(), "typ", typ), f.claims())
	}
	tokens["no typ"] = f.token(without(f.header(), "typ"), f.claims())
	tokens["no alg"] = f.token(without(f.header(), "alg"), f.claims())
	return tokens
}

// bodies are tokens of the platform's own key with claims that must not pass.
func (f *forge) bodies() map[string]string {
	tokens := map[string]string{}
	for _, claim := range []string{"iss", "aud", "sub", "iat", "exp", "jti", "client_id", "roles"} {
		tokens["no "+claim] = f.token(f.header(), without(f.claims(), claim))
		tokens["null "+claim] = f.token(f.header(), with(f.claims(), claim, nil))
	}
	for name, change := range map[string]struct {
		claim string
		value any
	}{
		"expired":              {"exp", f.now.Add(-time.Minute).Unix()},
		"expired long ago":     {"exp", 1},
		"expiry in words":      {"exp", "tomorrow"},
		"not yet":              {"nbf", f.now.Add(time.Minute).Unix()},
		"from the future":      {"iat", f.now.Add(time.Minute).Unix()},
		"another issuer":       {"iss", "https://example.com"},
		"issuer with a slash":  {"iss", httpapi.TokenIssuer + "/"},
		"another audience":     {"aud", "other"},
		"other audiences":      {"aud", []string{"other", "TENOR"}},
		"empty audience":       {"aud", []string{}},
		"subject by name":      {"sub", "root"},
		"subject SQL":          {"sub", "' or '1'='1"},
		"empty subject":        {"sub", ""},
		"no role in the list":  {"roles", []string{}},
		"unknown role":         {"roles", []string{"OFFICER", "GOD"}},
		"role in lower case":   {"roles", []string{"admin"}},
		"role as text":         {"roles", "ADMIN"},
		"empty token id":       {"jti", ""},
		"empty client":         {"client_id", ""},
		"client as an object":  {"client_id", map[string]string{"id": "x"}},
		"expiry without limit": {"exp", json.Number("1e400")},
	} {
		tokens[name] = f.token(f.header(), with(f.claims(), change.claim, change.value))
	}
	return tokens
}

// shapes are texts that are no tokens, or two tokens in one.
func (f *forge) shapes() map[string]string {
	f.t.Helper()
	good := f.token(f.header(), f.claims())
	parts := strings.Split(good, ".")
	other := f.token(f.header(), with(f.claims(), "roles", []string{"ADMIN"}))
	claims := string(f.marshal(without(f.claims(), "roles")))
	doubled := strings.TrimSuffix(claims, "}") + `,"roles":["ADMIN"],"sub":"` + uuid.NewString() + `","sub":"x"}`
	object := map[string]string{"payload": parts[1], "protected": parts[0], "signature": parts[2]}
	return map[string]string{
		"empty":                    "",
		"a word":                   "token",
		"dots":                     "..",
		"two parts":                parts[0] + "." + parts[1],
		"four parts":               good + "." + parts[2],
		"claims of another token":  parts[0] + "." + strings.Split(other, ".")[1] + "." + parts[2],
		"claims that are no JSON":  f.raw(f.marshal(f.header()), []byte("{")),
		"claims as a list":         f.raw(f.marshal(f.header()), []byte("[]")),
		"header that is no JSON":   f.raw([]byte("x"), f.marshal(f.claims())),
		"a repeated subject":       f.raw(f.marshal(f.header()), []byte(doubled)),
		"text after the claims":    f.raw(f.marshal(f.header()), append(f.marshal(f.claims()), "{}"...)),
		"padded base64":            parts[0] + "=." + parts[1] + "." + parts[2],
		"standard base64":          parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-2] + "+/",
		"a space in front":         " " + good,
		"a line break":             good + "\n",
		"a megabyte":               good + strings.Repeat("A", 1<<20),
		"a megabyte of dots":       strings.Repeat(".", 1<<20),
		"a signed token, too long": f.token(f.header(), with(f.claims(), "x", strings.Repeat("x", 9<<10))),
		"JSON serialization":       string(f.marshal(object)),
		"deeply nested claims":     f.raw(f.marshal(f.header()), []byte(strings.Repeat("[", 4000)+strings.Repeat("]", 4000))),
	}
}

func FuzzVerify(f *testing.F) {
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImtleS0xIn0.e30.AAAA")
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":"key-2",` +
			`"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	}))
	f.Cleanup(keys.Close)
	verifier, err := httpapi.NewTokenVerifier(f.Context(), keys.URL, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nothing is worth asking for
		if _, err := verifier.Verify(ctx, token); !errors.Is(err, httpapi.ErrInvalidToken) {
			t.Errorf("%q: error %v", token, err)
		}
	})
}
