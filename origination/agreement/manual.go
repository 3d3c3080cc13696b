package agreement

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/upload"
)

// CopiesMax is how many copies signed by hand an agreement may have in all.
const CopiesMax = 10

// ErrTooManyCopies means that CopiesMax copies were sent in.
var ErrTooManyCopies = fmt.Errorf("an agreement has at most %d signed copies", CopiesMax)

// ErrReason means that a copy is rejected without saying why.
var ErrReason = errors.New("a rejection needs a reason")

// The decisions on a copy signed by hand.
const (
	decisionPending  = "PENDING"
	decisionApproved = "APPROVED"
	decisionRejected = "REJECTED"
)

// Upload receives a copy of the agreement that the borrower signed by hand; an
// officer reviews it. The key is bound to the application and the content.
func (s *Service) Upload(
	ctx context.Context, actor access.Actor, key command.Key, applicationID uuid.UUID, form *upload.Form,
) (command.Result[View], error) {
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		_, err := casefile.Visible(ctx, tx, actor, applicationID)
		return err
	})
	if err != nil {
		return command.Result[View]{}, err
	}
	form.File().Accept(upload.PDF)
	received, err := s.intake.Receive(ctx, form)
	if err != nil {
		return command.Result[View]{}, err
	}
	result, err := s.addCopy(ctx, actor, key, applicationID, received)
	if err != nil || result.Replayed {
		s.intake.Drop(ctx, received.Key)
	}
	return result, err
}

// copyRequest is what an idempotency key is bound to.
type copyRequest struct {
	ApplicationID uuid.UUID `json:"application_id"`
	SHA256        string    `json:"sha256"`
}

func (s *Service) addCopy(
	ctx context.Context, actor access.Actor, key command.Key, applicationID uuid.UUID, received upload.Received,
) (command.Result[View], error) {
	bound := copyRequest{applicationID, received.SHA256}
	key, err := command.NewKey(key.Value, bound)
	if err != nil {
		return command.Result[View]{}, err
	}
	id := s.newID()
	return command.Run(ctx, s.commands, command.Command{
		Name: "agreement.upload", Actor: actor, Subject: applicationID, Key: key, Detail: bound,
	}, func(tx database.Tx, now time.Time) (View, error) {
		agreement, offer, err := s.open(ctx, tx, actor, applicationID)
		if err != nil {
			return View{}, err
		}
		last, _, _, err := lastCopy(ctx, tx, agreement.ID)
		if err != nil {
			return View{}, err
		}
		if last.Number >= CopiesMax {
			return View{}, ErrTooManyCopies
		}
		err = insertCopy(ctx, tx, signedCopy{
			ID: id, AgreementID: agreement.ID, Number: last.Number + 1, Size: received.Size, SHA256: received.SHA256,
			UploadedAt: now, Decision: decisionPending,
		}, received.Ref)
		if err != nil {
			return View{}, err
		}
		if err := upload.Keep(ctx, tx, received.Key); err != nil {
			return View{}, err
		}
		if err := setStatus(ctx, tx, agreement.ID, Generated, UnderReview); err != nil {
			return View{}, err
		}
		agreement.Status = UnderReview
		return viewOf(agreement, offer.Offer), s.outbox.Append(ctx, tx, now, event.AgreementUploaded{
			OnApplication: offer.On, AgreementID: agreement.ID, SHA256: received.SHA256,
		})
	})
}

// Review decides on the copy that waits: approved, the agreement is signed;
// rejected, the borrower is told why and may sign again.
func (s *Service) Review(
	ctx context.Context, actor access.Actor, key command.Key, applicationID uuid.UUID, approved bool, reason string,
) (command.Result[View], error) {
	if !approved && reason == "" {
		return command.Result[View]{}, ErrReason
	}
	return command.Run(ctx, s.commands, command.Command{
		Name: "agreement.review", Actor: actor, Subject: applicationID, Key: key,
		Detail: map[string]any{"approved": approved, "reason": reason},
	}, func(tx database.Tx, now time.Time) (View, error) {
		c, err := casefile.Find(ctx, tx, applicationID)
		if err != nil {
			return View{}, err
		}
		agreement, found, err := findAgreement(ctx, tx, applicationID)
		if err != nil {
			return View{}, err
		}
		if !found || c.Stage == event.StageClosed {
			return View{}, noneYet(c)
		}
		if agreement.Status != UnderReview {
			return View{}, fmt.Errorf("%w: it is %s, this step needs %s", ErrState, agreement.Status, UnderReview)
		}
		return s.decide(ctx, tx, now, agreement, approved, reason)
	})
}

func (s *Service) decide(
	ctx context.Context, tx database.Tx, now time.Time, agreement Agreement, approved bool, reason string,
) (View, error) {
	offer, _, err := findAccepted(ctx, tx, agreement.ApplicationID)
	if err != nil {
		return View{}, err
	}
	waiting, _, _, err := lastCopy(ctx, tx, agreement.ID)
	if err != nil {
		return View{}, err
	}
	waiting.Decision, waiting.Reason = decisionRejected, reason
	if approved {
		waiting.Decision = decisionApproved
	}
	if err := decideCopy(ctx, tx, waiting, now); err != nil {
		return View{}, err
	}
	if approved {
		agreement.SignedSHA256 = waiting.SHA256
		agreement, err = s.conclude(ctx, tx, now, UnderReview, MethodUpload, agreement, offer)
		return viewOf(agreement, offer.Offer), err
	}
	if err := setStatus(ctx, tx, agreement.ID, UnderReview, Generated); err != nil {
		return View{}, err
	}
	agreement.Status = Generated
	view := viewOf(agreement, offer.Offer)
	view.Returned = reason
	return view, s.outbox.Append(ctx, tx, now, event.AgreementReturned{
		OnApplication: offer.On, AgreementID: agreement.ID, SHA256: waiting.SHA256, Reason: reason,
	})
}
