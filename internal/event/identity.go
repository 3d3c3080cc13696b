package event

import "github.com/google/uuid"

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
// LOGOUT, REUSE_DETECTED, DISABLED or SUPERSEDED (too many sessions at once).
type SessionEnded struct {
	OnUser
	FamilyID uuid.UUID `json:"family_id"`
	Reason   string    `json:"reason"`
}

// Type implements Event.
func (SessionEnded) Type() string { return "session.ended.v1" }
