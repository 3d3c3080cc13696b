package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"github.com/tenor-lending/tenor/internal/client"
	"github.com/tenor-lending/tenor/internal/devstack"
)

// startBroker starts the broker on a port, behind a path that can be spoiled, and
// returns when it answers.
func (f *Fleet) startBroker(ctx context.Context, port int) error {
	text := strconv.Itoa(port)
	door, err := f.Network.link(Broker, f.hub, net.JoinHostPort("127.0.0.1", text))
	if err != nil {
		return err
	}
	f.Seeds = []string{door}
	for name, own := range f.islands {
		f.Network.lead(Broker+"/"+name, own, door)
	}
	args := []string{ChildCommand, Broker, filepath.Join(f.dir, "stack"), text, door}
	if err := f.add(Broker, f.self, args, crashPoints{}).start(); err != nil {
		return err
	}
	return f.BrokerAnswers(ctx)
}

// BrokerAnswers waits until the broker takes connections. If ctx ends before, the
// error has the last lines of its log.
func (f *Fleet) BrokerAnswers(ctx context.Context) error {
	upstream := f.Network.proxy(Broker).Upstream
	err := client.Poll(ctx, "the broker", readyLook, func() (bool, error) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", upstream)
		if err != nil {
			return false, nil // not yet
		}
		return true, conn.Close()
	})
	if err != nil {
		return fmt.Errorf("%w: %s", err, tailOf(f.processes[Broker].log))
	}
	return nil
}

// ServeBroker is the process of the broker, until ctx ends. The arguments are those
// of startBroker: its directory, its port, and the address that clients are told.
func ServeBroker(ctx context.Context, args []string) error {
	if len(args) != 3 {
		return errors.New("the broker wants a directory, a port and an address")
	}
	port, err := strconv.Atoi(args[1])
	if err != nil {
		return fmt.Errorf("port of the broker: %w", err)
	}
	b, err := devstack.StartBroker(ctx, devstack.BrokerOptions{Dir: args[0], Port: port, Advertise: args[2]})
	if err != nil {
		return err
	}
	<-ctx.Done()
	return b.Stop()
}
