package devstack

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCockroachLifecycle drives the start and stop of CockroachDB with a
// stand-in program that reports the URL of a PostgreSQL and waits to be ended.
// It shows how the process is handled; it says nothing about CockroachDB.
func TestCockroachLifecycle(t *testing.T) {
	real := startDatabase(t, DatabaseOptions{Engine: availablePostgres(t)})
	bin := openDir(t)
	record := filepath.Join(bin, "arguments")
	script := "#!/bin/sh\nfor a in \"$@\"; do echo \"$a\" >> " + record + `
case "$a" in --listening-url-file=*) file=${a#--listening-url-file=};; esac
done
echo "` + real.DSN + `" > "$file"
trap 'echo ended >> ` + record + `; exit 0' TERM
while :; do sleep 0.05; done
`
	err := os.WriteFile(filepath.Join(bin, "cockroach"), []byte(script), 0o755)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	database := startDatabase(t, DatabaseOptions{Engine: EngineAuto})
	if !strings.HasPrefix(database.Source, "CockroachDB") || database.DSN != real.DSN {
		t.Errorf("got %s at %s, want the cockroach binary first", database.Source, database.DSN)
	}
	err = database.Stop()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(content))
	for _, want := range []string{"start-single-node", "--insecure", "--listen-addr=127.0.0.1:0", "ended"} {
		if !slices.Contains(lines, want) {
			t.Errorf("%q is missing in %q", want, lines)
		}
	}
	_, err = os.Stat(database.Dir)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there (%v)", database.Dir, err)
	}
}

func TestCockroachKeepsItsStore(t *testing.T) {
	t.Parallel()
	kept := &instance{dir: "/somewhere"}
	args := cockroachArgs(26257, kept, "/somewhere/url")
	for _, want := range []string{"--store=path=/somewhere/store", "--listen-addr=127.0.0.1:26257"} {
		if !slices.Contains(args, want) {
			t.Errorf("%q is missing in %q", want, args)
		}
	}
}
