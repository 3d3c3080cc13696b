package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tenor-lending/tenor/bench/faults/verdict"
	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/mutant"
)

// errSurvived means that a deliberate bug was not found.
var errSurvived = errors.New("a deliberate bug was not caught")

// Mutants drills one platform after the other that has a deliberate bug, and
// tells which invariant caught it. Names pick some; none picks all. A bug that is
// not caught is an error.
func Mutants(ctx context.Context, o harness.Options, names []string, dir string) ([]result.Run, error) {
	picked, err := pickMutants(names)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // binaries, for anybody
		return nil, err
	}
	o.Tenor, o.Child = filepath.Join(dir, "tenor-mutant"), filepath.Join(dir, "bench-mutant")
	for binary, source := range map[string]string{o.Tenor: "./cmd/tenor", o.Child: "./bench"} {
		arguments := []string{"build", "-tags", "mutant", "-buildvcs=false", "-o", binary, source}
		build := exec.CommandContext(ctx, "go", arguments...) //nolint:gosec // our own
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building %s with its mutants: %w: %s", source, err, out)
		}
	}
	var runs []result.Run
	var errs []error
	for _, m := range picked {
		run, caught := drillMutant(ctx, o, m, filepath.Join(dir, "run"))
		if ctx.Err() != nil {
			return runs, context.Cause(ctx)
		}
		runs = append(runs, run)
		if len(caught) == 0 {
			errs = append(errs, fmt.Errorf("%w: %s (%s)", errSurvived, m.Name, m.What))
		}
		tell(o.Out, m, caught)
	}
	return runs, errors.Join(errs...)
}

func tell(w io.Writer, m mutant.Mutant, caught []string) {
	by := "NOT CAUGHT"
	if len(caught) > 0 {
		by = "caught by " + strings.Join(caught, ", ")
	}
	_, _ = fmt.Fprintf(w, "mutant %-14s %-68s %s\n", m.Name, m.What, by) // a terminal that is gone needs no table
}

func pickMutants(names []string) ([]mutant.Mutant, error) {
	if len(names) == 0 {
		return mutant.All, nil
	}
	var picked []mutant.Mutant
	for _, name := range names {
		i := slices.IndexFunc(mutant.All, func(m mutant.Mutant) bool { return m.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("no mutant %q; there are %v", name, mutant.All)
		}
		picked = append(picked, mutant.All[i])
	}
	return picked, nil
}

// drillMutant runs one drill and returns the invariants that were broken.
func drillMutant(ctx context.Context, o harness.Options, m mutant.Mutant, dir string) (result.Run, []string) {
	stack, err := harness.NewStack(dir, func(string) {})
	if err != nil {
		return result.Run{Failure: err.Error()}, nil
	}
	o.Stack, o.Mutant = stack, m.Name
	scenario := harness.Scenario{Name: "mutant-" + m.Name, What: m.What, Run: run}
	begun := time.Now()
	done := harness.Run(ctx, scenario, o)
	if err := stack.Stop(); err != nil {
		_, _ = fmt.Fprintf(o.Err, "  %v\n", err)
	}
	_, _ = fmt.Fprintf(o.Err, "  %s took %s\n", m.Name, harness.Short(time.Since(begun)))
	return done, brokenIn(done)
}

// brokenIn lists the invariants that a run found broken. What only the drill
// itself stumbled over is no proof.
func brokenIn(done result.Run) []string {
	broken := map[string]bool{}
	for _, i := range verdict.Invariants {
		if times, ok := done.Metric("broken_" + i.Name); ok && times > 0 && i.Name != verdict.Drill {
			broken[i.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(broken))
}
