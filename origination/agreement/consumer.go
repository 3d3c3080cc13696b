package agreement

import (
	"context"
	"fmt"
	"time"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

func (s *Service) subscriptions() []stream.Subscription {
	return []stream.Subscription{stream.On(s.onOfferAccepted), stream.On(s.onApprovalGranted)}
}

func (s *Service) onOfferAccepted(ctx context.Context, tx database.Tx, _ event.Envelope, e event.OfferAccepted) error {
	return insertAccepted(ctx, tx, accepted{On: e.OnApplication, Offer: e.Offer})
}

// onApprovalGranted makes the agreement. Terms whose schedule is not the one
// accepted are an error: the event becomes a dead letter for people to look at,
// and nothing is signed meanwhile.
func (s *Service) onApprovalGranted(
	ctx context.Context, tx database.Tx, _ event.Envelope, e event.ApprovalGranted,
) error {
	known, err := approve(ctx, tx, e.ApplicationID, e.OfferID)
	if err != nil {
		return err
	}
	if !known {
		return fmt.Errorf("%w: acceptance of offer %s", stream.ErrNotYet, e.OfferID)
	}
	offer, _, err := findAccepted(ctx, tx, e.ApplicationID)
	if err != nil {
		return err
	}
	now := s.now().UTC().Truncate(time.Microsecond) // what the database can store
	agreement, err := s.generate(ctx, tx, now, s.newID(), offer)
	if err != nil {
		return err
	}
	return command.Audit(ctx, tx, command.Command{
		Name: "agreement.generate", Actor: access.Platform("agreement"), Subject: e.ApplicationID,
		Detail: map[string]string{"agreement": agreement.ID.String(), "offer": e.OfferID.String()},
	}, now)
}
