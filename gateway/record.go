package gateway

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	refused  *prometheus.CounterVec
	duration *prometheus.HistogramVec
	breaker  *prometheus.GaugeVec
}

func newMetrics(registry prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tenor_gateway_requests_total", Help: "Requests by route and status.",
		}, []string{"route", "status"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tenor_gateway_refused_total", Help: "Requests that the gateway answered itself, by problem.",
		}, []string{"problem"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tenor_gateway_request_seconds", Help: "Time from the first byte of a request to the last of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route"}),
		breaker: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "tenor_gateway_breaker_state", Help: "0 closed, 1 half-open, 2 open: the service is cut off.",
		}, []string{"upstream"}),
	}
	registry.MustRegister(m.requests, m.refused, m.duration, m.breaker)
	return m
}

// recorder notes the status and size of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK { // 1xx come before the answer
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController flush and set deadlines.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// noRoute is the label of requests that fit no route: their paths are whatever
// clients make up, and may hold anything.
const noRoute = "none"

// record writes the request log. It names the route, never the path, the
// query, the address or any part of a body: those may be personal.
func (g *Gateway) record(r *http.Request, x *exchange, answer *recorder, took time.Duration) {
	route, method := noRoute, "other"
	if x.route.Pattern != "" {
		route, method = x.route.Pattern, x.route.Method
	}
	g.metrics.requests.WithLabelValues(method+" "+route, strconv.Itoa(answer.status)).Inc()
	g.metrics.duration.WithLabelValues(method + " " + route).Observe(took.Seconds())
	if x.refusal != "" {
		g.metrics.refused.WithLabelValues(x.refusal).Inc()
	}
	level := slog.LevelInfo
	if x.route.Rule.Internal {
		level = slog.LevelDebug // probes and scrapes, every few seconds
	}
	attributes := []slog.Attr{
		slog.String("method", method), slog.String("route", route), slog.Int("status", answer.status),
		slog.Int64("bytes", answer.bytes), slog.Duration("took", took),
	}
	if x.client.ID != uuid.Nil {
		attributes = append(attributes, slog.String("client", x.client.ID.String()))
	}
	if x.refusal != "" {
		attributes = append(attributes, slog.String("refused", x.refusal))
	}
	g.log.LogAttrs(r.Context(), level, "request", attributes...)
}
