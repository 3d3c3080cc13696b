package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

// Limits of the connections to one service.
const (
	dialTimeout   = 2 * time.Second
	keepAlive     = 30 * time.Second
	idleTimeout   = 60 * time.Second
	idleConnsMax  = 256
	connsMax      = 1024
	copyBytes     = 32 << 10
	headerBytes   = 64 << 10
	continueAfter = time.Second
)

// When a service is cut off: at least half of at least breakerSample requests
// in breakerWindow failed. After breakerPause a few requests may try it.
const (
	breakerSample = 10
	breakerWindow = 10 * time.Second
	breakerBucket = time.Second
	breakerPause  = 5 * time.Second
	breakerTrials = 3
)

// upstream is the way to one service.
type upstream struct {
	proxy   *httputil.ReverseProxy
	breaker *gobreaker.CircuitBreaker[*http.Response]
}

// newUpstreams makes the way to every service but the gateway itself.
func newUpstreams(env *app.Env, m *metrics) (map[string]*upstream, error) {
	all := make(map[string]*upstream)
	for _, service := range env.Services {
		if service.Name == own {
			continue
		}
		base, err := url.Parse(env.Config.Upstream(service.Name, service.Port))
		if err != nil {
			return nil, fmt.Errorf("address of %s: %w", service.Name, err)
		}
		all[service.Name] = newUpstream(service.Name, base, env, m, breakerPause)
	}
	return all, nil
}

func newUpstream(name string, base *url.URL, env *app.Env, m *metrics, pause time.Duration) *upstream {
	u := &upstream{breaker: newBreaker(name, pause, m)} //nolint:bodyclose // makes no request
	transport := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}).DialContext,
		MaxIdleConnsPerHost:    idleConnsMax,
		MaxConnsPerHost:        connsMax,
		IdleConnTimeout:        idleTimeout,
		ResponseHeaderTimeout:  env.Config.Gateway.Timeout,
		ExpectContinueTimeout:  continueAfter,
		MaxResponseHeaderBytes: headerBytes,
		DisableCompression:     true,
	}
	log := env.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	trustedProxy := env.Config.Gateway.TrustedProxy
	u.proxy = &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { rewrite(p, base, trustedProxy) },
		// The trace continues inside the breaker, so that a request that is not
		// sent has no span of its own.
		Transport:      breaking{breaker: u.breaker, next: otelhttp.NewTransport(transport)},
		ModifyResponse: cleanAnswer,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			answer, _ := r.Context().Value(keyFault).(faultFunc)
			answer(w, r, err)
		},
		BufferPool: buffers{},
		ErrorLog:   slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return u
}

type contextKey int

const keyFault contextKey = iota

// faultFunc answers for a service that did not.
type faultFunc func(w http.ResponseWriter, r *http.Request, err error)

func (u *upstream) serve(w http.ResponseWriter, r *http.Request, fault faultFunc) {
	w.Header().Del("Cache-Control") // the service says, see cleanAnswer
	u.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), keyFault, fault)))
}

// spoofable are headers by which a client could pretend to be somebody, to be
// somewhere or to ask for something else than the gateway has checked.
var spoofable = []string{
	"Forwarded", "X-Real-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip", "X-Cluster-Client-Ip",
	"X-Original-Url", "X-Rewrite-Url", "X-Http-Method", "X-Http-Method-Override", "X-Method-Override",
	"X-Forwarded-Prefix", "X-Forwarded-Port", "X-Forwarded-Server", "Cookie", "Baggage",
	"Upgrade", "Connection", "Te", "Accept-Encoding",
}

// rewrite addresses a request to its service and takes out what is not the
// client's to say. The proxy has removed hop-by-hop and X-Forwarded headers.
func rewrite(p *httputil.ProxyRequest, base *url.URL, trustedProxy bool) {
	p.SetURL(base)
	for _, name := range spoofable {
		p.Out.Header.Del(name)
	}
	if trustedProxy {
		p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
	}
	p.SetXForwarded()
}

// setByGateway are headers that the gateway gives to every answer.
var setByGateway = []string{
	httpapi.HeaderRequestID, "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Resource-Policy",
	"Strict-Transport-Security",
}

// cleanAnswer takes out of a service's answer what the gateway says already
// and what tells about its insides.
func cleanAnswer(response *http.Response) error {
	for _, name := range setByGateway {
		response.Header.Del(name)
	}
	response.Header.Del("Server")
	response.Header.Del("X-Powered-By")
	if response.Header.Get("Cache-Control") == "" {
		response.Header.Set("Cache-Control", "no-store")
	}
	return nil
}

// clientBody tells a client that does not send its body from a service that fails.
type clientBody struct{ io.ReadCloser }

// Read implements io.Reader.
func (b *clientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = bodyError{err}
	}
	return n, err
}

// bodyError is the client's fault.
type bodyError struct{ error }

// Unwrap gives the cause.
func (e bodyError) Unwrap() error { return e.error }

// breaking is the circuit breaker around the way to a service.
type breaking struct {
	breaker *gobreaker.CircuitBreaker[*http.Response]
	next    http.RoundTripper
}

// errUnwell means a service answered that it, or what it needs, does not work.
var errUnwell = errors.New("service answered that it is unavailable")

// RoundTrip implements http.RoundTripper. Health checks always get through:
// they are how somebody finds out why the others do not.
func (b breaking) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, "/health/") {
		return b.next.RoundTrip(r)
	}
	response, err := b.breaker.Execute(func() (*http.Response, error) {
		response, err := b.next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		switch response.StatusCode {
		case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return response, errUnwell
		}
		return response, nil
	})
	if errors.Is(err, errUnwell) {
		return response, nil // counted; the client gets the service's own words
	}
	return response, err
}

func newBreaker(name string, pause time.Duration, m *metrics) *gobreaker.CircuitBreaker[*http.Response] {
	m.breaker.WithLabelValues(name).Set(0)
	return gobreaker.NewCircuitBreaker[*http.Response](gobreaker.Settings{ //nolint:bodyclose // makes no request
		Name: name, MaxRequests: breakerTrials, Interval: breakerWindow, BucketPeriod: breakerBucket, Timeout: pause,
		ReadyToTrip: func(c gobreaker.Counts) bool {
			return c.Requests >= breakerSample && 2*c.TotalFailures >= c.Requests
		},
		IsExcluded: func(err error) bool { // not the service's fault
			var body bodyError
			return errors.Is(err, context.Canceled) || errors.As(err, &body)
		},
		OnStateChange: func(name string, _, to gobreaker.State) {
			m.breaker.WithLabelValues(name).Set(float64(to))
		},
	})
}

// buffers lends the buffers that answers are copied through.
type buffers struct{}

var bufferPool = sync.Pool{New: func() any { return new([copyBytes]byte) }}

// Get implements httputil.BufferPool.
func (buffers) Get() []byte {
	return bufferPool.Get().(*[copyBytes]byte)[:] //nolint:errcheck // the pool holds nothing else
}

// Put implements httputil.BufferPool.
func (buffers) Put(b []byte) { bufferPool.Put((*[copyBytes]byte)(b)) }
