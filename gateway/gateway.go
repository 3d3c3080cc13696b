package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

// Limits of a request.
const (
	bodyBytesMax = httpapi.BodyBytesMax
	// bulkBytesMax is for many small things in one body.
	bulkBytesMax = 4 << 20
	// uploadBytesMax is the largest file of any service and what a multipart
	// body has beside it; the service states its own, smaller limit.
	uploadBytesMax = 26 << 20
	// bankFileBytesMax is the largest file of a bank.
	bankFileBytesMax = 64 << 20
	// uploadTime is what a slow line may take on top of the usual timeout.
	uploadTime = 60 * time.Second
	// downloadTime is how long a streamed answer may take.
	downloadTime = 30 * time.Minute
)

// Gateway is the front door.
type Gateway struct {
	cfg      config.Gateway
	log      *slog.Logger
	now      func() time.Time
	verifier httpapi.Verifier
	table    *table
	services map[string]*upstream
	metrics  *metrics
	docs     http.Handler
	own      http.Handler

	byAddress, byClient, byLogin *quota
}

// New returns the gateway as a component.
func New(env *app.Env) (*app.Component, error) {
	g, err := newGateway(env, routes)
	if err != nil {
		return nil, err
	}
	return &app.Component{Routes: describe, Wrap: g.wrap}, nil
}

func newGateway(env *app.Env, routes []Route) (*Gateway, error) {
	table, err := newTable(routes)
	if err != nil {
		return nil, err
	}
	g := &Gateway{log: env.Log, now: env.Now, verifier: env.Verifier, table: table}
	if g.log == nil {
		g.log = slog.New(slog.DiscardHandler)
	}
	registry := env.Metrics
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	g.metrics = newMetrics(registry)
	if env.Config == nil {
		return g, nil // for its description only
	}
	g.cfg = env.Config.Gateway
	perSecond := rate.Limit(g.cfg.RatePerSec)
	g.byClient = newQuota("client", perSecond, g.cfg.RateBurst)
	g.byAddress = newQuota("address", addressFactor*perSecond, addressFactor*g.cfg.RateBurst)
	g.byLogin = newQuota("login", rate.Every(time.Minute/time.Duration(g.cfg.LoginPerMin)), g.cfg.LoginPerMin)
	g.services, err = newUpstreams(env, g.metrics)
	if err != nil {
		return nil, err
	}
	g.docs, err = newDocs(env.OpenAPI)
	return g, err
}

// wrap puts the gateway in front of its own operations.
func (g *Gateway) wrap(own http.Handler) http.Handler {
	g.own = own
	return httpapi.WithRequestID(http.HandlerFunc(g.serve))
}

// exchange is one request on its way through the gateway.
type exchange struct {
	route  Route
	client access.Actor
	// refusal says why the gateway answered itself, for the log and metrics.
	refusal string
}

func (g *Gateway) serve(w http.ResponseWriter, r *http.Request) {
	started := g.now()
	recorder := &recorder{ResponseWriter: w}
	secureHeaders(w.Header(), r)
	r.Header.Set(httpapi.HeaderRequestID, httpapi.RequestID(r.Context()))
	var x exchange
	defer func() { g.record(r, &x, recorder, g.now().Sub(started)) }()
	g.pass(recorder, r, &x)
}

// pass lets a request through every check in turn, and then to its service.
func (g *Gateway) pass(w http.ResponseWriter, r *http.Request, x *exchange) {
	address := peer(r, g.cfg.TrustedProxy)
	if !g.byAddress.admit(w.Header(), addressKey(address), g.now()) {
		g.refuse(w, r, x, tooMany)
		return
	}
	route, allow, ok := g.table.find(r)
	if !ok && len(allow) > 0 {
		w.Header().Set("Allow", strings.Join(allow, ", "))
		g.refuse(w, r, x, notAllowed)
		return
	}
	if !ok {
		g.refuse(w, r, x, notFound)
		return
	}
	x.route = route
	if route.Kind == Login && !g.byLogin.admit(w.Header(), addressKey(address), g.now()) {
		g.refuse(w, r, x, tooMany)
		return
	}
	if !g.authorize(w, r, x, address) {
		return
	}
	if !route.Rule.Public && x.client.ID != uuid.Nil &&
		!g.byClient.admit(w.Header(), x.client.ID.String(), g.now()) {
		g.refuse(w, r, x, tooMany)
		return
	}
	if !limitBody(w, r, route) {
		g.refuse(w, r, x, tooLarge)
		return
	}
	g.forward(w, r, x)
}

// authorize answers itself and returns false unless the route's rule admits
// the request. A token on a public route is left for the service.
func (g *Gateway) authorize(w http.ResponseWriter, r *http.Request, x *exchange, address netip.Addr) bool {
	rule := x.route.Rule
	if rule.Public || rule.Internal && address.IsLoopback() {
		return true
	}
	token, ok := httpapi.BearerToken(r.Header.Get("Authorization"))
	if !ok || g.verifier == nil || len(r.Header.Values("Authorization")) != 1 {
		w.Header().Set("WWW-Authenticate", `Bearer realm="tenor"`)
		g.refuse(w, r, x, unauthenticated)
		return false
	}
	actor, err := g.verifier.Verify(r.Context(), token)
	switch {
	case errors.Is(err, httpapi.ErrInvalidToken):
		w.Header().Set("WWW-Authenticate", `Bearer realm="tenor", error="invalid_token"`)
		g.refuse(w, r, x, invalidToken)
		return false
	case err != nil:
		g.log.ErrorContext(r.Context(), "cannot verify tokens", "error", err)
		w.Header().Set("Retry-After", "1")
		g.refuse(w, r, x, unverifiable)
		return false
	}
	x.client = actor
	if !actor.Has(rule.Roles...) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="tenor", error="insufficient_scope"`)
		g.refuse(w, r, x, forbidden)
		return false
	}
	return true
}

// bodyBytes bounds the body of a request.
func (k Kind) bodyBytes() int64 {
	switch k {
	case Upload:
		return uploadBytesMax
	case BankFile:
		return bankFileBytesMax
	case Bulk:
		return bulkBytesMax
	default:
		return bodyBytesMax
	}
}

// limitBody returns false for a body that says it is too large; one that lies
// is cut off while it is read.
func limitBody(w http.ResponseWriter, r *http.Request, route Route) bool {
	limit := route.Kind.bodyBytes()
	if r.ContentLength > limit {
		return false
	}
	r.Body = &clientBody{ReadCloser: http.MaxBytesReader(w, r.Body, limit)}
	return true
}

// forward hands the request to whoever answers it.
func (g *Gateway) forward(w http.ResponseWriter, r *http.Request, x *exchange) {
	service := serviceOf(x.route, r.URL.Path)
	switch {
	case x.route.Kind == Page:
		g.docs.ServeHTTP(w, r)
		return
	case service == own:
		g.own.ServeHTTP(w, r)
		return
	}
	upstream, ok := g.services[service]
	if !ok {
		g.refuse(w, r, x, notFound)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), g.patience(x.route))
	defer cancel()
	if x.route.Kind == Download { // the server's own limit is for answers that come at once
		if err := http.NewResponseController(w).SetWriteDeadline(g.now().Add(downloadTime)); err != nil {
			g.log.WarnContext(ctx, "a long answer will be cut", "error", err)
		}
	}
	upstream.serve(w, r.WithContext(ctx), func(w http.ResponseWriter, r *http.Request, err error) {
		g.refuse(w, r, x, g.fault(w, r, service, err))
	})
}

// patience is how long the whole exchange may take.
func (g *Gateway) patience(route Route) time.Duration {
	switch route.Kind {
	case Upload, BankFile:
		return g.cfg.Timeout + uploadTime
	case Download:
		return downloadTime
	default:
		return g.cfg.Timeout
	}
}

// secureHeaders are on every answer, whoever gives it.
func secureHeaders(h http.Header, r *http.Request) {
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if r.TLS != nil {
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
}
