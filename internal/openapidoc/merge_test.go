package openapidoc_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/openapidoc"
)

// Detail and Answer have the names of types in other services below.
type Detail struct {
	Note string `json:"note"`
}

type Answer struct {
	Detail Detail `json:"detail"`
}

type output struct{ Body Answer }

func service(name string, ops ...func(*httpapi.API)) app.Service {
	return app.Service{Name: name, Title: "About " + name, New: func(*app.Env) (*app.Component, error) {
		return &app.Component{Routes: func(api *httpapi.API) {
			for _, op := range ops {
				op(api)
			}
		}}, nil
	}}
}

func op[O any](tag, id, path string, rule httpapi.Access) func(*httpapi.API) {
	return func(api *httpapi.API) {
		httpapi.Register(api, httpapi.Op{ID: id, Method: http.MethodGet, Path: path, Summary: id, Tag: tag, Access: rule},
			func(context.Context, *struct{}) (*O, error) { return nil, errors.New("never called") })
	}
}

// other gives the same names other contents.
func other() func(*httpapi.API) {
	type Detail struct {
		Count int `json:"count"`
	}
	type Answer struct {
		Detail Detail `json:"detail"`
	}
	type output struct{ Body Answer }
	return op[output]("b", "b-get", "/b", httpapi.Bearer())
}

func merge(t *testing.T, services ...app.Service) map[string]any {
	t.Helper()
	data, err := openapidoc.Merge(services)
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	return document
}

func at(t *testing.T, node any, path ...string) any {
	t.Helper()
	for _, name := range path {
		object, ok := node.(map[string]any)
		if !ok || object[name] == nil {
			t.Fatalf("nothing at %v", path)
		}
		node = object[name]
	}
	return node
}

func answerRef(t *testing.T, document map[string]any, path string) string {
	t.Helper()
	ref, _ := at(t, document, "paths", path, "get", "responses", "200", "content", "application/json", "schema",
		"$ref").(string)
	return strings.TrimPrefix(ref, "#/components/schemas/")
}

func TestSchemasOfOneContentAreShared(t *testing.T) {
	t.Parallel()
	document := merge(t, service("a", op[output]("a", "a-get", "/a", httpapi.Bearer())),
		service("c", op[output]("c", "c-get", "/c", httpapi.Public())))
	if a, c := answerRef(t, document, "/a"), answerRef(t, document, "/c"); a != "Answer" || c != "Answer" {
		t.Errorf("schemas %s and %s, want Answer for both", a, c)
	}
}

func TestSchemasThatClashGetTheServicesName(t *testing.T) {
	t.Parallel()
	document := merge(t, service("a", op[output]("a", "a-get", "/a", httpapi.Bearer())), service("b", other()))
	for path, want := range map[string]string{"/a": "AAnswer", "/b": "BAnswer"} {
		if got := answerRef(t, document, path); got != want {
			t.Errorf("%s: schema %s, want %s", path, got, want)
		}
		// Answer looks the same in both, but what it refers to does not.
		ref := at(t, document, "components", "schemas", want, "properties", "detail", "$ref")
		if wantRef := "#/components/schemas/" + want[:1] + "Detail"; ref != wantRef {
			t.Errorf("%s refers to %s, want %s", want, ref, wantRef)
		}
	}
	at(t, document, "components", "schemas", "BDetail", "properties", "count")
	at(t, document, "components", "schemas", "ErrorModel")
}

func TestTheDocument(t *testing.T) {
	t.Parallel()
	services := []app.Service{
		service("b", other()), service("a", op[output]("a", "a-get", "/a", httpapi.Allow(access.Officer))),
	}
	first, err := openapidoc.Merge(services)
	if err != nil {
		t.Fatal(err)
	}
	services[0], services[1] = services[1], services[0]
	second, err := openapidoc.Merge(services)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(first), string(second)); diff != "" {
		t.Errorf("the order of the table shows:\n%s", diff)
	}
	document := merge(t, services...)
	if got := at(t, document, "openapi"); got != "3.1.0" {
		t.Errorf("version %v", got)
	}
	roles := at(t, document, "paths", "/a", "get", "x-tenor-roles")
	if diff := cmp.Diff([]any{"OFFICER"}, roles); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	health, ok := at(t, document, "paths", "/health/{service}", "get", "parameters").([]any)
	if !ok || len(health) != 1 {
		t.Fatalf("parameters %v, want one", health)
	}
	if diff := cmp.Diff([]any{"a", "b"}, at(t, health[0], "schema", "enum")); diff != "" {
		t.Errorf("services of the health check (-want +got):\n%s", diff)
	}
	at(t, document, "paths", "/health/{service}/live")
	at(t, document, "paths", "/health/{service}/ready")
	tags := []any{
		map[string]any{"name": "a", "description": "About a"},
		map[string]any{"name": "b", "description": "About b"},
		map[string]any{"name": "docs", "description": "This documentation"},
		map[string]any{"name": "health", "description": "Is it up, and how is it doing?"},
	}
	if diff := cmp.Diff(tags, at(t, document, "tags")); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	valid(t, first)
}

// valid asks an independent library.
func valid(t *testing.T, data []byte) {
	t.Helper()
	loaded, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		t.Fatalf("loading: %v", err)
	}
	if err := loaded.Validate(t.Context()); err != nil {
		t.Errorf("validating: %v", err)
	}
}

func TestClashesAreErrors(t *testing.T) {
	t.Parallel()
	get := func(id, path string) func(*httpapi.API) { return op[output]("x", id, path, httpapi.Public()) }
	for name, services := range map[string][]app.Service{
		"one path":         {service("a", get("a", "/x")), service("b", get("b", "/x"))},
		"one operation id": {service("a", get("same", "/a")), service("b", get("same", "/b"))},
		"a broken service": {{Name: "a", New: func(*app.Env) (*app.Component, error) { return nil, errors.New("no") }}},
	} {
		if _, err := openapidoc.Merge(services); err == nil {
			t.Errorf("%s: merged", name)
		}
	}
}
