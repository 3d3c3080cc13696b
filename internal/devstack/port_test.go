package devstack

import (
	"net"
	"slices"
	"strconv"
	"testing"
)

func TestFreePorts(t *testing.T) {
	t.Parallel()
	const n = 50
	ports, err := FreePorts(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if distinct := slices.Compact(slices.Sorted(slices.Values(ports))); len(distinct) != n {
		t.Errorf("%d different ports of %d", len(distinct), n)
	}
	for _, port := range ports {
		if place := port % 100; port < 10_000 || port >= 32_768 || place < 20 || place > 94 {
			t.Errorf("port %d is where systems or services have theirs", port)
		}
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0])))
	if err != nil {
		t.Fatal(err)
	}
	if portFree(t.Context(), ports[0]) {
		t.Error("a port in use is called free")
	}
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
}
