package devstack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
)

// Where FreePorts looks: below the ports that systems give to outgoing
// connections and to listeners that name none (from 32768 on Linux, from 49152
// elsewhere), and beside the ranges of the services, which end in 00 to 14 and 99.
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
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
