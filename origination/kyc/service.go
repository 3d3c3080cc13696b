package kyc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/app"
	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/privacy"
	"github.com/tenor-lending/tenor/internal/stream"
)

// Service holds what the rules need.
type Service struct {
	db       *database.DB
	commands *command.Runner
	outbox   *stream.Outbox
	keyring  *privacy.Keyring
	now      func() time.Time
}

// New makes the service; it starts nothing.
func New(env *app.Env) (*app.Component, error) {
	s := &Service{db: env.DB, commands: env.Commands, outbox: env.Outbox, keyring: env.Keyring, now: env.Now}
	return &app.Component{Routes: s.routes, Subscriptions: s.subscriptions()}, nil
}

// Filter selects reviews; zero fields select all.
type Filter struct {
	Status  Status
	Officer uuid.UUID
}

// Position is the place of a review in the queue, oldest first.
type Position struct {
	OpenedAt time.Time `json:"opened_at"`
	ID       uuid.UUID `json:"id"`
}

// Queue returns at most limit reviews after a position with evidence and
// findings, and whether more follow. Who may call it is the API's to decide.
func (s *Service) Queue(ctx context.Context, f Filter, after Position, limit int) ([]Review, bool, error) {
	var reviews []Review
	var texts sealedTexts
	err := database.InReadTx(ctx, s.db, func(tx database.Tx) error {
		var err error
		if reviews, err = listReviews(ctx, tx, f, after, limit+1); err != nil {
			return err
		}
		texts, err = readDetails(ctx, tx, reviews)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	more := len(reviews) > limit
	if more {
		reviews = reviews[:limit]
	}
	for i := range reviews {
		if err := s.openNotes(&reviews[i], texts); err != nil {
			return nil, false, err
		}
	}
	return reviews, more, nil
}

// Outcome is where a step has led. It is kept with the idempotency key and
// holds nothing personal.
type Outcome struct {
	ApplicationID uuid.UUID  `json:"application_id"`
	Status        Status     `json:"status"`
	OfficerID     *uuid.UUID `json:"officer_id,omitempty"`
	Passed        *bool      `json:"passed,omitempty"`
	Reason        Reason     `json:"reason,omitempty"`
	At            time.Time  `json:"at"`
	Evidence      []Evidence `json:"evidence,omitempty"`
}

// Assign gives a review to an officer, or another officer than before, until it
// is verified. Errors are ErrInvalid, ErrVerified, ErrDecided, and those of casefile.
func (s *Service) Assign(
	ctx context.Context, actor access.Actor, id, officer uuid.UUID, key command.Key,
) (command.Result[Outcome], error) {
	if officer == uuid.Nil {
		return command.Result[Outcome]{}, &FieldError{"officer_id", "names nobody"}
	}
	c := command.Command{
		Name: "kyc.assign", Actor: actor, Subject: id, Key: key, Detail: map[string]any{"officer": officer},
	}
	return command.Run(ctx, s.commands, c, func(tx database.Tx, now time.Time) (Outcome, error) {
		found, err := s.load(ctx, tx, id)
		if err != nil {
			return Outcome{}, err
		}
		if err := found.mayAssign(); err != nil {
			return Outcome{}, err
		}
		if err := updateAssigned(ctx, tx, id, officer, actor.ID, now); err != nil {
			return Outcome{}, err
		}
		err = s.outbox.Append(ctx, tx, now, event.KYCAssigned{OnApplication: found.on(), OfficerID: officer})
		return Outcome{
			ApplicationID: id, Status: Assigned, OfficerID: &officer, At: now, Evidence: found.Evidence,
		}, err
	})
}

// Verify records what the assigned officer found, in place of earlier findings.
// Errors are ErrInvalid, ErrNotAssigned, ErrNotYours, ErrEvidenceMissing,
// ErrDecided, and those of casefile.
func (s *Service) Verify(ctx context.Context, actor access.Actor, id uuid.UUID, checks []Check) (Outcome, error) {
	if err := checkFindings(checks); err != nil {
		return Outcome{}, err
	}
	passed := allPassed(checks)
	c := command.Command{
		Name: "kyc.verify", Actor: actor, Subject: id, Detail: map[string]any{"passed": passed, "checks": checks},
	}
	result, err := command.Run(ctx, s.commands, c, func(tx database.Tx, now time.Time) (Outcome, error) {
		found, err := s.load(ctx, tx, id)
		if err != nil {
			return Outcome{}, err
		}
		if err := found.mayVerify(actor.ID); err != nil {
			return Outcome{}, err
		}
		key, err := s.keyOf(ctx, tx, found.CustomerID)
		if err != nil {
			return Outcome{}, err
		}
		if err := updateVerified(ctx, tx, id, actor.ID, passed, now); err != nil {
			return Outcome{}, err
		}
		for _, check := range checks {
			notes, err := key.Seal(check.Notes, notesPlace(id, check.Name))
			if err != nil {
				return Outcome{}, fmt.Errorf("sealing notes on %s: %w", id, err)
			}
			if err := putCheck(ctx, tx, id, check, notes); err != nil {
				return Outcome{}, err
			}
		}
		err = s.outbox.Append(ctx, tx, now, event.KYCVerified{
			OnApplication: found.on(), OfficerID: actor.ID, Passed: passed,
		})
		return Outcome{ApplicationID: id, Status: Verified, OfficerID: found.OfficerID, Passed: &passed, At: now}, err
	})
	return result.Value, err
}

// Decide ends a verified review. Errors are ErrInvalid, ErrNotVerified,
// ErrSameHands, ErrCheckFailed, ErrDecided, and those of casefile.
func (s *Service) Decide(
	ctx context.Context, actor access.Actor, id uuid.UUID, d Decision, key command.Key,
) (command.Result[Outcome], error) {
	if err := d.check(); err != nil {
		return command.Result[Outcome]{}, err
	}
	c := command.Command{
		Name: "kyc.decide", Actor: actor, Subject: id, Key: key,
		Detail: map[string]any{"decision": d.Verdict, "reason": d.Reason, "note": d.Note},
	}
	return command.Run(ctx, s.commands, c, func(tx database.Tx, now time.Time) (Outcome, error) {
		found, err := s.load(ctx, tx, id)
		if err != nil {
			return Outcome{}, err
		}
		if err := found.mayDecide(actor.ID, d.Verdict); err != nil {
			return Outcome{}, err
		}
		status, announced := Approved, event.Event(event.KYCApproved{OnApplication: found.on(), ManagerID: actor.ID})
		if d.Verdict == Reject {
			status = Rejected
			announced = event.KYCRejected{OnApplication: found.on(), ManagerID: actor.ID, Reason: string(d.Reason)}
		}
		subject, err := s.keyOf(ctx, tx, found.CustomerID)
		if err != nil {
			return Outcome{}, err
		}
		note, err := subject.Seal(d.Note, notePlace(id))
		if err != nil {
			return Outcome{}, fmt.Errorf("sealing note on %s: %w", id, err)
		}
		if err := updateDecided(ctx, tx, id, status, actor.ID, d.Reason, note, now); err != nil {
			return Outcome{}, err
		}
		return Outcome{
			ApplicationID: id, Status: status, OfficerID: found.OfficerID, Passed: &found.Passed, Reason: d.Reason, At: now,
		}, s.outbox.Append(ctx, tx, now, announced)
	})
}

// load reads a review with its evidence, locked for a change. When there is
// none the casefile tells an application at another stage from no application.
func (s *Service) load(ctx context.Context, tx database.Tx, id uuid.UUID) (Review, error) {
	found, err := lockReview(ctx, tx, id)
	if errors.Is(err, errNoReview) {
		known, err := casefile.Find(ctx, tx, id)
		if err != nil {
			return Review{}, err
		}
		return Review{}, known.Wrong(event.StageKYC)
	}
	if err != nil {
		return Review{}, err
	}
	found.Evidence, err = listEvidence(ctx, tx, id)
	return found, err
}

func (r Review) on() event.OnApplication {
	return event.OnApplication{ApplicationID: r.ApplicationID, CustomerID: r.CustomerID}
}
