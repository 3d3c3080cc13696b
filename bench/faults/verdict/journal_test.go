package verdict

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestJournalTellsWhatHappened writes from many callers at once and reads back.
func TestJournalTellsWhatHappened(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "j")
	j, err := NewJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewJournal(path); err == nil {
		t.Error("an older journal was written over")
	}
	at := time.Unix(1, 0).UTC()
	var group sync.WaitGroup
	for n := range int64(200) {
		group.Go(func() {
			lines := []Line{{Kind: LineIntent, N: n, At: at, Loan: "l", Minor: n, Key: fmt.Sprint(n)}}
			switch n % 4 {
			case 0:
				lines = append(lines, Line{Kind: LineAcked, N: n, Payment: "p"}, Line{Kind: LineAcked, N: n, Payment: "q"})
			case 1:
				lines = append(lines, Line{Kind: LineRefused, N: n, Status: 409})
			case 2:
				lines = append(lines, Line{Kind: LineOpen, N: n})
			}
			for _, l := range lines {
				if err := j.Note(l); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	// A crash of the client tears the last line: nobody has counted on it.
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"kind":"acked","n":3,"pay`); err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	intents, err := ReadJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(intents) != 200 {
		t.Fatalf("%d intents, want 200", len(intents))
	}
	for n, want := range map[int64]Intent{
		0: {Acks: []string{"p", "q"}}, 1: {Line: Line{Status: 409}, Refused: true}, 2: {}, 3: {},
	} {
		want.Line = Line{
			Kind: LineIntent, N: n, At: at, Loan: "l", Minor: n, Key: fmt.Sprint(n), Status: want.Status,
		}
		if diff := cmp.Diff(want, *intents[n]); diff != "" {
			t.Errorf("payment %d:\n%s", n, diff)
		}
		if intents[n].Acked() != (n == 0) || intents[n].Open() != (n >= 2) {
			t.Errorf("payment %d: acked %t, open %t", n, intents[n].Acked(), intents[n].Open())
		}
	}
}

func TestJournalThatMakesNoSense(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no JSON": "{\n", "an acknowledgement without its intent": `{"kind":"acked","n":1}` + "\n",
	} {
		path := filepath.Join(t.TempDir(), "j")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadJournal(path); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	if _, err := ReadJournal(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("an absent journal was read")
	}
	if _, err := ReadJournal(t.TempDir()); err == nil {
		t.Error("a folder was read as a journal")
	}
}
