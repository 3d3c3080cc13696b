package devstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
)

// Where FreePorts looks: below the ports that systems give to outgoing
// connections and to listeners that name none (from 32768 on Linux, from 49152
// elsewhere), and beside the ranges of the services, which end in 00 to 16 and 99.
const (
	portHundredFirst = 100
	portHundreds     = 200
	portInHundred    = 20
	portsOfHundred   = 75
	portTries        = 1_000
)

// FreePorts returns n different ports on the loopback that nobody uses now. The
// system gives them to nobody either, so that a server which is to be found again
// at its port, after a pause or a crash, finds it free.
func FreePorts(ctx context.Context, n int) ([]int, error) {
	var ports []int
	for range portTries {
		if len(ports) == n {
			return ports, nil
		}
		hundred := portHundredFirst + rand.IntN(portHundreds)           //nolint:gosec // spreads, guards nothing
		port := hundred*100 + portInHundred + rand.IntN(portsOfHundred) //nolint:gosec // as above
		if !slices.Contains(ports, port) && portFree(ctx, port) {
			ports = append(ports, port)
		}
	}
	return nil, fmt.Errorf("looking for %d free ports: %w", n, errNoPort)
}

var errNoPort = errors.New("all that were tried are in use")

func portFree(ctx context.Context, port int) bool {
	listener, err := listenLoopback(ctx, port)
	return err == nil && listener.Close() == nil
}

// ErrPortTaken means that a port of a range is in use, or that somebody else has
// claimed the range.
var ErrPortTaken = errors.New("a port of the range is taken")

// ClaimPorts claims the ports from first to last on the loopback, until the claim is
// closed. It holds the first one and has seen that the others are free: of all who
// claim the same range by the same first port one alone has it, also while those
// that are to listen there have not started yet. The error is ErrPortTaken.
func ClaimPorts(ctx context.Context, first, last int) (io.Closer, error) {
	claim, err := listenLoopback(ctx, first)
	if err != nil {
		return nil, err
	}
	for port := first + 1; port <= last; port++ {
		listener, err := listenLoopback(ctx, port)
		if err == nil {
			err = listener.Close()
		}
		if err != nil {
			return nil, errors.Join(err, claim.Close())
		}
	}
	return claim, nil
}

func listenLoopback(ctx context.Context, port int) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPortTaken, err)
	}
	return listener, nil
}
