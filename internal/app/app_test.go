package app_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/devstack"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
	"github.com/tenor-lending/tenor/internal/privacy"
	"github.com/tenor-lending/tenor/internal/stream"
)

const deadline = 5 * time.Minute

// teller announces an event for each POST; listener counts them.
func teller(env *app.Env) (*app.Component, error) {
	return &app.Component{Routes: func(a *httpapi.API) {
		op := httpapi.Op{ID: "tell", Method: http.MethodPost, Path: "/tell", Access: httpapi.Public(), Idempotent: true}
		httpapi.Register(a, op, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			c := command.Command{Name: "tell", Subject: env.NewID()}
			_, err := command.Run(ctx, env.Commands, c, func(tx database.Tx, now time.Time) (struct{}, error) {
				id := env.NewID()
				return struct{}{}, env.Outbox.Append(ctx, tx, now, event.OfferExpired{
					OnApplication: event.OnApplication{ApplicationID: id, CustomerID: id},
				})
			})
			return nil, err
		})
		op = httpapi.Op{ID: "panic", Method: http.MethodGet, Path: "/panic", Access: httpapi.Public()}
		httpapi.Register(a, op, func(context.Context, *struct{}) (*struct{}, error) { panic("a fault of the handler") })
	}}, nil
}

type listener struct{ heard atomic.Int64 }

func (l *listener) new(*app.Env) (*app.Component, error) {
	return &app.Component{Subscriptions: []stream.Subscription{
		stream.On(func(_ context.Context, tx database.Tx, _ event.Envelope, _ event.OfferExpired) error {
			tx.AfterCommit(func() { l.heard.Add(1) })
			return nil
		}),
	}}, nil
}

// freePort finds a port that nobody uses now.
func freePort(t *testing.T) int {
	t.Helper()
	ports, err := devstack.FreePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return ports[0]
}

func portOf(t *testing.T, listener net.Listener) int {
	t.Helper()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatalf("%s is no TCP address", listener.Addr())
	}
	return address.Port
}

func options(t *testing.T, roles ...app.Service) app.Options {
	t.Helper()
	broker, err := devstack.StartBroker(t.Context(), devstack.BrokerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Stop() })
	var overrides []string
	for _, r := range roles {
		if r.Database != "" {
			overrides = append(overrides, r.Database+"="+dbtest.DSN(t, "shared"))
		}
	}
	cfg, _, err := config.Load([]string{
		"TENOR_DATABASE_URLS=" + strings.Join(overrides, ";"), "TENOR_KAFKA_SEEDS=" + strings.Join(broker.Seeds, ","),
		"TENOR_BLOB_URL=mem://", "TENOR_JWKS_URL=http://127.0.0.1:1/jwks", "TENOR_SHUTDOWN_TIMEOUT=2m",
	}, nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	keyring, err := privacy.NewKeyring(httpapitest.DataKeys, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return app.Options{
		Config: cfg, Log: slog.New(slog.DiscardHandler), Now: time.Now, NewID: uuid.New, Keyring: keyring,
		All: roles, Roles: roles, Version: "test",
	}
}

func get(t *testing.T, address string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// tracing keeps the spans of this process: a tracer that was made before stays
// with the first provider that is set, whatever is set later.
var tracing = sync.OnceValue(func() *tracetest.InMemoryExporter {
	spans := tracetest.NewInMemoryExporter()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	return spans
})

// TestRunServesUntilStopped walks a process through its life: ready, a request
// whose event reaches another role, a panic that harms nobody, and a stop after
// which the ports are free.
//
//nolint:paralleltest // it owns the tracing of the whole process
func TestRunServesUntilStopped(t *testing.T) {
	spans := tracing()
	spans.Reset()
	ear := &listener{}
	tell := app.Service{Name: "teller", Title: "Teller", Database: "tellerdb", Port: freePort(t), New: teller}
	listen := app.Service{Name: "listener", Title: "Listener", Database: "listenerdb", Port: freePort(t), New: ear.new}
	o := options(t, tell, listen)
	ready := make(chan struct{})
	o.Ready = func() { close(ready) }
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- app.Run(ctx, o) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatalf("Run ended: %v", err)
	case <-time.After(deadline):
		t.Fatal("not ready in time")
	}
	base := fmt.Sprintf("http://127.0.0.1:%d", tell.Port)
	for path, want := range map[string]int{
		"/health/teller": 200, "/health/teller/live": 200, "/panic": 500, "/nowhere": 404,
	} {
		if status, body := get(t, base+path); status != want || strings.Contains(body, "fault of the handler") {
			t.Errorf("GET %s: %d, want %d: %s", path, status, want, body)
		}
	}
	for range 5 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/tell", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Idempotency-Key", uuid.NewString())
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusNoContent {
			t.Fatalf("POST /tell: %d", response.StatusCode)
		}
	}
	for end := time.Now().Add(deadline); ear.heard.Load() < 5; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("heard %d of 5 events", ear.heard.Load())
		}
	}
	for end := time.Now().Add(deadline); ; time.Sleep(time.Millisecond) { // it is measured after the commit
		_, body := get(t, base+"/metrics")
		if strings.Contains(body, "tenor_event_commit_to_handled_seconds_count") {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("metrics miss the event latency:\n%.400s", body)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("a clean stop: %v", err)
	}
	var dialer net.Dialer
	if conn, err := dialer.DialContext(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", tell.Port)); err == nil {
		_ = conn.Close()
		t.Error("the port is still open after the stop")
	}
	requireOneTrace(t, spans.GetSpans())
}

// requireOneTrace finds a handled event whose trace began with the request.
func requireOneTrace(t *testing.T, spans tracetest.SpanStubs) {
	t.Helper()
	servers := make(map[string]bool)
	for _, span := range spans {
		if span.Name == "teller POST" {
			servers[span.SpanContext.TraceID().String()] = true
		}
	}
	for _, span := range spans {
		if strings.HasPrefix(span.Name, "listener handle") && servers[span.SpanContext.TraceID().String()] {
			return
		}
	}
	var names []string
	for _, span := range spans {
		names = append(names, span.Name)
	}
	t.Errorf("no handled event belongs to the trace of its request: %v", names)
}

func TestFailingTaskStopsTheProcess(t *testing.T) {
	t.Parallel()
	broken := errors.New("the task is broken")
	stopped := false
	service := app.Service{
		Name: "broken", Title: "Broken", Port: freePort(t),
		New: func(*app.Env) (*app.Component, error) {
			return &app.Component{
				Tasks: []app.Task{{Name: "broken task", Run: func(context.Context) error { return broken }}},
				Stop:  func(context.Context) error { stopped = true; return nil },
			}, nil
		},
	}
	if err := app.Run(t.Context(), options(t, service)); !errors.Is(err, broken) {
		t.Errorf("Run: %v, want the task's error", err)
	}
	if !stopped {
		t.Error("Stop was not called")
	}
}

func TestRunRefusesATakenPort(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	taken, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	service := app.Service{
		Name: "late", Title: "Late", Port: portOf(t, taken),
		New: func(*app.Env) (*app.Component, error) { return &app.Component{}, nil },
	}
	err = app.Run(t.Context(), options(t, service))
	if err == nil || !strings.Contains(err.Error(), "starting late") {
		t.Errorf("Run: %v, want the role that could not start", err)
	}
}
