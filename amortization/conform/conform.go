package conform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ErrFormat means a file is not a vector file of this format.
var ErrFormat = errors.New("not a vector file of format 1")

// fileBytesMax bounds a vector file.
const fileBytesMax = 64 << 20

// Vector is one case.
type Vector struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	// AlsoAt lists other places with the same content.
	AlsoAt []string `json:"also_at,omitempty"`
	// Status "unreproduced" skips the vector, for Reason.
	Status string `json:"status,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Inputs and Expected belong to the runner of the kind.
	Inputs   json.RawMessage `json:"inputs"`
	Expected json.RawMessage `json:"expected"`
}

// Runner runs a vector of its kind. It returns nil when the result is as
// expected, a *Difference when it is not, and any other error when the vector
// cannot be run.
type Runner func(Vector) error

// Runners are the runners by kind.
type Runners map[string]Runner

// Default returns the runners of this package: kind "schedule".
func Default() Runners { return Runners{"schedule": Schedule} }

// Difference is the first place where a result is not as expected.
type Difference struct {
	// Row says which row or total differs, such as "instalment 3".
	Row string `json:"row"`
	// Field, Want and Got are what differs.
	Field string `json:"field"`
	Want  string `json:"want"`
	Got   string `json:"got"`
}

// Error describes the difference.
func (d *Difference) Error() string {
	return fmt.Sprintf("%s: %s is %s, want %s", d.Row, d.Field, d.Got, d.Want)
}

// Read returns the vectors of a file. The error is ErrFormat or of the reader.
func Read(r io.Reader) ([]Vector, error) {
	data, err := io.ReadAll(io.LimitReader(r, fileBytesMax+1))
	if err != nil {
		return nil, err
	}
	if len(data) > fileBytesMax {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrFormat, fileBytesMax)
	}
	var file struct {
		Format  int      `json:"format"`
		Vectors []Vector `json:"vectors"`
	}
	if err := Strict(data, &file); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if file.Format != 1 {
		return nil, fmt.Errorf("%w: format %d", ErrFormat, file.Format)
	}
	return file.Vectors, nil
}

// Strict decodes JSON and refuses unknown fields and anything after the value.
func Strict(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// Failure is a vector that did not pass, and why.
type Failure struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`
	Error string `json:"error"`
	// Difference is the first difference, where the vector could be run.
	Difference *Difference `json:"difference,omitempty"`
}

// Count counts the vectors of a kind.
type Count struct {
	Kind   string `json:"kind"`
	Passed int    `json:"passed"`
	Failed int    `json:"failed"`
	// Skipped are tagged as unreproduced by their source.
	Skipped int `json:"skipped"`
}

// Report is the outcome of a run, in the order of the vectors.
type Report struct {
	Counts   []Count   `json:"counts"`
	Failures []Failure `json:"failures"`
}

// Passed reports whether no vector failed.
func (r *Report) Passed() bool { return len(r.Failures) == 0 }

// Run runs the vectors of the kind, or of every kind when it is "". A kind
// without a runner fails: nothing is passed over in silence.
func Run(vectors []Vector, runners Runners, kind string) *Report {
	report := &Report{Counts: []Count{}, Failures: []Failure{}}
	for _, v := range vectors {
		if kind != "" && v.Kind != kind {
			continue
		}
		at := slices.IndexFunc(report.Counts, func(c Count) bool { return c.Kind == v.Kind })
		if at < 0 {
			at = len(report.Counts)
			report.Counts = append(report.Counts, Count{Kind: v.Kind})
		}
		count := &report.Counts[at]
		if v.Status == "unreproduced" {
			count.Skipped++
			continue
		}
		if err := run(v, runners); err != nil {
			count.Failed++
			failure := Failure{ID: v.ID, Kind: v.Kind, Error: err.Error()}
			_ = errors.As(err, &failure.Difference) // else it stays nil
			report.Failures = append(report.Failures, failure)
			continue
		}
		count.Passed++
	}
	return report
}

func run(v Vector, runners Runners) error {
	if v.Status != "" {
		return fmt.Errorf("%w: unknown status %q", ErrFormat, v.Status)
	}
	runner, ok := runners[v.Kind]
	if !ok {
		return fmt.Errorf("no runner for kind %q", v.Kind)
	}
	return runner(v)
}
