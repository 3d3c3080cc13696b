package ledgersvc

import (
	_ "embed"
	"encoding/json"
	"sync"

	"github.com/tenor-lending/tenor/internal/httpapi"
)

// examplesJSON are requests with their answers, in an order in which they can
// be sent to empty books. A test sends them and writes the answers.
//
//go:embed examples.json
var examplesJSON []byte

// example is one request and its answer. A path may name a field of the answer
// of an earlier example, as {post-entry.id}.
type example struct {
	Operation string          `json:"operation"`
	Request   string          `json:"request"`
	Status    int             `json:"status"`
	Body      json.RawMessage `json:"body,omitempty"`
	Answer    json.RawMessage `json:"answer,omitempty"`
}

// examples is parsed once; a fault in it is one of the program.
var examples = sync.OnceValue(func() []example {
	var list []example
	if err := json.Unmarshal(examplesJSON, &list); err != nil {
		panic("ledgersvc: examples.json: " + err.Error())
	}
	return list
})

// document adds the examples to the description of the API.
func document(api *httpapi.API) {
	for _, e := range examples() {
		api.Example(e.Operation, e.Request, e.Body, e.Status, e.Answer)
	}
}
