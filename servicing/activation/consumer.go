package activation

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tenor-lending/tenor/internal/access"
	"github.com/tenor-lending/tenor/internal/command"
	"github.com/tenor-lending/tenor/internal/database"
	"github.com/tenor-lending/tenor/internal/event"
	"github.com/tenor-lending/tenor/internal/stream"
	"github.com/tenor-lending/tenor/servicing/loandb"
)

func (s *Service) subscriptions() []stream.Subscription {
	return []stream.Subscription{stream.OnAll(s.onAgreementsSigned)}
}

// onAgreementsSigned keeps what was signed and makes the loans. Terms that do
// not give the signed schedule fail for good, and so does a late fee that is not
// that of the product: then the events are handled one by one, and that one
// becomes a dead letter.
func (s *Service) onAgreementsSigned(ctx context.Context, tx database.Tx, events []event.AgreementSigned) error {
	now := s.env.Now().UTC().Truncate(time.Microsecond) // what the database can store
	signed := make([]agreement, len(events))
	for i, e := range events {
		signed[i] = agreement{
			ApplicationID: e.ApplicationID, CustomerID: e.CustomerID, AgreementID: e.AgreementID, OfferID: e.OfferID,
			Product: e.Product, ProductVersion: e.ProductVersion, LateFee: e.LateFee, Terms: string(e.Terms),
			ScheduleHash: e.ScheduleHash, SignedAt: e.SignedAt,
		}
	}
	signed, err := keep(ctx, tx, signed)
	if err != nil {
		return err
	}
	actor := access.Platform(name)
	loans, err := s.activate(ctx, tx, now, actor, signed...)
	if err != nil {
		return err
	}
	audit := make([]command.Command, len(loans))
	for i := range loans {
		audit[i] = command.Command{
			Name: "activation.activate", Actor: actor, Subject: loans[i].ApplicationID,
			Detail: map[string]any{"loan_id": loans[i].ID, "agreement_id": signed[i].AgreementID},
		}
	}
	return command.AuditAll(ctx, tx, now, audit...)
}

// keep stores agreements and returns those that have not become a loan. One that
// was not known has not: to ask the loans about it would only meet the payouts
// that change them.
func keep(ctx context.Context, tx database.Tx, signed []agreement) ([]agreement, error) {
	fresh, err := insertAgreements(ctx, tx, signed)
	if err != nil {
		return nil, err
	}
	var known []uuid.UUID
	for i := range signed {
		if id := signed[i].ApplicationID; !fresh[id] {
			known = append(known, id)
		}
	}
	if len(known) == 0 {
		return signed, nil
	}
	done, err := loandb.ActivatedApplications(ctx, tx, known)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(signed, func(a agreement) bool { return done[a.ApplicationID] }), nil
}
