package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/config"
	"github.com/tenor-lending/tenor/internal/devstack"
)

const (
	platformStartTimeout = 5 * time.Minute
	seedTimeout          = 5 * time.Minute
	portOffsetStep       = 1000
	portOffsetTries      = 24 // below the ports that systems give to outgoing connections
)

// platformOptions says how to run the whole platform on embedded parts.
type platformOptions struct {
	// dir keeps secrets and logs and, unless ephemeral, the data.
	dir string
	// ephemeral uses a database and a broker for one run.
	ephemeral bool
	// tls makes the gateway speak TLS with a self-made certificate.
	tls bool
	// environ and flags configure the rest; given servers win over embedded ones.
	environ, flags []string
	// say tells the progress.
	say func(format string, args ...any)
}

// platform is the running whole.
type platform struct {
	cfg      *config.Config
	secrets  *secrets
	dir      string
	logPath  string
	database *devstack.Database
	broker   *devstack.Broker
	client   *client.Client
	// certificate is the self-made one, or nil.
	certificate *certificateFiles
	// claim is held on the range of ports, or nil if the range was given.
	claim  io.Closer
	cancel context.CancelFunc
	done   chan error
}

// startPlatform starts database, broker and all roles, and makes the officers.
// Whatever it started is stopped again when it fails.
func startPlatform(ctx context.Context, o platformOptions) (*platform, error) {
	ctx, cancel := context.WithTimeout(ctx, platformStartTimeout)
	defer cancel()
	p := &platform{dir: o.dir, done: make(chan error, 1), cancel: func() {}}
	if err := p.start(ctx, o); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

func (p *platform) start(ctx context.Context, o platformOptions) error {
	if err := os.MkdirAll(p.dir, 0o750); err != nil {
		return err
	}
	var err error
	if p.secrets, err = loadSecrets(filepath.Join(p.dir, "secrets.json")); err != nil {
		return err
	}
	// What is given wins: parse once to see it.
	given, _, err := config.Load(o.environ, o.flags, io.Discard)
	if err != nil {
		return err
	}
	data := p.dir
	if o.ephemeral {
		data = ""
	}
	o.say("starting the database")
	p.database, err = devstack.StartDatabase(ctx, devstack.DatabaseOptions{
		DSN: given.DatabaseURL, Dir: data, Log: func(line string) { o.say("  %s", line) },
	})
	if err != nil {
		return err
	}
	o.say("  database: %s", p.database.Source)
	p.broker, err = devstack.StartBroker(ctx, devstack.BrokerOptions{Seeds: given.KafkaSeeds, Dir: data})
	if err != nil {
		return err
	}
	o.say("  events: %s", p.broker.Source)
	if err := p.configure(ctx, o, given); err != nil {
		return err
	}
	o.say("bringing %d databases to the newest schema", len(databases()))
	if err := migrate(ctx, p.cfg, databases(), func(string) {}); err != nil {
		return err
	}
	o.say("starting %d services", len(services))
	if err := p.run(ctx); err != nil {
		return err
	}
	o.say("making an officer of every role")
	return p.seed(ctx)
}

// configure fills in what was not given.
func (p *platform) configure(ctx context.Context, o platformOptions, given *config.Config) error {
	environ := append([]string{}, o.environ...)
	set := func(name, value string) {
		for _, entry := range o.environ {
			if strings.HasPrefix(entry, config.Prefix+name+"=") && !strings.HasSuffix(entry, "=") {
				return
			}
		}
		environ = append(environ, config.Prefix+name+"="+value)
	}
	blobs, err := filepath.Abs(filepath.Join(p.dir, "documents"))
	if err != nil {
		return err
	}
	if given.DatabaseURL == "" { // the database is ours: so are its logins
		service, err := serviceLogin(p.database.DSN, p.secrets.DatabasePassword)
		if err != nil {
			return err
		}
		set("DATABASE_URL", service)
		set("DATABASE_OWNER_URL", p.database.DSN)
	}
	set("KAFKA_SEEDS", strings.Join(p.broker.Seeds, ","))
	set("DATA_KEYS", p.secrets.DataKeys)
	set("BLOB_URL", (&url.URL{Scheme: "file", Path: blobs}).String())
	set("IDENTITY_BOOTSTRAP_EMAIL", adminEmail)
	set("IDENTITY_BOOTSTRAP_PASSWORD", p.secrets.AdminPassword)
	set("LOG_FORMAT", "text")
	if given.KafkaSeeds == nil {
		set("KAFKA_PARTITIONS", strconv.Itoa(devstack.BrokerPartitions))
		set("INBOX_RETENTION", "0s") // the embedded broker keeps every event
	}
	if given.PortOffset == 0 {
		var first int
		if o.ephemeral {
			first = anyRange()
		}
		offset, claim, err := claimOffset(ctx, first)
		if err != nil {
			return err
		}
		p.claim = claim
		set("PORT_OFFSET", strconv.Itoa(offset))
	}
	var transport *http.Transport
	scheme := "http"
	if o.tls && given.Gateway.TLSCert == "" {
		files, err := ensureCertificate(filepath.Join(p.dir, "tls"), time.Now())
		if err != nil {
			return err
		}
		set("GATEWAY_TLS_CERT", files.cert)
		set("GATEWAY_TLS_KEY", files.key)
		scheme, transport, p.certificate = "https", files.transport(), files
	}
	if p.cfg, _, err = config.Load(environ, o.flags, io.Discard); err != nil {
		return err
	}
	base := fmt.Sprintf("%s://localhost:%d", scheme, gatewayPort+p.cfg.PortOffset)
	if transport == nil {
		transport = newTransport()
	}
	p.client = client.New(base, transport)
	return nil
}

// databaseLogin is the login of the services on an embedded database.
const databaseLogin = "tenor_services"

// serviceLogin returns the owner's DSN with the login of the services instead.
// A database that takes no passwords (an insecure CockroachDB) gets none.
func serviceLogin(owner, password string) (string, error) {
	dsn, err := url.Parse(owner)
	if err != nil {
		return "", errors.New("the embedded database's DSN is not a URL")
	}
	login := url.User(databaseLogin)
	if _, secured := dsn.User.Password(); secured {
		login = url.UserPassword(databaseLogin, password)
	}
	dsn.User = login
	return dsn.String(), nil
}

// newTransport returns a transport of its own with the defaults of net/http.
func newTransport() *http.Transport {
	standard, ok := http.DefaultTransport.(*http.Transport)
	if !ok { // something in this process has replaced it
		return &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	return standard.Clone()
}

// anyRange is a range of ports to look at first, for platforms that nobody has
// to find again: two that start at one time would both see the same range free.
func anyRange() int { return rand.IntN(portOffsetTries) } //nolint:gosec // spreads, guards nothing

// claimOffset finds an offset at which no port of the table is taken, from the
// first-th range on, and claims its range, so that platforms can start side by side.
// The claim is on the port below the first one.
func claimOffset(ctx context.Context, first int) (offset int, claim io.Closer, err error) {
	last := slices.MaxFunc(services, func(a, b app.Service) int { return cmp.Compare(a.Port, b.Port) }).Port
	for try := range portOffsetTries {
		offset = (first + try) % portOffsetTries * portOffsetStep
		claim, err = devstack.ClaimPorts(ctx, gatewayPort-1+offset, last+offset)
		if err == nil {
			return offset, claim, nil
		}
	}
	return 0, nil, fmt.Errorf("no free range of ports among %d from %d on: %w", portOffsetTries, gatewayPort, err)
}

// run starts all roles in this process and waits until they are ready.
func (p *platform) run(ctx context.Context) error {
	keyring, err := loadKeyring(p.cfg)
	if err != nil {
		return err
	}
	p.logPath = filepath.Join(p.dir, "tenor.log")
	log, err := os.OpenFile(p.logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel = cancel
	ready := make(chan struct{})
	ended := p.done
	go func() {
		err := runRoles(running, p.cfg, keyring, services, log, func() { close(ready) })
		ended <- errors.Join(err, log.Close())
	}()
	select {
	case <-ready:
		return nil
	case err := <-ended:
		ended <- nil // stop looks again
		return fmt.Errorf("services did not start (see %s): %w", p.logPath, err)
	case <-ctx.Done():
		return fmt.Errorf("services were not ready in time (see %s)", p.logPath)
	}
}

// failed tells when the services stopped by themselves.
func (p *platform) failed() chan error { return p.done }

// stop ends everything that was started, in order.
func (p *platform) stop() error {
	var errs []error
	p.cancel()
	if p.logPath != "" {
		errs = append(errs, <-p.done)
	}
	if p.broker != nil {
		errs = append(errs, p.broker.Stop())
	}
	if p.database != nil {
		errs = append(errs, p.database.Stop())
	}
	if p.claim != nil {
		errs = append(errs, p.claim.Close())
	}
	return errors.Join(errs...)
}
