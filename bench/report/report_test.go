package report

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/bench/result"
)

func sample(value float64) result.Run {
	return result.Run{
		Result: result.Result{
			Scenario: "events", Seed: 1, Commit: "abc",
			Metrics: []result.Metric{{Name: "p99", Value: value, Unit: "ms"}, {Name: "zero", Value: 0, Unit: "1"}},
			Machine: result.Machine{CPU: "a <cpu>", Cores: 2, Memory: 24_000, Database: "PostgreSQL 15", Fsync: "on"},
		},
		What: "a sentence", Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Took: time.Minute,
		Tables: []result.Table{{Title: "t", Header: []string{"a", "b"}, Rows: [][]string{{"1", "<2>"}}}},
		Plots: []result.Plot{
			{
				Title: "Grows", XLabel: "n", YLabel: "ms", Log: true,
				Lines: []result.Line{{Name: "p50", Points: [][2]float64{{0, 1}, {1, 2}, {10, 30}}}},
			},
			{Title: "Empty", Lines: []result.Line{{Name: "none"}}},
		},
		Checks: []string{"stored once"},
	}
}

// TestReportNeedsNoNetwork holds that the page has its pictures inside, escapes
// what it is given, and loads nothing.
func TestReportNeedsNoNetwork(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	run := sample(12.5)
	if err := Write(dir, []result.Run{run}); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, htmlName))
	if err != nil {
		t.Fatal(err)
	}
	html := string(page)
	for _, want := range []string{"<svg", "a &lt;cpu&gt;", "&lt;2&gt;", "stored once"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, loads := range []string{"<script", "src=", "<link", "@import", "url(http"} {
		if strings.Contains(html, loads) {
			t.Errorf("the page has %q", loads)
		}
	}
	if got := strings.Count(html, "<svg"); got != 1 {
		t.Errorf("%d pictures, want one: the other plot has no points", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "events-grows.svg")); err != nil {
		t.Error(err)
	}
	back, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]result.Run{run}, back); diff != "" {
		t.Errorf("runs read back:\n%s", diff)
	}
}

func TestCompareLaysReportsSideBySide(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Compare(&out, []result.Run{sample(10)}, []result.Run{sample(25)}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| events | p99 | ms | 10 | 25 | 2.5x |", "| zero | 1 | 0 | 0 | n/a |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the comparison lacks %q:\n%s", want, out.String())
		}
	}
	other := sample(1)
	other.Scenario = "apr"
	if err := Compare(&out, []result.Run{sample(10)}, []result.Run{other}); err == nil {
		t.Error("reports without a common metric were compared")
	}
}

func TestResultsForOtherPrograms(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := result.Write(&out, []result.Run{sample(12.5)}); err != nil {
		t.Fatal(err)
	}
	want := `{"scenario":"events","metrics":[{"name":"p99","value":12.5,"unit":"ms"},` +
		`{"name":"zero","value":0,"unit":"1"}],"seed":1,"commit":"abc",` +
		`"machine":{"cpu":"a \u003ccpu\u003e","cores":2,"memory":24000,"database":"PostgreSQL 15","fsync":"on"}}` + "\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("JSON:\n%s", diff)
	}
}
