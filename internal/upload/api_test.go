package upload_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/upload"
	"github.com/tenor-lending/tenor/internal/upload/uploadtest"
)

type input struct {
	upload.Input
}

type output struct {
	Body struct {
		Length int `json:"length"`
	}
}

const path = "/files"

// serve has an operation that counts the bytes of a file and one that sends download.
func serve(t *testing.T, download func() *upload.Download) (*httptest.Server, *httpapi.API) {
	t.Helper()
	api := httpapi.New(httpapi.Options{Title: "test", Version: "test"})
	api.Problems(upload.Problems()...)
	httpapi.Register(api, httpapi.Op{
		ID: "send", Method: http.MethodPost, Path: path, Access: httpapi.Public(), BodyBytes: upload.FormBytesMax,
	}, func(_ context.Context, in *input) (*output, error) {
		form, err := in.Open("kind")
		if err != nil {
			return nil, err
		}
		defer form.Close()
		n, err := io.Copy(io.Discard, form.File())
		if err != nil {
			return nil, err
		}
		out := &output{}
		out.Body.Length = int(n)
		return out, form.Finish()
	})
	upload.Describe(api, path, upload.Field{Name: "kind", Doc: "A kind.", Enum: []string{"A", "B"}})
	httpapi.Register(api, httpapi.Op{
		ID: "receive", Method: http.MethodGet, Path: path, Access: httpapi.Public(),
	}, func(context.Context, *struct{}) (*huma.StreamResponse, error) { return upload.Send(download()) })
	upload.DescribeDownload(api, path, upload.PDF)
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	return server, api
}

func TestAFormReachesItsOperation(t *testing.T) {
	t.Parallel()
	server, api := serve(t, nil)
	content := uploadtest.PDF("x", "")
	form := uploadtest.Form{Fields: [][2]string{{"kind", "A"}}, Name: "a.pdf", Content: content}
	request := form.Request(t, server.URL+path)
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
	operation := api.Huma().OpenAPI().Paths[path]
	schema := operation.Post.RequestBody.Content["multipart/form-data"].Schema
	if diff := cmp.Diff([]string{"kind", "file"}, schema.Required); diff != "" {
		t.Errorf("required fields (-want +got):\n%s", diff)
	}
	if got := schema.Properties["kind"].Enum; len(got) != 2 || schema.Properties["file"].Format != "binary" {
		t.Errorf("form %+v", schema)
	}
	if operation.Get.Responses["200"].Content[upload.PDF] == nil {
		t.Errorf("download %+v", operation.Get.Responses["200"])
	}
}

func TestSendTellsDamage(t *testing.T) {
	t.Parallel()
	damage := errors.New("damaged")
	long := bytes.Repeat([]byte("x"), 1<<20)
	cases := map[string]struct {
		content io.Reader
		status  int
		whole   bool
	}{
		"whole":            {bytes.NewReader(long), http.StatusOK, true},
		"damaged at once":  {iotest.ErrReader(damage), http.StatusInternalServerError, true},
		"damaged later on": {io.MultiReader(bytes.NewReader(long[:1<<19]), iotest.ErrReader(damage)), http.StatusOK, false},
	}
	for name, c := range cases {
		server, _ := serve(t, func() *upload.Download {
			return &upload.Download{
				ReadCloser: io.NopCloser(c.content), Name: "a.pdf", ContentType: upload.PDF, Size: int64(len(long)),
			}
		})
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != c.status || (err == nil) != c.whole {
			t.Errorf("%s: status %d, %d bytes, error %v", name, response.StatusCode, len(body), err)
		}
		if c.status != http.StatusOK && strings.Contains(string(body), damage.Error()) {
			t.Errorf("%s: the answer tells %s", name, body)
		}
	}
}
