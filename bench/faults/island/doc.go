// Package island puts a process into a network of its own, whose only way out is a
// cable to us, and takes single paths through that cable away: packets are dropped,
// nobody is told, and connections that live long enough go on when the path heals.
//
// It owns network namespaces, the cables (veth pairs) and the rules (nftables) in
// them. It needs Linux and the right to make them, which is root's; [New] says why
// there are none otherwise. A namespace has no name and a cable no end without its
// namespace: the kernel takes both away with the last process that uses them,
// however that one dies.
//
// It must not know what a drill is, nor change anything of the machine's own
// network but add its end of each cable.
package island

import "errors"

// ErrNone means that no islands can be made here.
var ErrNone = errors.New("no network namespaces")

// Loss says what a path loses while it is cut.
type Loss struct {
	// Requests are the packets to the address, Answers those from it.
	Requests, Answers bool
}
