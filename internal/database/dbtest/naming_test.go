package dbtest

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tenor-lending/tenor/migrations"
)

func TestNameTellsItsAge(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	name := databaseName(made)
	if !bornBefore(name, made.Add(time.Second)) {
		t.Errorf("%s is not older than a second later", name)
	}
	others := []string{name, "tenor_template_core_0011", "postgres", "tenor_t_", "tenor_t_!_x", "tenor_t_abc"}
	for _, other := range others {
		if bornBefore(other, made) {
			t.Errorf("%s would be dropped", other)
		}
	}
}

func TestWithDatabase(t *testing.T) {
	t.Parallel()
	got, err := withDatabase("postgres://u:p@h:1/old?sslmode=disable", "new")
	if want := "postgres://u:p@h:1/new?sslmode=disable"; err != nil || got != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
	for _, bad := range []string{"host=h password=secret", "mysql://h/x", "postgres://u:secret@h:bad/x"} {
		_, err := withDatabase(bad, "new")
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error %v, want one without the password", bad, err)
		}
	}
}

func TestSchemaSum(t *testing.T) {
	t.Parallel()
	folders, err := fs.ReadDir(migrations.FS, ".")
	if err != nil {
		t.Fatal(err)
	}
	owner := map[string]string{}
	for _, folder := range folders {
		sum, err := schemaSum(folder.Name())
		if err != nil {
			t.Fatal(err)
		}
		if other, taken := owner[sum]; taken {
			t.Errorf("%s and %s have the same sum %s", folder.Name(), other, sum)
		}
		owner[sum] = folder.Name()
	}
	_, err = schemaSum("nosuch")
	if err == nil {
		t.Error("a database without migrations has a sum")
	}
}

func TestRecorderWritesEachStatementOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rec, err := newRecorder(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"select 1", "select\n2", "select 1"} {
		rec.record(sql)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v (%v), want one", files, err)
	}
	content, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range strings.Split(strings.TrimSpace(string(content)), "\n") {
		var sql string
		err := json.Unmarshal([]byte(line), &sql)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, sql)
	}
	if len(got) != 2 || got[0] != "select 1" || got[1] != "select\n2" {
		t.Errorf("recorded %q", got)
	}
}
