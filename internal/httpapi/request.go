package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
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

// ExtendWrite gives the client this long from now to take what is written of a
// streamed answer, instead of the server's limit for answers as a whole. The
// stream calls it after each part.
func ExtendWrite(ctx huma.Context, patience time.Duration) error {
	_, w := unwrap(ctx)
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return fmt.Errorf("extending the time of a streamed answer: %w", err)
	}
	return nil
}
