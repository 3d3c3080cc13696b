package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tenor-lending/tenor/bench/books"
	"github.com/tenor-lending/tenor/bench/engine"
	"github.com/tenor-lending/tenor/bench/faults"
	"github.com/tenor-lending/tenor/bench/flow"
	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/bench/peers"
	"github.com/tenor-lending/tenor/bench/platform"
)

// scenarios is the table of what can be measured, in the order of `bench list`.
func scenarios() []harness.Scenario {
	return slices.Concat(engine.Scenarios(), books.Scenarios(), flow.Scenarios(), platform.Scenarios(),
		peers.Scenarios(platform.LedgerTarget), faults.Scenarios())
}

// pick finds the named scenarios; "all" is every one.
func pick(names []string) ([]harness.Scenario, error) {
	if len(names) == 0 {
		return nil, errors.New("name at least one scenario, or all; bench list shows them")
	}
	if slices.Contains(names, "all") {
		return scenarios(), nil
	}
	var picked []harness.Scenario
	var faults []error
	for _, name := range names {
		i := slices.IndexFunc(scenarios(), func(s harness.Scenario) bool { return s.Name == name })
		if i < 0 {
			faults = append(faults, fmt.Errorf("no scenario %q; bench list shows them", name))
			continue
		}
		picked = append(picked, scenarios()[i])
	}
	return picked, errors.Join(faults...)
}
