package notification

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/privacy"
)

// Limits of delivering.
const (
	// claimMax bounds how many deliveries one look claims; they are made side by side.
	claimMax = 10
	// sendTimeout bounds one attempt; the lease outlives it with room to record the result.
	sendTimeout = 15 * time.Second
	leaseFor    = 60 * time.Second
	// AttemptsMax is how often a delivery is tried, over about three quarters of an hour.
	AttemptsMax  = 9
	backoffFirst = 10 * time.Second
	backoffLimit = 15 * time.Minute
	// postmanPoll is how often to look without being woken.
	postmanPoll = 2 * time.Second
)

func (s *Service) wakePostman() {
	select {
	case s.posted <- struct{}{}:
	default: // it is about to look anyway
	}
}

// deliver makes deliveries as they fall due, until ctx ends. Several processes
// may do so at once: each delivery is leased to one of them at a time.
func (s *Service) deliver(ctx context.Context) error {
	tick := time.NewTicker(postmanPoll)
	defer tick.Stop()
	for {
		if err := s.deliverDue(ctx); err != nil && ctx.Err() == nil {
			s.env.Log.WarnContext(ctx, "messages not delivered, trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.posted:
		case <-tick.C:
		}
	}
}

// deliverDue makes every delivery that is due. What is claimed is finished and
// recorded even when ctx ends meanwhile.
func (s *Service) deliverDue(ctx context.Context) error {
	for ctx.Err() == nil {
		lease, now := s.env.NewID(), s.now()
		var batch []claimed
		err := database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
			var err error
			batch, err = claimDeliveries(ctx, tx, lease, now, now.Add(leaseFor), claimMax)
			return err
		})
		if err != nil || len(batch) == 0 {
			return err
		}
		var wait sync.WaitGroup
		failures := make([]error, len(batch))
		for i, d := range batch {
			wait.Go(func() { failures[i] = s.attempt(context.WithoutCancel(ctx), lease, d) })
		}
		wait.Wait()
		if err := errors.Join(failures...); err != nil {
			return err // those leases run out, and the deliveries are tried again
		}
	}
	return nil
}

// attempt sends one delivery and records how that went.
func (s *Service) attempt(ctx context.Context, lease uuid.UUID, d claimed) error {
	sender := s.senders[d.Channel]
	sendErr := s.send(ctx, sender, d)
	now := s.now()
	r := result{State: Sent, Via: sender.Name(), DueAt: now, ClosedAt: &now}
	if sendErr != nil {
		known := &SendError{Text: "internal fault"}
		errors.As(sendErr, &known)
		r.State, r.Fault = Failed, known.Text
		if !known.Final && d.Attempts < AttemptsMax {
			r.State, r.ClosedAt, r.DueAt = Pending, nil, now.Add(backoff(d.Attempts))
		}
		s.env.Log.WarnContext(ctx, "message not delivered", "delivery", d.ID, "channel", d.Channel, "via", r.Via,
			"attempt", d.Attempts, "state", r.State, "error", sendErr)
	}
	return database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		recorded, err := recordAttempt(ctx, tx, d.ID, lease, r)
		if err == nil && !recorded {
			s.env.Log.WarnContext(ctx, "lease of a delivery was lost", "delivery", d.ID)
		}
		return err
	})
}

// send looks up the address and hands the letter over.
func (s *Service) send(ctx context.Context, sender Sender, d claimed) error {
	if d.Attempts > AttemptsMax { // its attempts ended without a result, each time
		return &SendError{Text: "given up", Final: true}
	}
	c, err := s.open(d.MessageID, d.Sealed)
	if err != nil {
		return err
	}
	to, err := s.address(ctx, d)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return sender.Send(ctx, Letter{
		ID: d.ID, Channel: d.Channel, To: to, Title: privacy.Text(c.Title), Body: privacy.Text(c.Body),
	})
}

func (s *Service) address(ctx context.Context, d claimed) (privacy.Text, error) {
	if d.Channel == Push {
		return privacy.Text(d.RecipientID.String()), nil
	}
	var sealed string
	var found bool
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		sealed, found, err = findContact(ctx, tx, d.RecipientID)
		return err
	})
	if err != nil {
		return "", err
	}
	if !found {
		return "", &SendError{Text: "no contact is known yet"}
	}
	contact, err := s.openContact(d.RecipientID, sealed)
	if err != nil {
		return "", err
	}
	to := privacy.Text(contact.Email)
	if d.Channel == SMS {
		to = privacy.Text(contact.Phone)
	}
	if to == "" {
		return "", &SendError{Text: "the contact has no such address", Final: true}
	}
	return to, nil
}

// backoff doubles with every attempt, up to a limit.
func backoff(attempts int) time.Duration {
	pause := backoffFirst
	for range attempts - 1 {
		pause = min(2*pause, backoffLimit)
	}
	return pause
}
