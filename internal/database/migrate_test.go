package database_test

import (
	"testing"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
)

// TestMigrateFillsGaps is a database that was migrated before the lower range
// of its folder grew: the new table is made although later numbers have run.
func TestMigrateFillsGaps(t *testing.T) {
	t.Parallel()
	dsn := dbtest.Empty(t)
	if err := database.Migrate(t.Context(), dsn, "core"); err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(t.Context(), database.Config{DSN: dsn, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	const version = 13 // 0013_ledger_rejection.sql
	for _, statement := range []string{
		`drop table ledger_rejection`,
		`delete from schema_version_core where version_id = 13`,
	} {
		tag, err := db.Pool().Exec(t.Context(), statement)
		if err != nil {
			t.Fatal(err)
		}
		if tag.Delete() && tag.RowsAffected() != 1 {
			t.Fatalf("%d rows of version %d, want 1", tag.RowsAffected(), version)
		}
	}
	for range 2 { // the second run finds nothing to do
		if err := database.Migrate(t.Context(), dsn, "core"); err != nil {
			t.Fatal(err)
		}
	}
	var runs, rows int64
	err = db.Pool().QueryRow(t.Context(), `
		select (select count(*) from schema_version_core where version_id = $1), (select count(*) from ledger_rejection)`,
		version).Scan(&runs, &rows)
	if err != nil {
		t.Fatal(err)
	}
	if runs != 1 || rows != 0 {
		t.Errorf("version %d is noted %d times, the table has %d rows; want 1 and 0", version, runs, rows)
	}
}
