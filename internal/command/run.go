package command

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/failpoint"
	"github.com/tenor-lending/tenor/internal/mutant"
)

// Run executes fn in one transaction together with its audit row and, when the
// command has a key, with the record of its outcome. T must survive JSON.
//
// The same key with the same request gives the first outcome again; with
// another request it is ErrKeyReused. Of several at once one runs and the others
// wait for it, ErrInFlight if that takes too long. A rejected command changes
// nothing and records nothing, so that the same key may be tried again.
// fn gets the one instant that the whole transaction should use as now.
func Run[T any](
	ctx context.Context, r *Runner, c Command, fn func(tx database.Tx, now time.Time) (T, error),
) (Result[T], error) {
	run := func(tx database.Tx, now time.Time, open []int) ([]Outcome[T], error) {
		if len(open) == 0 {
			return nil, nil
		}
		value, err := fn(tx, now)
		return []Outcome[T]{{Result: Result[T]{Value: value}}}, err
	}
	outcomes, err := runRound(ctx, r, []Command{c}, claimFirst, run)
	if err != nil {
		return Result[T]{}, err
	}
	return outcomes[0].Result, outcomes[0].Err
}

// Outcome is what became of one command of several.
type Outcome[T any] struct {
	Result[T]
	// Err is why the command was not carried out.
	Err error
}

// claiming says when a transaction takes the keys of its commands.
type claiming bool

const (
	// claimFirst takes them before anything else: of several transactions with one
	// key, one works and the others wait for it.
	claimFirst claiming = false
	// claimLast takes them with their outcomes at the end, one row written once,
	// as if they were free, which nearly all are. When one is not, the transaction
	// is given up and tried again with claimFirst.
	claimLast claiming = true
)

// RunAll is Run for commands that share one transaction. fn gets the places in
// commands of those that are to be carried out now, in their order, and returns
// what becomes of each of them. One that it refuses (Outcome.Err) must have left
// nothing in tx; its key stays free, and its neighbours go on. An error of fn
// itself undoes all of them and is returned as it is.
//
// Commands with the same key have the same answer, a refusal included, if they
// stand for the same request. One that repeats a key with another request is
// tried after the transaction that decides about the first one.
//
// fn may also be run in vain for commands whose keys turn out to be taken.
func RunAll[T any](
	ctx context.Context, r *Runner, commands []Command,
	fn func(tx database.Tx, now time.Time, open []int) ([]Outcome[T], error),
) ([]Outcome[T], error) {
	outcomes := make([]Outcome[T], len(commands))
	for round, twins := firsts(commands); len(round) > 0; {
		part := make([]Command, len(round))
		for i, at := range round {
			part[i] = commands[at]
		}
		done, err := runRound(ctx, r, part, claimLast, func(tx database.Tx, now time.Time, open []int) ([]Outcome[T], error) {
			places := make([]int, len(open))
			for i, at := range open {
				places[i] = round[at]
			}
			return fn(tx, now, places)
		})
		if err != nil && round[0] == 0 {
			return nil, err // nothing is done yet
		}
		var again []int
		for i, at := range round {
			if err != nil {
				done = slices.Grow(done, len(round))[:len(round)]
				done[i].Err = err
			}
			outcomes[at] = done[i]
			again = append(again, answerTwins(commands, outcomes, twins, at)...)
		}
		round = again
	}
	return outcomes, nil
}

// scopedKey is what names a command once and for all.
type scopedKey struct {
	actor          uuid.UUID
	operation, key string
}

func (c *Command) scoped() scopedKey { return scopedKey{c.Actor.ID, c.Name, c.Key.Value} }

// firsts returns the places of the commands that have no key or are the first
// with theirs, and for each of those the places of the others with its key.
func firsts(commands []Command) (places []int, twins map[int][]int) {
	first := make(map[scopedKey]int, len(commands))
	twins = map[int][]int{}
	for i := range commands {
		if commands[i].Key.Value != "" {
			if at, repeated := first[commands[i].scoped()]; repeated {
				twins[at] = append(twins[at], i)
				continue
			}
			first[commands[i].scoped()] = i
		}
		places = append(places, i)
	}
	return places, twins
}

// answerTwins gives the commands that repeat the key of the one at the place its
// answer. If that was refused, the next one with another request takes its turn:
// its place is returned.
func answerTwins[T any](commands []Command, outcomes []Outcome[T], twins map[int][]int, at int) []int {
	var others []int
	for _, i := range twins[at] {
		switch {
		case commands[i].Key.RequestHash == commands[at].Key.RequestHash:
			outcomes[i] = outcomes[at]
			outcomes[i].Replayed = outcomes[at].Err == nil
		case outcomes[at].Err == nil || errors.Is(outcomes[at].Err, ErrKeyReused):
			outcomes[i].Err = errKeyReused(&commands[i])
		default:
			others = append(others, i)
		}
	}
	if len(others) == 0 {
		return nil
	}
	twins[others[0]] = others[1:]
	return others[:1]
}

// runRound runs commands of different keys.
func runRound[T any](
	ctx context.Context, r *Runner, commands []Command, when claiming,
	fn func(tx database.Tx, now time.Time, open []int) ([]Outcome[T], error),
) ([]Outcome[T], error) {
	now := r.now().UTC().Truncate(time.Microsecond) // what the database can store
	if mutant.NoClaim {
		when = claimFirst
	}
	outcomes, err := attempt(ctx, r, commands, now, when, fn)
	if when == claimLast && (errors.Is(err, errTaken) || database.IsLockTimeout(err)) {
		outcomes, err = attempt(ctx, r, commands, now, claimFirst, fn)
	}
	keyless := slices.ContainsFunc(commands, func(c Command) bool { return c.Key.Value == "" })
	if errors.Is(err, database.ErrAmbiguous) && !keyless {
		// The keys tell whether the lost answer was a yes: running again is safe.
		if mutant.BlindRetry {
			for i := range commands {
				commands[i].Key = Key{}
			}
		}
		outcomes, err = attempt(ctx, r, commands, now, claimFirst, fn)
	}
	return outcomes, err
}

// attempt runs the commands in one transaction. The error is errTaken if when is
// claimLast and a key is not free.
func attempt[T any](
	ctx context.Context, r *Runner, commands []Command, now time.Time, when claiming,
	fn func(tx database.Tx, now time.Time, open []int) ([]Outcome[T], error),
) ([]Outcome[T], error) {
	var outcomes []Outcome[T]
	err := inTx(ctx, r.db, func(tx database.Tx) error {
		outcomes = make([]Outcome[T], len(commands))
		claimed := when
		when = claimFirst // should the database have this run again: whoever holds a key is waited for
		open, err := openOnes(ctx, tx, commands, now, claimed, outcomes)
		if err != nil || len(open) == 0 {
			return err
		}
		done, err := fn(tx, now, open)
		if err != nil {
			return err
		}
		var accepted, refused []int
		for i, at := range open {
			outcomes[at] = done[i]
			if done[i].Err == nil {
				accepted = append(accepted, at)
			} else {
				refused = append(refused, at)
			}
		}
		if !mutant.NoAudit {
			if err := appendAudit(ctx, tx, now, pick(commands, accepted)...); err != nil {
				return err
			}
		}
		if claimed == claimLast {
			if err := wantFree(ctx, tx, commands, refused); err != nil {
				return err
			}
			return insertOutcomes(tx, commands, accepted, now, outcomes)
		}
		freeKeys(tx, commands, refused)
		return recordOutcomes(tx, commands, accepted, outcomes)
	})
	if err != nil {
		return nil, err
	}
	failpoint.Hit(failpoint.Committed)
	return outcomes, nil
}

// openOnes returns the places of the commands that are to be run.
func openOnes[T any](
	ctx context.Context, tx database.Tx, commands []Command, now time.Time, when claiming, outcomes []Outcome[T],
) ([]int, error) {
	if when == claimFirst {
		return claimAll(ctx, tx, commands, now, outcomes)
	}
	tx.Later(database.Write{What: "bounding waits", SQL: lockWait, Rows: database.AnyRows})
	return every(commands), nil
}

// inTx is database.InTx, but for the mutant that answers before the commit.
func inTx(ctx context.Context, db *database.DB, fn func(tx database.Tx) error) error {
	if !mutant.EarlyAck {
		return database.InTx(ctx, db, fn)
	}
	return mutant.Early(func(ran func()) error {
		return database.InTx(context.WithoutCancel(ctx), db, func(tx database.Tx) error {
			err := fn(tx)
			if err == nil {
				ran()
			}
			return err
		})
	})
}

func pick(commands []Command, places []int) []Command {
	picked := make([]Command, len(places))
	for i, at := range places {
		picked[i] = commands[at]
	}
	return picked
}
