package faults

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	dice "math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/internal/database/pgfault"
	"github.com/tenor-lending/tenor/internal/devstack"
	"github.com/tenor-lending/tenor/internal/failpoint"
	"github.com/tenor-lending/tenor/internal/mutant"
	"github.com/tenor-lending/tenor/internal/privacy"
)

// Ports of the services, as the table of roles has them.
const (
	portFirst      = 8000
	portActivation = 8009
	portRepayment  = 8010
	portNotify     = 8011
	portLedger     = 8012
	portIdentity   = 8013
	portDay        = 8014
	portLast       = portDay
	// portClaim is held by the drill itself for as long as the range is its own:
	// the others are free whenever a process is down.
	portClaim   = portFirst - 1
	offsetFirst = 2_000
	offsetStep  = 100
	offsetTries = 200 // all below the ports that systems give to outgoing connections
)

// Names of the processes. The core roles run twice: replicas share one database.
const (
	coreA    = "core-a"
	coreB    = "core-b"
	identity = "identity"
	notify   = "notify"
	effects  = "effects"
	broker   = "broker"
)

const (
	adminEmail = "admin@tenor.local"
	password   = "a password for drills only"
	coreName   = "core"
	// probeName is the database and the consumer of this package.
	probeName = "drill"
)

// fleet is the platform in processes of its own, with what it stands on.
type fleet struct {
	dir, tenor, self, child string
	say                     func(format string, args ...any)

	database devstack.DatabaseOptions
	network  *network
	proxy    *pgfault.Proxy
	direct   *url.URL
	seeds    []string
	secret   string
	keys     *privacy.Keyring
	// credential is the hash of a password that every borrower has.
	credential string
	bug        string // the setting of a deliberate bug
	offsets    map[string]int
	claims     []net.Listener

	mu         sync.Mutex
	server     *devstack.Database
	processes  map[string]*process
	counts     map[string]int64
	hits       map[string]int64
	recoveries map[string][]time.Duration
	blamed     []violation
	arming     bool
	calm       map[string]bool // processes that are to meet no crash points
	chance     func(met, most int64) (nth int64, arm bool)
}

// newFleet starts the database, the broker and the paths, and no service yet.
func newFleet(ctx context.Context, b *harness.Bench, dir string) (*fleet, error) {
	f := &fleet{
		dir: dir, tenor: b.Tenor, child: b.Child, say: b.Progress, network: newNetwork(), processes: map[string]*process{},
		counts: map[string]int64{}, hits: map[string]int64{}, recoveries: map[string][]time.Duration{},
		bug: mutant.Env + "=" + b.Mutant, offsets: map[string]int{}, calm: map[string]bool{},
	}
	if _, err := os.Stat(f.tenor); err != nil {
		return nil, fmt.Errorf("no tenor binary (make build makes it; --tenor names another): %w", err)
	}
	var err error
	if f.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if f.child == "" {
		f.child = f.self
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	f.database = devstack.DatabaseOptions{
		Dir: filepath.Join(dir, "stack"), Port: ports[0], Log: func(line string) { f.say("%s", line) },
	}
	if f.server, err = devstack.StartDatabase(ctx, f.database); err != nil {
		return nil, err
	}
	f.database.Log = nil // it starts often from now on
	if f.direct, err = url.Parse(f.server.DSN); err != nil {
		return nil, errors.Join(fmt.Errorf("parsing DSN: %w", err), f.stop())
	}
	return f, errors.Join(f.plug(ctx, ports[1]))
}

// plug makes the paths to the database and starts the broker behind its own.
func (f *fleet) plug(ctx context.Context, brokerPort int) error {
	var err error
	if f.proxy, err = pgfault.Start(ctx, f.direct.Host); err != nil {
		return err
	}
	door, err := f.network.link(broker, net.JoinHostPort("127.0.0.1", strconv.Itoa(brokerPort)))
	if err != nil {
		return err
	}
	f.seeds = []string{door}
	raw := make([]byte, privacy.KeyBytes)
	_, _ = rand.Read(raw) // never fails
	f.secret = "drill:" + hex.EncodeToString(raw)
	if f.keys, err = privacy.NewKeyring(f.secret, rand.Reader); err != nil {
		return err
	}
	if f.credential, err = argon2id.CreateHash(password, argon2id.DefaultParams); err != nil {
		return err
	}
	if err := f.spread(ctx); err != nil {
		return err
	}
	f.processes[broker] = &process{
		name: broker, path: f.self, fleet: f, log: filepath.Join(f.dir, "broker.log"),
		args: []string{ChildCommand, "broker", filepath.Join(f.dir, "stack"), strconv.Itoa(brokerPort), door},
	}
	if err := f.processes[broker].start(); err != nil {
		return err
	}
	return f.brokerAnswers(ctx)
}

// spread finds a range of ports for each process that serves HTTP.
func (f *fleet) spread(ctx context.Context) error {
	tries := dice.Perm(offsetTries) //nolint:gosec // so that others who look at the same time look elsewhere
	for _, name := range []string{coreA, coreB, identity, notify} {
		var claim net.Listener
		for ; claim == nil && len(tries) > 0; tries = tries[1:] {
			f.offsets[name] = offsetFirst + tries[0]*offsetStep
			claim = claimRange(ctx, f.offsets[name])
		}
		if claim == nil {
			return errors.New("no free ranges of ports")
		}
		f.claims = append(f.claims, claim)
	}
	return nil
}

// claimRange returns what holds the claim on a range of ports, or nil if one of
// them is taken.
func claimRange(ctx context.Context, offset int) net.Listener {
	var claim net.Listener
	for port := portClaim; port <= portLast; port++ {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+offset)))
		switch {
		case err != nil && claim == nil:
			return nil
		case err != nil:
			_ = claim.Close() // it only listened
			return nil
		case port == portClaim:
			claim = listener
		default:
			_ = listener.Close() // it was open a moment
		}
	}
	return claim
}

func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
		if err != nil {
			return nil, fmt.Errorf("looking for a free port: %w", err)
		}
		defer func() { _ = listener.Close() }() // all at the end, so that they differ
		address, ok := listener.Addr().(*net.TCPAddr)
		if !ok {
			return nil, errors.New("looking for a free port: no TCP address")
		}
		ports = append(ports, address.Port)
	}
	return ports, nil
}

// launch brings the databases to their schema and starts every service.
func (f *fleet) launch(ctx context.Context) error {
	migrate := exec.CommandContext(ctx, f.tenor, "migrate", identity, coreName, "notification") //nolint:gosec // ours
	migrate.Env = []string{"TENOR_DATABASE_URL=" + f.direct.String()}
	if out, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("migrating: %w: %s", err, out)
	}
	core := []string{"run", "activation", "repayment", "ledger", "closeofday"}
	for _, s := range []struct {
		name, ready string
		port        int
		args        []string
		points      []string
	}{
		{identity, "identity", portIdentity, []string{"run", identity}, nil},
		{coreA, "repayment", portRepayment, core, committing},
		{coreB, "repayment", portRepayment, core, committing},
		{notify, "notification", portNotify, []string{"run", "notification"}, consuming},
	} {
		dsn, err := f.pathToDatabase(s.name, coreName)
		if err != nil {
			return err
		}
		p := f.add(s.name, f.tenor, s.args, s.points)
		p.env = f.environ(s.name, dsn)
		p.ready = fmt.Sprintf("%s/health/%s/ready", f.base(s.name, s.port), s.ready)
		if err := p.start(); err != nil {
			return err
		}
	}
	dsn, err := f.pathToDatabase(effects, probeName)
	if err != nil {
		return err
	}
	p := f.add(effects, f.child, []string{ChildCommand, effects, dsn, f.seeds[0]}, consuming)
	p.env = []string{f.bug}
	if err := p.start(); err != nil {
		return err
	}
	for _, name := range []string{identity, coreA, coreB, notify} {
		if err := f.processes[name].waitServing(ctx); err != nil {
			return err
		}
	}
	return nil
}

// The crash points of a process that changes state and publishes, and of one that
// listens.
var (
	committing = []string{failpoint.Committed, failpoint.Drained, failpoint.Published, failpoint.Marked}
	consuming  = []string{failpoint.Handled, failpoint.Offset}
)

func (f *fleet) add(name, path string, args, points []string) *process {
	p := &process{
		name: name, path: path, args: args, points: points, fleet: f, log: filepath.Join(f.dir, name+".log"),
	}
	p.arming = func() (string, int64) { return f.arm(p) }
	f.processes[name] = p
	return p
}

// arm picks a crash point for a process that is about to start: the one that was
// met least so far.
func (f *fleet) arm(p *process) (string, int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.arming || f.calm[p.name] || len(p.points) == 0 || f.chance == nil {
		return "", 0
	}
	most := int64(coreHitsMax)
	if slices.Equal(p.points, consuming) {
		most = eventHitsMax // they come in batches
	}
	least := slices.MinFunc(p.points, func(a, b string) int { return cmp.Compare(f.hits[a], f.hits[b]) })
	nth, yes := f.chance(f.hits[least], most)
	if !yes {
		return "", 0
	}
	return least, nth
}

// setArming lets processes that start from now on meet crash points, or not.
func (f *fleet) setArming(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.arming = on
}

// setCalm keeps crash points from processes that start from now on, or not.
func (f *fleet) setCalm(calm bool, names ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range names {
		f.calm[name] = calm
	}
}

// pathToDatabase is a DSN of a process's own path through the network and the
// fault proxy.
func (f *fleet) pathToDatabase(process, name string) (string, error) {
	address, err := f.network.link("database/"+process, f.proxy.Addr())
	if err != nil {
		return "", err
	}
	dsn := *f.direct
	dsn.Host, dsn.Path = address, "/"+name
	return dsn.String(), nil
}

func (f *fleet) environ(name, dsn string) []string {
	return []string{
		"TENOR_DATABASE_URL=" + dsn, "TENOR_KAFKA_SEEDS=" + f.seeds[0], "TENOR_DATA_KEYS=" + f.secret,
		"TENOR_BLOB_URL=file://" + filepath.Join(f.dir, "documents"),
		"TENOR_PORT_OFFSET=" + strconv.Itoa(f.offsets[name]),
		"TENOR_JWKS_URL=" + f.base(identity, portIdentity) + "/.well-known/jwks.json",
		"TENOR_IDENTITY_BOOTSTRAP_EMAIL=" + adminEmail, "TENOR_IDENTITY_BOOTSTRAP_PASSWORD=" + password,
		"TENOR_IDENTITY_ACCESS_TTL=1h", "TENOR_PAYOUT_DELAY=1ms", "TENOR_LOG_LEVEL=warn", "TENOR_LOG_FORMAT=text",
		"TENOR_DATABASE_MAX_CONNS=16", f.bug,
	}
}

// base is the URL of a role of a process.
func (f *fleet) base(process string, port int) string {
	return fmt.Sprintf("http://127.0.0.1:%d", port+f.offsets[process])
}

// crash kills the database server and starts it again on its data; it returns
// when the server answers.
func (f *fleet) crash(ctx context.Context, signal syscall.Signal) error {
	f.mu.Lock()
	server := f.server
	f.mu.Unlock()
	begun := time.Now()
	if err := server.Crash(signal); err != nil {
		return err
	}
	var last error
	for range startTimesTried {
		again, err := devstack.StartDatabase(ctx, f.database)
		if err == nil {
			f.mu.Lock()
			f.server = again
			f.mu.Unlock()
			f.recovered("database", time.Since(begun))
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		last = err // the orphans of a killed server hold its memory for a moment
		time.Sleep(readyLook)
	}
	return last
}

// brokerAnswers waits until the broker takes connections.
func (f *fleet) brokerAnswers(ctx context.Context) error {
	upstream := f.network.proxy(broker).Upstream
	for {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", upstream)
		if err == nil {
			return conn.Close()
		}
		if ctx.Err() != nil {
			return fmt.Errorf("the broker does not answer: %w: %s", err, tailOf(f.processes[broker].log))
		}
		time.Sleep(readyLook)
	}
}

// stop ends everything, in order.
func (f *fleet) stop() error {
	var errs []error
	for _, name := range []string{effects, notify, coreA, coreB, identity, broker} {
		if p := f.processes[name]; p != nil {
			errs = append(errs, p.end())
		}
	}
	for _, claim := range f.claims {
		_ = claim.Close() // it only listened
	}
	f.network.close()
	if f.proxy != nil {
		f.proxy.Close()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.server != nil {
		errs = append(errs, f.server.Stop())
	}
	return errors.Join(errs...)
}

func (f *fleet) hit(point string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hits[point]++
}

func (f *fleet) count(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[what]++
}

func (f *fleet) recovered(what string, took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.recoveries[what]) < recoveriesKept {
		f.recoveries[what] = append(f.recoveries[what], took)
	}
}

// blame notes that an invariant was broken while the drill ran.
func (f *fleet) blame(invariant, format string, args ...any) {
	v := violation{invariant, fmt.Sprintf(format, args...)}
	f.say("BROKEN %s: %s", v.Invariant, v.Text)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.blamed = append(f.blamed, v)
}
