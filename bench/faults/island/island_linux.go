package island

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

const (
	// first and blocks are the addresses from which an archipelago takes a block:
	// 198.18.0.0/15, which RFC 2544 keeps for measurements of networks.
	first  = "198.18.0.0"
	blocks = 1 << (17 - blockBits)
	// A block has 1<<blockBits addresses, of which a cable takes cableSize.
	blockBits = 6
	cableSize = 4
	cableMask = 30
	// islandsMax bounds the islands of a block.
	islandsMax = 1 << blockBits / cableSize
	// blocksTried bounds the search for a block that nobody else has.
	blocksTried = 16
	// proofLimit is how long the first connection over a cable may take.
	proofLimit = 5 * time.Second
)

// Island is a network with one cable.
type Island struct {
	ns        netns.NsHandle
	cable     netlink.Link
	near, far netip.Addr
}

// New makes islands, or returns [ErrNone] with the reason: each can reach us, and
// we it, at the addresses that it tells. Close ends them.
func New(ctx context.Context, count int) ([]*Island, error) {
	if count > islandsMax {
		return nil, fmt.Errorf("%d islands, of which a block has %d", count, islandsMax)
	}
	for range blocksTried {
		islands, free, err := settle(rand.IntN(blocks), count) //nolint:gosec // so that others look elsewhere
		if err == nil && free {
			if err = prove(ctx, islands); err == nil {
				return islands, nil
			}
		}
		err = errors.Join(err, closeAll(islands))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNone, err)
		}
	}
	return nil, fmt.Errorf("%w: no free addresses from %s on", ErrNone, first)
}

// settle makes the islands of a block, unless somebody else has an address in it.
func settle(block, count int) (islands []*Island, free bool, err error) {
	base := netip.MustParseAddr(first).As4()
	at := uint32(block) << blockBits
	whole := netip.PrefixFrom(offset(base, at), 32-blockBits)
	for i := range count {
		low := at + uint32(i)*cableSize
		made, err := newIsland(offset(base, low+1), offset(base, low+2))
		if err != nil {
			return islands, false, err
		}
		islands = append(islands, made)
	}
	addresses, err := netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return islands, false, fmt.Errorf("listing addresses: %w", err)
	}
	taken := 0
	for _, a := range addresses {
		if ip, ok := netip.AddrFromSlice(a.IP.To4()); ok && whole.Contains(ip) {
			taken++
		}
	}
	return islands, taken == count, nil
}

func offset(base [4]byte, by uint32) netip.Addr {
	base[1] += byte(by >> 16)
	base[2] += byte(by >> 8)
	base[3] += byte(by)
	return netip.AddrFrom4(base)
}

func newIsland(near, far netip.Addr) (_ *Island, err error) {
	i := &Island{near: near, far: far, ns: netns.None()}
	defer func() {
		if err != nil {
			err = errors.Join(err, i.Close())
		}
	}()
	if err := elsewhere(func() (err error) { i.ns, err = netns.New(); return err }); err != nil {
		return nil, fmt.Errorf("making a network namespace: %w", err)
	}
	name := fmt.Sprintf("drill-%08x", rand.Uint32()) //nolint:gosec // unlike others, not secret
	cable := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name, PeerNamespace: netlink.NsFd(i.ns),
	}
	if err := netlink.LinkAdd(cable); err != nil {
		return nil, fmt.Errorf("making a cable: %w", err)
	}
	i.cable = cable
	here, err := netlink.NewHandle()
	if err != nil {
		return nil, fmt.Errorf("configuring a cable: %w", err)
	}
	defer here.Close()
	there, err := netlink.NewHandleAt(i.ns)
	if err != nil {
		return nil, fmt.Errorf("configuring a network namespace: %w", err)
	}
	defer there.Close()
	if err := plug(here, name, near); err != nil {
		return nil, err
	}
	if err := plug(there, name, far); err != nil {
		return nil, err
	}
	if err := up(there, "lo"); err != nil {
		return nil, err
	}
	// All our addresses are at the other end of the cable.
	if err := there.RouteAdd(&netlink.Route{Gw: near.AsSlice()}); err != nil {
		return nil, fmt.Errorf("routing through the cable: %w", err)
	}
	return i, nil
}

// plug gives an end of a cable its address.
func plug(h *netlink.Handle, name string, address netip.Addr) error {
	link, err := h.LinkByName(name)
	if err != nil {
		return fmt.Errorf("looking for the end of a cable: %w", err)
	}
	subnet := &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(cableMask, 32)}
	if err := h.AddrAdd(link, &netlink.Addr{IPNet: subnet}); err != nil {
		return fmt.Errorf("giving %s its address: %w", name, err)
	}
	return up(h, name)
}

func up(h *netlink.Handle, name string) error {
	link, err := h.LinkByName(name)
	if err == nil {
		err = h.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("setting %s up: %w", name, err)
	}
	return nil
}

// elsewhere runs a function on a thread that may change its network, and brings
// the thread back. To let it die instead would end the processes that it started:
// the kernel takes the death of the thread for that of their parent.
func elsewhere(run func() error) error {
	runtime.LockOSThread()
	home, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() { _ = home.Close() }() // it was only read
	err = run()
	if !isHome(home) {
		if back := netns.Set(home); back != nil {
			panic(fmt.Sprintf("a thread stays in another network: %v", back))
		}
	}
	runtime.UnlockOSThread()
	return err
}

// isHome tells whether the thread is in that network: who may not leave it may not
// enter it either.
func isHome(home netns.NsHandle) bool {
	here, err := netns.Get()
	if err != nil {
		return false
	}
	defer func() { _ = here.Close() }() // it was only read
	return here.Equal(home)
}

// Near is our address, as the island has it; the others of ours it reaches as well.
func (i *Island) Near() netip.Addr { return i.near }

// Far is the island's address.
func (i *Island) Far() netip.Addr { return i.far }

// Enter runs a function in the island's network, for its thread and the processes
// that it starts. It must start no goroutine that relies on it.
func (i *Island) Enter(run func() error) error {
	return elsewhere(func() error {
		if err := netns.Set(i.ns); err != nil {
			return fmt.Errorf("entering a network namespace: %w", err)
		}
		return run()
	})
}

// Close takes the cable away, and the network once its last process is gone. It
// may be called more than once.
func (i *Island) Close() error {
	var errs []error
	if i.cable != nil {
		errs = append(errs, netlink.LinkDel(i.cable))
		i.cable = nil
	}
	if i.ns.IsOpen() {
		errs = append(errs, i.ns.Close())
	}
	return errors.Join(errs...)
}

func closeAll(islands []*Island) error {
	var errs []error
	for _, i := range islands {
		errs = append(errs, i.Close())
	}
	return errors.Join(errs...)
}

// prove makes a connection from each island to the first one's address of ours, and
// makes and removes the rules of a cut, so that whoever has islands can use them.
func prove(ctx context.Context, islands []*Island) error {
	ctx, cancel := context.WithTimeout(ctx, proofLimit)
	defer cancel()
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(islands[0].near.String(), "0"))
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // it only listened
	for _, i := range islands {
		if err := i.dial(ctx, listener.Addr().String()); err != nil {
			return fmt.Errorf("an island cannot reach us: %w", err)
		}
		if err := i.Cut("proof", listener.Addr().String(), Loss{Requests: true, Answers: true}); err != nil {
			return err
		}
		if err := i.Heal("proof"); err != nil {
			return err
		}
	}
	return nil
}

// dial makes a connection from the island and ends it.
func (i *Island) dial(ctx context.Context, address string) error {
	return i.Enter(func() error {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp4", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}
