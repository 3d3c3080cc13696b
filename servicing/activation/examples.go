package activation

import _ "embed"

// examplesJSON documents the API; a test sends them.
//
//go:embed examples.json
var examplesJSON []byte
