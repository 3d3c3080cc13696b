package httpapi_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
)

// blamed names a field and nothing else.
type blamed string

func (b blamed) Error() string     { return string(b) + " is wrong" }
func (b blamed) FieldName() string { return string(b) }
func (b blamed) Is(e error) bool   { return e == errTaken }

// PlacesInput is exported because Huma looks into exported structs only.
type PlacesInput struct {
	Shelf string `path:"shelf"`
	Blame string `query:"blame"`
	From  string `query:"from"`
	Name  string `query:"name"`
}

type placesBodyInput struct {
	PlacesInput
	Body struct {
		Name string `json:"name"`
	}
}

// A problem names a field as the client wrote it: in the path, in the query or
// in the body; and one that the client did not write by its name alone.
func TestAProblemNamesTheFieldWhereItWasWritten(t *testing.T) {
	t.Parallel()
	server := httpapitest.New(t, &app.Component{Routes: func(a *httpapi.API) {
		a.Problems(httpapi.Problem{Err: errTaken, Status: http.StatusConflict, Type: "taken", Title: "Taken"})
		op := httpapi.Op{ID: "see-shelf", Method: http.MethodGet, Path: "/shelves/{shelf}", Access: httpapi.Bearer()}
		httpapi.Register(a, op, func(_ context.Context, in *PlacesInput) (*struct{}, error) {
			return nil, blamed(in.Blame)
		})
		op.ID, op.Method = "fill-shelf", http.MethodPost
		httpapi.Register(a, op, func(_ context.Context, in *placesBodyInput) (*struct{}, error) {
			return nil, blamed(in.Blame)
		})
	}})
	officer := server.As(uuid.New(), access.Officer)
	for _, c := range []struct{ blame, get, post string }{
		{"from", "query.from", "query.from"},
		{"shelf", "path.shelf", "path.shelf"},
		{"name", "query.name", "body.name"}, // in the body it means the body's
		{"from.amount", "query.from", "query.from"},
		{"lines[3].amount", "lines[3].amount", "body.lines[3].amount"},
	} {
		path := "/shelves/a?blame=" + c.blame
		officer.Get(path).WantProblem(http.StatusConflict, "taken").WantField(t, c.get)
		officer.Post(path, map[string]string{"name": "x"}).WantProblem(http.StatusConflict, "taken").WantField(t, c.post)
	}
}
