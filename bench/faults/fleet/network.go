package fleet

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Network holds the TCP paths of a drill, each through a proxy that can spoil it.
type Network struct {
	server *toxiproxy.ApiServer
	mu     sync.Mutex
	links  map[string]*toxiproxy.Proxy
}

func newNetwork() *Network {
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxics write to a logger of their own
	return &Network{
		server: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.New(io.Discard)),
		links:  map[string]*toxiproxy.Proxy{},
	}
}

// link opens a path to upstream and returns the address to connect to.
func (n *Network) link(name, upstream string) (string, error) {
	proxy := toxiproxy.NewProxy(n.server, name, "127.0.0.1:0", upstream)
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

// The ways. A partition drops everything on the path, in one direction or both,
// and has connections break when it heals.
var (
	// Partition drops both directions, Deaf only the answers, Mute only the requests.
	Partition = []Toxic{
		{"cut-down", "timeout", "downstream", `{"timeout":0}`}, {"cut-up", "timeout", "upstream", `{"timeout":0}`},
	}
	Deaf = []Toxic{{"deaf", "timeout", "downstream", `{"timeout":0}`}}
	Mute = []Toxic{{"mute", "timeout", "upstream", `{"timeout":0}`}}

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

// HealAll takes every toxic from every path.
func (n *Network) HealAll(ctx context.Context) {
	for _, name := range n.Names("") {
		n.Heal(ctx, name)
	}
}

// Names lists the paths with the prefix in alphabetical order: "broker", and one
// "database/…" of each process.
func (n *Network) Names(prefix string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(n.links)) {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
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
