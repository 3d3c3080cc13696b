package openapidoc

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const refPrefix = "#/components/schemas/"

// mergeSchemas returns the schemas of all parts under names that are unique,
// and makes the parts refer to them by those names.
func mergeSchemas(parts []part) (object, error) {
	clashing, err := clashes(parts)
	if err != nil {
		return nil, err
	}
	merged, owner := object{}, map[string]string{}
	for _, p := range parts {
		names := make(map[string]string, len(p.schemas))
		for name := range p.schemas {
			names[name] = name
			if clashing[name] {
				names[name] = pascal(p.service.Name) + name
			}
		}
		rename(p.paths, names)
		for _, name := range slices.Sorted(maps.Keys(p.schemas)) {
			rename(p.schemas[name], names)
			target := names[name]
			if other, taken := owner[target]; taken && other != name {
				return nil, fmt.Errorf("schema %s of %s: %w", target, p.service.Name, errClash)
			}
			owner[target] = name
			merged[target] = p.schemas[name]
		}
	}
	return merged, nil
}

// clashes finds the names that stand for different contents in different
// parts. A schema that refers to a clashing one clashes too: the same words
// would mean something else.
func clashes(parts []part) (map[string]bool, error) {
	clashing := map[string]bool{}
	contents, count := map[string]string{}, map[string]int{}
	for _, p := range parts {
		for name, schema := range p.schemas {
			data, err := json.Marshal(schema)
			if err != nil {
				return nil, fmt.Errorf("encoding schema %s: %w", name, err)
			}
			if other, seen := contents[name]; seen && other != string(data) {
				clashing[name] = true
			}
			contents[name] = string(data)
			count[name]++
		}
	}
	for grown := true; grown; {
		grown = false
		for _, p := range parts {
			for name, schema := range p.schemas {
				if clashing[name] || count[name] < 2 || !refersTo(schema, clashing) {
					continue
				}
				clashing[name], grown = true, true
			}
		}
	}
	return clashing, nil
}

// refersTo reports whether a schema has a reference to any of the names.
func refersTo(node any, names map[string]bool) bool {
	found := false
	walk(node, func(holder object, ref string) { found = found || names[ref] })
	return found
}

// rename changes every reference by the map of names.
func rename(node any, names map[string]string) {
	walk(node, func(holder object, ref string) {
		if target, ok := names[ref]; ok {
			holder["$ref"] = refPrefix + target
		}
	})
}

// walk calls visit for every reference to a schema below node.
func walk(node any, visit func(holder object, ref string)) {
	switch n := node.(type) {
	case object:
		if ref, ok := n["$ref"].(string); ok {
			if name, ours := strings.CutPrefix(ref, refPrefix); ours {
				visit(n, name)
			}
		}
		for _, child := range n {
			walk(child, visit)
		}
	case []any:
		for _, child := range n {
			walk(child, visit)
		}
	}
}

// pascal turns a service's name into the beginning of a schema's.
func pascal(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}
