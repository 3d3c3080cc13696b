// Package flow measures how events travel: from the commit that announces one
// to the commit that has handled it.
//
// It must not know any service: it announces and handles events with the
// platform's own outbox, relay and consumer, on databases with their schema.
package flow

import "github.com/tenor-lending/tenor/bench/harness"

// Scenarios lists what this package measures.
func Scenarios() []harness.Scenario {
	return []harness.Scenario{{
		Name: "events",
		What: "commit of payment.received in one database to its handling committed in another one " +
			"(outbox, relay, broker, inbox), at a steady rate and as fast as it goes",
		Run: runEvents,
	}}
}
