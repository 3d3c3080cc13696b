package event

import (
	"time"

	"github.com/google/uuid"
)

// OnUser is embedded by events about an identity.
type OnUser struct {
	UserID uuid.UUID `json:"user_id"`
}

// Topic implements Event.
func (OnUser) Topic() string { return TopicIdentity }

// Subject implements Event.
func (u OnUser) Subject() uuid.UUID { return u.UserID }

// Key implements Event.
func (u OnUser) Key() string { return u.UserID.String() }

// Aggregate implements Event.
func (OnUser) Aggregate() string { return "user" }

// Person implements Personal.
func (u OnUser) Person() uuid.UUID { return u.UserID }

// SessionStarted says that somebody logged in.
type SessionStarted struct {
	OnUser
	FamilyID uuid.UUID `json:"family_id"`
}

// Type implements Event.
func (SessionStarted) Type() string { return "session.started.v1" }

// SessionEnded says that a session and its refresh tokens are void. Reason is
// LOGOUT, REUSE_DETECTED, DISABLED, SUPERSEDED (too many sessions at once) or
// PASSWORD_CHANGED.
type SessionEnded struct {
	OnUser
	FamilyID uuid.UUID `json:"family_id"`
	Reason   string    `json:"reason"`
}

// Type implements Event.
func (SessionEnded) Type() string { return "session.ended.v1" }

// PasswordChanged says that an account has a new password, whoever set it.
type PasswordChanged struct {
	OnUser
}

// Type implements Event.
func (PasswordChanged) Type() string { return "password.changed.v1" }

// ResetCodeIssued carries the code with which a borrower who forgot the password
// sets a new one.
type ResetCodeIssued struct {
	OnUser
	// SealedCode is encrypted and bound to the user id.
	SealedCode string    `json:"sealed_code"`
	ExpiresAt  time.Time `json:"expires_at"`
}

// Type implements Event.
func (ResetCodeIssued) Type() string { return "password.reset_code.issued.v1" }
