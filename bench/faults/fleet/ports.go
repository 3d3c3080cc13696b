package fleet

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports of the services, as the table of roles has them.
const (
	portFirst      = 8000
	PortActivation = 8009
	PortRepayment  = 8010
	portNotify     = 8011
	PortLedger     = 8012
	portIdentity   = 8013
	PortCloseOfDay = 8014
	portLast       = PortCloseOfDay
)

const (
	// portClaim is held by the drill itself for as long as the range is its own:
	// the others are free whenever a process is down.
	portClaim   = portFirst - 1
	offsetFirst = 2_000
	offsetStep  = 100
	offsetTries = 200 // all below the ports that systems give to outgoing connections
)

// spread finds a range of ports for each process that serves HTTP.
func (f *Fleet) spread(ctx context.Context) error {
	tries := rand.Perm(offsetTries) //nolint:gosec // so that others who look at the same time look elsewhere
	for _, name := range servers {
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
