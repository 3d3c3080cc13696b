//go:build !mutant

package mutant

import "time"

// The mutants, all off.
const (
	NoInbox       = false
	NoClaim       = false
	BlindRetry    = false
	KeyUnbound    = false
	Forgetful     = false
	SwallowCommit = false
	EarlyAck      = false
	NoRetry       = false
	CursorOutbox  = false
	MarkFirst     = false
	OffsetFirst   = false
	NoDeadLetter  = false
	LossySplit    = false
	NoAudit       = false
	NoJournal     = false
)

// Passed belongs to CursorOutbox.
func Passed(time.Time) bool { return false }

// Early belongs to EarlyAck.
func Early(run func(ran func()) error) error { return run(func() {}) }
