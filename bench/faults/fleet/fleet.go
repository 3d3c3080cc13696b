package fleet

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/tenor-lending/tenor/bench/faults/island"
	"github.com/tenor-lending/tenor/bench/harness"
	"github.com/tenor-lending/tenor/internal/database/pgfault"
	"github.com/tenor-lending/tenor/internal/devstack"
	"github.com/tenor-lending/tenor/internal/mutant"
	"github.com/tenor-lending/tenor/internal/privacy"
)

// startTimesTried bounds the starts of a database server that was killed.
const startTimesTried = 400

// Chance decides whether a process that is about to start is to die at a crash
// point that was met so often until now, and at which of the first most times that
// it comes there. It may be called concurrently.
type Chance func(met, most int64) (nth int64, arm bool)

// Fleet is the platform in processes of its own, with what it stands on. The
// exported fields are set by New, and nobody changes them.
type Fleet struct {
	// Network holds the paths from each process to the database, and to the broker.
	Network *Network
	// Proxy is on every path to the database, and injects faults into statements.
	Proxy *pgfault.Proxy
	// Seeds are where to find the broker.
	Seeds []string
	// Partitions says by which means paths are cut, and why not by a better one.
	Partitions string
	// Keys seal what the services read in events.
	Keys *privacy.Keyring

	dir, tenor, self, child string
	say                     func(format string, args ...any)

	database  devstack.DatabaseOptions
	direct    *url.URL
	secret    string
	bug       string // the setting of a deliberate bug
	hub       string // our address, at which every process finds us
	islands   map[string]*island.Island
	offsets   map[string]int
	claims    []io.Closer
	processes map[string]*Process

	mu     sync.Mutex
	server *devstack.Database
	tally  Tally
	calm   map[string]bool // processes that are to meet no crash points
	chance Chance          // nil: nobody is to meet any
}

// New starts the database, the broker and the paths below dir, and no service yet;
// Launch does. What it has started it stops again if it fails.
func New(ctx context.Context, b *harness.Bench, dir string) (*Fleet, error) {
	f := &Fleet{
		dir: dir, tenor: b.Tenor, child: b.Child, say: b.Progress, Network: newNetwork(), processes: map[string]*Process{},
		tally: newTally(), bug: mutant.Env + "=" + b.Mutant, offsets: map[string]int{}, calm: map[string]bool{},
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
	if err := f.startServers(ctx); err != nil {
		return nil, errors.Join(err, f.Stop())
	}
	return f, nil
}

// startServers starts what the services stand on.
func (f *Fleet) startServers(ctx context.Context) error {
	err := f.spread(ctx)
	if err != nil {
		return err
	}
	f.database = devstack.DatabaseOptions{
		Dir: filepath.Join(f.dir, "stack"), Port: portDatabase + f.offsets[Identity],
		Log: func(line string) { f.say("%s", line) },
	}
	if f.server, err = devstack.StartDatabase(ctx, f.database); err != nil {
		return err
	}
	f.database.Log = nil // it starts often from now on
	if f.direct, err = url.Parse(f.server.DSN); err != nil {
		return fmt.Errorf("parsing DSN: %w", err)
	}
	if f.Proxy, err = pgfault.Start(ctx, f.direct.Host); err != nil {
		return err
	}
	raw := make([]byte, privacy.KeyBytes)
	_, _ = rand.Read(raw) // never fails
	f.secret = "drill:" + hex.EncodeToString(raw)
	if f.Keys, err = privacy.NewKeyring(f.secret, rand.Reader); err != nil {
		return err
	}
	if err := f.isolate(ctx); err != nil {
		return err
	}
	return f.startBroker(ctx, portBroker+f.offsets[Identity])
}

// isolate gives the islanders their islands, where any can be made.
func (f *Fleet) isolate(ctx context.Context) error {
	islands, err := island.New(ctx, len(islanders))
	if errors.Is(err, island.ErrNone) {
		f.hub, f.Partitions = "127.0.0.1", fmt.Sprintf("Toxiproxy, which takes packets in and breaks connections: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	f.Partitions = "network namespaces: packets are dropped, and connections may go on"
	f.hub, f.islands = islands[0].Near().String(), map[string]*island.Island{}
	for i, name := range islanders {
		f.islands[name] = islands[i]
	}
	return nil
}

// Process is the process of that name: see the constants.
func (f *Fleet) Process(name string) *Process { return f.processes[name] }

// DirectDSN leads to a database past every fault.
func (f *Fleet) DirectDSN(database string) string {
	dsn := *f.direct
	dsn.Path = "/" + database
	return dsn.String()
}

// Arm lets the chance decide which processes that start from now on meet a crash
// point; with nil none does.
func (f *Fleet) Arm(chance Chance) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.chance = chance
}

// Calm keeps crash points from processes that start from now on, or no longer does.
func (f *Fleet) Calm(calm bool, names ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range names {
		f.calm[name] = calm
	}
}

// arm picks a crash point for a process that is about to start: the one that was
// met least so far. It is "" for none.
func (f *Fleet) arm(p *Process) (point string, nth int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calm[p.name] || len(p.points.names) == 0 || f.chance == nil {
		return "", 0
	}
	least := slices.MinFunc(p.points.names, func(a, b string) int {
		return cmp.Compare(f.tally.Deaths[a], f.tally.Deaths[b])
	})
	nth, yes := f.chance(f.tally.Deaths[least], p.points.most)
	if !yes {
		return "", 0
	}
	return least, nth
}

// Crash ends the database server by a signal and starts it again on its data; it returns
// when the server answers.
func (f *Fleet) Crash(ctx context.Context, signal syscall.Signal) error {
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
			f.Recovered("database", time.Since(begun))
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

// Stop ends everything, in order. It may be called once.
func (f *Fleet) Stop() error {
	var errs []error
	for _, name := range []string{Effects, Notify, CoreA, CoreB, Identity, Broker} {
		if p := f.processes[name]; p != nil {
			errs = append(errs, p.end())
		}
	}
	for _, claim := range f.claims {
		_ = claim.Close() // it only listened
	}
	f.Network.close()
	for _, own := range f.islands {
		errs = append(errs, own.Close())
	}
	if f.Proxy != nil {
		f.Proxy.Close()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.server != nil {
		errs = append(errs, f.server.Stop())
	}
	return errors.Join(errs...)
}
