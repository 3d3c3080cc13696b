package faults

import (
	"slices"
	"testing"

	"github.com/tenor-lending/tenor/bench/result"
	"github.com/tenor-lending/tenor/internal/mutant"
)

func TestMutantsArePickedByName(t *testing.T) {
	t.Parallel()
	all, err := pickMutants(nil)
	if err != nil || len(all) != len(mutant.All) || len(all) < 10 {
		t.Errorf("%d of %d mutants, %v", len(all), len(mutant.All), err)
	}
	some, err := pickMutants([]string{"noaudit", "noinbox"})
	if err != nil || len(some) != 2 || some[0].Name != "noaudit" {
		t.Errorf("picked %v, %v", some, err)
	}
	if _, err := pickMutants([]string{"nosuch"}); err == nil {
		t.Error("a mutant that does not exist was picked")
	}
	seen := map[string]bool{}
	for _, m := range mutant.All {
		if seen[m.Name] || m.What == "" {
			t.Errorf("mutant %q is there twice or says nothing", m.Name)
		}
		seen[m.Name] = true
	}
}

// TestOnlyInvariantsAreProof: what the drill itself stumbled over proves nothing.
func TestOnlyInvariantsAreProof(t *testing.T) {
	t.Parallel()
	done := result.Run{Result: result.Result{Metrics: []result.Metric{
		{Name: "broken_I6", Value: 3}, {Name: "broken_I2", Value: 1}, {Name: "broken_I1"}, {Name: "broken_drill", Value: 9},
	}}}
	if got := brokenIn(done); !slices.Equal(got, []string{"I2", "I6"}) {
		t.Errorf("broken %v", got)
	}
}
