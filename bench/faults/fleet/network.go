package fleet

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/tenor-lending/tenor/bench/faults/island"
)

// Network holds the TCP paths of a drill, each through a proxy that can spoil it.
// Where there are islands, the paths of their processes are cut before the proxy.
type Network struct {
	server *toxiproxy.ApiServer
	mu     sync.Mutex
	links  map[string]*toxiproxy.Proxy
	routes map[string]route
}

// route is a path of a process on an island.
type route struct {
	island *island.Island
	to     string // address and port
}

func newNetwork() *Network {
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxics write to a logger of their own
	return &Network{
		server: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.New(io.Discard)),
		links:  map[string]*toxiproxy.Proxy{}, routes: map[string]route{},
	}
}

// link opens a path to upstream, at an address of ours, and returns it with the
// port to connect to.
func (n *Network) link(name, host, upstream string) (string, error) {
	proxy := toxiproxy.NewProxy(n.server, name, net.JoinHostPort(host, "0"), upstream)
	if err := proxy.Start(); err != nil {
		return "", fmt.Errorf("opening path %s: %w", name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[name] = proxy
	return proxy.Listen, nil
}

// Toxic is one way to spoil a path, in the words of Toxiproxy.
type Toxic struct {
	name, kind, direction, attributes string
}

// The ways.
var (
	// Slow delays answers by 30 ms, 25 more or less; Narrow lets 64 kB a second of
	// them through; Lingers closes connections 700 ms late; Resets breaks them after
	// 20 ms.
	Slow    = []Toxic{{"slow", "latency", "downstream", `{"latency":30,"jitter":25}`}}
	Narrow  = []Toxic{{"narrow", "bandwidth", "downstream", `{"rate":64}`}}
	Lingers = []Toxic{{"lingers", "slow_close", "downstream", `{"delay":700}`}}
	Resets  = []Toxic{{"resets", "reset_peer", "downstream", `{"timeout":20}`}}
)

// Spoil adds toxics to a path until Heal. It is an error if the path has one of
// them already.
func (n *Network) Spoil(name string, toxics []Toxic) error {
	for _, t := range toxics {
		text := fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"toxicity":1,"attributes":%s}`,
			t.name, t.kind, t.direction, t.attributes)
		if _, err := n.proxy(name).Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
			return fmt.Errorf("spoiling path %s: %w", name, err)
		}
	}
	return nil
}

// Heal takes every toxic from a path.
func (n *Network) Heal(ctx context.Context, name string) { n.proxy(name).Toxics.ResetToxics(ctx) }

// Cuts lists the paths with the prefix that can be cut, in alphabetical order: one
// "broker/…" and one "database/…" of each process on an island, and without islands
// those of Names.
func (n *Network) Cuts(prefix string) []string {
	n.mu.Lock()
	routes := maps.Clone(n.routes)
	n.mu.Unlock()
	if len(routes) == 0 {
		return n.Names(prefix)
	}
	return withPrefix(routes, prefix)
}

// Cut makes a path lose packets until Mend. It is an error if it loses some already.
//
// On the path of an island nobody is told, and connections go on when it heals:
// what was sent in vain is sent again by the kernel. Toxiproxy takes everything in
// and has connections break when it heals.
func (n *Network) Cut(name string, loss island.Loss) error {
	if r, ok := n.route(name); ok {
		return r.island.Cut(tableOf(name), r.to, loss)
	}
	var toxics []Toxic
	if loss.Answers {
		toxics = append(toxics, Toxic{"cut-down", "timeout", "downstream", `{"timeout":0}`})
	}
	if loss.Requests {
		toxics = append(toxics, Toxic{"cut-up", "timeout", "upstream", `{"timeout":0}`})
	}
	return n.Spoil(name, toxics)
}

// Mend ends a cut.
func (n *Network) Mend(ctx context.Context, name string) error {
	if r, ok := n.route(name); ok {
		return r.island.Heal(tableOf(name))
	}
	n.Heal(ctx, name)
	return nil
}

// tableOf is the name of the rules that cut a path.
func tableOf(path string) string { return strings.ReplaceAll(path, "/", "-") }

func (n *Network) route(name string) (route, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r, ok := n.routes[name]
	return r, ok
}

// lead notes a path that a process on an island takes.
func (n *Network) lead(name string, from *island.Island, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.routes[name] = route{from, to}
}

// Names lists the paths with the prefix in alphabetical order: "broker", and one
// "database/…" of each process.
func (n *Network) Names(prefix string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return withPrefix(n.links, prefix)
}

func withPrefix[V any](paths map[string]V, prefix string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(paths)), func(name string) bool {
		return !strings.HasPrefix(name, prefix)
	})
}

func (n *Network) proxy(name string) *toxiproxy.Proxy {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.links[name]
}

func (n *Network) close() {
	for _, name := range n.Names("") {
		n.proxy(name).Stop()
	}
}
