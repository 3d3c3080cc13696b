package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"go.opentelemetry.io/otel"

	"github.com/tenor-lending/tenor/internal/privacy"
	"github.com/tenor-lending/tenor/internal/telemetry"
)

//nolint:paralleltest // it owns the tracing of the whole process
func TestLogLinesCarryTheirContextAndMaskPeople(t *testing.T) {
	stop, err := telemetry.StartTracing(t.Context(), "", "test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	var out bytes.Buffer
	log, err := telemetry.NewLogger(&out, "json", "info", func(context.Context) string { return "req-1" })
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := otel.Tracer("test").Start(t.Context(), "span")
	defer span.End()
	log.With("service", "kyc").DebugContext(ctx, "below the threshold")
	log.With("service", "kyc").InfoContext(ctx, "hello", "name", privacy.Text("Asha Rao"))
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	want := map[string]any{
		"msg": "hello", "service": "kyc", "request_id": "req-1", "name": "[masked]",
		"trace_id": span.SpanContext().TraceID().String(),
	}
	for key, value := range want {
		if line[key] != value {
			t.Errorf("%s is %v, want %v", key, line[key], value)
		}
	}
}

func TestUnknownLevelIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := telemetry.NewLogger(&bytes.Buffer{}, "json", "loud", nil); err == nil {
		t.Error("level loud was accepted")
	}
}
