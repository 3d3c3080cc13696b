package stream

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/event"
)

func drawAnnounced(t *rapid.T) announced {
	return announced{
		topic: rapid.String().Draw(t, "topic"), key: rapid.String().Draw(t, "key"),
		env: event.Envelope{
			SpecVersion: event.SpecVersion, DataContentType: "application/json",
			ID:      uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")),
			Subject: uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "subject")),
			Source:  rapid.String().Draw(t, "source"), Type: rapid.String().Draw(t, "type"),
			Time:        time.UnixMicro(rapid.Int64Range(-1<<55, 1<<55).Draw(t, "micros")).UTC(),
			TraceParent: rapid.String().Draw(t, "trace"),
			Data:        json.RawMessage(rapid.SliceOf(rapid.Byte()).Draw(t, "data")),
		},
	}
}

func TestWhatIsPackedComesOutAgain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(drawAnnounced), 1, 20).Draw(t, "events")
		var row packing
		var want []announced
		var places, versions []int64
		for i := range list {
			row.add(&list[i])
			if rapid.Bool().Draw(t, "chosen") {
				list[i].env.Version = rapid.Int64().Draw(t, "version")
				want = append(want, list[i])
				places, versions = append(places, int64(i)), append(versions, list[i].env.Version)
			}
		}
		packed, err := row.packed()
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpack(packed, places, versions)
		if err != nil {
			t.Fatal(err)
		}
		if len(want) == 0 && len(got) == 0 {
			return
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(announced{})); diff != "" {
			t.Fatalf("events (-want +got):\n%s", diff)
		}
	})
}

// TestAPackThatIsCutIsRefused cuts it before and after compression, at every byte.
func TestAPackThatIsCutIsRefused(t *testing.T) {
	t.Parallel()
	var row packing
	row.add(&announced{topic: "topic", key: "key", env: event.Envelope{
		ID: uuid.New(), Subject: uuid.New(), Type: "type", Source: "source", Time: time.Now(), Data: json.RawMessage(`{}`),
	}})
	packed, err := row.packed()
	if err != nil {
		t.Fatal(err)
	}
	one := []int64{0}
	for n := range packed {
		if _, err := unpack(packed[:n], one, one); !errors.Is(err, errPacked) {
			t.Errorf("%d of %d bytes: got %v, want errPacked", n, len(packed), err)
		}
	}
	for n := range row.plain {
		cut, err := (&packing{plain: row.plain[:n]}).packed()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := unpack(cut, one, one); !errors.Is(err, errPacked) {
			t.Errorf("%d of %d plain bytes: got %v, want errPacked", n, len(row.plain), err)
		}
	}
	if _, err := unpack(packed, []int64{1}, one); !errors.Is(err, errPacked) {
		t.Errorf("a place that is not there: got %v, want errPacked", err)
	}
	if _, err := unpack(packed, one, nil); !errors.Is(err, errPacked) {
		t.Errorf("a place without a version: got %v, want errPacked", err)
	}
}
