package discussion

import (
	"context"
	"time"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
)

// Limits of the expirer.
const (
	// expireBatchMax bounds how many offers one look finds; each is closed in a
	// transaction of its own.
	expireBatchMax = 100
	// expirePoll is how often to look without being woken: after a restart, or
	// when the business date came by another process.
	expirePoll = 5 * time.Second
)

func (s *Service) wakeExpirer() {
	select {
	case s.aged <- struct{}{}:
	default: // it is about to look anyway
	}
}

// expireOffers closes offers that were not answered in time, until ctx ends.
// Several processes may do so at once: each offer is closed by one of them.
func (s *Service) expireOffers(ctx context.Context) error {
	tick := time.NewTicker(expirePoll)
	defer tick.Stop()
	for {
		if err := s.expireDue(ctx); err != nil && ctx.Err() == nil {
			s.env.Log.WarnContext(ctx, "offers not expired, trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.aged:
		case <-tick.C:
		}
	}
}

// expireDue closes every offer whose last day has passed.
func (s *Service) expireDue(ctx context.Context) error {
	for ctx.Err() == nil {
		var stale []staleOffer
		err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
			today, err := s.businessDate(ctx, tx, s.now())
			if err != nil {
				return err
			}
			stale, err = staleOffers(ctx, tx, today, expireBatchMax)
			return err
		})
		if err != nil || len(stale) == 0 {
			return err
		}
		for _, o := range stale {
			if err := s.expire(ctx, o); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) expire(ctx context.Context, stale staleOffer) error {
	now := s.now()
	return database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		closed, err := closeOffer(ctx, tx, Offer{ID: stale.ID, Status: Expired, ClosedAt: &now})
		if err != nil || !closed {
			return err // answered, superseded or expired by another process in the meantime
		}
		if _, err := closeTalk(ctx, tx, stale.ApplicationID, Expired); err != nil {
			return err
		}
		err = command.Audit(ctx, tx, command.Command{
			Name: "discussion.expire", Actor: access.Platform("discussion"), Subject: stale.ApplicationID,
			Detail: map[string]any{"offer_id": stale.ID},
		}, now)
		if err != nil {
			return err
		}
		return s.env.Outbox.Append(ctx, tx, now, event.OfferExpired{
			OnApplication: event.OnApplication{ApplicationID: stale.ApplicationID, CustomerID: stale.CustomerID},
			OfferID:       stale.ID,
		})
	})
}
