package httpapi

import (
	"encoding/json"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// metaExample shows the request line of an operation's first example.
const metaExample = "x-tenor-example-request"

// Example adds a request and its answer to the description of an operation,
// under the answer's status; the first of a kind is kept. It panics when there
// is no such operation: that is a fault of the program.
func (a *API) Example(operation, request string, body json.RawMessage, status int, answer json.RawMessage) {
	op := a.find(operation)
	if op == nil {
		panic("httpapi: example of operation " + operation + ", which there is not")
	}
	if _, ok := op.Extensions[metaExample]; !ok {
		op.Extensions[metaExample] = request
	}
	if op.RequestBody != nil && body != nil {
		exemplify(op.RequestBody.Content, body)
	}
	if response := op.Responses[strconv.Itoa(status)]; response != nil && answer != nil {
		exemplify(response.Content, answer)
	}
}

func exemplify(content map[string]*huma.MediaType, value json.RawMessage) {
	for _, media := range content {
		if media.Example == nil {
			media.Example = value
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
