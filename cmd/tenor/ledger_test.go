package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/civil"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
)

// postSample books one entry and seals it.
func postSample(t *testing.T, db *database.DB) ledger.JournalEntry {
	t.Helper()
	inr := money.MustCurrency("INR")
	line := func(role ledger.Role, side ledger.Side) ledger.Line {
		return ledger.Line{AccountID: ledger.ControlAccount(role, inr).ID(), Side: side, Amount: money.New(12345, inr)}
	}
	e := ledger.JournalEntry{
		Key: "sample", Kind: "CAPITAL", EffectiveDate: civil.Date{Year: 2026, Month: time.March, Day: 1},
		Lines: []ledger.Line{line(ledger.FundSource, ledger.Debit), line(ledger.Capital, ledger.Credit)},
	}
	must(t, database.InTx(t.Context(), db, func(tx database.Tx) error {
		now := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
		if err := ledgerdb.OpenChart(t.Context(), tx, now, inr); err != nil {
			return err
		}
		_, err := ledgerdb.Post(t.Context(), tx, now, e)
		return err
	}))
	_, err := ledgerdb.SealAll(t.Context(), db)
	must(t, err)
	return e
}

// TestLedgerCommand verifies and exports the books, changes one amount behind
// the ledger's back, and expects to be told where.
func TestLedgerCommand(t *testing.T) {
	t.Parallel()
	dsn := dbtest.DSN(t, "core")
	db, err := database.Open(t.Context(), database.Config{DSN: dsn, MaxConns: 2})
	must(t, err)
	t.Cleanup(db.Close)
	at := "--database-urls=core=" + dsn
	code, out, errs := run(t, "ledger", "export", "csv", at)
	if code != exitFailed || !strings.Contains(errs, "nothing is sealed") {
		t.Errorf("exporting nothing: exit %d, %s%s", code, out, errs)
	}
	e := postSample(t, db)
	code, out, errs = run(t, "ledger", "verify", at)
	if code != 0 || !strings.Contains(out, "intact: 1 batches, 1 entries, 2 lines, ") ||
		strings.Contains(out, " 0 records") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	_, head, _ := strings.Cut(out, "head: ")
	if code, out, _ := run(t, append(append([]string{"ledger", "verify"}, strings.Fields(head)...), at)...); code != 0 {
		t.Errorf("against its own head: exit %d: %s", code, out)
	}
	for format, want := range map[string]string{
		"csv": ",1000.INR,1000,DEBIT,123.45,INR,", "jsonl": `"key":"sample"`, "hledger": "Assets:1000:1000:INR  123.45 INR",
		"beancount": "Equity:3000:3000:INR  -123.45 INR",
	} {
		if code, out, errs := run(t, "ledger", "export", format, at); code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: exit %d, %s%s", format, code, out, errs)
		}
	}
	if _, out, _ := run(t, "ledger", "export", "jsonl", "2026-03-02", at); out != "" {
		t.Errorf("exported from the day after: %s", out)
	}
	_, err = db.Pool().Exec(context.Background(), `update ledger_line set debit = 12346 where debit = 12345`)
	must(t, err)
	code, out, errs = run(t, "ledger", "verify", at)
	if code != exitFailed || !strings.Contains(out, "NOT INTACT: batch 1") || !strings.Contains(out, e.ID().String()) ||
		!strings.Contains(errs, "not as it was posted") {
		t.Errorf("after a change: exit %d: %s%s", code, out, errs)
	}
}

func TestLedgerCommandUsage(t *testing.T) {
	t.Parallel()
	for _, words := range []string{
		"", "audit", "export", "export xls", "export csv yesterday", "export csv 2026-01-01 2026-01-31 2026-02-01",
		"verify 1", "verify x 00", "verify 1 xyz", "verify --no-such-flag",
	} {
		if code, _, errs := run(t, append([]string{"ledger"}, strings.Fields(words)...)...); code != exitUsage ||
			!strings.Contains(errs, "usage: tenor ledger") {
			t.Errorf("%q: exit %d: %s", words, code, errs)
		}
	}
}
