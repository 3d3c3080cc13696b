// Package failpoint owns the places where a fault drill has a process die: a
// named point between two steps that a crash must not tear apart, at which the
// process sends itself SIGKILL, as a failing machine would.
//
// A point is armed by the environment of the process alone and for its whole
// life; unset, it costs one comparison. Production deployments never set it.
package failpoint

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// Env arms one point: "stream.published@37" dies the 37th time that this point
// is reached.
const Env = "TENOR_TEST_FAILPOINT"

// The points.
const (
	// Committed is after a command's transaction and before its answer.
	Committed = "command.committed"
	// Drained is after the outbox was read and before anything is published.
	Drained = "stream.drained"
	// Published is after the broker has the events and before the outbox says so.
	Published = "stream.published"
	// Marked is after the outbox says that events are published.
	Marked = "stream.marked"
	// Fetched is after events came from the broker and before they are handled.
	Fetched = "stream.fetched"
	// Handled is after the effect of events and before their offsets are committed.
	Handled = "stream.handled"
	// Offset is after the offsets of events were passed on to be committed.
	Offset = "stream.offset"
)

// Points lists them.
var Points = []string{Committed, Drained, Published, Marked, Fetched, Handled, Offset}

var armed = arm(os.Getenv(Env), func() {
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL) // it cannot fail for one's own process
	select {}                                           // until the signal is delivered
})

// Hit dies here if the point is armed and its time has come.
func Hit(point string) {
	if armed != nil {
		armed.hit(point)
	}
}

type trap struct {
	point string
	left  atomic.Int64
	die   func()
}

// Setting is the value of Env that arms the point for its nth time.
func Setting(point string, nth int64) string { return point + "@" + strconv.FormatInt(nth, 10) }

// arm reads a setting; a malformed one ends the program, since a drill that
// arms nothing proves nothing.
func arm(setting string, die func()) *trap {
	if setting == "" {
		return nil
	}
	point, text, _ := strings.Cut(setting, "@")
	nth, err := strconv.ParseInt(text, 10, 64)
	if err != nil || nth < 1 || !slices.Contains(Points, point) {
		panic(fmt.Sprintf("%s=%q: want POINT@N with a point of %v", Env, setting, Points))
	}
	t := &trap{point: point, die: die}
	t.left.Store(nth)
	return t
}

func (t *trap) hit(point string) {
	if point == t.point && t.left.Add(-1) == 0 {
		t.die()
	}
}
