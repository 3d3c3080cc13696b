package devstack

import (
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
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

// The ranges of these tests, below the ports that systems give to outgoing
// connections. Others may run the same tests at the same time.
const (
	claimWidth = 5
	claimFrom  = 31_600
	claimUntil = 32_600
)

// claimAny claims a range that nobody else has.
func claimAny(t *testing.T) (first int, claim io.Closer) {
	t.Helper()
	for first := claimFrom; first < claimUntil; first += claimWidth {
		claim, err := ClaimPorts(t.Context(), first, first+claimWidth-1)
		if err == nil {
			return first, claim
		}
		if !errors.Is(err, ErrPortTaken) {
			t.Error(err)
		}
	}
	t.Error("no free range of ports")
	return 0, io.NopCloser(nil)
}

// TestNobodySharesAClaim has many look for ranges in the same order at once, as
// platforms do that start together.
func TestNobodySharesAClaim(t *testing.T) {
	t.Parallel()
	const claimants = 20
	var mu sync.Mutex
	var all sync.WaitGroup
	claims := map[int]io.Closer{}
	for range claimants {
		all.Go(func() {
			first, claim := claimAny(t)
			mu.Lock()
			defer mu.Unlock()
			if claims[first] != nil {
				t.Errorf("two have the ports from %d on", first)
			}
			claims[first] = claim
		})
	}
	all.Wait()
	for _, claim := range claims {
		if err := claim.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestARangeWithATakenPortIsLeftAlone: it is refused, and nothing of it stays claimed.
func TestARangeWithATakenPortIsLeftAlone(t *testing.T) {
	t.Parallel()
	taken, own := claimAny(t)
	defer func() { _ = own.Close() }()
	first := taken - claimWidth + 1
	if _, err := ClaimPorts(t.Context(), first, taken); !errors.Is(err, ErrPortTaken) {
		t.Errorf("a range with a taken port: %v", err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) { // others may look there for a moment
		listener, err := listenLoopback(t.Context(), first)
		if err == nil {
			if err := listener.Close(); err != nil {
				t.Error(err)
			}
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the first port stays claimed: %v", err)
		}
	}
}
