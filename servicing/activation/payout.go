package activation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/money"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// PayoutChannel pays money out to borrowers.
type PayoutChannel interface {
	// Pay carries out the order once, however often it is asked: an order that
	// was paid gives the same receipt again. ErrRefused means a definite no; any
	// other error means that nobody knows, and the same order is sent again later.
	Pay(ctx context.Context, order PayoutOrder) (Receipt, error)
}

// PayoutOrder is what the channel is asked to pay.
type PayoutOrder struct {
	// ID is the disbursement's id: it names the order for ever.
	ID     uuid.UUID
	LoanID uuid.UUID
	Amount money.Amount
	// Attempt counts how often the order has been sent, from 1.
	Attempt int
}

// Receipt is the channel's proof of a payout.
type Receipt struct{ Reference string }

// ErrRefused is returned by a PayoutChannel that will not pay an order now.
var ErrRefused = errors.New("payout refused")

// Limits of paying out.
const (
	// PayoutRefusalsMax is how many refusals cancel a loan.
	PayoutRefusalsMax = 3
	payoutBatchMax    = 16
	payoutTimeout     = 10 * time.Second
	// payoutLease is for how long a process that claimed an order is left alone;
	// longer than any attempt can take.
	payoutLease     = 30 * time.Second
	payoutPause     = 200 * time.Millisecond // after a refusal, doubled each time
	payoutPoll      = 500 * time.Millisecond
	payoutErrorWait = time.Second
)

// runPayouts sends open orders to the channel until ctx ends. Any number of
// processes may do so: an order is claimed by one of them at a time, and what
// one leaves behind is claimed again when its lease is over.
func (s *Service) runPayouts(ctx context.Context) error {
	for {
		pause := payoutPoll
		worked, err := s.payOut(ctx)
		if err != nil && ctx.Err() == nil {
			s.env.Log.WarnContext(ctx, "cannot pay out now", "error", err)
			pause = payoutErrorWait
		}
		if worked == payoutBatchMax && err == nil {
			pause = 0
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// payOut claims a batch of orders and carries each of them as far as it goes.
func (s *Service) payOut(ctx context.Context) (int, error) {
	var orders []PayoutOrder
	now := s.env.Now().UTC().Truncate(time.Microsecond)
	err := database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		orders, err = claimOrders(ctx, tx, now, now.Add(payoutLease), payoutBatchMax)
		return err
	})
	if err != nil {
		return 0, err
	}
	errs := make([]error, len(orders))
	var wait sync.WaitGroup
	for i, order := range orders {
		wait.Go(func() { errs[i] = s.send(ctx, order) })
	}
	wait.Wait()
	return len(orders), errors.Join(errs...)
}

// send asks the channel and records the answer. Without an answer the order
// stays claimed until its lease is over, and is then sent again.
func (s *Service) send(ctx context.Context, order PayoutOrder) error {
	asking, cancel := context.WithTimeout(ctx, payoutTimeout)
	defer cancel()
	receipt, err := s.channel.Pay(asking, order)
	recording, done := context.WithTimeout(context.WithoutCancel(ctx), payoutTimeout)
	defer done() // an answer is recorded although the service stops
	switch {
	case err == nil:
		return s.completed(recording, order.ID, receipt)
	case errors.Is(err, ErrRefused):
		return s.refused(recording, order.ID, err.Error())
	}
	return fmt.Errorf("payout %s: %w", order.ID, err)
}

// completed records that the channel has paid; hearing of it again has no effect.
func (s *Service) completed(ctx context.Context, id uuid.UUID, receipt Receipt) error {
	return s.settle(ctx, id, func(tx database.Tx, at settling) (servicing.Change, error) {
		business, err := loandb.BusinessDate(ctx, tx, at.loan.BookID)
		if err != nil {
			return servicing.Change{}, err
		}
		if err := settleDisbursement(ctx, tx, at.now, id, Completed, receipt.Reference, ""); err != nil {
			return servicing.Change{}, err
		}
		return at.loan.CompleteDisbursement(id, receipt.Reference, business)
	})
}

// refused counts a refusal; the last one that is allowed cancels the loan.
func (s *Service) refused(ctx context.Context, id uuid.UUID, reason string) error {
	return s.settle(ctx, id, func(tx database.Tx, at settling) (servicing.Change, error) {
		if refusals := at.disbursement.Refusals; refusals+1 < PayoutRefusalsMax {
			until := at.now.Add(payoutPause << refusals)
			return servicing.Change{}, postponeDisbursement(ctx, tx, id, until, reason)
		}
		business, err := loandb.BusinessDate(ctx, tx, at.loan.BookID)
		if err != nil {
			return servicing.Change{}, err
		}
		if err := settleDisbursement(ctx, tx, at.now, id, Failed, "", reason); err != nil {
			return servicing.Change{}, err
		}
		return at.loan.FailDisbursement(id, reason, business)
	})
}

// settling is an open disbursement with its loan, at one instant.
type settling struct {
	now          time.Time
	disbursement disbursement
	loan         *servicing.Loan
}

// settle lets fn record the outcome of an open disbursement, with the loan,
// its entries, the events and the audit row in one transaction.
func (s *Service) settle(
	ctx context.Context, id uuid.UUID, fn func(database.Tx, settling) (servicing.Change, error),
) error {
	now := s.env.Now().UTC().Truncate(time.Microsecond)
	actor := access.Platform(name)
	return database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		d, err := findDisbursement(ctx, tx, id)
		if err != nil || d.Status != Initiated {
			return err
		}
		loan, err := loandb.Find(ctx, tx, d.LoanID)
		if err != nil {
			return err
		}
		change, err := fn(tx, settling{now: now, disbursement: d, loan: &loan})
		if err != nil || change.Empty() {
			return err
		}
		if err := s.store(ctx, tx, now, &change, actor); err != nil {
			return err
		}
		return command.Audit(ctx, tx, command.Command{
			Name: "activation.settle", Actor: actor, Subject: loan.ID,
			Detail: map[string]any{"disbursement_id": d.ID, "loan_status": change.Loan.Status},
		}, now)
	})
}
