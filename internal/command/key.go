package command

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/mutant"
)

// How long a duplicate waits for the request that runs: a single one can be
// patient, several at once must not hold each other up.
const (
	lockWait    = `set local lock_timeout = '5s'`
	lockWaitAll = `set local lock_timeout = '1s'`
)

// keyColumns are the keys of commands, as arrays.
type keyColumns struct {
	actors           []uuid.UUID
	operations, keys []string
	hashes           [][]byte
	places           []int
}

// keysOf returns the keys of the commands at the places that have one.
func keysOf(commands []Command, places []int) *keyColumns {
	k := &keyColumns{}
	for _, at := range places {
		c := &commands[at]
		if c.Key.Value == "" {
			continue
		}
		k.actors = append(k.actors, c.Actor.ID)
		k.operations = append(k.operations, c.Name)
		k.keys = append(k.keys, c.Key.Value)
		k.hashes = append(k.hashes, c.Key.RequestHash[:])
		k.places = append(k.places, at)
	}
	return k
}

func every(commands []Command) []int {
	all := make([]int, len(commands))
	for i := range all {
		all[i] = i
	}
	return all
}

// claimAll takes the keys of the commands, which are different ones, for this
// transaction. It returns the places of the commands that are to be run; the
// outcomes of the others are those of an earlier transaction.
func claimAll[T any](
	ctx context.Context, tx database.Tx, commands []Command, now time.Time, outcomes []Outcome[T],
) ([]int, error) {
	all := every(commands)
	keys := keysOf(commands, all)
	if len(keys.keys) == 0 || mutant.NoClaim {
		return all, nil
	}
	claimed, err := claim(ctx, tx, keys, now)
	if database.IsLockTimeout(err) {
		return nil, fmt.Errorf("%s: %w", keys.operations[0], ErrInFlight)
	}
	if err != nil {
		return nil, fmt.Errorf("claiming idempotency keys: %w", err)
	}
	var open, taken []int
	for i := range commands {
		if commands[i].Key.Value == "" || claimed[commands[i].scoped()] {
			open = append(open, i)
		} else {
			taken = append(taken, i)
		}
	}
	return open, recall(ctx, tx, commands, taken, outcomes)
}

// claim inserts the keys and returns those that were free.
func claim(ctx context.Context, tx database.Tx, keys *keyColumns, now time.Time) (map[scopedKey]bool, error) {
	wait := lockWaitAll
	if len(keys.keys) == 1 {
		wait = lockWait
	}
	claimed := make(map[scopedKey]bool, len(keys.keys))
	var statements pgx.Batch
	statements.Queue(wait)
	statements.Queue(`
		insert into idempotency (actor, operation, key, request_hash, outcome, recorded_at)
		select u.actor, u.operation, u.key, u.request_hash, '', $5
		  from unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[]) as u (actor, operation, key, request_hash)
		 order by u.actor, u.operation, u.key
		on conflict (actor, operation, key) do nothing
		returning actor, operation, key`,
		keys.actors, keys.operations, keys.keys, keys.hashes, now).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var k scopedKey
			if err := rows.Scan(&k.actor, &k.operation, &k.key); err != nil {
				return err
			}
			claimed[k] = true
		}
		return rows.Err()
	})
	statements.Queue(lockWait)
	return claimed, tx.SendBatch(ctx, &statements).Close()
}

// recall gives the commands at the places the outcomes that are stored under
// their keys.
func recall[T any](
	ctx context.Context, tx database.Tx, commands []Command, places []int, outcomes []Outcome[T],
) error {
	if len(places) == 0 {
		return nil
	}
	keys := keysOf(commands, places)
	byKey := make(map[scopedKey]int, len(places))
	for _, at := range places {
		byKey[commands[at].scoped()] = at
	}
	rows, err := tx.Query(ctx, `
		select i.actor, i.operation, i.key, i.request_hash, i.outcome
		  from unnest($1::uuid[], $2::text[], $3::text[]) as u (actor, operation, key)
		  join idempotency as i on i.actor = u.actor and i.operation = u.operation and i.key = u.key`,
		keys.actors, keys.operations, keys.keys)
	if err != nil {
		return fmt.Errorf("reading idempotency keys: %w", err)
	}
	defer rows.Close()
	found := 0
	for rows.Next() {
		var k scopedKey
		var hash []byte
		var stored string
		if err := rows.Scan(&k.actor, &k.operation, &k.key, &hash, &stored); err != nil {
			return fmt.Errorf("reading idempotency keys: %w", err)
		}
		found++
		at := byKey[k]
		c, outcome := &commands[at], &outcomes[at]
		if subtle.ConstantTimeCompare(hash, c.Key.RequestHash[:]) != 1 && !mutant.KeyUnbound {
			outcome.Err = errKeyReused(c)
			continue
		}
		if err := json.Unmarshal([]byte(stored), &outcome.Value); err != nil {
			return fmt.Errorf("decoding stored outcome of %s: %w", c.Name, err)
		}
		outcome.Replayed = true
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading idempotency keys: %w", err)
	}
	if found != len(places) { // they were neither free nor there
		return fmt.Errorf("reading idempotency keys: %d of %d: %w", found, len(places), database.ErrNoRows)
	}
	return nil
}

func errKeyReused(c *Command) error { return fmt.Errorf("%s: %w", c.Name, ErrKeyReused) }

// freeKeys gives back the keys of refused commands.
func freeKeys(tx database.Tx, commands []Command, places []int) {
	keys := keysOf(commands, places)
	if len(keys.keys) == 0 {
		return
	}
	tx.Later(database.Write{
		What: "freeing idempotency keys", Rows: database.AnyRows, SQL: `
		delete from idempotency
		 where (actor, operation, key) in (
		       select u.actor, u.operation, u.key
		         from unnest($1::uuid[], $2::text[], $3::text[]) as u (actor, operation, key))`,
		Args: []any{keys.actors, keys.operations, keys.keys},
	})
}

// recordOutcomes stores the outcomes of the commands at the places under the keys
// that they have claimed.
func recordOutcomes[T any](tx database.Tx, commands []Command, places []int, outcomes []Outcome[T]) error {
	keys := keysOf(commands, places)
	if len(keys.keys) == 0 || mutant.Forgetful {
		return nil
	}
	stored, err := encodeOutcomes(commands, keys, outcomes)
	if err != nil {
		return err
	}
	tx.Later(database.Write{
		What: "recording outcomes", Rows: database.AnyRows, SQL: `
		update idempotency
		   set outcome = u.outcome
		  from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as u (actor, operation, key, outcome)
		 where idempotency.actor = u.actor and idempotency.operation = u.operation and idempotency.key = u.key`,
		Args: []any{keys.actors, keys.operations, keys.keys, stored},
	})
	return nil
}

// errTaken means that a key which was taken to be free is not.
var errTaken = errors.New("an idempotency key is taken")

// insertOutcomes claims the keys of the commands at the places and stores their
// outcomes in one go. The transaction fails with errTaken if a key is taken.
func insertOutcomes[T any](
	tx database.Tx, commands []Command, places []int, now time.Time, outcomes []Outcome[T],
) error {
	keys := keysOf(commands, places)
	if len(keys.keys) == 0 {
		return nil
	}
	stored, err := encodeOutcomes(commands, keys, outcomes)
	if err != nil {
		return err
	}
	tx.Later(database.Write{What: "bounding waits", SQL: lockWaitAll, Rows: database.AnyRows})
	tx.Later(database.Write{
		What: "claiming idempotency keys", Rows: int64(len(keys.keys)), Otherwise: errTaken, SQL: `
		insert into idempotency (actor, operation, key, request_hash, outcome, recorded_at)
		select u.actor, u.operation, u.key, u.request_hash, u.outcome, $6
		  from unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::text[])
		       as u (actor, operation, key, request_hash, outcome)
		 order by u.actor, u.operation, u.key
		on conflict (actor, operation, key) do nothing`,
		Args: []any{keys.actors, keys.operations, keys.keys, keys.hashes, stored, now},
	})
	return nil
}

// wantFree returns errTaken if the key of a refused command is taken: then it was
// carried out before, and a refusal is not its answer.
func wantFree(ctx context.Context, tx database.Tx, commands []Command, places []int) error {
	keys := keysOf(commands, places)
	if len(keys.keys) == 0 {
		return nil
	}
	var taken int64
	err := tx.QueryRow(ctx, `
		select count(*)
		  from unnest($1::uuid[], $2::text[], $3::text[]) as u (actor, operation, key)
		  join idempotency as i on i.actor = u.actor and i.operation = u.operation and i.key = u.key`,
		keys.actors, keys.operations, keys.keys).Scan(&taken)
	if err != nil {
		return fmt.Errorf("reading idempotency keys: %w", err)
	}
	if taken > 0 {
		return errTaken
	}
	return nil
}

func encodeOutcomes[T any](commands []Command, keys *keyColumns, outcomes []Outcome[T]) ([]string, error) {
	stored := make([]string, len(keys.keys))
	for i, at := range keys.places {
		if mutant.Forgetful {
			continue
		}
		outcome, err := json.Marshal(outcomes[at].Value)
		if err != nil {
			return nil, fmt.Errorf("encoding outcome of %s: %w", commands[at].Name, err)
		}
		stored[i] = string(outcome)
	}
	return stored, nil
}
