package activation

import (
	"context"
	"errors"
	"time"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

func (s *Service) subscriptions() []stream.Subscription {
	return []stream.Subscription{stream.On(s.onAgreementSigned)}
}

// onAgreementSigned keeps what was signed and makes the loan. Terms that do not
// give the signed schedule fail for good: the event becomes a dead letter.
func (s *Service) onAgreementSigned(
	ctx context.Context, tx database.Tx, _ event.Envelope, e event.AgreementSigned,
) error {
	now := s.env.Now().UTC().Truncate(time.Microsecond) // what the database can store
	signed := agreement{
		ApplicationID: e.ApplicationID, CustomerID: e.CustomerID, AgreementID: e.AgreementID, OfferID: e.OfferID,
		Terms: string(e.Terms), ScheduleHash: e.ScheduleHash, SignedAt: e.SignedAt,
	}
	if err := insertAgreement(ctx, tx, signed); err != nil {
		return err
	}
	_, err := loandb.FindByApplication(ctx, tx, e.ApplicationID)
	if !errors.Is(err, loandb.ErrNotFound) {
		return err // it exists, or the database failed
	}
	actor := access.Platform(name)
	loan, err := s.activate(ctx, tx, now, signed, actor)
	if err != nil {
		return err
	}
	return command.Audit(ctx, tx, command.Command{
		Name: "activation.activate", Actor: actor, Subject: e.ApplicationID,
		Detail: map[string]any{"loan_id": loan.ID, "agreement_id": e.AgreementID},
	}, now)
}
