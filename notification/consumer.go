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
	list := make([]stream.Subscription, len(rules))
	for i, r := range rules {
		list[i] = r.subscribe(s, r)
	}
	return list
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

// notify writes the message of an event and the deliveries that its recipient wants.
func (s *Service) notify(ctx context.Context, tx database.Tx, env event.Envelope, r rule, e event.Event) error {
	c, silent, err := r.render(s, e)
	if err != nil || silent {
		return err
	}
	to, err := recipient(env)
	if err != nil {
		return err
	}
	now := s.now()
	m := storedMessage{ID: s.env.NewID(), RecipientID: to, Type: r.typ, CreatedAt: now}
	m.Sealed, err = s.seal(m.ID, c)
	if err != nil {
		return err
	}
	fresh, err := insertMessage(ctx, tx, env.ID, m)
	if err != nil || !fresh {
		return err
	}
	p, err := findPreferences(ctx, tx, to)
	if err != nil {
		return err
	}
	due := now
	if !r.urgent {
		due, err = p.Quiet.after(now)
		if err != nil {
			return err
		}
	}
	for _, channel := range p.Channels {
		insertDelivery(tx, s.env.NewID(), m, channel, due)
	}
	tx.AfterCommit(s.wakePostman)
	return nil
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
