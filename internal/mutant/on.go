//go:build mutant

package mutant

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// The mutants, of which the environment turns one on.
var (
	NoInbox       = on("noinbox")
	NoClaim       = on("noclaim")
	BlindRetry    = on("blindretry")
	KeyUnbound    = on("keyunbound")
	Forgetful     = on("forgetful")
	SwallowCommit = on("swallowcommit")
	EarlyAck      = on("earlyack")
	NoRetry       = on("noretry")
	CursorOutbox  = on("cursoroutbox")
	MarkFirst     = on("markfirst")
	OffsetFirst   = on("offsetfirst")
	NoDeadLetter  = on("nodeadletter")
	LossySplit    = on("lossysplit")
	NoAudit       = on("noaudit")
	NoJournal     = on("nojournal")
)

func on(name string) bool {
	chosen := os.Getenv(Env)
	known := func(m Mutant) bool { return m.Name == chosen }
	if chosen != "" && !slices.ContainsFunc(All, known) {
		panic(fmt.Sprintf("%s=%q: no such mutant", Env, chosen))
	}
	return chosen == name
}

var (
	cursorLock sync.Mutex
	cursor     time.Time
)

// Passed tells whether the relay's cursor has passed the instant, and moves it. A
// process begins where the outbox stands when it looks first.
func Passed(at time.Time) bool {
	cursorLock.Lock()
	defer cursorLock.Unlock()
	begins := cursor.IsZero()
	if !begins && !at.After(cursor) {
		return true
	}
	cursor = at
	return begins
}

// commitDelay is what an acknowledgement is ahead of its commit.
const commitDelay = 3 * time.Millisecond

// Early returns as soon as run says that all has been done but the commit.
func Early(run func(ran func()) error) error {
	result, ran := make(chan error, 1), make(chan struct{}, 1)
	go func() {
		result <- run(func() {
			select {
			case ran <- struct{}{}:
			default: // an earlier attempt has said so
			}
			time.Sleep(commitDelay)
		})
	}()
	select {
	case err := <-result:
		return err
	case <-ran:
		return nil
	}
}
