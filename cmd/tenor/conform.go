package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"text/tabwriter"

	"github.com/tenor-lending/tenor/amortization/conform"
	legacy "github.com/tenor-lending/tenor/servicing/legacy/conform"
)

// vectorBytesMax bounds a file of vectors.
const vectorBytesMax = 64 << 20

// conformRunners are the runners of every kind of vector.
func conformRunners() conform.Runners {
	runners := conform.Default()
	maps.Copy(runners, legacy.Runners())
	return runners
}

// conformCommand runs files of vectors. It exits with 0 only when every vector
// that was to run has passed.
func conformCommand(_ context.Context, args []string, std streams) int {
	set := flag.NewFlagSet("tenor conform", flag.ContinueOnError)
	set.SetOutput(std.err)
	explain(set, `FILE… runs files of test vectors and prints, for each that fails, the first difference.`)
	kind := set.String("kind", "", "run only vectors of this `kind`")
	asJSON := set.Bool("json", false, "print JSON")
	files, code, done := parseMixed(set, args)
	if done {
		return code
	}
	if len(files) == 0 {
		say(std.err, "tenor conform: need a file of vectors; - is standard input\n")
		return exitUsage
	}
	var vectors []conform.Vector
	for _, name := range files {
		data, err := readInput(name, std.in, vectorBytesMax)
		if err != nil {
			say(std.err, "tenor conform: %v\n", err)
			return exitUsage
		}
		read, err := conform.Read(bytes.NewReader(data))
		if err != nil {
			say(std.err, "tenor conform: %s: %v\n", inputName(name), err)
			return exitUsage
		}
		vectors = append(vectors, read...)
	}
	report := conform.Run(vectors, conformRunners(), *kind)
	if len(report.Counts) == 0 {
		say(std.err, "tenor conform: no vector of kind %q\n", *kind)
		return exitUsage
	}
	if err := printConform(std.out, report, *asJSON); err != nil {
		return exitFailed
	}
	if !report.Passed() {
		return exitFailed
	}
	return 0
}

// parseMixed parses flags that stand before or after the files.
func parseMixed(set *flag.FlagSet, args []string) (files []string, code int, done bool) {
	for {
		if code, done := parseFlags(set, args); done {
			return nil, code, true
		}
		if set.NArg() == 0 {
			return files, 0, false
		}
		files, args = append(files, set.Arg(0)), set.Args()[1:]
	}
}

func printConform(w io.Writer, report *conform.Report, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	for _, failure := range report.Failures {
		say(w, "%s\n    %s\n", failure.ID, failure.Error)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	say(table, "kind\tpassed\tfailed\tskipped\t\n")
	for _, c := range report.Counts {
		say(table, "%s\t%d\t%d\t%d\t\n", c.Kind, c.Passed, c.Failed, c.Skipped)
	}
	return table.Flush()
}
