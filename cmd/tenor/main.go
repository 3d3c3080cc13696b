// Command tenor is every role of the platform and its tools in one binary.
//
// It owns the table of roles and the wiring of a process; rules live in the
// packages that it starts.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	_ "time/tzdata" // a bare image has no time zones
)

// version is set when a release is built.
var version = "0.1.0-dev"

// Exit codes beside 0.
const (
	exitFailed = 1
	exitUsage  = 2
)

// streams are a command's standard streams.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// subcommand is one word after `tenor`.
type subcommand struct {
	name, args, summary string
	run                 func(ctx context.Context, args []string, std streams) int
}

func subcommands() []subcommand {
	return []subcommand{
		{"list", "", "list the roles with their ports and databases", listCommand},
		{"run", "ROLE…|all [flags]", "run roles until interrupted", runCommand},
		{"migrate", "[DATABASE…] [flags]", "create the databases and bring them to the newest schema", migrateCommand},
		{"demo", "[flags]", "walk a loan from registration to closing, check every figure, stop", demoCommand},
		{"up", "[flags]", "keep the whole platform running on embedded parts", upCommand},
		{"token", "NAME", "print an access token of the platform that `tenor up` runs", tokenCommand},
		{"openapi", "", "print the merged OpenAPI document of all services", openapiCommand},
		{
			"ledger", "verify|export … [flags]", "verify the journal against its hash chain, or write it to a file",
			ledgerCommand,
		},
		{
			"dead-letters", "list|replay CONSUMER [flags]", "look at events that could not be handled, or send them again",
			deadLettersCommand,
		},
		{"close-of-day", "--through DATE [flags]", "close business days and show the progress", closeOfDayCommand},
		{"schedule", "[flags]", "print the schedule of a loan: table, CSV, JSON, Markdown, or drawn", scheduleCommand},
		{"apr", "[flags]", "print the annual percentage rates of a loan or of cash flows", aprCommand},
		{"conform", "FILE… [flags]", "run files of test vectors", conformCommand},
		{"version", "", "print the version", versionCommand},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := dispatch(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

func dispatch(ctx context.Context, args []string, std streams) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(std.out)
		return 0
	}
	for _, c := range subcommands() {
		if c.name == args[0] {
			return c.run(ctx, args[1:], std)
		}
	}
	say(std.err, "tenor: no command %q\n\n", args[0])
	usage(std.err)
	return exitUsage
}

func usage(w io.Writer) {
	say(w, "Tenor runs loans, from registration to the last cent repaid.\n\nUsage: tenor COMMAND\n\n")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range subcommands() {
		say(table, "  %s %s\t%s\n", c.name, c.args, c.summary)
	}
	_ = table.Flush() // a terminal that is gone needs no usage
	say(w, "\nEvery setting is an environment variable TENOR_… and a flag: tenor run --help lists them.\n")
}

// say prints to a terminal or a pipe; when that is gone there is nobody to tell.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

func versionCommand(_ context.Context, _ []string, std streams) int {
	say(std.out, "tenor %s\n", version)
	return 0
}
