package payer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tenor-lending/tenor/bench/faults/fleet"
)

// gateTo is a gate to a server that stands for both replicas, and its port.
func gateTo(t *testing.T, serve http.HandlerFunc) (*Gate, int) {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	_, text, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	g := NewGate(&fleet.Fleet{})
	g.Quiet()
	g.tokens[AsSystem] = token{"a token", time.Now()}
	return g, port
}

// problem answers with a problem of that kind.
func problem(w http.ResponseWriter, status int, kind string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"type":"urn:problem:%s","detail":"why"}`, kind)
}

// TestInsistingUntilThereIsAnAnswer asks a server that is disturbed in every way in
// which nothing is decided.
func TestInsistingUntilThereIsAnAnswer(t *testing.T) {
	t.Parallel()
	var times atomic.Int64
	g, port := gateTo(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Idempotency-Key") != "k" || r.Header.Get("Authorization") != "Bearer a token" {
			problem(w, http.StatusBadRequest, "header")
			return
		}
		switch times.Add(1) {
		case 1:
			problem(w, http.StatusServiceUnavailable, "unavailable")
		case 2:
			problem(w, http.StatusConflict, "request-in-flight")
		case 3:
			problem(w, http.StatusTooManyRequests, "busy")
		case 4:
			panic(http.ErrAbortHandler) // the connection breaks
		default:
			_, _ = w.Write([]byte(`{"business_date":"2026-01-02"}`))
		}
	})
	var book Book
	r := Request{Who: AsSystem, Method: http.MethodPost, Path: "/x", Port: port, Key: "k"}
	if err := g.Insist(t.Context(), r, &book); err != nil || times.Load() != 5 || book.BusinessDate.Day != 2 {
		t.Errorf("after %d requests: %v, %v", times.Load(), book, err)
	}
}

func TestInsistingEnds(t *testing.T) {
	t.Parallel()
	g, port := gateTo(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			problem(w, http.StatusConflict, "loan-not-active")
			return
		}
		problem(w, http.StatusServiceUnavailable, "unavailable")
	})
	err := g.Read(t.Context(), AsSystem, port, "/no", nil, nil)
	if err == nil || errors.Is(err, ErrGaveUp) || !strings.Contains(err.Error(), "409 loan-not-active: why") {
		t.Errorf("a definite no: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Read(ctx, AsSystem, port, "/later", nil, nil); !errors.Is(err, ErrGaveUp) {
		t.Errorf("nobody waits any more: %v", err)
	}
}

func TestReadingPages(t *testing.T) {
	t.Parallel()
	g, port := gateTo(t, func(w http.ResponseWriter, r *http.Request) {
		next := map[string]string{"": "b", "b": "c", "c": ""}[r.URL.Query().Get("cursor")]
		_, _ = fmt.Fprintf(w, `{"item":%q,"next":%q}`, r.URL.RawQuery, next)
	})
	type page struct{ Item, Next string }
	var got []string
	err := ReadPages(t.Context(), g, AsSystem, port, "/x", url.Values{"limit": {"1"}}, func(p page) string {
		got = append(got, p.Item)
		return p.Next
	})
	if want := []string{"limit=1", "cursor=b&limit=1", "cursor=c&limit=1"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("read %q, %v; want %q", got, err, want)
	}
}
