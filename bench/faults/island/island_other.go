//go:build !linux

package island

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
)

// Island is a network with one cable.
type Island struct{}

// New returns ErrNone.
func New(context.Context, int) ([]*Island, error) {
	return nil, fmt.Errorf("%w on %s", ErrNone, runtime.GOOS)
}

// Near is never called, for there are none.
func (*Island) Near() netip.Addr { return netip.Addr{} }

// Far is never called, for there are none.
func (*Island) Far() netip.Addr { return netip.Addr{} }

// Enter is never called, for there are none.
func (*Island) Enter(func() error) error { return ErrNone }

// Cut is never called, for there are none.
func (*Island) Cut(string, string, Loss) error { return ErrNone }

// Heal is never called, for there are none.
func (*Island) Heal(string) error { return ErrNone }

// Close is never called, for there are none.
func (*Island) Close() error { return nil }
