package httpapi

import (
	"context"
	"net/http"
	"time"
)

const healthTimeout = 2 * time.Second

// Health is the answer of a health check.
type Health struct {
	Service string `json:"service" example:"repayment"`
	Status  string `json:"status" enum:"UP,DOWN"`
	// Checks tells each dependency's state; only readiness looks at them.
	Checks map[string]string `json:"checks,omitempty"`
}

// Check reports whether a dependency can be used now.
type Check func(context.Context) error

type healthOutput struct {
	Status int
	Body   Health
}

// RegisterHealth adds /health/{service} and /health/{service}/ready, which ask
// the dependencies, and /health/{service}/live, which only says that the
// process answers: restarting it would not mend its database.
func RegisterHealth(a *API, service string, checks map[string]Check) {
	live := Op{
		ID: "live-" + service, Method: http.MethodGet, Path: "/health/" + service + "/live",
		Summary: "Liveness of " + service, Tag: "health", Access: Public(),
	}
	Register(a, live, func(context.Context, *struct{}) (*healthOutput, error) {
		return &healthOutput{Status: http.StatusOK, Body: Health{Service: service, Status: "UP"}}, nil
	})
	ready := func(ctx context.Context, _ *struct{}) (*healthOutput, error) {
		return readiness(ctx, service, checks), nil
	}
	for suffix, id := range map[string]string{"": "health-", "/ready": "ready-"} {
		Register(a, Op{
			ID: id + service, Method: http.MethodGet, Path: "/health/" + service + suffix,
			Summary: "Readiness of " + service, Tag: "health", Access: Public(),
			Errors: []int{http.StatusServiceUnavailable},
		}, ready)
	}
}

func readiness(ctx context.Context, service string, checks map[string]Check) *healthOutput {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	out := &healthOutput{Status: http.StatusOK, Body: Health{Service: service, Status: "UP"}}
	for name, check := range checks {
		if out.Body.Checks == nil {
			out.Body.Checks = make(map[string]string, len(checks))
		}
		out.Body.Checks[name] = "UP"
		if err := check(ctx); err != nil { // the reason is for the log, not for whoever asks
			out.Body.Checks[name], out.Body.Status, out.Status = "DOWN", "DOWN", http.StatusServiceUnavailable
		}
	}
	return out
}
