package faults

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// network holds the TCP paths of a drill, each through a proxy that can spoil it.
type network struct {
	server *toxiproxy.ApiServer
	mu     sync.Mutex
	links  map[string]*toxiproxy.Proxy
}

func newNetwork() *network {
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxics write to a logger of their own
	return &network{
		server: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.New(io.Discard)),
		links:  map[string]*toxiproxy.Proxy{},
	}
}

// link opens a path to upstream and returns the address to connect to.
func (n *network) link(name, upstream string) (string, error) {
	proxy := toxiproxy.NewProxy(n.server, name, "127.0.0.1:0", upstream)
	if err := proxy.Start(); err != nil {
		return "", fmt.Errorf("opening path %s: %w", name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[name] = proxy
	return proxy.Listen, nil
}

// toxic is one way to spoil a path, in the words of Toxiproxy.
type toxic struct {
	name, kind, direction, attributes string
}

// The ways. A partition drops everything on the path, in one direction or both,
// and has connections break when it heals.
var (
	partition = []toxic{
		{"cut-down", "timeout", "downstream", `{"timeout":0}`}, {"cut-up", "timeout", "upstream", `{"timeout":0}`},
	}
	deaf     = []toxic{{"deaf", "timeout", "downstream", `{"timeout":0}`}}
	mute     = []toxic{{"mute", "timeout", "upstream", `{"timeout":0}`}}
	slow     = []toxic{{"slow", "latency", "downstream", `{"latency":30,"jitter":25}`}}
	narrow   = []toxic{{"narrow", "bandwidth", "downstream", `{"rate":64}`}}
	lingers  = []toxic{{"lingers", "slow_close", "downstream", `{"delay":700}`}}
	resets   = []toxic{{"resets", "reset_peer", "downstream", `{"timeout":20}`}}
	severals = [][]toxic{slow, narrow, lingers, resets}
)

// spoil adds toxics to a path; heal takes them away.
func (n *network) spoil(name string, toxics []toxic) error {
	for _, t := range toxics {
		text := fmt.Sprintf(`{"name":%q,"type":%q,"stream":%q,"toxicity":1,"attributes":%s}`,
			t.name, t.kind, t.direction, t.attributes)
		if _, err := n.proxy(name).Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
			return fmt.Errorf("spoiling path %s: %w", name, err)
		}
	}
	return nil
}

func (n *network) heal(ctx context.Context, name string) { n.proxy(name).Toxics.ResetToxics(ctx) }

func (n *network) healAll(ctx context.Context) {
	for _, name := range n.names("") {
		n.heal(ctx, name)
	}
}

// names lists the paths with the prefix.
func (n *network) names(prefix string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var names []string
	for name := range n.links {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	return names
}

func (n *network) proxy(name string) *toxiproxy.Proxy {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.links[name]
}

func (n *network) close() {
	for _, name := range n.names("") {
		n.proxy(name).Stop()
	}
}
