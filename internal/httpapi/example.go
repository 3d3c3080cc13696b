package httpapi

import (
	"encoding/json"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// Example is one request and its answer, as a file of examples has them: in an
// order in which they can be sent to empty books. A test sends them and writes
// the answers.
type Example struct {
	Operation string `json:"operation"`
	// Request is the method and the path. The path may name a field of the answer
	// of an earlier example, as {post-entry.id}.
	Request string `json:"request"`
	// Media is the content type of a body that is not JSON; such a body is a string.
	Media  string          `json:"media,omitempty"`
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body,omitempty"`
	Answer json.RawMessage `json:"answer,omitempty"`
}

// Document adds a file of examples to the description of the API. It panics on
// a fault in the file: that is one of the program.
func (a *API) Document(file []byte) {
	var list []Example
	if err := json.Unmarshal(file, &list); err != nil {
		panic("httpapi: examples: " + err.Error())
	}
	for _, e := range list {
		a.example(e)
	}
}

// metaExample shows the request line of an operation's first example.
const metaExample = "x-tenor-example-request"

// example adds a request and its answer to the description of an operation,
// under the answer's status; the first of a kind is kept.
func (a *API) example(e Example) {
	op := a.find(e.Operation)
	if op == nil {
		panic("httpapi: example of operation " + e.Operation + ", which there is not")
	}
	if _, ok := op.Extensions[metaExample]; !ok {
		op.Extensions[metaExample] = e.Request
	}
	if op.RequestBody != nil && e.Body != nil {
		exemplify(op.RequestBody.Content, e.Media, e.Body)
	}
	if response := op.Responses[strconv.Itoa(e.Status)]; response != nil && e.Answer != nil {
		exemplify(response.Content, "", e.Answer)
	}
}

// exemplify adds an example to the content of a media type, or of all if it is "".
func exemplify(content map[string]*huma.MediaType, media string, value json.RawMessage) {
	for name, kind := range content {
		if kind.Example == nil && (media == "" || media == name) {
			kind.Example = value
		}
	}
}

func (a *API) find(operation string) *huma.Operation {
	for _, item := range a.huma.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil && op.OperationID == operation {
				return op
			}
		}
	}
	return nil
}
