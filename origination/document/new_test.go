package document_test

import (
	"testing"

	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/origination/document"
)

// TestDocumentation makes the API document as the tool does: with no world at all.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	component, err := document.New(&app.Env{Config: httpapitest.Env(t, "document", nil).Config})
	if err != nil {
		t.Fatal(err)
	}
	api := httpapi.New(httpapi.Options{Title: "test", Version: "test"})
	component.Routes(api)
	for path, item := range api.Huma().OpenAPI().Paths {
		if item.Post != nil && item.Post.Description == "" || item.Get != nil && item.Get.Description == "" {
			t.Errorf("%s has no description", path)
		}
	}
}
