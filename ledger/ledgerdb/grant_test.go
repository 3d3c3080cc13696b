package ledgerdb_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/ledger/ledgerdb"
	"github.com/tenor-lending/tenor/ledger/ledgertest"
)

const (
	stateForbidden = "42501"
	columnOf       = `
		select column_name from information_schema.columns
		 where table_schema = 'public' and table_name = $1 order by ordinal_position limit 1`
)

// TestServicesCannotChangeTheJournal has the login of the services try to
// change, remove or empty every table of the journal, and to lift the bar.
func TestServicesCannotChangeTheJournal(t *testing.T) {
	t.Parallel()
	owner, service := dbtest.NewAsService(t, "core")
	b := openBooksOn(t, service)
	b.mustPost(noon, move("fund", day(1), b.cash, b.overpaid, "10.00"))
	b.mustPost(noon, move("fund", day(1), b.cash, b.overpaid, "10.00"), move("more", day(1), b.cash, b.overpaid, "1.00"))
	if _, err := ledgerdb.SealAll(t.Context(), service); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile("../../migrations/core/append_only.txt")
	if err != nil {
		t.Fatal(err)
	}
	tables := []string{"audit"}
	for line := range strings.Lines(string(list)) {
		if table := strings.TrimSpace(line); !strings.HasPrefix(table, "#") {
			tables = append(tables, table)
		}
	}
	if len(tables) < 9 {
		t.Fatalf("only %v are protected", tables)
	}
	for _, table := range tables {
		var column string
		if err := owner.Pool().QueryRow(t.Context(), columnOf, table).Scan(&column); err != nil {
			t.Fatalf("%s: %v", table, err)
		}
		for _, statement := range []string{
			"update " + table + " set " + column + " = " + column + " where true",
			"delete from " + table + " where true",
			"truncate table " + table,
			"drop table " + table,
			"alter table " + table + " drop column " + column,
		} {
			_, err := service.Pool().Exec(t.Context(), statement)
			if state := database.SQLState(err); state != stateForbidden {
				t.Errorf("%s: %v (state %s), want %s", statement, err, state, stateForbidden)
			}
		}
		_, err := service.Pool().Exec(t.Context(), "grant update, delete on table "+table+" to current_user")
		t.Logf("granting itself: %v", err) // PostgreSQL only warns that nothing was granted; see below
	}
	if v, err := ledgerdb.Verify(t.Context(), service, nil); err != nil || v.Entries != 2 {
		t.Errorf("verified as service: %+v, %v", v, err)
	}
	if may, err := ledgerdb.MayChangeJournal(t.Context(), service); err != nil || may {
		t.Errorf("the services may change the journal: %t, %v", may, err)
	}
	if may, err := ledgerdb.MayChangeJournal(t.Context(), owner); err != nil || !may {
		t.Errorf("the owner may change the journal: %t, %v", may, err)
	}
}

// TestScriptsAsService runs every accounting case with the rights of services.
func TestScriptsAsService(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("finding scripts: %v, %d files", err, len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, service := dbtest.NewAsService(t, "core")
			ledgertest.Run(t, string(script), store{ctx: t.Context(), db: service})
		})
	}
}
