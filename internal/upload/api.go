package upload

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenor-lending/tenor/internal/blob"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

// Problems are the rows of a service's error table for what this package refuses.
func Problems() []httpapi.Problem {
	return []httpapi.Problem{
		{Err: blob.ErrTooLarge, Status: http.StatusRequestEntityTooLarge, Type: "body-too-large", Title: "Body too large"},
		{
			Err: ErrType, Status: http.StatusUnsupportedMediaType, Type: "file-type",
			Title: "The type of the file is not accepted",
		},
		{
			Err: ErrContent, Status: http.StatusUnprocessableEntity, Type: "file-content",
			Title: "The content of the file is not accepted",
		},
		{
			Err: ErrForm, Status: http.StatusUnprocessableEntity, Type: "validation",
			Title: "The request does not fit its schema",
		},
		{Err: ErrExpired, Status: http.StatusServiceUnavailable, Type: "unavailable", Title: "Temporarily unavailable"},
		{
			Err: blob.ErrUnavailable, Status: http.StatusServiceUnavailable, Type: "unavailable",
			Title: "Temporarily unavailable",
		},
	}
}

// Input is embedded in the input of an operation that takes a form with a
// file. It keeps the body unread, so that the file is never held in memory.
type Input struct {
	contentType string
	body        io.Reader
}

// Resolve implements huma.Resolver.
func (in *Input) Resolve(ctx huma.Context) []error {
	in.contentType, in.body = ctx.Header("Content-Type"), ctx.BodyReader()
	return nil
}

// Open reads the form up to its file; see Open.
func (in *Input) Open(names ...string) (*Form, error) { return Open(in.contentType, in.body, names...) }

// Field documents a text field of a form.
type Field struct {
	Name, Doc, Format string
	Enum              []string
}

// Describe adds the form to the documentation of an operation that was
// registered with an Input, which says nothing of it by itself.
func Describe(api *httpapi.API, path string, fields ...Field) {
	form := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{},
		Description: "The text fields come before the file.",
	}
	for _, field := range fields {
		schema := &huma.Schema{Type: huma.TypeString, Description: field.Doc, Format: field.Format}
		for _, value := range field.Enum {
			schema.Enum = append(schema.Enum, value)
		}
		form.Properties[field.Name] = schema
		form.Required = append(form.Required, field.Name)
	}
	form.Properties[fileField] = &huma.Schema{
		Type: huma.TypeString, Format: "binary",
		Description: fmt.Sprintf("The file, at most %d bytes.", FileBytesMax),
	}
	form.Required = append(form.Required, fileField)
	api.Huma().OpenAPI().Paths[path].Post.RequestBody = &huma.RequestBody{
		Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: form}},
	}
}

// DescribeDownload documents the answer of a GET operation that sends a file.
func DescribeDownload(api *httpapi.API, path string, types ...string) {
	content := make(map[string]*huma.MediaType, len(types))
	for _, contentType := range types {
		content[contentType] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	api.Huma().OpenAPI().Paths[path].Get.Responses[strconv.Itoa(http.StatusOK)] = &huma.Response{
		Description: "The file, as an attachment.", Content: content,
	}
}

// Send answers with a file, which it closes: as an attachment that no browser
// opens, guesses about or runs. A file that is damaged from the start is an
// error; damage further on cuts the answer short of its announced length.
func Send(d *Download) (*huma.StreamResponse, error) {
	content := bufio.NewReader(d)
	if _, err := content.Peek(1); err != nil {
		_ = d.Close() // only read from
		return nil, fmt.Errorf("sending %s: %w", d.Name, err)
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer func() { _ = d.Close() }()
		ctx.SetHeader("Content-Type", d.ContentType)
		ctx.SetHeader("Content-Length", strconv.FormatInt(d.Size, 10))
		ctx.SetHeader("Content-Disposition", `attachment; filename="`+d.Name+`"`)
		ctx.SetHeader("X-Content-Type-Options", "nosniff")
		ctx.SetHeader("Content-Security-Policy", "sandbox; default-src 'none'")
		_, _ = io.Copy(ctx.BodyWriter(), content) // a short answer tells the client
	}}, nil
}
