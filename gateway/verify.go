package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tenor-lending/tenor/internal/access"
)

// VerifyRoutes compares the table of routes with the merged OpenAPI document
// of all services: the same operations, open to the same roles, for bodies of
// the size that the service takes. It returns one error that names every
// difference.
func VerifyRoutes(openapi []byte) error { return verifyRoutes(routes, openapi) }

// operation is what the document says of one method of a path.
type operation struct {
	Security []map[string][]string `json:"security"`
	Roles    []access.Role         `json:"x-tenor-roles"`
	// BodyBytes is set where the service's limit is not the usual one.
	BodyBytes int64 `json:"x-tenor-body-bytes"`
}

func verifyRoutes(routes []Route, openapi []byte) error {
	var document struct {
		Paths map[string]map[string]operation `json:"paths"`
	}
	if err := json.Unmarshal(openapi, &document); err != nil {
		return fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	described, sizes := map[string]string{}, map[string]int64{}
	for path, methods := range document.Paths {
		for method, o := range methods {
			key := strings.ToUpper(method) + " " + path
			described[key], sizes[key] = o.access(), o.BodyBytes
		}
	}
	routed := map[string]string{}
	var faults []error
	for _, route := range routes {
		key := route.Method + " " + route.Pattern
		routed[key] = route.Rule.access()
		if limit := route.Kind.bodyBytes(); sizes[key] > limit {
			faults = append(faults, fmt.Errorf("%s: the service takes %d bytes, the gateway %d", key, sizes[key], limit))
		}
		switch {
		case strings.HasPrefix(route.Pattern, "/docs"):
			delete(routed, key) // pages for people
		case route.Service == named:
			// Health is open on a service's own port, which only probes reach.
			routed[key] = described[key]
			if described[key] == "" {
				routed[key] = "nowhere"
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(described)) {
		if routed[key] != described[key] {
			faults = append(faults, fmt.Errorf("%s: described as open to %s, routed as open to %s",
				key, described[key], orNobody(routed[key])))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(routed)) {
		if described[key] == "" {
			faults = append(faults, fmt.Errorf("%s: routed, but no service describes it", key))
		}
	}
	return errors.Join(faults...)
}

func orNobody(who string) string {
	if who == "" {
		return "nobody"
	}
	return who
}

const everybody = "everybody"

// access says in words for whom an operation is.
func (o operation) access() string {
	if len(o.Security) == 0 {
		return everybody
	}
	if len(o.Roles) == 0 {
		return roleNames(access.Roles)
	}
	return roleNames(o.Roles)
}

func (r Rule) access() string {
	if r.Public {
		return everybody
	}
	return roleNames(r.Roles)
}

func roleNames(roles []access.Role) string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = string(role)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}
