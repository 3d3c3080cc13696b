package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/journey"
)

const (
	// answerLimit is how long a client waits for an answer while things fail, and
	// quietLimit afterwards: the whole journal is verified in one request.
	answerLimit    = 5 * time.Second
	quietLimit     = time.Minute
	answerBytesMax = 1 << 20
	tokenLife      = 20 * time.Minute
	replicas       = 2
)

// money is an amount as the API writes it.
type money = journey.Money

// answer is what came back of a request.
type answer struct {
	status   int
	kind     string // the last word of a problem's type
	detail   string
	replayed bool
	body     []byte
}

// gate sends requests to the replicas of the core services, as the programs that
// use them do.
type gate struct {
	fleet *fleet
	http  *http.Client
	limit time.Duration // of an answer

	mu      sync.Mutex
	tokens  map[string]token
	partner journeyClient
	system  journeyClient
}

type token struct {
	text  string
	since time.Time
}

// journeyClient is a program's credentials.
type journeyClient struct{ id, secret string }

// Names of those who send requests.
const (
	asPartner = "partner"
	asSystem  = "system"
	asFinance = "finance"
)

func newGate(f *fleet) *gate {
	dialer := &net.Dialer{Timeout: answerLimit}
	transport := &http.Transport{
		DialContext: dialer.DialContext, MaxIdleConnsPerHost: inFlightMax, MaxIdleConns: replicas * inFlightMax,
		IdleConnTimeout: answerLimit,
	}
	return &gate{fleet: f, http: &http.Client{Transport: transport}, limit: answerLimit, tokens: map[string]token{}}
}

// identity is the identity service's API.
func (g *gate) identity() *client.Client {
	return client.New(g.fleet.base(identity, portIdentity), nil)
}

// enrol makes the people and programs that the drill acts as.
func (g *gate) enrol(ctx context.Context) error {
	text, err := journey.Login(ctx, g.identity(), adminEmail, password)
	if err != nil {
		return fmt.Errorf("logging in as the administrator: %w", err)
	}
	admin := g.identity().As(text)
	err = admin.Post(ctx, "/api/v1/admin/users", map[string]any{
		"email": "finance@tenor.local", "password": password, "roles": []string{"FINANCE"},
	}, nil)
	if err != nil {
		return err
	}
	for role, into := range map[string]*journeyClient{"PARTNER": &g.partner, "SYSTEM": &g.system} {
		var made struct {
			ID     string `json:"client_id"`
			Secret string `json:"client_secret"`
		}
		body := map[string]any{"name": strings.ToLower(role), "roles": []string{role}}
		if err := admin.Post(ctx, "/api/v1/admin/clients", body, &made); err != nil {
			return err
		}
		*into = journeyClient{made.ID, made.Secret}
	}
	return nil
}

// token returns an access token, a new one when the old one ages or was refused.
func (g *gate) token(ctx context.Context, who string, refused string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.tokens[who]; t.text != "" && t.text != refused && time.Since(t.since) < tokenLife {
		return t.text, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	var text string
	var err error
	switch who {
	case asPartner:
		text, err = journey.ClientToken(ctx, g.identity(), g.partner.id, g.partner.secret)
	case asSystem:
		text, err = journey.ClientToken(ctx, g.identity(), g.system.id, g.system.secret)
	default:
		text, err = journey.Login(ctx, g.identity(), who+"@tenor.local", password)
	}
	if err != nil {
		return "", fmt.Errorf("logging in as %s: %w", who, err)
	}
	g.tokens[who] = token{text, time.Now()}
	return text, nil
}

// request is one request to a replica.
type request struct {
	who, method, path, key string
	port                   int
	body                   []byte
}

// send sends a request once, to the replica of that number.
func (g *gate) send(ctx context.Context, replica int64, r request) (answer, error) {
	text, err := g.token(ctx, r.who, "")
	if err != nil {
		return answer{}, err
	}
	a, err := g.sendAs(ctx, replica, r, text)
	if err == nil && a.status == http.StatusUnauthorized {
		if text, err = g.token(ctx, r.who, text); err != nil {
			return answer{}, err
		}
		return g.sendAs(ctx, replica, r, text)
	}
	return a, err
}

func (g *gate) sendAs(ctx context.Context, replica int64, r request, token string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, g.limit)
	defer cancel()
	base := g.fleet.base([]string{coreA, coreB}[replica%replicas], r.port)
	h, err := http.NewRequestWithContext(ctx, r.method, base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	h.Header.Set("Authorization", "Bearer "+token)
	if r.body != nil {
		h.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		h.Header.Set("Idempotency-Key", r.key)
	}
	response, err := g.http.Do(h)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
	if err != nil {
		return answer{}, err
	}
	a := answer{status: response.StatusCode, body: data, replayed: response.Header.Get("Idempotency-Replayed") == "true"}
	if a.status >= http.StatusBadRequest {
		var problem client.Problem
		_ = json.Unmarshal(data, &problem) // a broken document still has its status
		a.kind, a.detail = problem.Type[strings.LastIndexByte(problem.Type, ':')+1:], problem.Detail
	}
	return a, nil
}

// later tells whether the same request may succeed later: nothing is decided.
func (a answer) later() bool {
	return a.status == http.StatusTooManyRequests || a.status >= http.StatusInternalServerError ||
		a.kind == "request-in-flight"
}

// errGaveUp means that a request had no definite answer in time.
var errGaveUp = errors.New("no definite answer in time")

// read gets a document, asking again while the platform is disturbed.
func (g *gate) read(ctx context.Context, who string, port int, path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	for n := int64(0); ; n++ {
		a, err := g.send(ctx, n, request{who: who, method: http.MethodGet, path: path, port: port})
		if err == nil && a.status == http.StatusOK {
			return json.Unmarshal(a.body, out)
		}
		if err == nil && !a.later() {
			return fmt.Errorf("GET %s: %d %s: %s", path, a.status, a.kind, a.detail)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("GET %s: %w (last: %d %w)", path, errGaveUp, a.status, errors.Join(err, context.Cause(ctx)))
		case <-time.After(pauseFirst):
		}
	}
}
