package notification

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
)

// ErrNotFound means there is no such message, or it is somebody else's.
var ErrNotFound = errors.New("no such message")

// Message is what the platform told a person about one event.
type Message struct {
	ID        uuid.UUID
	Type      string
	Title     string
	Body      string
	CreatedAt time.Time
	// ReadAt is nil while the message is unread.
	ReadAt *time.Time
	// Deliveries are known in the history only.
	Deliveries []Delivery
}

// State is how far a delivery is.
type State string

// The states.
const (
	Pending State = "PENDING"
	Sent    State = "SENT"
	Failed  State = "FAILED"
)

// Delivery is the sending of a message by one channel.
type Delivery struct {
	Channel  Channel
	State    State
	Attempts int
	// Via names the sender that took it: "smtp", or "log" where no other is configured.
	Via string
	// Fault says why the last attempt failed.
	Fault string
	// DueAt is when the next attempt is due, while State is Pending.
	DueAt time.Time
	// ClosedAt is when it was sent or given up.
	ClosedAt *time.Time
}

// Service keeps inboxes and delivers messages.
type Service struct {
	env     *app.Env
	senders map[Channel]Sender
	hand    hand
}

// New describes the service.
func New(env *app.Env) (*app.Component, error) {
	s, err := newService(env)
	if err != nil {
		return nil, err
	}
	return s.component(), nil
}

func newService(env *app.Env) (*Service, error) {
	senders, err := sendersOf(env)
	if err != nil {
		return nil, err
	}
	return &Service{env: env, senders: senders, hand: hand{posted: make(chan struct{}, 1)}}, nil
}

func (s *Service) component() *app.Component {
	return &app.Component{
		Routes:        s.routes,
		Subscriptions: s.subscriptions(),
		Tasks:         []app.Task{{Name: "notification: deliver messages", Run: s.deliver}},
		Stop:          s.release,
	}
}

// page is a part of a person's messages.
type page struct {
	messages []Message
	unread   int
	// next is where the next page starts; nil if this is the last.
	next *position
}

// inbox returns the actor's messages after a position, newest first.
func (s *Service) inbox(
	ctx context.Context, actor access.Actor, unreadOnly bool, after position, limit int,
) (page, error) {
	return s.list(ctx, actor, unreadOnly, after, limit, false)
}

// history returns all of the actor's messages with their deliveries.
func (s *Service) history(ctx context.Context, actor access.Actor, after position, limit int) (page, error) {
	return s.list(ctx, actor, false, after, limit, true)
}

func (s *Service) list(
	ctx context.Context, actor access.Actor, unreadOnly bool, after position, limit int, deliveries bool,
) (page, error) {
	var p page
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		p = page{}
		stored, err := listMessages(ctx, tx, actor.ID, unreadOnly, after, limit+1)
		if err != nil {
			return err
		}
		if len(stored) > limit {
			stored = stored[:limit]
			p.next = &position{At: stored[limit-1].CreatedAt, ID: stored[limit-1].ID}
		}
		p.unread, err = countUnread(ctx, tx, actor.ID)
		if err != nil {
			return err
		}
		for _, m := range stored {
			message, err := s.message(m)
			if err != nil {
				return err
			}
			p.messages = append(p.messages, message)
		}
		if !deliveries {
			return nil
		}
		return p.addDeliveries(ctx, tx)
	})
	return p, err
}

func (p *page) addDeliveries(ctx context.Context, tx database.Tx) error {
	ids := make([]uuid.UUID, len(p.messages))
	for i, m := range p.messages {
		ids[i] = m.ID
	}
	lists, err := listDeliveries(ctx, tx, ids)
	if err != nil {
		return err
	}
	for i := range p.messages {
		p.messages[i].Deliveries = lists[p.messages[i].ID]
	}
	return nil
}

func (s *Service) message(m storedMessage) (Message, error) {
	c, err := s.open(m.ID, m.Sealed)
	if err != nil {
		return Message{}, err
	}
	message := Message{ID: m.ID, Type: m.Type, Title: c.Title, Body: c.Body, CreatedAt: m.CreatedAt.UTC()}
	if m.ReadAt != nil {
		read := m.ReadAt.UTC()
		message.ReadAt = &read
	}
	return message, nil
}

// MarkRead marks the actor's own message as read and returns when that was, now
// or the first time.
func (s *Service) MarkRead(ctx context.Context, actor access.Actor, id uuid.UUID) (time.Time, error) {
	var earlier storedMessage
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		earlier, err = findMessage(ctx, tx, actor.ID, id)
		return err
	})
	if err != nil {
		return time.Time{}, err
	}
	if earlier.ReadAt != nil {
		return earlier.ReadAt.UTC(), nil
	}
	c := command.Command{
		Name: "notification.read", Actor: actor, Subject: actor.ID, Detail: map[string]any{"notification_id": id},
	}
	result, err := command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (time.Time, error) {
		fresh, err := markRead(ctx, tx, actor.ID, id, now)
		if err != nil {
			return time.Time{}, err
		}
		if !fresh { // another request was faster
			m, err := findMessage(ctx, tx, actor.ID, id)
			if err != nil {
				return time.Time{}, err
			}
			return m.ReadAt.UTC(), nil
		}
		return now, s.env.Outbox.Append(ctx, tx, now, event.NotificationRead{RecipientID: actor.ID, NotificationID: id})
	})
	return result.Value, err
}

// Preferences returns how the actor wants to hear.
func (s *Service) Preferences(ctx context.Context, actor access.Actor) (Preferences, error) {
	var p Preferences
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		p, err = findOwnPreferences(ctx, tx, actor.ID)
		return err
	})
	return p, err
}

// SetPreferences replaces how the actor wants to hear, for messages from now on.
func (s *Service) SetPreferences(ctx context.Context, actor access.Actor, p Preferences) (Preferences, error) {
	if err := p.Quiet.check(); err != nil {
		return Preferences{}, err
	}
	c := command.Command{Name: "notification.prefer", Actor: actor, Subject: actor.ID, Detail: p}
	result, err := command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (Preferences, error) {
		earlier, err := findOwnPreferences(ctx, tx, actor.ID)
		if err != nil {
			return Preferences{}, err
		}
		if err := upsertPreferences(ctx, tx, actor.ID, p, now); err != nil {
			return Preferences{}, err
		}
		stored, err := findOwnPreferences(ctx, tx, actor.ID)
		if err != nil || slices.Equal(earlier.Channels, stored.Channels) {
			return stored, err
		}
		return stored, s.env.Outbox.Append(ctx, tx, now, event.NotificationPreferencesChanged{
			RecipientID: actor.ID, Channels: names(stored.Channels),
		})
	})
	return result.Value, err
}

func names(channels []Channel) []string {
	list := make([]string, len(channels))
	for i, c := range channels {
		list[i] = string(c)
	}
	return list
}
