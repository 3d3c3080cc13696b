package activation

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cloud.google.com/go/civil"
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

// Answer is what a channel says about an order; Err is as in PayoutChannel.Pay.
type Answer struct {
	Receipt Receipt
	Err     error
}

// BatchPayoutChannel is a PayoutChannel that takes many orders at once, as banks
// take files.
type BatchPayoutChannel interface {
	PayoutChannel
	// PayAll is Pay for each of the orders, and answers in their order.
	PayAll(ctx context.Context, orders []PayoutOrder) []Answer
}

// ErrRefused is returned by a PayoutChannel that will not pay an order now.
var ErrRefused = errors.New("payout refused")

// Limits of paying out.
const (
	// PayoutRefusalsMax is how many refusals cancel a loan.
	PayoutRefusalsMax = 3
	// payoutBatchMax is what a channel that takes batches is given, payoutSingleMax
	// how many orders are sent side by side to one that does not.
	payoutBatchMax  = 500
	payoutSingleMax = 16
	payoutTimeout   = 10 * time.Second
	// payoutLease is for how long a process that claimed an order is left alone;
	// longer than any attempt can take.
	payoutLease = 30 * time.Second
	payoutPause = 200 * time.Millisecond // after a refusal, doubled each time
	// payoutUnsure is how long an order waits whose answer was lost.
	payoutUnsure    = time.Second
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
		if worked == s.claimMax() && err == nil {
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

func (s *Service) claimMax() int {
	if _, many := s.channel.(BatchPayoutChannel); many {
		return payoutBatchMax
	}
	return payoutSingleMax
}

// payOut claims a batch of orders, sends them, and records the answers. What has
// no answer is sent again a little later.
func (s *Service) payOut(ctx context.Context) (int, error) {
	var orders []PayoutOrder
	now := s.env.Now().UTC().Truncate(time.Microsecond)
	err := database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		orders, err = claimOrders(ctx, tx, now, now.Add(payoutLease), s.claimMax())
		return err
	})
	if err != nil || len(orders) == 0 {
		return 0, err
	}
	answers := s.send(ctx, orders)
	for i := range answers {
		if err := answers[i].Err; err != nil && !errors.Is(err, ErrRefused) {
			s.env.Log.WarnContext(ctx, "payout without an answer, asking again", "order", orders[i].ID, "error", err)
		}
	}
	// An answer is recorded although the service stops.
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), payoutTimeout)
	defer cancel()
	return len(orders), s.record(recording, orders, answers)
}

// send asks the channel.
func (s *Service) send(ctx context.Context, orders []PayoutOrder) []Answer {
	ctx, cancel := context.WithTimeout(ctx, payoutTimeout)
	defer cancel()
	if batch, many := s.channel.(BatchPayoutChannel); many {
		answers := batch.PayAll(ctx, orders)
		for len(answers) < len(orders) {
			answers = append(answers, Answer{Err: errNoAnswer})
		}
		return answers
	}
	answers := make([]Answer, len(orders))
	var wait sync.WaitGroup
	for i, order := range orders {
		wait.Go(func() { answers[i].Receipt, answers[i].Err = s.channel.Pay(ctx, order) })
	}
	wait.Wait()
	return answers
}

// errNoAnswer means that a channel passed an order over.
var errNoAnswer = errors.New("the payout channel gave no answer")

// record records the answers in one transaction; if that is not to be, because
// one of them does not fit its loan, each in its own.
func (s *Service) record(ctx context.Context, orders []PayoutOrder, answers []Answer) error {
	err := s.settle(ctx, orders, answers)
	if err == nil || len(orders) == 1 || database.IsUnavailable(err) {
		return err
	}
	s.env.Log.WarnContext(ctx, "recording payouts one by one", "count", len(orders), "cause", err)
	errs := make([]error, len(orders))
	for i := range orders {
		errs[i] = s.settle(ctx, orders[i:i+1], answers[i:i+1])
	}
	return errors.Join(errs...)
}

// settle records answers of the channel, with the loans, their entries, the
// events and the audit rows in one transaction. Orders that were settled before
// are left alone: hearing of a payout again has no effect.
func (s *Service) settle(ctx context.Context, orders []PayoutOrder, answers []Answer) error {
	now := s.env.Now().UTC().Truncate(time.Microsecond)
	actor := access.Platform(name)
	s.turn.Lock()
	defer s.turn.Unlock()
	return database.InTx(ctx, s.env.DB, func(tx database.Tx) error {
		open, err := openDisbursements(ctx, tx, orders)
		if err != nil || len(open) == 0 {
			return err
		}
		loans, err := lockLoans(ctx, tx, open)
		if err != nil {
			return err
		}
		verdicts := make([]verdict, 0, len(open))
		var audit []command.Command
		for i := range orders {
			d, waiting := open[orders[i].ID]
			if !waiting {
				continue
			}
			v, err := judge(ctx, tx, now, d, loans[d.LoanID], answers[i])
			if err != nil {
				return err
			}
			verdicts = append(verdicts, v)
			if !v.change.Empty() {
				audit = append(audit, command.Command{
					Name: "activation.settle", Actor: actor, Subject: d.LoanID,
					Detail: map[string]any{"disbursement_id": d.ID, "loan_status": v.change.Loan.Status},
				})
			}
		}
		updateDisbursements(tx, verdicts)
		changes := make([]servicing.Change, len(verdicts))
		for i := range verdicts {
			changes[i] = verdicts[i].change
		}
		if err := s.store(ctx, tx, now, actor, changes...); err != nil {
			return err
		}
		return command.AuditAll(ctx, tx, now, audit...)
	})
}

// standing is a loan with the business date of its book.
type standing struct {
	loan     servicing.Loan
	business civil.Date
}

func lockLoans(
	ctx context.Context, tx database.Tx, open map[uuid.UUID]disbursement,
) (map[uuid.UUID]*standing, error) {
	ids := make([]uuid.UUID, 0, len(open))
	for _, d := range open {
		ids = append(ids, d.LoanID)
	}
	loans, err := loandb.LoadForUpdate(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	books := map[uuid.UUID]civil.Date{}
	found := make(map[uuid.UUID]*standing, len(loans))
	for i := range loans {
		book := loans[i].BookID
		if _, known := books[book]; !known {
			if books[book], err = loandb.BusinessDate(ctx, tx, book); err != nil {
				return nil, err
			}
		}
		found[loans[i].ID] = &standing{loan: loans[i], business: books[book]}
	}
	return found, nil
}

// verdict is what an answer means for a disbursement and its loan.
type verdict struct {
	disbursement disbursement // as it is to be stored
	nextAttempt  time.Time
	settledAt    *time.Time
	change       servicing.Change
}

// judge decides what an answer means: a receipt completes the disbursement, the
// last refusal that is allowed cancels the loan, and anything else is asked
// again.
func judge(
	ctx context.Context, tx database.Tx, now time.Time, d disbursement, at *standing, answer Answer,
) (verdict, error) {
	if at == nil {
		return verdict{}, fmt.Errorf("disbursement %s: %w: %s", d.ID, loandb.ErrNotFound, d.LoanID)
	}
	v := verdict{disbursement: d, nextAttempt: now}
	var err error
	switch {
	case answer.Err == nil:
		v.disbursement.Status, v.disbursement.BankReference, v.disbursement.Reason = Completed, answer.Receipt.Reference, ""
		v.settledAt = &now
		v.change, err = withHistory(ctx, tx, at, func(history ...servicing.Fact) (servicing.Change, error) {
			return at.loan.CompleteDisbursement(d.ID, answer.Receipt.Reference, at.business, history...)
		})
	case !errors.Is(answer.Err, ErrRefused):
		v.nextAttempt = now.Add(payoutUnsure)
	case d.Refusals+1 < PayoutRefusalsMax:
		v.disbursement.Refusals++
		v.disbursement.Reason = answer.Err.Error()
		v.nextAttempt = now.Add(payoutPause << d.Refusals)
	default:
		v.disbursement.Status, v.disbursement.Reason = Failed, answer.Err.Error()
		v.settledAt = &now
		v.change, err = withHistory(ctx, tx, at, func(history ...servicing.Fact) (servicing.Change, error) {
			return at.loan.FailDisbursement(d.ID, answer.Err.Error(), at.business, history...)
		})
	}
	return v, err
}

// withHistory gives a command the facts of the loan if it needs them.
func withHistory(
	ctx context.Context, tx database.Tx, at *standing, do func(history ...servicing.Fact) (servicing.Change, error),
) (servicing.Change, error) {
	change, err := do()
	if !errors.Is(err, servicing.ErrNeedsHistory) {
		return change, err
	}
	history, err := loandb.History(ctx, tx, at.loan.ID, at.loan.Version)
	if err != nil {
		return servicing.Change{}, err
	}
	return do(history...)
}
