package ledgerdb

import (
	"context"
	"maps"
	"sync"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/ledger"
)

// accountCacheMax bounds the accounts that are remembered per database.
const accountCacheMax = 200_000

// places is what a transaction of internal/database offers beside SQL. Reading
// an account that others insert beside makes serializable transactions
// conflict, so posting reads only accounts of which neither knows.
type places interface {
	Local() *sync.Map
	Shared() *sync.Map
}

type (
	openedKey struct{}
	cacheKey  struct{}
	// chartKey is for a currency whose chart is known to exist.
	chartKey struct{ currency money.Currency }
)

// noteOpened remembers the accounts that this very transaction has opened.
func noteOpened(tx database.Tx, accounts []ledger.Account, fresh map[uuid.UUID]bool) {
	place, ok := tx.(places)
	if !ok || len(fresh) == 0 {
		return
	}
	value, _ := place.Local().LoadOrStore(openedKey{}, map[uuid.UUID]ledger.Account{})
	opened := value.(map[uuid.UUID]ledger.Account) //nolint:errcheck // nobody else has this key
	for _, a := range accounts {
		if fresh[a.ID()] {
			a.Closed = false
			opened[a.ID()] = a
		}
	}
}

// forgetOpened is for accounts that are changed after they were opened.
func forgetOpened(tx database.Tx) {
	if place, ok := tx.(places); ok {
		place.Local().Delete(openedKey{})
	}
}

// loadAccounts finds accounts among those that this transaction opened, those
// that earlier ones read at the same epoch, and in the database.
func loadAccounts(
	ctx context.Context, tx database.Tx, epoch int64, ids []uuid.UUID,
) (map[uuid.UUID]ledger.Account, error) {
	place, ok := tx.(places)
	if !ok {
		return Accounts(ctx, tx, ids...)
	}
	value, _ := place.Shared().LoadOrStore(cacheKey{}, &accountCache{})
	cache := value.(*accountCache) //nolint:errcheck // nobody else has this key
	var opened map[uuid.UUID]ledger.Account
	if value, ok := place.Local().Load(openedKey{}); ok {
		opened = value.(map[uuid.UUID]ledger.Account) //nolint:errcheck // nobody else has this key
	}
	found, missing := cache.lookup(epoch, opened, ids)
	if len(missing) == 0 {
		return found, nil
	}
	read, err := Accounts(ctx, tx, missing...)
	if err != nil {
		return nil, err
	}
	maps.Copy(found, read)
	tx.AfterCommit(func() { cache.keep(epoch, read) }) // what an attempt reads in vain may never have been
	return found, nil
}

// accountCache keeps accounts between transactions. An account is fixed but for
// closed, and whoever changes that moves the epoch, which every posting
// transaction reads: accounts that were read in a committed transaction at an
// epoch are true in each transaction that sees the same epoch.
type accountCache struct {
	mu       sync.RWMutex
	epoch    int64
	accounts map[uuid.UUID]ledger.Account
}

func (c *accountCache) lookup(
	epoch int64, opened map[uuid.UUID]ledger.Account, ids []uuid.UUID,
) (map[uuid.UUID]ledger.Account, []uuid.UUID) {
	found := make(map[uuid.UUID]ledger.Account, len(ids))
	var missing []uuid.UUID
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, id := range ids {
		account, ok := opened[id]
		if !ok && epoch == c.epoch {
			account, ok = c.accounts[id]
		}
		if !ok {
			missing = append(missing, id)
			continue
		}
		found[id] = account
	}
	return found, missing
}

func (c *accountCache) keep(epoch int64, accounts map[uuid.UUID]ledger.Account) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch < c.epoch {
		return
	}
	if epoch > c.epoch || c.accounts == nil || len(c.accounts)+len(accounts) > accountCacheMax {
		c.epoch, c.accounts = epoch, make(map[uuid.UUID]ledger.Account, len(accounts))
	}
	for id, a := range accounts {
		a.Metadata = nil // posting does not look at it
		c.accounts[id] = a
	}
}
