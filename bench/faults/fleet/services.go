package fleet

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/tenor-lending/tenor/internal/devstack"
	"github.com/tenor-lending/tenor/internal/failpoint"
)

// Names of the processes. The core roles run twice: replicas share one database.
const (
	CoreA    = "core-a"
	CoreB    = "core-b"
	Identity = "identity"
	Notify   = "notify"
	// Effects is a consumer of the drill's own: see ChildCommand.
	Effects = "effects"
	Broker  = "broker"
)

// The databases of the core roles, and of the drill's own consumer.
const (
	CoreDatabase    = "core"
	EffectsDatabase = "drill"
)

// AdminEmail is the administrator of the identity service; Password is that of
// everybody in a drill.
const (
	AdminEmail = "admin@tenor.local"
	Password   = "a password for drills only"
)

// ChildCommand is the command of the bench's own program that runs a process of a
// drill: "broker", see [ServeBroker], or "effects DSN SEED", which is the drill's.
const ChildCommand = "drill-child"

// servers are the processes that serve HTTP.
var servers = []string{Identity, CoreA, CoreB, Notify}

// islanders are the processes that get islands of their own, where there are any:
// those that talk to both the database and the broker.
var islanders = []string{CoreA, CoreB, Notify, Effects}

// crashPoints are the points at which a process can be made to die, the first to the
// most-th time that it comes there.
type crashPoints struct {
	names []string
	most  int64
}

const (
	committedMax = 20
	consumedMax  = 6 // events come in batches
)

// The crash points of a process that changes state and publishes, and of one that
// listens.
var (
	committing = crashPoints{
		[]string{failpoint.Committed, failpoint.Drained, failpoint.Published, failpoint.Marked}, committedMax,
	}
	consuming = crashPoints{[]string{failpoint.Fetched, failpoint.Handled, failpoint.Offset}, consumedMax}
)

// Launch brings the databases to their schema, starts every service and the drill's
// own consumer, and returns when all that serve HTTP are ready.
func (f *Fleet) Launch(ctx context.Context) error {
	databases := []string{"migrate", "identity", CoreDatabase, "notification"}
	migrate := exec.CommandContext(ctx, f.tenor, databases...) //nolint:gosec // our own
	migrate.Env = []string{"TENOR_DATABASE_URL=" + f.direct.String()}
	if out, err := migrate.CombinedOutput(); err != nil {
		return fmt.Errorf("migrating: %w: %s", err, out)
	}
	core := []string{"run", "activation", "repayment", "ledger", "closeofday"}
	for _, s := range []struct {
		name, ready string
		port        int
		args        []string
		points      crashPoints
	}{
		{Identity, "identity", portIdentity, []string{"run", "identity"}, crashPoints{}},
		{CoreA, "repayment", PortRepayment, core, committing},
		{CoreB, "repayment", PortRepayment, core, committing},
		{Notify, "notification", portNotify, []string{"run", "notification"}, consuming},
	} {
		dsn, err := f.pathToDatabase(s.name, CoreDatabase)
		if err != nil {
			return err
		}
		p := f.add(s.name, f.tenor, s.args, s.points)
		p.env = f.environ(s.name, dsn)
		p.ready = fmt.Sprintf("%s/health/%s/ready", f.Base(s.name, s.port), s.ready)
		if err := p.start(); err != nil {
			return err
		}
	}
	dsn, err := f.pathToDatabase(Effects, EffectsDatabase)
	if err != nil {
		return err
	}
	p := f.add(Effects, f.child, []string{ChildCommand, Effects, dsn, f.Seeds[0]}, consuming)
	p.env = []string{f.bug}
	if err := p.start(); err != nil {
		return err
	}
	return f.WaitServing(ctx)
}

// WaitServing returns once every process that serves HTTP does, or when ctx ends
// with the last lines of the log of one that does not.
func (f *Fleet) WaitServing(ctx context.Context) error {
	for _, name := range servers {
		if err := f.processes[name].WaitServing(ctx); err != nil {
			return err
		}
	}
	return nil
}

// add makes a process that is not started yet.
func (f *Fleet) add(name, path string, args []string, points crashPoints) *Process {
	p := &Process{
		name: name, path: path, args: args, points: points, fleet: f, log: filepath.Join(f.dir, name+".log"),
		island: f.islands[name],
	}
	f.processes[name] = p
	return p
}

// pathToDatabase is a DSN of a process's own path through the network and the
// fault proxy.
func (f *Fleet) pathToDatabase(process, name string) (string, error) {
	path, host := "database/"+process, f.hub
	own := f.islands[process]
	if own != nil {
		host = own.Near().String()
	}
	address, err := f.Network.link(path, host, f.Proxy.Addr())
	if err != nil {
		return "", err
	}
	if own != nil {
		f.Network.lead(path, own, address)
	}
	dsn := *f.direct
	dsn.Host, dsn.Path = address, "/"+name
	return dsn.String(), nil
}

func (f *Fleet) environ(name, dsn string) []string {
	return []string{
		"TENOR_DATABASE_URL=" + dsn, "TENOR_KAFKA_SEEDS=" + f.Seeds[0],
		"TENOR_KAFKA_PARTITIONS=" + strconv.Itoa(devstack.BrokerPartitions), "TENOR_DATA_KEYS=" + f.secret,
		"TENOR_BLOB_URL=file://" + filepath.Join(f.dir, "documents"),
		"TENOR_LISTEN_HOST=" + f.hostOf(name), "TENOR_PORT_OFFSET=" + strconv.Itoa(f.offsets[name]),
		"TENOR_JWKS_URL=" + f.IdentityURL() + "/.well-known/jwks.json",
		"TENOR_IDENTITY_BOOTSTRAP_EMAIL=" + AdminEmail, "TENOR_IDENTITY_BOOTSTRAP_PASSWORD=" + Password,
		"TENOR_IDENTITY_ACCESS_TTL=1h", "TENOR_PAYOUT_DELAY=1ms", "TENOR_LOG_LEVEL=warn", "TENOR_LOG_FORMAT=text",
		"TENOR_DATABASE_MAX_CONNS=16", f.bug,
	}
}

// Base is the URL of the role with that port in a process.
func (f *Fleet) Base(process string, port int) string {
	return fmt.Sprintf("http://%s:%d", f.hostOf(process), port+f.offsets[process])
}

// hostOf is the address at which a process listens.
func (f *Fleet) hostOf(process string) string {
	if own := f.islands[process]; own != nil {
		return own.Far().String()
	}
	return f.hub
}

// IdentityURL is where people and programs get their tokens.
func (f *Fleet) IdentityURL() string { return f.Base(Identity, portIdentity) }
