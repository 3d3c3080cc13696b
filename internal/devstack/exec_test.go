package devstack

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func run(ctx context.Context, t *testing.T, opts ExecOptions, command ...string) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	opts.Stderr = &out
	code = Exec(ctx, opts, command)
	return code, out.String()
}

func TestExecReturnsTheCommandsCode(t *testing.T) {
	t.Parallel()
	given := ExecOptions{Database: DatabaseOptions{DSN: "postgres://there"}}
	for want, script := range map[int]string{
		0: `test "$` + DatabaseEnv + `" = postgres://there`,
		7: "exit 7",
	} {
		code, said := run(t.Context(), t, given, "sh", "-c", script)
		if code != want {
			t.Errorf("%s: exit code %d, want %d: %s", script, code, want, said)
		}
	}
	for _, command := range [][]string{nil, {"/no/such/program"}} {
		code, said := run(t.Context(), t, given, command...)
		if code != ExitFailed || said == "" {
			t.Errorf("%v: exit code %d, said %q", command, code, said)
		}
	}
}

// TestExecEndsWhatTheCommandLeaves has a command that leaves a child behind.
func TestExecEndsWhatTheCommandLeaves(t *testing.T) {
	t.Parallel()
	pidFile := filepath.Join(t.TempDir(), "pid")
	code, said := run(t.Context(), t, ExecOptions{NoDatabase: true}, "sh", "-c", "sleep 60 & echo $! > "+pidFile)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, said)
	}
	waitGone(t, pidFile)
}

func TestExecStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	code, _ := run(ctx, t, ExecOptions{NoDatabase: true}, "sleep", "60")
	if code == 0 || time.Since(begin) > childStopWait {
		t.Errorf("exit code %d after %s, want a failure at once", code, time.Since(begin))
	}
}

// childEnv makes this test program stand for a program that uses the package;
// its value is the role, and for some roles a directory after a colon.
const childEnv = "TENOR_DEVSTACK_CHILD"

func TestMain(m *testing.M) {
	role, dir, _ := strings.Cut(os.Getenv(childEnv), ":")
	_ = os.Unsetenv(childEnv)
	switch role {
	case "exec":
		opts := ExecOptions{Database: DatabaseOptions{Dir: dir}, Stderr: os.Stderr}
		os.Exit(Exec(context.Background(), opts, os.Args[1:]))
	case "broker":
		os.Exit(produceUntilKilled(dir))
	}
	os.Exit(m.Run())
}

// TestKilledExec kills a whole devexec while its command runs: the command and
// the server end with it, and the next start removes the directory.
func TestKilledExec(t *testing.T) {
	t.Parallel()
	tmp := openDir(t)
	pidFile := filepath.Join(tmp, "pid")
	env := append(os.Environ(), "TMPDIR="+tmp, DatabaseEnv+"=", childEnv+"=exec")
	cmd := exec.Command(os.Args[0], "sh", "-c", "echo $$ > "+pidFile+"; sleep 60")
	cmd.Env = env
	err := cmd.Start()
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, pidFile)
	dirs, err := filepath.Glob(filepath.Join(tmp, instancePrefix+"*"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("server directories %v (%v), want one", dirs, err)
	}
	err = cmd.Process.Signal(syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	next := exec.Command(os.Args[0], "true")
	next.Env = env
	out, err := next.CombinedOutput()
	if err != nil {
		t.Fatalf("the next start: %v: %s", err, out)
	}
	if exists(dirs[0]) {
		t.Errorf("%s is still there", dirs[0])
	}
	waitGone(t, pidFile)
}

// TestKilledExecKeepsData kills a devexec with kept data: what was committed is
// there when the next one starts, without anybody repairing anything.
func TestKilledExecKeepsData(t *testing.T) {
	t.Parallel()
	tmp := openDir(t)
	dir, dsnFile := filepath.Join(tmp, ".dev"), filepath.Join(tmp, "dsn")
	cmd := exec.Command(os.Args[0], "sh", "-c",
		"echo $"+DatabaseEnv+" > "+dsnFile+".new; mv "+dsnFile+".new "+dsnFile+"; sleep 60")
	cmd.Env = append(os.Environ(), DatabaseEnv+"=", childEnv+"=exec:"+dir)
	err := cmd.Start()
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, dsnFile)
	dsn, err := os.ReadFile(dsnFile)
	if err != nil {
		t.Fatal(err)
	}
	exec1(t, strings.TrimSpace(string(dsn)), "create table kept (id bigint primary key)")
	err = cmd.Process.Signal(syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	again := startDatabase(t, DatabaseOptions{Dir: dir})
	exec1(t, again.DSN, "insert into kept (id) values (1)")
}

// waitFor waits until the file is there.
func waitFor(t *testing.T, path string) {
	t.Helper()
	deadline := time.Now().Add(databaseReadyWait)
	for !exists(path) {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not appear", path)
		}
		time.Sleep(readyPoll)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// waitGone waits until the process whose id is in the file has ended.
func waitGone(t *testing.T, pidFile string) {
	t.Helper()
	content, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(5 * time.Minute)
	for {
		line, err := commandLine(pid)
		if err != nil || line == "" { // gone, or waiting for its reaper
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d still runs: %s", pid, line)
		}
		time.Sleep(readyPoll)
	}
}
