package dbtest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/tenor-lending/tenor/internal/database"
)

// What a child process is told by its parent.
const (
	childDSN   = "TENOR_TEST_CHILD_DSN"
	childPoint = "TENOR_TEST_CHILD_POINT"
	childAfter = "TENOR_TEST_CHILD_AFTER"
)

// IsChild reports whether this process is a child that KillChild started: a
// TestMain then does what the child is for, and runs no tests.
func IsChild() bool { return os.Getenv(childDSN) != "" }

// OpenChild opens the database on which the child dies.
func OpenChild(ctx context.Context, conns int32) (*database.DB, error) {
	point, err := strconv.ParseInt(os.Getenv(childPoint), 10, 64)
	if err != nil {
		return nil, err
	}
	return database.Open(ctx, database.Config{
		DSN: os.Getenv(childDSN), MaxConns: conns, ApplicationName: "child",
		Tracer: KillAt(point, os.Getenv(childAfter) != ""),
	})
}

// KillChild starts this test program as a child, which works on the database
// until it dies (SIGKILL) at its nth message to it, before it is sent or after
// its answer has come. It returns what the child wrote to stdout. env are more
// variables of the child's environment, as NAME=value. The test fails if the
// child ends otherwise.
func KillChild(t testing.TB, dsn string, nth int, after bool, env ...string) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(context.Background(), program)
	child.Env = append(append(os.Environ(), env...), childDSN+"="+dsn, childPoint+"="+strconv.Itoa(nth))
	if after {
		child.Env = append(child.Env, childAfter+"=yes")
	}
	var out bytes.Buffer
	child.Stdout, child.Stderr = &out, os.Stderr
	var exit *exec.ExitError
	if err := child.Run(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the child was not killed: %v", err)
	}
	return out.String()
}
