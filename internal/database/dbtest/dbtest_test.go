package dbtest_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/database/dbtest"
	"github.com/tenor-lending/tenor/internal/devstack"
)

func tables(t *testing.T, dsn string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(t.Context(),
		"select table_name from information_schema.tables where table_schema = 'public' order by table_name")
	if err != nil {
		t.Fatal(err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestNewIsMigratedAndSerializable(t *testing.T) {
	t.Parallel()
	db := dbtest.New(t, "shared")
	var isolation, collation string
	err := db.Pool().QueryRow(t.Context(), "show default_transaction_isolation").Scan(&isolation)
	if err != nil {
		t.Fatal(err)
	}
	if isolation != "serializable" {
		t.Errorf("isolation %q, want serializable", isolation)
	}
	if db.Engine() == database.PostgreSQL {
		err = db.Pool().QueryRow(t.Context(),
			"select datcollate from pg_database where datname = current_database()").Scan(&collation)
		if err != nil || collation != "C" {
			t.Errorf("collation %q (%v), want C", collation, err)
		}
	}
	var versions int64
	err = db.Pool().QueryRow(t.Context(), "select count(version_id) from schema_version_shared").Scan(&versions)
	if err != nil || versions == 0 {
		t.Errorf("%d migrations recorded (%v), want some", versions, err)
	}
}

func TestDatabasesAreIsolatedAndDropped(t *testing.T) {
	t.Parallel()
	var first, second string
	t.Run("made", func(t *testing.T) {
		first, second = dbtest.DSN(t, "shared"), dbtest.DSN(t, "shared")
		if first == second {
			t.Fatal("two tests share a database")
		}
		conn, err := pgx.Connect(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		_, err = conn.Exec(t.Context(), "create table only_here (id bigint primary key)")
		if err != nil {
			t.Fatal(err)
		}
		// The connection stays open: the drop must not wait for it.
		without := tables(t, second)
		with := append(strings.Fields("only_here"), without...)
		if len(tables(t, first)) != len(with) {
			t.Errorf("tables %v, want one more than %v", tables(t, first), without)
		}
	})
	_, err := pgx.Connect(t.Context(), first)
	if err == nil {
		t.Error("the test database outlives its test")
	}
}

func TestEmptyHasNoTable(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(0, len(tables(t, dbtest.Empty(t)))); diff != "" {
		t.Error(diff)
	}
}

// TestProcessWithoutServer runs this test program again without a server's
// address: it must start its own, and leave nothing behind, killed or not.
func TestProcessWithoutServer(t *testing.T) {
	t.Parallel()
	for _, kill := range []bool{false, true} {
		name := map[bool]string{false: "ends", true: "is killed"}[kill]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tmp, err := os.MkdirTemp("/tmp", "tenor-dbtest-")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(tmp) })
			err = os.Chmod(tmp, 0o777) // the database's user must get in when we are root
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestChild$", "-test.v")
			cmd.Env = append(os.Environ(), devstack.DatabaseEnv+"=", childEnv+"="+name, "TMPDIR="+tmp)
			out, err := cmd.CombinedOutput()
			if kill == (err == nil) {
				t.Fatalf("child: %v\n%s", err, out)
			}
			if !strings.Contains(string(out), "child has a database in "+tmp) {
				t.Fatalf("the child did not use a database of its own:\n%s", out)
			}
			deadline := time.Now().Add(5 * time.Minute)
			for {
				left, err := filepath.Glob(filepath.Join(tmp, "tenor-dev-*"))
				if err != nil {
					t.Fatal(err)
				}
				if len(left) == 0 {
					return
				}
				if time.Now().After(deadline) {
					t.Fatalf("left behind: %v", left)
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
}

const childEnv = "TENOR_DBTEST_CHILD"

// TestChild is the test that TestProcessWithoutServer runs.
func TestChild(t *testing.T) { //nolint:paralleltest // it is alone in its process
	mode := os.Getenv(childEnv)
	if mode == "" {
		return // only the parent above gives it work
	}
	db := dbtest.New(t, "shared")
	err := db.Ping(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), "tenor-dev-*"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("server directories %v (%v), want one", dirs, err)
	}
	t.Logf("child has a database in %s", dirs[0])
	if mode == "is killed" {
		self, err := os.FindProcess(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		err = self.Kill()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
	}
}
