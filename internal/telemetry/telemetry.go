// Package telemetry owns how a process tells what it does: structured logs
// that carry the request id and trace of their context, and the export of
// OpenTelemetry traces.
//
// It must not know any service. What is personal masks itself by its type
// (package privacy); telemetry adds nothing that could show it.
package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// NewLogger returns a logger that writes format ("json" or "text") lines of at
// least level ("debug" to "error") to w. requestID gives the request id of a
// context, or "".
func NewLogger(w io.Writer, format, level string, requestID func(context.Context) string) (*slog.Logger, error) {
	var threshold slog.Level
	if err := threshold.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level: %w", err)
	}
	options := &slog.HandlerOptions{Level: threshold}
	var handler slog.Handler = slog.NewJSONHandler(w, options)
	if format == "text" {
		handler = slog.NewTextHandler(w, options)
	}
	return slog.New(contextHandler{Handler: handler, requestID: requestID}), nil
}

// contextHandler adds what the context knows to every line.
type contextHandler struct {
	slog.Handler
	requestID func(context.Context) string
}

// Handle implements slog.Handler.
func (h contextHandler) Handle(ctx context.Context, record slog.Record) error {
	if id := h.requestID(ctx); id != "" {
		record.AddAttrs(slog.String("request_id", id))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		record.AddAttrs(slog.String("trace_id", span.TraceID().String()))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h contextHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return contextHandler{Handler: h.Handler.WithAttrs(attrs), requestID: h.requestID}
}

// WithGroup implements slog.Handler.
func (h contextHandler) WithGroup(name string) slog.Handler {
	return contextHandler{Handler: h.Handler.WithGroup(name), requestID: h.requestID}
}

// StartTracing makes traces pass between services (W3C Trace Context) and,
// when endpoint is not empty, exports them there over OTLP/HTTP. Stop flushes.
func StartTracing(ctx context.Context, endpoint, version string) (stop func(context.Context) error, err error) {
	otel.SetTextMapPropagator(propagation.TraceContext{})
	var options []sdktrace.TracerProviderOption
	if endpoint != "" {
		exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint))
		if err != nil {
			return nil, fmt.Errorf("exporting traces to %s: %w", endpoint, err)
		}
		options = append(options, sdktrace.WithBatcher(exporter))
	}
	options = append(options, sdktrace.WithResource(resource.NewSchemaless(
		attribute.String("service.name", "tenor"), attribute.String("service.version", version))))
	provider := sdktrace.NewTracerProvider(options...)
	otel.SetTracerProvider(provider)
	return provider.Shutdown, nil
}
