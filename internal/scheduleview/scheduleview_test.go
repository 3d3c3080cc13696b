package scheduleview_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cloud.google.com/go/civil"
	"github.com/google/go-cmp/cmp"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/internal/scheduleview"
)

var update = flag.Bool("update", false, "write the golden files")

func loan(t *testing.T, change func(*amortization.Terms)) *amortization.Schedule {
	t.Helper()
	terms := amortization.Terms{
		Principal:         money.New(120_000, money.MustCurrency("EUR")),
		AnnualRatePercent: amortization.MustDecimal("12"), Instalments: 6,
		DisbursementDate: civil.Date{Year: 2024, Month: 1, Day: 31},
		Fees: []amortization.Fee{{
			Name: "service", Amount: money.New(150, money.MustCurrency("EUR")),
			When: amortization.EachInstalment,
		}},
	}
	if change != nil {
		change(&terms)
	}
	s, err := amortization.New(terms)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"table", "csv", "markdown", "chart"} {
		var out bytes.Buffer
		if err := scheduleview.Write(&out, loan(t, nil), format); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join("testdata", format+".golden")
		if *update {
			if err := os.WriteFile(name, out.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
}

func TestJSONIsTheSchedule(t *testing.T) {
	t.Parallel()
	s := loan(t, nil)
	var out bytes.Buffer
	if err := scheduleview.Write(&out, s, "json"); err != nil {
		t.Fatal(err)
	}
	var back amortization.Schedule
	if err := json.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.Hash() != s.Hash() {
		t.Errorf("hash %s, want %s", back.Hash(), s.Hash())
	}
}

func TestSVGIsAPicture(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := scheduleview.Write(&out, loan(t, nil), "svg"); err != nil {
		t.Fatal(err)
	}
	shapes, words := 0, map[string]bool{}
	for decoder := xml.NewDecoder(&out); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "path" {
				shapes++
			}
		case xml.CharData:
			words[strings.TrimSpace(string(token))] = true
		}
	}
	if shapes < 12 || !words["Instalments"] || !words["Balance"] || !words["principal"] || !words["interest"] {
		t.Errorf("%d shapes, words %v", shapes, words)
	}
}

func TestColumnsAndLongCharts(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tranched := loan(t, func(x *amortization.Terms) {
		x.Tranches = []amortization.Tranche{{
			Date:   civil.Date{Year: 2024, Month: 3, Day: 1},
			Amount: money.New(20_000, money.MustCurrency("EUR")),
		}}
		x.Grace, x.Fees = amortization.Grace{InterestPayment: 1, Capitalise: true}, nil
	})
	if err := scheduleview.CSV(&out, tranched); err != nil {
		t.Fatal(err)
	}
	header, _, _ := strings.Cut(out.String(), "\n")
	if want := "no,due,days,opening,disbursed,principal,interest,capitalised,total,closing"; header != want {
		t.Errorf("columns %s, want %s", header, want)
	}
	out.Reset()
	if err := scheduleview.Chart(&out, loan(t, func(x *amortization.Terms) { x.Instalments = 100 })); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "every 3 instalments of 100") || strings.Count(out.String(), "\n") != 36 {
		t.Errorf("chart of 100 instalments:\n%s", out.String())
	}
	if err := scheduleview.Write(&out, tranched, "poem"); !errors.Is(err, scheduleview.ErrFormat) {
		t.Errorf("a poem: %v", err)
	}
}

// closed is a pipe that nobody reads.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriteErrorsAreReturned(t *testing.T) {
	t.Parallel()
	for _, format := range scheduleview.Formats() {
		if err := scheduleview.Write(closed{}, loan(t, nil), format); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: %v", format, err)
		}
	}
}
