package customer

import (
	"context"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

func (s *Service) subscriptions() []stream.Subscription {
	return []stream.Subscription{
		stream.On(func(ctx context.Context, tx database.Tx, _ event.Envelope, e event.KYCApproved) error {
			return s.verify(ctx, tx, e.CustomerID)
		}),
	}
}
