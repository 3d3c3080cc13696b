package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"

	"github.com/sony/gobreaker/v2"

	"github.com/tenor-lending/tenor/internal/httpapi"
)

// refusal is an answer that the gateway gives itself: a row of its error table.
type refusal struct {
	status              int
	slug, title, detail string
}

var (
	notFound   = refusal{http.StatusNotFound, "not-found", "Not found", "There is no such path in this API."}
	notAllowed = refusal{
		http.StatusMethodNotAllowed, "method-not-allowed", "Method not allowed",
		"This path has other methods; see the header Allow.",
	}
	tooMany = refusal{
		http.StatusTooManyRequests, "too-many-requests", "Too many requests",
		"Wait as the header Retry-After says.",
	}
	tooLarge = refusal{
		http.StatusRequestEntityTooLarge, "body-too-large", "Body too large",
		"The body exceeds the limit of this operation.",
	}
	unauthenticated = refusal{
		http.StatusUnauthorized, "unauthenticated", "Authentication required",
		"Send the header Authorization: Bearer with an access token.",
	}
	invalidToken = refusal{
		http.StatusUnauthorized, "invalid-token", "Access token not accepted",
		"The access token is malformed, expired, or was not issued for this platform.",
	}
	forbidden    = refusal{http.StatusForbidden, "forbidden", "Not allowed", "This operation is for other roles."}
	unverifiable = refusal{
		http.StatusServiceUnavailable, "unavailable", "Temporarily unavailable",
		"The token could not be checked.",
	}
	cutOff = refusal{
		http.StatusServiceUnavailable, "unavailable", "Temporarily unavailable",
		"The service behind this operation has failed repeatedly and gets a pause. The request was not sent to it.",
	}
	unreachable = refusal{
		http.StatusServiceUnavailable, "unavailable", "Temporarily unavailable",
		"The service behind this operation did not answer. Send the same request again, with the same idempotency " +
			"key if it has one.",
	}
	tooSlow = refusal{
		http.StatusGatewayTimeout, "upstream-timeout", "The service did not answer in time",
		"The outcome is unknown. Send the same request again, with the same idempotency key if it has one.",
	}
	unread  = refusal{http.StatusBadRequest, "malformed-request", "Malformed request", "The body could not be read."}
	stalled = refusal{
		http.StatusRequestTimeout, "request-timeout", "The request took too long",
		"The request did not arrive in full and in time.",
	}
)

func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, x *exchange, why refusal) {
	x.refusal = why.slug
	why.write(w, r)
}

func (why refusal) write(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	httpapi.WriteProblem(w, httpapi.NewProblem(r.Context(), why.status, why.slug, why.title, why.detail))
}

// fault tells what an error on the way to a service means to the client.
func (g *Gateway) fault(w http.ResponseWriter, r *http.Request, service string, err error) refusal {
	var tooBig *http.MaxBytesError
	var body bodyError
	var timeout net.Error
	switch {
	case errors.As(err, &tooBig):
		return tooLarge
	case errors.As(err, &body) && errors.Is(err, os.ErrDeadlineExceeded):
		return stalled
	case errors.As(err, &body):
		return unread
	case errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests):
		w.Header().Set("Retry-After", "5")
		return cutOff
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout():
		g.log.WarnContext(r.Context(), "upstream too slow", "upstream", service)
		return tooSlow
	case errors.Is(err, context.Canceled):
		// The client went away, or its connection fell silent in the middle of
		// the body: the server cancels both alike. Only the second one reads on.
		return stalled
	}
	g.log.WarnContext(r.Context(), "upstream failed", "upstream", service, "error", err)
	w.Header().Set("Retry-After", "1")
	return unreachable
}
