package discussion

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/civil"
	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
)

// Service makes offers and records their answers.
type Service struct {
	env *app.Env
	// aged wakes the expirer; it holds one signal.
	aged chan struct{}
}

// New describes the service.
func New(env *app.Env) (*app.Component, error) {
	s := &Service{env: env, aged: make(chan struct{}, 1)}
	return &app.Component{
		Routes:        s.routes,
		Subscriptions: append(casefile.Subscriptions(), s.subscriptions()...),
		Tasks:         []app.Task{{Name: "discussion: expire offers", Run: s.expireOffers}},
	}, nil
}

// MakeOffer puts a proposal to the borrower. It supersedes the offer before.
func (s *Service) MakeOffer(
	ctx context.Context, actor access.Actor, key command.Key, applicationID uuid.UUID, p Proposal,
) (command.Result[Offer], error) {
	c := command.Command{Name: "discussion.offer", Actor: actor, Subject: applicationID, Key: key, Detail: p}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (Offer, error) {
		file, err := casefile.Visible(ctx, tx, actor, applicationID, access.Officer)
		if err != nil {
			return Offer{}, err
		}
		t, err := s.openTalk(ctx, tx, file)
		if err != nil {
			return Offer{}, err
		}
		today, err := s.businessDate(ctx, tx, now)
		if err != nil {
			return Offer{}, err
		}
		o, err := offerOf(p, t.maxAmount, today)
		if err != nil {
			return Offer{}, err
		}
		o.ID, o.ApplicationID, o.Version = s.env.NewID(), applicationID, t.lastVersion+1
		o.OfficerID, o.MadeAt = actor.ID, now
		if err := o.takeProduct(ctx, tx, t.product, today); err != nil {
			return Offer{}, err
		}
		return o, s.storeOffer(ctx, tx, file, t, o)
	})
}

// takeProduct lets the offer take the version of the product that is in force
// today, of those that were heard of: what is shown, accepted and signed is what
// will be charged, even if another version is still on its way. Before any is in
// force it is version 0, which is built in and has no late fee.
func (o *Offer) takeProduct(ctx context.Context, tx database.Tx, code string, today civil.Date) error {
	if code == "" {
		return nil // the application was submitted before its product travelled
	}
	version, fee, err := productInForce(ctx, tx, code, o.KeyFacts.Principal.Currency(), today)
	o.Product, o.ProductVersion, o.LateFee = code, &version, fee
	return err
}

func (s *Service) storeOffer(ctx context.Context, tx database.Tx, file casefile.Case, t talk, o Offer) error {
	advanced, err := advanceTalk(ctx, tx, t)
	if err != nil {
		return err
	}
	if !advanced {
		return file.Wrong(event.StageDiscussion)
	}
	if err := supersedeOffer(ctx, tx, o.ApplicationID, o.MadeAt); err != nil {
		return err
	}
	if err := insertOffer(ctx, tx, o); err != nil {
		return err
	}
	terms, err := o.event()
	if err != nil {
		return err
	}
	return s.env.Outbox.Append(ctx, tx, o.MadeAt, event.OfferMade{OnApplication: on(file), Offer: terms})
}

// FindOffer returns the newest offer, for its owner and for staff.
func (s *Service) FindOffer(ctx context.Context, actor access.Actor, applicationID uuid.UUID) (Offer, error) {
	var o Offer
	err := database.InReadTx(ctx, s.env.DB, func(tx database.Tx) error {
		_, err := casefile.Visible(ctx, tx, actor, applicationID, access.Staff...)
		if err != nil {
			return err
		}
		found := false
		o, found, err = latestOffer(ctx, tx, applicationID)
		if err == nil && !found {
			err = fmt.Errorf("%w: %s", ErrNoOffer, applicationID)
		}
		return err
	})
	return o, err
}

// Accept records that the borrower agrees to exactly the offer and schedule named.
func (s *Service) Accept(
	ctx context.Context, actor access.Actor, key command.Key, applicationID, offerID uuid.UUID, scheduleHash string,
) (command.Result[Offer], error) {
	c := command.Command{
		Name: "discussion.accept", Actor: actor, Subject: applicationID, Key: key,
		Detail: map[string]any{"offer_id": offerID, "schedule_hash": scheduleHash},
	}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (Offer, error) {
		file, o, err := s.currentOffer(ctx, tx, actor, applicationID, offerID)
		if err != nil {
			return Offer{}, err
		}
		if !strings.EqualFold(scheduleHash, o.ScheduleHash) {
			return Offer{}, &FieldError{"schedule_hash", "is not that of the offer: read the offer again"}
		}
		if err := s.standing(ctx, tx, o, now); err != nil {
			return Offer{}, err
		}
		terms, err := o.event()
		if err != nil {
			return Offer{}, err
		}
		return s.answer(ctx, tx, file, o, Accepted, "", now,
			event.OfferAccepted{OnApplication: on(file), Offer: terms, OfficerID: o.OfficerID})
	})
}

// Decline records that the borrower does not want the loan. offerID may be
// uuid.Nil for the offer that is open; reason is one of DeclineReasons.
func (s *Service) Decline(
	ctx context.Context, actor access.Actor, key command.Key, applicationID, offerID uuid.UUID, reason string,
) (command.Result[Offer], error) {
	c := command.Command{
		Name: "discussion.decline", Actor: actor, Subject: applicationID, Key: key,
		Detail: map[string]any{"offer_id": offerID, "reason": reason},
	}
	return command.Run(ctx, s.env.Commands, c, func(tx database.Tx, now time.Time) (Offer, error) {
		if !slices.Contains(DeclineReasons, reason) {
			return Offer{}, &FieldError{"reason", "is no known reason"}
		}
		file, o, err := s.currentOffer(ctx, tx, actor, applicationID, offerID)
		if err != nil {
			return Offer{}, err
		}
		return s.answer(ctx, tx, file, o, Declined, reason, now,
			event.OfferDeclined{OnApplication: on(file), OfferID: o.ID, Reason: reason})
	})
}

// currentOffer returns the open offer to its owner. offerID, unless Nil, must be its id.
func (s *Service) currentOffer(
	ctx context.Context, tx database.Tx, actor access.Actor, applicationID, offerID uuid.UUID,
) (casefile.Case, Offer, error) {
	file, err := casefile.Visible(ctx, tx, actor, applicationID)
	if err != nil {
		return casefile.Case{}, Offer{}, err
	}
	o, found, err := latestOffer(ctx, tx, applicationID)
	if err != nil {
		return casefile.Case{}, Offer{}, err
	}
	if found && o.Status == Expired {
		return casefile.Case{}, Offer{}, expired(o)
	}
	if _, err := s.openTalk(ctx, tx, file); err != nil {
		return casefile.Case{}, Offer{}, err
	}
	if !found {
		return casefile.Case{}, Offer{}, fmt.Errorf("%w: %s", ErrNoOffer, applicationID)
	}
	if offerID != uuid.Nil && offerID != o.ID {
		return casefile.Case{}, Offer{}, fmt.Errorf("%w: %s is", ErrNotCurrent, o.ID)
	}
	return file, o, nil
}

// openTalk returns the discussion while it is open, or an error that names the stage.
func (s *Service) openTalk(ctx context.Context, tx database.Tx, file casefile.Case) (talk, error) {
	t, found, err := findTalk(ctx, tx, file.ApplicationID)
	if err != nil {
		return talk{}, err
	}
	if !found || t.status == Submitted {
		return talk{}, file.Wrong(event.StageDiscussion)
	}
	if t.status != Open {
		return talk{}, fmt.Errorf("%w; the discussion ended: %s", file.Wrong(event.StageDiscussion), t.status)
	}
	return t, nil
}

// standing says whether the offer can still be accepted today.
func (s *Service) standing(ctx context.Context, tx database.Tx, o Offer, now time.Time) error {
	today, err := s.businessDate(ctx, tx, now)
	if err != nil {
		return err
	}
	if today.After(o.ValidUntil) {
		return expired(o)
	}
	return nil
}

func expired(o Offer) error { return fmt.Errorf("%w: it was valid until %s", ErrExpired, o.ValidUntil) }

// answer closes offer and discussion and announces what became of them.
func (s *Service) answer(
	ctx context.Context, tx database.Tx, file casefile.Case, o Offer, status Status, reason string, now time.Time,
	announce event.Event,
) (Offer, error) {
	o.Status, o.Reason, o.ClosedAt = status, reason, &now
	closed, err := closeOffer(ctx, tx, o)
	if err != nil {
		return Offer{}, err
	}
	ended, err := closeTalk(ctx, tx, o.ApplicationID, status)
	if err != nil {
		return Offer{}, err
	}
	if !closed || !ended {
		return Offer{}, file.Wrong(event.StageDiscussion)
	}
	return o, s.env.Outbox.Append(ctx, tx, now, announce)
}

// businessDate is the book's, or the UTC date before its first day was closed.
func (s *Service) businessDate(ctx context.Context, tx database.Tx, now time.Time) (civil.Date, error) {
	date, found, err := findBusinessDate(ctx, tx, s.env.Config.CloseOfDay.Book)
	if err != nil || found {
		return date, err
	}
	return civil.DateOf(now), nil
}

func on(file casefile.Case) event.OnApplication {
	return event.OnApplication{ApplicationID: file.ApplicationID, CustomerID: file.CustomerID}
}
