package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tenor-lending/tenor/internal/access"
)

// Rule says who may use a route. The zero Rule admits nobody.
type Rule struct {
	// Public admits everybody, without a token.
	Public bool
	// Internal admits callers on this machine without a token, beside Roles.
	Internal bool
	// Roles admits tokens that carry any of them.
	Roles []access.Role
}

var (
	public   = Rule{Public: true}
	bearer   = Rule{Roles: access.Roles}
	internal = Rule{Internal: true, Roles: []access.Role{access.Admin, access.System}}
)

func only(roles ...access.Role) Rule { return Rule{Roles: roles} }

// Kind tells which limits hold for a route.
type Kind int

// The kinds of routes.
const (
	// Ordinary is JSON in and out.
	Ordinary Kind = iota
	// Login is where secrets could be guessed: the strict rate limit.
	Login
	// Bulk takes many items in one JSON body.
	Bulk
	// Upload takes files: the large size limit and more time.
	Upload
	// Download streams an answer of any length: much more time.
	Download
	// BankFile takes a bank's file: larger still.
	BankFile
	// Page is a page for people, which is no operation of the API.
	Page
)

// Route is one row of the table.
type Route struct {
	Method string
	// Pattern is a path as net/http's ServeMux reads it, and as the service
	// declares it.
	Pattern string
	// Service answers; "{service}" is the one that the path names.
	Service string
	Rule    Rule
	Kind    Kind
}

// own is the Service of what the gateway answers itself.
const own = "gateway"

// named is the Service of health checks: the path says whose.
const named = "{service}"

// table finds routes.
type table struct{ mux *http.ServeMux }

// entry holds the routes of one path, by method.
type entry struct{ methods map[string]Route }

// ServeHTTP is never called: the mux is only asked which entry fits.
func (*entry) ServeHTTP(http.ResponseWriter, *http.Request) {}

// newTable returns an error if two routes are the same or one cannot be guarded.
func newTable(routes []Route) (*table, error) {
	entries := make(map[string]*entry)
	var faults []error
	for _, route := range routes {
		shape := shapeOf(route.Pattern)
		e := entries[shape]
		if e == nil {
			e = &entry{methods: make(map[string]Route)}
			entries[shape] = e
		}
		if _, twice := e.methods[route.Method]; twice {
			faults = append(faults, fmt.Errorf("route %s %s is there twice", route.Method, route.Pattern))
		}
		if !route.Rule.Public && len(route.Rule.Roles) == 0 {
			faults = append(faults, fmt.Errorf("route %s %s admits nobody", route.Method, route.Pattern))
		}
		e.methods[route.Method] = route
	}
	t := &table{mux: http.NewServeMux()}
	for shape, e := range entries {
		t.mux.Handle(shape, e)
	}
	return t, errors.Join(faults...)
}

// shapeOf is the pattern with its parameters numbered: two methods of one path
// may name them differently.
func shapeOf(pattern string) string {
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[i] = "{p" + strconv.Itoa(i) + "}"
		}
	}
	return strings.Join(parts, "/")
}

// find returns the route of a request. Without one it returns the methods that
// the path has, or none if there is no such path. HEAD is answered as GET.
func (t *table) find(r *http.Request) (Route, []string, bool) {
	handler, _ := t.mux.Handler(r)
	e, ok := handler.(*entry) // anything else is the mux's redirect or refusal
	if !ok {
		return Route{}, nil, false
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if route, ok := e.methods[method]; ok {
		return route, nil, true
	}
	var allow []string
	for method := range e.methods {
		allow = append(allow, method)
		if method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	slices.Sort(allow)
	return Route{}, allow, false
}

// serviceOf is the service that answers: the one in the table, or the one that
// the path of a health check names.
func serviceOf(route Route, path string) string {
	if route.Service != named {
		return route.Service
	}
	parts := strings.Split(path, "/") // "", "health", service, …
	const place = 2
	if len(parts) <= place {
		return ""
	}
	return parts[place]
}
