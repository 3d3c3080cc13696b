// Package httpapitest helps tests to drive one service over HTTP: its real
// router, middleware and database, with tokens that a fake verifier knows.
//
// It is for tests only.
package httpapitest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/blob"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/privacy"
	"github.com/tenor-lending/tenor/internal/stream"
)

// DataKeys is a keyring specification for tests.
const DataKeys = "test:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

// Env returns what a service needs, on db (nil for none): the default
// configuration, the real clock unless the test replaces Now, random ids.
func Env(t testing.TB, name string, db *database.DB) *app.Env {
	t.Helper()
	cfg, _, err := config.Load([]string{"TENOR_BLOB_URL=mem://"}, nil, io.Discard)
	if err != nil {
		t.Fatalf("loading configuration: %v", err)
	}
	keyring, err := privacy.NewKeyring(DataKeys, rand.Reader)
	if err != nil {
		t.Fatalf("making keyring: %v", err)
	}
	env := &app.Env{
		Config: cfg, Log: slog.New(slog.DiscardHandler), Now: time.Now, NewID: uuid.New, Keyring: keyring,
		Metrics: prometheus.NewRegistry(), Blobs: blob.New(cfg.BlobURL, keyring, rand.Reader),
	}
	if db != nil {
		env.DB = db
		env.Commands = command.NewRunner(db, func() time.Time { return env.Now() })
		env.Outbox = stream.NewOutbox("/tenor/"+name, uuid.New, func() {})
	}
	return env
}

// Server is a service under test.
type Server struct {
	t        testing.TB
	http     *httptest.Server
	verifier *verifier
}

type verifier struct {
	mu     sync.Mutex
	actors map[string]access.Actor
}

// Verify implements httpapi.Verifier.
func (v *verifier) Verify(_ context.Context, token string) (access.Actor, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	actor, ok := v.actors[token]
	if !ok {
		return access.Actor{}, fmt.Errorf("%w: unknown to the test", httpapi.ErrInvalidToken)
	}
	return actor, nil
}

// New serves the component's routes until the test ends.
func New(t testing.TB, component *app.Component) *Server {
	t.Helper()
	v := &verifier{actors: map[string]access.Actor{}}
	api := httpapi.New(httpapi.Options{Title: "test", Version: "test", Verifier: v})
	component.Routes(api)
	var handler http.Handler = api
	if component.Wrap != nil {
		handler = component.Wrap(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &Server{t: t, http: server, verifier: v}
}

// URL is where the service answers.
func (s *Server) URL() string { return s.http.URL }

// Client sends requests as one actor.
type Client struct {
	server  *Server
	token   string
	key     string
	patient bool
}

// As returns a client whose token stands for an actor with the id and roles.
func (s *Server) As(id uuid.UUID, roles ...access.Role) *Client {
	token := "test-token-" + uuid.NewString()
	s.verifier.mu.Lock()
	defer s.verifier.mu.Unlock()
	s.verifier.actors[token] = access.Actor{ID: id, Roles: roles}
	return &Client{server: s, token: token}
}

// Anonymous returns a client without a token.
func (s *Server) Anonymous() *Client { return &Client{server: s} }

// WithKey returns the same client sending this idempotency key instead of a
// new one for each POST; "-" sends none.
func (c *Client) WithKey(key string) *Client {
	other := *c
	other.key = key
	return &other
}

// Limits of a patient client.
const (
	patientTriesMax = 200
	patientPause    = 20 * time.Millisecond
)

// Patient returns the same client sending a request again, with its idempotency
// key, for as long as the service tells it to come again: that others were in the
// way, or that the same request is still running. How often that happens where
// many come at once is the machine's affair.
func (c *Client) Patient() *Client {
	other := *c
	other.patient = true
	return &other
}

// comeAgain tells whether the service has promised that the request had no effect
// or that sending it again, with its key, has none.
func (a *Answer) comeAgain() bool {
	return a.Status == http.StatusServiceUnavailable ||
		a.Status == http.StatusConflict && bytes.Contains(a.Body, []byte(":request-in-flight"))
}

// Token is the bearer token of the client.
func (c *Client) Token() string { return c.token }

// Answer is what the service said.
type Answer struct {
	t      testing.TB
	Status int
	Header http.Header
	Body   []byte
}

// Get sends a GET. The body of the other methods is marshalled to JSON unless it
// is nil, a []byte or a string, which are sent as they are.
func (c *Client) Get(path string) *Answer { return c.send(http.MethodGet, path, nil) }

// Post sends a POST with an idempotency key.
func (c *Client) Post(path string, body any) *Answer { return c.send(http.MethodPost, path, body) }

// Put sends a PUT.
func (c *Client) Put(path string, body any) *Answer { return c.send(http.MethodPut, path, body) }

// Patch sends a PATCH.
func (c *Client) Patch(path string, body any) *Answer { return c.send(http.MethodPatch, path, body) }

// Delete sends a DELETE.
func (c *Client) Delete(path string) *Answer { return c.send(http.MethodDelete, path, nil) }

func (c *Client) send(method, path string, body any) *Answer {
	c.server.t.Helper()
	if !c.patient {
		return c.once(method, path, body)
	}
	same := c
	if c.key == "" {
		same = c.WithKey(uuid.NewString())
	}
	answer := same.once(method, path, body)
	for tries := 1; answer.comeAgain() && tries < patientTriesMax; tries++ {
		time.Sleep(patientPause)
		answer = same.once(method, path, body)
	}
	return answer
}

func (c *Client) once(method, path string, body any) *Answer {
	t := c.server.t
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, c.server.http.URL+path, reader(t, body))
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return c.Do(request)
}

func reader(t testing.TB, body any) io.Reader {
	t.Helper()
	switch b := body.(type) {
	case nil:
		return http.NoBody
	case []byte:
		return bytes.NewReader(b)
	case string:
		return bytes.NewReader([]byte(b))
	}
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatalf("encoding body: %v", err)
	}
	return bytes.NewReader(data)
}

// Do sends a request that the test made itself, with the client's token and key.
func (c *Client) Do(request *http.Request) *Answer {
	t := c.server.t
	t.Helper()
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	switch {
	case c.key == "-":
	case c.key != "":
		request.Header.Set("Idempotency-Key", c.key)
	case request.Method == http.MethodPost:
		request.Header.Set("Idempotency-Key", uuid.NewString())
	}
	response, err := c.server.http.Client().Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", request.Method, request.URL.Path, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: reading answer: %v", request.Method, request.URL.Path, err)
	}
	return &Answer{t: t, Status: response.StatusCode, Header: response.Header, Body: body}
}

// Want fails the test unless the status is the wanted one.
func (a *Answer) Want(status int) *Answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("status %d, want %d: %s", a.Status, status, a.Body)
	}
	return a
}

// Into decodes the body into v.
func (a *Answer) Into(v any) *Answer {
	a.t.Helper()
	if err := json.Unmarshal(a.Body, v); err != nil {
		a.t.Fatalf("decoding %s: %v", a.Body, err)
	}
	return a
}

// Problem is an RFC 9457 document as tests look at it.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Errors []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`
}

// WantProblem fails the test unless the answer is a problem of this status and
// of type urn:tenor:problem:<slug>, and returns it.
func (a *Answer) WantProblem(status int, slug string) Problem {
	a.t.Helper()
	a.Want(status)
	var problem Problem
	a.Into(&problem)
	if got, want := problem.Type, "urn:tenor:problem:"+slug; got != want {
		a.t.Fatalf("problem type %s, want %s: %s", got, want, a.Body)
	}
	if contentType := a.Header.Get("Content-Type"); contentType != "application/problem+json" {
		a.t.Fatalf("content type %s, want application/problem+json", contentType)
	}
	return problem
}

// WantField fails the test unless the problem names the location of the field.
func (p Problem) WantField(t testing.TB, location string) {
	t.Helper()
	for _, e := range p.Errors {
		if e.Location == location {
			return
		}
	}
	t.Fatalf("problem names %+v, want %s", p.Errors, location)
}
