package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tenor-lending/tenor/internal/access"
)

// Verifier checks an access token.
type Verifier interface {
	// Verify returns who the token stands for. ErrInvalidToken means the token
	// is no good; any other error means it could not be checked now.
	Verify(ctx context.Context, token string) (access.Actor, error)
}

// ErrInvalidToken means a token is malformed, forged, expired or not for us.
var ErrInvalidToken = errors.New("invalid access token")

func unwrap(ctx huma.Context) (*http.Request, http.ResponseWriter) { return humago.Unwrap(ctx) }

// authorize lets a request pass when its operation is public or its token
// carries one of the operation's roles. Anything else is refused.
func (a *API) authorize(ctx huma.Context, next func(huma.Context)) {
	rule, _ := ctx.Operation().Metadata[metaAccess].(Access)
	if rule.public {
		next(ctx)
		return
	}
	token, ok := BearerToken(ctx.Header("Authorization"))
	if !ok || a.verifier == nil {
		ctx.SetHeader("WWW-Authenticate", `Bearer realm="tenor"`)
		a.refuse(ctx, http.StatusUnauthorized, "unauthenticated", "Authentication required",
			"Send the header Authorization: Bearer with an access token.")
		return
	}
	actor, err := a.verifier.Verify(ctx.Context(), token)
	if errors.Is(err, ErrInvalidToken) {
		ctx.SetHeader("WWW-Authenticate", `Bearer realm="tenor", error="invalid_token"`)
		a.refuse(ctx, http.StatusUnauthorized, "invalid-token", "Access token not accepted",
			"The access token is malformed, expired, or was not issued for this platform.")
		return
	}
	if err != nil {
		a.log.ErrorContext(ctx.Context(), "cannot verify tokens", "error", err)
		ctx.SetHeader("Retry-After", "1")
		a.refuse(ctx, http.StatusServiceUnavailable, "unavailable", "Temporarily unavailable",
			"The token could not be checked.")
		return
	}
	if !actor.Has(rule.roles...) {
		ctx.SetHeader("WWW-Authenticate", `Bearer realm="tenor", error="insufficient_scope"`)
		a.refuse(ctx, http.StatusForbidden, "forbidden", "Not allowed",
			"This operation is for other roles: "+join(rule.roles)+".")
		return
	}
	next(huma.WithValue(ctx, keyActor, actor))
}

// BearerToken takes the token out of an Authorization header.
func BearerToken(header string) (string, bool) {
	scheme, token, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "bearer") || token == "" || strings.ContainsAny(token, " \t") {
		return "", false
	}
	return token, true
}

func join(roles []access.Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ", ")
}
