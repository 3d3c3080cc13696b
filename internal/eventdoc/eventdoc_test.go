package eventdoc_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/eventdoc"
)

var update = flag.Bool("update", false, "write docs/asyncapi.json anew")

// TestCatalogueIsCurrent keeps docs/asyncapi.json equal to the code.
func TestCatalogueIsCurrent(t *testing.T) {
	t.Parallel()
	got, err := eventdoc.Document("1")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	file := filepath.Join("..", "..", "docs", "asyncapi.json")
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Error("docs/asyncapi.json is not what the contracts say; write it with: go test ./internal/eventdoc -update")
	}
}

// TestEveryGoldenFileFitsItsSchema checks the published JSON of each event
// against the properties that the catalogue promises.
func TestEveryGoldenFileFitsItsSchema(t *testing.T) {
	t.Parallel()
	document, err := eventdoc.Document("1")
	if err != nil {
		t.Fatal(err)
	}
	var parsed struct {
		Components struct {
			Messages map[string]struct {
				Payload struct {
					Properties struct {
						Data struct {
							Properties map[string]any `json:"properties"`
							Required   []string       `json:"required"`
						} `json:"data"`
					} `json:"properties"`
				} `json:"payload"`
			} `json:"messages"`
		} `json:"components"`
	}
	if err := json.Unmarshal(document, &parsed); err != nil {
		t.Fatal(err)
	}
	for _, events := range event.Catalogue {
		for _, e := range events {
			golden, err := os.ReadFile(filepath.Join("..", "event", "testdata", e.Type()+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var data map[string]any
			if err := json.Unmarshal(golden, &data); err != nil {
				t.Fatal(err)
			}
			schema := parsed.Components.Messages[e.Type()].Payload.Properties.Data
			for name := range data {
				if schema.Properties[name] == nil {
					t.Errorf("%s: field %s is not in the catalogue", e.Type(), name)
				}
			}
			for _, name := range schema.Required {
				if _, ok := data[name]; !ok {
					t.Errorf("%s: field %s is required and not published", e.Type(), name)
				}
			}
		}
	}
}
