package ledgerexport_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/ledger/ledgerexport"
)

var (
	inr  = money.MustCurrency("INR")
	noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)
)

const entries = 120 // several chunks of a page

// books posts entries, one of them a reversal, and pins them; one more comes
// after that.
func books(t *testing.T) (*database.DB, int64) {
	t.Helper()
	db := dbtest.New(t, "core")
	cash, capital := ledger.ControlAccount(ledger.FundSource, inr), ledger.ControlAccount(ledger.Capital, inr)
	move := func(i int) ledger.JournalEntry {
		return ledger.JournalEntry{
			Key: fmt.Sprint("e/", i), Kind: "CAPITAL", EffectiveDate: civil.Date{Year: 2026, Month: time.March, Day: 1 + i%28},
			Description: `say "hi"; once`, Metadata: map[string]string{"n": fmt.Sprint(i)},
			Lines: []ledger.Line{
				{AccountID: cash.ID(), Side: ledger.Debit, Amount: money.New(100, inr)},
				{AccountID: capital.ID(), Side: ledger.Credit, Amount: money.New(100, inr)},
			},
		}
	}
	post := func(now time.Time, list ...ledger.JournalEntry) {
		err := database.InTx(t.Context(), db, func(tx database.Tx) error {
			if err := ledgerdb.OpenChart(t.Context(), tx, now, inr); err != nil {
				return err
			}
			_, err := ledgerdb.Post(t.Context(), tx, now, list...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var list []ledger.JournalEntry
	for i := range entries - 1 {
		list = append(list, move(i))
	}
	post(noon, list...)
	post(noon.Add(time.Second), move(0).Reverse(ledger.Reversal{Key: "back", EffectiveDate: move(0).EffectiveDate}))
	snapshot, err := ledgerdb.Pin(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	post(noon.Add(2*time.Second), move(entries))
	return db, snapshot
}

// TestEveryFormIsWhole counts entries and sums cash in each form, at a snapshot
// that the last entry is not in.
func TestEveryFormIsWhole(t *testing.T) {
	t.Parallel()
	db, snapshot := books(t)
	write := func(name string) (text string, pages int) {
		form, ok := ledgerexport.Find(name)
		if !ok || form.ContentType == "" || form.Extension == "" {
			t.Fatalf("form %q: %+v", name, form)
		}
		var out bytes.Buffer
		count := func() error { pages++; return nil }
		err := form.Write(t.Context(), db, &out, ledgerdb.EntryFilter{Snapshot: snapshot}, count)
		if err != nil {
			t.Fatal(err)
		}
		return out.String(), pages
	}
	text, pages := write("csv")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != 1+2*entries || pages != 3 {
		t.Errorf("%d rows in %d pages of CSV: %v", len(rows), pages, err)
	}
	last := rows[len(rows)-1]
	if last[11] != "3000.INR" || last[13] != "CREDIT" || last[14] != "1.00" || last[8] != `say "hi"; once` {
		t.Errorf("last row %q", last)
	}
	text, _ = write("jsonl")
	var reversals, lines int
	for line := range strings.Lines(text) {
		var e ledgerexport.EntryBody
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		lines++
		if e.Reverses != nil {
			reversals++
			if *e.Reverses != ledger.EntryID("e/0") || e.Lines[0].Account != "1000.INR" || e.Lines[0].Side != ledger.Credit {
				t.Errorf("the reversal: %s", line)
			}
		}
		if e.ID == ledger.EntryID("e/0") && (e.ReversedBy == nil || *e.ReversedBy == uuid.Nil) {
			t.Errorf("the reversed entry does not say so: %s", line)
		}
	}
	if lines != entries || reversals != 1 {
		t.Errorf("%d entries, %d reversals in JSON lines", lines, reversals)
	}
	text, _ = write("hledger")
	got := strings.Count(text, "Assets:1000:1000:INR  1.00 INR")
	if got != entries-1 || !strings.HasPrefix(text, "decimal-mark .") {
		t.Errorf("%d debits of cash for hledger", got)
	}
	text, pages = write("beancount")
	got = strings.Count(text, "  Assets:1000:1000:INR  -1.00 INR")
	if got != 1 || pages != 4 ||
		!strings.Contains(text, "open Equity:3000:3000:INR INR") {
		t.Errorf("%d credits of cash in %d pages for Beancount", got, pages)
	}
	if _, ok := ledgerexport.Find("xls"); ok {
		t.Error("there is a form xls")
	}
}

type deaf struct{ after int }

var errDeaf = errors.New("nobody listens")

// Write implements io.Writer.
func (d *deaf) Write(data []byte) (int, error) {
	if d.after--; d.after < 0 {
		return 0, errDeaf
	}
	return len(data), nil
}

// TestAnExportEndsWithItsReader has the reader go away at each point.
func TestAnExportEndsWithItsReader(t *testing.T) {
	t.Parallel()
	db, snapshot := books(t)
	for _, form := range ledgerexport.Formats {
		for after := range 2 {
			err := form.Write(t.Context(), db, &deaf{after: after}, ledgerdb.EntryFilter{Snapshot: snapshot}, nil)
			if !errors.Is(err, errDeaf) {
				t.Errorf("%s after %d writes: %v", form.Name, after, err)
			}
		}
		var out bytes.Buffer
		err := form.Write(t.Context(), db, &out, ledgerdb.EntryFilter{}, func() error { return errDeaf })
		if !errors.Is(err, errDeaf) {
			t.Errorf("%s, told to stop: %v", form.Name, err)
		}
	}
}
