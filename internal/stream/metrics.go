package stream

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what consumers do.
type Metrics struct {
	latency     *prometheus.HistogramVec
	gaps        *prometheus.CounterVec
	deadLetters *prometheus.CounterVec
	forgotten   *prometheus.CounterVec
}

// NewMetrics registers the metrics of all consumers of a process.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tenor_event_commit_to_handled_seconds", Help: "Time from the fact to its handled event.",
			Buckets: []float64{.002, .005, .01, .02, .03, .05, .1, .25, .5, 1, 5, 30},
		}, []string{"consumer"}),
		gaps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tenor_event_gaps_total", Help: "Events before which a version of their aggregate is missing.",
		}, []string{"consumer"}),
		deadLetters: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tenor_event_dead_letters_total", Help: "Events that could not be handled.",
		}, []string{"consumer"}),
		forgotten: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tenor_inbox_rows_pruned_total", Help: "Handled events that the inbox no longer knows.",
		}, []string{"consumer"}),
	}
	registry.MustRegister(m.latency, m.gaps, m.deadLetters, m.forgotten)
	return m
}
