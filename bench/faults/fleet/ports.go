package fleet

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"

	"github.com/tenor-lending/tenor/internal/devstack"
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
	// The database server and the broker have ports of the range of the identity
	// service: what is claimed nobody else takes while they are down.
	portDatabase = 8015
	portBroker   = 8016
	portLast     = portBroker
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
		var claim io.Closer
		for ; claim == nil && len(tries) > 0; tries = tries[1:] {
			f.offsets[name] = offsetFirst + tries[0]*offsetStep
			var err error
			claim, err = devstack.ClaimPorts(ctx, portClaim+f.offsets[name], portLast+f.offsets[name])
			if err != nil && !errors.Is(err, devstack.ErrPortTaken) {
				return err
			}
		}
		if claim == nil {
			return errors.New("no free ranges of ports")
		}
		f.claims = append(f.claims, claim)
	}
	return nil
}
