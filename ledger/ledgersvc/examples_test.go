package ledgersvc_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/ledger/ledgersvc"
)

var update = flag.Bool("update", false, "write the answers of the examples anew")

const examplesFile = "examples.json"

type example struct {
	Operation string          `json:"operation"`
	Request   string          `json:"request"`
	Status    int             `json:"status"`
	Body      json.RawMessage `json:"body,omitempty"`
	Answer    json.RawMessage `json:"answer,omitempty"`
}

// controller is who sends the examples. Ids of entries are derived from it and
// from the key of the request, so that answers can be compared to the letter.
var controller = uuid.MustParse("3d6c0f1e-7a44-4a5b-9d57-2f1f0b6f6a10")

// TestExamplesAreTrue sends every example of the documentation to a real
// service, in their order and with a clock that stands still during a request,
// and compares status and answer to the letter. Each operation has one.
func TestExamplesAreTrue(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile(examplesFile)
	if err != nil {
		t.Fatal(err)
	}
	var list []example
	if err := json.Unmarshal(file, &list); err != nil {
		t.Fatal(err)
	}
	env := httpapitest.Env(t, "core", dbtest.New(t, "core"))
	now := time.Date(2026, time.March, 6, 9, 0, 0, 0, time.UTC)
	env.Now = func() time.Time { return now }
	ids := byte(0)
	env.NewID = func() uuid.UUID { ids++; return uuid.UUID{0: 0xa0, 6: 0x40, 8: 0x80, 15: ids} }
	component, err := ledgersvc.New(env)
	if err != nil {
		t.Fatal(err)
	}
	client := httpapitest.New(t, component).As(controller, access.Finance)
	answers := map[string]map[string]any{}
	for i := range list {
		now = now.Add(time.Minute)
		send(t, client.WithKey(fmt.Sprint("example-", i)), &list[i], answers)
	}
	if *update {
		writeExamples(t, list)
	}
	api := httpapi.New(httpapi.Options{Title: "test", Version: "test"})
	component.Routes(api)
	for path, item := range api.Huma().OpenAPI().Paths {
		for _, op := range []any{item.Get, item.Post} {
			described, err := json.Marshal(op)
			if err != nil {
				t.Fatal(err)
			}
			var o struct {
				ID   string `json:"operationId"`
				Tags []string
			}
			if err := json.Unmarshal(described, &o); err != nil {
				t.Fatal(err)
			}
			if slices.Contains(o.Tags, "ledger") && !slices.ContainsFunc(list, func(e example) bool {
				return e.Operation == o.ID && e.Status < http.StatusBadRequest
			}) {
				t.Errorf("%s %s has no example that succeeds", o.ID, path)
			}
		}
	}
}

var reference = regexp.MustCompile(`\{([a-z-]+)\.([a-z_]+)\}`)

func send(t *testing.T, client *httpapitest.Client, e *example, answers map[string]map[string]any) {
	t.Helper()
	method, path, _ := strings.Cut(e.Request, " ")
	path = reference.ReplaceAllStringFunc(path, func(text string) string {
		match := reference.FindStringSubmatch(text)
		return fmt.Sprint(answers[match[1]][match[2]])
	})
	var answer *httpapitest.Answer
	switch {
	case method == http.MethodGet:
		answer = client.Get(path)
	case e.Body == nil:
		answer = client.Post(path, nil)
	default:
		answer = client.Post(path, []byte(e.Body))
	}
	if answer.Status != e.Status {
		t.Fatalf("%s: status %d, want %d: %s", e.Request, answer.Status, e.Status, answer.Body)
	}
	body := answer.Body
	if !strings.Contains(answer.Header.Get("Content-Type"), "json") {
		body, _ = json.Marshal(string(body)) // a string is always encoded
	}
	body = regexp.MustCompile(`urn:tenor:request:[0-9a-f-]+`).ReplaceAll(body, []byte("urn:tenor:request:example"))
	var fields map[string]any
	if json.Unmarshal(body, &fields) == nil {
		answers[e.Operation] = fields
	}
	if *update {
		e.Answer = body
		return
	}
	if diff := cmp.Diff(value(t, e.Answer), value(t, body)); diff != "" {
		t.Errorf("%s: the answer is not that of the documentation; run with -update and read it (-documented +now):\n%s",
			e.Request, diff)
	}
}

func value(t *testing.T, text json.RawMessage) (v any) {
	t.Helper()
	if text == nil {
		return nil
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func writeExamples(t *testing.T, list []example) {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(list); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(examplesFile, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
