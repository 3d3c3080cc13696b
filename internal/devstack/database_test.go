package devstack

import (
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// openDir makes a directory under /tmp and not through t.TempDir: where TMPDIR
// is closed to others, PostgreSQL could not run in it as root's stand-in. It is
// locked like an instance, so that a sweep removes it should the test be killed.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", instancePrefix+"test-")
	if err != nil {
		t.Fatal(err)
	}
	inst, err := takeDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	inst.ephemeral = true
	t.Cleanup(func() {
		err := inst.release()
		if err != nil {
			t.Errorf("removing %s: %v", dir, err)
		}
	})
	err = os.Chmod(dir, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func startDatabase(t *testing.T, opts DatabaseOptions) *Database {
	t.Helper()
	opts.Log = func(line string) { t.Log(line) }
	database, err := StartDatabase(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := database.Stop()
		if err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
	return database
}

func query[T any](t *testing.T, dsn, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var value T
	err = conn.QueryRow(t.Context(), sql).Scan(&value)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

func exec1(t *testing.T, dsn, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(t.Context(), sql)
	err = errors.Join(err, conn.Close(t.Context()))
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func TestGivenDSNWins(t *testing.T) {
	t.Parallel()
	database := startDatabase(t, DatabaseOptions{DSN: "postgres://there", Engine: "nonsense"})
	if diff := cmp.Diff("postgres://there", database.DSN); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownEngine(t *testing.T) {
	t.Parallel()
	_, err := StartDatabase(t.Context(), DatabaseOptions{Engine: "oracle"})
	if err == nil || !strings.Contains(err.Error(), "oracle") {
		t.Errorf("error %v, want one that names the engine", err)
	}
}

func TestEphemeralDatabase(t *testing.T) {
	t.Parallel()
	database := startDatabase(t, DatabaseOptions{})
	if !strings.HasPrefix(database.Source, "PostgreSQL") {
		t.Skipf("NOT RUN on %s: the settings below are PostgreSQL's", database.Source)
	}
	for setting, want := range map[string]string{
		"default_transaction_isolation": "serializable", "fsync": "off", "synchronous_commit": "off",
		"timezone": "UTC", "listen_addresses": "127.0.0.1", "max_connections": "400", "server_encoding": "UTF8",
	} {
		if diff := cmp.Diff(want, query[string](t, database.DSN, "show "+setting)); diff != "" {
			t.Errorf("%s: %s", setting, diff)
		}
	}
	collation := query[string](t, database.DSN, "select datcollate from pg_database where datname = 'postgres'")
	if diff := cmp.Diff("C", collation); diff != "" {
		t.Error(diff)
	}
	stranger, err := url.Parse(database.DSN)
	if err != nil {
		t.Fatal(err)
	}
	stranger.User = url.UserPassword(superuser, "guess")
	if ping(t.Context(), stranger.String()) == nil {
		t.Error("the server lets in everybody on this machine")
	}
	err = database.Stop()
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat(database.Dir)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there (%v)", database.Dir, err)
	}
	if ping(t.Context(), database.DSN) == nil {
		t.Error("the server still answers")
	}
	err = database.Stop()
	if err != nil {
		t.Errorf("a second stop: %v", err)
	}
}

func TestKeptDatabase(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(openDir(t), ".dev")
	database := startDatabase(t, DatabaseOptions{Dir: dir})
	exec1(t, database.DSN, "create table kept (id bigint primary key)")
	exec1(t, database.DSN, "insert into kept (id) values (42)")
	if strings.HasPrefix(database.Source, "PostgreSQL") {
		if diff := cmp.Diff("on", query[string](t, database.DSN, "show fsync")); diff != "" {
			t.Error(diff)
		}
	}
	_, err := StartDatabase(t.Context(), DatabaseOptions{Dir: dir})
	if !errors.Is(err, ErrInUse) {
		t.Errorf("a second server on the same directory: %v, want ErrInUse", err)
	}
	err = Clean(dir)
	if !errors.Is(err, ErrInUse) {
		t.Errorf("cleaning under a running server: %v, want ErrInUse", err)
	}
	err = database.Stop()
	if err != nil {
		t.Fatal(err)
	}
	again := startDatabase(t, DatabaseOptions{Dir: dir})
	if diff := cmp.Diff(int64(42), query[int64](t, again.DSN, "select id from kept")); diff != "" {
		t.Error(diff)
	}
	err = errors.Join(again.Stop(), Clean(dir))
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat(dir)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there (%v)", dir, err)
	}
	err = Clean(dir)
	if err != nil {
		t.Errorf("cleaning nothing: %v", err)
	}
}

// TestKeptWhereTheServerCannotGo keeps data for a project in a directory that
// is closed to others, as a home directory often is.
func TestKeptWhereTheServerCannotGo(t *testing.T) {
	t.Parallel()
	home := openDir(t)
	err := os.Chmod(home, 0o700)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(home, "project", ".dev")
	database := startDatabase(t, DatabaseOptions{Dir: dir})
	exec1(t, database.DSN, "create table kept (id bigint primary key)")
	inside := strings.HasPrefix(database.Dir, dir)
	if root := os.Geteuid() == 0 && strings.HasPrefix(database.Source, "PostgreSQL"); inside == root {
		t.Errorf("data in %s, run by root: %v", database.Dir, root)
	}
	err = database.Stop()
	if err != nil {
		t.Fatal(err)
	}
	again := startDatabase(t, DatabaseOptions{Dir: dir})
	exec1(t, again.DSN, "insert into kept (id) values (1)")
	err = errors.Join(again.Stop(), Clean(dir))
	if err != nil {
		t.Fatal(err)
	}
	_, err = os.Stat(again.Dir)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there (%v)", again.Dir, err)
	}
}

// TestInterruptedInitialisation finds what a run that was killed while it made
// the data directory leaves.
func TestInterruptedInitialisation(t *testing.T) {
	t.Parallel()
	dir := openDir(t)
	for _, half := range []string{"postgres/data.new/base", "postgres/data"} {
		err := os.MkdirAll(filepath.Join(dir, half), 0o755)
		if err != nil {
			t.Fatal(err)
		}
	}
	database := startDatabase(t, DatabaseOptions{Dir: dir, Engine: availablePostgres(t)})
	exec1(t, database.DSN, "select 1")
}

// availablePostgres is PostgreSQL by whichever way this machine has.
func availablePostgres(t *testing.T) string {
	t.Helper()
	if len(installedPostgres(t.Context())) > 0 {
		return EnginePostgres
	}
	return EngineEmbedded
}

func TestEmbeddedDatabase(t *testing.T) {
	t.Parallel()
	database := startDatabase(t, DatabaseOptions{Engine: EngineEmbedded})
	version := query[string](t, database.DSN, "show server_version")
	if !strings.HasPrefix(version, "17.") {
		t.Errorf("version %s, want the %d that embeddedMajor says", version, embeddedMajor)
	}
	if !strings.HasPrefix(string(embeddedVersion), "17.") {
		t.Errorf("embeddedVersion %s and embeddedMajor %d differ", embeddedVersion, embeddedMajor)
	}
}

func TestDataOfAnotherVersion(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte("16\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	found := []postgresBinaries{{dir: "/new", major: 18}, {dir: "/old", major: 16}}
	got, err := fitting(data, found)
	if err != nil || got.major != 16 {
		t.Errorf("picked %v (%v), want 16", got, err)
	}
	_, err = fitting(data, found[:1])
	if err == nil || !strings.Contains(err.Error(), "make clean") {
		t.Errorf("error %v, want one that tells what to do", err)
	}
	got, err = fitting(t.TempDir(), found)
	if err != nil || got.major != 18 {
		t.Errorf("picked %v (%v), want the newest", got, err)
	}
}

func TestFindPostgres(t *testing.T) {
	t.Parallel()
	base := openDir(t)
	fake := func(name, version string, tools ...string) string {
		dir := filepath.Join(base, name)
		err := os.MkdirAll(dir, 0o755)
		if err != nil {
			t.Fatal(err)
		}
		for _, tool := range tools {
			script := "#!/bin/sh\necho '" + tool + " (PostgreSQL) " + version + "'\n"
			err = os.WriteFile(filepath.Join(dir, tool), []byte(script), 0o755)
			if err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	linked := filepath.Join(base, "linked")
	newest := fake("newest", "18.1", "postgres", "initdb")
	link := filepath.Join(linked, "postgres")
	err := errors.Join(os.Mkdir(linked, 0o755), os.Symlink(filepath.Join(newest, "postgres"), link))
	if err != nil {
		t.Fatal(err)
	}
	fifteen := fake("fifteen", "15.18 (Debian 15.18-0)", "postgres", "initdb")
	dirs := []string{
		fake("too-old", "14.9", "postgres", "initdb"), fake("half", "17.0", "postgres"),
		fake("broken", "", "postgres", "initdb"), filepath.Join(base, "absent"), fifteen, linked, newest,
	}
	want := []postgresBinaries{{dir: newest, major: 18}, {dir: fifteen, major: 15}}
	got := usablePostgres(t.Context(), dirs)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(postgresBinaries{})); diff != "" {
		t.Error(diff)
	}
}

// TestSweep leaves what killed runs leave, with a server still running in one,
// and what a sweep must not touch.
func TestSweep(t *testing.T) {
	t.Parallel()
	base := openDir(t)
	owned, err := newInstance(t.Context(), account{}, []string{base})
	if err != nil {
		t.Fatal(err)
	}
	made := func(name string, age time.Duration) string {
		dir := filepath.Join(base, name)
		err := os.MkdirAll(filepath.Join(dir, "data"), 0o755)
		if err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		err = os.Chtimes(dir, then, then)
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	young, foreign := made(instancePrefix+"young", 0), made("somebody-elses", time.Hour)
	stale := made(instancePrefix+"stale", time.Hour)
	left := exec.Command("sh", "-c", "sleep 60 & wait", "-D", filepath.Join(stale, "data"), "x")
	err = left.Start()
	if err != nil {
		t.Fatal(err)
	}
	pid := []byte(strconv.Itoa(left.Process.Pid) + "\n")
	err = os.WriteFile(filepath.Join(stale, "data", "postmaster.pid"), pid, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- left.Wait() }()
	sweep(base)
	select {
	case err = <-ended:
		if err == nil {
			t.Error("the stale server ended by itself")
		}
	case <-time.After(staleStopWait):
		t.Errorf("the stale server still runs: %v", left.Process.Signal(syscall.SIGKILL))
	}
	_, err = os.Stat(stale)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the stale directory is still there (%v)", err)
	}
	for _, kept := range []string{owned.dir, young, foreign} {
		_, err = os.Stat(kept)
		if err != nil {
			t.Errorf("swept what is not stale: %v", err)
		}
	}
	err = owned.release()
	if err != nil {
		t.Error(err)
	}
}

// TestSweepSparesAReusedProcessID has a pid file that names a process which is
// no server of ours.
func TestSweepSparesAReusedProcessID(t *testing.T) {
	t.Parallel()
	data := openDir(t)
	stranger := exec.Command("sleep", "60")
	err := stranger.Start()
	if err != nil {
		t.Fatal(err)
	}
	err = os.WriteFile(filepath.Join(data, "postmaster.pid"), []byte(strconv.Itoa(stranger.Process.Pid)+"\n"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	err = stopStale(data)
	if err != nil {
		t.Error(err)
	}
	err = stranger.Process.Signal(syscall.Signal(0))
	if err != nil {
		t.Errorf("the stranger was ended: %v", err)
	}
	err = stranger.Process.Kill()
	if err != nil {
		t.Fatal(err)
	}
	_ = stranger.Wait()
}
