package repayment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/groupcommit"
	"github.com/tenor-lending/tenor/internal/httpapi"
	"github.com/tenor-lending/tenor/internal/upload"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// Errors of the service, for errors.Is. Those of package servicing come through.
var (
	// ErrLoanNotFound means there is no such loan, or it is not the actor's.
	ErrLoanNotFound = loandb.ErrNotFound
	// ErrNotFound means there is no such payment, or it is not the actor's.
	ErrNotFound = errors.New("no such payment")
	// ErrNotPayer means that this role neither declares nor posts payments.
	ErrNotPayer = errors.New("only borrowers, partners and the platform make payments")
	// ErrTooMany means that too many declared payments of the loan wait.
	ErrTooMany = errors.New("too many payments of the loan wait for verification")
	// ErrDecided means that the payment was posted or rejected before.
	ErrDecided = errors.New("payment is decided")
	// ErrProof means that the payment has a proof already, or that none was given yet.
	ErrProof = errors.New("step does not fit the proof of the payment")
)

// Limits of the service.
const (
	// DeclaredMax bounds the payments of a loan that wait for verification.
	DeclaredMax = 10
	// QuoteDaysMax is how far ahead a payoff is quoted.
	QuoteDaysMax = 366
)

// readers may read about any loan, beside its owner.
var readers = append([]access.Role{access.Finance, access.System}, access.Staff...)

const name = "repayment"

// Service takes payments.
type Service struct {
	env       *app.Env
	intake    *upload.Intake
	postings  *groupcommit.Group[posting, command.Result[Payment]]
	problemOf problemOf
}

// New describes the service.
func New(env *app.Env) (*app.Component, error) {
	s := newService(env)
	return &app.Component{
		Routes:        s.routes,
		Subscriptions: s.subscriptions(),
		Start:         env.Blobs.Ping,
		Tasks:         []app.Task{{Name: "sweep of loose blobs", Run: s.intake.Run}},
		Checks:        map[string]httpapi.Check{"blobs": env.Blobs.Ping},
		Stop:          s.postings.Close,
	}, nil
}

func newService(env *app.Env) *Service {
	s := &Service{env: env, intake: &upload.Intake{DB: env.DB, Blobs: env.Blobs, Now: env.Now, Log: env.Log}}
	s.postings = s.newPostings()
	return s
}

// Pay takes a payment: of a partner or the platform it is posted at once, of
// the borrower it is declared. The errors are ErrNotPayer, ErrLoanNotFound,
// ErrTooMany, and those of servicing.Loan.Pay.
func (s *Service) Pay(
	ctx context.Context, actor access.Actor, key command.Key, in NewPayment,
) (command.Result[Payment], error) {
	posts := actor.Has(access.Partner, access.System)
	if !posts && !actor.Has(access.Customer) {
		return command.Result[Payment]{}, ErrNotPayer
	}
	if posts {
		return s.postings.Do(ctx, posting{ctx: ctx, actor: actor, key: key, in: in})
	}
	c := payCommand(actor, key, &in)
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (Payment, error) {
		loan, business, err := s.find(ctx, tx, in.LoanID)
		if err != nil {
			return Payment{}, err
		}
		if loan.CustomerID != actor.ID {
			return Payment{}, fmt.Errorf("%w: %s", ErrLoanNotFound, in.LoanID)
		}
		at := standing{loan: loan, business: business}
		return s.declare(ctx, tx, now, &at, s.newPayment(actor, &in, &at, now))
	})
}

// KeyedPayment is a payment of a batch with its idempotency key.
type KeyedPayment struct {
	Key command.Key
	NewPayment
}

// PayAll posts payments of a partner or the platform and returns what became of
// each, as Pay would answer it. Payments of one loan are posted in their order.
func (s *Service) PayAll(
	ctx context.Context, actor access.Actor, payments []KeyedPayment,
) []groupcommit.Result[command.Result[Payment]] {
	items := make([]posting, len(payments))
	for i := range payments {
		items[i] = posting{ctx: ctx, actor: actor, key: payments[i].Key, in: payments[i].NewPayment}
	}
	return s.postings.DoAll(ctx, items)
}

// find returns a loan with the business date of its book.
func (s *Service) find(ctx context.Context, tx database.Tx, loanID uuid.UUID) (servicing.Loan, civil.Date, error) {
	loan, err := loandb.Find(ctx, tx, loanID)
	if err != nil {
		return servicing.Loan{}, civil.Date{}, err
	}
	business, err := loandb.BusinessDate(ctx, tx, loan.BookID)
	return loan, business, err
}

func (p *Payment) order() servicing.Payment {
	return servicing.Payment{
		ID: p.ID, Kind: p.Kind, Amount: p.Amount, ValueDate: p.ValueDate, QuoteID: p.QuoteID,
	}
}

func received(l *servicing.Loan, p *Payment) event.PaymentReceived {
	return event.PaymentReceived{
		OnLoan: loandb.OnLoan(l), PaymentID: p.ID, Status: string(p.Status), Amount: p.Amount, ValueDate: p.ValueDate,
		Channel: p.Channel,
	}
}

// posted takes over the split from the change that posted the payment.
func (p *Payment) posted(change *servicing.Change, actor access.Actor, now time.Time) {
	for _, fact := range change.Facts {
		if paid, ok := fact.(servicing.Paid); ok {
			p.Split, p.Overpaid = paid.Split, paid.Overpaid
		}
	}
	p.Status, p.DecidedBy, p.DecidedAt, p.LoanStatus = Posted, &actor.ID, &now, change.Loan.Status
}

// declare notes what a borrower says to have paid. It must be a payment that
// could be posted as things stand.
func (s *Service) declare(
	ctx context.Context, tx database.Tx, now time.Time, at *standing, p Payment,
) (Payment, error) {
	if _, err := loandb.Do(ctx, tx, &at.loan, p.order(), at.business); err != nil {
		return Payment{}, err
	}
	waiting, err := countWaiting(ctx, tx, p.LoanID)
	if err != nil {
		return Payment{}, err
	}
	if waiting >= DeclaredMax {
		return Payment{}, fmt.Errorf("%w: at most %d", ErrTooMany, DeclaredMax)
	}
	insertPayments(tx, &p)
	return p, s.env.Outbox.Append(ctx, tx, now, received(&at.loan, &p))
}

// Verify posts or rejects a declared payment. Posting needs a proof; rejecting
// does not. The errors are ErrNotFound, ErrDecided, ErrProof, and those of
// servicing.Loan.Pay.
func (s *Service) Verify(
	ctx context.Context, actor access.Actor, key command.Key, id uuid.UUID, approve bool, reason string,
) (command.Result[Payment], error) {
	c := command.Command{Name: "repayment.verify", Actor: actor, Subject: id, Key: key, Detail: map[string]any{
		"approve": approve,
	}}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (Payment, error) {
		stored, err := findPayment(ctx, tx, id)
		if err != nil {
			return Payment{}, err
		}
		p := stored.Payment
		if p.Status == Posted || p.Status == Rejected {
			return Payment{}, fmt.Errorf("%w: it is %s", ErrDecided, p.Status)
		}
		if approve && p.Status != Proven {
			return Payment{}, fmt.Errorf("%w: no proof was given yet", ErrProof)
		}
		loan, business, err := s.find(ctx, tx, p.LoanID)
		if err != nil {
			return Payment{}, err
		}
		p.Reason = reason
		if !approve {
			return s.reject(ctx, tx, now, actor, &loan, p)
		}
		p.recovers(&loan)
		change, err := loandb.Do(ctx, tx, &loan, p.order(), business)
		if err != nil {
			return Payment{}, err
		}
		p.posted(&change, actor, now)
		if err := decidePayment(ctx, tx, &p); err != nil {
			return Payment{}, err
		}
		if err := loandb.Save(ctx, tx, now, loandb.By(actor.ID, actor.Name), change); err != nil {
			return Payment{}, err
		}
		return p, s.env.Outbox.Append(ctx, tx, now, loandb.Events(&change)...)
	})
}

func (s *Service) reject(
	ctx context.Context, tx database.Tx, now time.Time, actor access.Actor, loan *servicing.Loan, p Payment,
) (Payment, error) {
	p.Status, p.DecidedBy, p.DecidedAt, p.LoanStatus = Rejected, &actor.ID, &now, loan.Status
	if err := decidePayment(ctx, tx, &p); err != nil {
		return Payment{}, err
	}
	return p, s.env.Outbox.Append(ctx, tx, now, event.PaymentRejected{
		OnLoan: loandb.OnLoan(loan), PaymentID: p.ID, Amount: p.Amount, Reason: p.Reason,
	})
}

// Close completes a repaid loan; closing it again is harmless. While anything
// is owed it is servicing.ErrOutstanding with the amount.
func (s *Service) Close(
	ctx context.Context, actor access.Actor, key command.Key, loanID uuid.UUID,
) (command.Result[LoanState], error) {
	c := command.Command{Name: "repayment.close", Actor: actor, Subject: loanID, Key: key}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (LoanState, error) {
		loan, business, err := s.find(ctx, tx, loanID)
		if err != nil {
			return LoanState{}, err
		}
		change, err := loan.Close(business)
		if err != nil {
			return LoanState{}, err
		}
		if err := loandb.Save(ctx, tx, now, loandb.By(actor.ID, actor.Name), change); err != nil {
			return LoanState{}, err
		}
		if err := s.env.Outbox.Append(ctx, tx, now, loandb.Events(&change)...); err != nil {
			return LoanState{}, err
		}
		return stateOf(&change.Loan, uuid.Nil), nil
	})
}
