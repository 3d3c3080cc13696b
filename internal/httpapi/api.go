// Package httpapi owns everything that Tenor's HTTP interfaces have in common:
// the Huma API with its limits, who may call an operation, problem documents
// (RFC 9457), idempotency keys, request ids, health, and the JSON form of money.
//
// It must not know any service's rules; the only statuses it decides are those
// that are the same everywhere.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
)

// Limits of every request, unless an operation states its own.
const (
	// BodyBytesMax bounds a JSON body.
	BodyBytesMax    = 256 << 10
	bodyReadTimeout = 10 * time.Second
	idempotencyMax  = 255
)

// Options is what an API is made of.
type Options struct {
	// Title names the API in its OpenAPI document.
	Title string
	// Version is the version of the document.
	Version string
	// Verifier checks access tokens; nil refuses every operation that needs one.
	Verifier Verifier
	// Log gets unexpected errors; nil discards them.
	Log *slog.Logger
}

// API is one service's HTTP interface.
type API struct {
	huma     huma.API
	mux      *http.ServeMux
	verifier Verifier
	log      *slog.Logger
	problems []Problem
}

// New returns an empty API.
func New(o Options) *API {
	config := huma.DefaultConfig(o.Title, o.Version)
	config.DocsPath = "" // the gateway serves one docs page for all
	config.SchemasPath = ""
	config.CreateHooks = nil // no $schema links: bodies hold their own fields only
	config.RejectUnknownQueryParameters = true
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"},
	}
	format := jsonFormat(config.Components.Schemas)
	config.Formats = map[string]huma.Format{"application/json": format, "json": format}
	mux := http.NewServeMux()
	a := &API{huma: humago.New(mux, config), mux: mux, verifier: o.Verifier, log: o.Log, problems: shared}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.huma.UseMiddleware(a.limitBody, a.authorize, a.requireIdempotencyKey)
	return a
}

// Problems adds a service's error table. Call it before Register.
func (a *API) Problems(table ...Problem) { a.problems = slices.Concat(table, a.problems) }

// Huma gives the underlying API, for its OpenAPI document.
func (a *API) Huma() huma.API { return a.huma }

// Mux gives the underlying router, for what is not an API operation: metrics, static pages.
func (a *API) Mux() *http.ServeMux { return a.mux }

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	WithRequestID(http.HandlerFunc(a.route)).ServeHTTP(w, r)
}

// route makes the router's own refusals (no such path, no such method) problem
// documents as well.
func (a *API) route(w http.ResponseWriter, r *http.Request) {
	handler, pattern := a.mux.Handler(r)
	if pattern != "" {
		a.mux.ServeHTTP(w, r) // not handler: the router sets the path's values on its way
		return
	}
	refused := &refusal{header: make(http.Header), status: http.StatusOK}
	handler.ServeHTTP(refused, r)
	if allow := refused.header.Get("Allow"); allow != "" {
		w.Header().Set("Allow", allow)
	}
	if refused.status < http.StatusBadRequest { // a redirect to a clean path that does not exist either
		refused.status = http.StatusNotFound
	}
	slug, title := genericProblem(refused.status)
	WriteProblem(w, NewProblem(r.Context(), refused.status, slug, title, ""))
}

// refusal notes what the router answers and drops its plain text.
type refusal struct {
	header http.Header
	status int
}

// Header implements http.ResponseWriter.
func (r *refusal) Header() http.Header { return r.header }

// Write implements http.ResponseWriter.
func (r *refusal) Write(data []byte) (int, error) { return len(data), nil }

// WriteHeader implements http.ResponseWriter.
func (r *refusal) WriteHeader(status int) { r.status = status }

// Access says who may call an operation. The zero Access admits nobody and
// does not register.
type Access struct {
	public bool
	roles  []access.Role
}

// Public admits everybody, without a token.
func Public() Access { return Access{public: true} }

// Allow admits tokens that carry any of the roles. Which objects such a token
// may see is the service's to decide.
func Allow(roles ...access.Role) Access { return Access{roles: roles} }

// Bearer admits every token: customers, staff, partners and the platform.
func Bearer() Access { return Access{roles: access.Roles} }

// Op describes one operation.
type Op struct {
	// ID names the operation in OpenAPI: "accept-offer".
	ID      string
	Method  string
	Path    string
	Summary string
	// Description may use Markdown.
	Description string
	// Tag groups operations in the documentation: the service's name.
	Tag    string
	Access Access
	// Idempotent makes the header Idempotency-Key mandatory: set it on every
	// POST that moves money or state.
	Idempotent bool
	// Status is the status of success; 0 means 200, or 204 without a body.
	Status int
	// BodyBytes bounds the body; 0 means BodyBytesMax.
	BodyBytes int64
	// Errors lists the statuses of this operation's own problems, for OpenAPI.
	Errors []int
}

const (
	metaAccess     = "access"
	metaIdempotent = "idempotent"
	metaRoles      = "x-tenor-roles"
	metaBodyBytes  = "x-tenor-body-bytes"
)

// Register adds an operation. It panics on a description that nobody could
// call or that nobody guards: that is a fault of the program, found at start.
func Register[I, O any](a *API, op Op, handler func(context.Context, *I) (*O, error)) {
	if !op.Access.public && len(op.Access.roles) == 0 {
		panic("httpapi: operation " + op.ID + " states no access")
	}
	described := op.describe()
	described.SkipValidateBody = isLarge(reflect.TypeFor[I]())
	huma.Register(a.huma, described, func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, op.ID, err)
		}
		return out, nil
	})
}

func (op Op) describe() huma.Operation {
	limit := op.BodyBytes
	if limit == 0 {
		limit = BodyBytesMax
	}
	described := huma.Operation{
		OperationID: op.ID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description,
		DefaultStatus: op.Status, MaxBodyBytes: limit, BodyReadTimeout: bodyReadTimeout,
		Metadata:   map[string]any{metaAccess: op.Access, metaIdempotent: op.Idempotent},
		Extensions: map[string]any{},
		Errors:     append([]int{http.StatusUnprocessableEntity, http.StatusInternalServerError}, op.Errors...),
	}
	if op.BodyBytes > 0 {
		described.Extensions[metaBodyBytes] = op.BodyBytes
	}
	if op.Tag != "" {
		described.Tags = []string{op.Tag}
	}
	if !op.Access.public {
		described.Security = []map[string][]string{{"bearer": {}}}
		described.Errors = append(described.Errors, http.StatusUnauthorized, http.StatusForbidden)
		if len(op.Access.roles) < len(access.Roles) {
			described.Extensions[metaRoles] = op.Access.roles
		}
	}
	if op.Idempotent {
		described.Errors = append(described.Errors, http.StatusBadRequest, http.StatusConflict)
		described.Parameters = append(described.Parameters, idempotencyParameter())
	}
	slices.Sort(described.Errors)
	described.Errors = slices.Compact(described.Errors)
	return described
}

func idempotencyParameter() *huma.Param {
	shortest, longest := 1, idempotencyMax
	return &huma.Param{
		Name: headerIdempotencyKey, In: "header", Required: true,
		Description: "Names this request. Sending it again with the same key and body gives the first answer again, " +
			"marked `Idempotency-Replayed: true`, and has no second effect.",
		Schema: &huma.Schema{Type: huma.TypeString, MinLength: &shortest, MaxLength: &longest},
	}
}

const (
	headerIdempotencyKey = "Idempotency-Key"
	headerReplayed       = "Idempotency-Replayed"
)

func (a *API) limitBody(ctx huma.Context, next func(huma.Context)) {
	limit := ctx.Operation().MaxBodyBytes
	r, w := humago.Unwrap(ctx)
	if r.ContentLength > limit {
		a.refuse(ctx, http.StatusRequestEntityTooLarge, "body-too-large", "Body too large",
			"The body exceeds the limit of this operation.")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	next(ctx)
}

func (a *API) requireIdempotencyKey(ctx huma.Context, next func(huma.Context)) {
	if needed, _ := ctx.Operation().Metadata[metaIdempotent].(bool); !needed {
		next(ctx)
		return
	}
	key := ctx.Header(headerIdempotencyKey)
	if key == "" || len(key) > idempotencyMax || strings.ContainsFunc(key, notPrintableASCII) {
		a.refuse(ctx, http.StatusBadRequest, "idempotency-key-missing", "Idempotency key missing or malformed",
			"This operation needs the header Idempotency-Key: 1 to 255 printable ASCII characters, new for each request.")
		return
	}
	next(huma.WithValue(huma.WithValue(ctx, keyIdempotency, key), keyReply, ctx))
}

func notPrintableASCII(r rune) bool { return r < ' ' || r > '~' }

type contextKey int

const (
	keyActor contextKey = iota
	keyIdempotency
	keyReply
	keyRequestID
)

// Actor returns who calls, as the token says; the zero Actor on a public operation.
func Actor(ctx context.Context) access.Actor {
	actor, _ := ctx.Value(keyActor).(access.Actor)
	return actor
}

// KeyValue returns the request's idempotency key as the client sent it; "" when
// the operation takes none.
func KeyValue(ctx context.Context) string {
	value, _ := ctx.Value(keyIdempotency).(string)
	return value
}

// Key binds the request's idempotency key to its parsed input. It is the zero
// Key when the operation takes none.
func Key(ctx context.Context, input any) (command.Key, error) {
	value := KeyValue(ctx)
	if value == "" {
		return command.Key{}, nil
	}
	return command.NewKey(value, input)
}

// Reply returns the value of a command's result and tells the client, by a
// header, when it is the answer of an earlier request.
func Reply[T any](ctx context.Context, result command.Result[T]) T {
	if hctx, ok := ctx.Value(keyReply).(huma.Context); ok && result.Replayed {
		hctx.SetHeader(headerReplayed, "true")
	}
	return result.Value
}
