package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakes puts programs of the test first, and alone, on the PATH. apt-get notes
// how it was called and "downloads" an archive; dpkg -x unpacks a command.
func fakes(t *testing.T, programs map[string]string) (log string) {
	t.Helper()
	bin := t.TempDir()
	log = filepath.Join(t.TempDir(), "log")
	for name, script := range programs {
		text := "#!/bin/sh\nPATH=/usr/bin:/bin\n" + strings.ReplaceAll(script, "LOG", log) + "\n"
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	return log
}

const (
	aptGet = `echo "apt-get $*" >> LOG
for a in "$@"; do case "$a" in Dir::Cache=*) cache=${a#Dir::Cache=};; esac; done
case "$*" in *--download-only*) touch "$cache/archives/oracle_1_all.deb";; esac`
	dpkg = `echo "dpkg $*" >> LOG
mkdir -p "$3/usr/bin"; printf '#!/bin/sh\necho oracle 1.0\n' > "$3/usr/bin/oracle"; chmod +x "$3/usr/bin/oracle"`
)

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

func TestWhatIsThereIsLeftAlone(t *testing.T) { //nolint:paralleltest // sets the PATH
	log := fakes(t, map[string]string{"oracle": "exit 0", "apt-get": aptGet, "dpkg": dpkg})
	if lines := (bringer{dir: t.TempDir()}).bring(t.Context(), []want{{"oracle", "oracle"}}); len(lines) != 0 {
		t.Errorf("said %q", lines)
	}
	if got := read(t, log); got != "" {
		t.Errorf("started %s", got)
	}
}

func TestAnOrdinaryUserGetsToolsBelowTheDirectory(t *testing.T) { //nolint:paralleltest // sets the PATH
	log := fakes(t, map[string]string{"apt-get": aptGet, "dpkg": dpkg})
	b := bringer{dir: filepath.Join(t.TempDir(), "tools")}
	lines := b.bring(t.Context(), []want{{"oracle", "oracle-pkg"}, {"sibyl", "oracle-pkg"}})
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "NOT RUN: the tests that ask sibyl;") {
		t.Errorf("said %q, want that sibyl is missing", lines)
	}
	if !b.has(t.Context(), "oracle") {
		t.Error("the starter does not start")
	}
	if got := read(t, log); strings.Count(got, "oracle-pkg") != 1 || !strings.Contains(got, "update") ||
		!strings.Contains(got, "--download-only") || !strings.Contains(got, "Dir::State="+b.dir) {
		t.Errorf("started:\n%s", got)
	}
	before := read(t, log)
	if lines := b.bring(t.Context(), []want{{"oracle", "oracle-pkg"}}); len(lines) != 0 || read(t, log) != before {
		t.Errorf("asked again it said %q and started more than nothing", lines)
	}
}

func TestRootInstalls(t *testing.T) { //nolint:paralleltest // sets the PATH
	log := fakes(t, map[string]string{"apt-get": aptGet, "dpkg": dpkg})
	lines := (bringer{dir: t.TempDir(), root: true}).bring(t.Context(), []want{{"oracle", "oracle-pkg"}})
	if len(lines) != 1 { // the fake installs nothing
		t.Errorf("said %q", lines)
	}
	if got := read(t, log); !strings.Contains(got, "install -y --no-install-recommends oracle-pkg") ||
		strings.Contains(got, "download-only") || strings.Contains(got, "dpkg") {
		t.Errorf("started:\n%s", got)
	}
}

func TestWhatCannotBeHadIsSaid(t *testing.T) { //nolint:paralleltest // sets the PATH
	fakes(t, map[string]string{"apt-get": `echo "no network here"; exit 100`, "dpkg": dpkg})
	lines := (bringer{dir: t.TempDir()}).bring(t.Context(), []want{{"oracle", "oracle"}})
	if len(lines) != 1 || !strings.Contains(lines[0], "no network here") {
		t.Errorf("said %q", lines)
	}
	fakes(t, nil)
	lines = (bringer{dir: t.TempDir()}).bring(t.Context(), []want{{"oracle", "oracle"}})
	if len(lines) != 1 || !strings.Contains(lines[0], "this machine has no apt-get") {
		t.Errorf("said %q", lines)
	}
}

func TestAnOrdinaryUserIsToldWhatWentWrong(t *testing.T) { //nolint:paralleltest // sets the PATH
	for name, c := range map[string]struct{ apt, dpkg, want string }{
		"nothing to unpack":   {"exit 0", dpkg, "nothing was downloaded"},
		"a broken archive":    {aptGet, `echo "not a Debian archive"; exit 2`, "not a Debian archive"},
		"more than is of use": {`i=0; while [ $i -lt 900 ]; do echo "line $i"; i=$((i+1)); done; exit 1`, dpkg, "line 899"},
	} {
		fakes(t, map[string]string{"apt-get": c.apt, "dpkg": c.dpkg})
		lines := (bringer{dir: t.TempDir()}).bring(t.Context(), []want{{"oracle", "oracle"}})
		if len(lines) != 1 || !strings.Contains(lines[0], c.want) || len(lines[0]) > 2*logTailBytes {
			t.Errorf("%s: said %q", name, lines)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fakes(t, map[string]string{"apt-get": aptGet, "dpkg": dpkg})
	lines := (bringer{dir: filepath.Join(file, "tools")}).bring(t.Context(), []want{{"oracle", "oracle"}})
	if len(lines) != 1 || !strings.Contains(lines[0], "not a directory") {
		t.Errorf("a directory that cannot be made: said %q", lines)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	if got, err := parse([]string{"a=b"}); err != nil || len(got) != 1 || got[0] != (want{"a", "b"}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"a", "=b", "a=", "../a=b"} {
		if _, err := parse([]string{bad}); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
