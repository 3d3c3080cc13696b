package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/tenor-lending/tenor/bench/faults"
	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/report"
	"github.com/tenor-lending/tenor/bench/result"
)

// Defaults of the flags.
const (
	defaultDuration = 30 * time.Second
	defaultWarmup   = 3 * time.Second
	defaultSeed     = 1
	defaultDir      = ".dev/bench"
	defaultTenor    = "bin/tenor"
)

// outputs are where results go beside the terminal.
type outputs struct{ json, report string }

// parseRun reads the flags of `bench run`; names and flags may be mixed.
func parseRun(args []string, w io.Writer) (names []string, o harness.Options, to outputs, dir string, err error) {
	flags := flag.NewFlagSet("bench run", flag.ContinueOnError)
	flags.SetOutput(w)
	var seeds string
	flags.DurationVar(&o.Duration, "duration", defaultDuration, "length of each load, without its warm-up")
	flags.DurationVar(&o.Warmup, "warmup", defaultWarmup, "what comes before it and is not counted")
	flags.Float64Var(&o.Rate, "rate", 0, "open loop: operations due a second, whatever the answers do")
	flags.IntVar(&o.Clients, "clients", 0, "closed loop: clients that send again when they have their answer")
	flags.Uint64Var(&o.Seed, "seed", defaultSeed, "of arrivals and data")
	flags.Float64Var(&o.Scale, "scale", 1, "multiplies the sizes of data sets")
	flags.StringVar(&o.DSN, "dsn", "", "postgres:// URL of a running server, instead of starting one")
	flags.StringVar(&seeds, "seeds", "", "host:port of running Kafka brokers, comma-separated, instead of starting one")
	flags.BoolVar(&o.Kafka, "kafka", false, "measure events on Apache Kafka as well (needs Java)")
	flags.StringVar(&o.Tenor, "tenor", defaultTenor, "binary of the platform that is started")
	flags.StringVar(&o.CPUProfile, "cpuprofile", "",
		"file for where the platform that is started spends its processor time (go tool pprof)")
	flags.Func("against", "peers: another ledger, formance=URL or blnk=URL; may be repeated", func(text string) error {
		o.Against = append(o.Against, text)
		return nil
	})
	flags.StringVar(&o.Child, "child", "", "binary of this program for the processes of a drill (mutants)")
	flags.StringVar(&o.Platform, "platform", "", "directory of a running tenor up, instead of starting one; with --dsn")
	flags.BoolVar(&o.Gateway, "gateway", false, "send requests through the gateway, not to the services' own ports")
	flags.StringVar(&dir, "dir", defaultDir, "where data is kept during the run; emptied before and after")
	flags.StringVar(&to.json, "json", "", "file that gets one JSON object a scenario")
	flags.StringVar(&to.report, "report", "", "directory that gets the report: report.html, report.md, runs.json")
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return nil, o, to, dir, err
		}
		args = flags.Args()
		if len(args) > 0 {
			names, args = append(names, args[0]), args[1:]
		}
	}
	if seeds != "" {
		o.Seeds = strings.Split(seeds, ",")
	}
	if o.Rate > 0 && o.Clients > 0 {
		return nil, o, to, dir, errors.New("--rate is an open loop and --clients a closed one: give one of them")
	}
	if o.Duration <= 0 || o.Warmup < 0 || o.Rate < 0 || o.Clients < 0 || o.Scale <= 0 {
		return nil, o, to, dir, errors.New("durations, rates, clients and scale are not negative")
	}
	return names, o, to, dir, nil
}

func runCommand(ctx context.Context, args []string, out, log io.Writer) int {
	names, options, to, dir, err := parseRun(args, log)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	picked, pickErr := pick(names)
	if err = errors.Join(err, pickErr); err != nil {
		_, _ = fmt.Fprintf(log, "bench run: %v\n", err)
		return exitUsage
	}
	options.Out, options.Err, options.Commit = out, log, result.Commit(ctx)
	runs, err := runAll(ctx, picked, options, dir)
	err = errors.Join(err, write(runs, to))
	failed := 0
	for _, run := range runs {
		if run.Failure != "" {
			failed++
			_, _ = fmt.Fprintf(log, "bench run: %s does not count: %s\n", run.Scenario, run.Failure)
		}
	}
	if err != nil {
		_, _ = fmt.Fprintf(log, "bench run: %v\n", err)
	}
	if err != nil || failed > 0 {
		return exitFailed
	}
	return 0
}

// runAll runs the scenarios one after the other on one stack.
func runAll(ctx context.Context, picked []harness.Scenario, o harness.Options, dir string) ([]result.Run, error) {
	stack, err := harness.NewStack(dir, func(line string) { _, _ = fmt.Fprintln(o.Err, "  "+line) })
	if err != nil {
		return nil, err
	}
	o.Stack = stack
	var runs []result.Run
	for _, scenario := range picked {
		if ctx.Err() != nil {
			err = fmt.Errorf("stopped before %s: %w", scenario.Name, context.Cause(ctx))
			break
		}
		run := harness.Run(ctx, scenario, o)
		_, _ = fmt.Fprintf(o.Err, "  on %s, commit %s, seed %d, took %s\n", run.Machine, run.Commit, run.Seed,
			run.Took.Round(time.Second))
		runs = append(runs, run)
	}
	return runs, errors.Join(err, stack.Stop())
}

func write(runs []result.Run, to outputs) error {
	if to.json != "" {
		file, err := os.Create(to.json)
		if err != nil {
			return err
		}
		if err := errors.Join(result.Write(file, runs), file.Close()); err != nil {
			return err
		}
	}
	if to.report == "" {
		return nil
	}
	return report.Write(to.report, runs)
}

// mutantsCommand drills platforms with deliberate bugs: each has to be caught.
func mutantsCommand(ctx context.Context, args []string, out, log io.Writer) int {
	names, options, to, dir, err := parseRun(args, log)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		_, _ = fmt.Fprintf(log, "bench mutants: %v\n", err)
		return exitUsage
	}
	options.Out, options.Err, options.Commit = out, log, result.Commit(ctx)
	runs, err := faults.Mutants(ctx, options, names, dir)
	if err = errors.Join(err, write(runs, to)); err != nil {
		_, _ = fmt.Fprintf(log, "bench mutants: %v\n", err)
		return exitFailed
	}
	return 0
}

// compareCommand lays two reports side by side.
func compareCommand(args []string, out, log io.Writer) int {
	if len(args) != 2 {
		usage(log)
		return exitUsage
	}
	before, err := report.Load(args[0])
	if err == nil {
		var after []result.Run
		after, err = report.Load(args[1])
		if err == nil {
			err = report.Compare(out, before, after)
		}
	}
	if err != nil {
		_, _ = fmt.Fprintf(log, "bench compare: %v\n", err)
		return exitFailed
	}
	return 0
}
