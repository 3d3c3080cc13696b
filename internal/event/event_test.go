package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/money"
)

var update = flag.Bool("update", false, "write the golden files anew; only for events that were never published")

// sample fills every field of an event with a fixed value of its type, so that
// a golden file shows the whole contract.
func sample(t *testing.T, e event.Event) event.Event {
	t.Helper()
	value := reflect.New(reflect.TypeOf(e)).Elem()
	fill(value)
	filled, ok := value.Interface().(event.Event)
	if !ok {
		t.Fatalf("%T is no event", value.Interface())
	}
	return filled
}

var (
	sampleID   = uuid.MustParse("11111111-2222-4333-8444-555555555555")
	sampleTime = time.Date(2026, 4, 30, 12, 30, 15, 123456000, time.UTC)
)

func fill(v reflect.Value) {
	switch v.Interface().(type) {
	case uuid.UUID:
		v.Set(reflect.ValueOf(sampleID))
		return
	case money.Amount:
		v.Set(reflect.ValueOf(money.New(96973, money.MustCurrency("INR"))))
		return
	case civil.Date:
		v.Set(reflect.ValueOf(civil.DateOf(sampleTime)))
		return
	case time.Time:
		v.Set(reflect.ValueOf(sampleTime))
		return
	case json.RawMessage:
		v.Set(reflect.ValueOf(json.RawMessage(`{"principal":{"amount":"20000.00","currency":"INR"}}`)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.String:
		v.SetString("TEXT")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	default:
		v.SetInt(7)
	}
}

// TestContractsNeverChange compares each event with the JSON that was ever
// published under its type. A difference needs a new version, not a new file.
func TestContractsNeverChange(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	orphans := make(map[string]bool)
	for _, file := range files {
		orphans[file] = true
	}
	for publisher, events := range event.Catalogue {
		for _, e := range events {
			file := filepath.Join("testdata", e.Type()+".json")
			delete(orphans, file)
			t.Run(e.Type(), func(t *testing.T) {
				t.Parallel()
				got, err := json.MarshalIndent(sample(t, e), "", "  ")
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, '\n')
				if *update {
					if err := os.WriteFile(file, got, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatalf("publisher %s has no golden file: %v", publisher, err)
				}
				if diff := cmp.Diff(string(want), string(got)); diff != "" {
					t.Errorf("contract changed (-published +now):\n%s", diff)
				}
				decoded := reflect.New(reflect.TypeOf(e))
				if err := json.Unmarshal(want, decoded.Interface()); err != nil {
					t.Fatalf("published JSON is not readable any more: %v", err)
				}
				again, err := json.MarshalIndent(decoded.Interface(), "", "  ")
				if err != nil || !bytes.Equal(append(again, '\n'), want) {
					t.Errorf("published JSON loses something when read: %s, %v", again, err)
				}
			})
		}
	}
	for file := range orphans {
		t.Errorf("%s has no event: contracts are kept as long as they may be in a topic", file)
	}
}

// TestOffersOfBeforeTheVersionAreRead: what was in a topic before offers named the
// version of their product says that they name none, which is not version 0.
func TestOffersOfBeforeTheVersionAreRead(t *testing.T) {
	t.Parallel()
	var old, builtIn event.Offer
	if err := json.Unmarshal([]byte(`{"product": "MICRO_LOAN"}`), &old); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`{"product": "MICRO_LOAN", "product_version": 0}`), &builtIn); err != nil {
		t.Fatal(err)
	}
	if old.ProductVersion != nil || old.LateFee != (event.LateFee{}) {
		t.Errorf("an old offer: version %v, late fee %+v", old.ProductVersion, old.LateFee)
	}
	if builtIn.ProductVersion == nil || *builtIn.ProductVersion != 0 {
		t.Errorf("the built-in version: %v", builtIn.ProductVersion)
	}
	builtIn.Principal = money.New(1, money.MustCurrency("INR"))
	builtIn.Terms, builtIn.Instalment = json.RawMessage(`{}`), builtIn.Principal
	again, err := json.Marshal(builtIn)
	if err != nil || !strings.Contains(string(again), `"product_version":0`) ||
		strings.Contains(string(again), "late_fee") {
		t.Errorf("written again: %s, %v", again, err)
	}
}

func TestCatalogueIsSound(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for publisher, events := range event.Catalogue {
		for _, e := range events {
			if seen[e.Type()] {
				t.Errorf("%s is in the catalogue twice", e.Type())
			}
			seen[e.Type()] = true
			if !strings.HasSuffix(e.Type(), ".v1") && !strings.HasSuffix(e.Type(), ".v2") {
				t.Errorf("%s of %s has no version", e.Type(), publisher)
			}
			filled := sample(t, e)
			if filled.Subject() != sampleID || filled.Key() != sampleID.String() {
				t.Errorf("%s: subject %s, key %s: not taken from its data", e.Type(), filled.Subject(), filled.Key())
			}
			if e.Aggregate() == "" || event.AggregateOf(e.Type()) != e.Aggregate() {
				t.Errorf("%s is about %q, the catalogue says %q", e.Type(), e.Aggregate(), event.AggregateOf(e.Type()))
			}
			known := false
			for _, topic := range event.Topics {
				known = known || topic == e.Topic()
			}
			if !known {
				t.Errorf("%s goes to unknown topic %s", e.Type(), e.Topic())
			}
		}
	}
}

func TestParseRefusesWhatIsNoEnvelope(t *testing.T) {
	t.Parallel()
	good := event.Envelope{
		SpecVersion: event.SpecVersion, ID: sampleID, Source: "/tenor/test", Type: "x.v1", Subject: sampleID,
		Time: sampleTime, DataContentType: "application/json", Version: 1, Data: json.RawMessage(`{}`),
	}
	data, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := event.Parse(data); err != nil || cmp.Diff(good, got) != "" {
		t.Fatalf("%+v, %v; want %+v", got, err, good)
	}
	for name, spoil := range map[string]func(*event.Envelope){
		"specversion": func(e *event.Envelope) { e.SpecVersion = "0.3" },
		"id":          func(e *event.Envelope) { e.ID = uuid.Nil },
		"source":      func(e *event.Envelope) { e.Source = "" },
		"type":        func(e *event.Envelope) { e.Type = "" },
		"sequence":    func(e *event.Envelope) { e.Version = 0 },
	} {
		bad := good
		spoil(&bad)
		data, err := json.Marshal(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := event.Parse(data); !errors.Is(err, event.ErrMalformed) {
			t.Errorf("without %s: %v, want ErrMalformed", name, err)
		}
	}
	if _, err := event.Parse([]byte("{")); !errors.Is(err, event.ErrMalformed) {
		t.Errorf("no JSON: %v, want ErrMalformed", err)
	}
	if _, err := event.Decode[event.OfferExpired](good); !errors.Is(err, event.ErrMalformed) {
		t.Errorf("another type: %v, want ErrMalformed", err)
	}
}
