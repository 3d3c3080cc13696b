package gateway

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/config"
)

// tripped has requests to a service that is down until its breaker, with the
// pause, lets no more of them through, and returns the breaker, how to ask once
// more, and how the service comes back.
func (b *bundle) tripped(pause time.Duration) (kyc *upstream, ask func() answer, revive func()) {
	b.t.Helper()
	var alive atomic.Bool
	well := b.upstream.get()
	b.upstream.set(func(w http.ResponseWriter, r *http.Request) {
		if !alive.Load() && strings.Contains(r.URL.Path, "/kyc") {
			panic(http.ErrAbortHandler)
		}
		well(w, r)
	})
	base, err := url.Parse(b.upstreamURL)
	if err != nil {
		b.t.Fatal(err)
	}
	env := &app.Env{Config: &config.Config{Gateway: b.gateway.cfg}}
	kyc = newUpstream("kyc", base, env, b.gateway.metrics, pause)
	b.gateway.services["kyc"] = kyc
	token := b.tokens.give(access.Officer)
	ask = func() answer {
		b.t.Helper()
		r := b.request(http.MethodGet, "/api/v1/kyc/queue", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+token)
		return b.do(r)
	}
	asked := 0
	for end := time.Now().Add(patience); kyc.breaker.State() == gobreaker.StateClosed; asked++ {
		ask().wantProblem(http.StatusServiceUnavailable, "unavailable")
		if time.Now().After(end) {
			b.t.Fatal("the breaker never opens")
		}
	}
	if asked < breakerSample { // more, where those of the first seconds are forgotten by then
		b.t.Errorf("cut off after %d failures, want %d", asked, breakerSample)
	}
	return kyc, ask, func() { alive.Store(true) }
}

func TestTheBreakerOpens(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	kyc, ask, _ := b.tripped(time.Hour)
	if got := kyc.breaker.State(); got != gobreaker.StateOpen {
		t.Fatalf("the breaker is %s", got)
	}
	before := b.seen.count()
	got := ask().wantProblem(http.StatusServiceUnavailable, "unavailable")
	if !strings.Contains(string(got.body), "pause") || got.header.Get("Retry-After") != "5" || b.seen.count() != before {
		t.Errorf("cut off with %s", got.body)
	}
	// Others are not punished, and the health check still gets through.
	b.as(http.MethodGet, "/api/v1/notifications/inbox", access.Customer).want(http.StatusOK)
	got = b.as(http.MethodGet, "/health/kyc").want(http.StatusServiceUnavailable)
	if strings.Contains(string(got.body), "pause") {
		t.Error("the health check was cut off as well")
	}
}

func TestTheBreakerRecovers(t *testing.T) {
	t.Parallel()
	b := setup(t, options{})
	kyc, ask, revive := b.tripped(50 * time.Millisecond)
	revive()
	for end := time.Now().Add(patience); ask().status != http.StatusOK; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the service is back, and the breaker never lets anybody through")
		}
	}
	for range breakerTrials {
		ask().want(http.StatusOK)
	}
	if got := kyc.breaker.State(); got != gobreaker.StateClosed {
		t.Errorf("after it recovered the breaker is %s", got)
	}
}

func TestWhatCountsAgainstAService(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		err    error
		open   bool
	}{
		"500":             {status: http.StatusInternalServerError, open: false}, // one operation's bug
		"404":             {status: http.StatusNotFound, open: false},
		"503":             {status: http.StatusServiceUnavailable, open: true},
		"504":             {status: http.StatusGatewayTimeout, open: true},
		"client went":     {err: context.Canceled, open: false},
		"client's body":   {err: bodyError{&http.MaxBytesError{Limit: 1}}, open: false},
		"connection lost": {err: errors.New("connection reset"), open: true},
		"too slow":        {err: context.DeadlineExceeded, open: true},
	} {
		m := setup(t, options{}).gateway.metrics
		service := roundTrip(func(*http.Request) (*http.Response, error) {
			if c.err != nil {
				return nil, c.err
			}
			return &http.Response{StatusCode: c.status, Body: http.NoBody}, nil
		})
		b := breaking{breaker: newBreaker("x", time.Minute, m), next: service} //nolint:bodyclose // there is none
		for range 2 * breakerSample {
			r := (&http.Request{URL: &url.URL{Path: "/api"}})
			response, err := b.RoundTrip(r)
			if err == nil {
				_ = response.Body.Close()
				if response.StatusCode != c.status {
					t.Errorf("%s: the service's answer is lost", name)
				}
			}
		}
		if got := b.breaker.State() == gobreaker.StateOpen; got != c.open {
			t.Errorf("%s: open %t, want %t", name, got, c.open)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
