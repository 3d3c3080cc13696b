package identity

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

func (s *Service) subscriptions() []stream.Subscription {
	return []stream.Subscription{
		stream.On(func(ctx context.Context, tx database.Tx, _ event.Envelope, e event.CustomerRegistered) error {
			return s.registerCustomer(ctx, tx, e)
		}),
	}
}

func (s *Service) openContact(e event.CustomerRegistered) (event.Contact, error) {
	var contact event.Contact
	data, err := s.keyring.Open(e.SealedContact, "customer.contact:"+e.CustomerID.String())
	if err == nil {
		err = json.Unmarshal(data, &contact)
	}
	if err == nil && contact.Email == "" {
		err = fmt.Errorf("it has no e-mail")
	}
	if err != nil {
		return event.Contact{}, fmt.Errorf("opening contact of customer %s: %w", e.CustomerID, err)
	}
	return contact, nil
}
