package app_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

// start runs a process and returns how to stop it and how it ended.
func start(t *testing.T, o app.Options) (stop context.CancelFunc, done <-chan error) {
	t.Helper()
	ready, ended := make(chan struct{}), make(chan error, 1)
	o.Ready = func() { close(ready) }
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() { ended <- app.Run(ctx, o) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("Run ended: %v", err)
	case <-time.After(deadline):
		t.Fatal("not ready in time")
	}
	return cancel, ended
}

func tell(t *testing.T, service app.Service) {
	t.Helper()
	address := fmt.Sprintf("http://127.0.0.1:%d/tell", service.Port)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Idempotency-Key", uuid.NewString())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // it is empty
	if response.StatusCode != http.StatusNoContent {
		t.Fatalf("POST /tell: %d", response.StatusCode)
	}
}

// TestStopLeavesNothingBehind stops a process right after it has committed
// events: they are published, and no goroutine of it goes on.
//
//nolint:paralleltest // it looks at the goroutines of the whole process
func TestStopLeavesNothingBehind(t *testing.T) {
	ear := &listener{}
	service := app.Service{Name: "teller", Title: "Teller", Database: "tellerdb", Port: freePort(t), New: teller}
	other := app.Service{Name: "listener", Title: "Listener", Database: "listenerdb", Port: freePort(t), New: ear.new}
	o := options(t, service, other)
	dsn, err := o.Config.DatabaseDSN("tellerdb")
	if err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(t.Context(), database.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	http.DefaultClient.CloseIdleConnections()
	before := goleak.IgnoreCurrent()
	stop, done := start(t, o)
	const events = 20
	for range events {
		tell(t, service)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatalf("a clean stop: %v", err)
	}
	http.DefaultClient.CloseIdleConnections()
	var announced, waiting int
	err = db.Pool().QueryRow(t.Context(),
		`select sum(version)::bigint, (select count(*) from outbox) from stream_head`).Scan(&announced, &waiting)
	if err != nil || announced != events || waiting != 0 {
		t.Errorf("%d events were announced and %d left unpublished, %v; want %d and none", announced, waiting, err, events)
	}
	var left error
	for end := time.Now().Add(deadline); time.Now().Before(end); {
		if left = goleak.Find(before); left == nil { // it waits a little itself
			return
		}
	}
	t.Error(left)
}

// TestStuckRequestDoesNotKeepTheProcess has a request hold a transaction open
// until its context ends: the stop takes as long as it may, and no longer.
func TestStuckRequestDoesNotKeepTheProcess(t *testing.T) {
	t.Parallel()
	inside := make(chan struct{})
	service := app.Service{
		Name: "stuck", Title: "Stuck", Database: "stuckdb", Port: freePort(t),
		New: func(env *app.Env) (*app.Component, error) {
			return &app.Component{Routes: func(a *httpapi.API) {
				op := httpapi.Op{ID: "wait", Method: http.MethodGet, Path: "/wait", Access: httpapi.Public()}
				httpapi.Register(a, op, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
					return nil, database.InTx(ctx, env.DB, func(database.Tx) error {
						close(inside)
						<-ctx.Done()
						return ctx.Err()
					})
				})
			}}, nil
		},
	}
	o := options(t, service)
	o.Config.ShutdownTimeout = time.Second
	stop, done := start(t, o)
	go func() {
		address := fmt.Sprintf("http://127.0.0.1:%d/wait", service.Port)
		request, err := http.NewRequestWithContext(
			context.WithoutCancel(t.Context()), http.MethodGet, address, http.NoBody)
		if err != nil {
			return
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = response.Body.Close() // whatever it says: the server was stopped
		}
	}()
	<-inside
	stop()
	select {
	case err := <-done:
		if err == nil {
			t.Error("Run called it a clean stop")
		}
	case <-time.After(deadline):
		t.Fatal("the process goes on")
	}
}
