// Package report makes what people read of the bench's results: one HTML page
// that needs no network, the same as Markdown with pictures beside it, and two
// reports laid side by side.
//
// It must not run anything; it knows results only.
package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/tenor-lending/tenor/bench/result"
)

// Names of the files of a report.
const (
	htmlName = "report.html"
	textName = "report.md"
	// DataName holds the runs, for Compare.
	DataName = "runs.json"
)

const (
	dirMode  = 0o755
	fileMode = 0o644
)

//go:embed report.html.tmpl
var pageText string

var page = template.Must(template.New("report").Parse(pageText))

// view is one run as the page shows it.
type view struct {
	result.Run
	Pictures []template.HTML
	// files are the pictures' names, in the order of Pictures.
	files []string
	svgs  [][]byte
}

// Write makes the report of runs in a directory, which it creates.
func Write(dir string, runs []result.Run) error {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("making the report's directory: %w", err)
	}
	views := make([]view, len(runs))
	for i, run := range runs {
		v, err := newView(run)
		if err != nil {
			return err
		}
		views[i] = v
	}
	var html bytes.Buffer
	if err := page.Execute(&html, views); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	data, err := json.MarshalIndent(runs, "", " ")
	if err != nil {
		return fmt.Errorf("encoding the runs: %w", err)
	}
	files := map[string][]byte{htmlName: html.Bytes(), textName: []byte(markdown(views)), DataName: append(data, '\n')}
	for _, v := range views {
		for i, name := range v.files {
			files[name] = v.svgs[i]
		}
	}
	var errs []error
	for name, content := range files {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), content, fileMode))
	}
	return errors.Join(errs...)
}

var notWord = regexp.MustCompile(`[^a-z0-9]+`)

// svgHead is what a picture inside of a page does without.
var svgHead = regexp.MustCompile(`(?s)^.*?(<svg)`)

func newView(run result.Run) (view, error) {
	v := view{Run: run}
	for _, p := range run.Plots {
		svg, err := drawSVG(p)
		if err != nil {
			return view{}, err
		}
		if svg == nil {
			continue
		}
		name := run.Scenario + "-" + strings.Trim(notWord.ReplaceAllString(strings.ToLower(p.Title), "-"), "-") + ".svg"
		v.files, v.svgs = append(v.files, name), append(v.svgs, svg)
		inline := svgHead.ReplaceAll(svg, []byte("$1"))
		v.Pictures = append(v.Pictures, template.HTML(inline)) //nolint:gosec // drawn by us
	}
	return v, nil
}

// Number writes a figure as a report shows it.
func Number(v float64) string {
	const thousand, precision = 1000, 4
	if v == float64(int64(v)) || v >= thousand || v <= -thousand {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', precision, 64)
}

func (v view) TookText() string { return v.Took.Round(time.Second).String() }

func markdown(views []view) string {
	var b strings.Builder
	b.WriteString("# Bench report\n")
	for _, v := range views {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n%s. Commit %s, seed %d, %s, took %s.\n", v.Scenario, v.What, v.Machine, v.Commit,
			v.Seed, v.Started.Format(time.RFC3339), v.TookText())
		if v.Failure != "" {
			fmt.Fprintf(&b, "\n**Does not count: %s**\n", v.Failure)
		}
		for _, t := range v.Tables {
			fmt.Fprintf(&b, "\n%s\n\n%s\n", t.Title, markdownTable(t))
		}
		if len(v.Notes) > 0 {
			b.WriteString("\n")
		}
		for _, note := range v.Notes {
			fmt.Fprintf(&b, "- %s\n", note)
		}
		if len(v.Checks) > 0 {
			b.WriteString("\nChecked:\n\n")
		}
		for _, check := range v.Checks {
			fmt.Fprintf(&b, "- %s\n", check)
		}
		for _, name := range v.files {
			fmt.Fprintf(&b, "\n![%s](%s)\n", strings.TrimSuffix(name, ".svg"), name)
		}
	}
	return b.String()
}

func markdownTable(t result.Table) string {
	w := table.NewWriter()
	w.AppendHeader(cells(t.Header))
	for _, r := range t.Rows {
		w.AppendRow(cells(r))
	}
	return w.RenderMarkdown()
}

func cells(texts []string) table.Row {
	r := make(table.Row, len(texts))
	for i, text := range texts {
		r[i] = text
	}
	return r
}

// Load reads the runs of a report.
func Load(dir string) ([]result.Run, error) {
	data, err := os.ReadFile(filepath.Join(dir, DataName)) //nolint:gosec // named by the user
	if err != nil {
		return nil, fmt.Errorf("reading a report: %w", err)
	}
	var runs []result.Run
	if err := json.Unmarshal(data, &runs); err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, DataName), err)
	}
	return runs, nil
}

// Compare writes the metrics of two reports side by side as a Markdown table,
// with how many times the second is the first.
func Compare(w io.Writer, before, after []result.Run) error {
	t := result.Table{Header: []string{"scenario", "metric", "unit", "before", "after", "after / before"}}
	for _, old := range before {
		for _, now := range after {
			if now.Scenario != old.Scenario {
				continue
			}
			for _, m := range old.Metrics {
				value, ok := now.Metric(m.Name)
				if !ok {
					continue
				}
				ratio := "n/a"
				if m.Value != 0 {
					ratio = Number(value/m.Value) + "x"
				}
				t.Rows = append(t.Rows, []string{old.Scenario, m.Name, m.Unit, Number(m.Value), Number(value), ratio})
			}
		}
	}
	if len(t.Rows) == 0 {
		return errors.New("the two reports have no metric in common")
	}
	_, err := fmt.Fprintf(w, "before: %s, commit %s\nafter: %s, commit %s\n\n%s\n", before[0].Machine, before[0].Commit,
		after[0].Machine, after[0].Commit, markdownTable(t))
	return err
}
