package pdfdoc

import (
	"bytes"
	"fmt"
	"testing"
	"time"
)

func TestNamesMustBePrintable(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"Tenor Bank": true, "Crédit & Cie – €": true, "ऋण बैंक": false} {
		if err := Printable(name); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A table repeats its head on each page, and the same content gives the same bytes.
func TestTablesGoOverPages(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 15, 9, 0, 0, 0, time.UTC)
	columns := []Column{{Title: "No.", Width: 20, Align: "R"}, {Title: "Name", Width: 40, Align: "L"}}
	draw := func(rows int) *Document {
		d := New("List", "List 1", at, Landscape)
		lines := make([][]string, rows)
		for i := range lines {
			lines[i] = []string{fmt.Sprint(i + 1), "Crédit"}
		}
		d.Table(columns, lines, []string{"", "Sum"})
		return d
	}
	one, many := draw(3), draw(100)
	if one.PageCount() != 1 || many.PageCount() < 4 {
		t.Errorf("%d and %d pages", one.PageCount(), many.PageCount())
	}
	first, err := many.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	again, err := draw(100).Bytes()
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("drawn again, the document differs: %v", err)
	}
}
