package notification

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

func (s *Service) subscriptions() []stream.Subscription {
	types := make([]event.Event, len(rules))
	for i := range rules {
		types[i] = rules[i].event
	}
	return stream.Together(s.notify, types...)
}

// keepContact stores how to reach a new customer, as sealed as it came.
func (s *Service) keepContact(ctx context.Context, tx database.Tx, e event.Event) error {
	registered, ok := e.(event.CustomerRegistered)
	if !ok {
		return nil
	}
	if _, err := s.openContact(registered.CustomerID, registered.SealedContact); err != nil {
		return err
	}
	return upsertContact(ctx, tx, registered.CustomerID, registered.SealedContact, s.now())
}

func (s *Service) openContact(customerID uuid.UUID, sealed string) (event.Contact, error) {
	var contact event.Contact
	plain, err := s.env.Keyring.Open(sealed, "customer.contact:"+customerID.String())
	if err != nil {
		return event.Contact{}, fmt.Errorf("opening contact of %s: %w", customerID, err)
	}
	if err := json.Unmarshal(plain, &contact); err != nil {
		// The decoder's own error could show what it read.
		return event.Contact{}, fmt.Errorf("%w: contact of %s is no JSON", event.ErrMalformed, customerID)
	}
	return contact, nil
}

// notify writes the messages of events and the deliveries that their recipients
// want, one statement for each table.
func (s *Service) notify(ctx context.Context, tx database.Tx, envs []event.Envelope) error {
	written := make([]newMessage, 0, len(envs))
	for i := range envs {
		e, err := ruleOf[envs[i].Type].decode(envs[i])
		if err != nil {
			return err
		}
		if err := s.keepContact(ctx, tx, e); err != nil {
			return err
		}
		m, silent, err := s.write(&envs[i], e)
		if err != nil {
			return err
		}
		if !silent {
			written = append(written, m)
		}
	}
	fresh, err := insertMessages(ctx, tx, written)
	if err != nil || len(fresh) == 0 {
		return err
	}
	wishes, err := findPreferences(ctx, tx, recipients(fresh))
	if err != nil {
		return err
	}
	var list []newDelivery
	for i := range fresh {
		m := &fresh[i]
		p, said := wishes[m.RecipientID]
		if !said {
			p = defaultPreferences()
		}
		due := m.CreatedAt
		if !m.urgent {
			if due, err = p.Quiet.after(m.CreatedAt); err != nil {
				return err
			}
		}
		for _, channel := range p.Channels {
			list = append(list, newDelivery{s.env.NewID(), m.ID, m.RecipientID, channel, due})
		}
	}
	insertDeliveries(tx, list)
	tx.AfterCommit(s.wakePostman)
	return nil
}

// newMessage is a message about an event, on its way into the inbox.
type newMessage struct {
	storedMessage
	eventID uuid.UUID
	urgent  bool
}

// write makes the message of an event; silent is true when there is none.
func (s *Service) write(env *event.Envelope, e event.Event) (m newMessage, silent bool, err error) {
	r := ruleOf[env.Type]
	c, silent, err := r.render(s, e)
	if err != nil || silent {
		return newMessage{}, silent, err
	}
	m.ID, m.Type, m.eventID, m.urgent = s.env.NewID(), r.typ, env.ID, r.urgent
	m.CreatedAt = s.now()
	if m.RecipientID, err = recipient(env); err != nil {
		return newMessage{}, false, err
	}
	m.Sealed, err = s.seal(m.ID, c)
	return m, false, err
}

func recipients(messages []newMessage) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(messages))
	seen := make(map[uuid.UUID]bool, len(messages))
	for i := range messages {
		if id := messages[i].RecipientID; !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

func messagePlace(id uuid.UUID) string { return "notification.message:" + id.String() }

func (s *Service) seal(id uuid.UUID, c content) (string, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encoding message %s: %w", id, err)
	}
	sealed, err := s.env.Keyring.Seal(plain, messagePlace(id))
	if err != nil {
		return "", fmt.Errorf("sealing message %s: %w", id, err)
	}
	return sealed, nil
}

func (s *Service) open(id uuid.UUID, sealed string) (content, error) {
	plain, err := s.env.Keyring.Open(sealed, messagePlace(id))
	if err != nil {
		return content{}, fmt.Errorf("opening message %s: %w", id, err)
	}
	var c content
	if err := json.Unmarshal(plain, &c); err != nil {
		return content{}, fmt.Errorf("opening message %s: it is no JSON", id)
	}
	return c, nil
}
