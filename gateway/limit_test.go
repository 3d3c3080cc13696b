package gateway

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/config"
)

// limited makes a gateway with small limits.
func limited(t *testing.T, trustedProxy bool) *bundle {
	t.Helper()
	return setup(t, options{change: func(c *config.Config) {
		c.Gateway.RatePerSec, c.Gateway.RateBurst, c.Gateway.LoginPerMin = 10, 20, 6
		c.Gateway.TrustedProxy = trustedProxy
	}})
}

// burst sends n requests at once and returns how many were let through.
func (b *bundle) burst(n int, request func() *http.Request) int {
	b.t.Helper()
	const workers = 16
	var admitted atomic.Int64
	var wait sync.WaitGroup
	work := make(chan *http.Request, n)
	for range n {
		work <- request()
	}
	close(work)
	for range workers {
		wait.Go(func() {
			for r := range work {
				got, err := b.try(r)
				switch {
				case err != nil:
					b.t.Error(err)
				case got.status != http.StatusTooManyRequests:
					admitted.Add(1)
				case got.header.Get("Retry-After") == "":
					b.t.Error("429 without Retry-After")
				}
			}
		})
	}
	wait.Wait()
	return int(admitted.Load())
}

func TestABurstIsAdmittedUpToTheLimit(t *testing.T) {
	t.Parallel()
	b := limited(t, false)
	token := b.tokens.give(access.Officer)
	other := b.tokens.give(access.Officer)
	queue := func(token string) func() *http.Request {
		return func() *http.Request {
			r := b.request(http.MethodGet, "/api/v1/kyc/queue", http.NoBody)
			r.Header.Set("Authorization", "Bearer "+token)
			return r
		}
	}
	const tenfold = 200
	// The clock stands still: the bucket is exactly the burst. The address has
	// four times as much, which the client's own refusals use up as well.
	if got := b.burst(40, queue(token)); got != 20 {
		t.Errorf("%d of 40 admitted, want the burst of 20", got)
	}
	if got := b.burst(20, queue(other)); got != 20 {
		t.Errorf("another client: %d of 20 admitted, want all", got)
	}
	if got := b.seen.count(); got != 40 {
		t.Errorf("%d requests came through, want 40", got)
	}
	b.clock.advance(time.Second)
	if got := b.burst(40, queue(token)); got != 10 {
		t.Errorf("%d of 40 admitted after a second, want 10", got)
	}
	// The address is now empty as well.
	b.clock.advance(time.Hour)
	if got := b.burst(tenfold, queue(token)); got != 20 {
		t.Errorf("%d of %d admitted, want 20", got, tenfold)
	}
}

// TestTenfoldBurstOnARunningClock is the promise to operators: what comes
// through in a while is the burst and the rate, and no more than 5 % above.
func TestTenfoldBurstOnARunningClock(t *testing.T) {
	t.Parallel()
	b := limited(t, false)
	token := b.tokens.give(access.Officer)
	origin, started := b.clock.Now(), time.Now()
	b.gateway.now = func() time.Time { return origin.Add(time.Since(started)) }
	admitted := b.burst(200, func() *http.Request {
		r := b.request(http.MethodGet, "/api/v1/kyc/queue", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+token)
		return r
	})
	limit := 20 + 10*time.Since(started).Seconds()
	if float64(admitted) > limit*1.05 || admitted < 20 {
		t.Errorf("%d admitted, want 20 to %.1f", admitted, limit)
	}
}

func TestAddressesAreLimitedWhateverTheySend(t *testing.T) {
	t.Parallel()
	b := limited(t, true)
	from := func(address string) func() *http.Request {
		return func() *http.Request {
			r := b.request(http.MethodGet, "/api/v1/nothing", http.NoBody)
			r.Header.Set("X-Forwarded-For", "198.51.100.1, "+address)
			r.Header.Set("Authorization", "Bearer forged")
			return r
		}
	}
	if got := b.burst(100, from("203.0.113.1")); got != 80 {
		t.Errorf("%d of 100 admitted, want 4 x 20", got)
	}
	if got := b.burst(10, from("203.0.113.2")); got != 10 {
		t.Errorf("another address: %d of 10 admitted, want all", got)
	}
	if got := b.burst(100, from("2001:db8::1")); got != 80 {
		t.Errorf("IPv6: %d of 100 admitted, want 80", got)
	}
	if got := b.burst(10, from("2001:db8::2:2")); got != 0 {
		t.Errorf("the same /64: %d of 10 admitted, want none", got)
	}
	if got := b.burst(10, from("2001:db8:0:1::1")); got != 10 {
		t.Errorf("another /64: %d of 10 admitted, want all", got)
	}
}

func TestLoginsAreLimitedStrictly(t *testing.T) {
	t.Parallel()
	b := limited(t, false)
	paths := []string{
		"/api/v1/auth/login", "/api/v1/customers/register", "/api/v1/oauth/token",
		"/api/v1/auth/password/forgotten", "/api/v1/auth/password/reset",
	}
	for i := range 6 {
		b.as(http.MethodPost, paths[i%len(paths)]).want(http.StatusOK)
	}
	got := b.as(http.MethodPost, paths[0]).wantProblem(http.StatusTooManyRequests, "too-many-requests")
	if wait := got.header.Get("Retry-After"); wait != "10" {
		t.Errorf("Retry-After %q, want 10: six a minute", wait)
	}
	if policy := got.header.Get("RateLimit-Policy"); policy != `"login";q=6;w=60` {
		t.Errorf("RateLimit-Policy %s", policy)
	}
	if left := got.header.Get("RateLimit"); left != `"login";r=0;t=10` {
		t.Errorf("RateLimit %s", left)
	}
	b.as(http.MethodPost, "/api/v1/auth/refresh").want(http.StatusOK)
	b.clock.advance(10 * time.Second)
	b.as(http.MethodPost, paths[0]).want(http.StatusOK)
	b.as(http.MethodPost, paths[0]).want(http.StatusTooManyRequests)
}

func TestQuotaForgetsTheQuietestFirst(t *testing.T) {
	t.Parallel()
	q := newQuota("x", rate.Limit(1), 1)
	q.max = 3
	now := time.Unix(0, 0)
	admit := func(key string) bool { return q.admit(http.Header{}, key, now) }
	for _, key := range []string{"a", "b", "c"} {
		if !admit(key) {
			t.Fatalf("%s is refused at first", key)
		}
	}
	if admit("a") { // but a is the last one that was heard of now
		t.Error("a is admitted twice")
	}
	admit("d") // forgets b
	if len(q.byKey) != 3 || q.order.Len() != 3 {
		t.Errorf("%d keys, %d in order, want 3", len(q.byKey), q.order.Len())
	}
	if admit("a") || admit("c") {
		t.Error("a busy key was forgotten")
	}
	for i := range 10_000 {
		admit(strconv.Itoa(i))
	}
	if len(q.byKey) != 3 || q.order.Len() != 3 {
		t.Errorf("%d keys, %d in order, want 3", len(q.byKey), q.order.Len())
	}
}

func TestPeer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		remote    string
		forwarded []string
		trusted   bool
		want      string
	}{
		"direct":              {"203.0.113.1:5", nil, false, "203.0.113.1"},
		"not believed":        {"203.0.113.1:5", []string{"127.0.0.1"}, false, "203.0.113.1"},
		"proxy without words": {"10.0.0.1:5", nil, true, "10.0.0.1"},
		"proxy":               {"10.0.0.1:5", []string{"203.0.113.9"}, true, "203.0.113.9"},
		"client lies first":   {"10.0.0.1:5", []string{"127.0.0.1", "1.2.3.4 , 203.0.113.9"}, true, "203.0.113.9"},
		"nonsense":            {"10.0.0.1:5", []string{"localhost"}, true, "invalid IP"},
		"mapped":              {"[::ffff:203.0.113.1]:5", nil, false, "203.0.113.1"},
		"zone":                {"[fe80::1%eth0]:5", nil, false, "fe80::1"},
		"no port":             {"x", nil, false, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: c.remote, Header: http.Header{"X-Forwarded-For": c.forwarded}}
		if got := peer(r, c.trusted).String(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if key := addressKey(netip.Addr{}); !strings.Contains(key, "invalid") {
		t.Errorf("unknown addresses share the bucket %q", key)
	}
}
