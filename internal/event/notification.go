package event

import "github.com/google/uuid"

// NotificationRead says that a person opened a message.
type NotificationRead struct {
	RecipientID    uuid.UUID `json:"recipient_id"`
	NotificationID uuid.UUID `json:"notification_id"`
}

// Type implements Event.
func (NotificationRead) Type() string { return "notification.read.v1" }

// Topic implements Event.
func (NotificationRead) Topic() string { return TopicNotification }

// Subject implements Event.
func (n NotificationRead) Subject() uuid.UUID { return n.RecipientID }

// Key implements Event.
func (n NotificationRead) Key() string { return n.RecipientID.String() }

// Aggregate implements Event.
func (NotificationRead) Aggregate() string { return "recipient" }

// NotificationPreferencesChanged says by which channels a person wants to hear.
type NotificationPreferencesChanged struct {
	RecipientID uuid.UUID `json:"recipient_id"`
	Channels    []string  `json:"channels"`
}

// Type implements Event.
func (NotificationPreferencesChanged) Type() string { return "notification.preferences.changed.v1" }

// Topic implements Event.
func (NotificationPreferencesChanged) Topic() string { return TopicNotification }

// Subject implements Event.
func (n NotificationPreferencesChanged) Subject() uuid.UUID { return n.RecipientID }

// Key implements Event.
func (n NotificationPreferencesChanged) Key() string { return n.RecipientID.String() }

// Aggregate implements Event.
func (NotificationPreferencesChanged) Aggregate() string { return "recipient" }
