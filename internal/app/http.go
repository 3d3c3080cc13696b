package app

import (
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tenor-lending/tenor/internal/httpapi"
)

// recoverPanics turns a panic of a handler into a bare 500 and a log line; the
// process and its other requests go on.
func recoverPanics(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler { //nolint:errorlint // recover gives the value itself
				panic(cause)
			}
			log.ErrorContext(r.Context(), "panic", "path", r.URL.Path, "cause", cause, "stack", string(debug.Stack()))
			httpapi.WriteProblem(w, httpapi.NewProblem(r.Context(), http.StatusInternalServerError, "internal",
				"Internal error", "The request could not be completed. The fault is recorded under the request id."))
		}()
		next.ServeHTTP(w, r)
	})
}

// txMetrics counts transactions by how they went.
type txMetrics struct {
	attempts prometheus.Histogram
	failures prometheus.Counter
}

func newTxMetrics(registry prometheus.Registerer) *txMetrics {
	m := &txMetrics{
		attempts: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "tenor_tx_attempts", Help: "How often a transaction's closure ran.", Buckets: []float64{1, 2, 3, 5, 8, 12},
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tenor_tx_failures_total", Help: "Transactions that ended with an error, rejections included.",
		}),
	}
	registry.MustRegister(m.attempts, m.failures)
	return m
}

// TxDone implements database.Observer.
func (m *txMetrics) TxDone(attempts int, err error) {
	m.attempts.Observe(float64(attempts))
	if err != nil {
		m.failures.Inc()
	}
}
