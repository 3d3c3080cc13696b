// Package result owns what a run of the bench leaves behind: its figures, the
// machine that they were taken on, and what a report draws of them.
//
// It must not run anything, nor know any scenario.
package result

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Metric is one figure of a run.
type Metric struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	// Unit is "1/s", "ms", "us", "s", "x" for a ratio, "%", "1" for a count or "MiB".
	Unit string `json:"unit"`
}

// Result is the outcome of one scenario, in the form for other programs.
type Result struct {
	Scenario string   `json:"scenario"`
	Metrics  []Metric `json:"metrics"`
	Seed     uint64   `json:"seed"`
	Commit   string   `json:"commit"`
	Machine  Machine  `json:"machine"`
}

// Run is a Result with what people want to see of it.
type Run struct {
	Result
	What    string        `json:"what"`
	Started time.Time     `json:"started"`
	Took    time.Duration `json:"took_ns"`
	Tables  []Table       `json:"tables,omitempty"`
	Plots   []Plot        `json:"plots,omitempty"`
	Notes   []string      `json:"notes,omitempty"`
	// Checks are the statements about correctness that were held to be true.
	Checks []string `json:"checks,omitempty"`
	// Failure is why the run does not count, or "".
	Failure string `json:"failure,omitempty"`
}

// Metric returns the value of a metric, and whether there is one of that name.
func (r Result) Metric(name string) (float64, bool) {
	for _, m := range r.Metrics {
		if m.Name == name {
			return m.Value, true
		}
	}
	return 0, false
}

// Table is a few figures side by side, as text.
type Table struct {
	Title  string     `json:"title"`
	Header []string   `json:"header"`
	Rows   [][]string `json:"rows"`
}

// Plot is a picture to be drawn.
type Plot struct {
	Title  string `json:"title"`
	XLabel string `json:"x_label"`
	YLabel string `json:"y_label"`
	// Log draws both axes logarithmically, to show how cost grows with work.
	Log   bool   `json:"log,omitempty"`
	Lines []Line `json:"lines"`
}

// Line is one curve of a Plot.
type Line struct {
	Name   string       `json:"name"`
	Points [][2]float64 `json:"points"`
}

// Write writes results for other programs: one JSON object a line.
func Write(w io.Writer, runs []Run) error {
	encoder := json.NewEncoder(w)
	for _, run := range runs {
		if err := encoder.Encode(run.Result); err != nil {
			return fmt.Errorf("writing the result of %s: %w", run.Scenario, err)
		}
	}
	return nil
}
