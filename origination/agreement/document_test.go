package agreement

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
)

func TestTheSameFactsGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	first := drawn(t, rbiTerms())
	for range 5 {
		if !bytes.Equal(first, drawn(t, rbiTerms())) {
			t.Fatal("drawn again, the document differs")
		}
	}
	facts := factsOf(t, rbiTerms())
	facts.ID = uuid.New()
	other, err := draw(facts)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first, other) {
		t.Error("another agreement has the same document")
	}
}

// textOf lets pdftotext read a document.
func textOf(t *testing.T, pdf []byte) string {
	t.Helper()
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("NOT READ with pdftotext: it is not installed (Debian package poppler-utils)")
	}
	path := filepath.Join(t.TempDir(), "contract.pdf")
	if err := os.WriteFile(path, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, "-layout", path, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestTheContractSaysEverything reads the document back as a person would.
func TestTheContractSaysEverything(t *testing.T) {
	t.Parallel()
	facts := factsOf(t, rbiTerms())
	text := textOf(t, drawn(t, rbiTerms()))
	for _, want := range []string{
		"Crédit de Démonstration", facts.ID.String(), facts.CustomerID.String(), facts.Schedule.Hash(),
		"20000.00 INR", "15 %", "969.73 INR", "17.07 %", "18.47 %", "240.00 INR", "160.00 INR", "400.00 INR",
		"19600.00 INR", facts.KeyFacts.TotalInterest.String(), facts.KeyFacts.TotalPaid.String(), "processing", "insurance",
		"2024-05-15", "2026-04-15", "page 1 of 2", "page 2 of 2",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the document does not say %q", want)
		}
	}
	lines := make(map[string]bool)
	for line := range strings.Lines(text) {
		lines[strings.Join(strings.Fields(line), " ")] = true
	}
	for _, i := range facts.Schedule.All() {
		row := fmt.Sprintf("%d %s %s %s %s %s %s %s", i.Number, i.Due, i.Opening.Text(), i.Principal.Text(),
			i.Interest.Text(), i.Fees.Text(), i.Total.Text(), i.Closing.Text())
		if !lines[row] {
			t.Errorf("the document has no line %q", row)
		}
	}
}

func TestLongSchedulesFit(t *testing.T) {
	t.Parallel()
	terms := rbiTerms()
	terms.Principal, terms.Instalments = money.New(1_500_000_000_00, inr), 480
	terms.Fees = append(terms.Fees, amortization.Fee{
		Name: "servicing", Percent: amortization.MustDecimal("0.5"), Basis: amortization.OfInstalment,
		When: amortization.EachInstalment, TaxPercent: amortization.MustDecimal("18"),
	})
	pdf := drawn(t, terms)
	if limit := 200 << 10; len(pdf) > limit {
		t.Errorf("480 instalments take %d bytes, more than %d", len(pdf), limit)
	}
	text := textOf(t, pdf)
	for _, want := range []string{"480", "0.5 % of instalment, plus 18 % tax, each instalment", "1500000000.00"} {
		if !strings.Contains(text, want) {
			t.Errorf("the document does not say %q", want)
		}
	}
	tables := 0
	for page := range strings.SplitSeq(text, "\f") {
		rows := strings.Count(page, "-15 ")
		if rows > 10 {
			tables++
		}
		if rows > 10 && !strings.Contains(page, "Closing") {
			t.Errorf("a page of %d instalments has no head:\n%s", rows, page)
		}
	}
	if tables < 10 {
		t.Errorf("found %d pages of instalments", tables)
	}
}
