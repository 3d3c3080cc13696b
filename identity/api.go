package identity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/privacy"
)

const tag = "auth"

func (s *Service) routes(api *httpapi.API) {
	api.Problems(
		httpapi.Problem{
			Err: ErrLoginRefused, Status: http.StatusUnauthorized, Type: "login-refused",
			Title: "E-mail or password is wrong",
		},
		httpapi.Problem{
			Err: ErrBusy, Status: http.StatusServiceUnavailable, Type: "unavailable",
			Title: "Too many logins at once; try again",
		},
		httpapi.Problem{
			Err: ErrRefreshRefused, Status: http.StatusUnauthorized, Type: "refresh-token-refused",
			Title: "The refresh token is not accepted; log in again",
		},
		httpapi.Problem{
			Err: ErrNotFound, Status: http.StatusNotFound, Type: "not-found",
			Title: "No such account or client",
		},
		httpapi.Problem{Err: ErrNameTaken, Status: http.StatusConflict, Type: "name-taken", Title: "The name is taken"},
		httpapi.Problem{
			Err: ErrRoles, Status: http.StatusUnprocessableEntity, Type: "validation",
			Title: "Roles are missing, repeated or not for this kind of account",
		},
		httpapi.Problem{
			Err: ErrPassword, Status: http.StatusUnprocessableEntity, Type: "validation",
			Title: "The password is too short or too long",
		},
		httpapi.Problem{
			Err: ErrLastAdmin, Status: http.StatusConflict, Type: "last-administrator",
			Title: "The last active administrator cannot be disabled",
		},
		httpapi.Problem{
			Err: ErrRotationPending, Status: http.StatusConflict, Type: "rotation-pending",
			Title: "A new key is published and does not sign yet",
		},
	)
	s.sessionRoutes(api)
	s.passwordRoutes(api)
	s.discoveryRoutes(api)
	s.tokenRoute(api)
	s.userRoutes(api)
	s.clientRoutes(api)
}

// tokenBody is the answer to a login and to a refresh.
type tokenBody struct {
	AccessToken      string `json:"access_token" doc:"Send it as Authorization: Bearer" example:"eyJhbGciOiJFZERTQSIs…"`
	TokenType        string `json:"token_type" enum:"Bearer"`
	ExpiresIn        int64  `json:"expires_in" doc:"Life of the access token in seconds" example:"900"`
	RefreshToken     string `json:"refresh_token" doc:"Good for one use; each refresh gives the next" example:"kQ3v…"`
	RefreshExpiresIn int64  `json:"refresh_expires_in" doc:"Seconds until the session ends, however often it is refreshed" example:"2592000"`
}

type tokenOutput struct{ Body tokenBody }

func (s *Service) tokenOutput(t Tokens) *tokenOutput {
	return &tokenOutput{Body: tokenBody{
		AccessToken: t.Access, TokenType: "Bearer", ExpiresIn: seconds(t.AccessTTL), RefreshToken: t.Refresh,
		RefreshExpiresIn: seconds(t.RefreshUntil.Sub(s.now())),
	}}
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

type loginInput struct {
	Body struct {
		Email    privacy.Text `json:"email" format:"email" maxLength:"254" example:"asha@example.com"`
		Password privacy.Text `json:"password" minLength:"1" maxLength:"128" example:"correct horse battery staple"`
	}
}

type refreshInput struct {
	Body struct {
		RefreshToken string `json:"refresh_token" minLength:"1" maxLength:"128" doc:"refresh_token of the last answer"`
	}
}

type logoutInput struct {
	Authorization string `header:"Authorization" hidden:"true"`
}

func (s *Service) sessionRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "login", Method: http.MethodPost, Path: "/api/v1/auth/login", Tag: tag, Access: httpapi.Public(),
		Summary: "Log in with e-mail and password",
		Description: "Starts a session and gives its first tokens. A new customer can log in a moment after registering. " +
			"After ten attempts in a row without success an e-mail has to wait (429 with `Retry-After`), whether or not " +
			"it has an account.",
		Errors: []int{http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusServiceUnavailable},
	}, func(ctx context.Context, in *loginInput) (*tokenOutput, error) {
		tokens, err := s.Login(ctx, in.Body.Email, in.Body.Password)
		if err != nil {
			return nil, s.attemptsProblem(ctx, err)
		}
		return s.tokenOutput(tokens), nil
	})
	httpapi.Register(api, httpapi.Op{
		ID: "refresh", Method: http.MethodPost, Path: "/api/v1/auth/refresh", Tag: tag, Access: httpapi.Public(),
		Summary: "Exchange a refresh token for new tokens",
		Description: "The refresh token in the body is the credential. Each is good for one use: using one again ends the " +
			"whole session, because somebody has a copy. A client that lost the answer logs in again.",
		Errors: []int{http.StatusUnauthorized},
	}, func(ctx context.Context, in *refreshInput) (*tokenOutput, error) {
		tokens, err := s.Refresh(ctx, in.Body.RefreshToken)
		if err != nil {
			return nil, err
		}
		return s.tokenOutput(tokens), nil
	})
	httpapi.Register(api, httpapi.Op{
		ID: "logout", Method: http.MethodPost, Path: "/api/v1/auth/logout", Tag: tag, Access: httpapi.Bearer(),
		Summary: "End the session of this token",
		Description: "No refresh token of the session works any more. The access token itself lives until it expires. " +
			"Harmless to repeat.",
	}, func(ctx context.Context, in *logoutInput) (*struct{}, error) {
		return nil, s.Logout(ctx, httpapi.Actor(ctx), sessionOf(in.Authorization))
	})
}

// attemptsProblem tells how long to wait.
func (s *Service) attemptsProblem(ctx context.Context, err error) error {
	var attempts AttemptsError
	if !errors.As(err, &attempts) {
		return err
	}
	problem := httpapi.NewProblem(ctx, http.StatusTooManyRequests, "too-many-attempts", "Too many attempts to log in",
		"This e-mail has to wait before the next attempt.")
	wait := max(1, seconds(attempts.Until.Sub(s.now())+time.Second-1))
	return huma.ErrorWithHeaders(problem, http.Header{"Retry-After": {strconv.FormatInt(wait, 10)}})
}

// sessionOf reads the session out of a token that has been verified already.
func sessionOf(authorization string) uuid.UUID {
	token, _ := httpapi.BearerToken(authorization)
	var body claims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &body); err != nil {
		return uuid.Nil
	}
	id, err := uuid.Parse(body.SessionID)
	if err != nil {
		return uuid.Nil
	}
	return id
}

// jwk is a published key (RFC 8037).
type jwk struct {
	KeyType   string `json:"kty" enum:"OKP"`
	Curve     string `json:"crv" enum:"Ed25519"`
	Use       string `json:"use" enum:"sig"`
	Algorithm string `json:"alg" enum:"EdDSA"`
	KeyID     string `json:"kid"`
	Public    string `json:"x" doc:"Public key, base64url"`
}

type keysOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		Keys []jwk `json:"keys"`
	}
}

// metadata describes the authorization server (RFC 8414).
type metadata struct {
	Issuer           string   `json:"issuer" doc:"The iss claim of every token"`
	TokenEndpoint    string   `json:"token_endpoint"`
	KeysURI          string   `json:"jwks_uri"`
	GrantTypes       []string `json:"grant_types_supported"`
	ResponseTypes    []string `json:"response_types_supported"`
	AuthMethods      []string `json:"token_endpoint_auth_methods_supported"`
	SigningAlgorithm []string `json:"access_token_signing_alg_values_supported"`
}

type metadataOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         metadata
}

const cacheMinute = "public, max-age=60"

func (s *Service) discoveryRoutes(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "keys", Method: http.MethodGet, Path: "/.well-known/jwks.json", Tag: tag, Access: httpapi.Public(),
		Summary:     "Public keys of access tokens",
		Description: "A new key is here ten minutes before it signs; an old one until its last token has expired.",
	}, func(ctx context.Context, _ *struct{}) (*keysOutput, error) {
		keys, err := s.loadKeys(ctx)
		if err != nil {
			return nil, err
		}
		out := &keysOutput{CacheControl: cacheMinute}
		out.Body.Keys = make([]jwk, 0, len(keys))
		for _, key := range keys {
			out.Body.Keys = append(out.Body.Keys, key.public())
		}
		return out, nil
	})
	httpapi.Register(api, httpapi.Op{
		ID: "authorization-server", Method: http.MethodGet, Path: "/.well-known/oauth-authorization-server", Tag: tag,
		Access: httpapi.Public(), Summary: "Metadata of the authorization server (RFC 8414)",
	}, func(context.Context, *struct{}) (*metadataOutput, error) {
		return &metadataOutput{CacheControl: cacheMinute, Body: metadata{
			Issuer: httpapi.TokenIssuer, TokenEndpoint: s.audience + tokenPath, KeysURI: s.audience + "/.well-known/jwks.json",
			GrantTypes: []string{grantClientCredentials}, ResponseTypes: []string{},
			AuthMethods:      []string{"client_secret_basic", "client_secret_post"},
			SigningAlgorithm: []string{jwt.SigningMethodEdDSA.Alg()},
		}}, nil
	})
}

// position is the place in a listing by id.
type position struct {
	ID uuid.UUID `json:"id"`
}

func nextCursor[T any](page []T, limit int, id func(T) uuid.UUID) (string, error) {
	if len(page) < limit {
		return "", nil
	}
	cursor, err := httpapi.EncodeCursor(position{ID: id(page[len(page)-1])})
	if err != nil {
		return "", fmt.Errorf("making a cursor: %w", err)
	}
	return cursor, nil
}
