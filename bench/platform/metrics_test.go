package platform

import (
	"math"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// TestSharesAreOfWhatWasObserved reads a histogram as a process prints it: all
// that was observed is in the bucket without a bound, and counts once.
func TestSharesAreOfWhatWasObserved(t *testing.T) {
	t.Parallel()
	const page = `# TYPE lag histogram
lag_bucket{consumer="notification",le="0.05"} 3
lag_bucket{consumer="notification",le="1"} 4
lag_bucket{consumer="notification",le="+Inf"} 4
lag_sum{consumer="notification"} 1
lag_count{consumer="notification"} 4
`
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	g := gauge{families: families}
	counts := g.histogram("lag", "consumer", "notification")
	for bound, want := range map[float64]float64{0.05: 75, 1: 100, math.Inf(1): 100} {
		if got := within(nil, counts, bound); got != want {
			t.Errorf("within %g: %g %%, want %g %%", bound, got, want)
		}
	}
}
