package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// HeaderRequestID carries the id of a request through every service and log.
const HeaderRequestID = "X-Request-Id"

const requestIDMax = 64

// WithRequestID keeps the id that a caller gave, or gives one, and sends it
// back with the headers that every answer has.
func WithRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if RequestID(r.Context()) != "" { // an outer handler has done it
			next.ServeHTTP(w, r)
			return
		}
		id := r.Header.Get(HeaderRequestID)
		if id == "" || len(id) > requestIDMax || strings.ContainsFunc(id, notPrintableASCII) {
			id = uuid.NewString()
		}
		w.Header().Set(HeaderRequestID, id)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), keyRequestID, id)))
	})
}

// RequestID returns the id of the request behind ctx, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(keyRequestID).(string)
	return id
}
