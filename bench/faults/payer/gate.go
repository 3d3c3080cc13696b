package payer

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

	"github.com/alexedwards/argon2id"

	"github.com/tenor-lending/tenor/bench/faults/fleet"
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
	// insistLimit is how long a client insists on an answer.
	insistLimit = 90 * time.Second
	pauseFirst  = 40 * time.Millisecond
)

// InFlightMax bounds the payments that are under way at once.
const InFlightMax = 512

// replicas are the processes of the core roles.
var replicas = []string{fleet.CoreA, fleet.CoreB}

// Gate sends requests to the replicas of the core services, as the programs that
// use them do.
type Gate struct {
	fleet      *fleet.Fleet
	http       *http.Client
	limit      time.Duration // of an answer
	programs   map[string]program
	credential string // the hash of a password that every borrower has

	mu     sync.Mutex
	tokens map[string]token
}

type token struct {
	text  string
	since time.Time
}

// program is a program's credentials.
type program struct{ id, secret string }

// Those who send requests.
const (
	AsPartner = "partner"
	AsSystem  = "system"
	AsFinance = "finance"
)

// NewGate returns a gate to the services of a fleet. Nobody is known there before
// Enrol.
func NewGate(f *fleet.Fleet) *Gate {
	dialer := &net.Dialer{Timeout: answerLimit}
	transport := &http.Transport{
		DialContext: dialer.DialContext, MaxIdleConnsPerHost: InFlightMax, MaxIdleConns: len(replicas) * InFlightMax,
		IdleConnTimeout: answerLimit,
	}
	return &Gate{
		fleet: f, http: &http.Client{Transport: transport}, limit: answerLimit, programs: map[string]program{},
		tokens: map[string]token{},
	}
}

// Quiet has answers be waited for as long as they take when nothing fails any more.
// It must not be called while requests are under way.
func (g *Gate) Quiet() { g.limit = quietLimit }

// identity is the identity service's API.
func (g *Gate) identity() *client.Client { return client.New(g.fleet.IdentityURL(), nil) }

// Enrol makes the people and programs that the drill acts as. It is called once,
// before any request.
func (g *Gate) Enrol(ctx context.Context) error {
	text, err := journey.Login(ctx, g.identity(), fleet.AdminEmail, fleet.Password)
	if err != nil {
		return fmt.Errorf("logging in as the administrator: %w", err)
	}
	admin := g.identity().As(text)
	err = admin.Post(ctx, "/api/v1/admin/users", map[string]any{
		"email": "finance@tenor.local", "password": fleet.Password, "roles": []string{"FINANCE"},
	}, nil)
	if err != nil {
		return err
	}
	for _, who := range []string{AsPartner, AsSystem} {
		var made struct {
			ID     string `json:"client_id"`
			Secret string `json:"client_secret"`
		}
		body := map[string]any{"name": who, "roles": []string{strings.ToUpper(who)}}
		if err := admin.Post(ctx, "/api/v1/admin/clients", body, &made); err != nil {
			return err
		}
		g.programs[who] = program{made.ID, made.Secret}
	}
	g.credential, err = argon2id.CreateHash(fleet.Password, argon2id.DefaultParams)
	return err
}

// token returns an access token, a new one when the old one ages or was refused.
func (g *Gate) token(ctx context.Context, who string, refused string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t := g.tokens[who]; t.text != "" && t.text != refused && time.Since(t.since) < tokenLife {
		return t.text, nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	var text string
	var err error
	if p, ok := g.programs[who]; ok {
		text, err = journey.ClientToken(ctx, g.identity(), p.id, p.secret)
	} else {
		text, err = journey.Login(ctx, g.identity(), who+"@tenor.local", fleet.Password)
	}
	if err != nil {
		return "", fmt.Errorf("logging in as %s: %w", who, err)
	}
	g.tokens[who] = token{text, time.Now()}
	return text, nil
}

// Request is one request to a replica.
type Request struct {
	// Who sends it: one of the constants.
	Who          string
	Method, Path string
	// Port is that of the role in the table of roles.
	Port int
	// Key is the idempotency key; "" for a request that needs none.
	Key string
	// Body is JSON; nil for none.
	Body []byte
	// Replica is the number of the replica that is asked first. A Pinned request
	// stays with it; others that are sent again go to each in turn.
	Replica int64
	Pinned  bool
}

// Answer is what came back of a request.
type Answer struct {
	Status int
	// Kind is the last word of a problem's type, Detail its explanation.
	Kind, Detail string
	// Replayed says that the idempotency key was known.
	Replayed bool
	Body     []byte
}

// Later tells whether the same request may succeed later: nothing is decided.
func (a Answer) Later() bool {
	return a.Status == http.StatusTooManyRequests || a.Status >= http.StatusInternalServerError ||
		a.Kind == "request-in-flight"
}

// Send sends a request once; with a new token if the old one was refused. An error
// means that there is no answer, and does not tell whether anything was done.
func (g *Gate) Send(ctx context.Context, r Request) (Answer, error) {
	text, err := g.token(ctx, r.Who, "")
	if err != nil {
		return Answer{}, err
	}
	a, err := g.sendAs(ctx, r, text)
	if err == nil && a.Status == http.StatusUnauthorized {
		if text, err = g.token(ctx, r.Who, text); err != nil {
			return Answer{}, err
		}
		return g.sendAs(ctx, r, text)
	}
	return a, err
}

func (g *Gate) sendAs(ctx context.Context, r Request, token string) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, g.limit)
	defer cancel()
	base := g.fleet.Base(replicas[r.Replica%int64(len(replicas))], r.Port)
	h, err := http.NewRequestWithContext(ctx, r.Method, base+r.Path, bytes.NewReader(r.Body))
	if err != nil {
		return Answer{}, err
	}
	h.Header.Set("Authorization", "Bearer "+token)
	if r.Body != nil {
		h.Header.Set("Content-Type", "application/json")
	}
	if r.Key != "" {
		h.Header.Set("Idempotency-Key", r.Key)
	}
	response, err := g.http.Do(h)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Status: response.StatusCode, Body: data, Replayed: response.Header.Get("Idempotency-Replayed") == "true"}
	if a.Status >= http.StatusBadRequest {
		var problem client.Problem
		_ = json.Unmarshal(data, &problem) // a broken document still has its status
		a.Kind, a.Detail = problem.Type[strings.LastIndexByte(problem.Type, ':')+1:], problem.Detail
	}
	return a, nil
}

// ErrGaveUp means that a request had no definite answer in time.
var ErrGaveUp = errors.New("no definite answer in time")

// Insist sends a request until it succeeds and reads the answer into out, unless
// that is nil. It fails on a definite no, and with ErrGaveUp when insistLimit is over
// or ctx ends.
func (g *Gate) Insist(ctx context.Context, r Request, out any) error {
	ctx, cancel := context.WithTimeout(ctx, insistLimit)
	defer cancel()
	return g.insist(ctx, r, out)
}

// Read gets a document, asking again for as long as ctx lasts while the platform is
// disturbed. Errors are those of Insist.
func (g *Gate) Read(ctx context.Context, who string, port int, path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return g.insist(ctx, Request{Who: who, Method: http.MethodGet, Path: path, Port: port}, out)
}

func (g *Gate) insist(ctx context.Context, r Request, out any) error {
	for {
		a, err := g.Send(ctx, r)
		switch {
		case err != nil || a.Later(): // again
		case a.Status >= http.StatusMultipleChoices:
			return fmt.Errorf("%s %s: %d %s: %s", r.Method, r.Path, a.Status, a.Kind, a.Detail)
		case out == nil:
			return nil
		default:
			return json.Unmarshal(a.Body, out)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s %s: %w (last: %d %w)", r.Method, r.Path, ErrGaveUp, a.Status,
				errors.Join(err, context.Cause(ctx)))
		case <-time.After(pauseFirst):
		}
		if !r.Pinned {
			r.Replica++
		}
	}
}

// ReadPages reads a list page by page, from the query on. Page decodes one page, and
// take keeps what it holds and returns the cursor of the next one, "" after the last.
func ReadPages[Page any](
	ctx context.Context, g *Gate, who string, port int, path string, query url.Values, take func(Page) string,
) error {
	for {
		var page Page
		if err := g.Read(ctx, who, port, path, query, &page); err != nil {
			return err
		}
		next := take(page)
		if next == "" {
			return nil
		}
		query.Set("cursor", next)
	}
}
