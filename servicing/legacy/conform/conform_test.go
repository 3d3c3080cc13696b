package conform_test

import (
	"os"
	"testing"

	vectors "github.com/tenor-lending/tenor/amortization/conform"
	"github.com/tenor-lending/tenor/servicing/legacy/conform"
)

// TestVectorFile runs the file named by TENOR_TEST_VECTORS, where there is one.
func TestVectorFile(t *testing.T) {
	t.Parallel()
	name := os.Getenv("TENOR_TEST_VECTORS")
	if name == "" {
		t.Skip("NOT RUN: TENOR_TEST_VECTORS names no file of vectors")
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	all, err := vectors.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	least := map[string]int{"events": 255, "journal": 42} // only ever grows
	for kind, passes := range least {
		report := vectors.Run(all, conform.Runners(), kind)
		for _, failure := range report.Failures {
			t.Logf("%s: %s", failure.ID, failure.Error)
		}
		if len(report.Counts) != 1 || report.Counts[0].Passed < passes {
			t.Errorf("%s: %+v, want at least %d passes", kind, report.Counts, passes)
		}
		t.Logf("%+v", report.Counts)
	}
}
