package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// PendingState is where a pending entry stands. Every state but PendingOpen is
// final.
type PendingState string

// The states of a pending entry.
const (
	PendingOpen    PendingState = "OPEN"
	PendingPosted  PendingState = "POSTED"
	PendingVoided  PendingState = "VOIDED"
	PendingExpired PendingState = "EXPIRED"
)

// Pending is an entry that is announced but not booked. It moves no balance,
// but counts against limits until it is posted, in whole or in part, voided, or
// past its time.
type Pending struct {
	JournalEntry
	// ExpiresAt is the instant from which it can no longer be posted; zero is never.
	ExpiresAt time.Time
}

// pendingSpace keeps ids of pending entries apart from those of entries.
var pendingSpace = uuid.NewSHA1(uuid.NameSpaceOID, []byte("tenor:ledger:pending"))

// PendingID returns the id of the pending entry with the key.
func PendingID(key string) uuid.UUID { return uuid.NewSHA1(pendingSpace, []byte(key)) }

// ID returns the id, which the key decides.
func (p Pending) ID() uuid.UUID { return PendingID(p.Key) }

// Hash returns SHA-256 over the entry's own hash and the time of expiry.
func (p Pending) Hash() [sha256.Size]byte {
	entry := p.JournalEntry.Hash()
	var expiry int64
	if !p.ExpiresAt.IsZero() {
		expiry = p.ExpiresAt.UnixMicro()
	}
	return sha256.Sum256(binary.BigEndian.AppendUint64(entry[:], uint64(expiry)))
}

// Validate checks everything about p that depends neither on the books nor on
// the time. The error is a *Rejection.
func (p Pending) Validate() error {
	if err := p.JournalEntry.Validate(); err != nil {
		return err
	}
	if p.Reverses != uuid.Nil {
		return reject(FieldInvalid, "reverses", "must be absent: a reversal is posted at once")
	}
	return nil
}

// Expired reports whether p can no longer be posted at the instant now.
func (p Pending) Expired(now time.Time) bool { return !p.ExpiresAt.IsZero() && !p.ExpiresAt.After(now) }

// CheckPost rejects lines that would post more than was announced: on each side
// of each account their sum must be at most that of p.
func (p Pending) CheckPost(lines []Line) error {
	type place struct {
		account uuid.UUID
		side    Side
	}
	left := make(map[place]int64, len(p.Lines))
	for _, line := range p.Lines {
		left[place{line.AccountID, line.Side}] += line.Amount.Minor()
	}
	for i, line := range lines {
		at := place{line.AccountID, line.Side}
		if line.Amount.Minor() > left[at] {
			return RejectLine(PendingExceeded, i, "amount", "exceeds what is pending on this side of the account")
		}
		left[at] -= line.Amount.Minor()
	}
	return nil
}
