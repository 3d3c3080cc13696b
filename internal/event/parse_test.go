package event

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// The short way to read an envelope agrees with encoding/json wherever it reads
// one at all: as a relay writes it, and with bytes of it changed, lost or put in.
// That it reads what relays write is the test after this one.
func TestPlainEnvelopesAreReadAsJSONIs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "ids")
		want := Envelope{
			SpecVersion: SpecVersion, ID: uuid.UUID(raw[:16]),
			Source:  rapid.OneOf(rapid.Just("/tenor/core"), rapid.StringN(0, 8, 8)).Draw(t, "source"),
			Type:    rapid.SampledFrom([]string{"payment.received.v1", "", "a\"b", "é"}).Draw(t, "type"),
			Subject: uuid.UUID(raw[16:]), Time: time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(t, "time")).UTC(),
			DataContentType: "application/json", Version: rapid.Int64Range(-2, 1<<40).Draw(t, "version"),
			TraceParent: rapid.SampledFrom([]string{"", "00-abc-def-01"}).Draw(t, "trace"),
			Data: rapid.SampledFrom([]json.RawMessage{
				json.RawMessage(`{}`), json.RawMessage(`{"a":{"b":"}"}}`), json.RawMessage(`[1]`), json.RawMessage(`null`),
			}).Draw(t, "data"),
		}
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		compareWithJSON(t, data)
		at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
		piece := rapid.SampledFrom([]string{
			"", `"`, `\`, `}`, `{`, `,`, ` `, "\x00", "\xff", `,"data":{}`, `,"id":"x"`, "0", "-", "é",
		}).Draw(t, "piece")
		lost := rapid.IntRange(0, min(3, len(data)-at)).Draw(t, "lost")
		damaged := append([]byte{}, data[:at]...)
		damaged = append(append(damaged, piece...), data[at+lost:]...)
		compareWithJSON(t, damaged)
	})
}

func compareWithJSON(t *rapid.T, data []byte) {
	got, ok := parsePlain(data)
	if !ok {
		return
	}
	var want Envelope
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatalf("%s: read the short way, but %v", data, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-json +short):\n%s", data, diff)
	}
}

func TestWhatARelayWritesIsReadTheShortWay(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(Envelope{
		SpecVersion: SpecVersion, ID: uuid.New(), Source: "/tenor/core", Type: "payment.received.v1", Subject: uuid.New(),
		Time: time.Now().UTC(), DataContentType: "application/json", Version: 7, Data: json.RawMessage(`{"amount":"1.00"}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := parsePlain(data); !ok {
		t.Errorf("%s was not read", data)
	}
}

// A relay writes an envelope as encoding/json does, whatever is in it.
func TestEnvelopesAreWrittenAsJSONIs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "ids")
		odd := rapid.SampledFrom([]string{"", `"`, `\`, "<", "&", "é", "\x7f"})
		text := rapid.OneOf(rapid.Just("plain/text.v1"), odd, rapid.String())
		data, err := json.Marshal(rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "data"))
		if err != nil {
			t.Fatal(err)
		}
		e := Envelope{
			SpecVersion: SpecVersion, ID: uuid.UUID(raw[:16]), Source: text.Draw(t, "source"), Type: text.Draw(t, "type"),
			Subject: uuid.UUID(raw[16:]), Time: time.UnixMicro(rapid.Int64Range(-1<<58, 1<<58).Draw(t, "time")).UTC(),
			DataContentType: text.Draw(t, "content type"), Version: rapid.Int64().Draw(t, "version"),
			TraceParent: text.Draw(t, "trace"), Data: data,
		}
		want, wantErr := json.Marshal(e)
		got, err := e.Append([]byte("before"))
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("got %v, want %v", err, wantErr)
		}
		if err == nil && string(got) != "before"+string(want) {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	data, err := json.Marshal(Envelope{
		SpecVersion: SpecVersion, ID: uuid.New(), Source: "/tenor/core", Type: "payment.received.v1", Subject: uuid.New(),
		Time: time.Now().UTC(), DataContentType: "application/json", Version: 7,
		Data: json.RawMessage(`{"loan_id":"6f0e9b7a-2a53-4c3c-9a0e-3b0e6f3f4e11","payment_id":` +
			`"6f0e9b7a-2a53-4c3c-9a0e-3b0e6f3f4e14","amount":{"amount":"12.50","currency":"INR"},` +
			`"value_date":"2026-02-15","channel":"BANK_TRANSFER"}`),
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}
