// Package harness owns how a scenario of the bench runs: the arrival of
// operations, their latencies, the database and the brokers that a run needs,
// progress in a terminal, and that a run whose result is wrong fails.
//
// It must not know any scenario, nor what an operation does.
package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"golang.org/x/term"

	"github.com/tenor-lending/tenor/bench/result"
)

// Scenario is one row of the table of scenarios.
type Scenario struct {
	Name string
	// What says in a sentence what is measured.
	What string
	// Run measures, reports through b, and checks that the outcome is right.
	Run func(ctx context.Context, b *Bench) error
}

// Options are what the command line says about a run.
type Options struct {
	// Duration and Warmup hold for each load of a scenario.
	Duration, Warmup time.Duration
	// Rate makes loads open loops of that rate, Clients closed loops of so many;
	// with both zero each scenario has its own way.
	Rate    float64
	Clients int
	Seed    uint64
	// DSN and Seeds name servers that run already; otherwise they are started.
	DSN   string
	Seeds []string
	// Kafka runs scenarios of events on Apache Kafka as well.
	Kafka bool
	// Platform is the directory of a platform that runs already, by tenor up;
	// Tenor is the binary that is started otherwise.
	Platform, Tenor string
	// CPUProfile is a file for where the platform spends its processor time; "" for none.
	CPUProfile string
	// Child is the binary that drills start processes of this program from; empty
	// is this very program.
	Child string
	// Mutant is the deliberate bug that those processes have, "" for none.
	Mutant string
	// Gateway sends requests through the gateway instead of to the services.
	Gateway bool
	// Against names other ledgers to compare with, NAME=URL.
	Against []string
	// Stack starts what is not given.
	Stack *Stack
	// Scale multiplies the sizes of data sets: 1 is what the README states.
	Scale float64
	// Commit names the code that is measured.
	Commit string
	// Out receives the results, Err the progress.
	Out, Err io.Writer
}

// Bench is one run of one scenario.
type Bench struct {
	Options
	run      result.Run
	cleanups []func(context.Context) error
}

// ErrWrong means that a check of correctness failed: the figures do not count.
var ErrWrong = errors.New("wrong result")

const cleanupLimit = 2 * time.Minute

// Run runs a scenario to its end and returns its figures, also when it fails:
// Failure then says why they do not count.
func Run(ctx context.Context, s Scenario, o Options) result.Run {
	b := &Bench{Options: o}
	b.run.Scenario, b.run.What, b.run.Seed, b.run.Commit = s.Name, s.What, o.Seed, o.Commit
	b.run.Metrics = []result.Metric{}
	b.run.Machine, b.run.Started = result.ThisMachine(), time.Now().UTC()
	b.sayf("\n%s: %s\n", s.Name, s.What)
	if load := result.LoadAverage(); load != "" {
		b.Note("load average of the machine before the run: %s", load)
	}
	err := s.Run(ctx, b)
	cleanCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
	defer cancel()
	for i := len(b.cleanups) - 1; i >= 0; i-- {
		err = errors.Join(err, b.cleanups[i](cleanCtx))
	}
	b.run.Took = time.Since(b.run.Started)
	if err != nil {
		b.run.Failure = err.Error()
		b.sayf("  FAILED: %v\n", err)
	}
	return b.run
}

// Cleanup registers fn to run after the scenario, the last one first.
func (b *Bench) Cleanup(fn func(context.Context) error) { b.cleanups = append(b.cleanups, fn) }

// Metric reports a figure.
func (b *Bench) Metric(name string, value float64, unit string) {
	b.run.Metrics = append(b.run.Metrics, result.Metric{Name: name, Value: value, Unit: unit})
}

// Note adds a sentence to the report.
func (b *Bench) Note(format string, args ...any) {
	b.run.Notes = append(b.run.Notes, fmt.Sprintf(format, args...))
	b.sayf("  "+format+"\n", args...)
}

// Plot adds a picture to the report.
func (b *Bench) Plot(p result.Plot) { b.run.Plots = append(b.run.Plots, p) }

// Table prints figures side by side and adds them to the report.
func (b *Bench) Table(t result.Table) {
	b.run.Tables = append(b.run.Tables, t)
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.SetTitle(t.Title)
	w.AppendHeader(row(t.Header))
	for _, r := range t.Rows {
		w.AppendRow(row(r))
	}
	_, _ = fmt.Fprintln(b.Out, w.Render()) // a terminal that is gone needs no table
}

func row(cells []string) table.Row {
	r := make(table.Row, len(cells))
	for i, cell := range cells {
		r[i] = cell
	}
	return r
}

// Check holds a statement about the outcome to be true. When it is not, the run
// fails with ErrWrong.
func (b *Bench) Check(ok bool, format string, args ...any) error {
	text := fmt.Sprintf(format, args...)
	if !ok {
		return fmt.Errorf("%w: not true that %s", ErrWrong, text)
	}
	b.run.Checks = append(b.run.Checks, text)
	b.sayf("  checked: %s\n", text)
	return nil
}

// Sized returns a size of a data set at the scale of the run, at least one.
func (b *Bench) Sized(n int) int {
	if b.Scale <= 0 {
		return n
	}
	return max(1, int(float64(n)*b.Scale))
}

// Load runs a load in the way that the command line asks for, shows progress,
// and returns what it measured. Operations that failed are the caller's to
// judge: see Stats.Err.
func (b *Bench) Load(ctx context.Context, load Load) Stats {
	load.Seed, load.Warmup, load.Duration = b.Seed, b.Warmup, b.Duration
	switch {
	case b.Clients > 0:
		load.Rate, load.Clients = 0, b.Clients
	case b.Rate > 0:
		load.Rate = b.Rate
	}
	show := newProgress(b.Err, load)
	stats := Drive(ctx, load, show.tick)
	show.end(stats)
	return stats
}

func (b *Bench) sayf(format string, args ...any) { _, _ = fmt.Fprintf(b.Err, format, args...) }

// progress shows a load while it runs: one line that changes in a terminal, a
// line now and then in a log.
type progress struct {
	w        io.Writer
	load     Load
	terminal bool
	shown    time.Duration
}

const logEvery = 10 * time.Second

func newProgress(w io.Writer, load Load) *progress {
	file, ok := w.(*os.File)
	return &progress{w: w, load: load, terminal: ok && term.IsTerminal(int(file.Fd()))}
}

func (p *progress) tick(elapsed time.Duration, point Point, failed int64) {
	if !p.terminal && elapsed-p.shown < logEvery {
		return
	}
	p.shown = elapsed
	phase := "warm-up"
	if elapsed > p.load.Warmup {
		phase = fmt.Sprintf("%3.0f%%", 100*min(1, (elapsed-p.load.Warmup).Seconds()/p.load.Duration.Seconds()))
	}
	start, end := "  ", "\n"
	if p.terminal {
		start, end = "\r\x1b[K  ", ""
	}
	_, _ = fmt.Fprintf(p.w, "%s%s %s  %s/s  p50 %s  p99 %s  failed %d%s", start, p.load.Name, phase,
		Count(point.PerSecond), Short(point.P50), Short(point.P99), failed, end)
}

func (p *progress) end(s Stats) {
	start := "  "
	if p.terminal {
		start = "\r\x1b[K  "
	}
	_, _ = fmt.Fprintf(p.w, "%s%s: %s/s  p50 %s  p95 %s  p99 %s  max %s  counted %d  failed %d\n", start, p.load.Name,
		Count(s.PerSecond), Short(s.P50), Short(s.P95), Short(s.P99), Short(s.Max), s.Count, s.Failed)
}
