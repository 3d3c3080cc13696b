package gateway

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"time"

	swaggerFiles "github.com/swaggo/files/v2"
)

//go:embed docs.html
var docsPage []byte

//go:embed docs.js
var docsScript []byte

// docsPolicy lets the page load what the gateway itself serves, and nothing
// else. Swagger UI sets inline styles; it gets no inline scripts and no eval.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// page is one file of the documentation.
type page struct {
	contentType string
	content     []byte
	etag        string
}

func newPage(contentType string, content []byte) page {
	sum := sha256.Sum256(content)
	return page{contentType: contentType, content: content, etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
}

// newDocs serves the documentation from memory: the OpenAPI document and a
// page that shows it without asking any other server.
func newDocs(openapi []byte) (http.Handler, error) {
	pages := map[string]page{
		"/docs":         newPage("text/html; charset=utf-8", docsPage),
		"/docs/":        newPage("text/html; charset=utf-8", docsPage),
		"/docs/docs.js": newPage("text/javascript; charset=utf-8", docsScript),
		"/openapi.json": newPage("application/openapi+json", openapi),
	}
	for name, contentType := range map[string]string{
		"swagger-ui.css":       "text/css; charset=utf-8",
		"swagger-ui-bundle.js": "text/javascript; charset=utf-8",
		"favicon-32x32.png":    "image/png",
	} {
		content, err := fs.ReadFile(swaggerFiles.FS, name)
		if err != nil {
			return nil, fmt.Errorf("reading the documentation page: %w", err)
		}
		pages[path.Join("/docs", name)] = newPage(contentType, content)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, ok := pages[r.URL.Path]
		if !ok {
			notFound.write(w, r)
			return
		}
		header := w.Header()
		header.Set("Content-Type", page.contentType)
		header.Set("Content-Security-Policy", docsPolicy)
		header.Set("Cache-Control", "no-cache") // ask again, and hear 304
		header.Set("ETag", page.etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(page.content))
	}), nil
}
