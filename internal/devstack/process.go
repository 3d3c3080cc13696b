package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// killWait is how long a process has to vanish after SIGKILL.
const killWait = 30 * time.Second

// errExited reports that a server ended by itself while it was waited for.
var errExited = errors.New("process ended early")

// process is a server that this package started and will stop.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has been reaped
	err  error         // what Wait said; read only after done is closed
}

// processSpec says what to run, where, and as whom.
type processSpec struct {
	name    string
	path    string
	args    []string
	dir     string
	env     []string
	output  *os.File // standard output and error; nil inherits all three streams
	account account
	death   syscall.Signal // sent by the kernel when this process dies (Linux)
}

// startProcess runs the program in its own process group, so that Ctrl-C in a
// terminal reaches only us and we decide the order in which things end.
func startProcess(spec processSpec) (*process, error) {
	cmd := exec.Command(spec.path, spec.args...) //nolint:noctx // its life ends in stop, not with a context
	cmd.Dir = spec.dir
	cmd.Env = spec.env
	cmd.Stdout, cmd.Stderr = spec.output, spec.output
	if spec.output == nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	}
	cmd.SysProcAttr = childAttributes(spec.account, spec.death)
	p := &process{name: spec.name, cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		// The death signal follows the thread that forked, so that thread must
		// live as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", spec.name, err)
	}
	return p, nil
}

// exited tells whether the process has ended.
func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// signalStep is one attempt at ending a process.
type signalStep struct {
	signal syscall.Signal
	wait   time.Duration
}

// stop sends each signal in turn, waits the time that goes with it, and ends
// with SIGKILL. It returns once the process is gone.
func (p *process) stop(steps ...signalStep) error {
	steps = append(steps, signalStep{syscall.SIGKILL, killWait})
	for _, step := range steps {
		if p.exited() {
			return nil
		}
		err := p.cmd.Process.Signal(step.signal)
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stopping %s: %w", p.name, err)
		}
		select {
		case <-p.done:
			return nil
		case <-time.After(step.wait):
		}
	}
	return fmt.Errorf("stopping %s: process %d survives SIGKILL", p.name, p.cmd.Process.Pid)
}

// waitReady polls probe until it succeeds, the process ends, or time is up.
func (p *process) waitReady(ctx context.Context, limit time.Duration, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	var last error
	for {
		select {
		case <-p.done:
			return fmt.Errorf("%s: %w (%w)", p.name, errExited, exitReason(p.err))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready within %s: %w", p.name, limit, errors.Join(ctx.Err(), last))
		case <-tick.C:
			last = probe(ctx)
			if last == nil {
				return nil
			}
		}
	}
}

// readyPoll is the pause between two looks at a starting server.
const readyPoll = 50 * time.Millisecond

func exitReason(err error) error {
	if err == nil {
		return errors.New("exit status 0")
	}
	return err
}

// runTool runs a short-lived program as the account and returns its output.
func runTool(ctx context.Context, as account, dir, path string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Env = childEnvironment(dir)
	cmd.SysProcAttr = childAttributes(as, 0)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = killWait
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("running %s: %w: %s", path, err, tail(string(out), logTailBytes))
	}
	return string(out), nil
}

// childEnvironment is all that a server inherits: nothing of the caller's
// locale, PG* variables or credentials.
func childEnvironment(home string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + home,
		"TMPDIR=" + os.TempDir(),
		"LC_ALL=C",
		"TZ=UTC",
	}
}

// logTailBytes bounds how much of a server's log an error message carries.
const logTailBytes = 2_000

func tail(s string, limit int) string {
	if len(s) > limit {
		return "…" + s[len(s)-limit:]
	}
	return s
}

// logTail returns the end of a log file for an error message.
func logTail(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return tail(string(content), logTailBytes)
}
