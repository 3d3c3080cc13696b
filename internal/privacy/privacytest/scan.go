// Package privacytest helps tests to prove that personal data is nowhere in a
// database in readable form.
//
// It is for tests only and knows no table.
package privacytest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
)

// column is one column that can hold text.
type column struct{ Table, Name, Type string }

// WantAbsent looks through every column of every table that can hold text and
// fails the test for each canary that it finds, as it is, in hex or in base64.
// It fails as well when the database holds no text at all: then nothing was
// looked at.
func WantAbsent(t testing.TB, db *database.DB, canaries ...string) {
	t.Helper()
	values := 0
	for _, c := range columns(t, db) {
		for _, value := range readColumn(t, db, c) {
			values++
			for _, canary := range canaries {
				if form := find(value, canary); form != "" {
					t.Errorf("column %s.%s holds %q %s", c.Table, c.Name, canary, form)
				}
			}
		}
	}
	if values == 0 {
		t.Error("the database holds no text: nothing was proved")
	}
}

func columns(t testing.TB, db *database.DB) []column {
	t.Helper()
	rows, err := db.Pool().Query(context.Background(), `
		select table_name, column_name, data_type from information_schema.columns
		 where table_schema = 'public' and data_type in ('text', 'character varying', 'jsonb', 'json', 'bytea')
		 order by table_name, column_name`)
	if err != nil {
		t.Fatalf("listing columns: %v", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil {
		t.Fatalf("listing columns: %v", err)
	}
	return list
}

func readColumn(t testing.TB, db *database.DB, c column) [][]byte {
	t.Helper()
	name := pgx.Identifier{c.Name}.Sanitize()
	if c.Type != "bytea" {
		name += "::text"
	}
	sql := fmt.Sprintf("select %s from %s where %s is not null",
		name, pgx.Identifier{c.Table}.Sanitize(), pgx.Identifier{c.Name}.Sanitize())
	rows, err := db.Pool().Query(context.Background(), sql)
	if err != nil {
		t.Fatalf("reading %s.%s: %v", c.Table, c.Name, err)
	}
	values, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) ([]byte, error) {
		if c.Type == "bytea" {
			var value []byte
			err := row.Scan(&value)
			return value, err
		}
		var value string
		err := row.Scan(&value)
		return []byte(value), err
	})
	if err != nil {
		t.Fatalf("reading %s.%s: %v", c.Table, c.Name, err)
	}
	return values
}

// find tells in which form value holds the canary, "" for none.
func find(value []byte, canary string) string {
	lower, plain := bytes.ToLower(value), []byte(canary)
	switch {
	case bytes.Contains(lower, bytes.ToLower(plain)):
		return "as it is"
	case bytes.Contains(lower, []byte(hex.EncodeToString(plain))):
		return "in hex"
	case containsBase64(value, plain):
		return "in base64"
	}
	return ""
}

// containsBase64 looks for plain at each of the three alignments that it can
// have inside longer encoded text; the characters at either end depend on the
// neighbours and are left out.
func containsBase64(value, plain []byte) bool {
	for shift := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), plain...))
		first, last := (shift*8+5)/6, (shift+len(plain))*8/6
		if core := encoded[first:last]; len(core) > 4 && bytes.Contains(value, []byte(core)) {
			return true
		}
	}
	return false
}
