package fleet

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/tenor-lending/tenor/bench/faults/island"
	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/failpoint"
)

// ReadyLimit is how long a process or the broker may take to serve.
const ReadyLimit = 5 * time.Minute

const (
	restartPause = 50 * time.Millisecond
	failedPause  = 500 * time.Millisecond
	readyLook    = 25 * time.Millisecond
	stopLimit    = 2 * time.Minute
	logTail      = 1500 // bytes
)

// Process is a program that is killed again and again, and started again by
// itself, as an orchestrator would.
type Process struct {
	name, path string
	args, env  []string
	// ready answers 200 once the process serves; empty: there is no telling.
	ready  string
	points crashPoints
	log    string
	island *island.Island // nil: it is on our network
	fleet  *Fleet

	mu     sync.Mutex
	cmd    *exec.Cmd
	armed  string
	killed bool // by us
	served bool // it was ready since it was started
	downAt time.Time
	ending bool
	exited chan struct{}
}

// start runs the program once; its exit starts it again until end.
func (p *Process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ending {
		return nil
	}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }()     // the child has its own
	cmd := exec.Command(p.path, p.args...) //nolint:gosec,noctx // ends by a signal
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, p.env...)
	point, nth := p.fleet.arm(p)
	if p.armed = point; point != "" {
		cmd.Env = append(cmd.Env, failpoint.Env+"="+failpoint.Setting(point, nth))
	}
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, harness.EndWithParent()
	begin := cmd.Start
	if p.island != nil {
		begin = func() error { return p.island.Enter(cmd.Start) }
	}
	if err := begin(); err != nil {
		return fmt.Errorf("starting %s: %w", p.name, err)
	}
	p.cmd, p.killed, p.served, p.exited = cmd, false, p.ready == "", make(chan struct{})
	go p.watch(cmd, p.exited)
	if p.ready != "" {
		go p.awaitReady(cmd)
	}
	return nil
}

// watch waits for the exit, says why it was, and starts again.
func (p *Process) watch(cmd *exec.Cmd, exited chan struct{}) {
	err := cmd.Wait()
	close(exited)
	p.mu.Lock()
	killed, armed, served, ending := p.killed, p.armed, p.served, p.ending
	p.served = p.ready == ""
	if p.downAt.IsZero() {
		p.downAt = time.Now()
	}
	p.mu.Unlock()
	if ending {
		return
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	pause := restartPause
	switch {
	case killed:
	case status.Signaled() && status.Signal() == syscall.SIGKILL && armed != "":
		p.fleet.died(armed)
	case !served: // the database or the broker was away: as an orchestrator, try again
		p.fleet.Count("starts that failed for want of database or broker")
		pause = failedPause
	default:
		p.fleet.Blame("I9", "%s ended by itself (%v): %s", p.name, err, tailOf(p.log))
	}
	time.Sleep(pause)
	if err := p.start(); err != nil {
		p.fleet.Blame("I9", "%s cannot be started: %v", p.name, err)
	}
}

// awaitReady notes how long it took since the process went down.
func (p *Process) awaitReady(cmd *exec.Cmd) {
	ctx, cancel := context.WithTimeout(context.Background(), ReadyLimit)
	defer cancel()
	_ = client.Poll(ctx, p.name, readyLook, func() (bool, error) { // whoever needs it waits for it
		ready := answers(ctx, p.ready)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.cmd != cmd || !ready {
			return p.cmd != cmd, nil // the next one has somebody of its own to wait for it
		}
		p.served = true
		if !p.downAt.IsZero() {
			p.fleet.Recovered("service", time.Since(p.downAt))
			p.downAt = time.Time{}
		}
		return true, nil
	})
}

func answers(ctx context.Context, address string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return false
	}
	response, err := probe.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// probe asks for readiness and nothing else.
var probe = &http.Client{Timeout: 2 * time.Second}

// Kill ends the process the hard way (SIGKILL) and returns when it is gone; false if
// it was not running. It starts again by itself.
func (p *Process) Kill() bool {
	p.mu.Lock()
	if p.cmd == nil || p.killed || p.ending || p.gone() {
		p.mu.Unlock()
		return false
	}
	p.killed, p.served = true, p.ready == ""
	p.downAt = time.Now()
	sent, exited := p.cmd.Process.Kill() == nil, p.exited
	p.mu.Unlock()
	if sent {
		<-exited // nothing survives this signal
	}
	return sent
}

func (p *Process) gone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// Freeze stops the process where it is, until Thaw. It is an error if it does not
// run.
func (p *Process) Freeze() error { return p.signal(syscall.SIGSTOP) }

// Thaw lets a process go on; one that was not frozen does not notice. It is an error
// if it does not run.
func (p *Process) Thaw() error { return p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.gone() {
		return fmt.Errorf("%s is not running", p.name)
	}
	return p.cmd.Process.Signal(s)
}

// WaitServing returns once the process serves, or when ctx ends with the last lines
// of its log as the error.
func (p *Process) WaitServing(ctx context.Context) error {
	err := client.Poll(ctx, p.name, readyLook, func() (bool, error) {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.served, nil
	})
	if err != nil {
		return fmt.Errorf("%w: %s", err, tailOf(p.log))
	}
	return nil
}

// end stops the process for good, in order if it can.
func (p *Process) end() error {
	p.mu.Lock()
	p.ending = true
	cmd, exited := p.cmd, p.exited
	p.mu.Unlock()
	if cmd == nil {
		return nil
	}
	_ = cmd.Process.Signal(syscall.SIGCONT) // it may be frozen, or gone
	_ = cmd.Process.Signal(os.Interrupt)
	select {
	case <-exited:
		return nil
	case <-time.After(stopLimit):
		return errors.Join(fmt.Errorf("%s did not stop in time", p.name), cmd.Process.Kill())
	}
}

// tailOf is the end of a log.
func tailOf(path string) string {
	data, err := os.ReadFile(path) //nolint:gosec // our own log
	if err != nil {
		return ""
	}
	return string(data[max(0, len(data)-logTail):])
}
