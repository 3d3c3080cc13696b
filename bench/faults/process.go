package faults

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

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/internal/failpoint"
)

const (
	restartPause    = 50 * time.Millisecond
	failedPause     = 500 * time.Millisecond
	readyLook       = 25 * time.Millisecond
	readyLimit      = 90 * time.Second
	logTail         = 1500
	killedExit      = -1
	recoveriesKept  = 100_000
	startTimesTried = 400
)

// process is a program that is killed again and again, and started again by
// itself, as an orchestrator would.
type process struct {
	name, path string
	args, env  []string
	// ready answers 200 once the process serves; empty: there is no telling.
	ready string
	// points are the crash points that it can meet.
	points []string
	log    string
	fleet  *fleet

	mu     sync.Mutex
	cmd    *exec.Cmd
	armed  string
	killed bool // by us
	served bool // it was ready since it was started
	downAt time.Time
	ending bool
	exited chan struct{}
	arming func() (point string, nth int64)
}

// start runs the program once; its exit starts it again until end.
func (p *process) start() error {
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
	p.armed = ""
	if p.arming != nil {
		if point, nth := p.arming(); point != "" {
			p.armed = point
			cmd.Env = append(cmd.Env, failpoint.Env+"="+failpoint.Setting(point, nth))
		}
	}
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, harness.EndWithParent()
	if err := cmd.Start(); err != nil {
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
func (p *process) watch(cmd *exec.Cmd, exited chan struct{}) {
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
		p.fleet.hit(armed)
	case !served: // the database or the broker was away: as an orchestrator, try again
		p.fleet.count("starts that failed for want of database or broker")
		pause = failedPause
	default:
		p.fleet.blame("I9", "%s ended by itself (%v): %s", p.name, err, tailOf(p.log))
	}
	time.Sleep(pause)
	if err := p.start(); err != nil {
		p.fleet.blame("I9", "%s cannot be started: %v", p.name, err)
	}
}

// awaitReady notes how long it took since the process went down.
func (p *process) awaitReady(cmd *exec.Cmd) {
	ctx, cancel := context.WithTimeout(context.Background(), readyLimit)
	defer cancel()
	for ctx.Err() == nil {
		p.mu.Lock()
		gone := p.cmd != cmd
		p.mu.Unlock()
		if gone {
			return
		}
		if answers(ctx, p.ready) {
			p.mu.Lock()
			p.served = true
			down := p.downAt
			p.downAt = time.Time{}
			p.mu.Unlock()
			if !down.IsZero() {
				p.fleet.recovered("service", time.Since(down))
			}
			return
		}
		time.Sleep(readyLook)
	}
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

// kill ends the process the hard way and returns when it is gone; false if it was
// not running.
func (p *process) kill() bool {
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

func (p *process) gone() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// freeze stops the process where it is; thaw lets it go on.
func (p *process) freeze() error { return p.signal(syscall.SIGSTOP) }
func (p *process) thaw() error   { return p.signal(syscall.SIGCONT) }

func (p *process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.gone() {
		return fmt.Errorf("%s is not running", p.name)
	}
	return p.cmd.Process.Signal(s)
}

// waitServing returns once the process serves.
func (p *process) waitServing(ctx context.Context) error {
	for {
		p.mu.Lock()
		served := p.served
		p.mu.Unlock()
		if served {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %s", p.name, context.Cause(ctx), tailOf(p.log))
		case <-time.After(readyLook):
		}
	}
}

// end stops the process for good, in order if it can.
func (p *process) end() error {
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

const stopLimit = 30 * time.Second

func tailOf(path string) string {
	data, err := os.ReadFile(path) //nolint:gosec // our own log
	if err != nil {
		return ""
	}
	return string(data[max(0, len(data)-logTail):])
}
