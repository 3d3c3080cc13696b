package httpapitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/internal/httpapi"
)

// Examples are those that document an API.
type Examples struct {
	t       *testing.T
	file    string
	update  bool
	list    []httpapi.Example
	answers map[string]any
}

// ReadExamples reads a file of examples. With update the answers are written
// anew instead of compared.
func ReadExamples(t *testing.T, file string, update bool) *Examples {
	t.Helper()
	data, err := os.ReadFile(file) //nolint:gosec // named by the test
	if err != nil {
		t.Fatal(err)
	}
	e := &Examples{t: t, file: file, update: update, answers: map[string]any{}}
	if err := json.Unmarshal(data, &e.list); err != nil {
		t.Fatal(err)
	}
	return e
}

// AreTrue sends every example in its order, number i by the client that next
// gives, and compares status and answer to the letter.
func (e *Examples) AreTrue(next func(i int) *Client) {
	e.t.Helper()
	if e.update {
		defer e.write() // even if a later example fails: what has been answered helps to mend it
	}
	for i := range e.list {
		e.send(next(i).WithKey(fmt.Sprint("example-", i)), &e.list[i])
	}
}

// Cover holds that each operation of the tag has an example that succeeds.
func (e *Examples) Cover(api *httpapi.API, tag string) {
	e.t.Helper()
	for path, item := range api.Huma().OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil && slices.Contains(op.Tags, tag) && !slices.ContainsFunc(e.list, func(e httpapi.Example) bool {
				return e.Operation == op.OperationID && e.Status < http.StatusBadRequest
			}) {
				e.t.Errorf("%s %s has no example that succeeds", op.OperationID, path)
			}
		}
	}
}

var (
	exampleReference = regexp.MustCompile(`\{([a-z-]+)((?:\.[a-z_0-9]+)+)\}`)
	exampleRequestID = regexp.MustCompile(`urn:tenor:request:[0-9a-f-]+`)
)

// resolve puts fields of earlier answers, as {list-breaks.items.0.id}, into a path.
func (e *Examples) resolve(path string) string {
	return exampleReference.ReplaceAllStringFunc(path, func(text string) string {
		match := exampleReference.FindStringSubmatch(text)
		at := e.answers[match[1]]
		for _, name := range strings.Split(match[2][1:], ".") {
			switch node := at.(type) {
			case map[string]any:
				at = node[name]
			case []any:
				var i int
				if _, err := fmt.Sscan(name, &i); err != nil || i >= len(node) {
					e.t.Fatalf("%s: no item %s", text, name)
				}
				at = node[i]
			}
		}
		return fmt.Sprint(at)
	})
}

func (e *Examples) send(client *Client, example *httpapi.Example) {
	e.t.Helper()
	method, path, _ := strings.Cut(example.Request, " ")
	var body any
	if example.Body != nil {
		body = []byte(example.Body)
	}
	if example.Media != "" {
		var text string
		if err := json.Unmarshal(example.Body, &text); err != nil {
			e.t.Fatalf("%s: the body is no string: %v", example.Request, err)
		}
		body = text
	}
	answer := client.send(method, e.resolve(path), body)
	if answer.Status != example.Status {
		e.t.Fatalf("%s: status %d, want %d: %s", example.Request, answer.Status, example.Status, answer.Body)
	}
	text := answer.Body
	if !strings.Contains(answer.Header.Get("Content-Type"), "json") {
		text, _ = json.Marshal(string(text)) // a string is always encoded
	}
	text = exampleRequestID.ReplaceAll(text, []byte("urn:tenor:request:example"))
	if !json.Valid(text) { // a listing of a JSON document a line
		text, _ = json.Marshal(string(text))
	}
	e.answers[example.Operation] = e.value(text)
	if e.update {
		example.Answer = text
		return
	}
	if diff := cmp.Diff(e.value(example.Answer), e.value(text)); diff != "" {
		e.t.Errorf("%s: the answer is not that of the documentation; run with -update and read it (-documented +now):\n%s",
			example.Request, diff)
	}
}

func (e *Examples) value(text json.RawMessage) (v any) {
	e.t.Helper()
	if text == nil {
		return nil
	}
	if err := json.Unmarshal(text, &v); err != nil {
		e.t.Fatal(err)
	}
	return v
}

func (e *Examples) write() {
	e.t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(e.list); err != nil {
		e.t.Fatal(err)
	}
	if err := os.WriteFile(e.file, out.Bytes(), 0o600); err != nil {
		e.t.Fatal(err)
	}
}
