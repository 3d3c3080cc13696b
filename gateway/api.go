package gateway

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenor-lending/tenor/internal/httpapi"
)

type healthOutput struct{ Body httpapi.Health }

// describe registers what the gateway answers itself.
func describe(api *httpapi.API) {
	httpapi.Register(api, httpapi.Op{
		ID: "health", Method: http.MethodGet, Path: "/health", Tag: "health", Access: httpapi.Public(),
		Summary:     "Is the platform's door open?",
		Description: "Says that the gateway answers. For each service see `/health/{service}`.",
	}, func(context.Context, *struct{}) (*healthOutput, error) {
		return &healthOutput{Body: httpapi.Health{Service: own, Status: "UP"}}, nil
	})
	text := func(description, contentType string) map[string]*huma.Response {
		return map[string]*huma.Response{"200": {
			Description: description,
			Content:     map[string]*huma.MediaType{contentType: {Schema: &huma.Schema{Type: huma.TypeString}}},
		}}
	}
	api.Huma().OpenAPI().AddOperation(&huma.Operation{
		OperationID: "metrics", Method: http.MethodGet, Path: "/metrics", Tags: []string{"health"},
		Summary:     "Measurements of this process for Prometheus",
		Description: "For callers on the same machine, and for tokens of ADMIN and SYSTEM.",
		Security:    []map[string][]string{{}, {"bearer": {}}},
		Extensions:  map[string]any{"x-tenor-roles": internal.Roles},
		Responses:   text("Metrics in the Prometheus text format", "text/plain"),
	})
	api.Huma().OpenAPI().AddOperation(&huma.Operation{
		OperationID: "openapi", Method: http.MethodGet, Path: "/openapi.json", Tags: []string{"docs"},
		Summary: "This document", Responses: text("The OpenAPI 3.1 document of all services", "application/openapi+json"),
	})
}
