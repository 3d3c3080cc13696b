package activation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/amortization"
	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/servicing"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

// Errors of the service, for errors.Is.
var (
	// ErrNotFound means there is no such loan, or it is not the actor's.
	ErrNotFound = loandb.ErrNotFound
	// ErrCancelled means the payout failed for good and the loan is cancelled.
	ErrCancelled = errors.New("loan is cancelled")
	// ErrTerms means that the signed terms do not make a schedule.
	ErrTerms = errors.New("signed terms are not valid")
)

const name = "activation"

// readers may read any loan, beside its owner.
var readers = append([]access.Role{access.Finance, access.System}, access.Staff...)

// agreement is what was signed.
type agreement struct {
	ApplicationID uuid.UUID
	CustomerID    uuid.UUID
	AgreementID   uuid.UUID
	OfferID       uuid.UUID
	Product       string // "" if the agreement names none
	// ProductVersion is nil if the agreement names no version; LateFee is that of
	// the version as the borrower signed it.
	ProductVersion *int64
	LateFee        event.LateFee
	Terms          string
	ScheduleHash   string
	SignedAt       time.Time
}

// Service activates loans and pays them out.
type Service struct {
	env     *app.Env
	channel PayoutChannel
	wake    chan struct{}
	// turn is held by whoever activates or settles many loans: side by side, two
	// transactions insert into the pages of the indexes that the other has read, and
	// SERIALIZABLE has one of them begin anew each time.
	turn sync.Mutex
}

// New describes the service with the simulated bank as its payout channel.
func New(env *app.Env) (*app.Component, error) {
	return NewWith(env, &simulatedBank{
		db: env.DB, now: env.Now, delay: env.Config.Payout.Delay, failPercent: env.Config.Payout.FailPercent,
		losePercent: env.Config.Payout.LosePercent,
	}), nil
}

// NewWith describes the service with the payout channel.
func NewWith(env *app.Env, channel PayoutChannel) *app.Component {
	s := &Service{env: env, channel: channel, wake: make(chan struct{}, 1)}
	return s.component()
}

func (s *Service) component() *app.Component {
	return &app.Component{
		Routes:        s.routes,
		Subscriptions: append(casefile.Subscriptions(), s.subscriptions()...),
		Turn:          &s.turn,
		Start: func(ctx context.Context) error {
			cfg := s.env.Config.CloseOfDay
			return loandb.StartBook(ctx, s.env.DB, s.env.NewID(), cfg.Book, cfg.Zone, s.env.Now())
		},
		Tasks: []app.Task{{Name: "payouts", Run: s.runPayouts}},
	}
}

// Trigger activates the loan of a signed agreement and orders its payout. A
// loan that exists is returned as it is. The errors are casefile.ErrNotFound
// and casefile.ErrWrongStage when nothing was signed yet,
// servicing.ErrScheduleHash, ErrVersion and ErrTerms.
func (s *Service) Trigger(
	ctx context.Context, actor access.Actor, key command.Key, applicationID uuid.UUID,
) (command.Result[Account], error) {
	c := command.Command{Name: "activation.trigger", Actor: actor, Subject: applicationID, Key: key}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (Account, error) {
		loan, err := loandb.FindByApplication(ctx, tx, applicationID)
		if err == nil {
			return s.account(ctx, tx, loan)
		}
		if !errors.Is(err, loandb.ErrNotFound) {
			return Account{}, err
		}
		signed, found, err := findAgreement(ctx, tx, applicationID)
		if err != nil {
			return Account{}, err
		}
		if !found {
			return Account{}, unsigned(ctx, tx, applicationID)
		}
		loans, err := s.activate(ctx, tx, now, actor, signed)
		if err != nil {
			return Account{}, err
		}
		return s.account(ctx, tx, loans[0])
	})
}

// unsigned tells an unknown application from one that is not that far.
func unsigned(ctx context.Context, tx database.Tx, applicationID uuid.UUID) error {
	file, err := casefile.Find(ctx, tx, applicationID)
	if err != nil {
		return err
	}
	return file.Wrong(event.StageActivation)
}

// activate makes the loans of agreements in the caller's transaction and returns
// them in that order.
func (s *Service) activate(
	ctx context.Context, tx database.Tx, now time.Time, actor access.Actor, signed ...agreement,
) ([]servicing.Loan, error) {
	if len(signed) == 0 {
		return nil, nil
	}
	book, err := loandb.BookByName(ctx, tx, s.env.Config.CloseOfDay.Book)
	if err != nil {
		return nil, err
	}
	changes, loans := make([]servicing.Change, len(signed)), make([]servicing.Loan, len(signed))
	products := catalogue{on: book.BusinessDate, read: map[productKey]Version{}}
	for i := range signed {
		if changes[i], err = s.open(ctx, tx, &signed[i], book, &products); err != nil {
			return nil, err
		}
		loans[i] = changes[i].Loan
	}
	insertDisbursements(tx, now, loans)
	tx.AfterCommit(s.nudge)
	return loans, s.store(ctx, tx, now, actor, changes...)
}

// open opens the account of a loan, with the version of its product that was signed.
func (s *Service) open(
	ctx context.Context, tx database.Tx, signed *agreement, book loandb.Book, products *catalogue,
) (servicing.Change, error) {
	var terms amortization.Terms
	if err := json.Unmarshal([]byte(signed.Terms), &terms); err != nil {
		return servicing.Change{}, fmt.Errorf("%w: application %s: %w", ErrTerms, signed.ApplicationID, err)
	}
	product, err := products.find(ctx, tx, signed, terms.Principal.Currency())
	if err != nil {
		return servicing.Change{}, err
	}
	change, err := servicing.Activate(servicing.Activation{
		LoanID: s.env.NewID(), ApplicationID: signed.ApplicationID, CustomerID: signed.CustomerID, BookID: book.ID,
		DisbursementID: s.env.NewID(), Terms: terms, ScheduleHash: signed.ScheduleHash, On: book.BusinessDate,
		Allocation: product.Settings.Allocation, Product: product.named(),
	})
	if len(amortization.Faults(err)) > 0 || errors.Is(err, servicing.ErrInvalid) {
		return servicing.Change{}, fmt.Errorf("%w: %w", ErrTerms, err)
	}
	return change, err
}

// store saves changes of loans and announces them.
func (s *Service) store(
	ctx context.Context, tx database.Tx, now time.Time, actor access.Actor, changes ...servicing.Change,
) error {
	if err := loandb.Save(ctx, tx, now, loandb.By(actor.ID, actor.Name), changes...); err != nil {
		return err
	}
	var events []event.Event
	for i := range changes {
		events = append(events, loandb.Events(&changes[i])...)
	}
	return s.env.Outbox.Append(ctx, tx, now, events...)
}

// Disburse has an open payout tried now. Its outcome is left to the payout
// channel; a payout that was made is left alone, and one that failed for good
// is ErrCancelled.
func (s *Service) Disburse(
	ctx context.Context, actor access.Actor, key command.Key, loanID uuid.UUID,
) (command.Result[Account], error) {
	c := command.Command{Name: "activation.disburse", Actor: actor, Subject: loanID, Key: key}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (Account, error) {
		loan, err := loandb.Find(ctx, tx, loanID)
		if err != nil {
			return Account{}, err
		}
		switch {
		case loan.Status == servicing.Cancelled:
			return Account{}, fmt.Errorf("%w: %s", ErrCancelled, loanID)
		case loan.PayoutPending:
			if err := hurryDisbursement(ctx, tx, now, loan.Disbursement.ID); err != nil {
				return Account{}, err
			}
			tx.AfterCommit(s.nudge)
		}
		return s.account(ctx, tx, loan)
	})
}

// Account returns a loan account that the actor may see.
func (s *Service) Account(ctx context.Context, actor access.Actor, loanID uuid.UUID) (Account, error) {
	var account Account
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		loan, err := visible(ctx, tx, actor, loanID)
		if err != nil {
			return err
		}
		account, err = s.account(ctx, tx, loan)
		return err
	})
	if !actor.Has(readers...) {
		account.Risk = nil
	}
	return account, err
}

// Schedule returns a loan that the actor may see, its plan as it was signed,
// and the business date of its book.
func (s *Service) Schedule(ctx context.Context, actor access.Actor, loanID uuid.UUID) (Plan, error) {
	var plan Plan
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		var err error
		if plan.Loan, err = visible(ctx, tx, actor, loanID); err != nil {
			return err
		}
		plan.BusinessDate, err = loandb.BusinessDate(ctx, tx, plan.Loan.BookID)
		return err
	})
	if err != nil {
		return Plan{}, err
	}
	plan.Schedule, err = plan.Loan.Schedule()
	return plan, err
}

func visible(ctx context.Context, tx database.Tx, actor access.Actor, loanID uuid.UUID) (servicing.Loan, error) {
	loan, err := loandb.Find(ctx, tx, loanID)
	if err != nil {
		return servicing.Loan{}, err
	}
	if !actor.MaySee(loan.CustomerID, readers...) {
		return servicing.Loan{}, fmt.Errorf("%w: %s", ErrNotFound, loanID)
	}
	return loan, nil
}

// nudge has the payouts looked at now.
func (s *Service) nudge() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}
