package faults

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
	j, err := newJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newJournal(path); err == nil {
		t.Error("an older journal was written over")
	}
	at := time.Unix(1, 0).UTC()
	var group sync.WaitGroup
	for n := range int64(200) {
		group.Go(func() {
			lines := []line{{Kind: lineIntent, N: n, At: at, Loan: "l", Minor: n, Key: fmt.Sprint(n)}}
			switch n % 4 {
			case 0:
				lines = append(lines, line{Kind: lineAcked, N: n, Payment: "p"}, line{Kind: lineAcked, N: n, Payment: "q"})
			case 1:
				lines = append(lines, line{Kind: lineRefused, N: n, Status: 409})
			case 2:
				lines = append(lines, line{Kind: lineOpen, N: n})
			}
			for _, l := range lines {
				if err := j.note(l); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if err := j.close(); err != nil {
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
	intents, err := readJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(intents) != 200 {
		t.Fatalf("%d intents, want 200", len(intents))
	}
	for n, want := range map[int64]intent{
		0: {Acks: []string{"p", "q"}}, 1: {Refused: true, Status: 409}, 2: {Open: true}, 3: {},
	} {
		want.line = line{Kind: lineIntent, N: n, At: at, Loan: "l", Minor: n, Key: fmt.Sprint(n)}
		if diff := cmp.Diff(want, *intents[n], cmp.AllowUnexported(intent{})); diff != "" {
			t.Errorf("payment %d:\n%s", n, diff)
		}
		if intents[n].acked() != (n == 0) {
			t.Errorf("payment %d: acked %t", n, intents[n].acked())
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
		if _, err := readJournal(path); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	if _, err := readJournal(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("an absent journal was read")
	}
}
