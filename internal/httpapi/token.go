package httpapi

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/tenor-lending/tenor/internal/access"
)

// What every access token of the platform says about itself (RFC 9068).
const (
	TokenIssuer   = "https://tenor.local/identity"
	TokenAudience = "tenor"
	// TokenType is the typ header; it tells an access token from every other JWT.
	TokenType = "at+jwt"
	// tokenBytesMax bounds what is parsed at all.
	tokenBytesMax = 8 << 10
	tokenLeeway   = 5 * time.Second
)

// Claims are the claims of an access token. The subject is the actor's id.
type Claims struct {
	jwt.RegisteredClaims
	ClientID string        `json:"client_id"`
	Roles    []access.Role `json:"roles"`
}

const (
	jwksTimeout       = 2 * time.Second
	jwksRefresh       = 5 * time.Minute
	jwksUnknownKIDGap = time.Second
)

// TokenVerifier verifies access tokens against the keys that identity publishes.
type TokenVerifier struct {
	keys   keyfunc.Keyfunc
	parser *jwt.Parser
	cache  *tokenCache
}

// NewTokenVerifier reads keys from the JWKS document at url, keeps them, and
// looks again when a token names an unknown key (at most once a second). The
// url need not answer yet; ctx bounds the refreshing.
func NewTokenVerifier(ctx context.Context, url string, now func() time.Time) (*TokenVerifier, error) {
	storage, err := jwkset.NewStorageFromHTTP(url, jwkset.HTTPClientStorageOptions{
		Client: &http.Client{Timeout: jwksTimeout}, Ctx: ctx, HTTPTimeout: jwksTimeout,
		NoErrorReturnFirstHTTPReq: true, RefreshInterval: jwksRefresh,
	})
	if err != nil {
		return nil, fmt.Errorf("reading keys from %s: %w", url, err)
	}
	client, err := jwkset.NewHTTPClient(jwkset.HTTPClientOptions{
		HTTPURLs:          map[string]jwkset.Storage{url: storage},
		RateLimitWaitMax:  jwksTimeout,
		RefreshUnknownKID: rate.NewLimiter(rate.Every(jwksUnknownKIDGap), 1),
	})
	if err != nil {
		return nil, fmt.Errorf("reading keys from %s: %w", url, err)
	}
	keys, err := keyfunc.New(keyfunc.Options{Ctx: ctx, Storage: client})
	if err != nil {
		return nil, fmt.Errorf("preparing key lookup: %w", err)
	}
	return &TokenVerifier{keys: keys, parser: tokenParser(now), cache: newTokenCache(now)}, nil
}

func tokenParser(now func() time.Time) *jwt.Parser {
	return jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithIssuer(TokenIssuer),
		jwt.WithAudience(TokenAudience), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(tokenLeeway), jwt.WithTimeFunc(now),
	)
}

// Verify implements Verifier: EdDSA only, typ at+jwt, every claim of RFC 9068
// present, key found by kid in our own set and nowhere else. A token that was
// found good is believed for a short while without looking at it again.
func (v *TokenVerifier) Verify(ctx context.Context, token string) (access.Actor, error) {
	sum := sha256.Sum256([]byte(token))
	if actor, ok := v.cache.find(sum); ok {
		return actor, nil
	}
	actor, expires, err := verify(v.parser, v.keys.KeyfuncCtx(ctx), token)
	if err == nil {
		v.cache.keep(sum, actor, expires)
		return actor, nil
	}
	if !errors.Is(err, jwt.ErrTokenUnverifiable) {
		return access.Actor{}, err
	}
	keys, readErr := v.keys.Storage().KeyReadAll(ctx)
	if readErr != nil || len(keys) == 0 {
		return access.Actor{}, errors.Join(errNoKeys, readErr)
	}
	return access.Actor{}, err
}

// errNoKeys means that identity was not reached yet: no token can be judged.
var errNoKeys = errors.New("no verification keys")

// verify returns who the token stands for, and until when.
func verify(parser *jwt.Parser, keys jwt.Keyfunc, token string) (access.Actor, time.Time, error) {
	if len(token) > tokenBytesMax {
		return access.Actor{}, time.Time{}, fmt.Errorf("%w: too long", ErrInvalidToken)
	}
	if strings.ContainsFunc(token, notTokenRune) { // the decoder would skip line breaks
		return access.Actor{}, time.Time{}, fmt.Errorf("%w: not base64url", ErrInvalidToken)
	}
	var claims Claims
	parsed, err := parser.ParseWithClaims(token, &claims, keys)
	if err != nil {
		return access.Actor{}, time.Time{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	subject, err := uuid.Parse(claims.Subject)
	if err != nil {
		return access.Actor{}, time.Time{}, fmt.Errorf("%w: subject: %w", ErrInvalidToken, err)
	}
	if parsed.Header["typ"] != TokenType {
		return access.Actor{}, time.Time{}, fmt.Errorf("%w: typ is not %s", ErrInvalidToken, TokenType)
	}
	// Without a kid every key would be tried; crit asks for extensions that nobody here knows.
	kid, _ := parsed.Header["kid"].(string)
	if _, critical := parsed.Header["crit"]; kid == "" || critical {
		return access.Actor{}, time.Time{}, fmt.Errorf("%w: kid is missing or crit is present", ErrInvalidToken)
	}
	if claims.ID == "" || claims.ClientID == "" || claims.IssuedAt == nil || len(claims.Roles) == 0 {
		return access.Actor{}, time.Time{}, fmt.Errorf("%w: a required claim is missing", ErrInvalidToken)
	}
	for _, role := range claims.Roles {
		if !role.Valid() {
			return access.Actor{}, time.Time{}, fmt.Errorf("%w: unknown role", ErrInvalidToken)
		}
	}
	return access.Actor{ID: subject, Roles: claims.Roles}, claims.ExpiresAt.Time, nil
}

func notTokenRune(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && r != '-' && r != '_' && r != '.'
}
