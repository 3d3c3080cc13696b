package kyc

import (
	"context"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/casefile"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
)

func (s *Service) subscriptions() []stream.Subscription {
	return append(casefile.Subscriptions(),
		stream.On(func(ctx context.Context, tx database.Tx, env event.Envelope, e event.ApplicationSubmitted) error {
			return s.open(ctx, tx, Review{
				ApplicationID: e.ApplicationID, CustomerID: e.CustomerID, Product: e.Product, Amount: e.Amount,
				Status: Open, OpenedAt: env.Time,
			})
		}),
		stream.On(func(ctx context.Context, tx database.Tx, env event.Envelope, e event.DocumentUploaded) error {
			return s.evidenceChanged(ctx, tx, e.ApplicationID, Evidence{
				DocumentID: e.DocumentID, Kind: e.Kind, ContentType: e.ContentType, SHA256: e.SHA256, Size: e.Size,
				UploadedAt: env.Time,
			}, false)
		}),
		stream.On(func(ctx context.Context, tx database.Tx, env event.Envelope, e event.DocumentDeleted) error {
			withdrawn := Evidence{DocumentID: e.DocumentID, Kind: e.Kind, UploadedAt: env.Time}
			return s.evidenceChanged(ctx, tx, e.ApplicationID, withdrawn, true)
		}),
	)
}

// open begins the review of an application that was handed in; one that is
// there already is left alone.
func (s *Service) open(ctx context.Context, tx database.Tx, r Review) error {
	opened, err := insertReview(ctx, tx, r)
	if err != nil || !opened {
		return err
	}
	return s.audit(ctx, tx, "kyc.open", r.ApplicationID, nil)
}

// evidenceChanged keeps the list of evidence and takes a verified review back
// to its officer: what was verified is not what is there now.
func (s *Service) evidenceChanged(ctx context.Context, tx database.Tx, id uuid.UUID, e Evidence, deleted bool) error {
	if err := putEvidence(ctx, tx, id, e, deleted); err != nil {
		return err
	}
	reopened, err := updateUnverified(ctx, tx, id)
	if err != nil || !reopened {
		return err
	}
	return s.audit(ctx, tx, "kyc.reopen", id, map[string]any{"document": e.DocumentID})
}

func (s *Service) audit(ctx context.Context, tx database.Tx, name string, id uuid.UUID, detail any) error {
	c := command.Command{Name: name, Actor: access.Platform("kyc"), Subject: id, Detail: detail}
	return command.Audit(ctx, tx, c, s.now())
}
