package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/httpapi/httpapitest"
)

var (
	errTaken  = errors.New("name is taken")
	errSecret = errors.New(`pq: relation "secret_table" does not exist`)
)

type fieldFault struct{}

func (fieldFault) Error() string     { return "amount is below the minimum" }
func (fieldFault) FieldName() string { return "amount" }
func (fieldFault) Is(e error) bool   { return e == errTaken }

type thingInput struct {
	Body struct {
		Name   string        `json:"name" minLength:"1" maxLength:"20"`
		Amount httpapi.Money `json:"amount"`
		Born   string        `json:"born,omitempty" format:"date"`
	}
}

type thingOutput struct {
	Body struct {
		Amount httpapi.Money `json:"amount"`
		By     uuid.UUID     `json:"by"`
	}
}

func component() *app.Component {
	return &app.Component{Routes: func(a *httpapi.API) {
		a.Problems(httpapi.Problem{Err: errTaken, Status: http.StatusConflict, Type: "taken", Title: "Taken"})
		post := httpapi.Op{
			ID: "make-thing", Method: http.MethodPost, Path: "/api/v1/things", Access: httpapi.Allow(access.Officer),
			Idempotent: true, Status: http.StatusCreated, BodyBytes: 1 << 10,
		}
		httpapi.Register(a, post, func(ctx context.Context, in *thingInput) (*thingOutput, error) {
			if err := faultFor(in.Body.Name); err != nil {
				return nil, err
			}
			if in.Body.Name == "panic" {
				panic("a fault of the handler")
			}
			key, err := httpapi.Key(ctx, in)
			if err != nil || key.Value == "" {
				return nil, fmt.Errorf("no key: %w", err)
			}
			out := &thingOutput{}
			out.Body.Amount = httpapi.MoneyOf(in.Body.Amount.Value())
			out.Body.By = httpapi.Reply(ctx, command.Result[uuid.UUID]{
				Value: httpapi.Actor(ctx).ID, Replayed: in.Body.Name == "again",
			})
			return out, nil
		})
		get := httpapi.Op{ID: "see-public", Method: http.MethodGet, Path: "/api/v1/public", Access: httpapi.Public()}
		httpapi.Register(a, get, func(context.Context, *struct{}) (*struct{}, error) { return &struct{}{}, nil })
	}}
}

func faultFor(name string) error {
	switch name {
	case "taken":
		return fmt.Errorf("making thing: %w", errTaken)
	case "field":
		return errors.Join(fieldFault{})
	case "wrapped":
		cause := &pgconn.PgError{Code: "23505", Message: `duplicate key in secret_table`}
		return fmt.Errorf("%w: %w", errTaken, cause)
	case "secret":
		return fmt.Errorf("inserting: %w", errSecret)
	case "busy":
		return fmt.Errorf("making thing: %w", database.ErrContention)
	case "unknown":
		return fmt.Errorf("making thing: %w", database.ErrAmbiguous)
	case "reused":
		return command.ErrKeyReused
	case "flight":
		return command.ErrInFlight
	}
	return nil
}

const body = `{"name":%q,"amount":{"amount":"12.50","currency":"EUR"}}`

func TestAccessIsDeniedByDefault(t *testing.T) {
	t.Parallel()
	server := httpapitest.New(t, component())
	officer := server.As(uuid.New(), access.Officer)
	borrower := server.As(uuid.New(), access.Customer)
	good := fmt.Sprintf(body, "x")
	officer.Post("/api/v1/things", good).Want(http.StatusCreated)
	borrower.Post("/api/v1/things", good).WantProblem(http.StatusForbidden, "forbidden")
	anonymous := server.Anonymous().Post("/api/v1/things", good)
	anonymous.WantProblem(http.StatusUnauthorized, "unauthenticated")
	if anonymous.Header.Get("WWW-Authenticate") == "" {
		t.Error("401 without WWW-Authenticate")
	}
	server.Anonymous().Get("/api/v1/public").Want(http.StatusNoContent)
}

func TestEveryErrorIsAProblem(t *testing.T) {
	t.Parallel()
	server := httpapitest.New(t, component())
	officer := server.As(uuid.New(), access.Officer)
	for _, c := range []struct {
		name, body string
		status     int
		slug       string
		field      string
	}{
		{"mapped", fmt.Sprintf(body, "taken"), 409, "taken", ""},
		{"mapped with field", fmt.Sprintf(body, "field"), 409, "taken", "body.amount"},
		{"mapped around the database's words", fmt.Sprintf(body, "wrapped"), 409, "taken", ""},
		{"unmapped", fmt.Sprintf(body, "secret"), 500, "internal", ""},
		{"contention", fmt.Sprintf(body, "busy"), 503, "unavailable", ""},
		{"ambiguous", fmt.Sprintf(body, "unknown"), 503, "outcome-unknown", ""},
		{"key reused", fmt.Sprintf(body, "reused"), 422, "idempotency-key-reused", ""},
		{"in flight", fmt.Sprintf(body, "flight"), 409, "request-in-flight", ""},
		{
			"unknown field", `{"name":"x","amount":{"amount":"1","currency":"EUR"},"role":"ADMIN"}`,
			422, "validation", "body.role",
		},
		{
			"wrong type", `{"name":5,"amount":{"amount":"1","currency":"EUR"}}`,
			422, "validation", "body.name",
		},
		{
			"number for money", `{"name":"x","amount":{"amount":12.5,"currency":"EUR"}}`,
			422, "validation", "body.amount.amount",
		},
		{
			"too many decimals", `{"name":"x","amount":{"amount":"1.005","currency":"EUR"}}`,
			422, "validation", "body.amount.amount",
		},
		{
			"yen has none", `{"name":"x","amount":{"amount":"1.5","currency":"JPY"}}`,
			422, "validation", "body.amount.amount",
		},
		{
			"no such currency", `{"name":"x","amount":{"amount":"1","currency":"XQX"}}`,
			422, "validation", "body.amount.currency",
		},
		{
			"exponent", `{"name":"x","amount":{"amount":"1e3","currency":"EUR"}}`,
			422, "validation", "body.amount.amount",
		},
		{
			"beyond int64", `{"name":"x","amount":{"amount":"99999999999999999999","currency":"EUR"}}`,
			422, "validation", "body.amount.amount",
		},
		{
			"not a date", `{"name":"x","amount":{"amount":"1","currency":"EUR"},"born":"2026-02-30x"}`,
			422, "validation", "body.born",
		},
		{
			"missing", `{"name":"x"}`,
			422, "validation", "body.amount",
		},
		{
			"missing below", `{"name":"x","amount":{"amount":"1"}}`,
			422, "validation", "body.amount.currency",
		},
		{
			"not JSON", `{"name":`,
			400, "malformed-request", "",
		},
		{
			"too large", fmt.Sprintf(body, strings.Repeat("x", 2000)),
			413, "body-too-large", "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			answer := officer.Post("/api/v1/things", c.body)
			problem := answer.WantProblem(c.status, c.slug)
			if c.field != "" {
				problem.WantField(t, c.field)
			}
			if text := string(answer.Body); strings.Contains(text, "secret_table") || strings.Contains(text, "xxxxxxxxxx") {
				t.Errorf("the answer shows what it should not: %s", text)
			}
			if answer.Header.Get(httpapi.HeaderRequestID) == "" {
				t.Error("no request id")
			}
			want := "urn:tenor:request:" + answer.Header.Get(httpapi.HeaderRequestID)
			if !strings.Contains(string(answer.Body), want) {
				t.Errorf("the problem does not name its request: %s", answer.Body)
			}
			if retry := answer.Header.Get("Retry-After"); (retry != "") != (c.status == 503 || c.slug == "request-in-flight") {
				t.Errorf("Retry-After %q", retry)
			}
		})
	}
}

// TestRouterRefusesWithProblems asks for what no operation serves.
func TestRouterRefusesWithProblems(t *testing.T) {
	t.Parallel()
	client := httpapitest.New(t, component()).Anonymous()
	client.Get("/api/v1/nothing").WantProblem(http.StatusNotFound, "not-found")
	client.Get("/api/v1//nothing").WantProblem(http.StatusNotFound, "not-found")
	answer := client.Post("/api/v1/public", "{}")
	answer.WantProblem(http.StatusMethodNotAllowed, "method-not-allowed")
	if allow := answer.Header.Get("Allow"); !strings.Contains(allow, http.MethodGet) {
		t.Errorf("Allow: %q, want GET among them", allow)
	}
}

func TestIdempotencyKeyIsAskedFor(t *testing.T) {
	t.Parallel()
	server := httpapitest.New(t, component())
	officer := server.As(uuid.New(), access.Officer)
	good := fmt.Sprintf(body, "x")
	officer.WithKey("-").Post("/api/v1/things", good).WantProblem(http.StatusBadRequest, "idempotency-key-missing")
	officer.WithKey(strings.Repeat("k", 256)).Post("/api/v1/things", good).
		WantProblem(http.StatusBadRequest, "idempotency-key-missing")
	replayed := officer.Post("/api/v1/things", fmt.Sprintf(body, "again")).Want(http.StatusCreated)
	if replayed.Header.Get("Idempotency-Replayed") != "true" {
		t.Error("a replay is not marked")
	}
}

func TestChunkedBodyIsCutAtTheLimit(t *testing.T) {
	t.Parallel()
	server := httpapitest.New(t, component())
	endless := &counter{}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL()+"/api/v1/things", endless)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	server.As(uuid.New(), access.Officer).Do(request).WantProblem(http.StatusRequestEntityTooLarge, "body-too-large")
	if endless.read > 16<<20 { // what the sockets' buffers may hold
		t.Errorf("%d bytes were taken of an endless body", endless.read)
	}
}

// counter is an endless body that counts what is taken of it, to 1 GiB.
type counter struct{ read int64 }

func (c *counter) Read(p []byte) (int, error) {
	if c.read > 1<<30 {
		return 0, errors.New("the whole gigabyte was read")
	}
	for i := range p {
		p[i] = ' '
	}
	c.read += int64(len(p))
	return len(p), nil
}

func TestRegisterRefusesAnUnguardedOperation(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("an operation without access was registered")
		}
	}()
	api := httpapi.New(httpapi.Options{})
	httpapi.Register(api, httpapi.Op{ID: "open", Method: http.MethodGet, Path: "/open"},
		func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
}

func TestReadinessTellsADeadDependency(t *testing.T) {
	t.Parallel()
	dead := errors.New("connection refused to 10.0.0.1")
	server := httpapitest.New(t, &app.Component{Routes: func(a *httpapi.API) {
		httpapi.RegisterHealth(a, "test", map[string]httpapi.Check{
			"database": func(context.Context) error { return dead },
			"events":   func(context.Context) error { return nil },
		})
	}})
	anyone := server.Anonymous()
	anyone.Get("/health/test/live").Want(http.StatusOK)
	for _, path := range []string{"/health/test", "/health/test/ready"} {
		answer := anyone.Get(path).Want(http.StatusServiceUnavailable)
		var health httpapi.Health
		answer.Into(&health)
		if health.Status != "DOWN" || health.Checks["database"] != "DOWN" || health.Checks["events"] != "UP" {
			t.Errorf("%s: %+v", path, health)
		}
		if strings.Contains(string(answer.Body), "10.0.0.1") {
			t.Errorf("%s shows the reason: %s", path, answer.Body)
		}
	}
}

func TestCursorsAreOursOnly(t *testing.T) {
	t.Parallel()
	type position struct {
		At time.Time `json:"at"`
		ID uuid.UUID `json:"id"`
	}
	want := position{At: time.Unix(1700000000, 0).UTC(), ID: uuid.New()}
	cursor, err := httpapi.EncodeCursor(want)
	if err != nil {
		t.Fatal(err)
	}
	var got position
	if err := httpapi.DecodeCursor(cursor, &got); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for _, bad := range []string{"%%%", "bm90IGpzb24", cursor + "x"} {
		if err := httpapi.DecodeCursor(bad, &got); err == nil {
			t.Errorf("cursor %q was accepted", bad)
		}
	}
}
