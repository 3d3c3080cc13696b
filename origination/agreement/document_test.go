package agreement

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/event"
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

// TestTheContractSaysWhatPayingLateCosts reads it below the charges, in the words
// of each rule; contracts of before the version travelled are drawn as they were.
func TestTheContractSaysWhatPayingLateCosts(t *testing.T) {
	t.Parallel()
	rupees := func(minor int64) money.Amount { return money.New(minor, inr) }
	for name, c := range map[string]struct {
		fee  event.LateFee
		says []string
	}{
		"none": {event.LateFee{}, []string{"Late fee none"}},
		"an amount": {
			event.LateFee{GraceDays: 3, Amount: rupees(100_00)},
			[]string{
				"Late fee 100.00 INR", "The late fee is charged on an instalment of which principal or interest is overdue " +
					"for more than 3 days, and is never more than what is overdue. It is charged once for each instalment.",
			},
		},
		"percent": {
			event.LateFee{
				GraceDays: 1, Tolerance: rupees(5_00), Percent: "2.5", EveryDays: 30, Cap: rupees(500_00),
			},
			[]string{
				"Late fee 2.5 % of the overdue principal and interest",
				"overdue for more than 1 day, if that is more than 5.00 INR, and is never more than what is overdue. It is " +
					"charged again every 30 days while the instalment stays overdue. The late fees of one instalment are at " +
					"most 500.00 INR together.",
			},
		},
		"at once": {
			event.LateFee{Amount: rupees(1)},
			[]string{"Late fee 0.01 INR", "principal or interest is overdue, and is never more than what is overdue."},
		},
	} {
		facts := factsOf(t, rbiTerms())
		facts.Versioned, facts.LateFee = true, c.fee
		pdf, err := draw(facts)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(textOf(t, pdf)), " ")
		at := strings.Index(text, c.says[0])
		charges, consent := strings.Index(text, "2. Charges"), strings.Index(text, "3. Agreement")
		if at < charges || at > consent {
			t.Errorf("%s: the late fee is at %d, the charges are at %d and the consent at %d", name, at, charges, consent)
		}
		for _, want := range c.says {
			if !strings.Contains(text, want) {
				t.Errorf("%s: the document does not say %q:\n%s", name, want, text)
			}
		}
	}
	if text := textOf(t, drawn(t, rbiTerms())); strings.Contains(text, "Late fee") {
		t.Errorf("a contract without a version says something of late fees:\n%s", text)
	}
	free := rbiTerms()
	free.Fees = nil
	facts := factsOf(t, free)
	facts.Versioned = true
	pdf, err := draw(facts)
	if err != nil {
		t.Fatal(err)
	}
	if text := textOf(t, pdf); !strings.Contains(text, "2. Charges") || !strings.Contains(text, "Late fee") {
		t.Errorf("without other charges nothing is said of late fees:\n%s", text)
	}
}

// TestTheContractHasTheLateFeeOfTheOffer makes it of the offer as it was accepted.
func TestTheContractHasTheLateFeeOfTheOffer(t *testing.T) {
	t.Parallel()
	terms := rbiTerms()
	raw, err := json.Marshal(terms)
	if err != nil {
		t.Fatal(err)
	}
	version := int64(2)
	offer := accepted{Offer: event.Offer{
		ProductVersion: &version, LateFee: event.LateFee{GraceDays: 3, Amount: money.New(100_00, inr)}, Terms: raw,
		ScheduleHash: factsOf(t, terms).Schedule.Hash(),
	}}
	service := &Service{config: config.Agreement{Lender: "Crédit de Démonstration"}}
	pdf, err := service.document(uuid.New(), time.Date(2024, 4, 15, 9, 30, 0, 0, time.UTC), offer)
	if err != nil {
		t.Fatal(err)
	}
	if text := textOf(t, pdf); !strings.Contains(text, "100.00 INR") || !strings.Contains(text, "more than 3 days") {
		t.Errorf("the document does not say what the late fee of the offer is:\n%s", text)
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
