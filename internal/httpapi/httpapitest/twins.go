package httpapitest

import (
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
)

// Twins are two public operations that answer with what they have read: POST
// /large with a httpapi.LargeBody, POST /twin with a body that Huma reads in its
// own way.
type Twins struct {
	API *httpapi.API
	// Type is the Go name of the large body: the twin's has none.
	Type string
	// Sound is a body that is accepted, and Swaps are what to put into it.
	Sound string
	Swaps []string
}

var tokens = regexp.MustCompile(`"[^"]*"|[{}\[\]:,]|true`)

// AnswerAlike spoils the sound body in one to three places and finds the same
// answers, whatever is wrong.
func (w *Twins) AnswerAlike(t *testing.T) {
	t.Helper()
	if status, answer := w.post(t, "/large", w.Sound); status != http.StatusOK {
		t.Fatalf("the sound body: %d %s", status, answer)
	}
	sound, refused := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		words := tokens.FindAllString(w.Sound, -1)
		for range rapid.IntRange(0, 3).Draw(rt, "faults") {
			place, swap := rapid.IntRange(0, len(words)-1).Draw(rt, "place"), rapid.SampledFrom(w.Swaps).Draw(rt, "swap")
			name := slices.Contains(words[place:min(place+2, len(words))], ":")
			if name && (swap == `""` || strings.Contains(swap, ".")) {
				continue // Huma loses its place at such names
			}
			words[place] = swap
		}
		body := strings.Join(words, "")
		status, answer := w.post(t, "/large", body)
		wantStatus, want := w.post(t, "/twin", body)
		if status != wantStatus || answer != want {
			rt.Fatalf("%s\n%d, want %d (-want +got):\n%s", body, status, wantStatus, cmp.Diff(want, answer))
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

func (w *Twins) post(t *testing.T, path, body string) (int, string) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(httpapi.HeaderRequestID, "one")
	recorder := httptest.NewRecorder()
	w.API.ServeHTTP(recorder, request)
	return recorder.Code, w.sortedFaults(t, recorder.Body.Bytes())
}

// sortedFaults puts the faults of a problem document in order: Huma finds those
// of one object in any.
func (w *Twins) sortedFaults(t *testing.T, answer []byte) string {
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
	return strings.ReplaceAll(string(sorted), "struct field "+w.Type+".", "struct field .")
}
