package island

import (
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
)

// Where a packet has what a rule looks at: in the header of IPv4, and of TCP.
const (
	sourceAddress, targetAddress = 12, 16
	sourcePort, targetPort       = 0, 2
	addressBytes, portBytes      = 4, 2
)

// Cut drops what goes from the island to an address and port of ours, or comes
// from there, or both, until Heal. A path that is cut already is an error.
func (i *Island) Cut(name, address string, loss Loss) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address of path %s: %w", name, err)
	}
	conn, err := nftables.New(nftables.WithNetNSFd(int(i.ns)))
	if err != nil {
		return fmt.Errorf("cutting path %s: %w", name, err)
	}
	table := conn.CreateTable(&nftables.Table{Name: name, Family: nftables.TableFamilyIPv4})
	drop := func(chain string, hook *nftables.ChainHook, addressAt, portAt uint32) {
		conn.AddRule(&nftables.Rule{
			Table: table,
			Chain: conn.AddChain(&nftables.Chain{
				Name: chain, Table: table, Type: nftables.ChainTypeFilter, Hooknum: hook,
				Priority: nftables.ChainPriorityFilter,
			}),
			Exprs: []expr.Any{
				&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: addressAt, Len: addressBytes},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: at.Addr().AsSlice()},
				&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: portAt, Len: portBytes},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(at.Port())},
				&expr.Verdict{Kind: expr.VerdictDrop},
			},
		})
	}
	if loss.Requests {
		drop("requests", nftables.ChainHookOutput, targetAddress, targetPort)
	}
	if loss.Answers {
		drop("answers", nftables.ChainHookInput, sourceAddress, sourcePort)
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("cutting path %s: %w", name, err)
	}
	return nil
}

// Heal lets everything pass on a path again. A path that was not cut is an error.
func (i *Island) Heal(name string) error {
	conn, err := nftables.New(nftables.WithNetNSFd(int(i.ns)))
	if err != nil {
		return fmt.Errorf("healing path %s: %w", name, err)
	}
	conn.DelTable(&nftables.Table{Name: name, Family: nftables.TableFamilyIPv4})
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("healing path %s: %w", name, err)
	}
	return nil
}
