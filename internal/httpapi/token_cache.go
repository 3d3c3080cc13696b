package httpapi

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/tenor-lending/tenor/internal/access"
)

// Limits of what is remembered of tokens. A client sends the same token with
// every request of its fifteen minutes, and to check a signature each time costs
// more than the rest of a small request.
const (
	// tokenMemory is how long a verdict holds at most: a key that is withdrawn
	// stops being believed after that, beside the time until it is noticed.
	tokenMemory = 30 * time.Second
	// tokensMax bounds each of two generations.
	tokensMax = 5_000
)

// tokenCache remembers tokens that were found good, by the hash of the whole
// token. Bad ones are not remembered: they would push out the others. When the
// recent generation is full, it becomes the older one, which is dropped.
type tokenCache struct {
	now           func() time.Time
	mu            sync.RWMutex
	recent, older map[[sha256.Size]byte]goodToken
}

type goodToken struct {
	actor access.Actor
	until time.Time
}

func newTokenCache(now func() time.Time) *tokenCache {
	return &tokenCache{now: now, recent: map[[sha256.Size]byte]goodToken{}}
}

func (c *tokenCache) find(sum [sha256.Size]byte) (access.Actor, bool) {
	c.mu.RLock()
	good, ok := c.recent[sum]
	if !ok {
		good, ok = c.older[sum]
	}
	c.mu.RUnlock()
	if !ok || !c.now().Before(good.until) {
		return access.Actor{}, false
	}
	return good.actor, true
}

// keep remembers a good token until it expires, or for tokenMemory.
func (c *tokenCache) keep(sum [sha256.Size]byte, actor access.Actor, expires time.Time) {
	until := c.now().Add(tokenMemory)
	if expires.Before(until) {
		until = expires
	}
	actor.Roles = actor.Roles[:len(actor.Roles):len(actor.Roles)] // whoever appends gets a copy
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.recent) >= tokensMax {
		c.recent, c.older = make(map[[sha256.Size]byte]goodToken, tokensMax), c.recent
	}
	c.recent[sum] = goodToken{actor: actor, until: until}
}
