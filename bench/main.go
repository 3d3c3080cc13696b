// Command bench measures Tenor: its throughput, its latencies, how its cost
// grows, each as a scenario whose outcome is checked for correctness.
//
// It owns the command line and the table of scenarios. A platform that is
// measured through HTTP runs in processes of its own.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"

	"github.com/tenor-lending/tenor/bench/faults"
)

// Exit codes beside 0.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := dispatch(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func dispatch(ctx context.Context, args []string, out, err io.Writer) int {
	if len(args) == 0 {
		usage(err)
		return exitUsage
	}
	switch args[0] {
	case "list":
		return list(out)
	case "run":
		return runCommand(ctx, args[1:], out, err)
	case "mutants":
		return mutantsCommand(ctx, args[1:], out, err)
	case "compare":
		return compareCommand(args[1:], out, err)
	case faults.ChildCommand:
		return childCommand(ctx, args[1:], err)
	case "help", "-h", "--help":
		usage(out)
		return 0
	}
	_, _ = fmt.Fprintf(err, "bench: no command %q\n\n", args[0])
	usage(err)
	return exitUsage
}

// childCommand is a process of a drill that this program has started itself.
func childCommand(ctx context.Context, args []string, log io.Writer) int {
	if err := faults.Child(ctx, args, log); err != nil {
		_, _ = fmt.Fprintf(log, "bench: %v\n", err)
		return exitFailed
	}
	return 0
}

func usage(w io.Writer) {
	_, _ = fmt.Fprint(w, `bench measures Tenor.

  go run ./bench list                         the scenarios
  go run ./bench run SCENARIO…|all [flags]    run them; bench run --help shows the flags
  go run ./bench compare DIR DIR              two reports side by side
  go run ./bench mutants [NAME…] [flags]      drill platforms with deliberate bugs; each has to be caught
`)
}

func list(out io.Writer) int {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range scenarios() {
		_, _ = fmt.Fprintf(w, "%s\t%s\n", s.Name, s.What)
	}
	_ = w.Flush() // a terminal that is gone needs no list
	return 0
}
