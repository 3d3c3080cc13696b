package notification

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/privacy"
)

// Limits of delivering.
const (
	// claimMax bounds how many deliveries one look claims, and sendsMax how many of
	// them are made side by side: a mail server takes few connections of a client.
	claimMax = 40
	sendsMax = 10
	// sendTimeout bounds one attempt; the lease outlives the attempts of a look,
	// with room to record the results.
	sendTimeout = 15 * time.Second
	leaseFor    = 2 * claimMax / sendsMax * sendTimeout
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
		if err := s.makeDeliveries(context.WithoutCancel(ctx), lease, batch); err != nil {
			return err // those leases run out, and the deliveries are tried again
		}
	}
	return nil
}

// makeDeliveries sends what was claimed and records how that went, as it becomes
// known: what has ended by then in one transaction.
func (s *Service) makeDeliveries(ctx context.Context, lease uuid.UUID, batch []claimed) error {
	ended := make(chan attempted, len(batch))
	var senders errgroup.Group
	senders.SetLimit(sendsMax)
	go func() {
		for _, d := range batch {
			senders.Go(func() error { ended <- s.attempt(ctx, d); return nil })
		}
	}()
	var failures []error
	for open := len(batch); open > 0; {
		list := []attempted{<-ended}
		for range len(ended) {
			list = append(list, <-ended)
		}
		open -= len(list)
		err := database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
			recorded, err := recordAttempts(ctx, tx, lease, list)
			if err == nil && recorded < len(list) {
				s.env.Log.WarnContext(ctx, "leases of deliveries were lost", "count", len(list)-recorded)
			}
			return err
		})
		failures = append(failures, err)
	}
	return errors.Join(failures...)
}

// attempt sends one delivery and tells how that went.
func (s *Service) attempt(ctx context.Context, d claimed) attempted {
	sender := s.senders[d.Channel]
	sendErr := s.send(ctx, sender, d)
	now := s.now()
	r := attempted{ID: d.ID, State: Sent, Via: sender.Name(), DueAt: now, ClosedAt: &now}
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
	return r
}

// send hands the letter over.
func (s *Service) send(ctx context.Context, sender Sender, d claimed) error {
	if d.Attempts > AttemptsMax { // its attempts ended without a result, each time
		return &SendError{Text: "given up", Final: true}
	}
	c, err := s.open(d.MessageID, d.Sealed)
	if err != nil {
		return err
	}
	to, err := s.address(d)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return sender.Send(ctx, Letter{
		ID: d.ID, Channel: d.Channel, To: to, Title: privacy.Text(c.Title), Body: privacy.Text(c.Body),
	})
}

func (s *Service) address(d claimed) (privacy.Text, error) {
	if d.Channel == Push {
		return privacy.Text(d.RecipientID.String()), nil
	}
	if d.Contact == "" {
		return "", &SendError{Text: "no contact is known yet"}
	}
	contact, err := s.openContact(d.RecipientID, d.Contact)
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
