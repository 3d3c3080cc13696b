package repayment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/groupcommit"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// Limits of posting.
const (
	// CommitPaymentsMax bounds the payments of one transaction.
	CommitPaymentsMax = 1_000
	// HistoryMax bounds the facts that one transaction goes through for payments
	// that come late, all of the loan's for each: the payments that are left have a
	// transaction of their own. One payment is never too much.
	HistoryMax = 50_000
	// QueueMax bounds the payments that wait for theirs.
	QueueMax = 50_000
	// postWorkers is one: two transactions at once would meet on the pages of the
	// same indexes and undo each other, and payments of a loan would lose their order.
	postWorkers = 1
	postTimeout = 30 * time.Second
	// A transaction costs as much as a dozen of its payments, with what relay and
	// consumers do for each. Under load those who were answered soon pay again, and
	// a moment's wait for them makes the next transaction larger. Few payments are
	// not worth a wait, and one alone never waits.
	postLinger     = 4 * time.Millisecond
	postLingerFrom = 8
)

// posting is a payment on its way into a transaction that it shares.
type posting struct {
	ctx   context.Context // of the request, for its trace
	actor access.Actor
	key   command.Key
	in    NewPayment
}

func (p *posting) command() command.Command { return payCommand(p.actor, p.key, &p.in) }

// payDetail is what the audit trail says about a payment.
type payDetail struct {
	Amount  any                   `json:"amount"`
	Kind    servicing.PaymentKind `json:"kind"`
	Channel string                `json:"channel"`
}

func payCommand(actor access.Actor, key command.Key, in *NewPayment) command.Command {
	return command.Command{
		Name: "repayment.pay", Actor: actor, Subject: in.LoanID, Key: key,
		Detail: payDetail{Amount: in.Amount, Kind: in.Kind, Channel: in.Channel},
	}
}

// newPostings makes the queue of payments that are posted at once: all that
// wait while one transaction commits share the next, and under load those who
// come back right after it.
func (s *Service) newPostings() *groupcommit.Group[posting, command.Result[Payment]] {
	return groupcommit.New(groupcommit.Config{
		WeightMax: CommitPaymentsMax, QueueMax: QueueMax, Workers: postWorkers, Timeout: postTimeout,
		Linger: postLinger, LingerFrom: postLingerFrom,
	}, s.commitPostings, func(posting) int { return 1 }, splits)
}

// splits tells whether a fault may be with one payment of a transaction: then
// its neighbours are tried without it. A key that another transaction holds is.
func splits(err error) bool {
	return !database.IsUnavailable(err) || errors.Is(err, command.ErrInFlight)
}

// commitPostings posts payments in one transaction, all or a first part of them.
// One that is refused changes nothing; its neighbours are posted.
func (s *Service) commitPostings(
	ctx context.Context, items []posting,
) ([]groupcommit.Result[command.Result[Payment]], error) {
	commands := make([]command.Command, len(items))
	for i := range items {
		commands[i] = items[i].command()
	}
	end := len(items)
	outcomes, err := command.RunAll(ctx, s.env.Commands, commands,
		func(tx database.Tx, now time.Time, open []int) ([]command.Outcome[Payment], error) {
			return s.postAll(ctx, tx, now, items, open, &end)
		})
	if err != nil {
		return nil, err
	}
	results := make([]groupcommit.Result[command.Result[Payment]], end)
	for i := range results {
		results[i].Value, results[i].Err = outcomes[i].Result, outcomes[i].Err
	}
	return results, nil
}

// errLeft is the outcome of a payment that is left for the next transaction.
var errLeft = errors.New("left for the next transaction")

// postAll posts the payments at the places: one statement reads their loans and
// one writes each table. Payments of one loan follow each other in their order.
// Those from end on are left, and end moves to the place where the transaction
// has enough.
func (s *Service) postAll(
	ctx context.Context, tx database.Tx, now time.Time, items []posting, open []int, end *int,
) ([]command.Outcome[Payment], error) {
	loans, err := lockLoans(ctx, tx, items, open)
	if err != nil {
		return nil, err
	}
	outcomes := make([]command.Outcome[Payment], len(open))
	changes := make([]servicing.Change, 0, len(open))
	payments := make([]*Payment, 0, len(open))
	events := make([]event.Event, 0, 2*len(open))
	history := 0
	for i, at := range open {
		if history >= HistoryMax {
			*end = min(*end, at)
		}
		if at >= *end {
			outcomes[i].Err = errLeft
			continue
		}
		item := &items[at]
		p, change, err := s.postOne(item, loans[item.in.LoanID], now)
		if errors.Is(err, servicing.ErrNeedsHistory) {
			if err := loans[item.in.LoanID].remember(ctx, tx); err != nil {
				return nil, err
			}
			p, change, err = s.postOne(item, loans[item.in.LoanID], now)
		}
		if loan := loans[item.in.LoanID]; loan != nil {
			history += len(loan.history)
		}
		if err != nil {
			outcomes[i].Err = err
			continue
		}
		loans[item.in.LoanID].follow(&change)
		outcomes[i].Value = p
		changes = append(changes, change)
		payments = append(payments, &outcomes[i].Value)
		events = append(events, stream.Traced(item.ctx, received(&change.Loan, &p)))
		for _, e := range loandb.Events(&change) {
			events = append(events, stream.Traced(item.ctx, e))
		}
	}
	insertPayments(tx, payments...)
	if err := loandb.Save(ctx, tx, now, name, changes...); err != nil {
		return nil, err
	}
	return outcomes, s.env.Outbox.Append(ctx, tx, now, events...)
}

// standing is a loan with the business date of its book.
type standing struct {
	loan     servicing.Loan
	business civil.Date
	unsaved  []servicing.Fact // of changes that are still to be written
	history  []servicing.Fact // all facts, once a payment needed them
}

// follow takes over the state after a change.
func (at *standing) follow(change *servicing.Change) {
	at.loan, at.unsaved = change.Loan, append(at.unsaved, change.Facts...)
	if at.history != nil {
		at.history = append(at.history, change.Facts...)
	}
}

// remember reads the facts of the loan.
func (at *standing) remember(ctx context.Context, tx database.Tx) error {
	stored, err := loandb.History(ctx, tx, at.loan.ID, at.loan.Version-int64(len(at.unsaved)))
	at.history = append(stored, at.unsaved...)
	return err
}

// lockLoans reads the loans of the payments at the places.
func lockLoans(
	ctx context.Context, tx database.Tx, items []posting, places []int,
) (map[uuid.UUID]*standing, error) {
	found := make(map[uuid.UUID]*standing, len(places))
	ids := make([]uuid.UUID, 0, len(places))
	for _, at := range places {
		id := items[at].in.LoanID
		if _, asked := found[id]; !asked {
			found[id] = nil
			ids = append(ids, id)
		}
	}
	loans, err := loandb.LoadForUpdate(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	books := make(map[uuid.UUID]civil.Date, 1)
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

// postOne decides about one payment.
func (s *Service) postOne(item *posting, at *standing, now time.Time) (Payment, servicing.Change, error) {
	if at == nil {
		return Payment{}, servicing.Change{}, fmt.Errorf("%w: %s", ErrLoanNotFound, item.in.LoanID)
	}
	p := s.newPayment(item.actor, &item.in, at, now)
	change, err := at.loan.Pay(p.order(), at.business, at.history...)
	if err != nil {
		return Payment{}, servicing.Change{}, err
	}
	p.posted(&change, item.actor, now)
	sign(&change, item.actor)
	return p, change, nil
}

// newPayment is what the payer says, as it would be stored.
func (s *Service) newPayment(actor access.Actor, in *NewPayment, at *standing, now time.Time) Payment {
	none := servicing.NoParts(at.loan.Currency())
	p := Payment{
		ID: s.env.NewID(), LoanID: at.loan.ID, Status: Declared, Kind: in.Kind, Amount: in.Amount,
		ValueDate: in.ValueDate, QuoteID: in.QuoteID, Channel: in.Channel, Reference: in.Reference, Split: none,
		Overpaid:  none.Total(),
		CreatedBy: actor.ID, CreatedAt: now, LoanStatus: at.loan.Status,
	}
	if p.ValueDate.IsZero() {
		p.ValueDate = at.business
	}
	p.recovers(&at.loan)
	return p
}

// recovers makes a normal payment of a loan that was written off by its value
// date a recovery, which is what it is by then.
func (p *Payment) recovers(l *servicing.Loan) {
	if l.Status == servicing.WrittenDown && p.Kind == servicing.Normal && !p.ValueDate.Before(l.WrittenOffOn) {
		p.Kind = servicing.Recovery
	}
}

// sign names in the journal who caused the change.
func sign(change *servicing.Change, actor access.Actor) {
	by := loandb.By(actor.ID, actor.Name)
	for i := range change.Entries {
		change.Entries[i].PostedBy = by
	}
}
