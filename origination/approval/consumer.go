package approval

import (
	"context"
	"time"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

func (s *Service) subscriptions() []stream.Subscription {
	return []stream.Subscription{stream.On(s.onOfferAccepted)}
}

func (s *Service) onOfferAccepted(ctx context.Context, tx database.Tx, _ event.Envelope, e event.OfferAccepted) error {
	now := s.env.Now().UTC().Truncate(time.Microsecond) // what the database can store
	opened, err := openCase(ctx, tx, Case{
		ApplicationID: e.ApplicationID, CustomerID: e.CustomerID, OfferID: e.OfferID, OfficerID: e.OfficerID,
		Principal: e.Principal, Instalment: e.Instalment, APRPercent: e.APRPercent, ScheduleHash: e.ScheduleHash,
		Stage: Stage(levels[0].level), OpenedAt: now,
	})
	if err != nil || !opened {
		return err
	}
	return command.Audit(ctx, tx, command.Command{
		Name: "approval.open", Actor: access.Platform("approval"), Subject: e.ApplicationID,
		Detail: map[string]any{"offer_id": e.OfferID},
	}, now)
}
