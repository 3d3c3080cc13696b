package peers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenor-lending/tenor/bench/harness"
)

// books is what a fake ledger has booked.
type fake struct {
	t         *testing.T
	mu        sync.Mutex
	keys      map[string]bool
	count     int64
	volume    int64
	lose      bool
	duplicate int
}

func (f *fake) fail(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errorCode":"VALIDATION","errorMessage":%q,"error":%q}`, text, text)
}

func (f *fake) book(reference string, minor int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.keys[reference] {
		f.duplicate++
		return false
	}
	f.keys[reference] = true
	if f.lose && len(f.keys)%7 == 0 {
		return true
	}
	f.count++
	f.volume += minor
	return true
}

func decode(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// formanceFake holds requests to what the API v2 documents.
func formanceFake(t *testing.T) (*fake, *httptest.Server) {
	f := &fake{t: t, keys: map[string]bool{}}
	ledgers := map[string]bool{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/{ledger}", func(w http.ResponseWriter, r *http.Request) {
		ledgers[r.PathValue("ledger")] = true
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /v2/{ledger}/transactions", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Postings  []formancePosting `json:"postings"`
			Reference string            `json:"reference"`
			Metadata  map[string]string `json:"metadata"`
		}
		if err := decode(r, &body); err != nil || !ledgers[r.PathValue("ledger")] || len(body.Postings) == 0 {
			f.fail(w, http.StatusBadRequest, fmt.Sprint("malformed: ", err))
			return
		}
		var sum int64
		for _, p := range body.Postings {
			named := p.Destination != "" && !strings.Contains(p.Destination, "-")
			if p.Source != "world" || p.Amount <= 0 || p.Asset != "USD/2" || !named {
				f.fail(w, http.StatusBadRequest, fmt.Sprintf("posting %+v", p))
				return
			}
			sum += p.Amount
		}
		if r.Header.Get("Idempotency-Key") != body.Reference || !f.book(body.Reference, sum) {
			f.fail(w, http.StatusConflict, "reference")
			return
		}
		_, _ = fmt.Fprintf(w, `{"data":{"id":%d,"reference":%q}}`, f.count, body.Reference)
	})
	mux.HandleFunc("GET /v2/{ledger}/stats", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"data":{"accounts":4,"transactions":%d}}`, f.count)
	})
	mux.HandleFunc("GET /v2/{ledger}/accounts/world", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("expand") != "volumes" {
			f.fail(w, http.StatusBadRequest, "volumes were not asked for")
			return
		}
		_, _ = fmt.Fprintf(w, `{"data":{"address":"world","volumes":{"USD/2":{"input":0,"output":%d}}}}`, f.volume)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return f, server
}

// blnkFake holds requests to what the API of Blnk Core documents.
func blnkFake(t *testing.T) (*fake, *httptest.Server) {
	f := &fake{t: t, keys: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ledgers", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") })
	mux.HandleFunc("POST /transactions", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Amount         json.Number       `json:"amount"`
			Precision      int64             `json:"precision"`
			Reference      string            `json:"reference"`
			Currency       string            `json:"currency"`
			Source         string            `json:"source"`
			Destinations   []blnkShare       `json:"destinations"`
			AllowOverdraft bool              `json:"allow_overdraft"`
			SkipQueue      bool              `json:"skip_queue"`
			Description    string            `json:"description"`
			MetaData       map[string]string `json:"meta_data"`
		}
		if err := decode(r, &body); err != nil || body.Precision != 100 || body.Currency != "USD" || !body.SkipQueue ||
			!body.AllowOverdraft || !strings.HasPrefix(body.Source, "@") || len(body.Destinations) != 3 {
			f.fail(w, http.StatusBadRequest, fmt.Sprint("malformed: ", err))
			return
		}
		whole, err := hundredths(body.Amount.String())
		rest := whole
		for i, d := range body.Destinations {
			if i == len(body.Destinations)-1 {
				if d.Distribution != "left" || rest < 0 {
					err = fmt.Errorf("the last is %q of %d", d.Distribution, rest)
				}
				continue
			}
			part, partErr := hundredths(d.Distribution)
			rest -= part
			if partErr != nil {
				err = partErr
			}
		}
		if err != nil || !f.book(body.Reference, whole) {
			f.fail(w, http.StatusBadRequest, fmt.Sprint(err))
			return
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(w, `{"transaction_id":"txn_%d","status":"APPLIED","reference":%q}`, f.count, body.Reference)
	})
	mux.HandleFunc("GET /balances/indicator/{indicator}/currency/USD", func(w http.ResponseWriter, _ *http.Request) {
		if f.count == 0 {
			f.fail(w, http.StatusBadRequest, "no such balance")
			return
		}
		_, _ = fmt.Fprintf(w, `{"balance_id":"bln_1","debit_balance":%d,"balance":-%d}`, f.volume, f.volume)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return f, server
}

func hundredths(text string) (int64, error) {
	whole, cents, ok := strings.Cut(text, ".")
	if !ok || len(cents) != 2 {
		return 0, fmt.Errorf("%q has no two decimals", text)
	}
	return strconv.ParseInt(whole+cents, 10, 64)
}

// memory is a ledger in this process.
type memory struct{ fake }

func (*memory) Name() string                  { return "tenor" }
func (*memory) Prepare(context.Context) error { return nil }
func (m *memory) Pay(_ context.Context, p Payment) error {
	m.book(p.Reference, p.Minor)
	return nil
}

func (m *memory) Booked(context.Context) (int64, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count, m.volume, nil
}

func bench(
	t *testing.T, name string, server *httptest.Server, run func(context.Context, *harness.Bench) error,
) (failure, text string) {
	t.Helper()
	var out, log bytes.Buffer
	done := harness.Run(t.Context(), harness.Scenario{Name: "peers", Run: run}, harness.Options{
		Duration: 2 * time.Second, Clients: 4, Seed: 1, Against: []string{name + "=" + server.URL},
		Out: &out, Err: &log,
	})
	return done.Failure, out.String() + log.String()
}

// TestPeersTakeTurns compares a ledger in memory with each peer.
func TestPeersTakeTurns(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(*testing.T) (*fake, *httptest.Server){
		"formance": formanceFake, "blnk": blnkFake,
	} {
		f, server := make(t)
		failure, text := bench(t, name, server, Scenarios(
			func(context.Context, *harness.Bench) (Target, error) {
				return &memory{fake{keys: map[string]bool{}}}, nil
			},
		)[0].Run)
		if failure != "" {
			t.Errorf("%s: %s", name, failure)
		}
		if f.count == 0 || f.duplicate != 0 {
			t.Errorf("%s took %d payments, %d of them twice", name, f.count, f.duplicate)
		}
		for _, want := range []string{"pair", "tenor a second", name + " a second"} {
			if !strings.Contains(strings.ToLower(text), want) {
				t.Errorf("%s: the report lacks %q:\n%s", name, want, text)
			}
		}
	}
}

// TestAcknowledgedMustBeBooked has a peer lose what it acknowledged.
func TestAcknowledgedMustBeBooked(t *testing.T) {
	t.Parallel()
	f, server := formanceFake(t)
	f.lose = true
	peer, err := New("formance=" + server.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := &side{target: peer, payments: 3, volume: 3000}
	if err := peer.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	done := harness.Run(ctx, harness.Scenario{Name: "x", Run: s.check}, harness.Options{Err: io.Discard})
	if done.Failure == "" {
		t.Error("a ledger that holds nothing passed")
	}
}

func TestNoPeerIsSaidAloud(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	done := harness.Run(t.Context(), Scenarios(nil)[0], harness.Options{Err: &log})
	if done.Failure != "" || !strings.Contains(log.String(), "NOT RUN") {
		t.Errorf("%q: %s", done.Failure, log.String())
	}
	for _, bad := range []string{"formance", "other=http://x", "formance=ftp://x", "="} {
		if _, err := New(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestErrorsOfPeersAreTold asks servers that refuse or answer nonsense.
func TestErrorsOfPeersAreTold(t *testing.T) {
	t.Parallel()
	for _, answer := range []struct {
		status int
		body   string
	}{{500, "down"}, {200, "{"}, {200, "{}"}} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(answer.status)
			_, _ = io.WriteString(w, answer.body)
		}))
		t.Cleanup(server.Close)
		for _, peer := range []Target{newFormance(server.URL, "x"), newBlnk(server.URL, "x")} {
			if err := peer.Pay(t.Context(), newPayment()); err == nil {
				t.Errorf("%s took %d %q for a yes", peer.Name(), answer.status, answer.body)
			}
		}
	}
}
