package notification

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/privacy"
)

// Limits of delivering.
const (
	// claimMax bounds how many deliveries one look claims, handMax how many that were
	// born leased wait in hand, and sendsMax how many are made side by side: a mail
	// server takes few connections of a client.
	claimMax = 200
	handMax  = 1_000
	sendsMax = 10
	// sendTimeout bounds one attempt. A delivery whose lease does not outlive another
	// one is let go: many wait in hand, and a server may be slow.
	sendTimeout = 15 * time.Second
	leaseFor    = 2 * time.Minute
	// recordPause is how long a result waits for others to be recorded with it.
	recordPause = 20 * time.Millisecond
	// AttemptsMax is how often a delivery is tried, over about three quarters of an hour.
	AttemptsMax  = 9
	backoffFirst = 10 * time.Second
	backoffLimit = 15 * time.Minute
	// contactWait is when to try a delivery whose recipient nobody knows how to reach,
	// unless that becomes known before.
	contactWait = 15 * time.Minute
	// postmanPoll is how often to look for what is due: what was tried before, waited
	// for the end of quiet hours, found no room in hand or was left by another process.
	postmanPoll = 2 * time.Second
)

// noContact is the fault of a delivery whose recipient nobody knows how to reach.
const noContact = "no contact is known yet"

// hand holds deliveries that were stored as leased to this process, until the
// postman takes them: they need not be looked for.
type hand struct {
	mu     sync.Mutex
	list   []claimed
	posted chan struct{} // wakes the postman; it holds one signal
}

// room tells whether n more deliveries may be leased at birth. Transactions that
// run side by side may each find room, and bring a little more than handMax.
func (h *hand) room(n int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.list)+n <= handMax
}

func (h *hand) put(list []claimed) {
	h.mu.Lock()
	h.list = append(h.list, list...)
	h.mu.Unlock()
	select {
	case h.posted <- struct{}{}:
	default: // the postman is about to look anyway
	}
}

func (h *hand) take() []claimed {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.list
	h.list = nil
	return list
}

// deliver makes deliveries as they come and as they fall due, until ctx ends.
// Several processes may do so at once: each delivery is leased to one of them at
// a time.
func (s *Service) deliver(ctx context.Context) error {
	tick := time.NewTicker(postmanPoll)
	defer tick.Stop()
	work := s.deliverDue
	for {
		if err := work(ctx); err != nil && ctx.Err() == nil {
			s.env.Log.WarnContext(ctx, "messages not delivered, trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.hand.posted:
			work = s.deliverHand
		case <-tick.C:
			work = s.deliverDue
		}
	}
}

// deliverHand makes the deliveries in hand. They are finished and recorded even
// when ctx ends meanwhile.
func (s *Service) deliverHand(ctx context.Context) error {
	return s.makeDeliveries(context.WithoutCancel(ctx), s.hand.take())
}

// deliverDue makes every delivery that is due, and those that come into hand
// meanwhile. What is claimed is finished and recorded even when ctx ends.
func (s *Service) deliverDue(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := s.deliverHand(ctx); err != nil {
			return err // those leases run out, and the deliveries are tried again
		}
		lease := s.newLease()
		var batch []claimed
		err := database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
			var err error
			batch, err = claimDeliveries(ctx, tx, lease, s.now(), claimMax)
			return err
		})
		if err != nil || len(batch) == 0 {
			return err
		}
		if err := s.makeDeliveries(context.WithoutCancel(ctx), batch); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) newLease() lease { return lease{s.env.NewID(), s.now().Add(leaseFor)} }

// release lets go what is in hand when the process stops, so that another one
// need not wait for the end of the leases.
func (s *Service) release(ctx context.Context) error {
	var list []attempted
	for _, d := range s.hand.take() {
		list = append(list, d.letGo(s.now()))
	}
	return s.record(ctx, list)
}

// makeDeliveries sends what was claimed and records how that went, as it becomes
// known: what has ended by then in one transaction.
func (s *Service) makeDeliveries(ctx context.Context, batch []claimed) error {
	ended := make(chan attempted, len(batch))
	var senders errgroup.Group
	senders.SetLimit(sendsMax)
	go func() {
		for i := range batch {
			senders.Go(func() error { ended <- s.attempt(ctx, &batch[i]); return nil })
		}
	}()
	var failures []error
	for open := len(batch); open > 0; {
		list := gather(ended, open)
		open -= len(list)
		failures = append(failures, s.record(ctx, list))
	}
	return errors.Join(failures...)
}

// gather waits for a result, and a little for others, at most limit.
func gather(ended <-chan attempted, limit int) []attempted {
	list := []attempted{<-ended}
	pause := time.NewTimer(recordPause)
	defer pause.Stop()
	for len(list) < limit {
		select {
		case r := <-ended:
			list = append(list, r)
		case <-pause.C:
			return list
		}
	}
	return list
}

func (s *Service) record(ctx context.Context, list []attempted) error {
	if len(list) == 0 {
		return nil
	}
	return database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		recorded, err := recordAttempts(ctx, tx, list)
		if err == nil && recorded < len(list) {
			s.env.Log.WarnContext(ctx, "leases of deliveries were lost", "count", len(list)-recorded)
		}
		return err
	})
}

// attempt sends one delivery and tells how that went.
func (s *Service) attempt(ctx context.Context, d *claimed) attempted {
	now := s.now()
	if now.Add(sendTimeout).After(d.lease.until) {
		return d.letGo(now)
	}
	sender := s.senders[d.Channel]
	sendErr := s.send(ctx, sender, d)
	now = s.now()
	r := attempted{claimed: *d, State: Sent, DueAt: now, ClosedAt: &now}
	r.Via, r.Fault = sender.Name(), ""
	if sendErr != nil {
		known := &SendError{Text: "internal fault"}
		errors.As(sendErr, &known)
		r.State, r.Fault = Failed, known.Text
		if !known.Final && d.Attempts < AttemptsMax {
			r.State, r.ClosedAt, r.DueAt = Pending, nil, now.Add(backoff(d.Attempts))
		}
		s.env.Log.WarnContext(ctx, "message not delivered", "delivery", d.letterID(), "channel", d.Channel,
			"via", r.Via, "attempt", d.Attempts, "state", r.State, "error", sendErr)
	}
	return r
}

// letGo is the result of an attempt that was not begun: somebody else may begin
// it now.
func (d *claimed) letGo(now time.Time) attempted {
	r := attempted{claimed: *d, State: Pending, DueAt: now}
	r.Attempts--
	return r
}

// send hands the letter over.
func (s *Service) send(ctx context.Context, sender Sender, d *claimed) error {
	if d.Attempts > AttemptsMax { // its attempts ended without a result, each time
		return &SendError{Text: "given up", Final: true}
	}
	if d.text == (content{}) {
		var err error
		if d.text, err = s.open(d.MessageID, d.sealed); err != nil {
			return err
		}
	}
	to, err := s.address(d)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return sender.Send(ctx, Letter{
		ID: d.letterID(), Channel: d.Channel, To: to, Title: privacy.Text(d.text.Title), Body: privacy.Text(d.text.Body),
	})
}

func (s *Service) address(d *claimed) (privacy.Text, error) {
	if d.Channel == Push {
		return privacy.Text(d.recipientID.String()), nil
	}
	if d.contact == "" {
		return "", &SendError{Text: noContact}
	}
	contact, err := s.openContact(d.recipientID, d.contact)
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
