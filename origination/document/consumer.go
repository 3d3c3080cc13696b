package document

import (
	"context"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

// subscriptions freeze the evidence with the decision of the identity review,
// without waiting for the stage to follow.
func (s *Service) subscriptions() []stream.Subscription {
	return []stream.Subscription{
		stream.On(func(ctx context.Context, tx database.Tx, env event.Envelope, e event.KYCApproved) error {
			return closeEvidence(ctx, tx, e.ApplicationID, env.Time)
		}),
		stream.On(func(ctx context.Context, tx database.Tx, env event.Envelope, e event.KYCRejected) error {
			return closeEvidence(ctx, tx, e.ApplicationID, env.Time)
		}),
	}
}
