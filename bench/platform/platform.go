// Package platform measures Tenor as its users meet it: through HTTP, with all
// services running in a process of their own beside the bench.
//
// It must not reach into a service: it fills databases through the packages
// that own their tables, and otherwise knows the API only.
package platform

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/journey"
)

const (
	startLimit  = 5 * time.Minute
	stopLimit   = time.Minute
	readyMark   = "Tenor is up."
	gatewayPort = 8000
	connsMax    = 10_000
	poolConns   = 16
)

// Ports of the services that are driven directly.
const (
	portRepayment = 8010
	portLedger    = 8012
)

// settings are what a run changes of the platform's defaults: no client is held
// back, tokens outlive a run, and the simulated bank adds no wait of its own.
var settings = []string{
	"TENOR_GATEWAY_RATE_PER_SECOND=1000000", "TENOR_GATEWAY_RATE_BURST=1000000",
	"TENOR_GATEWAY_LOGIN_PER_MINUTE=1000000", "TENOR_IDENTITY_ACCESS_TTL=1h", "TENOR_PAYOUT_DELAY=1ms",
	"TENOR_LOG_LEVEL=warn",
}

// platform is a running Tenor.
type platform struct {
	gateway *client.Client
	offset  int
	secrets secrets
	dsn     string
	core    *database.DB
	web     *http.Transport
	plain   *http.Transport
	child   *exec.Cmd
	exited  chan error
	people  []uuid.UUID // see borrowers
}

// secrets is the part that the bench needs of what `tenor up` keeps.
type secrets struct {
	AdminPassword string      `json:"admin_password"`
	StaffPassword string      `json:"staff_password"`
	System        credentials `json:"system"`
	Partner       credentials `json:"partner"`
	Gateway       string      `json:"gateway"`
}

type credentials struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

// start returns the platform of this invocation; the first scenario that asks
// starts it, or finds the one that runs on the given directory.
func start(ctx context.Context, b *harness.Bench) (*platform, error) {
	shared, err := b.Stack.Shared("platform", func() (any, func() error, error) {
		p := &platform{}
		err := p.start(ctx, b)
		if err != nil {
			return nil, nil, errors.Join(err, p.stop())
		}
		return p, p.stop, nil
	})
	if err != nil {
		return nil, err
	}
	p, ok := shared.(*platform)
	if !ok {
		return nil, errors.New("the stack holds something else than a platform")
	}
	return p, b.Describe(ctx, p.core)
}

func (p *platform) start(ctx context.Context, b *harness.Bench) error {
	dir := b.Platform
	var err error
	if dir == "" {
		dir = filepath.Join(b.Stack.Dir(), "platform")
		if err := p.run(ctx, b, dir); err != nil {
			return err
		}
	} else if b.DSN == "" {
		return errors.New("with --platform give its database by --dsn: outcomes are checked there")
	} else {
		p.dsn = b.DSN
	}
	data, err := os.ReadFile(filepath.Join(dir, "secrets.json")) //nolint:gosec // named by the user
	if err != nil {
		return fmt.Errorf("reading the platform's secrets: %w", err)
	}
	if err := json.Unmarshal(data, &p.secrets); err != nil {
		return fmt.Errorf("reading the platform's secrets: %w", err)
	}
	if err := p.connect(dir); err != nil {
		return err
	}
	at, err := url.Parse(p.dsn)
	if err != nil {
		return fmt.Errorf("parsing DSN: %w", err)
	}
	at.Path = "/core"
	p.core, err = database.Open(ctx, database.Config{
		DSN: at.String(), MaxConns: poolConns, ApplicationName: "tenor-bench",
	})
	return err
}

// run starts `tenor up` on a database that waits for the disk.
func (p *platform) run(ctx context.Context, b *harness.Bench, dir string) error {
	dsn, err := b.Server(ctx)
	if err != nil {
		return err
	}
	p.dsn = dsn
	if _, err := os.Stat(b.Tenor); err != nil {
		return fmt.Errorf("no tenor binary (make build makes it; --tenor names another): %w", err)
	}
	args := []string{"up", "--dir", dir}
	if b.CPUProfile != "" {
		args = append(args, "--cpuprofile", b.CPUProfile)
	}
	p.child = exec.Command(b.Tenor, args...) //nolint:gosec,noctx // ends by a signal, in order
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "TENOR_") {
			p.child.Env = append(p.child.Env, entry)
		}
	}
	p.child.Env = append(append(p.child.Env, settings...), "TENOR_DATABASE_URL="+dsn)
	p.child.SysProcAttr = harness.EndWithParent()
	out, err := p.child.StdoutPipe()
	if err != nil {
		return err
	}
	errs := &tail{}
	p.child.Stderr = errs
	if err := p.child.Start(); err != nil {
		p.child = nil
		return fmt.Errorf("starting the platform: %w", err)
	}
	ready := make(chan struct{})
	p.exited = make(chan error, 1)
	go p.watch(out, ready, b)
	select {
	case <-ready:
		return nil
	case err := <-p.exited:
		p.exited <- err
		return fmt.Errorf("the platform did not start: %w: %s", err, errs.text())
	case <-time.After(startLimit):
		return errors.New("the platform was not ready in time")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// watch reads what the platform says until it ends.
func (p *platform) watch(out io.Reader, ready chan<- struct{}, b *harness.Bench) {
	lines := bufio.NewScanner(out)
	up := false
	for lines.Scan() {
		if !up && strings.Contains(lines.Text(), readyMark) {
			up = true
			close(ready)
		}
		if !up && lines.Text() != "" {
			b.Progress("tenor: %s", lines.Text())
		}
	}
	p.exited <- p.child.Wait()
}

// connect makes the clients: TLS to the gateway, plain to the services.
func (p *platform) connect(dir string) error {
	gateway, err := url.Parse(p.secrets.Gateway)
	if err != nil {
		return fmt.Errorf("address of the gateway: %w", err)
	}
	port, err := strconv.Atoi(gateway.Port())
	if err != nil {
		return fmt.Errorf("address of the gateway %s: %w", gateway, err)
	}
	p.offset = port - gatewayPort
	p.web, p.plain = newTransport(), newTransport()
	authority, err := os.ReadFile(filepath.Join(dir, "tls", "ca.pem")) //nolint:gosec // named by the user
	if err == nil {
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(authority)
		p.web.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
	}
	p.gateway = client.New(p.secrets.Gateway, p.web)
	return nil
}

// newTransport keeps a connection for each of thousands of clients.
func newTransport() *http.Transport {
	const idle = 90 * time.Second
	return &http.Transport{
		MaxIdleConns: connsMax, MaxIdleConnsPerHost: connsMax, IdleConnTimeout: idle, ForceAttemptHTTP2: false,
	}
}

// service is a client of one service's own port.
func (p *platform) service(port int) *client.Client {
	return client.New(fmt.Sprintf("http://127.0.0.1:%d", port+p.offset), p.plain)
}

// stop ends the platform in order.
func (p *platform) stop() error {
	if p.core != nil {
		p.core.Close()
	}
	if p.child == nil {
		return nil
	}
	if err := p.child.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping the platform: %w", err)
	}
	select {
	case err := <-p.exited:
		if err != nil {
			return fmt.Errorf("stopping the platform: %w", err)
		}
		return nil
	case <-time.After(stopLimit):
		return errors.Join(errors.New("the platform did not stop in time"), p.child.Process.Kill())
	}
}

// partner is a token of the payments partner.
func (p *platform) partner(ctx context.Context) (string, error) {
	return journey.ClientToken(ctx, p.gateway, p.secrets.Partner.ID, p.secrets.Partner.Secret)
}

// system is a token of the scheduler.
func (p *platform) system(ctx context.Context) (string, error) {
	return journey.ClientToken(ctx, p.gateway, p.secrets.System.ID, p.secrets.System.Secret)
}

// tail keeps the end of what is written to it.
type tail struct{ data []byte }

const tailMax = 4 << 10

// Write implements io.Writer.
func (t *tail) Write(data []byte) (int, error) {
	t.data = append(t.data, data...)
	t.data = t.data[max(0, len(t.data)-tailMax):]
	return len(data), nil
}

func (t *tail) text() string { return strings.TrimSpace(string(t.data)) }
