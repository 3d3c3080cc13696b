package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"

	"github.com/danielgtaylor/huma/v2"
)

// Page sizes of every listing.
const (
	PageSizeDefault = 50
	PageSizeMax     = 200
)

// PageInput is embedded by the inputs of listings.
type PageInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"How many items at most"`
	Cursor string `query:"cursor" maxLength:"512" doc:"next_cursor of the page before"`
}

var errCursor = errors.New("cursor is not one that this listing gave")

// EncodeCursor makes an opaque cursor of the position after the last item.
func EncodeCursor(position any) (string, error) {
	data, err := json.Marshal(position)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(data), nil
}

// DecodeCursor reads a cursor into position; an empty one leaves it alone. A
// cursor that is not ours is a 422 naming the parameter.
func DecodeCursor(cursor string, position any) error {
	if cursor == "" {
		return nil
	}
	data, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		err = json.Unmarshal(data, position)
	}
	if err != nil {
		return huma.Error422UnprocessableEntity("validation failed",
			&huma.ErrorDetail{Location: "query.cursor", Message: errCursor.Error()})
	}
	return nil
}
