package failpoint

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestMain is the program that dies when a test runs it armed.
func TestMain(m *testing.M) {
	if os.Getenv(Env) != "" {
		for range 3 {
			Hit(Drained)
			Hit(Published)
			_, _ = os.Stdout.WriteString("x")
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestDiesAtTheNamedTime(t *testing.T) {
	t.Parallel()
	for nth, want := range map[int64]string{1: "", 3: "xx", 4: "xxx"} {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = []string{Env + "=" + Setting(Published, nth)}
		out, err := child.Output()
		if string(out) != want {
			t.Errorf("armed for %d: it wrote %q, want %q", nth, out, want)
		}
		status, ok := child.ProcessState.Sys().(syscall.WaitStatus)
		killed := ok && status.Signaled() && status.Signal() == syscall.SIGKILL
		if killed != (nth <= 3) {
			t.Errorf("armed for %d: it ended with %v", nth, err)
		}
	}
}

func TestUnarmedPointsDoNothing(t *testing.T) {
	t.Parallel()
	if armed != nil {
		t.Fatal("the tests run armed")
	}
	Hit(Committed)
	deaths := 0
	trap := arm(Setting(Marked, 2), func() { deaths++ })
	for _, point := range Points {
		trap.hit(point)
	}
	if deaths != 0 {
		t.Error("it died at its first time, or at another point")
	}
	trap.hit(Marked)
	trap.hit(Marked)
	if deaths != 1 {
		t.Errorf("it died %d times, want once", deaths)
	}
}

func TestMalformedSettings(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"stream.published", "stream.published@0", "stream.published@x", "nowhere@1"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q was taken", setting)
				}
			}()
			arm(setting, func() {})
		}()
	}
}
