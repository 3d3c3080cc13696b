package gateway

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sony/gobreaker/v2"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/config"
)

func TestASlowServiceIsATimeout(t *testing.T) {
	t.Parallel()
	b := setup(t, options{change: func(c *config.Config) { c.Gateway.Timeout = 100 * time.Millisecond }})
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	b.upstream.set(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-release:
		}
	})
	started := time.Now()
	b.as(http.MethodGet, "/api/v1/kyc/queue", access.Officer).wantProblem(http.StatusGatewayTimeout, "upstream-timeout")
	if took := time.Since(started); took > time.Minute {
		t.Errorf("the refusal took %s", took)
	}
}

func TestAnAbsentServiceIsUnavailable(t *testing.T) {
	t.Parallel()
	b := setup(t, options{upstreamURL: deadURL})
	got := b.as(http.MethodGet, "/api/v1/kyc/queue", access.Officer).
		wantProblem(http.StatusServiceUnavailable, "unavailable")
	if got.header.Get("Retry-After") != "1" || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", got.header)
	}
	if strings.Contains(string(got.body), "127.0.0.1") || strings.Contains(string(got.body), "refused") {
		t.Errorf("the answer tells about the inside: %s", got.body)
	}
}

func TestAServiceThatDiesInTheMiddle(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	b.upstream.set(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	b.as(http.MethodGet, "/api/v1/kyc/queue", access.Officer).wantProblem(http.StatusServiceUnavailable, "unavailable")
	b.upstream.set(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("half"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	r := b.request(http.MethodGet, "/api/v1/kyc/queue", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+b.tokens.give(access.Officer))
	if got, err := b.try(r); err == nil {
		t.Errorf("half an answer looks whole: %d %s", got.status, got.body)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, options{change: func(c *config.Config) { c.Gateway.RatePerSec, c.Gateway.RateBurst = 1e6, 1e6 }})
	read := func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			return // the gateway cut it off
		}
		_, _ = fmt.Fprint(w, n)
	}
	b.upstream.set(read)
	for _, c := range []struct {
		name, method, path string
		role               access.Role
		limit              int
	}{
		{"ordinary", http.MethodPost, "/api/v1/applications", access.Customer, bodyBytesMax},
		{"upload", http.MethodPost, "/api/v1/documents/upload", access.Customer, uploadBytesMax},
		{"bulk", http.MethodPost, "/api/v1/ledger/entries/batch", access.Finance, bulkBytesMax},
	} {
		for _, honest := range []bool{true, false} {
			for _, extra := range []int{0, 1, 1 << 20} {
				body := io.Reader(bytes.NewReader(make([]byte, c.limit+extra)))
				if !honest { // chunked: the length shows while it is read
					body = struct{ io.Reader }{body}
				}
				r := b.request(c.method, c.path, body)
				r.Header.Set("Authorization", "Bearer "+b.tokens.give(c.role))
				got, err := b.try(r)
				if err != nil {
					// The gateway may hang up on a client that goes on sending.
					if extra == 0 {
						t.Errorf("%s, honest %t: %v", c.name, honest, err)
					}
					continue
				}
				if extra == 0 {
					if got.want(http.StatusOK); string(got.body) != fmt.Sprint(c.limit) {
						t.Errorf("%s: the service read %s bytes, want %d", c.name, got.body, c.limit)
					}
					continue
				}
				got.wantProblem(http.StatusRequestEntityTooLarge, "body-too-large")
			}
		}
	}
}

func TestAGigabyteIsRefusedUnread(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	var sent atomic.Int64
	r := b.request(http.MethodPost, "/api/v1/documents/upload", &countingReader{n: 1 << 30, sent: &sent})
	r.ContentLength = 1 << 30
	r.Header.Set("Authorization", "Bearer "+b.tokens.give(access.Customer))
	r.Header.Set("Expect", "100-continue")
	b.do(r).wantProblem(http.StatusRequestEntityTooLarge, "body-too-large")
	if n := sent.Load(); n > 1<<20 || b.seen.count() != 0 {
		t.Errorf("%d bytes were read, %d requests came through", n, b.seen.count())
	}
}

type countingReader struct {
	n    int64
	sent *atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	if c.n == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), c.n)
	c.n -= n
	c.sent.Add(n)
	return int(n), nil
}

// TestUploadsAreStreamed shows that the service reads the first part of a body
// while the client has not sent the last.
func TestUploadsAreStreamed(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	first := make(chan struct{})
	b.upstream.set(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadFull(r.Body, make([]byte, 1<<20)); err != nil {
			t.Errorf("reading the first part: %v", err)
		}
		close(first)
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusCreated)
	})
	reader, writer := io.Pipe()
	go func() {
		_, _ = writer.Write(make([]byte, 1<<20))
		select {
		case <-first:
		case <-time.After(patience):
			t.Error("the service saw nothing before the end of the upload")
		}
		_, _ = writer.Write([]byte("the end"))
		_ = writer.Close()
	}()
	r := b.request(http.MethodPost, "/api/v1/documents/upload", reader)
	r.Header.Set("Authorization", "Bearer "+b.tokens.give(access.Customer))
	b.do(r).want(http.StatusCreated)
}

func TestAClientThatGoesAwayIsNotTheServicesFault(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	arrived := make(chan struct{}, 2*breakerSample)
	b.upstream.set(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	token := b.tokens.give(access.Officer)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var wait sync.WaitGroup
	for range 2 * breakerSample {
		r := b.request(http.MethodGet, "/api/v1/kyc/queue", http.NoBody).WithContext(ctx)
		r.Header.Set("Authorization", "Bearer "+token)
		wait.Go(func() {
			if _, err := b.try(r); err == nil {
				t.Error("answered although the client went away")
			}
		})
	}
	for range 2 * breakerSample {
		<-arrived
	}
	leave()
	wait.Wait()
	if got := b.gateway.services["kyc"].breaker.State(); got != gobreaker.StateClosed {
		t.Errorf("the breaker is %s", got)
	}
}

func TestRequestHeadersAreCleaned(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	r := b.request(http.MethodGet, "/.well-known/jwks.json", http.NoBody)
	for _, name := range spoofable {
		r.Header.Set(name, "spoofed")
	}
	r.Header.Set("Connection", "X-Hop, Upgrade")
	r.Header.Set("Upgrade", "websocket")
	for name, value := range map[string]string{
		"X-Hop": "1", "Keep-Alive": "1", "Proxy-Authorization": "Basic eDp5", "X-Forwarded-For": "127.0.0.1",
		"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Te": "trailers", "Accept-Encoding": "gzip",
		"Accept-Language": "hi",
	} {
		r.Header.Set(name, value)
	}
	b.do(r).want(http.StatusOK)
	seen := b.seen.last(t)
	for _, name := range []string{
		"X-Hop", "Keep-Alive", "Proxy-Authorization", "Te", "Upgrade", "Connection", "Accept-Encoding", "Forwarded",
		"X-Real-Ip", "X-Original-Url", "X-Http-Method-Override", "Cookie",
	} {
		if value := seen.Header.Get(name); value != "" {
			t.Errorf("the service saw %s: %s", name, value)
		}
	}
	want := []string{"127.0.0.1", strings.TrimPrefix(b.url, "http://"), "http", "hi"}
	got := []string{
		seen.Header.Get("X-Forwarded-For"), seen.Header.Get("X-Forwarded-Host"), seen.Header.Get("X-Forwarded-Proto"),
		seen.Header.Get("Accept-Language"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("forwarded (-want +got):\n%s", diff)
	}
	if strings.Contains(seen.Host, "evil") {
		t.Errorf("host %s", seen.Host)
	}
}

func TestATrustedProxysForwardingIsContinued(t *testing.T) {
	t.Parallel()
	b := setup(t, options{change: func(c *config.Config) { c.Gateway.TrustedProxy = true }})
	r := b.request(http.MethodGet, "/.well-known/jwks.json", http.NoBody)
	r.Header.Set("X-Forwarded-For", "203.0.113.9")
	b.do(r).want(http.StatusOK)
	if got := b.seen.last(t).Header.Get("X-Forwarded-For"); got != "203.0.113.9, 127.0.0.1" {
		t.Errorf("forwarded for %q", got)
	}
}

func TestAnswerHeadersAreCleaned(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	b.upstream.set(func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{
			"Server": "tenor/1", "X-Powered-By": "go", "X-Request-Id": "another", "X-Content-Type-Options": "nosniff",
			"Cache-Control": "public, max-age=60", "Keep-Alive": "timeout=5", "Idempotency-Replayed": "true",
			"Content-Disposition": `attachment; filename="x.pdf"`, "Content-Type": "application/pdf",
		} {
			w.Header().Set(name, value)
		}
	})
	got := b.as(http.MethodGet, "/.well-known/jwks.json").want(http.StatusOK)
	for name, want := range map[string][]string{
		"Server": nil, "X-Powered-By": nil, "Keep-Alive": nil, "X-Content-Type-Options": {"nosniff"},
		"Cache-Control": {"public, max-age=60"}, "Idempotency-Replayed": {"true"}, "Content-Type": {"application/pdf"},
		"Content-Disposition":          {`attachment; filename="x.pdf"`},
		"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
		"Referrer-Policy":              {"no-referrer"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Strict-Transport-Security":    nil, // not over plain HTTP
		"Content-Encoding":             nil,
	} {
		if diff := cmp.Diff(want, got.header.Values(name)); diff != "" && (want != nil || len(got.header.Values(name)) > 0) {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if ids := got.header.Values("X-Request-Id"); len(ids) != 1 || ids[0] == "another" {
		t.Errorf("request ids %v", ids)
	}
	b.upstream.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	got = b.as(http.MethodGet, "/.well-known/jwks.json").want(http.StatusNoContent)
	if diff := cmp.Diff([]string{"no-store"}, got.header.Values("Cache-Control")); diff != "" {
		t.Errorf("Cache-Control (-want +got):\n%s", diff)
	}
}

// TestTracesContinue sends the trace of the request's context on, and never the
// client's own words about it.
func TestTracesContinue(t *testing.T) { //nolint:paralleltest // changes the process's propagator
	before := otel.GetTextMapPropagator()
	otel.SetTextMapPropagator(propagation.TraceContext{})
	t.Cleanup(func() { otel.SetTextMapPropagator(before) })
	b := setup(t, options{})
	id := trace.TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: id, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled,
	}))
	r := b.request(http.MethodGet, "/.well-known/jwks.json", http.NoBody).WithContext(ctx)
	r.RequestURI, r.RemoteAddr, r.Host = "/.well-known/jwks.json", "127.0.0.1:1", "x"
	w := newDiscard()
	b.gateway.wrap(nil).ServeHTTP(w, r)
	if got := b.seen.last(t).Header.Get("Traceparent"); !strings.Contains(got, id.String()) {
		t.Errorf("traceparent %q, want the trace %s", got, id)
	}
}

type discard struct{ header http.Header }

func newDiscard() *discard                     { return &discard{header: http.Header{}} }
func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

func TestTLSIsRemembered(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	front := httptest.NewTLSServer(b.gateway.wrap(nil))
	t.Cleanup(front.Close)
	response, err := front.Client().Get(front.URL + "/.well-known/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if got := response.Header.Get("Strict-Transport-Security"); !strings.HasPrefix(got, "max-age=63072000") {
		t.Errorf("Strict-Transport-Security %q", got)
	}
	if got := b.seen.last(t).Header.Get("X-Forwarded-Proto"); got != "https" {
		t.Errorf("the service was told %q", got)
	}
}

// TestABodyThatDoesNotArrive plays a client that promises a body and sends half.
func TestABodyThatDoesNotArrive(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	gateway := b.gateway.wrap(nil)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// What the server's ReadTimeout does, from the head of the request on.
		if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			t.Error(err)
		}
		gateway.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "POST /api/v1/auth/refresh HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "408") {
		t.Errorf("answer %q, error %v, want 408", line, err)
	}
	if got := b.gateway.services["identity"].breaker.Counts().TotalFailures; got != 0 {
		t.Errorf("%d failures are laid at the service's door", got)
	}
}
