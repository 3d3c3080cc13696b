// Package client owns how Tenor's own programs (the demonstration, the load
// harness, tests) speak to the platform's HTTP API, as any partner would.
//
// It must not know anything that the API does not tell, and no service uses it.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"time"

	"github.com/google/uuid"
)

const (
	requestTimeout  = 60 * time.Second
	answerBytesMax  = 32 << 20
	problemMimeType = "application/problem+json"
	pollPause       = 25 * time.Millisecond
)

// Client sends requests to one base URL as one actor. It is safe for
// concurrent use; As makes a client for another actor.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New returns a client for the API at base ("http://127.0.0.1:8000"); a nil
// transport means http.DefaultTransport.
func New(base string, transport http.RoundTripper) *Client {
	return &Client{base: base, http: &http.Client{Timeout: requestTimeout, Transport: transport}}
}

// As returns the same client with another access token.
func (c *Client) As(token string) *Client { return &Client{base: c.base, token: token, http: c.http} }

// Base is the URL that the client speaks to.
func (c *Client) Base() string { return c.base }

// Problem is an RFC 9457 answer.
type Problem struct {
	Type     string  `json:"type"`
	Title    string  `json:"title"`
	Status   int     `json:"status"`
	Detail   string  `json:"detail"`
	Instance string  `json:"instance"`
	Errors   []Field `json:"errors"`
	// Request says what was asked.
	Request string `json:"-"`
}

// Field is a field at fault.
type Field struct {
	Location string `json:"location"`
	Message  string `json:"message"`
}

// Error implements error.
func (p *Problem) Error() string {
	text := fmt.Sprintf("%s: %d %s", p.Request, p.Status, p.Title)
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	for _, f := range p.Errors {
		text += fmt.Sprintf(" [%s: %s]", f.Location, f.Message)
	}
	return text
}

// Status returns the HTTP status of the problem in err's chain, or 0.
func Status(err error) int {
	var problem *Problem
	if errors.As(err, &problem) {
		return problem.Status
	}
	return 0
}

// Get reads path into out.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	return c.Do(ctx, http.MethodGet, path, "", nil, out)
}

// Post sends body with a new idempotency key.
func (c *Client) Post(ctx context.Context, path string, body, out any) error {
	return c.Do(ctx, http.MethodPost, path, uuid.NewString(), body, out)
}

// Put sends body.
func (c *Client) Put(ctx context.Context, path string, body, out any) error {
	return c.Do(ctx, http.MethodPut, path, "", body, out)
}

// Do sends one JSON request. out may be nil, a *[]byte for the bare answer, or
// anything that JSON decodes into. An answer of 400 and above is a *Problem.
func (c *Client) Do(ctx context.Context, method, path, key string, body, out any) error {
	var reader io.Reader = http.NoBody
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encoding %s %s: %w", method, path, err)
		}
		reader = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	return c.Send(request, out)
}

// Upload sends a file with form fields as multipart/form-data, with a new
// idempotency key.
func (c *Client) Upload(
	ctx context.Context, path string, fields map[string]string, name, contentType string, content []byte, out any,
) error {
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	for field, value := range fields {
		if err := writer.WriteField(field, value); err != nil {
			return err
		}
	}
	part, err := writer.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf("form-data; name=%q; filename=%q", "file", name)},
		"Content-Type":        {contentType},
	})
	if err != nil {
		return err
	}
	if _, err := part.Write(content); err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+path, &form)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", writer.FormDataContentType())
	request.Header.Set("Idempotency-Key", uuid.NewString())
	return c.Send(request, out)
}

// Send sends a request that the caller made, with the client's token unless it
// has an Authorization of its own; see Do for out and errors.
func (c *Client) Send(request *http.Request, out any) error {
	if c.token != "" && request.Header.Get("Authorization") == "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	what := request.Method + " " + request.URL.Path
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
	if err != nil {
		return fmt.Errorf("%s: reading answer: %w", what, err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return problemOf(what, response, data)
	}
	if bare, ok := out.(*[]byte); ok {
		*bare = data
		return nil
	}
	if out == nil || len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s: decoding answer: %w", what, err)
	}
	return nil
}

func problemOf(what string, response *http.Response, data []byte) error {
	problem := &Problem{Request: what}
	if response.Header.Get("Content-Type") == problemMimeType {
		_ = json.Unmarshal(data, problem) // a broken document still has its status
	}
	problem.Status = response.StatusCode
	if problem.Title == "" {
		problem.Title = http.StatusText(response.StatusCode)
	}
	return problem
}

// Until calls try until it returns true or an error, or ctx ends: the services
// hear of each other by events, so what was just said is known elsewhere a few
// milliseconds later.
func Until(ctx context.Context, what string, try func() (bool, error)) error {
	return Poll(ctx, what, pollPause, try)
}

// Poll is Until with a pause of the caller's between two tries.
func Poll(ctx context.Context, what string, pause time.Duration, try func() (bool, error)) error {
	for {
		done, err := try()
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}
