package gateway

import (
	"container/list"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits of the limiters themselves.
const (
	// limitersMax bounds the memory of each set of limiters. Whoever has been
	// quiet longest is forgotten first, and begins with a full bucket again.
	limitersMax = 50_000
	// addressFactor is how much more than one client a whole address may send:
	// an office behind one address has many clients.
	addressFactor = 4
	// ipv6Bits is what one subscriber has: limits hold for all of it together.
	ipv6Bits = 64
)

// quota is one kind of limit and the state of everybody under it: a token
// bucket each.
type quota struct {
	name  string
	limit rate.Limit
	burst int
	max   int

	mu    sync.Mutex
	byKey map[string]*list.Element
	order *list.List // most recently used first
}

type bucket struct {
	key     string
	limiter *rate.Limiter
}

func newQuota(name string, limit rate.Limit, burst int) *quota {
	return &quota{
		name: name, limit: limit, burst: burst, max: limitersMax,
		byKey: make(map[string]*list.Element), order: list.New(),
	}
}

func (q *quota) limiter(key string) *rate.Limiter {
	q.mu.Lock()
	defer q.mu.Unlock()
	if element, ok := q.byKey[key]; ok {
		q.order.MoveToFront(element)
		return element.Value.(*bucket).limiter //nolint:errcheck // the list holds nothing else
	}
	fresh := &bucket{key: key, limiter: rate.NewLimiter(q.limit, q.burst)}
	q.byKey[key] = q.order.PushFront(fresh)
	if q.order.Len() > q.max {
		oldest := q.order.Back()
		q.order.Remove(oldest)
		delete(q.byKey, oldest.Value.(*bucket).key) //nolint:errcheck // as above
	}
	return fresh.limiter
}

// admit takes one request from the bucket of key, and tells the client in the
// headers of the IETF draft "RateLimit header fields" what is left. When
// nothing is left it also says how long to wait.
func (q *quota) admit(header http.Header, key string, now time.Time) bool {
	limiter := q.limiter(key)
	admitted := limiter.AllowN(now, 1)
	left := math.Max(0, limiter.TokensAt(now))
	window := math.Ceil(float64(q.burst) / float64(q.limit))
	next := math.Ceil((math.Floor(left) + 1 - left) / float64(q.limit))
	header.Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%.0f", q.name, q.burst, window))
	header.Set("RateLimit", fmt.Sprintf("%q;r=%.0f;t=%.0f", q.name, math.Floor(left), next))
	if !admitted {
		header.Set("Retry-After", strconv.FormatFloat(math.Max(1, next), 'f', 0, 64))
	}
	return admitted
}

// peer is the address that a request comes from. Behind a proxy of ours it is
// the one that the proxy has added to X-Forwarded-For: the last. Everything
// before it is the client's own words.
func peer(r *http.Request, trustedProxy bool) netip.Addr {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	if trustedProxy {
		if values := r.Header.Values("X-Forwarded-For"); len(values) > 0 {
			last := values[len(values)-1]
			host = strings.TrimSpace(last[strings.LastIndex(last, ",")+1:])
		}
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}

// addressKey names the bucket of an address.
func addressKey(address netip.Addr) string {
	if address.Is6() {
		prefix, err := address.Prefix(ipv6Bits)
		if err == nil {
			return prefix.String()
		}
	}
	return address.String()
}
