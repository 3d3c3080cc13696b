package platform

import (
	"context"
	"fmt"
	"math"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/tenor-lending/tenor/bench/harness"
)

// gauge is what the platform counted of itself at some instant.
type gauge struct {
	families   map[string]*dto.MetricFamily
	commits    int64
	processors processors
}

// look reads the platform's own metrics and the database's count of commits.
func (p *platform) look(ctx context.Context) (gauge, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet,
		fmt.Sprintf("http://127.0.0.1:%d/metrics", portLedger+p.offset), http.NoBody)
	if err != nil {
		return gauge{}, err
	}
	response, err := p.plain.RoundTrip(request)
	if err != nil {
		return gauge{}, fmt.Errorf("reading metrics: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return gauge{}, fmt.Errorf("reading metrics: %w", err)
	}
	g := gauge{families: families, processors: p.processors(ctx)}
	g.commits, err = p.commits(ctx)
	return g, err
}

// histogram sums the histograms of a family whose label has the value.
func (g gauge) histogram(family, label, value string) map[float64]float64 {
	counts := map[float64]float64{}
	found := g.families[family]
	if found == nil {
		return counts
	}
	for _, metric := range found.GetMetric() {
		for _, pair := range metric.GetLabel() {
			if pair.GetName() != label || pair.GetValue() != value {
				continue
			}
			for _, bucket := range metric.GetHistogram().GetBucket() { // the last one, without a bound, among them
				counts[bucket.GetUpperBound()] += float64(bucket.GetCumulativeCount())
			}
		}
	}
	return counts
}

// sums returns sum and count of the histograms of a family with the label.
func (g gauge) sums(family, label, value string) (sum, count float64) {
	found := g.families[family]
	if found == nil {
		return 0, 0
	}
	for _, metric := range found.GetMetric() {
		for _, pair := range metric.GetLabel() {
			if pair.GetName() == label && pair.GetValue() == value {
				sum += metric.GetHistogram().GetSampleSum()
				count += float64(metric.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum, count
}

// within returns the share, in percent, of what was observed between two looks
// that took at most bound seconds; NaN if nothing was.
func within(before, after map[float64]float64, bound float64) float64 {
	all := after[math.Inf(1)] - before[math.Inf(1)]
	const percent = 100
	return percent * (after[bound] - before[bound]) / all
}

// report tells what the platform says about itself for the work done between
// two looks.
func (g gauge) report(b *harness.Bench, after gauge, work int64) {
	const attempts, handled = "tenor_tx_attempts", "tenor_event_commit_to_handled_seconds"
	sumBefore, countBefore := g.sums(attempts, "database", "core")
	sum, count := after.sums(attempts, "database", "core")
	if work > 0 {
		b.Metric("transactions_per_unit", (count-countBefore)/float64(work), "1")
		b.Metric("commits_per_unit", float64(after.commits-g.commits)/float64(work), "1")
	}
	if count > countBefore {
		b.Metric("attempts_per_transaction", (sum-sumBefore)/(count-countBefore), "1")
		b.Note("transactions on the core database: %.2f a unit of work, %.2f attempts each",
			(count-countBefore)/float64(max(1, work)), (sum-sumBefore)/(count-countBefore))
	}
	g.processors.report(b, after.processors, work)
	was, is := g.histogram(handled, "consumer", "notification"), after.histogram(handled, "consumer", "notification")
	for _, bound := range []float64{0.02, 0.05, 0.1, 1} {
		share := within(was, is, bound)
		if !math.IsNaN(share) {
			b.Metric(fmt.Sprintf("notified_within_%g_ms", bound*1000), share, "%")
			b.Note("%.1f %% of events were handled by notification within %g ms of their fact", share, bound*1000)
		}
	}
}
