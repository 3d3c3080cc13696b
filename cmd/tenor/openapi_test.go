package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/gateway"
)

// TestEveryOperationIsRouted compares what the services register with the
// gateway's table: operation described <=> operation routed.
func TestEveryOperationIsRouted(t *testing.T) {
	t.Parallel()
	document, err := mergedOpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if err := gateway.VerifyRoutes(document); err != nil {
		t.Errorf("gateway/routes.go and the services differ:\n%v", err)
	}
}

// TestCommittedOpenAPI finds a description that has changed without anybody
// looking at the change.
func TestCommittedOpenAPI(t *testing.T) {
	t.Parallel()
	document, err := mergedOpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile(filepath.Join("..", "..", "docs", "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	want, got := strings.Split(string(committed), "\n"), strings.Split(string(document)+"\n", "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		const shown = 4000
		t.Errorf("make openapi writes docs/openapi.json anew (-committed +described):\n%.*s", shown, diff)
	}
}
