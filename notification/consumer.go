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
	err := upsertContact(ctx, tx, registered.CustomerID, registered.SealedContact, s.now())
	if err != nil {
		return err
	}
	return hurryWaiting(ctx, tx, registered.CustomerID, s.now())
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
	people, err := findAddressees(ctx, tx, recipients(fresh))
	if err != nil {
		return err
	}
	list, err := deliveriesOf(fresh, people)
	if err != nil {
		return err
	}
	insertDeliveries(tx, s.leaseAtBirth(tx, list))
	return nil
}

// deliveriesOf returns the deliveries that the recipients of messages want.
func deliveriesOf(messages []newMessage, people map[uuid.UUID]addressee) ([]newDelivery, error) {
	list := make([]newDelivery, 0, 2*len(messages))
	for i := range messages {
		m := &messages[i]
		to := people[m.RecipientID]
		due := m.CreatedAt
		if !m.urgent {
			var err error
			if due, err = to.wishes.Quiet.after(m.CreatedAt); err != nil {
				return nil, err
			}
		}
		channels := to.wishes.Channels
		if m.by != nil {
			channels = m.by
		}
		for _, channel := range channels {
			list = append(list, newDelivery{due: due, claimed: claimed{
				MessageID: m.ID, Channel: channel, recipientID: m.RecipientID, contact: to.contact, text: m.text,
			}})
		}
	}
	return list, nil
}

// leaseAtBirth leases deliveries that can be made to this process, which makes
// them once tx has committed: nobody needs to look for them. If the process dies,
// their leases end. Those whose recipient nobody knows how to reach yet wait to be
// hurried.
func (s *Service) leaseAtBirth(tx database.Tx, list []newDelivery) []newDelivery {
	l, now, room := s.newLease(), s.now(), s.hand.room(len(list))
	var own []claimed
	for i := range list {
		d := &list[i]
		switch {
		case d.due.After(now): // in quiet hours
		case d.contact == "" && d.Channel != Push:
			d.Fault, d.due = noContact, now.Add(contactWait)
		case room:
			d.lease, d.Attempts = l, 1
			own = append(own, d.claimed)
		}
	}
	if len(own) > 0 {
		tx.AfterCommit(func() { s.hand.put(own) })
	}
	return list
}

// newMessage is a message about an event, on its way into the inbox.
type newMessage struct {
	storedMessage
	text   content
	urgent bool
	by     []Channel
}

// write makes the message of an event, whose id it takes over; silent is true
// when there is none.
func (s *Service) write(env *event.Envelope, e event.Personal) (m newMessage, silent bool, err error) {
	r := ruleOf[env.Type]
	c, silent, err := r.render(s, e)
	if err != nil || silent {
		return newMessage{}, silent, err
	}
	m.ID, m.Type, m.text, m.urgent, m.by = env.ID, r.typ, c, r.urgent, r.by
	m.RecipientID, m.CreatedAt = e.Person(), s.now()
	if m.RecipientID == uuid.Nil {
		return newMessage{}, false, fmt.Errorf("%w: %s names nobody", event.ErrMalformed, env.Type)
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
