package openapidoc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/httpapi"
)

// Version is the version of the described API; /api/v1 is its major part.
const Version = "1.0.0"

const intro = `Loans from the borrower's registration to the last cent repaid.

Amounts are decimal strings with a currency. Times are UTC. Requests with unknown fields are refused.
POST operations that change state take an ` + "`Idempotency-Key`" + `: sending a request again with the same key has no
second effect. Every error is a problem document (RFC 9457) whose ` + "`type`" + ` is stable.
Log in at ` + "`/api/v1/auth/login`" + `, or get a token for a program at ` + "`/api/v1/oauth/token`" + `.`

// object is a JSON object.
type object = map[string]any

// part is one service's description.
type part struct {
	service app.Service
	paths   object
	schemas object
}

// Merge returns the OpenAPI 3.1 document of all the services together. Schemas
// of one name and content are shared; where contents differ, each service's
// schema gets the service's name in front. Two services with the same
// operation or operation id are an error.
func Merge(services []app.Service) ([]byte, error) {
	parts := make([]part, 0, len(services))
	for _, service := range services {
		described, err := describe(service, services)
		if err != nil {
			return nil, fmt.Errorf("describing %s: %w", service.Name, err)
		}
		parts = append(parts, described)
	}
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.service.Name, b.service.Name) })
	schemas, err := mergeSchemas(parts)
	if err != nil {
		return nil, err
	}
	paths, err := mergePaths(parts)
	if err != nil {
		return nil, err
	}
	return encode(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Tenor", "version": Version, "description": intro,
			"license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers": []any{object{"url": "/", "description": "The gateway that serves this document"}},
		"tags":    tags(parts),
		"paths":   paths,
		"components": object{
			"schemas": schemas,
			"securitySchemes": object{"bearer": object{
				"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
				"description": "The access token of a login or of the client credentials grant; see /.well-known/jwks.json.",
			}},
		},
	})
}

// describe makes the service without a database, has it register its
// operations, and returns what it said.
func describe(service app.Service, all []app.Service) (part, error) {
	cfg, _, err := config.Load([]string{config.Prefix + "BLOB_URL=mem://"}, nil, io.Discard)
	if err != nil {
		return part{}, err
	}
	component, err := service.New(&app.Env{
		Config: cfg, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Services: all,
		Now: func() time.Time { return time.Time{} }, NewID: func() uuid.UUID { return uuid.Nil },
	})
	if err != nil {
		return part{}, err
	}
	api := httpapi.New(httpapi.Options{Title: service.Title, Version: Version})
	httpapi.RegisterHealth(api, service.Name, nil)
	if component.Routes != nil {
		component.Routes(api)
	}
	if component.Stop != nil {
		defer func() { _ = component.Stop(context.Background()) }() // nothing was started that could fail to stop
	}
	data, err := json.Marshal(api.Huma().OpenAPI())
	if err != nil {
		return part{}, fmt.Errorf("encoding its description: %w", err)
	}
	var document struct {
		Paths      object `json:"paths"`
		Components struct {
			Schemas object `json:"schemas"`
		} `json:"components"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // numbers stay as they were written
	if err := decoder.Decode(&document); err != nil {
		return part{}, fmt.Errorf("decoding its description: %w", err)
	}
	return part{service: service, paths: document.Paths, schemas: document.Components.Schemas}, nil
}

// errClash means two services describe one thing differently.
var errClash = errors.New("described by two services")

func mergePaths(parts []part) (object, error) {
	paths, seen := object{}, map[string]string{}
	var faults []error
	for _, p := range parts {
		for _, path := range slices.Sorted(maps.Keys(p.paths)) {
			if strings.HasPrefix(path, "/health/"+p.service.Name) {
				continue // one description for all, see healthPaths
			}
			methods, _ := p.paths[path].(object)
			target, _ := paths[path].(object)
			if target == nil {
				target = object{}
				paths[path] = target
			}
			for method, operation := range methods {
				if _, twice := target[method]; twice {
					faults = append(faults, fmt.Errorf("%s %s: %w", strings.ToUpper(method), path, errClash))
				}
				target[method] = operation
				described, _ := operation.(object)
				id := fmt.Sprint(described["operationId"])
				if other, twice := seen[id]; twice {
					faults = append(faults, fmt.Errorf("operation id %s of %s and %s: %w", id, other, p.service.Name, errClash))
				}
				seen[id] = p.service.Name
			}
		}
	}
	maps.Copy(paths, healthPaths(parts))
	return paths, errors.Join(faults...)
}

// healthPaths describes the health checks of all services by one parameter,
// instead of three paths for each of them.
func healthPaths(parts []part) object {
	paths := object{}
	var names []any
	for _, p := range parts {
		names = append(names, p.service.Name)
	}
	for _, suffix := range []string{"", "/live", "/ready"} {
		for _, p := range parts {
			methods, _ := p.paths["/health/"+p.service.Name+suffix].(object)
			operation, _ := methods["get"].(object)
			if operation == nil {
				continue
			}
			operation["operationId"] = strings.TrimSuffix(fmt.Sprint(operation["operationId"]), p.service.Name) + "service"
			operation["summary"] = strings.ReplaceAll(fmt.Sprint(operation["summary"]), p.service.Name, "a service")
			operation["parameters"] = []any{object{
				"name": "service", "in": "path", "required": true, "schema": object{"type": "string", "enum": names},
			}}
			paths["/health/{service}"+suffix] = object{"get": operation}
			break // they are all alike
		}
	}
	return paths
}

// tags lists every tag that an operation uses. It is described by the title of
// the service whose operations have it.
func tags(parts []part) []any {
	titles := map[string]string{"health": "Is it up, and how is it doing?", "docs": "This documentation"}
	for _, p := range parts {
		for _, methods := range p.paths {
			operations, _ := methods.(object)
			for _, operation := range operations {
				described, _ := operation.(object)
				names, _ := described["tags"].([]any)
				for _, name := range names {
					if _, known := titles[fmt.Sprint(name)]; !known {
						titles[fmt.Sprint(name)] = p.service.Title
					}
				}
			}
		}
	}
	list := []any{}
	for _, name := range slices.Sorted(maps.Keys(titles)) {
		list = append(list, object{"name": name, "description": titles[name]})
	}
	return list
}

// encode writes the document with sorted members, two spaces deep.
func encode(document object) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return nil, fmt.Errorf("encoding the document: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
