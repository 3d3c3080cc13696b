// Package mutant owns the deliberate bugs with which the fault drills prove that
// they would find such bugs: each undoes one of the habits on which the
// platform's promises rest.
//
// In a build without the tag `mutant`, which is every build but the drills' own,
// all of them are constants that are false, and the compiler removes what they
// guard. With the tag, the environment names the one that is on.
package mutant

// Env names the mutant that is on, in a build with the tag.
const Env = "TENOR_TEST_MUTANT"

// Mutant is a deliberate bug.
type Mutant struct {
	Name string
	// What says which habit is given up.
	What string
}

// All lists the mutants.
var All = []Mutant{
	{"noinbox", "an event is handled however often it comes"},
	{"noclaim", "an idempotency key is not looked at"},
	{"blindretry", "a commit whose answer was lost is tried again without its key"},
	{"keyunbound", "a key answers for any request"},
	{"forgetful", "the outcome of a command is not kept with its key"},
	{"swallowcommit", "an error of COMMIT is taken for success"},
	{"earlyack", "a transaction is acknowledged before it is committed"},
	{"noretry", "a conflict is left to the caller"},
	{"cursoroutbox", "the relay goes on from the time of what it published last"},
	{"markfirst", "events are marked published before they are"},
	{"offsetfirst", "offsets are committed before the events are handled"},
	{"nodeadletter", "an event that cannot be handled is tried for ever"},
	{"lossysplit", "a cent of interest is taken for principal"},
	{"noaudit", "changes of state leave no audit row"},
	{"nojournal", "a payment changes the loan and not the books"},
}
