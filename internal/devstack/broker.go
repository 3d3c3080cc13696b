package devstack

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kfake"
)

// brokerClusterID tells a client which kind of cluster it talks to.
const brokerClusterID = "tenor-embedded"

// BrokerPartitions is how many partitions topics of the embedded broker have, unless
// their creator names another number. It syncs two files for each partition to which
// a request writes, and those who share its events are processes of one machine.
const BrokerPartitions = 2

// BrokerOptions says which broker to start.
type BrokerOptions struct {
	// Seeds of a running cluster: used as they are, nothing is started.
	Seeds []string
	// Dir keeps topics, records and group offsets between runs, with every
	// record on disk before it is acknowledged. Empty means memory only.
	Dir string
	// Port on 127.0.0.1; zero picks a free one.
	Port int
	// Advertise is the host:port that clients are told to speak to, a proxy
	// before the broker; empty is the broker itself.
	Advertise string
}

// Broker is a running Kafka API endpoint.
type Broker struct {
	// Seeds are the addresses to give to Kafka clients.
	Seeds []string
	// Source says in words what the broker is.
	Source string

	cluster *kfake.Cluster
	inst    *instance
}

// StartBroker returns the given seeds, or starts the embedded broker: one
// process-internal node that speaks the Kafka protocol. Topics are made by
// those who use them; a request for an unknown topic does not make one. Call
// Stop to end it.
func StartBroker(ctx context.Context, opts BrokerOptions) (*Broker, error) {
	if len(opts.Seeds) > 0 {
		return &Broker{Seeds: opts.Seeds, Source: "the given seeds"}, nil
	}
	settings := []kfake.Opt{
		kfake.Ports(opts.Port), // one node; port zero asks the kernel
		kfake.ClusterID(brokerClusterID),
		kfake.DefaultNumPartitions(BrokerPartitions),
	}
	if opts.Advertise != "" {
		address, err := net.ResolveTCPAddr("tcp", opts.Advertise)
		if err != nil {
			return nil, fmt.Errorf("address to advertise: %w", err)
		}
		settings = append(settings, kfake.ListenFn(func(network, at string) (net.Listener, error) {
			listener, err := net.Listen(network, at) //nolint:noctx // it lives as long as the broker
			return advertised{listener, address}, err
		}))
	}
	broker := &Broker{Source: "the embedded broker, in memory"}
	if opts.Dir != "" {
		dir, err := keptDir(ctx, account{}, opts.Dir, "broker")
		if err != nil {
			return nil, err
		}
		broker.inst, err = takeDir(dir)
		if err != nil {
			return nil, err
		}
		settings = append(settings, kfake.DataDir(broker.inst.path("data")), kfake.SyncWrites())
		broker.Source = "the embedded broker, in " + dir
	}
	cluster, err := kfake.NewCluster(settings...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the embedded broker: %w", err), broker.Stop())
	}
	broker.cluster = cluster
	broker.Seeds = cluster.ListenAddrs()
	return broker, nil
}

// advertised is a listener that names another address than its own.
type advertised struct {
	net.Listener
	address net.Addr
}

// Addr implements net.Listener.
func (a advertised) Addr() net.Addr { return a.address }

// Stop ends the embedded broker, writing what is not yet on disk. Given seeds
// are left alone. Stop may be called more than once.
func (b *Broker) Stop() error {
	if b.cluster != nil {
		b.cluster.Close()
		b.cluster = nil
	}
	if b.inst == nil {
		return nil
	}
	inst := b.inst
	b.inst = nil
	return inst.release()
}
