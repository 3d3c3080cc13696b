package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	jsonv2 "github.com/go-json-experiment/json"
)

// LargeBody is a field, with the tag json:"-", of bodies of thousands of values.
// Huma reads a body twice and compares each value with the schema; such a body is
// read once, and judges itself by its Fits. Only what does not fit is compared
// with the schema, which names the fault: answers are the same either way.
type LargeBody struct {
	// Blank says that the body held an empty text: a member that may be left out but
	// not be empty may have been it.
	Blank  bool
	faults []error
}

// fitting is what a pointer to such a body is.
type fitting interface {
	// Fits tells whether the schema accepts what the body was read from. It is
	// asked when every member had a place and none was null. A body that fits
	// must be right; of one that does not, the schema decides.
	Fits() bool
	// Large returns the body's LargeBody.
	Large() *LargeBody
}

// Resolve implements huma.ResolverWithPath: it hands over what the schema said.
func (b *LargeBody) Resolve(huma.Context, *huma.PathBuffer) []error { return b.faults }

var _ huma.ResolverWithPath = (*LargeBody)(nil)

// isLarge tells whether the input of an operation has such a body.
func isLarge(input reflect.Type) bool {
	body, ok := input.FieldByName("Body")
	return ok && reflect.PointerTo(body.Type).Implements(reflect.TypeFor[fitting]())
}

// jsonFormat is Huma's, but for large bodies.
func jsonFormat(schemas huma.Registry) huma.Format {
	return huma.Format{
		Marshal: huma.DefaultJSONFormat.Marshal,
		Unmarshal: func(data []byte, value any) error {
			body, ok := value.(fitting)
			if !ok {
				return json.Unmarshal(data, value)
			}
			if readStrictly(data, body) && body.Fits() {
				return nil
			}
			return readBySchema(schemas, data, body)
		},
	}
}

// readStrictly reads a body in one pass. It refuses what the schema may refuse
// and the values would not show: unknown members, repeated ones, and null.
func readStrictly(data []byte, body fitting) bool {
	body.Large().Blank = bytes.Contains(data, []byte(`""`))
	return !bytes.Contains(data, []byte("null")) &&
		jsonv2.Unmarshal(data, body, jsonv2.RejectUnknownMembers(true)) == nil
}

// readBySchema reads a body as Huma reads the others.
func readBySchema(schemas huma.Registry, data []byte, body fitting) error {
	at := reflect.ValueOf(body).Elem()
	at.SetZero() // of what the strict reading has left
	var parsed any
	if err := json.Unmarshal(data, &parsed); err != nil {
		body.Large().faults = []error{&malformed{err}}
		return nil
	}
	path, result := huma.NewPathBuffer(nil, 0), &huma.ValidateResult{}
	path.Push("body")
	schema := schemas.Schema(at.Type(), true, at.Type().Name())
	huma.Validate(schemas, schema, path, huma.ModeWriteToServer, parsed, result)
	err := json.Unmarshal(data, body)
	if len(result.Errors) > 0 {
		body.Large().faults = result.Errors
		return nil
	}
	return err
}

// malformed is a body that is no JSON.
type malformed struct{ cause error }

// Error implements error.
func (m *malformed) Error() string { return m.cause.Error() }

// ErrorDetail implements huma.ErrorDetailer.
func (m *malformed) ErrorDetail() *huma.ErrorDetail {
	return &huma.ErrorDetail{Location: "body", Message: m.Error()}
}

// GetStatus implements huma.StatusError.
func (*malformed) GetStatus() int { return http.StatusBadRequest }

// WellFormed tells whether both texts have the form that the schema asks for.
func (m Money) WellFormed() bool {
	const wholeMax, decimalsMax, codeLength = 18, 4, 3
	whole, decimals, point := strings.Cut(strings.TrimPrefix(m.Amount, "-"), ".")
	return digits(whole, wholeMax) && (!point || digits(decimals, decimalsMax)) &&
		len(m.Currency) == codeLength && strings.Trim(m.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func digits(text string, most int) bool {
	return text != "" && len(text) <= most && strings.Trim(text, "0123456789") == ""
}
