package ledgersvc

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/ledger"
)

// echo answers with what was read, and with the amounts as the ledger gets them.
type echo struct {
	Body struct {
		Entries []batchEntry    `json:"entries"`
		Lines   [][]ledger.Line `json:"lines"`
	}
}

func echoOf(entries []batchEntry) *echo {
	out := &echo{}
	out.Body.Entries = entries
	for _, e := range entries {
		out.Body.Lines = append(out.Body.Lines, e.entry().Lines)
	}
	return out
}

// twin is a batch that Huma reads in its own way.
type twin struct {
	Body struct {
		Atomic  bool         `json:"atomic,omitempty"`
		Entries []batchEntry `json:"entries" minItems:"1" maxItems:"1000" nullable:"false"`
	}
}

const soundBatch = `{"atomic":true,"entries":[{"kind":"BANK_FEE","effective_date":"2026-03-01",` +
	`"booking_date":"2026-03-02","reference":"loan","description":"fee","metadata":{"statement":"2026-03"},` +
	`"linked":true,"lines":[{"account":"1000.INR","side":"DEBIT","amount":{"amount":"12.50","currency":"INR"}},` +
	`{"account":"cash","side":"CREDIT","amount":{"amount":"12.50","currency":"INR"}}]}]}`

var (
	tokens = regexp.MustCompile(`"[^"]*"|[{}\[\]:,]|true`)
	swaps  = []string{
		"null", `""`, `"x"`, "12", "true", "{}", "[]", "{", "]", ",", "", `"DEBIT"`, `"debit"`, `"INR"`, `"inr"`, `"XQZ"`,
		`"2026-02-30"`, `"2026-3-1"`, `"A"`, `"_A"`, `"A9_"`, `"A-"`, `"1."`, `".5"`, `"1.23456"`, `"-1.00"`, `"+1"`,
		`"1e3"`, `"1234567890123456789"`, `"123456789012345678.1234"`, `"kind"`, `"Kind"`, `"entries"`, `"other"`,
		`"` + strings.Repeat("A", 41) + `"`, `"` + strings.Repeat("é", 60) + `"`, `"` + strings.Repeat("x", 101) + `"`,
		`"` + strings.Repeat("x", 501) + `"`, `"kind":"B","kind"`, `"reference":"r","reference"`, `"\u0041"`, "\"\xff\"",
	}
)

// sortedFaults puts the faults of a problem document in order: Huma finds those
// of one object in any.
func sortedFaults(t *testing.T, answer []byte) string {
	t.Helper()
	var problem huma.ErrorModel
	if json.Unmarshal(answer, &problem) != nil || problem.Status == 0 {
		return string(answer)
	}
	slices.SortFunc(problem.Errors, func(a, b *huma.ErrorDetail) int {
		return strings.Compare(a.Location+a.Message, b.Location+b.Message)
	})
	sorted, err := json.Marshal(problem)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(sorted), "struct field batchBody.", "struct field .") // the twin has no name
}

// TestALargeBodyIsReadAsAnyOther spoils a batch in one to three places and finds
// the answer to be that of Huma's own way of reading, whatever is wrong.
func TestALargeBodyIsReadAsAnyOther(t *testing.T) {
	t.Parallel()
	api := httpapi.New(httpapi.Options{Title: "test", Version: "test"})
	op := httpapi.Op{Method: http.MethodPost, Access: httpapi.Public(), BodyBytes: entryBytesMax}
	op.ID, op.Path = "large", "/large"
	httpapi.Register(api, op, func(_ context.Context, in *batchInput) (*echo, error) {
		return echoOf(in.Body.Entries), nil
	})
	op.ID, op.Path = "twin", "/twin"
	httpapi.Register(api, op, func(_ context.Context, in *twin) (*echo, error) { return echoOf(in.Body.Entries), nil })
	post := func(path, body string) (int, string) {
		request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set(httpapi.HeaderRequestID, "one")
		recorder := httptest.NewRecorder()
		api.ServeHTTP(recorder, request)
		return recorder.Code, sortedFaults(t, recorder.Body.Bytes())
	}
	if status, answer := post("/large", soundBatch); status != http.StatusOK {
		t.Fatalf("the sound batch: %d %s", status, answer)
	}
	sound, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		words := tokens.FindAllString(soundBatch, -1)
		for range rapid.IntRange(0, 3).Draw(t, "faults") {
			place, swap := rapid.IntRange(0, len(words)-1).Draw(t, "place"), rapid.SampledFrom(swaps).Draw(t, "swap")
			name := slices.Contains(words[place:min(place+2, len(words))], ":")
			if name && (swap == `""` || strings.Contains(swap, ".")) {
				continue // Huma loses its place at such names
			}
			words[place] = swap
		}
		body := strings.Join(words, "")
		status, answer := post("/large", body)
		wantStatus, want := post("/twin", body)
		if status != wantStatus || answer != want {
			t.Fatalf("%s\n%d, want %d (-want +got):\n%s", body, status, wantStatus, cmp.Diff(want, answer))
		}
		if status == http.StatusOK {
			sound++
		} else {
			refused++
		}
	})
	if sound == 0 || refused == 0 {
		t.Errorf("%d bodies were accepted and %d refused: the property says little", sound, refused)
	}
}
